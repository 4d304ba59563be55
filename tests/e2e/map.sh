#!/bin/bash
# Files of another world, mapped: private and shared, by one process and by
# several, through descriptors and through memory.
. "$(dirname "$0")/lib.sh"
worlds
serve main

prepare '
	seq 1 30000 >numbers
	head -c 200000 /dev/zero | tr "\0" x >text
	: >empty
	head -c 20000 /dev/zero >zeros'

py() {	# SCRIPT
	same python3 -c "import mmap, os, signal, sys
def opened(name, flags=os.O_RDWR):
    return os.open(name, flags | os.O_CREAT, 0o644)
$1"
}

py 'm = mmap.mmap(opened("numbers", os.O_RDONLY), 0, prot=mmap.PROT_READ)
print(len(m), m.find(b"\n15000\n"), m[-6:])'
py 'm = mmap.mmap(opened("numbers"), 0, access=mmap.ACCESS_COPY)
m[0:5] = b"AAAAA"; print(m[0:9], open("numbers", "rb").read(9))'
py 'm = mmap.mmap(opened("numbers"), 8192, offset=65536)
m[10:15] = b"HELLO"; m.flush(); print(open("numbers", "rb").read()[65540:65560])'

# Both ways show the same.
py 'fd = opened("text"); m = mmap.mmap(fd, 0)
m[70000:70003] = b"map"; print(os.pread(fd, 9, 69997))
os.pwrite(fd, b"call", 70002); print(m[69997:70010])
os.lseek(fd, 131070, 0); os.write(fd, b"border"); print(m[131066:131080])
os.writev(fd, [b"1", b"22"]); print(m[131066:131082])
m[5] = 65; os.lseek(fd, 0, 0); print(os.read(fd, 8))
f = opened("text", os.O_RDWR | os.O_APPEND); os.write(f, b"end")
print(os.fstat(fd).st_size, len(m)); m.resize(200003); print(m[-5:])'

# Sizes: what is cut raises SIGBUS, what is added is zero.
py 'fd = opened("zeros"); m = mmap.mmap(fd, 0); m[19999] = 7
os.ftruncate(fd, 4096); m[4095] = 9
pid = os.fork()
if not pid:
    m[8192]; os._exit(1)
print(os.waitpid(pid, 0)[1] == signal.SIGBUS)
os.ftruncate(fd, 20000); print(m[4095], m[19999]); m[10000] = 3
print(open("zeros", "rb").read().strip(b"\0"), os.unlink("zeros"))'
py 'fd = opened("grows"); os.ftruncate(fd, 100000); m = mmap.mmap(fd, 100000)
m[99999] = 1
os.ftruncate(fd, 300000); m.resize(300000); m[299999] = 2; m[150000] = 3
m.resize(250000); print(os.fstat(fd).st_size, sum(m[:]))
d = open("grows", "rb").read(); print(len(d), sum(d), os.unlink("grows"))'
py 'fd = opened("empty")
try: mmap.mmap(fd, 4096)[0]
except (ValueError, OSError) as e: print(e)'

# Holes are not read.
py 'fd = opened("sparse"); os.ftruncate(fd, 1 << 32)
os.pwrite(fd, b"far", 3 << 30); m = mmap.mmap(fd, 0)
print(m[(3 << 30) - 1:(3 << 30) + 4], m[5]); m[1 << 31] = 9
m[3 << 30] = 70; m.flush(); print(os.pread(fd, 2, 1 << 31))
print(os.pread(fd, 3, 3 << 30), os.unlink("sparse"))'
check 'few reads of a file of 4 GiB' yes \
	"$([ "$(count pread64)" -lt 40 ] && echo yes || echo no)"

# Processes.
py 'm = mmap.mmap(opened("text"), 0)
for i in range(4):
    if not os.fork():
        m[i * 1000] = 48 + i; os._exit(0)
