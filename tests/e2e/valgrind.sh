#!/bin/bash
# A server under memcheck: sessions of ordinary programs, and one whose client is
# killed, without a complaint.
. "$(dirname "$0")/lib.sh"
build openat2 openat2 -ldl
build openat2 openat2.so -shared -fPIC -ldl
worlds

nsenter -t "$world" -m -u -n -p -- env -i "$T/bin/openat2" "$T/note/openat2" \
	>"$T/note/ready" &
read -r ready <"$T/note/ready"
check 'openat2 is made elsewhere' ready "$ready"

ENV_SERVE=(LD_PRELOAD="$T/bin/openat2.so" OPENAT2="$T/note/openat2"
	valgrind -q --leak-check=full --show-leak-kinds=definite
	--fair-sched=yes --log-file="$T/note/valgrind.%p")
serve main
LIMIT=120
prepare '
	seq 20000 >numbers
	mkdir -p dir/sub; echo one >dir/one; echo two >dir/sub/two
	ln -s dir/one link; mkfifo fifo'

same cat numbers
same bash -c 'ls -l; find . | sort; cat link dir/*/two; stat -c %s numbers'
same bash -c 'cp numbers copy; mv copy dir; rm dir/one; echo x >>dir/sub/two'
MODES=(--all)
same bash -c 'for i in 1 2 3 4; do (cd dir; cat sub/two) & done; wait; id'
same bash -c '(echo through >fifo) & cat fifo; wait; rm fifo'
same bash -c 'read -t 0.1 line <>fifo; [ $? -gt 128 ] && rm fifo'
same setpriv --reuid 1000 --clear-groups cat numbers
same python3 -c 'import os, threading
def work(i):
    for k in range(20):
        with open("t%d" % i, "w") as f: f.write("x" * 5000 * k)
        os.stat("numbers"); os.listdir("dir")
threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
[t.start() for t in threads]; [t.join() for t in threads]
os.setxattr("t0", "user.a", b"b"); print(os.getxattr("t0", "user.a"))
with open("numbers", "rb") as f: print(len(f.read()))'


# The client is killed while calls of it block.
mkfifo "$T/note/tick"
cat "$T/note/count" >/dev/null &
counter=$!
"$T/bin/rsc" run --all --local "$T/**" --server "$url" --cwd "$TREE" -- bash -c '
	for i in 1 2 3; do cat fifo & done; echo >"$0"; wait' "$T/note/tick" &
client=$!
read -r _ <"$T/note/tick"
kill -KILL $client
wait $client 2>/dev/null
check 'the client was killed' 137 $?
wait $counter

words=$(cat "$T/note/valgrind."* | wc -c)
check "valgrind has no complaints" 0 "$words"
[ "$words" = 0 ] || head -n 40 "$T/note/valgrind."*
finish
