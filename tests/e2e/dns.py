"""Answers each question for an A record with 127.0.0.1, for one name."""
import socket
import sys

s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(('127.0.0.1', 53))
print('ready', flush=True)
name = b''.join(bytes([len(p)]) + p.encode() for p in sys.argv[1].split('.'))
while True:
    query, peer = s.recvfrom(512)
    end = query.index(b'\0', 12) + 5
    known = query[12:end - 5] == name
    is_a = known and query[end - 4:end - 2] == b'\0\1'
    head = query[:2] + (b'\x81\x80' if known else b'\x81\x83')
    answer = b'\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\x7f\0\0\1' if is_a else b''
    s.sendto(head + b'\0\1' + (b'\0\1' if is_a else b'\0\0') + b'\0\0\0\0' +
             query[12:end] + answer, peer)
