#!/bin/bash
# Programs that only the server has are executed here, under the names that
# they have there.
. "$(dirname "$0")/lib.sh"
build exec_probe
build exec_probe probe_static -static
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

# ---- programs made there ----
same bash -c 'echo "int main(void) { return 7; }" >x.c && gcc -o x x.c
	./x; echo $?; sed -i s/7/8/ x.c; gcc -o x x.c; ./x; echo $?'
same bash -c 'cp probe_static again; ./again 1; rm again; cp exec_probe again
	./again 2; mv again more; ./more; ./again; echo $?'

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
ran newfstatat faccessat2 openat fstatfs pread64
finish
