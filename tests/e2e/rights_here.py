"""Its peer, under rsc."""
import array
import os
import socket
import sys

s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
text, control, flags, _ = s.recvmsg(100, socket.CMSG_SPACE(4))
fds = array.array('i', control[0][2])
print(text, os.read(fds[0], 100), os.read(fds[0], 100))


def give(text, fd):
    s.sendmsg([text], [(socket.SOL_SOCKET, socket.SCM_RIGHTS,
                        array.array('i', [fd]))])


with open(sys.argv[2]) as f:
    give(b'a file', f.fileno())
# What is here cannot be used there.
reader, writer = os.pipe()
os.write(writer, b'of here')
give(b'a pipe', reader)
