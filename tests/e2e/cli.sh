#!/bin/bash
# What the user of rsc run sees: status, signals, messages, trace, summary.
. "$(dirname "$0")/lib.sh"
build cli_probe
worlds
COUNT=/dev/null serve main
prepare '
	printf "0123456789%.0s" 1 2 3 4 5 6 7 8 9 10 >long
	printf "tab\there\n\001\377" >odd
	mkdir bin; echo x >locked
	printf "#!/bin/sh\necho from there\n" >bin/cat; cp bin/cat bin/only-there
	chmod 755 bin/cat bin/only-there
'
fresh
RSC=$T/bin/rsc
export HOME=/home/u
unset RSC_SERVER RSC_RULES
# What the test itself was started with would take numbers of the trace.
exec 3>&- 4>&- 5>&- 6>&- 7>&- 50>&-
HERE=(--local '/usr/**' --local '/bin/**' --local '/lib/**' --local '/lib64/**'
	--local "$T/**")

try() {	# OPTION... -- CMD...: out, err and status of rsc run
	timeout -k 5 "$LIMIT" "$RSC" run --server "$url" --cwd "$TREE" "$@" \
		>"$T/note/out" 2>"$T/note/err"
	status=$?
	out=$(tr -d '\0' <"$T/note/out")
	err=$(<"$T/note/err")
}

# Like a shell's $?, but a signal is negative.
ended() {	# CMD...
	python3 -c 'import subprocess, sys
print(subprocess.call(sys.argv[1:], stdout=subprocess.DEVNULL,
	stderr=subprocess.DEVNULL))' "$@"
}

# ---- how it ends ----

run=("$RSC" run --server "$url" --cwd "$TREE" "${HERE[@]}" --)
for n in 0 1 77 125 126 127 255; do
	check "status $n" $n "$(ended "${run[@]}" sh -c "exit $n")"
done
for sig in HUP INT QUIT KILL SEGV PIPE ALRM TERM USR1 XFSZ RTMIN; do
	# shellcheck disable=SC2016
	check "ends by SIG$sig" "$(ended bash -c 'kill -$0 $$' $sig)" \
		"$(ended "${run[@]}" bash -c 'kill -$0 $$' $sig)"
done
check 'a signal that rsc was started with blocked' -15 \
	"$(python3 -c 'import signal, subprocess, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
print(subprocess.call(sys.argv[1:]))' "${run[@]}" python3 -c \
	'import os, signal
signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
os.kill(os.getpid(), signal.SIGTERM)')"

# Where a core goes is the kernel's setting; it is not a pipe on test machines.
mkdir "$T/core" && cd "$T/core" || exit 1
bash -c 'ulimit -c unlimited; kill -SEGV $$' 2>/dev/null
native=$(ls)
rm -f -- *
try "${HERE[@]}" -- bash -c 'ulimit -c unlimited; kill -SEGV $$'
check 'a core is said' "${native:+rsc: the program left a core}" "$err"
check 'there is one core' "$(wc -w <<<"$native")" "$(ls | wc -l)"
[ -z "$native" ] || check 'of the program, not of rsc' '' "$(grep -la -- '--server' *)"
try "${HERE[@]}" -- bash -c 'ulimit -c 0; kill -SEGV $$'
check 'none is not said' '' "$err"
cd /

failure() {	# NAME STATUS LINE OPTION...: rsc run ends so, with that line
	local name=$1 want=$2 line=$3

	shift 3
	try "$@"
	check "$name: status" "$want" "$status"
	check "$name: nothing on stdout" '' "$out"
	check "$name: what it says" "rsc: $line" "$(head -n 1 "$T/note/err")"
}
failure 'no such program' 127 'nosuch: no such program in $PATH' -- nosuch
failure 'no such file' 127 '/no/such: No such file or directory' -- /no/such
failure 'not executable' 126 '/etc/passwd: Permission denied' -- /etc/passwd
failure 'a directory' 126 '/usr: Permission denied' -- /usr
failure 'no program' 125 'no program is named' --all
failure 'no such set' 125 '--filter: there is no set %x; there are %file %desc %network %net %clock %creds %stat %process %memory %ipc %signal %system' \
	--filter=%x -- true
