#!/bin/bash
# Pointers that lead nowhere fail as they do natively, and lose nothing, however
# late the answer comes.
. "$(dirname "$0")/lib.sh"
build fault fault -w -fno-builtin
cp slow_link.py "$T/bin/"
worlds
serve main
prepare 'echo x >x'
same "$T/bin/fault"
same setpriv --bounding-set -sys_admin "$T/bin/fault"

slow_link main
same "$T/bin/fault"
ran read write preadv readlinkat getxattr
finish
