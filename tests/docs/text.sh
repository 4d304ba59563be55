#!/bin/bash
# What the documents name is there: links, files, functions, options, and the
# lines that they quote.
set -u
cd "$(dirname "$0")/../.." || exit 1
shopt -s nullglob
documents=(README.md docs/*.md)
failed=0
seen=0

fail() {
	echo "FAIL $*"
	failed=1
}

for document in "${documents[@]}"; do
	# Links to files, from where the document is.
	while read -r link; do
		seen=$((seen + 1))
		[ -e "$(dirname "$document")/$link" ] ||
			fail "$document: the link $link leads nowhere"
	done < <(grep -oE '\]\([^)#:]+\)' "$document" | tr -d ']()')

	[ "$document" != docs/syscalls.md ] || continue
	# Files and folders of the project.
	while read -r path; do
		seen=$((seen + 1))
		[ -e "$path" ] || fail "$document: there is no $path"
	done < <(grep -ohE '\b(src|tests|scripts|docs|cmake)/[A-Za-z0-9_./-]+' \
		"$document" | sed 's/[.,]$//' | sort -u)

	# Functions: `name()`.
	while read -r name; do
		seen=$((seen + 1))
		grep -rqwE "$name" src --include='*.[ch]' ||
			fail "$document: there is no function $name()"
	done < <(grep -ohE '`[a-z_0-9]+\(\)`' "$document" | tr -d '`()' |
		sort -u)

	# Tests: `check_suite` and `a_test_with_a_long_name`.
	while read -r name; do
		seen=$((seen + 1))
		[ -e "tests/unit/$name.c" ] ||
			grep -rqE "START_TEST\\($name\\)" tests/unit ||
			fail "$document: there is no test $name"
	done < <(grep -ohE '`(check_[a-z]+|[a-z0-9]+(_[a-z0-9]+){3,})`' \
		"$document" | tr -d '`' | sort -u)

	# Options: `--name`, of some subcommand.
	while read -r option; do
		seen=$((seen + 1))
		for command in run serve explain keygen syscalls; do
			"$RSC" $command --help
		done 2>&1 | grep -qE -- "$option\b" ||
			fail "$document: there is no option $option"
	done < <(grep -ohE '`--[a-z-]+' "$document" | tr -d '`' | sort -u)

	# Quotations: each line of the block stands in the file.
	while IFS= read -r quotation; do
		file=${quotation%%|*} line=${quotation#*|}
		seen=$((seen + 1))
		grep -qxF -- "$line" "$file" ||
			fail "$document quotes what is not in $file: $line"
	done < <(awk '
		/^<!-- from / { file = $3; next }
		/^```/ { inside = !inside && file; if (!inside) file = ""; next }
		inside && NF { print file "|" $0 }' "$document")
done

[ $seen -gt 100 ] || fail "only $seen things were looked at"
[ $failed -ne 0 ] || echo "ok $seen links, names and lines"
exit $failed
