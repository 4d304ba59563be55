#!/bin/bash
# Leases and F_NOTIFY: the server's kernel has them, the signals come here.
. "$(dirname "$0")/lib.sh"
build notify
worlds
serve main
prepare 'seq 100 >file'

same "$T/bin/notify"
ran F_SETLEASE F_GETLEASE F_NOTIFY F_CREATED_QUERY
finish
