#!/bin/bash
# Files of another world that are too large to be read when they are mapped:
# their pages come when they are touched, whoever touches them.
. "$(dirname "$0")/lib.sh"
build lazy_probe
build forbid forbid -lseccomp
worlds
serve main

# Each word of the file is its place.
words='import array, sys
with open(sys.argv[1], "wb") as f:
    for at in range(0, int(sys.argv[2]) << 20, 1 << 20):
        array.array("Q", range(at, at + (1 << 20), 8)).tofile(f)'
prepare "/usr/bin/python3 -c '$words' big 6"
probe() {
	same "$T/bin/lazy_probe" "$@"
}

for what in threads calls moves children scan three; do
	probe $what big
done
# What was only looked at takes room in some files: a copy is compared.
same bash -c '$T/bin/lazy_probe stores big; cat big >copy; rm big'
OPTS=()

# ---- what it costs ----
prepare "/usr/bin/python3 -c '$words' huge 16
	/usr/bin/python3 -c 'f = open(\"sparse\", \"wb\"); f.truncate(1 << 32)
for at in 1 << 31, (1 << 32) - 8:
    f.seek(at); f.write(at.to_bytes(8, \"little\"))'"
costs() {	# WHAT FILE [OPTION]...: bytes that came
	local what=$1 file=$2

	shift 2
	OPTS=(-c --json -o "$T/note/json" "$@")
	fresh
	ours "$T/bin/lazy_probe" "$what" "$file" >"$T/note/out"
	sed -n 's/.*"bytes_in": *\([0-9]*\).*/\1/p' "$T/note/json"
}
few() {	# NAME BYTES MOST
	check "$1: at most $3" yes \
		"$([ "$2" ] && [ "$2" -le "$3" ] && echo yes || echo "$2")"
}
few 'three pages' "$(costs three huge)" $((3 * 65536 + 8192))
few 'a file of 4 GiB' "$(costs three sparse)" $((3 * 65536 + 8192))
check 'and what is in it' 'three: 0' "$(<"$T/note/out")"
few 'all of it' "$(costs scan huge)" $(((16 << 20) * 102 / 100))

# ---- memory ----
fresh
OPTS=(--map-memory 4)
check 'a scan through little memory' "$(there "$T/bin/lazy_probe" scan huge)" \
	"$(ours "$T/bin/lazy_probe" scan huge 2>&1)"
check 'threads through little memory' 'threads: 0 bad' \
	"$(ours "$T/bin/lazy_probe" threads huge 2>&1)"
check 'stores cannot be given up' 'SIGBUS' \
	"$(ours python3 -c 'import mmap, os, signal
m = mmap.mmap(os.open("huge", os.O_RDWR), 0)
if not os.fork():
    for i in range(0, len(m), 4096): m[i] = 1
    os._exit(0)
s = os.wait()[1]; print(signal.Signals(os.WTERMSIG(s)).name)' \
	2>"$T/note/err")"
check 'and it is said' yes "$(grep -q 'more than 4 MiB of remote files are' \
	"$T/note/err" && echo yes)"

# ---- without userfaultfd ----
WRAP=(env ASAN_OPTIONS=detect_leaks=0 "$T/bin/forbid" userfaultfd --)
OPTS=()
for what in threads calls moves children; do
	check "$what, filled at once" "$(there "$T/bin/lazy_probe" $what big)" \
		"$(fresh; ours "$T/bin/lazy_probe" $what big 2>&1)"
done
fresh
OPTS=(--map-memory 4)
check 'too large to be filled' 'mmap: No such device' \
	"$(ours "$T/bin/lazy_probe" scan huge 2>&1 >/dev/null | tail -n 1)"
WRAP=()

# ---- endings ----
OPTS=()
check 'killed while it waits' 'Killed 0' \
	"$(ours bash -c '$T/bin/lazy_probe scan huge >/dev/null &
		p=$!; kill -KILL $p; wait $p 2>/dev/null; s=$?
		[ $s = 137 ] && echo -n "Killed "
		$T/bin/lazy_probe three huge >/dev/null; echo $?')"
finish