failure 'a local call' 125 '--filter: getpid cannot be forwarded: it happens in this kernel (processes of this machine); leave it out, `rsc syscalls` lists what can be' \
	--filter=read,getpid -- true
failure 'a refused call' 125 '--filter: io_uring_setup cannot be forwarded: it is refused (would pass the stops by; programs fall back); leave it out, `rsc syscalls` lists what can be' \
	--filter=io_uring_setup -- true
failure 'no directory there' 125 '--cwd /no/such: No such file or directory' \
	--cwd /no/such -- true
failure 'a rule' 125 '--local x: neither an absolute path nor an address' --local x -- true
failure 'no file of rules' 125 '--rules /no/such: No such file or directory' \
	--rules /no/such -- true
failure '-s' 125 '-s x: not a number of bytes' -s x -- true
failure '-e' 125 '-e status=x: there is no status x; there are successful, failed, unfinished, all and none' \
	-e status=x -- true
failure '-o' 125 '-o /no/such: No such file or directory' -o /no/such -- true
failure '--fds' 125 '--fds=x: write high or lowest' --fds=x -- true
try --nope -- true
check 'an unknown option: status' 125 $status
check 'an unknown option' "rsc run: unrecognized option '--nope'" \
	"$(head -n 1 "$T/note/err")"

# ---- which program ----

rm -r "$TREE/bin"
search() {	# CMD...
	PATH=$TREE/bin:/no/such:$PATH "$RSC" run --server "$url" --cwd / \
		"${HERE[@]}" "$@" 2>&1
}
check 'what $PATH has here is not looked for there' box \
	"$(search -e trace=execve -- cat /etc/hostname)"
check 'what it has there only is found' 'from there' \
	"$(search -e trace=execve -- only-there)"
check 'a program of a program is in the trace' \
	"execve(\"$TREE/bin/cat\", A, A) = 0 <local>
from there" "$(search -e trace=execve -- bash -c 'exec cat' |
	sed 's/0x[0-9a-f]*/A/g')"

# ---- which server ----

check 'RSC_SERVER' 'NAME="box"' \
	"$(RSC_SERVER=$url "$RSC" run --cwd / -- head -n 1 /etc/os-release)"
check '--server wins' 'NAME="box"' \
	"$(RSC_SERVER=unix:///no/such "$RSC" run --server "$url" --cwd / -- \
		head -n 1 /etc/os-release)"
check 'none: an embedded one, which is said' \
	'rsc: no server is named: calls go to an embedded server on this machine
NAME="here"' "$("$RSC" run -- head -n 1 /etc/os-release 2>&1)"
check 'the empty string names none' 'NAME="here"' \
	"$(RSC_SERVER= "$RSC" run -- head -n 1 /etc/os-release 2>/dev/null)"

python3 - "$RSC" "$TREE" <<'END'
import os, socket, subprocess, sys
rsc, tree = sys.argv[1:]
serve = [rsc, "serve", "--stdio", "--root", tree]
want = b"01234"
failed = 0

def check(name, url, files, **how):
    global failed
    p = subprocess.run([rsc, "run", "--server", url, "--cwd", "/", "--", "head",
                        "-c", "5", "/file"], stderr=subprocess.PIPE,
                       timeout=60, **how)
    for f in files:
        os.close(f)
    got = p.stderr if p.stdout is None else p.stdout
    status = server.wait()
    if (got, p.returncode, status) != (want, 0, 0):
        print("FAIL %s: %r, server %d" % (name, p, status))
        failed = 1

def start(stdin, stdout):
    global server
    server = subprocess.Popen(serve, stdin=stdin, stdout=stdout)
    for f in {stdin, stdout}:
        os.close(f)

with open(tree + "/file", "wb") as f:
    f.write(want)
