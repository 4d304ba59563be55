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

measure() {	# COMMAND...: sets stops and trips
	"$RSC" run --server "exec:$RSC serve --stdio --root $T/box" --cwd / \
		--local '/usr/**' --local '/bin/**' --local '/lib/**' \
		--local '/lib64/**' --local "$CALLS" -c --json -o "$T/json" \
		-- "$@" >"$T/out"
	status=$?
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
within 'cat of a file: round trips' "$trips" 7
within 'cat of a file: stops' "$stops" 30

measure /usr/bin/ls /dir
[ "$(wc -l <"$T/out")" = 100 ] || status=1
within 'ls of 100 names: round trips' "$trips" 12
within 'ls of 100 names: stops' "$stops" 51

# What ten files add, a file: open, fstat, read, close.
measure "$CALLS" once /files 0
before="$stops $trips"
measure "$CALLS" once /files 10
within 'open+fstat+read+close: round trips of ten' \
	$((trips - ${before#* })) 40
within 'open+fstat+read+close: stops of ten' $((stops - ${before% *})) 40
exit $failed
