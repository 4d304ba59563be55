#!/bin/bash
# Every option of a help text stands in the manual page, in its list and in
# its synopsis, and in the completions; and the reverse.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
T=$(mktemp -d)
trap 'rm -rf "$T"' EXIT
ln -s "$RSC" "$T/rsc"
export PATH=$T:$PATH
failed=0

same() {	# WHAT EXPECTED ACTUAL
	local difference

	difference=$(diff <(sort -u <<<"$2") <(sort -u <<<"$3"))
	if [ -z "$3" ] || [ -n "$difference" ]; then
		printf 'FAIL %s:\n%s\n' "$1" "$difference"
		failed=1
	else
		echo "ok $1"
	fi
}

help_options() {	# COMMAND
	rsc "$1" --help | tail -n +2 |
		grep -oE '(^|[ ,;])--?[A-Za-z][A-Za-z-]*' | sed 's/^[ ,;]//'
}

# The options of a .It or synopsis line of mdoc: Fl x, Fl Fl xx, Fl xyz.
mdoc_options() {	# bundles: yes or no
	grep -v 'Fl Fl$' | grep -oE 'Fl (Fl )?[A-Za-z-]+' | sed 's/Fl Fl /--/; s/Fl /-/' |
		if [ "$1" = yes ]; then
			while read -r word; do
				case $word in
				--*) echo "$word" ;;
				*) sed 's/-//; s/./-&\n/g' <<<"$word" ;;
				esac
			done | sed '/^$/d'
		else
			cat
		fi
}

listed() {	# PAGE
	grep '^\.It Fl' "$1" | mdoc_options no
}

# The lines of the synopsis from one command to the next.
synopsis() {	# PAGE COMMAND
	sed -n '/^\.Sh SYNOPSIS/,/^\.Sh DESC/p' "$1" |
		awk -v want="$2" '
			/^\.Nm/ { on = 0 }
			/^\.Nm rsc serve/ { on = want == "serve" }
			/^\.Cm/ { on = $2 == want }
			on' | mdoc_options yes
}

# Every command of rsc --help has its options compared below.
same 'commands' $'explain\nkeygen\nrun\nserve\nshell\nsyscalls' \
	"$(rsc --help | sed -n 's/^  *\([a-z]*\) .*/\1/p')"

for command in run serve explain keygen syscalls; do
	page=$top/docs/rsc.1
	[ $command != serve ] || page=$top/docs/rsc-serve.8
	options=$(help_options $command)
	usual=$(grep -vxE -e '--help|-h|--verbose' <<<"$options")
	[ $command = explain ] || [ $command = keygen ] || [ $command = syscalls ] ||
		same "$command: list of ${page##*/}" "$options" "$(listed "$page")"
	[ $command = keygen ] ||
		same "$command: synopsis of ${page##*/}" "$usual" \
		"$(synopsis "$page" $command)"
	# shellcheck disable=SC2016
	same "$command: bash" "$options" "$(bash -c '
		. "$0/rsc.bash"
		COMP_WORDS=(rsc "$1" -)
		COMP_CWORD=2
		_rsc
		printf "%s\n" "${COMPREPLY[@]}"' "$top/completions" $command)"
	same "$command: zsh" "$options" "$(zsh -fc '
		. "$0/_rsc"
		_arguments() { print -l -- $@ }
		words=(rsc $1 -)
		CURRENT=3
		_rsc' "$top/completions" $command |
		sed -n 's/^\*\(-[^:]*\).*/\1/p')"
	same "$command: fish" "$options" "$(fish --no-config -c '
		source $argv[1]/rsc.fish
		complete -C "rsc $argv[2] -"' "$top/completions" $command)"
done
exit $failed
