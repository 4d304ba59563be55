"""A link of some milliseconds: slow_link.py SOCKET SERVER MS

Listens on SOCKET, says a line when it does, and passes on what clients and the
server say, each answer MS later. So each call takes longer than the tracer
lets a program stand still.
"""
import os
import socket
import sys
import threading
import time


def pass_on(source, to, late):
    while True:
        try:
            data = source.recv(1 << 16)
            time.sleep(late)
            to.sendall(data)
        except OSError:
            return
        if not data:
            to.shutdown(socket.SHUT_WR)
            return


def main():
    path, server, late = sys.argv[1], sys.argv[2], float(sys.argv[3]) / 1000
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    print("ready", flush=True)
    while True:
        near = listener.accept()[0]
        far = socket.socket(socket.AF_UNIX)
        far.connect(server)
        for args in ((near, far, 0), (far, near, late)):
            threading.Thread(target=pass_on, args=args, daemon=True).start()


main()
