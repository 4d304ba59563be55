#!/bin/bash
# Programs that only the server has are executed here, under the names that
# they have there.
. "$(dirname "$0")/lib.sh"
build exec_probe
build exec_probe probe_static -static
build forbid forbid -lseccomp
build_musl exec_probe probe_musl
musl-gcc "${CFLAGS[@]}" -o "$T/bin/probe_dynamic" exec_probe.c || exit 1
worlds
serve main

prepare 'for p in exec_probe probe_static probe_musl; do
		cp $T/bin/$p $p; done
	mkdir dir
	printf "#!/srv/w/exec_probe\n" >plain
	printf "#! ./exec_probe  one two \t\nrest\n" >argument
	printf "#!./argument three\n" >nested
	printf "#!./probe_static" >unended
	printf "#!\n" >empty
	printf "#!/nonexistent x\n" >lost
	printf "#!/bin/sh -e\necho \$0 \"\$@\" \$#; false; echo no\n" >shell
	printf "echo no mark \$0\n" >bare
	printf "#!/usr/bin/python3\nimport sys\nprint(sys.argv)\n" >python
	printf "#!%0300d\n" 1 >long
	printf "#!./loop\n" >loop
	printf "\177ELF junk" >junk
	ln -s exec_probe link
	ln -s plain plain_link
	cp exec_probe unreadable
	chmod 755 *
	cp exec_probe noexec; chmod 644 noexec; chmod 711 unreadable'

# ---- names ----
for p in ./exec_probe /srv/w/probe_static dir/../probe_musl ./link ./plain \
	./argument ./nested ./unended ./plain_link; do
	reading bash -c "WORD=w $p a 'b c' ''"
	reading bash -c "(exec -a other $p x)"
done
reading bash -c './shell 1 2; echo $?'
reading bash -c 'cd dir; ../shell; cd ..; PATH=/srv/w:$PATH; shell x; link y'
reading ./exec_probe
WANT=1 reading ./shell 1 2
reading python3 -c 'import subprocess
for p in ["./exec_probe", "./plain", "/srv/w/python", "./nested"]:
    print(subprocess.run([p, "x"], capture_output=True))'
reading env ./plain 1

reading python3 -c 'import os, subprocess
for p in ["./exec_probe", "./link"]:
    c = subprocess.Popen([p, "-w"], stdin=subprocess.PIPE,
        stdout=subprocess.PIPE)
    c.stdout.readline()
    print(os.readlink(f"/proc/{c.pid}/exe"),
        os.path.getsize(f"/proc/{c.pid}/exe"))
    c.communicate()'

# ---- ways ----
for way in -a -f -s -t; do
	for p in exec_probe probe_static plain argument; do
		reading ./exec_probe $way $p x y
	done
done
for way in -a -s -t; do
	reading ./exec_probe $way link x y
done
reading ./exec_probe -c probe_static x
WANT=1 reading ./exec_probe -c plain x
WANT=1 reading ./exec_probe -l link x
reading ./exec_probe -l plain x
reading ./exec_probe -m ./exec_probe
reading ./exec_probe -m ./plain
reading bash -c './exec_probe -S ./probe_musl | sort | uniq -c'

# ---- failures ----
for p in ./nonexistent ./noexec ./dir ./empty ./lost ./long ./loop ./junk \
	./exec_probe/x; do
	reading ./exec_probe -e "$p"
	reading bash -c "$p; echo \$?"
	reading ./exec_probe -s "$p"
done
reading bash -c './bare; echo $?'

