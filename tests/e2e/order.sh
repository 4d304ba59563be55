#!/bin/bash
# Who was told of a close finds it done, however the close came about.
. "$(dirname "$0")/lib.sh"
build order
worlds
serve main
prepare ':'
same "$T/bin/order" dup2 10
same "$T/bin/order" twin 10
same "$T/bin/order" close_range 10
same "$T/bin/order" exec 10
ran close flock F_SETLK
finish
