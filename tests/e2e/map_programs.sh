#!/bin/bash
# Programs that map the files they work on, on the files of another world.
. "$(dirname "$0")/lib.sh"
worlds
serve main

prepare '
	seq 1 400000 >numbers
	/usr/bin/python3 -c "import random
random.seed(3)
open(\"noise\", \"wb\").write(random.randbytes(3 << 20))"
	cp /bin/busybox program
	cp /usr/lib/*-linux-gnu/libc.a archive
	: >empty'

# Python'\''s own tests, also of files that are larger than memory.
same bash -c 'python3 -m unittest -q test.test_mmap 2>&1 |
	sed "s/ in [0-9.]*s$//"; exit ${PIPESTATUS[0]}'

# Packs, their indexes and windows on them.
same bash -c 'export GIT_AUTHOR_DATE="1600000000 +0000"
	export GIT_COMMITTER_DATE="1600000000 +0000"
	export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b
	export GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
	git init -q -b main r && cd r || exit
	for i in 1 2 3; do
		cp ../noise ../numbers .
		seq $i 5 200000 >>numbers; head -c $((i << 18)) ../noise >part$i
		git add . && git commit -qm "commit $i" && git gc -q || exit
	done
	ls .git/objects/pack | wc -l
	git fsck --full --strict; git log --stat --oneline
	git verify-pack -s .git/objects/pack/*.idx
	git -c core.packedGitWindowSize=8k show HEAD~1:numbers | sha256sum
	git -c core.packedGitWindowSize=1m cat-file blob HEAD:noise | sha256sum
	git grep -c 99999 HEAD; git repack -adfq; git status --short
	git rev-list --objects --all | wc -l; git clone -q . ../c
	git -C ../c log --oneline; cmp noise ../c/noise
	cd ..; rm -rf r c'

reading bash -c 'for m in --mmap --no-mmap; do
	rg $m -c "7$" numbers; rg $m --sort path -a -c "ab" noise program
	rg $m -n "^39999[0-9]$" numbers | tail -n 3; rg $m x empty; echo $?
	done; rg --mmap -l --sort path 123 . | cat'
reading file numbers noise program archive empty
reading bash -c 'cmp noise numbers; cmp -l noise noise; nm archive | wc -l
	objdump -h program | tail -n 3'
# As root it takes the place of what it is told to write, were it /dev/stdout.
same bash -c 'strip -o stripped program && wc -c <stripped; rm stripped'
# A linker writes what it makes through memory.
same bash -c 'echo "int main(void) { return 3; }" >m.c
	gcc -static -o m m.c && ./m; echo $?; gcc -fuse-ld=gold -o m m.c && ./m
	echo $?; size m; rm m m.c'
ran pread64 rsc_hold rsc_take
finish