# ---- ETXTBSY ----
busy() {	# SCRIPT
	same /usr/bin/python3 -c "import mmap, os, subprocess, sys
def call(f, *args):
    try: print(f(*args))
    except OSError as e: print(e.strerror)
def ran(*args):
    return subprocess.run(args, stdout=subprocess.PIPE).returncode
def starts(*args):
    c = subprocess.Popen([*args, '-w'], stdin=subprocess.PIPE,
        stdout=subprocess.PIPE)
    c.stdout.readline(); return c
def opens(name, flags):
    os.close(os.open(name, flags))
$1"
}
busy 'f = os.open("exec_probe", os.O_RDWR)
call(ran, "./exec_probe"); call(ran, "./link"); call(ran, "./plain")
os.close(f); call(ran, "./exec_probe"); f = open("plain", "a")
call(ran, "./plain"); f.close(); call(ran, "./plain")'
busy 'f = os.open("probe_musl", os.O_RDWR); m = mmap.mmap(f, 0); os.close(f)
call(ran, "./probe_musl"); m.close(); call(ran, "./probe_musl")
if not os.fork():
    m = mmap.mmap(os.open("probe_static", os.O_RDWR), 0); m[-1] = m[-1]
    os._exit(0)
os.wait(); call(ran, "./probe_static")'
busy 'c = starts("./link"); d = starts("./exec_probe")
for n in "exec_probe", "link", "plain", "probe_static":
    for f in (os.O_WRONLY, os.O_RDWR, os.O_RDONLY, os.O_RDONLY | os.O_TRUNC,
              os.O_RDWR | os.O_CREAT, os.O_CREAT | os.O_EXCL | os.O_WRONLY,
              os.O_WRONLY | os.O_NOFOLLOW):
        if n != "probe_static" or not f & os.O_TRUNC: call(opens, n, f)
call(os.truncate, "link", 3); call(os.truncate, "nonexistent", 3)
os.link("exec_probe", "hard"); call(opens, "hard", os.O_RDWR)
os.chmod("exec_probe", 0o700)
c.communicate(); call(opens, "exec_probe", os.O_RDWR)
os.rename("exec_probe", "moved"); call(opens, "moved", os.O_RDWR)
d.communicate(); call(opens, "moved", os.O_RDWR)
call(os.truncate, "moved", 3); call(ran, "./moved")'
busy 'c = starts("./plain"); call(opens, "plain", os.O_RDWR)
call(opens, "exec_probe", os.O_RDWR); c.kill(); c.wait()
call(opens, "exec_probe", os.O_RDWR)
c = starts("./argument"); call(opens, "argument", os.O_RDWR); c.communicate()'
MODES=(--all)
busy 'c = starts("./exec_probe")
os.setegid(1000); os.seteuid(1000); call(opens, "exec_probe", os.O_RDWR)
os.seteuid(0); call(opens, "exec_probe", os.O_RDWR); c.communicate()'
MODES=('' --all)

# A server whose kernel cannot say it of execve: a lease can.
ENV_SERVE=(X= "$T/bin/forbid" execveat --)
serve forbidden
ENV_SERVE=(X=)
busy 'f = os.open("exec_probe", os.O_RDWR); call(ran, "./exec_probe")
os.close(f); call(ran, "./exec_probe")
f = open("plain", "a"); call(ran, "./plain")'
reading ./exec_probe -e ./noexec
serve main2

# ---- programs made there ----
same bash -c 'echo "int main(void) { return 7; }" >x.c && gcc -o x x.c
	./x; echo $?; sed -i s/7/8/ x.c; gcc -o x x.c; ./x; echo $?'
same bash -c 'cp probe_static again; ./again 1; rm again; cp exec_probe again
	./again 2; mv again more; ./more; ./again; echo $?'

# ---- what a dynamic program needs ----
# The same program with another PT_INTERP, filled up with slashes.
cat >"$T/bin/reinterp" <<'END'
#!/usr/bin/python3
import struct, sys
data = bytearray(open(sys.argv[1], "rb").read())
at, size, count = struct.unpack_from("<Q14xHH", data, 32)
for i in range(count):
    ph = struct.unpack_from("<IIQQQQQQ", data, at + i * size)
    if ph[0] == 3:
        name = sys.argv[3].encode()
        data[ph[2]:ph[2] + ph[5] - 1] = name.rjust(ph[5] - 1, b"/")
if len(sys.argv) > 4:
    struct.pack_into("<H", data, 18, int(sys.argv[4]))
