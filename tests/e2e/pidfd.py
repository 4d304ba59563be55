"""pidfd_getfd(2) of this process and of its parent."""
import ctypes
import errno
import os

libc = ctypes.CDLL(None, use_errno=True)


def copy(pid, fd):
    pidfd = os.pidfd_open(pid)
    n = libc.syscall(438, pidfd, fd, 0)
    os.close(pidfd)
    return n if n >= 0 else errno.errorcode[ctypes.get_errno()]


fd = os.open('data', os.O_RDONLY)
reader, writer = os.pipe()
os.write(writer, b'onetwo')
print(os.read(copy(os.getpid(), fd), 7), flush=True)
print(os.read(copy(os.getpid(), reader), 3), flush=True)
if not os.fork():
    print(os.read(copy(os.getppid(), reader), 3), flush=True)
    print(copy(os.getppid(), fd), flush=True)
    os._exit(0)
os.wait()
