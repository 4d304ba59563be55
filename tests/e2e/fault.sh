#!/bin/bash
# Pointers that lead nowhere fail as they do natively, and lose nothing.
. "$(dirname "$0")/lib.sh"
build fault fault -w -fno-builtin
worlds
serve main
prepare 'echo x >x'
same "$T/bin/fault"
ran read write preadv readlinkat getxattr
finish
