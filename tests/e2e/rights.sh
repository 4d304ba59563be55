#!/bin/bash
# Descriptors of both sides pass through sockets of both sides.
. "$(dirname "$0")/lib.sh"
cp rights.py "$T/bin/"
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
ran sendmsg recvmsg rsc_adopt rsc_token rsc_put rsc_take
finish
