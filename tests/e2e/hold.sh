#!/bin/bash
# A file that a program here has mapped for writing, and the processes of its
# own machine: who reads it sees what is in memory, who writes it waits, and
# sqlite's write-ahead log survives users on both sides.
. "$(dirname "$0")/lib.sh"
worlds
serve main

prepare '
	head -c 100000 /dev/zero | tr "\0" x >text
	sqlite3 w.db "pragma journal_mode=wal; create table n(who, i);" >/dev/null'
nothing='import mmap, os, sys
def mapped(name):
    return mmap.mmap(os.open(name, os.O_RDWR), 0)
def say(word): print(word, flush=True); sys.stdin.readline()
'

begin() {	# SCRIPT: python under rsc that says things and waits for lines
	ours python3 -c "$nothing$1" <"$T/note/go" >"$T/note/said" \
		2>"$T/note/err" &
	program=$!
	exec 5>"$T/note/go" 6<"$T/note/said"
}

said() {	# NAME WORD
	local word

	read -r -t 30 word <&6
	check "$1" "$2" "$word"
}

go_on() {
	echo >&5
}

ends() {	# NAME STATUS [ERROR]
	exec 5>&-
	wait $program
	check "$1: status" "$2" $?
	check "$1: stderr" "${3-}" "$(<"$T/note/err")"
	exec 6<&-
}

mkfifo "$T/note/go" "$T/note/said"

# Readers there.
fresh
begin 'm = mapped("text"); m[0:4] = b"read"; say("stored")
m[50000:50003] = b"two"; say("again"); print(m[0:1])'
said 'a mapping' stored
check 'a reader sees what was stored' readxx "$(there head -c 6 text)"
check 'and runs no shorter' 100000 "$(there cat text | wc -c)"
go_on
said 'a mapping' again
check 'a second reader sees the rest' readxxtwox \
	"$(there bash -c 'head -c 6 text; tail -c +50001 text | head -c 4')"
go_on
said 'the program goes on' "b'r'"
ends 'readers there' 0
check 'the file afterwards' readxxtwox \
	"$(there bash -c 'head -c 6 text; tail -c +50001 text | head -c 4')"

# Writers there.
fresh
begin 'm = mapped("text"); m[0:5] = b"alone"; say("stored")
m.flush(); m.close(); say("gone"); print("end")'
said 'a mapping' stored
there bash -c 'echo more >>text' 2>"$T/note/denied"
check 'a writer is refused' 1 $?
check 'and told so' 'bash: line 1: text: Operation not permitted' \
	"$(<"$T/note/denied")"
there bash -c 'echo late >>text; tail -c 5 text' >"$T/note/late" &
late=$!
go_on
said 'it is unmapped' gone
wait $late
check 'a writer that waits goes on' late "$(<"$T/note/late")"
go_on
said 'the program goes on' end
ends 'writers there' 0
check 'a line on the server' 'rsc: session: an open for writing of a file that a client has mapped is refused: EPERM' \
	"$(<"$T/note/main.log")"
: >"$T/note/main.log"

# Who has it open for writing already, or has it mapped.
other() {	# SCRIPT: python there, until go_there
	mkfifo "$T/note/there"
	there python3 -c "$nothing$1
print('ready', flush=True); sys.stdin.readline()" <"$T/note/there" \
		>"$T/note/said" &
	other=$!
	exec 7>"$T/note/there" 6<"$T/note/said"
	said 'the other' ready
	exec 6<&-
}

go_there() {
	exec 7>&-
	wait $other
	rm "$T/note/there"
}

tries='try: mapped("text"); print("mapped")
except OSError as e: print(e.strerror)'
line='rsc: mmap: /srv/w/text: others on the server can write it, so a shared writable mapping cannot be: ENODEV; --coherence=loose allows it'
fresh
other 'f = open("text", "r+b")'
begin "$tries"
said 'no mapping beside a writer' 'No such device'
ends 'beside a writer' 0 "$line"
go_there
other 'm = mapped("text"); m[0] = 1'
begin "$tries"
said 'no mapping beside a mapping' 'No such device'
ends 'beside a mapping' 0 "$line"
go_there
other 'f = open("text", "rb")'
begin "$tries"
said 'a mapping beside a reader' mapped
ends 'beside a reader' 0
go_there
other 'm = mapped("text")'
OPTS=(--coherence=loose)
begin "$tries"
said 'a mapping beside a mapping, loose' mapped
ends 'beside a mapping, loose' 0
go_there
OPTS=()

# Another session is another process.
fresh
begin 'm = mapped("text"); m[0:3] = b"one"; say("stored"); print(m[0:3])'
said 'one session' stored
# Its counts are read with those of the first.
"$T/bin/rsc" run --server "$url" --cwd "$TREE" -- \
	python3 -c "$nothing$tries" >"$T/note/two" 2>"$T/note/two.err"
check 'another session' 'Operation not permitted' "$(<"$T/note/two")"
go_on
said 'one session' "b'one'"
ends 'two sessions' 0

# The write-ahead log: whoever was told that a row is in has it in.
rows() {	# WHO
	local i

	for ((i = 0; i < 25; i++)); do
		sqlite3 -cmd '.timeout 20000' w.db \
			"insert into n values('$1', $i)" && echo in
	done
}
export -f rows
fresh
there bash -c "$(declare -f rows); rows there" >"$T/note/in.there" 2>"$T/note/err.there" &
other=$!
ours bash -c "$(declare -f rows); rows here" >"$T/note/in.here" 2>"$T/note/err"
wait $other
check 'the database is whole' ok \
	"$(there sqlite3 w.db 'pragma integrity_check')"
for who in here there; do
	check "rows of $who" "$(wc -l <"$T/note/in.$who")" \
		"$(there sqlite3 w.db "select count(*) from n where who = '$who'")"
done
check 'both have written' yes "$([ -s "$T/note/in.here" ] &&
	[ -s "$T/note/in.there" ] && echo yes || echo no)"
sed -i '/is refused: EPERM$/d' "$T/note/main.log"

ran rsc_hold rsc_recall
finish
