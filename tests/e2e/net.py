"""Sockets, each line of output the same wherever this runs."""
import errno
import os
import signal
import socket
import struct
import sys
import threading
import time


def say(*words):
    print(*words, flush=True)


def fails(call, *args):
    try:
        return call(*args)
    except OSError as e:
        return errno.errorcode[e.errno]


def server(sock):
    """Echoes one connection, in a thread."""
    def run():
        conn, peer = sock.accept()
        with conn:
            while True:
                data = conn.recv(1 << 20)
                if not data:
                    break
                conn.sendall(data)
    thread = threading.Thread(target=run)
    thread.start()
    return thread


def streams(family, address):
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(address)
    listener.listen()
    name = listener.getsockname()
    say('listens', name if family == socket.AF_UNIX else name[0])
    thread = server(listener)
    with socket.socket(family) as s:
        s.connect(name)
        peer = s.getpeername()
        say('peer', peer == name)
        big = bytes(range(256)) * 12000
        sender = threading.Thread(target=s.sendall, args=(big,))
        sender.start()
        got = b''
        while len(got) < 1 << 18:
            got += s.recv(1 << 16, socket.MSG_WAITALL)
        # more than travels at once
        got += s.recv(len(big) - len(got), socket.MSG_WAITALL)
        sender.join()
        say('echo', got == big)
        s.sendall(b'one')
        say('peek', s.recv(2, socket.MSG_PEEK), s.recv(9))
        say('no data', fails(s.recv, 1, socket.MSG_DONTWAIT))
        s.settimeout(0.05)
        try:
            s.recv(1)
        except TimeoutError:
            say('timed out')
        s.settimeout(None)
        s.shutdown(socket.SHUT_WR)
        say('end', s.recv(1))
        say('silent', fails(s.send, b'x', socket.MSG_NOSIGNAL))
    thread.join()
    say('nobody', fails(listener.setblocking, False), fails(listener.accept))
    listener.close()
    with socket.socket(family) as s:
        say('refused', fails(s.connect, name))


def datagrams(family, one, two):
    a = socket.socket(family, socket.SOCK_DGRAM)
    b = socket.socket(family, socket.SOCK_DGRAM)
    a.bind(one)
    b.bind(two)
    for text in b'', b'a', b'long' * 100:
        a.sendto(text, b.getsockname())
        data, peer = b.recvfrom(1000)
        say('datagram', len(data), peer == a.getsockname())
    b.connect(a.getsockname())
    b.send(b'connected')
    say(a.recv(4), fails(a.recv, 4, socket.MSG_DONTWAIT))
    b.send(b'truncated')
    say('whole length', a.recv_into(bytearray(4), 4, socket.MSG_TRUNC))
    buf = bytearray(b'.' * 12)
    b.send(b'into')
    say(a.recvfrom_into(buf)[0], bytes(buf))
    a.close()
    b.close()


def messages(family, one, two):
    a = socket.socket(family, socket.SOCK_DGRAM)
    b = socket.socket(family, socket.SOCK_DGRAM)
    a.bind(one)
    b.bind(two)
    say(a.sendmsg([b'in', b' three ', b'parts'], (), 0, b.getsockname()))
    parts = [bytearray(4), bytearray(3), bytearray(100)]
    n, control, flags, peer = b.recvmsg_into(parts)
    say(n, parts[0], parts[1], bytes(parts[2][:n - 7]), control, flags,
        peer == a.getsockname())
    a.sendto(b'too long for it', b.getsockname())
    data, control, flags, peer = b.recvmsg(7)
    say(data, flags == socket.MSG_TRUNC)
    say(fails(b.recvmsg, 7, 0, socket.MSG_DONTWAIT))
    if family == socket.AF_INET:
        b.setsockopt(socket.IPPROTO_IP, 12, 1)	# IP_RECVTTL
        a.sendto(b'x', b.getsockname())
        data, control, flags, peer = b.recvmsg(9, 64)
        say(data, [(level, kind, value) for level, kind, value in control])
        a.sendto(b'x', b.getsockname())
        say(b.recvmsg(9, 8)[2] == socket.MSG_CTRUNC)
    if family == socket.AF_UNIX:
        b.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        creds = struct.pack('3i', os.getpid(), os.getuid(), os.getgid())
        say(a.sendmsg([b'me'], [(socket.SOL_SOCKET, socket.SCM_CREDENTIALS,
                                 creds)], 0, b.getsockname()))
        data, control, flags, peer = b.recvmsg(9, 64)
        say(data, control[0][:2], struct.unpack('3i', control[0][2])[1:])
    a.close()
    b.close()


