#!/bin/bash
# Rules for addresses: a socket is the server's or this machine's by the first
# address that it gets.
[ -n "${NET_INSIDE-}" ] || NET_INSIDE=1 exec unshare --net bash "$0" "$@"
. "$(dirname "$0")/lib.sh"
cp address.py "$T/bin/"
mkdir "$T/here"
worlds
serve main
ip link set lo up
CWD=/ there ip link set lo up
prepare 'echo from there >x'
fresh
echo from here >"$T/here/x"

# The same ports on both sides.
pids=()
begin() {	# DIRECTORY PORT CMD...
	mkfifo "$T/note/begin"
	(cd "$T" && "${@:3}" /usr/bin/python3 -u -m http.server \
		--directory "$1" --bind 127.0.0.1 "$2" 2>/dev/null) \
		>"$T/note/begin" &
	read -r _ <"$T/note/begin"
	rm "$T/note/begin"
}
trap 'kill "${pids[@]}" 2>/dev/null; leave' EXIT
for port in 7300 7301; do
	begin "$T/here" $port exec
	pids+=($!)
	begin "$TREE" $port there
done

ask() {	# NAME WANT RULE... -- CMD...
	local name=$1 want=$2

	shift 2
	OPTS=(--all)
	while [ "$1" != -- ]; do
		OPTS+=("$1" "$2")
		shift 2
	done
	shift
	check "$name" "$want" "$(ours "$@" 2>&1)"
}
GET=(curl -sS http://127.0.0.1)
ask 'no rule' 'from there' -- "${GET[@]}:7300/x"
ask 'a port' 'from here' --local '127.0.0.1:7300' -- "${GET[@]}:7300/x"
ask 'another port' 'from there' --local '127.0.0.1:7300' -- "${GET[@]}:7301/x"
ask 'a range' 'from here' --local '127.0.0.0/8:7300-7400' -- \
	"${GET[@]}:7301/x"
ask 'the first rule' 'from there' --remote '*:7301' --local '127.0.0.1:*' -- \
	"${GET[@]}:7301/x"
ask 'deny' 7 --deny '*:7300' -- bash -c \
	'curl -s http://127.0.0.1:7300/x; echo $?'
ask 'missing' 'curl: (7) Failed to connect to 127.0.0.1 port 7300 after' \
	--missing '127.0.0.1:7300' -- bash -c \
	'curl -sS http://127.0.0.1:7300/x 2>&1 | sed "s/ [0-9]* ms:.*//"'

OPTS=(--all --local '127.0.0.1:7300' --local "$T/here/**")
ours /usr/bin/python3 -u "$T/bin/address.py" 7300 7301 "$T/here/sock" \
	>"$T/note/got" 2>"$T/note/err"
cat >"$T/note/want" <<'END'
b'from here\n'
b'from there\n'
True True False False False True
True b'from here\n'
[b'from here\n', b'from there\n', b'from here\n']
b'to 7300'
b'to 7301'
b'by a path'
95
END
check_file 'sockets of both sides' "$T/note/want" "$T/note/got"
check 'what cannot be is said' \
	'rsc: connect: the address is this machine'\''s, and another process has the same socket, which is the server'\''s: EOPNOTSUPP; leave the address to the server' \
	"$(<"$T/note/err")"
check 'the socket of the path is here' yes \
	"$([ -S "$T/here/sock" ] && echo yes)"
# A path is what it leads to, whatever the rules are asked about.
cat >"$T/bin/secret.py" <<'END'
import socket
s = socket.socket(socket.AF_UNIX)
s.bind('/srv/w/secret/sock')
s.listen()
print('ready', flush=True)
while True:
    s.accept()[0].sendall(b'a secret\n')
END
CWD=/ there bash -c 'mkdir /srv/w/secret; ln -s secret /srv/w/link
	ln -s secret/sock /srv/w/short'
mkfifo "$T/note/begin"
there /usr/bin/python3 "$T/bin/secret.py" >"$T/note/begin" &
read -r _ <"$T/note/begin"
for path in secret/sock link/sock short ../w/./link/../link/sock; do
	ask "$path" 'a secret' -- nc -dU "$path"
	ask "$path, denied" 'nc: '$path': Permission denied' \
		--deny "$TREE/secret/**" -- nc -dU "$path"
	ask "$path, missing" 'nc: '$path': No such file or directory' \
		--missing "$TREE/secret/**" -- nc -dU "$path"
	ask "$path, by sendmsg" '[Errno 13] Permission denied' \
		--deny "$TREE/secret/**" -- /usr/bin/python3 -c 'if True:
		import socket, sys
		s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
		try:
			s.sendmsg([b"x"], [], 0, sys.argv[1])
		except OSError as e:
			print(e)' "$path"
done
ask 'a mapped path' 'a secret' --map "/else=>$TREE/secret" -- \
	nc -dU /else/sock
ask 'a bind to a denied directory' '[Errno 13] Permission denied' \
	--deny "$TREE/secret/**" -- /usr/bin/python3 -c 'if True:
	import socket
	try:
		socket.socket(socket.AF_UNIX).bind("link/mine")
	except OSError as e:
		print(e)'
check 'explain says so' \
	'127.0.0.1:7300: local (given rule: local 127.0.0.1:*)' \
	"$("$T/bin/rsc" explain --local '127.0.0.1:*' 127.0.0.1:7300)"
for pid in $(jobs -p); do
	[ "$pid" = "$holder" ] || [[ " ${waits[*]} " = *" $pid "* ]] ||
		kill "$pid" 2>/dev/null
done
finish
