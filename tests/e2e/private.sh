#!/bin/bash
# What a process says of itself holds under rsc too: seccomp filters and strict
# mode, no_new_privs, dumpable; for root and for a user without any rights.
. "$(dirname "$0")/lib.sh"
build private
worlds
MODES=('' --all)
prepare 'echo "a name there" >name; cp /bin/cat hidden; chmod 111 hidden
	mkdir -m 1777 all; chmod 755 .'
serve root
same "$T/bin/private"

# The same as a user, here and there.
user=(setpriv --reuid 1000 --regid 1000 --clear-groups)
chmod 777 "$T" "$T/note" "$T/note/count" "$T/note/ready"
ENV_SERVE=(X= "${user[@]}")
serve theirs
ENV_SERVE=(X=)
as_user() {	# CMD...: the same output and status
	local n=$T/note mode want

	fresh
	there "${user[@]}" "$@" >"$n/want" 2>&1
	want=$?
	for mode in "${MODES[@]}"; do
		fresh
		OPTS=(${mode:+"$mode"})
		WRAP=("${user[@]}")
		ours "$@" >"$n/got" 2>&1
		check "$* ($mode): status" "$want" $?
		WRAP=()
		check_file "$* ($mode)" "$n/want" "$n/got"
	done
}
as_user "$T/bin/private"
MODES=(--all)
as_user bash -c 'cd all; ssh-keygen -q -t ed25519 -N "" -f key
	eval "$(ssh-agent)" >/dev/null; ssh-add -q key; ssh-add -l | wc -l
	ssh-keygen -Y sign -n file -f key.pub ../name >/dev/null 2>&1; echo $?
	ssh-add -qD; kill $SSH_AGENT_PID'
OPTS=(--all)
WRAP=("${user[@]}")
check 'a file without read permission is not run' \
	"rsc: $TREE/hidden can be executed on the server but not read: it cannot be run here
bash: line 1: ./hidden: Permission denied
126" "$(ours bash -c './hidden name; echo $?' 2>&1)"
WRAP=()
finish
