#!/bin/bash
# What goes wrong is said in one line, ends in time and has the right status;
# the program is never run on the wrong side instead.
. "$(dirname "$0")/lib.sh"
build hello
build forbid forbid -lseccomp
worlds
n=$T/note
# What is counted here is nobody's.
COUNT=/dev/null serve cut

prepare '
	seq 5000 >numbers
	head -c 200000 /dev/urandom >random
	mkdir -p dir/sub; >dir/file; mkfifo fifo
	printf "text\n" >plain; ln -s /etc/hostname out; ln -s ../.. up'

# rsc itself, no session counted: status in $status, its words in $n/err.
plain() {	# OPTION... -- CMD...
	timeout -k 5 20 env -i PATH="$PATH" LC_ALL=C "$T/bin/rsc" run "$@" \
		</dev/null >"$n/out" 2>"$n/err"
	status=$?
}

# plain fails with 125 and one line that matches; the program is not run.
refused() {	# NAME PATTERN OPTION...
	local name=$1 pattern=$2 mark=$T/note/mark

	shift 2
	rm -f "$mark"
	plain "$@" --local "$mark" -- touch "$mark"
	check "$name: status" 125 $status
	check "$name: one line" 1 "$(wc -l <"$n/err")"
	check "$name: it says why" yes \
		"$(grep -Eq "$pattern" "$n/err" && echo yes || cat "$n/err")"
	check "$name: nothing is run" no "$([ -e "$mark" ] && echo yes || echo no)"
}

# ---- no server ----

plain --server "$url" --local "$n/mark" -- touch "$n/mark"
check 'with a server the same command does run' 'yes 0' \
	"$([ -e "$n/mark" ] && echo yes) $status"

refused 'no socket' "$T/none.*No such file" --server "unix://$T/none"
refused 'nobody listens' 'tcp://127.0.0.1:1.*refused' \
	--server tcp://127.0.0.1:1
refused 'no such scheme' 'carrier' --server carrier:pigeon
refused 'no address' 'tcp://nowhere' --server tcp://nowhere
refused 'no such command' 'exec:' --server 'exec:exit 3'
refused 'bad descriptor' 'fd:77' --server fd:77
RSC_SERVER=unix:///nonexistent timeout 20 "$T/bin/rsc" run -- true 2>"$n/err"
check 'RSC_SERVER names the server' 125 $?

# ---- a peer that is no server, or another one ----

fake() {	# NAME PATTERN: what it says is standard input
	rm -f "$T/fake.sock"
	"$T/bin/hello" "$T/fake.sock" >"$n/ready" <"$n/said" &
	fake=$!
	read -r _ <"$n/ready"
	refused "$1" "$2" --server "unix://$T/fake.sock"
	wait $fake
	check "$1: the peer is let go" 0 $?
}

"$T/bin/rsc" serve --stdio </dev/null >"$n/hello"
check 'a HELLO was recorded' 86:00:43:72:73:63:01 \
	"$(od -An -tx1 -j 4 -N 7 "$n/hello" | tr ' ' : | cut -c 2-)"
digest_at=$((4 + 1 + 1 + 4 + 1 + 1 + $(uname -m | tr -d '\n' | wc -c) + 1))
change() {	# OFFSET: another byte there
	perl -0777 -pe "substr(\$_, $1, 1) ^= \"\\x01\"" "$n/hello"
}

