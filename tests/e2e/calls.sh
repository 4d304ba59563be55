#!/bin/bash
# What single calls return, from programs that are linked in every way.
. "$(dirname "$0")/lib.sh"
build calls
build calls calls-static -static
build_musl calls calls-musl
build_go gostatic
worlds
serve main

prepare '
	seq 5000 >numbers
	head -c 200000 /dev/urandom >random
	mkdir -p dir gone/a/b; >dir/a; >dir/b; >gone/a/b/c
	ln -s numbers link'

for program in calls calls-static calls-musl; do
	for part in bytes names shared-offsets duplicates over-exec threads \
		threads-apart thread-tables limits maps pointers; do
		same "$T/bin/$program" $part
	done
done
for part in reading writing many spawning; do
	same "$T/bin/gostatic" $part
done
check 'calls-static is static' '' "$(ldd "$T/bin/calls-static" 2>/dev/null)"
check 'gostatic is static' '' "$(ldd "$T/bin/gostatic" 2>/dev/null)"
finish
