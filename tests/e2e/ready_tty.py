"""The other side of a terminal: does what is asked in the fifo "asked", and
says so in the fifo "done", which has the terminal's name first."""

import os
import pty
import select

master, slave = pty.openpty()
asked = os.open('asked', os.O_RDWR)
done = os.open('done', os.O_RDWR)
os.write(done, os.ttyname(slave).ljust(64).encode())
while True:
    command = os.read(asked, 1)
    if command == b'W':
        os.write(master, b'a line\n')
        select.select([slave], [], [])  # the kernel hands it over later
    elif command == b'R':
        os.read(master, 65536)
    elif command == b'C':
        os.close(master)
    elif command == b'E':
        break
    os.write(done, command)
