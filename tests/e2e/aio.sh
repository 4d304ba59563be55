#!/bin/bash
# io_submit(2) and its kin.
. "$(dirname "$0")/lib.sh"
build aio
worlds
serve main
prepare 'seq 100 >file'

same "$T/bin/aio"
ran pread64 pwrite64 preadv pwritev pwritev2 fsync fdatasync
finish
