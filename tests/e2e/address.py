"""A socket goes where the rules say that its first address is."""
import asyncio
import fcntl
import os
import socket
import sys

here, there, path = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]


def ask(s):
    s.sendall(b'GET /x HTTP/1.0\r\n\r\n')
    data = b''
    while chunk := s.recv(4096):
        data += chunk
    return data.split(b'\r\n\r\n')[1]


for port in here, there:
    with socket.create_connection(('127.0.0.1', port)) as s:
        print(ask(s))

# What was set before stays set, for each of its numbers.
s = socket.socket()
s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
s.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
s.settimeout(20)
copy = s.dup()
high = fcntl.fcntl(s.fileno(), fcntl.F_DUPFD, 100)
s.connect(('127.0.0.1', here))
print(s.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0,
      s.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) != 0,
      os.get_blocking(s.fileno()), os.get_inheritable(s.fileno()),
      os.get_inheritable(copy.fileno()), os.get_inheritable(high))
os.close(high)
print(s.getpeername() == copy.getpeername(), ask(copy))


async def one(port):
    reader, writer = await asyncio.open_connection('127.0.0.1', port)
    writer.write(b'GET /x HTTP/1.0\r\n\r\n')
    data = await reader.read()
    writer.close()
    return data.split(b'\r\n\r\n')[1]


async def both():
    print(await asyncio.gather(one(here), one(there), one(here)))

asyncio.run(both())

# Datagrams to oneself: what listens is where its address is.
for port, other in (here, there), (there, here):
    a = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    a.bind(('127.0.0.1', port))
    b = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    b.sendto(b'to %d' % port, ('127.0.0.1', port))
    print(a.recv(100))

a = socket.socket(socket.AF_UNIX)
a.bind(path)
a.listen()
b = socket.socket(socket.AF_UNIX)
b.connect(path)
c, _ = a.accept()
b.sendmsg([b'by a path'])
print(c.recv(100))

# Another process would keep the other socket.
s = socket.socket()
if not os.fork():
    try:
        s.connect(('127.0.0.1', here))
    except OSError as e:
        print(e.errno)
    os._exit(0)
os.wait()
