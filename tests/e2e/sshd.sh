#!/bin/bash
# sshd, which forks, and whose child is in a seccomp filter of its own, listens
# there and is logged in to from there.
. "$(dirname "$0")/lib.sh"
worlds
mkdir -m 777 "$T/alice"
CWD=/ there ip link set lo up
prepare 'echo content of the file >data
	mkdir -m 700 keys
	ssh-keygen -q -t ed25519 -N "" -f keys/host
	ssh-keygen -q -t ed25519 -N "" -f keys/user
	cp keys/user.pub keys/authorized'
fresh
CWD=/ there chown -R alice "$TREE"
cat >"$T/sshd_config" <<'END'
Port 2222
ListenAddress 127.0.0.1
HostKey /srv/w/keys/host
AuthorizedKeysFile /srv/w/keys/authorized
PidFile none
StrictModes no
UsePAM no
END

# A server of alice's: sshd wants no root of its own then.
nsenter -t "$world" -m -u -n -p -- setpriv --reuid 1000 --regid 1000 \
	--clear-groups env -i PATH="$PATH" "$T/bin/rsc" serve \
	--listen "unix://$T/alice/sock" --ready-fd 9 \
	9>"$T/note/ready" 2>"$T/note/alice.log" &
read -r url <"$T/note/ready"

mkfifo "$T/note/says"
env -i PATH="$PATH" timeout "$LIMIT" "$T/bin/rsc" run --server "$url" --all \
	--cwd "$TREE" -- /usr/sbin/sshd -D -e -f "$T/sshd_config" \
	>"$T/note/says" 2>&1 &
rsc=$!
exec 7<"$T/note/says"
read -r line <&7
check 'sshd listens' 'Server listening on 127.0.0.1 port 2222.' \
	"${line%$'\r'}"

login() {	# CMD
	there ssh -F none -q -o StrictHostKeyChecking=no -o BatchMode=yes \
		-o UserKnownHostsFile=/dev/null -o IdentitiesOnly=yes \
		-i keys/user -p 2222 alice@127.0.0.1 "$@" 2>&1
}
check 'a command' "content of the file
box
1000" "$(login 'cat /srv/w/data; hostname; id -u')"
check 'its status' 7 "$(login 'exit 7'; echo $?)"
check 'its input' 3000000 \
	"$(head -c 3000000 /dev/zero | login 'wc -c')"
check 'a file' 'content of the file' "$(there scp -q -F none -P 2222 -i keys/user \
	-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -O \
	alice@127.0.0.1:/srv/w/data /dev/stdout 2>&1)"
read -r pid <"/proc/$rsc/task/$rsc/children"
kill "$pid"
wait $rsc
check 'sshd ends by the signal' 143 $?
check 'the server has no complaints' '' "$(<"$T/note/alice.log")"
finish
