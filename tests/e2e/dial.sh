#!/bin/bash
# A server that connects to its client: again and again, and to nobody whom it
# does not know.
[ -n "${NET_INSIDE-}" ] || NET_INSIDE=1 exec unshare --net bash "$0" "$@"
. "$(dirname "$0")/lib.sh"
worlds
wire
prepare 'echo content of the file >data'
fresh
RSC=$T/bin/rsc
"$RSC" keygen "$T/key" && "$RSC" keygen "$T/other" || exit 1
URL=tls://10.77.0.1:7070

dial() {	# URL OPTION...: a server there; sets server and log
	log=$T/note/dial.log
	nsenter -t "$world" -m -u -n -p -- env -i PATH="$PATH" \
		"${SANITIZE[@]}" "$T/bin/rsc" serve -vv --connect "$@" 2>"$log" &
	job=$!
	server=
	until [ -n "$server" ]; do
		read -r server <"/proc/$job/task/$job/children"
	done
	server=${server% }
}
stop() {	# STATUS
	kill "$server" 2>/dev/null
	wait "$job"
	check 'the server ends' "${1-0}" $?
}
logged() {	# NAME TEXT [TIMES]: waits for it
	until [ "$(grep -cF -- "$2" "$log")" -ge "${3-1}" ]; do
		[ -e "/proc/$job" ] || break
		read -rt 0.05 _ <> <(:)
	done
	check "$1: the server says so" yes \
		"$([ "$(grep -cF -- "$2" "$log")" -ge "${3-1}" ] && echo yes)"
}
run() {	# URL OPTION... -- CMD...
	timeout -k 5 "$LIMIT" "$RSC" run --cwd "$TREE" --listen "$@" </dev/null
}
waits="rsc: waiting for a server at $URL"

# ---- TLS ----

dial "$URL" --key "$T/key"
logged 'nobody listens' "connect to $URL: Connection refused; it is tried again" 3
# shellcheck disable=SC2046
check 'the pauses grow' yes "$(set -- $(sed -n \
	's/.*the next try is in \(.*\) ms/\1/p' "$log")
	[ "$1" -ge 500 ] && [ "$1" -lt 1500 ] &&
	[ "$2" -ge 1000 ] && [ "$2" -lt 3000 ] &&
	[ "$3" -ge 2000 ] && [ "$3" -lt 6000 ] && echo yes)"
check 'the client takes it' "$waits
content of the file
box" "$(run "$URL" --key "$T/key" --all -- sh -c 'cat data; hostname' 2>&1)"
check 'it comes again' "$waits
content of the file" "$(run "$URL" --key "$T/key" -- cat data 2>&1)"
check 'the status' 7 "$(run "$URL" --key "$T/key" -- sh -c 'exit 7' \
	2>/dev/null; echo $?)"
mkfifo "$T/note/runs" "$T/note/never"
"$RSC" run --listen "$URL" --key "$T/key" --cwd "$TREE" -- sh -c \
	'echo >&5; read x <&6' 5>"$T/note/runs" 6<>"$T/note/never" 2>/dev/null &
rsc=$!
read -r _ <"$T/note/runs"
{ kill -KILL $rsc; wait $rsc; } 2>/dev/null
check 'after a client that was killed' "content of the file" \
	"$(run "$URL" --key "$T/key" -- cat data 2>/dev/null)"

# One that does not know the key is refused by both; the client goes on waiting.
exec 7< <(run "$URL" --key "$T/other" -- cat data 2>&1)
read -r line <&7
check 'it waits' "$waits" "$line"
read -r line <&7
check 'a server with another key' 'rsc: a server is refused: the handshake failed' \
	"${line%% (*}"
logged 'a client with another key' 'the handshake failed'
first=$job old=$server
dial "$URL" --key "$T/other"
read -r line <&7
while [[ $line == *refused* ]]; do read -r line <&7; done
check 'the right one comes' 'content of the file' "$line"
stop
job=$first server=$old log=$T/note/dial.log
stop

# Certificates are those of the roles of TLS: who listens is its server.
dial "$URL" --key "$T/key" --once
check '--once' 'content of the file' "$(run "$URL" --key "$T/key" -- cat data \
	2>/dev/null)"