perl -0777 -pe 'substr($_, 10, 1) = "\x02"' "$n/hello" >"$n/said"
fake 'another version' 'another version'
change $((digest_at + 3)) >"$n/said"
fake 'another table' 'another version'
: >"$n/said"
fake 'closes at once' 'is no rsc server'
head -c 10 "$n/hello" >"$n/said"
fake 'closes inside a frame' 'is no rsc server'
change 7 >"$n/said"
fake 'another protocol' 'is no rsc server'
printf 'HTTP/1.1 400 Bad Request\r\n\r\n' >"$n/said"
fake 'a web server' 'is no rsc server'
printf '\377\377\377\377' >"$n/said"
fake 'a frame of 4 GiB' 'is no rsc server'
cp "$n/hello" "$n/said"
fake 'goes after HELLO' 'lost|closed'
(cat "$n/hello"; printf '\0\0\0\1\377') >"$n/said"
fake 'not CBOR' 'lost|CBOR'
(cat "$n/hello"; printf '\0\0\0\5\205\2\1\1\0') >"$n/said"
fake 'a reply cut short' 'lost'
(cat "$n/hello"; printf '\0\0\0\3\202\11\1') >"$n/said"
fake 'a message that is none' 'lost'
(cat "$n/hello"; printf '\0\0\0\6\204\2\1\30\143\0') >"$n/said"
fake 'a reply to a call that was not made' 'call that was not made'
(cat "$n/hello"; printf '\0\0\0\5\204\2\1\1\0') >"$n/said"
fake 'a reply, then nothing' 'lost|closed'

# Who says nothing at all is waited for, and rsc says so.
mkfifo "$n/never" "$n/words"
"$T/bin/rsc" run --server "exec:cat $n/never" -- true 2>"$n/words" &
waiting=$!
read -r line <"$n/words"
check 'a silent peer is named' "rsc: exec:cat $n/never is silent: still \
waiting for it to say who it is" "$line"
kill -TERM $waiting
: >"$n/never"
wait $waiting
check 'and who waits for it can be told to end' 143 $?

perl -0777 -pe 'substr($_, 10, 1) = "\x02"' "$n/hello" >"$n/said"
timeout 20 "$T/bin/rsc" serve --stdio <"$n/said" >/dev/null 2>"$n/err"
check 'the server refuses another version' 1 $?
check 'and says so' yes "$(grep -q 'version 2 of the protocol' "$n/err" &&
	echo yes)"

# ---- what is forbidden here ----

forbidden() {	# CALL PATTERN
	rm -f "$n/mark"
	# LeakSanitizer uses some of them itself.
	ASAN_OPTIONS=detect_leaks=0 timeout 20 "$T/bin/forbid" "$1" -- \
		"$T/bin/rsc" run --server "$url" \
		--local "$n/mark" -- touch "$n/mark" \
		>"$n/out" 2>"$n/err"
	check "$1 is forbidden: status" 125 $?
	check "$1 is forbidden: one line" 1 "$(wc -l <"$n/err")"
	check "$1 is forbidden: it says why" yes \
		"$(grep -Eq "$2" "$n/err" && echo yes || cat "$n/err")"
	check "$1 is forbidden: nothing is run" no \
		"$([ -e "$n/mark" ] && echo yes || echo no)"
}
forbidden ptrace '^rsc: ptrace is forbidden: .*seccomp profile.*SYS_PTRACE'
forbidden process_vm_readv '^rsc: process_vm_readv is forbidden: .*seccomp'
forbidden process_vm_writev '^rsc: process_vm_writev is forbidden: .*seccomp'
forbidden seccomp 'filter cannot be loaded: .*seccomp\(2\)'
forbidden memfd_create 'filter cannot be loaded'
forbidden pidfd_getfd 'listener cannot be had'
forbidden signalfd4 'signals and events'
forbidden socket 'connect to|unix://'

# ---- the link is cut ----

mkfifo "$n/said_by_cat" "$n/go"
cut_at() {	# NAME: cat reads a pipe that is held open there
	local name=$1 reader writer line sessions

	shift
	timeout -k 5 30 env -i PATH="$PATH" LC_ALL=C "$T/bin/rsc" run \
		--server "$url" --cwd "$TREE" -- bash -c 'cat fifo
		echo "cat $?"; echo x >not_there; echo "file $?"' \
		>"$n/said_by_cat" 2>"$n/err" &
	reader=$!
	exec 6<"$n/said_by_cat"
	there bash -c 'exec 5>fifo; echo here >&5; read -r _' <>"$n/go" &
	writer=$!
	read -r line <&6
	check "$name: cat reads there" here "$line"
	read -r sessions <"/proc/$server/task/$server/children"
	"$@" $sessions
	cat <&6 >"$n/out"
	wait $reader
	check "$name: status" 125 $?
	check "$name: what the program saw" $'cat 1\nfile 1' "$(<"$n/out")"
	check "$name: one line of rsc" 1 "$(grep -c ^rsc: "$n/err")"
	check "$name: EIO" 'cat: fifo: Input/output error' \
		"$(grep ^cat: "$n/err" | sort -u)"
	check "$name: EIO for what comes later" \
		'bash: line 2: not_there: Input/output error' \
		"$(grep not_there "$n/err")"
	check "$name: nothing here" no \
		"$([ -e "$TREE/not_there" ] && echo yes || echo no)"
	exec 6<&-
	echo >"$n/go"
	wait $writer
}
fresh
cut_at 'the session is killed' kill -KILL
cut_at 'the session is told to end' kill -TERM

