#!/bin/bash
# Descriptors of both sides pass through sockets of both sides.
. "$(dirname "$0")/lib.sh"
cp pidfd.py rights.py rights_here.py rights_there.py "$T/bin/"
worlds
serve main
CWD=/ there ip link set lo up
MODES=(--all)
prepare 'echo content of the file >data'
same /usr/bin/python3 "$T/bin/rights.py" "$TREE" "$TREE/data"
# The file on this side, which both see at that name.
mkdir "$T/here"
echo content of the file >"$T/here/data"
EXTRA=(--local "$T/here/**")
same /usr/bin/python3 "$T/bin/rights.py" "$TREE" "$T/here/data"
# With a process that rsc knows nothing of.
fresh
mkfifo "$T/note/says"
there /usr/bin/python3 "$T/bin/rights_there.py" "$TREE/sock" \
	>"$T/note/says" &
exec 7<"$T/note/says"
read -r _ <&7
OPTS=(--all)
check 'a pipe from there' "b'take' b'from a pipe there' b''" \
	"$(ours /usr/bin/python3 "$T/bin/rights_here.py" "$TREE/sock" \
		"$TREE/data" 2>&1)"
check 'a file for one there' "b'a file' b'content of the file\\n'
b'a pipe' b''" "$(cat <&7)"
exec 7<&-
# Of another process it would be of no use.
check 'pidfd_getfd' "b'content'
b'one'
b'two'
EPERM" "$(ours /usr/bin/python3 "$T/bin/pidfd.py" 2>"$T/note/err")"
check 'pidfd_getfd says so' 1 \
	"$(grep -c 'is the server.s and cannot be copied: EPERM' "$T/note/err")"
ran sendmsg recvmsg rsc_adopt rsc_token rsc_put rsc_take
finish
