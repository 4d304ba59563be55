#!/bin/bash
# Calls and requests that few programs make.
. "$(dirname "$0")/lib.sh"
build rows
worlds
serve main
CWD=/ there ip link set lo up
prepare 'seq 1000 >file; mkdir -p dir/a dir/b; ln -s file link'

for part in locks pipes files old watch undelivered handles; do
	EXTRA=(--remote /dev/urandom)
	same "$T/bin/rows" $part file
done

# A terminal of the server's, whose other end somebody holds there.
mkfifo "$T/note/tty"
there python3 -c 'import os, signal, sys
master, slave = os.openpty()
print(os.ttyname(slave), flush=True)
signal.pause()' >"$T/note/tty" &
holder_of_tty=$!
read -r tty <"$T/note/tty"
EXTRA=(--remote '/dev/pts/**')
same "$T/bin/rows" terminal "$tty"
read -r python <"/proc/$holder_of_tty/task/$holder_of_tty/children"
kill "$python"
wait "$holder_of_tty" 2>/dev/null

# A block device there, if this machine has one to give.
EXTRA=()
there truncate -s 3M image
device=$(CWD=/ there losetup -f --show --sector-size 512 "$TREE/image" \
	2>/dev/null)
if [ -n "$device" ]; then
	same "$T/bin/rows" block "$device"
	there losetup -d "$device"
else
	echo 'no loop device here: the requests of block devices are made of a file'
	same "$T/bin/rows" block image
fi

MODES=(--all)
for part in mark clocks machine interface wrong kinds; do
	same "$T/bin/rows" $part file
done
finish
