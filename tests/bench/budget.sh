#!/bin/bash
# Round trips and stops of fixed programs do not exceed what they cost once.
#
# Counts, no times: round trips are what users feel on a slow link, stops what
# they feel on a fast one. Who lowers a count lowers it here as well.
set -u
export LC_ALL=C
T=$(mktemp -d)
trap 'rm -rf "$T"' EXIT
mkdir -p "$T/box/dir" "$T/box/files"
echo content >"$T/box/file"
for i in $(seq 100); do
	: >"$T/box/dir/name-$i"
done
for i in $(seq 0 9); do
	head -c 4096 /dev/zero >"$T/box/files/$i"
done
failed=0
status=0
OPTS=()
mkfifo "$T/tick"

measure() {	# COMMAND...: sets stops and trips
	"$RSC" run --server "exec:$RSC serve --stdio --root $T/box" --cwd / \
		"${OPTS[@]}" --local '/usr/**' --local '/bin/**' --local '/lib/**' \
		--local '/lib64/**' --local "$CALLS" -c --json \
		-o "$T/json" -- "$@" >"$T/out"
	status=$?
	bytes=$(sed -n 's/.*"bytes_in":\([0-9]*\).*/\1/p' "$T/json")
	stops=$(sed -n 's/.*"stops":\([0-9]*\).*/\1/p' "$T/json")
	trips=$(sed -n 's/.*"round_trips":\([0-9]*\).*/\1/p' "$T/json")
}

within() {	# NAME COUNT BUDGET
	if [ "$status" -eq 0 ] && [ -n "$2" ] && [ "$2" -le "$3" ]; then
		echo "ok $1: $2 of $3"
	else
		echo "FAIL $1: '$2', the budget is $3 (status $status)"
		failed=1
	fi
}

measure /usr/bin/cat /file
[ "$(cat "$T/out")" = content ] || status=1
within 'cat of a file: round trips' "$trips" 6
within 'cat of a file: stops' "$stops" 28

measure /usr/bin/ls /dir
[ "$(wc -l <"$T/out")" = 100 ] || status=1
within 'ls of 100 names: round trips' "$trips" 11
within 'ls of 100 names: stops' "$stops" 48

# What ten files add, a file: open, fstat, read, close.
measure "$CALLS" once /files 0
before="$stops $trips"
measure "$CALLS" once /files 10
within 'open+fstat+read+close: round trips of ten' \
	$((trips - ${before#* })) 30
within 'open+fstat+read+close: stops of ten' $((stops - ${before% *})) 40

# What ten programs add, a program: fork, exec, the loader, exit.
OPTS=(--all)
times() {	# COUNT CMD: a shell script
	# shellcheck disable=SC2016
	measure /bin/dash -c 'n=$1; shift
		while [ "$n" -gt 0 ]; do "$@" || exit; n=$((n - 1)); done' sh "$@"
}
times 0 /bin/true
before="$stops $trips"
times 10 /bin/true
within 'fork+exec+exit: round trips of ten' $((trips - ${before#* })) 0
within 'fork+exec+exit: stops of ten' $((stops - ${before% *})) 170

# A file that every program maps comes over the wire once.
mkdir -p "$T/box/usr/share"
head -c 300000 /dev/zero >"$T/box/usr/share/data"
sleep_until=$(($(stat -c %Z "$T/box/usr/share/data") + 4))
until [ "$(date +%s)" -ge $sleep_until ]; do
	read -rt .2 <>"$T/tick"
done
maps=(python3 -c 'import mmap, sys
with open("/usr/share/data") as f:
    m = mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ, flags=mmap.MAP_PRIVATE)
    sys.exit(m[299999])')
OPTS=(--all --remote /usr/share/data)
times 1 "${maps[@]}"
before="$bytes $trips"
times 2 "${maps[@]}"
within 'a mapped library, the second time: bytes' $((bytes - ${before% *})) \
	60000
exit $failed
