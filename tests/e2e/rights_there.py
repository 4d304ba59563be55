"""A process of the server that is not under rsc: gives and takes one each."""
import array
import os
import socket
import sys

listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen()
print('ready', flush=True)
conn, _ = listener.accept()
reader, writer = os.pipe()
os.write(writer, b'from a pipe there')
os.close(writer)
conn.sendmsg([b'take'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS,
                          array.array('i', [reader]))])
for i in range(2):
    text, control, flags, _ = conn.recvmsg(100, socket.CMSG_SPACE(4))
    fds = array.array('i', control[0][2])
    print(text, os.read(fds[0], 100), flush=True)
