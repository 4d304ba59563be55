# Maps a file again and again, as somebody else changes it in between: each
# line of the standard input is waited for, then it says what it saw.
import mmap
import os
import sys

name = sys.argv[1]
kept = []


def look(shared=False):
    fd = os.open(name, os.O_RDONLY)
    size = os.fstat(fd).st_size
    m = mmap.mmap(fd, size, prot=mmap.PROT_READ,
                  flags=mmap.MAP_SHARED if shared else mmap.MAP_PRIVATE)
    os.close(fd)
    return m


def tell(m):
    text = bytes(m)
    print(len(text), text[:10].decode(), text[-10:].decode(), flush=True)


for line in sys.stdin:
    what = line.strip()
    m = look(what == "shared")
    tell(m)
    if what == "keep":
        kept.append(m)
    else:
        m.close()
    if what == "write":
        fd = os.open(name, os.O_RDWR)
        os.pwrite(fd, b"written", 0)
        os.close(fd)
        m = look()
        tell(m)
        m.close()
    if what == "drop":
        kept.pop().close()
