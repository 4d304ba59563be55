#!/bin/bash
# Every row that a server runs is proved by an end-to-end test: its counter on
# the server says that the call was made there, under rsc, in that test.
# usage: tests/coverage.sh [--write]
#
# coverage.txt names one test for each row; docs/syscalls.md shows it. --write
# makes it anew of the last run of the tests, keeping what still holds.
# COUNTS is the directory with the counts of each test, RSC the binary.
set -euo pipefail
cd "$(dirname "$0")"
: "${RSC:=../build/rsc}" "${COUNTS:=../build/counts}"
list=coverage.txt
failed=0

# The rows that a server runs; of the calls those that this machine has.
served() {
	"$RSC" syscalls | awk -F' *[|] *' -v machine="$(uname -m)" '
		{ nr = machine == "aarch64" ? $5 : $4
		  other = machine == "aarch64" ? $4 : $5 }
		$2 !~ /^[0-9]+$/ || (nr == "-" && other != "-") { next }
		$6 ~ /^(remote|by_fd|by_path|by_pid)$/ || $8 ~ /runs its part/ {
			gsub("`", "", $3); print $3 }'
}

count() {	# ROW TEST
	[ ! -f "$COUNTS/$2" ] || awk -v n="$1" '$1 == n { print $2 }' \
		"$COUNTS/$2"
}

# The test that runs the fewest other rows: it is about this one.
nearest() {	# ROW
	local test

	for test in "$COUNTS"/*; do
		[ -z "$(count "$1" "${test##*/}")" ] ||
			echo "$(wc -l <"$test") ${test##*/}"
	done | sort -n | awk 'NR == 1 { print $2 }'
}

if [ "${1-}" = --write ]; then
	for row in $(served); do
		test=$(awk -v n="$row" '$1 == n { print $2 }' $list)
		[ -n "$test" ] && [ -n "$(count "$row" "$test")" ] ||
			test=$(nearest "$row")
		[ -z "$test" ] || echo "$row $test"
	done >$list.new
	mv $list.new $list
fi

rows=$(served)
while read -r row test; do
	# Another architecture has others.
	grep -qx "$row" <<<"$rows" || continue
	[ -n "$(count "$row" "$test")" ] || {
		echo "FAIL $row did not run on the server in e2e_$test"
		failed=1
	}
done <$list
missing=$(comm -23 <(served | sort) <(cut -d' ' -f1 $list | sort))
for row in $missing; do
	echo "FAIL tests/$list names no test for $row; run the tests that" \
		"run it on the server, then tests/coverage.sh --write"
	failed=1
done
echo "$(wc -l <$list) rows are proved"
exit $failed
