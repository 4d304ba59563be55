"""Descriptors in messages, each line the same wherever this runs."""
import array
import os
import socket
import sys


def say(*words):
    print(*words, flush=True)


def give(sock, fds, text=b'x', flags=0):
    return sock.sendmsg([text], [(socket.SOL_SOCKET, socket.SCM_RIGHTS,
                                  array.array('i', fds))], flags)


def receive(sock, count, flags=0):
    text, control, got, _ = sock.recvmsg(100, socket.CMSG_SPACE(4 * count),
                                         flags)
    fds = array.array('i')
    for level, kind, data in control:
        fds.frombytes(data[:len(data) - len(data) % 4])
    return text, list(fds), got


def pairs(where):
    """Sockets of this process tree, and of the machine where paths lie."""
    yield 'pair', socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    yield 'datagrams', socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(where + '/sock')
    listener.listen()
    one = socket.socket(socket.AF_UNIX)
    one.connect(where + '/sock')
    yield 'path', (one, listener.accept()[0])


def child(sock, count, work):
    """A process of its own receives count descriptors and works on them."""
    pid = os.fork()
    if pid:
        return pid
    text, fds, flags = receive(sock, count)
    try:
        work(text, fds)
    except Exception as e:
        say('child', e)
    os._exit(0)


def wait(pid):
    say('status', os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))


def read_file(text, fds):
    with os.fdopen(fds[0]) as f:
        say('came', text, f.read())


def write_pipe(text, fds):
    os.write(fds[0], b'through the pipe')


def serve_one(text, fds):
    with socket.socket(fileno=fds[0]) as listener:
        conn, _ = listener.accept()
        conn.sendall(b'served by another')
        conn.close()


def several(text, fds):
    say(text, [os.read(fd, 5) for fd in fds],
        [os.get_inheritable(fd) for fd in fds])


def inet():
    listener = socket.socket()
    listener.bind(('127.0.0.1', 0))
    listener.listen()
    return listener


where, data = sys.argv[1:]
for name, (one, two) in pairs(where):
    say('--', name)
    with open(data) as f:
        pid = child(two, 1, read_file)
        give(one, [f.fileno()], b'file')
    wait(pid)

    reader, writer = os.pipe()
    pid = child(two, 1, write_pipe)
    give(one, [writer])
    os.close(writer)
    say(os.read(reader, 100), os.read(reader, 1))
    os.close(reader)
    wait(pid)

    with inet() as listener:
        pid = child(two, 1, serve_one)
        give(one, [listener.fileno()])
        with socket.create_connection(listener.getsockname()) as s:
            say(s.recv(100, socket.MSG_WAITALL))
    wait(pid)

    reader, writer = os.pipe()
    os.write(writer, b'local')
    with open(data, 'rb', buffering=0) as f:
        pid = child(two, 4, several)
        give(one, [reader, f.fileno(), f.fileno()], b'mixed')
    wait(pid)

    # looked at first, then taken; one offset for all of them
    os.write(writer, b'again')
    with open(data, 'rb', buffering=0) as f:
        give(one, [reader, f.fileno()], b'peeked')
        text, fds, flags = receive(two, 2, socket.MSG_PEEK)
        say(text, [os.read(fd, 3) for fd in fds])
        again, more, flags = receive(two, 2)
        say(again, [os.read(fd, 2) for fd in more], set(fds) & set(more))
        for fd in fds + more:
            os.close(fd)
    os.close(reader)
    os.close(writer)

    # no room for them all
    with open(data) as f:
        give(one, [f.fileno(), f.fileno(), f.fileno()])
        text, control, flags, _ = two.recvmsg(9, socket.CMSG_LEN(8))
        fds = array.array('i', control[0][2])
        say(len(fds), flags == socket.MSG_CTRUNC, [os.read(fd, 2) for fd in fds])
        for fd in fds:
            os.close(fd)
        give(one, [f.fileno()])
        say(two.recvmsg(9)[0::2])
        give(one, [f.fileno()], b'closed on exec')
        text, fds, flags = receive(two, 1, socket.MSG_CMSG_CLOEXEC)
        say(text, flags == socket.MSG_CMSG_CLOEXEC,
            os.get_inheritable(fds[0]))
        os.close(fds[0])
    try:
        give(one, [999])
    except OSError as e:
        say(e)
    # a socket that travels in itself, and is there still
    give(one, [two.fileno()], b'itself')
    text, fds, flags = receive(two, 1)
    with socket.socket(fileno=fds[0]) as copy:
        one.send(b'to a copy')
        say(text, copy.recv(100))
    one.close()
    two.close()
say(sorted(os.listdir('/proc/self/fd'), key=int))
