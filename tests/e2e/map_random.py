"""Random calls on one file, through descriptors and through memory, by one
process and its children: map_random.py SEED COUNT [PAGES]. What each call gives
is printed, so two runs with one seed print the same wherever the file is. PAGES
is how large the steps are in which places and lengths are chosen."""
import ctypes
import os
import random
import signal
import sys
import zlib

PAGE = os.sysconf("SC_PAGESIZE")
UNIT = PAGE * int(sys.argv[3]) if len(sys.argv) > 3 else PAGE
READ, WRITE, SHARED, PRIVATE, SYNC = 1, 2, 1, 2, 4
REMOVE, DONTNEED = 9, 4

libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int,
                      ctypes.c_int, ctypes.c_int, ctypes.c_long]
libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
libc.msync.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
for call in libc.read, libc.write, libc.pread, libc.pwrite:
    call.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t,
                     ctypes.c_long][:4 if call in (libc.pread, libc.pwrite)
                                    else 3]
    call.restype = ctypes.c_ssize_t
libc.mremap.restype = ctypes.c_void_p
libc.mremap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t,
                        ctypes.c_int]
FAILED = ctypes.c_void_p(-1).value


class Mapping:
    def __init__(self, address, length, offset, prot, shared):
        self.address, self.length, self.offset = address, length, offset
        self.prot, self.shared = prot, shared

    def room(self):
        """Bytes of it that the file has."""
        size = os.stat("f").st_size
        return max(0, min(self.length, size - self.offset))


