#!/bin/bash
# What processes cost on the server: nothing when they are gone, and little while
# they are there; a thousand of them at once, and 64 sessions.
. "$(dirname "$0")/lib.sh"
build contexts
worlds
serve main
prepare 'head -c 1M /dev/urandom >long; echo x >short'
mkfifo "$T/note/at" "$T/note/go"
OPTS=(--all --local "$T/**")
LIMIT=280

next() {	# waits until the program has come so far
	read -r at <"$T/note/at" || at='nothing'
	check "the program is there" "$1" "$at"
	read -r session <"/proc/$server/task/$server/children"
	session=${session% }
}

go_on() {
	echo >"$T/note/go"
}

threads() {
	local task=("/proc/$session/task/"*)

	echo ${#task[@]}
}

# Of all tables of the session.
descriptors() {
	ls "/proc/$session/task"/*/fd | grep -c '^[0-9]'
}

memory() {	# KiB that are its own, without the stacks of 128 KiB
	awk '$1 == "Size:" { size = $2 }
		$1 == "Anonymous:" && size != 128 { sum += $2 }
		END { print sum + 0 }' "/proc/$session/smaps"
}

# A thread that was told to go is gone a little later.
until_threads() {	# COUNT, or less: one may have been leaving then
	local end=$((SECONDS + 20))

	while [ "$(threads)" -gt "$1" ] && [ $SECONDS -lt $end ]; do
		read -rt 0.02 <>"$T/note/tick"
	done
	threads
}
mkfifo "$T/note/tick"

# Of what AddressSanitizer keeps there is no limit.
at_most() {	# NAME LIMIT GOT
	! grep -q __asan_init "$T/bin/rsc" || return 0
	[ -z "${E2E_VERBOSE-}" ] || echo "$1: $3"
	check "$1: at most $2" "$3" "$(($3 <= $2 ? $3 : $2))"
}

# ---- ten thousand, one after the other ----

ours bash -c "
	mark() { echo \$1 >$T/note/at; read -r _ <$T/note/go; }
	for ((i = 0; i < 100; i++)); do /bin/true && cat short || exit; done \
		>/dev/null
	mark warm
	for ((i = 0; i < 5000; i++)); do /bin/true && cat short || exit; done \
		>/dev/null
	mark done" &
next warm
before=$(threads)
fds=$(descriptors)
kib=$(memory)
go_on
next 'done'
now=$(until_threads "$before")
check 'threads after 10,000 processes' "$now" $((now <= before ? now : before))
check 'descriptors after 10,000 processes' "$fds" "$(descriptors)"
at_most 'KiB more after 10,000 processes' 256 $(($(memory) - kib))
go_on
wait $!
check 'the shell: status' 0 $?
check "all of them ran there" yes "$([ "$(count rsc_exec)" -ge 10000 ] && echo yes)"
check 'all of them read there' yes "$([ "$(count read)" -ge 10200 ] && echo yes)"

# ---- many at once ----

N=1000
ours "$T/bin/contexts" "$TREE/long" $N &
next before
before=$(threads)
fds=$(descriptors)
kib=$(memory)
go_on
next all
check "threads of $N processes" $((before + N)) "$(threads)"
at_most 'KiB of each' 64 $((($(memory) - kib) / N))
go_on
next after
check "threads when $N are gone" "$before" "$(until_threads "$before")"
check "descriptors when $N are gone" "$fds" "$(descriptors)"
go_on
wait $!
check 'the program: status' 0 $?

# ---- many sessions at once ----

M=64
cat "$T/note/count" >/dev/null &
counter=$!
exec 7>"$T/note/count"	# no session ends the counting
clients=()
mkfifo "$T/note/start"
for ((i = 0; i < M; i++)); do
	"$T/bin/rsc" run --all --local "$T/**" --server "$url" --cwd "$TREE" \
		-- bash -c 'echo $0 >own.$0; read -r _ <"$1"; cat own.$0 long |
			cksum >sum.$0' "$i" "$T/note/start" &
	clients+=($!)
done
until_sessions() {	# COUNT
	local end=$((SECONDS + 60)) list

	while [ $SECONDS -lt $end ]; do
		read -ra list <"/proc/$server/task/$server/children"
		[ ${#list[@]} != "$1" ] || break
		read -rt 0.02 <>"$T/note/tick"
	done
	echo ${#list[@]}
}
check "$M sessions at once" $M "$(until_sessions $M)"
exec 6<>"$T/note/start"
for ((i = 0; i < M; i++)); do echo; done >&6
failures=0
for client in "${clients[@]}"; do
	wait "$client" || failures=$((failures + 1))
done
check 'clients that failed' 0 $failures
check 'sessions that stay' 0 "$(until_sessions 0)"
exec 6<&- 7>&-
wait $counter
check 'each has its own sum' $M "$(there bash -c 'for ((i = 0; i < '$M'; i++)); do
	[ "$(cat own.$i long | cksum)" = "$(<sum.$i)" ] && echo $i; done' | wc -l)"
finish
