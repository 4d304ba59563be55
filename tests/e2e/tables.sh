#!/bin/bash
# Which descriptors a process has: shared, copied, closed by an exec.
. "$(dirname "$0")/lib.sh"
build tables
build tables tables-static -static
build_musl tables tables-musl
worlds
serve main
prepare 'seq 5000 >numbers; head -c 2000 /dev/urandom | base64 >random
	mkdir dir; >dir/a'

for program in tables tables-static tables-musl; do
	for part in sharing sharing3 exec-apart cloexec spawning \
		exec-in-thread fork-amid thread-ends generations killed many \
		locks flags; do
		same "$T/bin/$program" $part
	done
done
finish
