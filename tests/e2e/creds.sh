#!/bin/bash
# Who the program is there: a change reaches the threads it would reach on one
# machine, and nobody else.
. "$(dirname "$0")/lib.sh"
MODES=(--all)
build creds
build creds creds-static -static
build_musl creds creds-musl
worlds
serve main
prepare 'chmod 777 .; echo secret >secret; chmod 600 secret'

for program in creds creds-static creds-musl; do
	for part in whole-process one-thread groups caps; do
		same "$T/bin/$program" $part
	done
done

# Real programs that become somebody else.
same setpriv --reuid 1000 --regid 1000 --groups 1000,2000 \
	bash -c 'id; cat secret; touch mine; stat -c %u:%g mine'
same setpriv --ruid 1000 id
same setpriv --bounding-set -chown --inh-caps -chown \
	sh -c 'chown 1000 secret || echo no; cat secret'
same setpriv --reuid 1000 --clear-groups --inh-caps +dac_override \
	--ambient-caps +dac_override sh -c 'cat secret; chown 1 secret; id'
same python3 -c 'import os
os.setgroups([5, 6]); os.setgid(7); os.setuid(8)
print(os.getresuid(), os.getresgid(), os.getgroups())
try: open("secret")
except OSError as e: print(e)'

ran setresuid setresgid setuid setgid setgroups getgroups capget capset \
	setfsuid PR_CAPBSET_READ PR_CAPBSET_DROP PR_SET_SECUREBITS \
	PR_CAP_AMBIENT rsc_exec
finish
