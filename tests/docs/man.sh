#!/bin/bash
# The manual pages are correct mdoc, and every %class stands in them.
set -u
docs=$(dirname "$0")/../../docs
failed=0

# Which other manuals are installed is no matter of the pages.
lint=$(mandoc -Tlint "$docs"/*.[18] 2>&1 |
	grep -vE 'referenced manual not found|outdated mandoc.db')
[ -z "$lint" ] || {
	echo "$lint"
	failed=1
}

class=$(mandoc -Tutf8 "$docs/rsc.1" | col -b | tr -s '[:space:]' ' ' |
	sed -n 's/.*A class of calls: \([^.]*\)\..*/\1/p' |
	sed 's/ or /, /; s/, */\n/g')
[ -n "$class" ] || {
	echo 'FAIL no classes in rsc.1'
	failed=1
}
code=$(sed -n '/^} classes/,/^};/p' "$docs/../src/tracer/select.c" |
	grep -o '"[a-z]*"' | tr -d '"')
diff <(sort <<<"$class") <(sort <<<"$code") || {
	echo 'FAIL the classes of rsc.1 and of src/tracer/select.c differ'
	failed=1
}

# What the diagnostics quote is what the code says; ... stands for the rest.
code=$(cat "$docs"/../src/*/*.c | tr -d '\n\t' | sed 's/" *"//g')
seen=0
while read -r message; do
	while read -r part; do
		[ -n "$part" ] || continue
		seen=$((seen + 1))
		[[ $code == *"$part"* ]] || {
			echo "FAIL no message says: $part"
			failed=1
		}
	done < <(sed 's/\.\.\./\n/g; s/^ *//' <<<"$message" | sed 's/^[ :]*//')
done < <(sed -n '/^\.Bl -diag/,/^\.El/s/^\.It "\(.*\)"$/\1/p' "$docs"/*.[18])
[ $seen -ge 10 ] || {
	echo "FAIL only $seen parts of messages were looked at"
	failed=1
}
exit $failed
