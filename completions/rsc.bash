# bash completion for rsc. The words come from rsc's own help texts.

# Prints "OPTION [ARGUMENT]" lines of a subcommand.
_rsc_options() {	# RSC COMMAND
	"$1" "$2" --help 2>&1 |
		grep -oE "(^|[] ,|[])--?[A-Za-z][A-Za-z-]*( [A-Z'][A-Z]*)?" |
		sed "s/^[] ,|[]//; s/'//" | sort -u
}

_rsc_commands() {	# RSC
	"$1" --help 2>/dev/null | sed -n 's/^  *\([a-z]*\) .*/\1/p'
}

# What the option takes: FILE, DIR, another word, or nothing.
_rsc_argument() {	# RSC COMMAND OPTION
	_rsc_options "$1" "$2" | sed -n "s/^$3 //p" | head -n 1
}

_rsc() {
	local rsc=${COMP_WORDS[0]} word=${COMP_WORDS[COMP_CWORD]}
	local command=${COMP_WORDS[1]-} i=2 takes=

	COMPREPLY=()
	if [ "$COMP_CWORD" -eq 1 ]; then
		mapfile -t COMPREPLY < <(compgen -W \
			"$(_rsc_commands "$rsc") --help" -- "$word")
		return
	fi
	# Past the options, to the word that is completed.
	while [ "$i" -lt "$COMP_CWORD" ]; do
		case ${COMP_WORDS[i]} in
		--)
			i=$((i + 1))
			break
			;;
		-*)
			takes=$(_rsc_argument "$rsc" "$command" \
				"${COMP_WORDS[i]}")
			[ "${COMP_WORDS[i + 1]-}" != = ] || i=$((i + 1))
			[ -z "$takes" ] || i=$((i + 1))
			;;
		*)
			break
			;;
		esac
		i=$((i + 1))
	done
	if [ "$i" -gt "$COMP_CWORD" ]; then
		case $takes in
		FILE*) mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
		DIR*) mapfile -t COMPREPLY < <(compgen -d -- "$word") ;;
		esac
	elif [ "$i" -eq "$COMP_CWORD" ] && [[ $word == -* ]] &&
		[ "${COMP_WORDS[i - 1]}" != -- ]; then
		mapfile -t COMPREPLY < <(compgen -W \
			"$(_rsc_options "$rsc" "$command" | cut -d ' ' -f 1)" \
			-- "$word")
	elif [ "$command" = run ] && [ "$i" -eq "$COMP_CWORD" ]; then
		mapfile -t COMPREPLY < <(compgen -c -- "$word")
	elif [ "$command" = run ] || [ "$command" = explain ]; then
		mapfile -t COMPREPLY < <(compgen -f -- "$word")
	fi
}

complete -o filenames -F _rsc rsc