class World:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.fds = []
        self.maps = []
        self.depth = 0

    def bytes(self, most):
        n = self.random.randrange(1, most)
        return bytes([self.random.randrange(256)]) * n

    def say(self, name, *words):
        words = [(len(w), w[:4], zlib.crc32(w)) if isinstance(w, bytes) else w
                 for w in words]
        print(os.getpid() == PARENT, name, *words, flush=True)

    def fd(self):
        return self.random.choice(self.fds)

    def place(self):
        return self.random.randrange(5 * UNIT)

    # Each returns what is printed.

    def do_open(self):
        flags = self.random.choice([os.O_RDWR, os.O_RDWR, os.O_RDONLY,
                                    os.O_RDWR | os.O_APPEND])
        if len(self.fds) > 6:
            os.close(self.fds.pop(self.random.randrange(1, len(self.fds))))
        self.fds.append(os.open("f", flags))
        return flags

    def do_dup(self):
        if len(self.fds) < 7:
            self.fds.append(os.dup(self.fd()))

    def do_read(self):
        return os.read(self.fd(), self.random.randrange(1, 3 * PAGE))

    def do_pread(self):
        return os.pread(self.fd(), self.random.randrange(1, 3 * PAGE),
                        self.place())

    def do_write(self):
        return os.write(self.fd(), self.bytes(PAGE))

    def do_pwrite(self):
        return os.pwrite(self.fd(), self.bytes(2 * PAGE), self.place())

    def do_writev(self):
        return os.writev(self.fd(), [self.bytes(40), self.bytes(40)])

    def do_seek(self):
        return os.lseek(self.fd(), self.place(), os.SEEK_SET)

    def do_size(self):
        return os.fstat(self.fd()).st_size

    def do_ftruncate(self):
        return os.ftruncate(self.fd(), self.place())

    def do_truncate(self):
        return os.truncate("f", self.place())

    def do_fsync(self):
        return os.fsync(self.fd())

    def do_copy(self):
        return os.copy_file_range(self.fd(), self.fd(), 100,
                                  self.place(), self.place())

    def do_mmap(self):
        shared = self.random.random() < 0.8
        prot = self.random.choice([READ, READ | WRITE, READ | WRITE])
        offset = self.random.randrange(4) * UNIT
        length = self.random.randrange(1, 4 * UNIT)
        address = libc.mmap(None, length, prot, SHARED if shared else PRIVATE,
                            self.fd(), offset)
        if address == FAILED:
            raise OSError(ctypes.get_errno(), "mmap")
        self.maps.append(Mapping(address, length, offset, prot, shared))
        if len(self.maps) > 5:
            self.do_munmap()

    def do_munmap(self):
        m = self.maps.pop(self.random.randrange(len(self.maps)))
        return libc.munmap(m.address, m.length)

    def do_mremap(self):
        m = self.random.choice(self.maps)
        length = self.random.randrange(1, 5 * UNIT)
        address = libc.mremap(m.address, m.length, length, 1)
        if address == FAILED:
            raise OSError(ctypes.get_errno(), "mremap")
        m.address, m.length = address, length

    def do_msync(self):
        m = self.random.choice(self.maps)
        return libc.msync(m.address, m.length, SYNC)

    def do_load(self):
        m = self.random.choice(self.maps)
        room = m.room()
        # What private pages show of later changes is left open.
        if not room or not m.shared:
            return None
        at = self.random.randrange(room)
        return ctypes.string_at(m.address + at, min(room - at, 2 * PAGE))

    def do_store(self):
        m = self.random.choice(self.maps)
        room = m.room()
        if not room or not m.prot & WRITE:
            return None
        at = self.random.randrange(room)
        data = self.bytes(300)[:room - at]
        ctypes.memmove(m.address + at, data, len(data))
        return len(data)

    def somewhere(self, prot):
        """Address and length in a shared mapping, and a place in the file
        that is elsewhere: a copy onto itself depends on its steps."""
        m = self.random.choice(self.maps)
        room = m.room()
        at = self.random.randrange(room) if room else 0
        n = self.random.randrange(1, 2 * PAGE)
        if not room or m.prot & prot != prot or not m.shared:
            return None, 0, 0
        place = self.place()
        n = min(room - at, n)
        return (m.address + at if abs(m.offset + at - place) >= n else None, n,
                place)

    def result(self, ret):
        return ret if ret >= 0 else -ctypes.get_errno()

    def do_read_there(self):
        address, n, place = self.somewhere(WRITE)
        return address and self.result(
            libc.pread(self.fd(), address, n, place))

    def do_write_from_there(self):
        address, n, place = self.somewhere(READ)
        return address and self.result(
            libc.pwrite(self.fd(), address, n, place))

    def do_pipe(self):
        """The kernel here reads what is mapped, and writes there."""
        r, w = os.pipe()
        address, n, _ = self.somewhere(READ)
        ret = address and self.result(libc.write(w, address, n))
        address, room, _ = self.somewhere(WRITE)
        if ret and address:
            ret = str((ret, self.result(libc.read(r, address, room))))
        elif ret:
            ret = os.read(r, n)
        os.close(r)
        os.close(w)
        return ret

    def do_sendfile(self):
        r, w = os.pipe()
        n = os.sendfile(w, self.fd(), self.place(), 3000)
        data = os.read(r, n) if n else b""
        os.close(r)
        os.close(w)
        return data

    def do_madvise(self):
        m = self.random.choice(self.maps)
        advice = self.random.choice([REMOVE, DONTNEED])
        pages = self.random.randrange(1, 4)
        at = self.random.randrange(max(1, m.length // PAGE)) * PAGE
        if not m.shared or at + pages * PAGE > m.length:
            return None
        return self.result(libc.madvise(m.address + at, pages * PAGE, advice))

    def do_fork(self):
        if self.depth > 1:
            return None
        seed, killed = self.random.randrange(1 << 30), self.random.random()
        pid = os.fork()
        if not pid:
            self.depth += 1
            self.random = random.Random(seed)
            self.run(8)
            if killed < 0.3:
                os.kill(os.getpid(), signal.SIGKILL)
            os._exit(0)
        return os.waitpid(pid, 0)[1]

    def run(self, count):
        names = [n for n in dir(self) if n.startswith("do_")]
        names += ["do_store", "do_load", "do_mmap"] * 3
        for _ in range(count):
            name = self.random.choice(names)
            try:
                self.say(name, getattr(self, name)())
            except (OSError, IndexError, ValueError) as e:
                self.say(name, type(e).__name__, getattr(e, "errno", ""))


PARENT = os.getpid()
world = World(int(sys.argv[1]))
world.fds.append(os.open("f", os.O_RDWR | os.O_CREAT, 0o644))
for place in range(0, 4 * UNIT - 384, max(16000, UNIT // 3)):
    os.pwrite(world.fds[0], b"%015d\n" % place * 1000, place)
os.lseek(world.fds[0], 16000, os.SEEK_SET)
world.run(int(sys.argv[2]))
# A copy: pages that were only looked at take room in some files.
with open("f", "rb") as f, open("copy", "wb") as copy:
    copy.write(f.read())
os.unlink("f")