# A server that stands still holds nobody who is told to end.
timeout -k 5 30 env -i PATH="$PATH" LC_ALL=C "$T/bin/rsc" run \
	--server "$url" --cwd "$TREE" -- cat fifo >"$n/said_by_cat" \
	2>"$n/err" &
reader=$!
exec 6<"$n/said_by_cat"
there bash -c 'exec 5>fifo; echo here >&5; read -r _' <>"$n/go" &
writer=$!
read -r _ <&6
read -r session <"/proc/$server/task/$server/children"
read -r tracer <"/proc/$reader/task/$reader/children"
read -r tracees <"/proc/${tracer% }/task/${tracer% }/children"
kill -STOP $session
until [[ $(<"/proc/${session% }/stat") == *') T '* ]]; do :; done
kill -TERM $tracees
cat <&6 >"$n/out"
wait $reader
check 'a server that stands still: the program ends by its signal' 143 $?
check 'and what is not closed is said' 1 "$(grep -c 'no answer' "$n/err")"
kill -CONT $session
exec 6<&-
echo >"$n/go"
wait $writer

# ---- how the program ends ----

serve main

for status in 0 1 2 77 124 125 126 127 128 200 255; do
	ours sh -c "exit $status"
	check "exit status $status" $status $?
done
for sig in HUP INT QUIT ILL ABRT FPE KILL SEGV PIPE ALRM TERM USR1 IO XCPU; do
	cat "$n/count" >/dev/null &
	counter=$!
	perl -e 'open STDERR, ">/dev/null"; system @ARGV; print $? & 255' \
		timeout 20 "$T/bin/rsc" run --server "$url" --cwd / -- \
		sh -c "kill -$sig \$\$" >"$n/out"
	wait $counter
	# timeout(1) dies of what its program died of.
	check "death by $sig" "$(kill -l $sig)" "$(<"$n/out")"
done
both_ways() {	# NAME STATUS CMD...
	local name=$1 want=$2

	shift 2
	ours "$@" >"$n/out" 2>"$n/err"
	check "$name: status" "$want" $?
	check "$name: one line that names it" 1 "$(grep -c "$1: " "$n/err")"
}
printf '#!/bin/sh\nexit 0\n' >"$T/bin/closed"
chmod 644 "$T/bin/closed"
both_ways 'no such program' 127 none-of-this-name
both_ways 'no such file' 127 /usr/bin/none-of-this-name
both_ways 'not executable' 126 "$T/bin/closed"
both_ways 'a directory' 126 /usr/bin
printf 'no program\0' >"$T/bin/garbage"
chmod 755 "$T/bin/garbage"
both_ways 'no program' 126 "$T/bin/garbage"
WANT=127 same bash -c 'none-of-this-name'
WANT=126 same bash -c "$T/bin/closed"
timeout 20 "$T/bin/rsc" run --server "$url" 2>"$n/err"
check 'no program is named' 125 $?
timeout 20 "$T/bin/rsc" run --no-such-option -- true 2>"$n/err"
check 'no such option' 125 $?
timeout 20 "$T/bin/rsc" run --server "$url" --filter=nonsense -- true 2>"$n/err"
check 'no such call' "125 1" "$? $(grep -c nonsense "$n/err")"
timeout 20 "$T/bin/rsc" run --server "$url" --filter=io_uring_setup -- true \
	2>"$n/err"
