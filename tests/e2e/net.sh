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
ran socket bind listen accept4 connect sendto recvfrom shutdown getsockname \
	getpeername getsockopt setsockopt sendmsg recvmsg sendmmsg recvmmsg
finish