for i in range(4): os.wait()
print([m[i * 1000] for i in range(4)], open("text", "rb").read(3001)[::1000])'
py 'r, w = os.pipe()
pid = os.fork()
if not pid:
    m = mmap.mmap(opened("text"), 0); os.write(w, b"x")
    while m[0] == 120: pass
    m[1] = m[0] + 1; os._exit(0)
os.read(r, 1); m = mmap.mmap(opened("text"), 0); m[0] = 50
os.waitpid(pid, 0); print(m[0:4])'
# The file is closed before the mapping is used, and the process is killed.
py 'pid = os.fork()
if not pid:
    fd = opened("text"); m = mmap.mmap(fd, 0); os.close(fd)
    m[100:105] = b"alive"; os.kill(os.getpid(), signal.SIGKILL)
print(os.waitpid(pid, 0)[1]); print(open("text", "rb").read(110)[98:])'
py 'm = mmap.mmap(opened("text"), 0); m[0:4] = b"exec"
os.execv("/bin/cat", ["cat", "text"])'
WANT=143 py 'm = mmap.mmap(opened("text"), 0); m[7:11] = b"last"
os.kill(os.getpid(), signal.SIGTERM)'
py 'm = mmap.mmap(opened("text"), 0); m[7:11] = b"gone"; os.unlink("text")
m[0:4] = b"here"; print(m[0:12]); m.flush()'
py 'import ctypes
fd = opened("text"); m = mmap.mmap(fd, 0); os.close(fd)
os.truncate("text", 70000); m[69999] = 1; print(len(m))
open("text", "wb").write(b"short"); print(m[0:6])'

# sendfile and copy_file_range see what memory changed.
py 'fd = opened("text"); m = mmap.mmap(fd, 0); m[0:3] = b"new"
print(os.copy_file_range(fd, opened("copy"), 100000, 0, 0))
r, w = os.pipe(); print(os.sendfile(w, fd, 0, 10), os.read(r, 10))
d = opened("numbers", os.O_RDONLY); print(os.copy_file_range(d, fd, 9, 0, 20))
print(m[0:30])'
same bash -c 'cp numbers a; cmp a numbers; grep -c 1 a; file a'

# sqlite's write-ahead log: its index is memory that processes share.
rows=$(for ((i = 0; i < 40; i++)); do
	echo "insert into r values($i, 'row $i');"; done)
same bash -c "sqlite3 w.db 'pragma journal_mode=wal; create table r(i, t);'
	sqlite3 w.db <<'END'
$rows
END
	sqlite3 w.db 'select count(*), sum(i) from r; pragma integrity_check;
		pragma journal_mode=delete;'"
same bash -c "sqlite3 w.db 'pragma journal_mode=wal; create table r(who, i);'
	for who in a b c; do
		for i in 1 2 3 4 5 6 7 8; do
			echo '.timeout 20000'
			echo \"insert into r values('\$who', \$i);\"
		done | sqlite3 w.db &
	done
	wait
	sqlite3 w.db 'select who, count(*), sum(i) from r group by who;
		pragma integrity_check;' >result
	rm w.db*; cat result"

# lmdb: readers through memory, a writer through a descriptor, mutexes that
# processes share.
same /usr/bin/python3 -c 'import lmdb, os
env = lmdb.open("db", map_size=1 << 20)
with env.begin(write=True) as t:
    for i in range(200): t.put(b"k%03d" % i, b"v%d" % i)
def count():
    env = lmdb.open("db", map_size=1 << 20)
    for i in range(10):
        with env.begin(write=True) as t:
            n = int(t.get(b"count", b"0")); t.put(b"count", b"%d" % (n + 1))
    env.close(); os._exit(0)
for p in [os.fork() or count() for i in range(3)]: print(os.waitpid(p, 0)[1])
with env.begin() as t:
    print(t.get(b"count"), t.get(b"k150"), t.stat()["entries"])
env.close(); os.unlink("db/lock.mdb"); os.unlink("db/data.mdb")'

ran rsc_put rsc_take pread64 pwritev2
finish
