#!/bin/bash
# The processes of the server are out of the program's reach, however their
# directories in /proc are named. A write to their memory would own the server.
. "$(dirname "$0")/lib.sh"
cp guard.py "$T/bin/"
worlds
COUNT=/dev/null serve other
serve main
CWD=/ there mkdir -p /srv/w
prepare 'mkdir elsewhere bound whole; >file'
fresh
n=$T/note
mkfifo "$n/first" "$n/hold_other"

# A session of another client, and a process that is none of rsc's.
other_url=${url/main/other}
"$T/bin/rsc" run --server "$other_url" --cwd / --local "$T/**" -- \
	bash -c "echo >$n/first; read -r _ <$n/hold_other" &
other=$!
trap 'kill $other 2>/dev/null; leave' EXIT
read -r _ <"$n/first"
read -r other_session <"/proc/${servers[0]}/task/${servers[0]}/children"
inside() {	# PID: what it is in the server's namespace
	awk '$1 == "NSpid:" { print $NF }' "/proc/${1% }/status"
}

# The session of the program itself: known when it is there.
mkfifo "$n/paths"
cat "$n/count" >"$n/counts" &
counter=$!
exec 7<>"$n/paths"
timeout 100 env -i PATH="$PATH" TREE="$TREE" "${SANITIZE[@]}" "$T/bin/rsc" run \
	--server "$url" --cwd "$TREE" --all --local "$T/**" -- bash -c '
	read -r pid ordinary
	exec python3 "$0" $pid $ordinary' "$T/bin/guard.py" \
	<"$n/paths" >"$n/out" 2>&1 7>&- &
program=$!
session=
while [ -z "$session" ]; do
	read -r session <"/proc/$server/task/$server/children"
done
pid=$(inside "$session")
ordinary=1

# Other mounts of /proc, binds of parts of it, links to it.
there mount -t proc proc elsewhere
there mount --bind "/proc/$pid" bound
there mount --bind /proc whole
there touch mem
there mount --bind "/proc/$pid/maps" mem
there ln -s "/proc/$pid" link
there ln -s link chain
there ln -s "/proc/$ordinary/root/proc" magic
there ln -s elsewhere/self own
there python3 -c 'import os, signal, socket, sys, array
s = socket.socket(socket.AF_UNIX)
s.bind("sock"); s.listen(1)
print(flush=True)
c, _ = s.accept()
fds = array.array("i", [os.open(p, os.O_PATH) for p in sys.argv[1:]])
c.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)])
c.recv(1)' "/proc/$pid" "/proc/$ordinary" >"$n/first" 7>&- &
helper=$!
read -r _ <"$n/first"

# The control: natively there each of these is open to root.
for path in "/proc/$pid/maps" link/maps chain/maps magic/$pid/maps bound/maps \
	elsewhere/$pid/maps whole/$pid/maps mem; do
	check "the control: $path" yes \
		"$(there grep -q rsc "$path" && echo yes)"
done
check 'the control: the other session' yes \
	"$(there grep -q rsc "/proc/$(inside "$other_session")/maps" && echo yes)"

{
	echo "$pid $ordinary"
	for p in "$pid" "$(inside "$server")" "$(inside "$other_session")"; do
		echo "/proc/$p"
		echo "//proc/.//$p/."
		echo "/proc/sys/../$p"
		echo "/../proc/$ordinary/../$p"
		echo "/proc/$ordinary/root/proc/$p"
		echo "/proc/$ordinary/cwd/proc/$p"
		echo "/proc/$ordinary/task/$ordinary/root/proc/$p"
		echo "$TREE/elsewhere/$p"
		echo "elsewhere/$ordinary/root/proc/$p"
		echo "whole/$p"
		echo "magic/$p"
	done
	echo link
	echo chain
	echo bound
	echo elsewhere/self
	echo elsewhere/thread-self
	echo whole/self
	echo magic/self
	echo own
	echo mem!
} >&7
exec 7>&-
wait $program
check 'the program: status' 0 $?
check 'nothing is within reach' 'tried True' "$(<"$n/out")"
wait $counter
check 'the calls were made there' yes "$([ "$(count openat)" -gt 1000 ] &&
	[ "$(count openat2)" -gt 300 ] && echo yes)"
cat "$n/counts" >>"$n/all_counts"
kill "$helper" 2>/dev/null
echo >"$n/hold_other"
wait $other
check 'the other session is well' 0 $?
finish
