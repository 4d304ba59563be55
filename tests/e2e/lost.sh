#!/bin/bash
# A link that is lost in the middle of the calls of many threads and processes:
# each fails with EIO, nobody waits for ever, and rsc says it once.
. "$(dirname "$0")/lib.sh"
build lost
cp slow_link.py "$T/bin/"
worlds
COUNT=/dev/null serve main
prepare 'head -c 8192 /dev/zero | tr "\0" x >long'
n=$T/note
server_url=$url

for bytes in 3000 20001 300000 2000003; do
	for mode in '' --all; do
		name="after $bytes bytes${mode:+ ($mode)}"
		fresh
		url=$server_url
		slow_link main 0 "$bytes"
		timeout -k 5 "$LIMIT" env -i PATH="$PATH" "${SANITIZE[@]}" \
			"$T/bin/rsc" run --server "$url" --cwd "$TREE" $mode \
			--local "$T/**" -- "$T/bin/lost" >"$n/out" 2>"$n/err"
		check "$name: status" 125 $?
		check "$name: EIO for all" '' "$(<"$n/out")"
		check "$name: one line of rsc" 1 "$(wc -l <"$n/err")"
		check "$name: that says so" 1 \
			"$(grep -c '^rsc: the connection to the server is lost' \
				"$n/err")"
	done
done
finish