open(sys.argv[2], "wb").write(data)
END
chmod +x "$T/bin/reinterp"
prepare 'mkdir d; cp $T/bin/exec_probe $T/bin/reinterp .
	echo no loader >text; chmod 755 text
	real=$(readlink -f $(readelf -l exec_probe |
		sed -n "s/.*interpreter: \(.*\)]/\1/p"))
	cp $real ld; cp $real ld.no; chmod 644 ld.no; cp $real ld.busy
	$T/bin/reinterp ld ld.other /x 50; chmod 755 ld.other
	for i in ld ld.no ld.busy ld.other text d lost text/x; do
		$T/bin/reinterp exec_probe "to.$(echo $i | tr / _)" /srv/w/$i
	done
	$T/bin/reinterp exec_probe other /srv/w/ld 50
	chmod 755 to.* other ld.busy; cp exec_probe suid; chmod 6755 suid
	cp /usr/bin/id who; chown 1:1 who; chmod 6755 who'
for i in ld ld.no ld.other text d lost text_x; do
	reading ./exec_probe -e ./to.$i
	reading bash -c "./to.$i 1 2; echo \$?"
done
same /usr/bin/python3 -c 'import os, subprocess
f = open("ld.busy", "r+b")
try: print(subprocess.run(["./to.ld.busy"]))
except OSError as e: print(e.strerror)
f.close(); print(subprocess.run(["./to.ld.busy"]).returncode)'
OPTS=(--all)
check 'another machine'\''s: status' 126 \
	"$(ours bash -c ./other 2>"$T/note/err"; echo $?)"
check 'another machine'\''s: its name' yes \
	"$(grep -q "^rsc: $TREE/other: a program for ia64 (ELF machine 50)" \
		"$T/note/err" && echo yes)"
check 'set-user-ID: runs' 'execfn ./suid comm suid <./suid> ' \
	"$(ours bash -c ./suid 2>"$T/note/err")"
check 'set-user-ID: a line' \
	"rsc: $TREE/suid: set-user-ID and set-group-ID are not honoured" \
	"$(<"$T/note/err")"
check 'set-user-ID: it is nobody else' '1000 1000' \
	"$(ours setpriv --reuid 1000 --regid 1000 --clear-groups \
		bash -c 'echo $(./who -u) $(./who -g)' 2>/dev/null)"

# ---- it changes while it is fetched ----
prepare 'cp $T/bin/probe_static one; cp $T/bin/probe_musl two; cp one now'
mkfifo "$T/note/stop"
there bash -c 'i=0; exec 5<>$T/note/stop
	until read -t 0.01 -u 5 _; do
		cp $([ $((i ^= 1)) = 0 ] && echo one || echo two) next
		mv next now
	done' &
other=$!
check 'a program that is replaced again and again' \
	'30 execfn ./now comm now <./now> ' \
	"$(ours bash -c 'for ((i = 0; i < 30; i++)); do ./now; done' 2>&1 |
		uniq -c | sed 's/^ *//')"
echo stop >"$T/note/stop"
wait $other

# ---- whose ----
decoy=$TREE/tool
prepare 'printf "#!/bin/sh\necho the server\n" >tool; chmod 755 tool'
mode() {	# WANT OPTION...
	local want=$1

	shift
	OPTS=("$@")
	check "whose: $*" "$want" "$(ours bash -c "$decoy")"
}
printf '#!/bin/sh\necho here\n' >"$decoy"
printf '#!/bin/sh\necho only here\n' >"$TREE/mine"
chmod 755 "$decoy" "$TREE/mine"
mode 'the server' --all
mode 'the server' --all --exec=auto
mode 'the server' --all --exec=remote
mode here --all --local "$decoy"
OPTS=(--all)
check 'what only this machine has' 'only here' "$(ours bash -c /srv/w/mine)"
check 'its program as the first' here "$(ours "$decoy")"
OPTS=(--all --exec=auto)
check 'the first, auto' 'the server' "$(ours "$decoy")"
check 'only here, auto' 'only here' "$(ours "$TREE/mine")"
OPTS=(--all --exec=remote)
check 'only here, remote' 127 "$(ours "$TREE/mine" 2>/dev/null; echo $?)"
check 'no such mode' 125 \
	"$("$T/bin/rsc" run --exec=bad -- true 2>/dev/null; echo $?)"

