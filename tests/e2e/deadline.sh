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
done
ENV_SERVE=(X=)
serve same
check 'the same date' "$want" "$(ours "$T/bin/deadline_probe")"
OPTS=(--filter=%file)
check 'clocks that are not selected' "$want" "$(ours "$T/bin/deadline_probe")"
finish
