"""Copies between a file (argv[1]) and another (argv[2]), and pipes."""
import os
import random
import signal
import sys

there, here = sys.argv[1:]
data = random.Random(7).randbytes(3 * 1024 * 1024 + 5)


def drain(move):
    total = 0
    while (n := move()) > 0:
        total += n
    return total


def create(path):
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o644)


def whole(fd):
    return os.pread(fd, len(data) + 1, 0)


src = create(there)
print("write", os.write(src, data))
os.lseek(src, 0, 0)
dst = create(here)
print("sendfile out", drain(lambda: os.sendfile(dst, src, None, 10 << 20)),
      whole(dst) == data, os.lseek(src, 0, 1))
os.lseek(dst, 0, 0)
print("sendfile out at", os.sendfile(dst, src, 100, 1000),
      os.pread(dst, 1000, 0) == data[100:1100], os.lseek(src, 0, 1))

os.ftruncate(dst, 0)
os.lseek(dst, 0, 0)
os.write(dst, data)
os.lseek(dst, 0, 0)
back = create(there + "2")
print("sendfile in", drain(lambda: os.sendfile(back, dst, None, 10 << 20)),
      whole(back) == data, os.lseek(dst, 0, 1), os.lseek(back, 0, 1))
print("sendfile in at", os.sendfile(back, dst, 70, 500),
      os.pread(back, 500, len(data)) == data[70:570], os.lseek(dst, 0, 1))

r, w = os.pipe()
os.lseek(src, 0, 0)
print("splice out", os.splice(src, w, 1000), os.lseek(src, 0, 1))
print("splice out at", os.splice(src, w, 1000, offset_src=5),
      os.lseek(src, 0, 1))
print("second splice out at", os.splice(src, w, 1000, offset_src=2000))
piped = os.read(r, 4000)
print("piped", piped == data[:1000] + data[5:1005] + data[2000:3000])
os.lseek(back, 0, 0)
os.write(w, b"hello")
print("splice in", os.splice(r, back, 100), os.pread(back, 5, 0),
      os.lseek(back, 0, 1))
os.write(w, b"world")
print("splice in at", os.splice(r, back, 100, offset_dst=50),
      os.pread(back, 5, 50), os.lseek(back, 0, 1))


def asleep(pid):
    with open(f"/proc/{pid}/stat") as stat:
        return stat.read().rpartition(")")[2].split()[0] == "S"


def meanwhile(act):
    """Has act done by a child when this process waits in a call."""
    parent = os.getpid()
    if os.fork():
        return
    while not asleep(parent):
        pass
    act(parent)
    os._exit(0)


def alarm(*_):
    raise TimeoutError


os.lseek(back, 0, 0)
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
meanwhile(lambda _: os.write(w, b"later"))
print("splice in waits", os.splice(r, back, 100), os.pread(back, 5, 0))
signal.signal(signal.SIGUSR1, alarm)
meanwhile(lambda parent: os.kill(parent, signal.SIGUSR1))
try:
    print(os.splice(r, back, 100))
except TimeoutError:
    print("splice in is interrupted", os.lseek(back, 0, 1))
for flags in (os.SPLICE_F_NONBLOCK, 0):
    os.set_blocking(r, bool(flags))
    try:
        print(os.splice(r, back, 100, flags=flags))
    except BlockingIOError as e:
        print("splice in does not wait", e.errno)
os.set_blocking(r, True)
os.close(w)
print("splice in at the end", os.splice(r, back, 100))

os.mkfifo(there + ".fifo")
fifo = os.open(there + ".fifo", os.O_RDWR)
print("splice to a fifo", os.splice(src, fifo, 1000, offset_src=0))
print("splice from a fifo", os.splice(fifo, back, 600, offset_dst=9),
      os.pread(back, 600, 9) == data[:600],
      os.read(fifo, 1000) == data[600:1000])

# A full one: what does not fit stays where it is.
r, w = os.pipe()
size = os.write(w, data[:5000])
os.set_blocking(fifo, False)
filled = 0
try:
    while True:
        filled += os.write(fifo, data[:4096])
except BlockingIOError:
    pass
for flags in (os.SPLICE_F_NONBLOCK, 0):
    try:
        print(os.splice(r, fifo, 5000, flags=flags))
    except BlockingIOError as e:
        print("splice to a full fifo", e.errno)
os.set_blocking(fifo, True)
meanwhile(lambda parent: os.kill(parent, signal.SIGUSR1))
try:
    print(os.splice(r, fifo, 5000))
except TimeoutError:
    print("splice to a full fifo is interrupted")
print("nothing is lost", filled, os.read(r, 6000) == data[:5000])

same = create(there + "3")
print("copy_file_range", os.copy_file_range(src, same, 1000, 0, 0),
      os.pread(same, 1000, 0) == data[:1000])
os.lseek(src, 0, 0)
print("sendfile there", os.sendfile(same, src, None, 500),
      os.lseek(src, 0, 1))
for bad in ((src, -1), (-1, src), (back, r)):
    try:
        os.sendfile(*bad, None, 10)
    except OSError as e:
        print("bad", e.errno)
