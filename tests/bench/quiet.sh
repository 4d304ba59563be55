#!/bin/bash
# The fast ways of the tracer: nobody sees them, and nothing is missed in them.
set -u
T=$(mktemp -d)
trap 'exec 8>&- 9>&-; wait; rm -rf "$T"' EXIT
mkdir "$T/box"
failed=0

rsc() {
	"$RSC" run --cwd / --local '/usr/**' --local '/bin/**' --local '/lib/**' \
		--local '/lib64/**' --local '/proc/**' --local "$QUIET" "$@"
}

check() {	# NAME EXPECTED ACTUAL
	if [ "$2" = "$3" ]; then
		echo "ok $1"
	else
		echo "FAIL $1: expected '$2', got '$3'"
		failed=1
	fi
}

check 'masks and odd numbers' 'nothing seen' \
	"$(rsc --server "exec:$RSC serve --stdio --root $T/box" -- "$QUIET")"

# The link is lost while the program computes or sleeps: the line comes now.
mkfifo "$T/in" "$T/out" "$T/err" "$T/ready"
"$RSC" serve --listen "unix://$T/sock" --root "$T/box" --once --ready-fd 7 \
	7>"$T/ready" &
server=$!
read -r url <"$T/ready"
rsc --server "$url" -- "$QUIET" idle <"$T/in" >"$T/out" 2>"$T/err" &
program=$!
exec 8>"$T/in" 9<>"$T/err"
read -r line <"$T/out"
check 'the program idles' idle "$line"
# The session is a child of the listener.
kill "$(cat "/proc/$server/task/$server/children")"
read -r -t 20 line <&9
check 'the loss is seen at once' 'rsc: the connection to the server is lost' \
	"${line%%: closed*}"
exec 8>&-
wait $program
check 'status after a loss' 125 $?
wait $server
exit $failed
