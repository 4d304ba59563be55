#!/bin/bash
# What poll, select and epoll say of objects of the server is what they say
# there, after each step of an object's life.
. "$(dirname "$0")/lib.sh"
build ready_probe
build ready_sets
worlds
serve main
prepare 'echo x >x'
fresh
CWD=/ there ip link set lo up

export E2E_LINES=${E2E_LINES-20}
same "$T/bin/ready_probe" poll fifo
same "$T/bin/ready_probe" epoll fifo
same "$T/bin/ready_sets"
MODES=(--all)
same "$T/bin/ready_probe" poll
same "$T/bin/ready_probe" epoll
ran rsc_watch read write socket connect accept4
finish
