#!/bin/bash
# Processes that are killed at any moment, while they fork, exec, make threads
# and wait for the server: the rest sees nothing of it, and nothing stays.
. "$(dirname "$0")/lib.sh"
build kill
worlds
serve main
prepare 'head -c 8192 /dev/zero | tr "\0" x >long; mkfifo fifo'
mkfifo "$T/note/at" "$T/note/go" "$T/note/tick"

met() {	# WORD: the program has come so far
	read -r -t "$LIMIT" at <>"$T/note/at" || at='nothing'
	check "$name: it is there" "$1" "$at"
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

# A thread that was told to go is gone a little later.
until_threads() {	# COUNT
	local end=$((SECONDS + 20))

	while [ "$(threads)" -gt "$1" ] && [ $SECONDS -lt $end ]; do
		read -rt 0.02 <>"$T/note/tick"
	done
	threads
}

for seed in ${SEEDS-1 2 3}; do
	for mode in '' --all; do
		name="seed $seed${mode:+ ($mode)}"
		fresh
		OPTS=(${mode:+"$mode"} --local "$T/**")
		ours "$T/bin/kill" "$seed" "${DEATHS-100}" "$T/note/at" \
			"$T/note/go" >"$T/note/out" 2>"$T/note/err" &
		program=$!
		met before
		before=$(threads)
		fds=$(descriptors)
		go_on
		met after
		check "$name: threads when all are dead" "$before" \
			"$(until_threads "$before")"
		check "$name: descriptors" "$fds" "$(descriptors)"
		go_on
		wait $program
		check "$name: status" 7 $?
		check "$name: nothing that should not be" '' "$(<"$T/note/out")"
		check "$name: no words of rsc" '' "$(<"$T/note/err")"
		left=$(there bash -c 'wc -c <written') || left=1
		check "$name: each write is whole" 0 $((left % 10))
	done
done
ran read write openat flock
finish