near, far = (s.detach() for s in socket.socketpair())
start(far, far)
check("fd:N", "fd:%d" % near, [near], pass_fds=[near], stdout=subprocess.PIPE)
(there, write), (read, back) = os.pipe(), os.pipe()
start(there, back)
check("fd:IN,OUT", "fd:%d,%d" % (read, write), [read, write],
      pass_fds=[read, write], stdout=subprocess.PIPE)
near, far = (s.detach() for s in socket.socketpair())
start(far, far)
check("stdio:", "stdio:", [near], stdin=near, stdout=near)
sys.exit(failed)
END
check 'fd: and stdio:' 0 $?
rm "$TREE/file"
check 'exec:' 'name' "$("$RSC" run --cwd / --server \
	"exec:$RSC serve --stdio --root /home" -- ls / | grep name)"

# ---- rules ----

rules_env() {	# RULES OPTION... -- CMD...
	RSC_RULES=$1 "$RSC" run --server "$url" --cwd / "${@:2}" 2>&1
}
check 'RSC_RULES' here "$(rules_env $'# c\n\nlocal /etc/hostname' -- \
	cat /etc/hostname)"
check 'RSC_RULES, its second line' 'cat: /etc/passwd: Permission denied' \
	"$(rules_env $'local /etc/hostname\ndeny /etc/passwd\n' -- \
		cat /etc/passwd)"
check 'options come first' box "$(rules_env 'local /etc/hostname' \
	--remote /etc/hostname -- cat /etc/hostname)"
check 'a bad rule there' 'rsc: RSC_RULES, line 2: not a rule (local, remote, deny, missing or map, then an absolute path or an address)' \
	"$(rules_env $'\nlocl /etc/hostname' -- cat /etc/hostname)"
check 'an empty one is none' box "$(rules_env '' -- cat /etc/hostname)"
explain() {
	RSC_RULES='local /env/**' "$RSC" explain "$@" 2>&1
}
check 'explain: a given rule' '/a/c: deny (given rule: deny /a/*)' \
	"$(explain --deny '/a/*' --local /a/c '/a/b/../c')"
check 'explain: a map' '/a/c: remote as /b/c (given rule: map /a)' \
	"$(explain --map='/a=>/b' /a/c)"
check 'explain: missing' '/a: missing (given rule: missing /a)' \
	"$(explain --missing /a /a)"
check 'explain: the environment' '/env/x: local (given rule: local /env/**)' \
	"$(explain /env/x)"
check 'explain: built-in' '/dev/pts/3: local (built-in rule: local /dev/pts/**)' \
	"$(explain /dev/pts/3)"
check 'explain: the default' '/etc/passwd: remote (no rule matches: the default)' \
	"$(explain /etc/passwd)"

# ---- the trace ----