wait "$job"
check '--once: it ends' 0 $?

# ---- unix ----

dial "unix://$T/dial.sock"
check 'a unix socket' "rsc: waiting for a server at unix://$T/dial.sock
content of the file" "$(run "unix://$T/dial.sock" -- cat data 2>&1)"
check 'its file is gone' no "$([ -e "$T/dial.sock" ] && echo yes || echo no)"
stop
# It may be somebody else who listens there.
chmod 1777 "$T"
mallory() {
	setpriv --reuid 1234 --regid 1234 --clear-groups timeout "$LIMIT" \
		"$RSC" run --listen "unix://$T/mallory.sock" -- cat data \
		>"$T/note/out" 2>&1 &
	mallory=$!
	until [ -S "$T/mallory.sock" ]; do read -rt 0.05 _ <> <(:); done
}
mallory
dial "unix://$T/mallory.sock"
logged 'another user' "unix://$T/mallory.sock is not let in: uid 1234"
stop
wait $mallory
check 'another user: nothing was done' 125 $?
mallory
dial "unix://$T/mallory.sock" --allow-uid 1234
logged 'another user who may' "is that of unix://$T/mallory.sock"
wait $mallory
stop

# ---- what does not start ----

refuses() {	# NAME LINE COMMAND OPTION...
	check "$1" "rsc: $2
125" "$(timeout "$LIMIT" "$RSC" "${@:3}" 2>&1 </dev/null; echo $?)"
}
refuses 'tcp' 'serve: serve tcp://127.0.0.1:1: anybody who answers there could run calls here; use tls://HOST:PORT, unix://PATH, or a loopback address with --insecure-no-auth' \
	serve --connect tcp://127.0.0.1:1
refuses 'tls without a key' "serve: serve $URL: nobody would be known: give --key FILE (rsc keygen makes one), or all of --cert, --cert-key and --ca" \
	serve --connect "$URL"
refuses 'vsock' 'serve: serve vsock://2:1: name the machine that may run calls here with --allow-cid CID' \
	serve --connect vsock://2:1
for url in ssh://box exec:cat stdio: fd:3 "vsock-unix://$T/v:1"; do
	refuses "$url" "serve: serve $url: tls://HOST:PORT, unix://PATH, vsock://CID:PORT or tcp://HOST:PORT is expected" \
		serve --connect "$url"
	refuses "run: $url" "listen at $url: tls://HOST:PORT, unix://PATH, vsock://CID:PORT or tcp://HOST:PORT is expected" \
		run --listen "$url" -- true
done
refuses 'run: tcp' 'listen at tcp://127.0.0.1:0: anybody who reaches it could run calls here; use tls://HOST:PORT, unix://PATH, or a loopback address with --insecure-no-auth' \
	run --listen tcp://127.0.0.1:0 -- true
refuses 'run: tls without a key' 'listen at tls://0.0.0.0:0: nobody would be known: give --key FILE (rsc keygen makes one), or all of --cert, --cert-key and --ca' \
	run --listen tls://0.0.0.0:0 -- true
refuses 'run: vsock' 'listen at vsock://any:1: every guest could run calls here; name those that may with --allow-cid CID' \
	run --listen vsock://any:1 -- true
refuses 'a number' '--allow-uid x: not a number, or too many of them' \
	run --listen unix:///x --allow-uid x -- true
refuses 'both' 'serve: give either --listen URL, --connect URL or --stdio, so that clients can reach the server; see rsc serve --help' \
	serve --connect "$URL" --listen "unix://$T/x"
CWD=/ there bash -c '/usr/bin/python3 -c "
import socket
s = socket.create_server((\"10.77.0.2\", 7071))
s.accept()[0].recv(1)"' &
python=$!
until CWD=/ there ss -Hltn | grep -q 7071; do read -rt 0.05 _ <> <(:); done
dial tcp://10.77.0.2:7071 --insecure-no-auth
logged 'an address that is not loopback' \
	'tcp://10.77.0.2:7071 is not let in: --insecure-no-auth is for loopback addresses only'
stop
wait $python
finish
