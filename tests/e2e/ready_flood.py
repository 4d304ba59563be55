"""A server that says more than it knows: a session of the rsc that is named,
with READY of all kinds, for objects that there are and are not, behind each of
its frames."""

import os
import random
import struct
import subprocess
import sys

random.seed(7)
READIES = 4
BITS = [0x1, 0x2, 0x4, 0x8, 0x10, 0x2000]
server = subprocess.Popen([sys.argv[1], 'serve', '--stdio'],
                          stdin=0, stdout=subprocess.PIPE)


def number(n):
    if n < 24:
        return bytes([n])
    return b'\x18' + bytes([n]) if n < 256 else b'\x19' + struct.pack('>H', n)


def ready():
    mask = sum(bit for bit in BITS if random.random() < 0.3)
    body = (b'\x84\x06' + number(random.randrange(40)) + number(mask) +
            number(random.randrange(4)))
    return struct.pack('>I', len(body)) + body


while True:
    head = server.stdout.read(4)
    if len(head) < 4:
        break
    body = server.stdout.read(struct.unpack('>I', head)[0])
    try:
        os.write(1, head + body + b''.join(ready() for _ in range(READIES)))
    except BrokenPipeError:
        break