# ---- another userland: musl and busybox, nothing of Debian's ----
CWD=/ there bash -c 'set -e; B=/srv/alpine; mkdir -p $B/bin $B/lib $B/tmp
	cp /bin/busybox $B/bin/
	cp -L /lib/ld-musl-*.so.1 $B/lib/
	for a in sh ls cat echo sed sort wc mkdir; do
		ln -s busybox $B/bin/$a; done
	cp $T/bin/probe_dynamic $B/bin/probe
	printf "#!/bin/sh\necho \$0 \$#; cat /tmp/file\n" >$B/bin/script
	chmod 755 $B/bin/script
	echo there >$B/tmp/file' || failed=1
decoys >"$T/note/decoys"
serve alpine --root /srv/alpine
OPTS=(--all --exec=remote)
CWD=/
foreign() {	# SCRIPT
	local want

	want=$(there chroot /srv/alpine /bin/sh -c "$1")
	check "busybox: $1" "$want" "$(PATH=/bin ours sh -c "$1")"
}
foreign 'ls -l /bin | wc -l; cat /tmp/file | sed s/there/where/'
foreign 'probe 1 2; /bin/probe; cd /bin; ./probe x; script a b; ./script'
foreign 'mkdir -p /tmp/a; ls /tmp; for i in 1 2 3; do echo $i; done | sort -r'
check 'a static program of there' 'there' "$(PATH=/bin ours cat /tmp/file)"
check 'no such program there' 127 \
	"$(PATH=/bin ours python3 2>/dev/null; echo $?)"

# ---- what is kept ----
unset CWD
serve kept
prepare 'cp $T/bin/exec_probe tool'
OPTS=(--all)
ours ./tool 2>/dev/null
ours bash -c ./tool >/dev/null
rm -rf "$T/cache"
ours bash -c ./tool >/dev/null
reads=$(count pread64)
check 'it is fetched' yes "$([ "$reads" -gt 0 ] && echo yes)"
ours bash -c ./tool >/dev/null
less=$(count pread64)
check 'and kept' yes "$([ "$less" -lt "$reads" ] && echo yes)"
for f in "$T"/cache/rsc/programs/*/????????????????*; do
	[ -L "$f" ] || printf x >>"$f"
done
check 'what was changed is not run' 'execfn ./tool comm tool <./tool> ' \
	"$(ours bash -c ./tool 2>"$T/note/changed")"
check 'and said' yes "$(grep -q 'not what was kept' "$T/note/changed" &&
	echo yes)"
rm -rf "$T/cache"
exec 7<>"$T/note/count"	# sessions end without a reader
for i in 1 2 3 4; do
	env -i PATH="$PATH" XDG_CACHE_HOME="$T/cache" "$T/bin/rsc" run \
		--server "$url" --cwd "$TREE" --all -- bash -c ./tool \
		>"$T/note/run$i" 2>&1 &
	pids[i]=$!
done
for i in 1 2 3 4; do
	wait "${pids[i]}"
	check 'four runs fill it at once' 'execfn ./tool comm tool <./tool> ' \
		"$(<"$T/note/run$i")"
done
mkdir "$T/full"
mount -t tmpfs -o size=8k full "$T/full"
check 'a full disk' 126 "$(env -i PATH="$PATH" XDG_CACHE_HOME="$T/full" \
	"$T/bin/rsc" run --server "$url" --cwd "$TREE" --all -- \
	bash -c ./tool 2>"$T/note/full"; echo $?)"
check 'is said' yes "$(grep -q 'cannot be kept here: No space' \
	"$T/note/full" && echo yes)"
umount "$T/full"
exec 7<&-
ran newfstatat rsc_may_exec rsc_running openat fstatfs pread64
finish
