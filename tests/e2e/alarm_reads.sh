#!/bin/bash
# A timer every 1.7 ms with SA_RESTART, whose handler opens and reads a file of
# the server while the program opens and reads another: nothing is lost, mixed
# up, done twice or kept from going on.
. "$(dirname "$0")/lib.sh"
build alarm_reads
worlds
serve main
prepare 'head -c 200000 /dev/zero | tr "\0" m >mine
	head -c 5000 /dev/zero | tr "\0" t >theirs'
exec 3>&- 4>&- 5>&- 6>&- 7>&-
LIMIT=100
reading "$T/bin/alarm_reads" 500
check 'what it says' 'wrong 0' "$(head -n 1 "$T/note/got.out")"
ran openat read close
finish
