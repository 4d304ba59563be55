#!/bin/bash
# An address at which anybody could come in is not listened at: each of these
# ends with 125 and a line, and nothing listens meanwhile or afterwards, in a
# network of the test's own. Then the same addresses with what they need.
[ -n "${NET_INSIDE-}" ] || NET_INSIDE=1 exec unshare --net bash "$0" "$@"
. "$(dirname "$0")/lib.sh"
ip link set lo up
ip link add other type veth peer name more
ip addr add 192.0.2.1/24 dev other
ip link set other up
cd "$T" || exit 1
RSC=$T/bin/rsc
"$RSC" keygen key || exit 1
cp key open && chmod 644 open
cp key group && chmod 640 group
cp key foreign && chown 1234 foreign && chmod 600 foreign
: >empty && chmod 600 empty
echo 'name 0123' >short && chmod 600 short
sed 's/[0-9a-f]*$/&0/' key >long && chmod 600 long
sed 's/.$/g/' key >hex && chmod 600 hex
mkdir folder && chmod 700 folder
ln -s open link
mkfifo -m 600 fifo
echo 'here I am' >file
printf '[req]\ndistinguished_name = name\n[name]\n' >openssl.cnf
OPENSSL_CONF=openssl.cnf openssl req -x509 -newkey ec -nodes -days 2 \
	-pkeyopt ec_paramgen_curve:P-256 -subj /CN=x -keyout cert.key \
	-out cert.pem 2>/dev/null
OPENSSL_CONF=openssl.cnf openssl genpkey -algorithm EC \
	-pkeyopt ec_paramgen_curve:P-256 -out another.key
chmod 600 cert.key another.key
cp cert.key open.key && chmod 644 open.key

listeners() { ss -Hltnp; ss -Hlxnp | grep "$T"; }
# What the calls of rsc are, from outside: no listen(2) among them.
refused() {	# LINE OPTION...
	local line=$1

	shift
	# Leaks cannot be looked for under strace.
	ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0 \
		strace -f -o "$T/note/calls" -e trace=listen,bind \
		timeout 20 "$RSC" serve "$@" >"$T/note/out" 2>&1 </dev/null
	check "$*: status" 125 $?
	check "$*: what it says" "rsc: $line" "$(<"$T/note/out")"
	check "$*: nobody listens" '' "$(listeners)"
	check "$*: it never did" '' "$(grep -E 'listen|bind' "$T/note/calls")"
}
anybody='anybody who reaches it could run calls here; use tls://HOST:PORT, unix://PATH, or a loopback address with --insecure-no-auth'
nobody='nobody would be known: give --key FILE (rsc keygen makes one), or all of --cert, --cert-key and --ca'
guests='every guest could run calls here; name those that may with --allow-cid CID'
others='others may read or change it; chmod 600 it'
digits='a line of a key is a name and 64 hexadecimal digits; make a file of one with rsc keygen'

# TCP: only loopback, and only when it is asked for.
for host in 127.0.0.1 localhost '[::1]' 0.0.0.0 '[::]' 192.0.2.1; do
	refused "serve: listen at tcp://$host:7070: $anybody" \
		--listen "tcp://$host:7070"
done
for host in 0.0.0.0 '[::]' 192.0.2.1 '[::ffff:127.0.0.1]' 0; do
	refused "serve: listen at tcp://$host:7070: $anybody" \
		--listen "tcp://$host:7070" --insecure-no-auth
	refused "serve: listen at tcp://$host:7070: $anybody" \
		--listen "tcp://$host:7070" --insecure-no-auth --key key
done

# TLS: keys or certificates that are there, are good, and are nobody else's.
U=tls://0.0.0.0:7070
at="serve: listen at $U:"
refused "$at $nobody" --listen $U
refused "$at $nobody" --listen $U --insecure-no-auth
refused "$at $nobody" --listen $U --cert cert.pem --cert-key cert.key
refused "$at $nobody" --listen $U --ca cert.pem
refused "$at none: No such file or directory" --listen $U --key none
refused "$at open: $others" --listen $U --key open
refused "$at group: $others" --listen $U --key group
refused "$at link: $others" --listen $U --key link
refused "$at foreign: it belongs to another user" --listen $U --key foreign
refused "$at empty: $digits" --listen $U --key empty
refused "$at short: $digits" --listen $U --key short
refused "$at long: $digits" --listen $U --key long
refused "$at hex: $digits" --listen $U --key hex
refused "$at folder: no regular file" --listen $U --key folder
refused "$at fifo: no regular file" --listen $U --key fifo
refused "$at /dev/null: no regular file" --listen $U --key /dev/null
cert() { refused "$1" --listen $U --cert "$2" --cert-key "$3" --ca "$4"; }
cert "$at open.key: $others" cert.pem open.key cert.pem
cert "$at file: no start line" file cert.key cert.pem
cert "$at another.key: key values mismatch" cert.pem another.key cert.pem
cert "$at none: No such file or directory" none cert.key cert.pem
cert "$at file: no certificate or crl found" cert.pem cert.key file
# Good ones do not make up for a bad one.
refused "$at open: $others" --listen $U --key open --cert cert.pem \
	--cert-key cert.key --ca cert.pem

# vsock: only machines that are named. No socket of that kind is made here.
for cid in any 2 1 3; do
	refused "serve: listen at vsock://$cid:7070: $guests" \
		--listen "vsock://$cid:7070" --insecure-no-auth --allow-uid 0
done

# A file that is no socket of a server stays what it is.
check 'a file: what it says' "rsc: serve: listen at unix://$T/file: Address already in use
125" "$("$RSC" serve --listen "unix://$T/file" 2>&1; echo $?)"
check 'a file: nobody listens' '' "$(listeners)"
check 'the file' 'here I am' "$(<file)"

# ---- and what does start ----

listens() {	# ADDRESS OPTION...: in the words of ss
	local pid

	mkfifo ready
	"$RSC" serve "${@:2}" --ready-fd 9 9>ready 2>"$T/note/err" &
	pid=$!
	read -r _ <ready
	rm ready
	check "${*:2}: it listens" "$1" \
		"$(listeners | awk '{ print $1 == "u_str" ? $5 : $4 }')"
	kill $pid
	wait $pid
	check "${*:2}: nobody does then" '' "$(listeners)"
}
listens 127.0.0.1:7070 --listen tcp://127.0.0.1:7070 --insecure-no-auth
listens '[::1]:7070' --listen 'tcp://[::1]:7070' --insecure-no-auth
listens 0.0.0.0:7070 --listen $U --key key
listens '*:7070' --listen 'tls://[::]:7070' --key key
listens 192.0.2.1:7070 --listen tls://192.0.2.1:7070 --cert cert.pem \
	--cert-key cert.key --ca cert.pem
listens "$T/sock" --listen "unix://$T/sock"
servers=()
finish