def big_message():
    listener = socket.socket()
    listener.bind(('127.0.0.1', 0))
    listener.listen()
    s = socket.create_connection(listener.getsockname())
    conn, _ = listener.accept()
    parts = [bytes([i]) * 100000 for i in range(30)]
    got = []

    def receive():
        while chunk := conn.recvmsg(1 << 20)[0]:
            got.append(chunk)
    thread = threading.Thread(target=receive)
    thread.start()
    say('sent', s.sendmsg(parts))
    s.close()
    thread.join()
    say('same', b''.join(got) == b''.join(parts))


def options():
    with socket.socket() as s:
        for level, name in (('SOL_SOCKET', 'SO_TYPE'),
                            ('SOL_SOCKET', 'SO_DOMAIN'),
                            ('SOL_SOCKET', 'SO_ERROR'),
                            ('IPPROTO_TCP', 'TCP_NODELAY')):
            say(name, s.getsockopt(getattr(socket, level),
                                   getattr(socket, name)))
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        say(s.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                     struct.pack('ii', 1, 7))
        say(struct.unpack('ii', s.getsockopt(socket.SOL_SOCKET,
                                             socket.SO_LINGER, 8)))
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO,
                     struct.pack('qq', 0, 20000))
        say(struct.unpack('qq', s.getsockopt(socket.SOL_SOCKET,
                                             socket.SO_RCVTIMEO, 16)))
        say(s.getsockopt(socket.IPPROTO_TCP, 13, 3))	# TCP_CONGESTION
        say('info', len(s.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO,
                                     104)))
        say('cut', s.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE, 2))
        say('bad', fails(s.setsockopt, socket.SOL_SOCKET, 9999, 1),
            fails(s.getsockopt, socket.SOL_SOCKET, 9999))
        say('blocking', s.getblocking(), os.get_blocking(s.fileno()))
        s.setblocking(False)
        say('blocking', os.get_blocking(s.fileno()))


