#!/bin/bash
# The manual pages are correct mdoc, and every %class stands in them.
set -u
docs=$(dirname "$0")/../../docs
failed=0

mandoc -Tlint -Wwarning "$docs"/*.[18] || failed=1

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
exit $failed
