#!/bin/bash
# What poll, select and epoll say of objects of the server is what they say
# there, after each step of an object's life.
. "$(dirname "$0")/lib.sh"
build ready_probe
worlds
serve main
prepare 'echo x >x'
fresh

E2E_LINES=40
same "$T/bin/ready_probe" poll
same "$T/bin/ready_probe" epoll
ran rsc_watch read write
finish
