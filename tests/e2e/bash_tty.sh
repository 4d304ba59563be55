#!/bin/bash
# An interactive bash on a terminal: history, pipes, here-documents, traps,
# background jobs, Ctrl-Z, fg, bg and Ctrl-C are as they are on the server.
. "$(dirname "$0")/lib.sh"
cp bash_tty.py "$T/bin/"
worlds
serve main
prepare 'echo "the name" >name'
shell=(env TERM=dumb INPUTRC=/dev/null HISTFILE="$TREE/hist" PS1='P> '
	bash --norc --noprofile -i)

fresh
there python3 "$T/bin/bash_tty.py" "${shell[@]}" >"$T/note/want.out"
check 'natively: status' 0 $?
fresh
# The typist is here, as the terminal is.
cat "$T/note/count" >"$T/note/counts" &
counter=$!
python3 "$T/bin/bash_tty.py" "$T/bin/rsc" run --server "$url" --cwd "$TREE" \
	--all -- "${shell[@]}" >"$T/note/got.out"
check 'status' 0 $?
wait "$counter"
cat "$T/note/counts" >>"$T/note/all_counts"
check_file 'what the terminal showed' "$T/note/want.out" "$T/note/got.out"
ran openat write mknodat
finish
