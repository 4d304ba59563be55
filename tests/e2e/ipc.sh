#!/bin/bash
# Processes speak with each other: those of the program in every way there is,
# and with those of the server by what has a name there.
. "$(dirname "$0")/lib.sh"
build ipc ipc -lrt
worlds
serve main
prepare 'mkfifo up down; echo locked >lock; mkdir watched'

for way in fifo eventfd timerfd signalfd memfd mqueue sysv shm sem lock \
	inotify; do
	same "$T/bin/ipc" $way
done

# ---- with a process of the server ----

OPTS=(--all)
fresh
there bash -c 'read -r line <up; echo "${line^^}" >down' &
check 'a fifo, both ways' 'HELLO' \
	"$(ours bash -c 'echo hello >up; cat down')"
wait $!

# A lock of a process there keeps those of the program waiting, and the reverse.
there flock lock bash -c 'echo held >down; read -r _ <up; echo done >made' &
check 'flock waits for a process there' 'held done' "$(ours bash -c '
	read -r line <down; flock -n lock true && echo "not held"
	{ echo go >up; } & flock lock cat made | xargs echo $line')"
wait $!
there bash -c 'read -r _ <up; flock -n lock true; echo $? >down' &
check 'flock keeps a process there out' 1 \
	"$(ours flock lock bash -c 'echo go >up; cat down')"
wait $!
there python3 -c '
import fcntl
f = open("lock", "r+")
fcntl.lockf(f, fcntl.LOCK_EX, 4)
open("down", "w").write("held")
open("up").read()' &
check 'a record lock of a process there' 'held EAGAIN True' "$(ours python3 -c '
import errno, fcntl, os, struct
print(open("down").read(), end=" ")
f = open("lock", "r+")
try:
	fcntl.lockf(f, fcntl.LOCK_EX | fcntl.LOCK_NB, 4)
except OSError as e:
	print(errno.errorcode[e.errno], end=" ")
lock = struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0)
pid = struct.unpack("hhqqi4x", fcntl.fcntl(f, fcntl.F_GETLK, lock))[4]
with open(f"/proc/{pid}/comm") as comm:
	print("python" in comm.read())
open("up", "w").write("go")')"
wait $!
there bash -c 'read -r _ <up; touch watched/by-somebody-there' &
check 'inotify of what a process there does' 'by-somebody-there' \
	"$(ours python3 -c '
import ctypes, os, struct
libc = ctypes.CDLL(None)
fd = libc.inotify_init1(0)
libc.inotify_add_watch(fd, b"watched", 0x100)
open("up", "w").write("go\n")
event = os.read(fd, 4096)
print(event[16:].rstrip(b"\0").decode())')"
wait $!
finish
