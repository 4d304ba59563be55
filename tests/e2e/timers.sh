#!/bin/bash
# Blocking calls that a signal interrupts thousands of times: nothing is lost,
# nothing is done twice, and SA_RESTART is honoured.
. "$(dirname "$0")/lib.sh"
MODES=(--all)
build timers
worlds
serve main
prepare ''

# Processes print their lines in any order.
for part in pipe-full pipe-empty opens flocks record-locks; do
	for how in again restart; do
		same bash -o pipefail -c \
			"'$T/bin/timers' $part $how | sort; rm -f fifo back"
	done
done
ran read write openat flock F_SETLKW
finish
