"""A link of some milliseconds: slow_link.py SOCKET SERVER MS [BYTES]

Listens on SOCKET, says a line when it does, and passes on what clients and the
server say, each answer MS later. So each call takes longer than the tracer
lets a program stand still. After so many bytes of answers the link is cut.
"""
import os
import socket
import sys
import threading
import time


def pass_on(source, to, late, left):
    while True:
        try:
            data = source.recv(1 << 16)[:left]
            left -= len(data)
            time.sleep(late)
            to.sendall(data)
            if not left:
                for end in source, to:
                    end.shutdown(socket.SHUT_RDWR)
        except OSError:
            return
        if not data:
            to.shutdown(socket.SHUT_WR)
            return


def main():
    path, server, late = sys.argv[1], sys.argv[2], float(sys.argv[3]) / 1000
    cut = int(sys.argv[4]) if len(sys.argv) > 4 else sys.maxsize
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    print("ready", flush=True)
    while True:
        near = listener.accept()[0]
        far = socket.socket(socket.AF_UNIX)
        far.connect(server)
        for args in ((near, far, 0, sys.maxsize), (far, near, late, cut)):
            threading.Thread(target=pass_on, args=args, daemon=True).start()


main()
