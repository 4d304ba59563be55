#!/bin/bash
# Clocks: real time is the server's when it is selected, in programs of every
# kind; other clocks are this kernel's. The server runs in a time namespace, in
# which they are a million seconds ahead.
. "$(dirname "$0")/lib.sh"
build clock_probe
build_musl clock_probe clock_musl
build clock_probe -static -o "$T/bin/clock_static"
build_go clock_go
worlds
AHEAD=1000000
ENV_SERVE=(X= unshare --time --monotonic "$AHEAD" --boottime "$AHEAD")
serve ahead
check 'the control: clocks there are ahead' yes "$(ours cat /proc/uptime |
	awk -v a="$AHEAD" '{ print ($1 > a) ? "yes" : "no" }')"

# How often real time was read there in the last run.
readings() {
	echo $(($(count clock_gettime) + $(count gettimeofday) + $(count time)))
}

# True when the two numbers are the seconds of this kernel's clocks.
are_ours() {
	python3 -c 'import sys, time
now = [time.clock_gettime(c) for c in (time.CLOCK_MONOTONIC,
	time.CLOCK_BOOTTIME)]
there = [int(x) for x in sys.argv[1:]]
print(len(there) == 2 and all(0 <= a - b < 60 for a, b in zip(now, there)))' \
		"$@"
}

for set in %clock all; do
	OPTS=(--filter="$set" --local '/usr/**' --local "$T/**")
	for program in clock_probe clock_static clock_musl; do
		out=$(ours "$T/bin/$program")
		check "$program ($set): status" 0 $?
		# shellcheck disable=SC2086
		check "$program ($set): other clocks are ours" True \
			"$(are_ours $out)"
		check "$program ($set): six readings there" 6 "$(readings)"
		check "$program ($set): resolution there" 1 \
			"$(count clock_getres)"
	done
	out=$(ours "$T/bin/clock_go")
	check "Go ($set): runs" true "$out"
	check "Go ($set): every reading there" yes \
		"$([ "$(readings)" -ge 100 ] && echo yes)"
	ours date >/dev/null
	check "date ($set): there" yes "$([ "$(readings)" -ge 1 ] && echo yes)"
	ours python3 -c 'import time
for i in range(50): time.time()'
	check "python3 ($set): there" yes \
		"$([ "$(readings)" -ge 50 ] && echo yes)"
	ours bash -c 'printf "%(%s)T\n" -1; exec date +%s' >/dev/null
	check "after an exec ($set): there" yes \
		"$([ "$(readings)" -ge 2 ] && echo yes)"
	ours env -i "$T/bin/clock_static" >/dev/null
	check "an empty environment ($set)" 6 "$(readings)"
	ours bash -c 'export BIG=$(head -c 100000 /dev/zero | tr "\0" x)
		exec "$@"' - "$T/bin/clock_static" {1..5000} >/dev/null
	check "a long one, and arguments ($set)" yes \
		"$([ "$(readings)" -ge 6 ] && echo yes)"
done

# Not selected: no stop, and the vDSO stays.
OPTS=(--filter=%file)
out=$(ours "$T/bin/clock_probe")
check 'not selected: status' 0 $?
check 'not selected: nothing there' 0 "$(readings)"
ran clock_gettime clock_getres gettimeofday
[ "$(uname -m)" != x86_64 ] || ran time
finish