D=$TREE
probe=(-- "$T/bin/cli_probe")
try "${HERE[@]}" -t "${probe[@]}"
check 'the probe: status' 0 $status
check 'the probe: its output is its own' done "$out"
cat >"$T/note/want" <<END
chdir("$D") = 0 <remote>
openat(AT_FDCWD, "long", O_RDWR|O_CLOEXEC) = 3 <remote>
read(3, "01234567890123456789012345678901"..., 64) = 64 <remote>
pread64(3, "234", 3, 2) = 3 <remote>
fcntl(3, F_SETLK, {l_type=F_WRLCK, l_whence=SEEK_SET, l_start=1, l_len=2}) = 0 <remote>
fcntl(3, F_GETLK, {l_type=F_UNLCK, l_whence=SEEK_SET, l_start=1, l_len=2, l_pid=0}) = 0 <remote>
fcntl(3, F_GETFL) = 0x8002 (flags O_RDWR|O_LARGEFILE) <remote>
fcntl(3, F_DUPFD_CLOEXEC, 50) = 50 <local>
ioctl(3, FIONREAD, [36]) = 0 <remote>
ioctl(3, 0xabcd, 0x7) = -1 ENOTTY (Inappropriate ioctl for device) <local>
openat(AT_FDCWD, "odd", O_RDONLY) = 4 <remote>
read(4, "tab\there\n\1\377", 64) = 11 <remote>
newfstatat(4, "", {st_mode=S_IFREG|0644, st_size=11, ...}, AT_EMPTY_PATH) = 0 <remote>
unlinkat(AT_FDCWD, "nosuch", 0) = -1 ENOENT (No such file or directory) <remote>
read(3, 0x1, 5) = -1 EFAULT (Bad address) <remote>
umask(022) = 022 <remote>
dup2(4, 3) = 3 <local>
close(50) = 0 <remote>
io_uring_setup(8, NULL) = -1 ENOSYS (Function not implemented) <local>
syscall_0x258(0x1, 0x2, 0x3, 0x4, 0x5, 0x6) = -1 ENOSYS (Function not implemented) <local>
END
# The program's own, from its chdir on; aarch64 has another O_LARGEFILE.
sed -n '/^chdir(/,$ { s/0x20002 (/0x8002 (/; p }' "$T/note/err" >"$T/note/got"
check_file 'the trace' "$T/note/want" "$T/note/got"
try "${HERE[@]}" -t -y -s 4 -e trace=read,openat,dup2 "${probe[@]}"
cat >"$T/note/want" <<END
openat(AT_FDCWD<$D>, "long", O_RDWR|O_CLOEXEC) = 3<$D/long> <remote>
read(3<$D/long>, "0123"..., 64) = 64 <remote>
openat(AT_FDCWD<$D>, "odd", O_RDONLY) = 4<$D/odd> <remote>
read(4<$D/odd>, "tab\t"..., 64) = 11 <remote>
read(3<$D/long>, 0x1, 5) = -1 EFAULT (Bad address) <remote>
dup2(4<$D/odd>, 3) = 3<$D/odd> <local>
END
sed -n '/"long"/,$p' "$T/note/err" >"$T/note/got"
check_file '-y -s 4 -e trace' "$T/note/want" "$T/note/got"
try "${HERE[@]}" -e status=failed -e trace=%file "${probe[@]}"
check '-e status=failed' \
	'unlinkat(AT_FDCWD, "nosuch", 0) = -1 ENOENT (No such file or directory) <remote>' \
	"$(grep -v '/etc/ld' <<<"$err")"
try "${HERE[@]}" -t -T -e 'trace=/^f?chdir$' "${probe[@]}"
check '-T' "chdir(\"$D\") = 0 <remote, S>" \
	"$(sed -E 's/[0-9]+\.[0-9]{6}>$/S>/' <<<"$err")"
try "${HERE[@]}" -t -o "$T/note/trace" -e trace=chdir "${probe[@]}"
check '-o: nothing on stderr' '' "$err"
check '-o: the numbers of the threads' "N chdir(\"$D\") = 0 <remote>" \
	"$(sed -E 's/^[0-9]+ +/N /' "$T/note/trace")"
failure '-e of what is never seen' 125 \
	'-e trace=getpid: getpid always happens in this kernel, unseen; trace it with strace(1)' \
	-e trace=getpid -- true
try "${HERE[@]}" -v -t -e trace=none "${probe[@]}"
check '-v says what is refused' 'rsc: io_uring_setup: ENOSYS: would pass the stops by; programs fall back' \
	"$(grep -m 1 io_uring <<<"$err")"

# Killed in the middle of a call: a write that is longer than a pipe, of which
# the first byte has come out.
mkfifo "$T/note/kill" "$T/note/over"
there mkfifo pipe
# shellcheck disable=SC2016
timeout -k 5 "$LIMIT" "$RSC" run --server "$url" --cwd "$TREE" "${HERE[@]}" \
	-y -s 1 -e trace=write -o "$T/note/trace" -- bash -c '
	dd if=/dev/zero of=pipe bs=1M count=1 2>/dev/null &
	read -r _ <$0
	kill -KILL $!' "$T/note/kill" &
waiter=$!
# It has the pipe open, and reads no more of it, until the writer is dead.
there bash -c 'exec <pipe; head -c 1 >"$T/note/first"; echo >"$T/note/kill"
	read -r _ <"$T/note/over"' &
