#!/bin/bash
# Absolute real times are the server's, whose clock shows another date; the
# waiting is done here.
. "$(dirname "$0")/lib.sh"
build deadline_probe
build other_date other_date.so -shared -fPIC
worlds
want='semaphore: in time
condition: in time
four threads: in time
sleep: in time
interrupted sleep: in time
timerfd: in time
timer: in time
queue: in time
past: in time'
for date in 864000 -259200; do
	ENV_SERVE=(LD_PRELOAD="$T/bin/other_date.so" AHEAD="$date"
		"${SANITIZE[0]}:verify_asan_link_order=0")
	serve "clock$date"
	OPTS=(--all)
	check "$date: the control: another date there" "$(date -u \
		-d "$date seconds" +%F)" "$(ours date +%F)"
	check "$date" "$want" "$(ours "$T/bin/deadline_probe")"
	check "$date: asked once in a while" yes \
		"$([ "$(count clock_gettime)" -lt 60 ] && echo yes)"
	OPTS=(--all --clock=offset)
	check "$date: by its offset" "$(date -u -d "$date seconds" +%F)" \
		"$(ours date +%F)"
	check "$date: its offset" "$want" "$(ours "$T/bin/deadline_probe")"
done
ENV_SERVE=(X=)
serve same
check 'the same date' "$want" "$(ours "$T/bin/deadline_probe")"
# One reading a second is a round trip; no file is made before a time that was
# read before, but for the file system's own grain; and no time comes back.
OPTS=(--all --clock=offset)
check 'a hundred thousand readings' 'True True' "$(ours python3 -c '
import os, time
last = 0
early = backwards = False
for i in range(100000):
	now = time.time()
	backwards |= now < last
	last = now
	if i % 1000 == 0:
		open("stamp", "w").close()
		early |= os.stat("stamp").st_mtime < now - 0.02
		os.unlink("stamp")
print(not early, not backwards)')"
check 'are few on the server' yes \
	"$([ "$(count clock_gettime)" -lt 60 ] && echo yes)"
check 'of every kind' "yes yes" "$(ours bash -c '
	a=$EPOCHSECONDS b=$(date +%s)
	c=$(perl -MTime::HiRes=time,clock_gettime,CLOCK_REALTIME \
		-e "print int(time), q( ), int(clock_gettime(CLOCK_REALTIME))")
	for n in $c; do ((n - a < 30 && b - a < 30)) && echo yes; done' | xargs)"
OPTS=(--filter=%file)
check 'clocks that are not selected' "$want" "$(ours "$T/bin/deadline_probe")"
finish