check 'a call that is refused' "125 1" "$? $(grep -c io_uring_setup "$n/err")"
timeout 20 "$T/bin/rsc" run --server "$url" --local relative -- true 2>"$n/err"
check 'a rule that is none' "125 1" "$? $(grep -c relative "$n/err")"
timeout 20 "$T/bin/rsc" run --server "$url" --rules /nonexistent -- true \
	2>"$n/err"
check 'no file of rules' "125 1" "$? $(grep -c /nonexistent "$n/err")"

# ---- what the server has no room for ----

there mkdir /srv/full /srv/fixed
there mount -t tmpfs -o noatime,size=64k,nr_inodes=20 full /srv/full
there mount -t tmpfs -o ro fixed /srv/fixed
TREE=/srv/full
empty() { there find /srv/full -mindepth 1 -delete; }
refresh=$(declare -f fresh)
fresh() { empty; }
WANT=1 same dd if=/srv/w/random of=x bs=4096 status=none
WANT=1 same cp /srv/w/random x
WANT=1 same bash -c 'cat /srv/w/random >x; stat -c %s x; echo >y'
WANT=1 same bash -c 'for i in {1..30}; do mkdir $i || exit; done'
WANT=1 same fallocate -l 1M x
WANT=1 same bash -c 'tee x </srv/w/random >/dev/null'
WANT=1 same bash -c 'printf "%070000d" 1 >x; s=$?; wc -c <x; exit $s'
WANT=13 same sqlite3 x 'create table t(x); insert into t values(zeroblob(200000));'
WANT=1 same touch /srv/fixed/x
WANT=1 same mkdir /srv/fixed/x
empty
eval "$refresh"
TREE=/srv/w

COUNT=$n/count serve few
prlimit --pid "$server" --nofile=20:20
few_url=$url
OPTS=()
ours bash -c 'for i in {10..40}; do eval "exec $i<numbers" || break; done
	echo $((i > 12)); exec 10<&- 11<&-; head -n 1 numbers
	mkdir made && echo made' >"$n/out" 2>"$n/err"
check 'no descriptor is left there: the program goes on' $'1\n1\nmade' \
	"$(<"$n/out")"
check 'no descriptor is left there: EMFILE' \
	'bash: line 1: numbers: Too many open files' "$(<"$n/err")"
url=${few_url/few/main}

# ---- names ----

same bash -c 'f=$(printf "a\nb"); echo x >"$f"; cat "$f"
	d=$(printf "\377\376\303"); mkdir "$d"; mv "$f" "$d/$f"
	cat "$d/$f"; ls -bR; ln -s "$d" "$f"; readlink "$f"; cat "$f/$f"'
same bash -c 'f=$(printf "%0255d" 0); echo x >"$f"; cat "$f"; cat "x$f"
	mkdir "x$f"; mv "$f" "x$f"; mv "$f" new; cat new'
WANT=1 same bash -c 'cat ""; mkdir ""; ls plain/; ls plain/x; cat dir/'
for i in 2044 2045 2046 2500; do
	same bash -c 'p=$(printf "./%.0s" $(seq '$i')); echo ${#p}; cat ${p}plain
		cat ${p}xplain; cat <${p}plain; stat -c %n ${p}plain; mkdir ${p}d
		mv ${p}plain ${p}p; mv plain ${p}p; ln -s ${p}p l; readlink l
		ln -s $p$p$p m; cat l; cd ${p}dir; ls; rm -f ${p}p; touch ${p}p
		setfattr -n trusted.x -v 1 ${p}numbers; [ -e ${p}random ]
		echo $?; true'
done

# ---- a server that may only be read ----