def nonblocking():
    listener = socket.socket()
    listener.bind(('127.0.0.1', 0))
    listener.listen()
    s = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    say('connect', errno.errorcode[s.connect_ex(listener.getsockname())])
    conn, _ = listener.accept()
    while s.connect_ex(listener.getsockname()) == errno.EALREADY:
        pass
    say('error', s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
    say('nothing', fails(s.recv, 1))
    sent = 0
    while True:
        n = fails(s.send, bytes(1 << 16))
        if n == 'EAGAIN':
            break
        sent += n
    say('full', sent > 1 << 16)
    conn.close()
    listener.close()


def families():
    """Links by netlink, frames of lo, an echo by ICMP, a random number."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as s:
        s.bind((0, 0))
        # RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP
        s.send(struct.pack('IHHII16x', 32, 18, 0x301, 7, 0))
        data, peer = s.recvfrom(1 << 16)
        say('netlink', peer, struct.unpack_from('IHHI', data)[1:],
            b'lo\0' in data)
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM,
                       socket.htons(0x800)) as s:
        s.bind(('lo', 0x800))
        u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        u.sendto(b'a frame', ('127.0.0.1', 9))
        data, peer = s.recvfrom(1 << 16)
        say('packet', data[28:], peer[0], s.getsockname()[:2])
    with socket.socket(socket.AF_INET, socket.SOCK_RAW,
                       socket.IPPROTO_ICMP) as s:
        s.sendto(struct.pack('>BBHHH', 8, 0, 0xf7ff - 1, 0, 1),
                 ('127.0.0.1', 0))
        kinds = [s.recv(100)[20] for _ in range(2)]
        say('icmp', kinds)


def signals():
    listener = socket.socket()
    listener.bind(('127.0.0.1', 0))
    listener.listen()

    class Late(Exception):
        pass

    def late(sig, frame):
        raise Late

    signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, 0.1)
    try:
        listener.accept()
    except Late:
        say('accept was interrupted')
    a = socket.create_connection(listener.getsockname())
    b, _ = listener.accept()
    b.close()
    got = []
    signal.signal(signal.SIGPIPE, lambda sig, frame: got.append(sig))
    a.recv(1)
    for i in range(100):
        if fails(a.send, b'x') in ('EPIPE', 'ECONNRESET') and got:
            break
        time.sleep(0.01)
    say('a signal for EPIPE', got[0] == signal.SIGPIPE)
    pid = os.fork()
    if not pid:
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        os.write(a.fileno(), b'x')
        os._exit(0)
    say('died of', os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))


def processes():
    """A descriptor is a process's own, the connection all of theirs."""
    listener = socket.socket()
    listener.bind(('127.0.0.1', 0))
    listener.listen()
    pid = os.fork()
    if not pid:
        conn, _ = listener.accept()
        os.dup2(conn.fileno(), 0)
        os.dup2(conn.fileno(), 1)
        os.execv('/usr/bin/tr', ['tr', 'a-z', 'A-Z'])
    with socket.create_connection(listener.getsockname()) as s:
        s.sendall(b'through a filter')
        s.shutdown(socket.SHUT_WR)
        data = b''
        while chunk := s.recv(100):
            data += chunk
        say(data)
    os.waitpid(pid, 0)
    with open('/etc/hostname') as f:
        say(f.read())


def long_names():
    """Sockets whose names no address holds are named by a descriptor."""
    stream = 'stream' + '-' * 150
    dgram = 'dgram' + '-' * 150
    listener = socket.socket(socket.AF_UNIX)
    listener.bind('s')
    listener.listen()
    os.rename('s', stream)
    receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    receiver.bind('d')
    os.rename('d', dgram)
    with socket.socket(socket.AF_UNIX) as s:
        fd = os.open(stream, os.O_PATH)
        s.connect(f'/proc/self/fd/{fd}')
        s.sendall(b'by a descriptor')
        say(listener.accept()[0].recv(100))
        os.close(fd)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        fd = os.open(dgram, os.O_PATH)
        s.sendto(b'sendto', f'/proc/self/fd/{fd}')
        s.sendmsg([b'sendmsg'], [], 0, f'/proc/self/fd/{fd}')
        say(receiver.recv(100), receiver.recv(100))
        os.close(fd)
    # As many descriptors afterwards as before.
    say(len(os.listdir('/proc/self/fd')))
    os.unlink(stream)
    os.unlink(dgram)


def peer_of(sock):
    return struct.unpack('3i', sock.getsockopt(
        socket.SOL_SOCKET, socket.SO_PEERCRED, 12))


def credentials(address):
    """Each end of a connection knows the process at the other one."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen()
    me = os.getpid()
    pid = os.fork()
    if pid == 0:
        good = 0
        for _ in range(3):
            s = socket.socket(socket.AF_UNIX)
            # The thread that connects is gone when it is asked for.
            thread = threading.Thread(target=s.connect, args=(address,))
            thread.start()
            thread.join()
            good += peer_of(s) == (me, os.getuid(), os.getgid())
            s.recv(1)
        os._exit(good)
    for _ in range(3):
        with listener.accept()[0] as s:
            say('parent', peer_of(s) == (pid, os.getuid(), os.getgid()))
            s.sendall(b'x')
    say('child', os.WEXITSTATUS(os.waitpid(pid, 0)[1]))
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(address)
        say('both ends', peer_of(s)[0] == peer_of(listener.accept()[0])[0]
            == me)
        say('listener', peer_of(listener)[0] == me)


where = sys.argv[1]
os.chdir(where)
streams(socket.AF_INET, ('127.0.0.1', 0))
streams(socket.AF_INET6, ('::1', 0))
streams(socket.AF_UNIX, where + '/stream')
streams(socket.AF_UNIX, '\0abstract')
datagrams(socket.AF_INET, ('127.0.0.1', 0), ('127.0.0.1', 0))
datagrams(socket.AF_INET6, ('::1', 0), ('::1', 0))
datagrams(socket.AF_UNIX, where + '/one', 'two')
messages(socket.AF_INET, ('127.0.0.1', 0), ('127.0.0.1', 0))
messages(socket.AF_UNIX, where + '/three', 'four')
long_names()
credentials(where + '/five')
credentials('\0credentials')
big_message()
options()
nonblocking()
families()
signals()
processes()
say(sorted(os.listdir(where)))
