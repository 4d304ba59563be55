#!/bin/bash
# Limits of this process hold for what it does there.
. "$(dirname "$0")/lib.sh"
worlds
serve main
prepare 'head -c 3000 /dev/zero >three; echo x >x
	mkdir -p /srv/w2; chmod 777 /srv/w2'

# The size of a file: cut, then SIGXFSZ; ignored, then EFBIG.
same bash -c 'exec 2>/dev/null; ulimit -f 5; { head -c 20000 /dev/zero >big; } \
	2>/dev/null; echo $?; stat -c %s big'
same bash -c 'ulimit -f 5; trap "" XFSZ; head -c 20000 /dev/zero >big; echo $?
	stat -c %s big'
same bash -c 'ulimit -f 5; trap "" XFSZ; for i in 1 2 3; do
	head -c 2000 /dev/zero >>three; echo $?; done; stat -c %s three'
same bash -c 'exec 2>/dev/null; ulimit -f 5; truncate -s 5120 x; echo $?; { truncate -s 5121 x; } \
	2>/dev/null; echo $?; stat -c %s x'
same dd if=/dev/zero of=many bs=3M count=2 status=none
same bash -c 'ulimit -f 4000; trap "" XFSZ; dd if=/dev/zero of=many bs=3M \
	count=2 status=none; echo $?; stat -c %s many'
same bash -c 'ulimit -f 1; trap "" XFSZ; dd if=/dev/zero of=three bs=100 \
	seek=10 count=3 conv=notrunc status=none; echo $?'
same bash -c 'ulimit -f 5; trap "" XFSZ; fallocate -l 5120 x; echo $?
	fallocate -l 5121 x; echo $?; fallocate -o 5000 -l 500 x; echo $?
	stat -c %s x'
same bash -c 'exec 2>/dev/null; (ulimit -f 5; exec fallocate -l 9000 x); echo $?'
# What is longer already is not made so.
same bash -c 'truncate -s 9000 x; ulimit -f 5; trap "" XFSZ
	python3 -c "import os; os.truncate(os.open(\"x\", os.O_RDWR), 8000)"
	fallocate -l 7000 x; echo $?; stat -c %s x'

# The limit of another user's process, which rsc may not be allowed to ask of.
MODES=(--all)
WRAP=(setpriv --bounding-set -sys_resource --inh-caps -sys_resource)
same setpriv --reuid 1000 --clear-groups --bounding-set -sys_resource \
	bash -c 'cd /srv/w2; ulimit -f 5; trap "" XFSZ; echo y >y
	truncate -s 5121 y; echo $?; head -c 9000 /dev/zero >y; stat -c %s y
	ulimit -n 10; for i in 3 4 5 6 7 8 9; do eval "exec $i<y"; done
	echo new >created; echo $?; exec 9<&-; ls; rm y'
WRAP=()
MODES=('' --all)

# Numbers of descriptors: the one that is lacking changes nothing there.
same bash -c 'ulimit -n 10; for i in 3 4 5 6 7 8 9; do eval "exec $i<x"; done
	echo new >created; echo $?; echo gone >three; echo $?; exec 9<&-; ls'
# What is mapped is held here: there is a limit, and a line when it is reached.
fresh
there bash -c 'head -c 1100000 /dev/zero >huge'
OPTS=(--map-memory=1)
ours python3 -c 'import errno, mmap, os
f = os.open("huge", os.O_RDONLY)
MAP_LOCKED = 0x2000
try: mmap.mmap(f, 0, mmap.MAP_PRIVATE | MAP_LOCKED, mmap.PROT_READ)
except OSError as e: print(errno.errorcode[e.errno])
print(mmap.mmap(f, 4096, prot=mmap.PROT_READ)[:2])
print(os.pread(f, 2, 1100000 - 2))' >"$T/note/out" 2>"$T/note/err"
check 'mmap of too much' "ENODEV
b'\\x00\\x00'
b'\\x00\\x00'" "$(<"$T/note/out")"
check 'mmap of too much: the line' "rsc: mmap: $TREE/huge: more than 1 MiB of remote files are mapped: ENODEV; --map-memory allows more" \
	"$(<"$T/note/err")"

ran write lseek fstat ftruncate openat
finish
