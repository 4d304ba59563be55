#!/bin/bash
# Calls that are neither carried out nor local: each is named at the end, and
# --strict ends the program at the first.
. "$(dirname "$0")/lib.sh"
build refused_probe probe
worlds
COUNT=/dev/null serve main
prepare 'echo x >file'
fresh

try() {	# OPTION... -- CMD...: out, err and status of rsc run
	timeout -k 5 "$LIMIT" "$T/bin/rsc" run --server "$url" --cwd "$TREE" \
		--all "$@" >"$T/note/out" 2>"$T/note/err"
	status=$?
	out=$(<"$T/note/out")
	err=$(<"$T/note/err")
}

case $(uname -m) in
x86_64) column=4 ;;
aarch64) column=5 ;;
esac
"$T/bin/rsc" syscalls | awk -F'|' -v c="$column" '
	/^\| [0-9]+ \|/ && $6 ~ /refused/ && $c ~ /[0-9]/ {
		gsub(/[` ]/, ""); print $3, $c }' | sort >"$T/note/rows"
mapfile -t numbers < <(cut -d ' ' -f 2 "$T/note/rows")
check 'the table has such rows' yes \
	"$([ "${#numbers[@]}" -gt 50 ] && echo yes)"

# ---- named ----

while read -r name _; do
	echo "refused: $name, 1 times"
done <"$T/note/rows" | sort >"$T/note/want"
named() {	# LEAD FILE
	sed -n "s/^$1\(refused: .* times\) (E.*: .*)$/\1/p" "$2" | sort
}

try -c -- "$T/bin/probe" "${numbers[@]}"
check 'each fails' 0 "$status"
named '' "$T/note/err" >"$T/note/got"
check_file '-c names each' "$T/note/want" "$T/note/got"
try -v -- "$T/bin/probe" "${numbers[@]}"
named 'rsc: ' "$T/note/err" >"$T/note/got"
check_file '-v names each' "$T/note/want" "$T/note/got"
try -c --json -o "$T/note/json" -- "$T/bin/probe" "${numbers[@]}"
python3 -c 'import json, sys
for name, n in json.load(open(sys.argv[1]))["refused"].items():
	print("refused: %s, %d times" % (name, n))' "$T/note/json" |
	sort >"$T/note/got"
check_file '--json names each' "$T/note/want" "$T/note/got"
for what in ioctl:'request 0xabcd of ioctl' \
	option:'request 0x4d00000007 of setsockopt'; do
	for option in -c -v; do
		try "$option" -- "$T/bin/probe" "${what%%:*}"
		check "${what%%:*}, $option: it fails" "0 before after" \
			"$status ${out//$'\n'/ }"
		check "${what%%:*}, $option: it is named" 1 \
			"$(grep -c "unknown: ${what#*:}, 1 times" "$T/note/err")"
	done
done
try -- "$T/bin/probe" "${numbers[@]}"
check 'otherwise nothing is said' '' "$err"

# ---- --strict ----

strict() {	# NAME LINE CMD...
	local name=$1 line=$2

	shift 2
	try --strict -- "$@"
	check "$name: status" 125 "$status"
	check "$name: it is the end" before "$out"
	check "$name: one line" \
		"rsc: $line; the program is ended, as --strict says" "$err"
}

while read -r name nr; do
	why=$("$T/bin/rsc" syscalls | sed -n \
		"s/^| [0-9]* | \`$name\` .* E[A-Z]*: \(.*\) |$/\1/p")
	strict "$name" "$name: $why" "$T/bin/probe" "$nr"
done < <(shuf -n 8 --random-source="$T/note/rows" "$T/note/rows")
strict 'no row' 'call 600: rsc has no row for it' "$T/bin/probe" 600
strict 'an ioctl' 'request 0xabcd of ioctl: rsc has no row for it' \
	"$T/bin/probe" ioctl
strict 'an option' \
	'request 0x4d00000007 of setsockopt: rsc has no row for it' \
	"$T/bin/probe" option
strict 'of a process among others' 'call 600: rsc has no row for it' \
	"$T/bin/probe" among 600
try --strict -- sh -c 'cat file; exit 7'
check 'a program that makes none' '7 x' "$status $out"
try --strict -c -- "$T/bin/probe" 600
check 'the summary comes, too' 1 "$(grep -c 'unknown: call 600, 1 times' \
	"$T/note/err")"
finish
