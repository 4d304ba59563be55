# Tries to get at a process of the server's own, by every way there is. Each
# line of standard input is a path; what is not refused is printed.
#   guard.py PID ORDINARY: a process of rsc on the server, and one that is none
import array, ctypes, errno, os, socket, sys

libc = ctypes.CDLL(None, use_errno=True)
pid, ordinary = sys.argv[1:3]
OPENAT2 = 437
tried = 0


class How(ctypes.Structure):
    _fields_ = [("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64),
                ("resolve", ctypes.c_uint64)]


def openat2(dirfd, path, resolve, flags=os.O_RDONLY):
    how = How(flags, 0, resolve)
    fd = libc.syscall(OPENAT2, dirfd, os.fsencode(path), ctypes.byref(how),
                      ctypes.c_size_t(ctypes.sizeof(how)))
    if fd < 0:
        raise OSError(ctypes.get_errno(), path)
    return fd


def call(name, *args):
    args = [a.encode() if isinstance(a, str) else a for a in args]
    ret = getattr(libc, name)(*args)
    if ret < 0:
        raise OSError(ctypes.get_errno(), name)
    return ret


def own(what, path, function, *args, **kwargs):
    """What is called self is the program itself, or refused."""
    global tried
    tried += 1
    try:
        fd = function(*args, **kwargs)
    except OSError:
        return
    if b"guard.py" not in os.read(fd, 1000):
        print("not ourselves: %s %s" % (what, path))
    os.close(fd)


def attempt(what, path, function, *args, **kwargs):
    global tried
    tried += 1
    try:
        got = function(*args, **kwargs)
    except OSError as e:
        if e.errno in (errno.EIO, errno.ENOSYS, errno.EFAULT):
            print("odd: %s %s: %s" % (what, path, e))
        return None
    print("not refused: %s %s: %r" % (what, path, got))
    return got


NAMES = ("mem", "maps", "environ", "fd", "fd/0", "fd/3", "fdinfo/3", "exe",
         "cwd", "root", "root/etc", "task", "task/%s/mem" % pid, "ns/mnt",
         "auxv", "syscall", "stack", "map_files", "attr/current",
         "mountinfo", "oom_score_adj", "clear_refs", "comm")
BENEATH, IN_ROOT, NO_MAGIC, NO_XDEV, NO_LINKS = 8, 16, 2, 1, 4

# Every call that takes a path.
CALLS = {
    "open": lambda p: os.open(p, os.O_RDONLY),
    "open for writing": lambda p: os.open(p, os.O_WRONLY),
    "open for both": lambda p: os.open(p, os.O_RDWR | os.O_APPEND),
    "open O_CREAT": lambda p: os.open(p, os.O_RDWR | os.O_CREAT),
    "open O_PATH": lambda p: os.open(p, os.O_PATH),
    "open O_PATH O_NOFOLLOW": lambda p: os.open(p + "/.", os.O_PATH |
                                                os.O_NOFOLLOW),
    "open O_NONBLOCK O_NOCTTY": lambda p: os.open(p, os.O_NONBLOCK |
                                                  os.O_NOCTTY),
    "openat2": lambda p: openat2(-100, p, 0),
    "openat2 O_PATH": lambda p: openat2(-100, p, 0, os.O_PATH),
    "truncate": lambda p: os.truncate(p, 0),
    "listdir": os.listdir,
    "chdir": os.chdir,
    "chmod": lambda p: os.chmod(p, 0o777),
    "chown": lambda p: os.chown(p, 0, 0),
    "utime": lambda p: os.utime(p, (1, 1)),
    "link": lambda p: os.link(p, "linked", follow_symlinks=True),
    "rename": lambda p: os.rename(p, "renamed"),
    "rename onto": lambda p: os.rename("plain", p),
    "mkdir": lambda p: os.mkdir(p + "/x"),
    "unlink": os.unlink,
    "rmdir": os.rmdir,
    "mkfifo": lambda p: os.mkfifo(p + "/x"),
    "symlink": lambda p: os.symlink("x", p + "/x"),
    "listxattr": os.listxattr,
    "setxattr": lambda p: os.setxattr(p, "user.x", b"y"),
    "statvfs inside": lambda p: os.statvfs(p + "/fd"),
    "inotify": lambda p: call("inotify_add_watch", watch, p, 0xfff),
    "exec": lambda p: os.posix_spawn(p, ["x"], {}),
    "socket": lambda p: socket.socket(socket.AF_UNIX).connect(p),
}
watch = call("inotify_init1", 0)
open("plain", "w").close()

for line in sys.stdin:
    base = line.rstrip("\n")
    for name in [""] if base.endswith("!") else NAMES:
        path = base.rstrip("!") + ("/" + name if name else "")
        attempt("open", path, CALLS["open"], path)
        attempt("open O_PATH", path, CALLS["open O_PATH"], path)
        attempt("openat2", path, openat2, -100, path, NO_XDEV)
    for name in ["!"] if base.endswith("!") else ("mem", "fd", "oom_score_adj"):
        path = base.rstrip("!") + ("/" + name if name != "!" else "")
        for what, function in CALLS.items():
            attempt(what, path, function, path)

# Beginning at directories, which the program has as handles and as its own.
for start, rests in {
        "/proc": ("%s/mem" % pid, "./%s/../%s/maps" % (pid, pid), "self/cmdline",
                  "thread-self/cmdline", "self/root/proc/%s/mem" % pid),
        "/proc/" + ordinary: ("../%s/mem" % pid, "root/proc/%s/maps" % pid,
                              "cwd/proc/%s/fd" % pid, "../self/cmdline"),
        "/": ("proc/%s/mem" % pid, "proc/self/root/proc/%s/mem" % pid),
        "/proc/%s/root" % ordinary: ("proc/%s/mem" % pid,),
}.items():
    for flags in os.O_RDONLY, os.O_PATH:
        fd = os.open(start, flags | os.O_DIRECTORY)
        for rest in rests:
            path = start + " + " + rest
            check = own if rest.endswith("self/cmdline") else attempt
            check("openat", path, os.open, rest, os.O_RDONLY, dir_fd=fd)
            for resolve in 0, BENEATH, IN_ROOT, NO_MAGIC, NO_XDEV, NO_LINKS:
                check("openat2 %d" % resolve, path, openat2, fd, rest, resolve)
            for way in "/proc/self/fd/%d/", "/dev/fd/%d/":
                check("by name", path, os.open, way % fd + rest, os.O_RDONLY)
        os.fchdir(fd)
        for rest in rests:
            check = own if rest.endswith("self/cmdline") else attempt
            check("from there", start + " + " + rest, os.open, rest,
                  os.O_RDONLY)
        os.chdir(os.environ["TREE"])
        os.close(fd)

# A directory that somebody else opened, received in a message.
with socket.socket(socket.AF_UNIX) as s:
    s.connect(os.environ["TREE"] + "/sock")
    fds = array.array("i")
    got = s.recvmsg(1, socket.CMSG_LEN(2 * fds.itemsize))
    fds.frombytes(got[1][0][2])
    for name in NAMES:
        attempt("in what was received", name, os.open, name, os.O_RDONLY,
                dir_fd=fds[0])
    attempt("above it", "../%s/mem" % pid, os.open, "../%s/mem" % pid,
            os.O_RDONLY, dir_fd=fds[1])

print("tried", tried > 1000)
