"""splice and sendfile between local pipes and remote sockets and fifos."""
import errno
import os
import select
import signal
import socket
import sys
import threading

NONBLOCK = 2
signal.signal(signal.SIGPIPE, signal.SIG_IGN)


def say(name, call):
    try:
        print(name, call())
    except OSError as e:
        print(name, errno.errorcode[e.errno])


def pair():
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(sys.argv[1] + ".sock")
    listener.listen()
    one = socket.socket(socket.AF_UNIX)
    one.connect(listener.getsockname())
    os.unlink(listener.getsockname())
    return one, listener.accept()[0]


def later(waits, act):
    """Acts once the main thread's call waits: act undoes what it waits for."""
    def run():
        path = f"/proc/self/task/{threading.main_thread().native_id}/stat"
        while True:
            with open(path) as f:
                if f.read().rsplit(")", 1)[1].split()[0] == "S":
                    break
        act()
    thread = threading.Thread(target=run)
    thread.start()
    result = waits()
    thread.join()
    return result


r, w = os.pipe()
a, b = pair()
os.write(w, b"here")
say("pipe to socket", lambda: os.splice(r, a.fileno(), 100))
print(b.recv(100))
say("empty pipe", lambda: os.splice(r, a.fileno(), 9, flags=NONBLOCK))
say("sendfile from a pipe", lambda: os.sendfile(a.fileno(), r, None, 9))
print("pipe that fills", later(lambda: os.splice(r, a.fileno(), 100),
                               lambda: os.write(w, b"late")), b.recv(100))

b.send(b"there")
say("socket to pipe", lambda: os.splice(a.fileno(), w, 3))
print(os.read(r, 100))
say("the rest", lambda: os.splice(a.fileno(), w, 100))
print(os.read(r, 100))
a.setblocking(False)
say("empty socket", lambda: os.splice(a.fileno(), w, 100))
a.setblocking(True)
print("socket that fills", later(lambda: os.splice(a.fileno(), w, 100),
                                 lambda: b.send(b"more")), os.read(r, 100))

os.set_blocking(w, False)
size = os.write(w, bytes(1 << 20))
b.send(b"x")
say("full pipe", lambda: os.splice(a.fileno(), w, 100))
os.set_blocking(w, True)
say("full pipe", lambda: os.splice(a.fileno(), w, 100, flags=NONBLOCK))
print("pipe that drains", later(lambda: os.splice(a.fileno(), w, 100),
                                lambda: os.read(r, size)), os.read(r, 100))

# What does not go out stays in the pipe.
a.setblocking(False)
full = 0
try:
    while True:
        full += a.send(bytes(65536))
except BlockingIOError:
    pass
os.write(w, b"kept")
say("full socket", lambda: os.splice(r, a.fileno(), 100))
print(os.read(r, 100))
a.setblocking(True)
while full:
    full -= len(b.recv(min(full, 1 << 20)))

# A signal ends the wait; with a handler that returns it goes on.
signal.signal(signal.SIGALRM, lambda *_: os.write(w, b"woken"))
signal.setitimer(signal.ITIMER_REAL, 0.05)
say("after a signal", lambda: os.splice(r, a.fileno(), 100))
print(b.recv(100))


class Stop(Exception):
    pass


def stop(*_):
    raise Stop


signal.signal(signal.SIGALRM, stop)
signal.setitimer(signal.ITIMER_REAL, 0.05)
try:
    os.splice(r, a.fileno(), 100)
except Stop:
    print("stopped")

b.close()
say("peer gone", lambda: os.splice(a.fileno(), w, 100))
a, b = pair()
b.send(b"x")
select.select([a], [], [])
os.close(r)
say("pipe without readers", lambda: os.splice(a.fileno(), w, 100))

os.mkfifo(sys.argv[1])
fifo = os.open(sys.argv[1], os.O_RDWR)
r, w = os.pipe()
say("empty fifo", lambda: os.splice(fifo, w, 100, flags=NONBLOCK))
os.write(fifo, b"fifo")
say("fifo to pipe", lambda: os.splice(fifo, w, 100, flags=NONBLOCK))
say("pipe to fifo", lambda: os.splice(r, fifo, 100))
print(os.read(fifo, 100))