reader=$!
wait "$waiter"
echo >"$T/note/over"
wait "$reader"
check 'unfinished' "N write(1<$D/pipe>, \"\\0\"..., 1048576 <unfinished ...>) = ? <remote>" \
	"$(sed -E 's/^[0-9]+ +/N /' "$T/note/trace")"

# ---- the summary ----

uncounted=$url
serve counted

OPTS=("${HERE[@]}" -c -o "$T/note/table")
ours "$T/bin/cli_probe" >"$T/note/out"
cp "$T/note/counts" "$T/note/there"
OPTS=("${HERE[@]}" -c --json -o "$T/note/json")
ours "$T/bin/cli_probe" >"$T/note/out"
check 'with and without --json: the same on the server' \
	"$(sort "$T/note/there")" "$(sort "$T/note/counts")"
python3 - "$T/note/table" "$T/note/json" "$T/note/counts" <<'END'
import json, re, sys
table = open(sys.argv[1]).read().splitlines()
j = json.load(open(sys.argv[2]))
there = {k: int(v) for k, v in
         (line.split() for line in open(sys.argv[3]))}
failed = False

def check(name, want, got):
    global failed
    if want != got:
        print("FAIL %s: expected %r, got %r" % (name, want, got))
        failed = True

check("columns", "% time seconds usecs/call calls errors bytes syscall",
      " ".join(table[0].split()))
rows = {}
for line in table[2:]:
    if line.startswith("---"):
        break
    # The column of the errors may be empty.
    calls, errors, size = line[31:40], line[41:50].strip(), line[51:61]
    name = re.sub(r".*\((.*)\)", r"\1", line[62:])
    rows[name] = (int(calls), int(errors or 0), int(size))
    float(line[:6]), float(line[7:18]), int(line[19:30])
check("the same rows", set(rows), set(j["calls"]))
for name, row in rows.items():
    c = j["calls"][name]
    check(name, row, (c["calls"], c["errors"], c["bytes"]))
total = table[[i for i, l in enumerate(table) if l.startswith("---")][1] + 1]
check("the total", [sum(r[0] for r in rows.values()),
                    sum(r[1] for r in rows.values()),
                    sum(r[2] for r in rows.values())],
      [int(x) for x in total.split()[3:6]])
check("errors are counted", (1, 1, 0), rows["unlinkat"])
check("refused in the table", ["refused: io_uring_setup, 1 times (ENOSYS: "
      "would pass the stops by; programs fall back)"],
      [l for l in table if l.startswith("refused")])
check("refused", {"io_uring_setup": 1}, j["refused"])
check("unknown in the table", ["unknown: request 0xabcd of ioctl, 1 times",
      "unknown: call 600, 1 times (ENOSYS)"],
      [l for l in table if l.startswith("unknown")])
check("unknown", [{"request": "ioctl", "number": 0xabcd, "count": 1},
                  {"kind": "call", "number": 600, "count": 1}], j["unknown"])
check("unknown calls", (1, 1), (j["unknown_calls"], j["unknown_requests"]))
check("not lost", False, j["lost"])
line = [l for l in table if " round trips, " in l]
got = [int(x) for x in re.findall(r"\d+", line[0])]
check("stops of the table", True, abs(got[0] - j["stops"]) < 20)
check("round trips", got[1], j["round_trips"])
check("bytes", True, all(x > 0 for x in got[2:]))
# What the program made and what the server ran are the same calls.
for name in ("openat", "pread64", "F_SETLK", "F_GETLK", "F_GETFL", "FIONREAD",
             "unlinkat", "chdir"):
    mine = j["calls"].get(name, {"calls": 0})["calls"]
    # The tracer changes to the first directory before the program starts, and
    # ends the locks when a duplicate is closed.
    check("%s here and there" % name, mine + (name in ("chdir", "F_SETLK")),
          there.get(name, 0))
sys.exit(failed)
END
check "the summary" 0 $?
url=$uncounted
for option in -c --json; do
	try "${HERE[@]}" $option -- bash -c 'kill -TERM $$'
	check "$option, ended by a signal" 1 \
		"$(grep -cE ' round trips, |"round_trips"' <<<"$err")"
done
finish
