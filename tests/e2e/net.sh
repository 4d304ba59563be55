#!/bin/bash
# Sockets are the server's: what listens there is reached from here, and the
# other way round; nothing of it touches this machine's network.
. "$(dirname "$0")/lib.sh"
cp net.py "$T/bin/"
build mmsg
build netdev
worlds
serve main
CWD=/ there ip link set lo up
MODES=(--all)
prepare 'echo x >x'
same /usr/bin/python3 "$T/bin/net.py" "$TREE"
reading "$T/bin/mmsg"
reading "$T/bin/netdev"
# As strace has it.
OPTS=(--filter=%network -e trace=%network -o "$T/note/trace")
ours "$T/bin/mmsg" >"$T/note/out"
sed -i "s/^[0-9]* *//; s/^\([a-z]*\)([0-9]*,/\1(FD,/; s/= [0-9]* </= N </" \
	"$T/note/trace"
check 'socket in the trace' 'socket(AF_INET, SOCK_DGRAM, 0) = N <remote>' \
	"$(head -n 1 "$T/note/trace")"
check 'bind in the trace' \
	'bind(FD, {sa_family=AF_INET, sin_port=htons(0), sin_addr=inet_addr("127.0.0.1")}, 16) = N <remote>' \
	"$(grep ^bind "$T/note/trace")"
check 'sendmmsg in the trace' \
	'sendmmsg(FD, [{msg_hdr={msg_name={sa_family=AF_INET, sin_port=htons(N), sin_addr=inet_addr("127.0.0.1")}, msg_iov=[{iov_base="message 0", iov_len=9}], msg_controllen=0, msg_flags=0}, msg_len=9}, ' \
	"$(grep -m 1 ^sendmmsg "$T/note/trace" |
		sed 's/htons([0-9]*)/htons(N)/; s/\(msg_len=9}, \).*/\1/')"
check 'recvmmsg in the trace' 1 \
	"$(grep -c '^recvmmsg(FD, .*, msg_flags=MSG_TRUNC}, msg_len=5}\], 2, MSG_WAITFORONE, ' \
		"$T/note/trace")"
ran socket bind listen accept4 connect sendto recvfrom shutdown getsockname \
	getpeername getsockopt setsockopt sendmsg recvmsg sendmmsg recvmmsg
finish