fresh
there mkdir /srv/ro
there mount --bind /srv/w /srv/ro
there mount -o remount,bind,ro /srv/ro
serve reader --read-only
readonly_url=$url
unchanged() {	# CMD...: says what it says on a file system of that kind
	local status label="$*"

	CWD=/srv/ro there "$@" >"$n/want.out" 2>"$n/want.err" </dev/null
	status=$?
	ours "$@" >"$n/got.out" 2>"$n/got.err" </dev/null
	check "--read-only: $label: status" $status $?
	check_file "--read-only: $label: stdout" "$n/want.out" "$n/got.out"
	check_file "--read-only: $label: stderr" "$n/want.err" "$n/got.err"
	CWD=/ there "$T/bin/list_tree" /srv/w >"$n/now"
	check_file "--read-only: $label: tree" "$n/before" "$n/now"
}
CWD=/ there "$T/bin/list_tree" /srv/w >"$n/before"
unchanged cat numbers
unchanged ls -la
unchanged bash -c 'cat <plain; cd dir && ls'
unchanged bash -c 'echo x >plain'
unchanged bash -c 'echo x >>plain'
unchanged bash -c 'echo x >new'
unchanged bash -c 'exec 5<>plain'
unchanged cp numbers new
unchanged mv numbers new
unchanged rm plain
unchanged rm -rf dir
unchanged mkdir new
unchanged rmdir dir/sub
unchanged ln numbers new
unchanged ln -s numbers new
unchanged chmod 600 plain
unchanged chown 1:1 plain
unchanged touch plain
unchanged touch -d @1 plain
unchanged touch new
unchanged truncate -s 1 plain
unchanged setfattr -n trusted.x -v y plain
unchanged setfattr -x trusted.x plain
unchanged mknod new c 1 3
unchanged mkfifo new
unchanged bash -c 'sed -i s/t/T/ plain 2>&1 | sed "s,/sed......,/sedX,"'
unchanged install plain new
unchanged sync plain

# ---- a server with another root ----

there cp /etc/passwd /srv/w/passwd.there
serve rooted --root /srv/w
rooted() {	# NAME WANT CMD...
	local name=$1 want=$2

	shift 2
	CWD=/ ours "$@" >"$n/out" 2>"$n/err"
	check "--root: $name" "$want" "$(<"$n/out")"
}
rooted 'its root' "$(there ls -A)" ls -A /
rooted '.. stays' "$(there ls -A)" ls -A /../..
rooted '.. of a link stays' "$(there ls -A)" ls -A dir/../up/..
rooted 'a relative way out' '' cat ../../../../../../../../etc/hostname
rooted 'an absolute link stays' '' cat out
rooted 'it is where it is' / bash -c 'cd dir/../../../..; /bin/pwd -P'
rooted 'descriptors stay' "$(there ls -A)" \
	bash -c 'exec 5<dir; /usr/bin/ls -A /proc/self/fd/5/../../..'
rooted 'nothing of the host' no bash -c '[ -e /etc/passwd ] || echo no'

# ---- addresses, and what else serve refuses at the start ----

refuses() {	# NAME PATTERN OPTION...
	local name=$1 pattern=$2

	shift 2
	timeout 10 "$T/bin/rsc" serve "$@" >"$n/out" 2>"$n/err"
	check "serve $name: status" 125 $?
	check "serve $name: one line that says why" 1 \
		"$(grep -Ec -- "$pattern" "$n/err")"
}
refuses 'any address' 'insecure-no-auth|loopback' --listen tcp://0.0.0.0:0
refuses 'any address, insecure' 'loopback' --listen tcp://0.0.0.0:0 \
	--insecure-no-auth
refuses 'any address, IPv6' 'loopback' --listen 'tcp://[::]:0' \
	--insecure-no-auth
refuses 'loopback without the option' 'insecure-no-auth' \
	--listen tcp://127.0.0.1:0
refuses 'a socket in use' 'answers' --listen "unix://$T/main.sock"
refuses 'a folder that is not there' 'No such file' --listen unix:///none/x
refuses 'a path that is too long' 'at most 107 bytes' \
	--listen "unix:///$(printf '%0200d' 0)"
refuses 'no such scheme' 'pigeon' --listen pigeon:1
refuses 'a root that is not there' '/nonexistent.*No such file' \
	--listen "unix://$T/x.sock" --root /nonexistent
refuses 'a root that is no directory' '/etc/passwd.*Not a directory' \
	--listen "unix://$T/x.sock" --root /etc/passwd
refuses 'nothing' '--listen' --read-only
refuses 'both' '--listen' --listen "unix://$T/x" --stdio
finish
