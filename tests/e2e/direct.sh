#!/bin/bash
# Files that are open with O_DIRECT: a disk's file system takes data from
# aligned memory only. There is none below /srv, so it lies in /var/tmp.
. "$(dirname "$0")/lib.sh"
disk=$(mktemp -d /var/tmp/rsc-direct.XXXXXX)
trap 'rm -rf "$disk"; leave' EXIT
worlds
serve main
prepare 'head -c 3145728 /dev/urandom >random; head -c 3000 random >odd'

for size in 4096 64k 3M; do
	same dd if=random of="$disk/f" bs=$size oflag=direct status=none
	reading cmp random "$disk/f"
	reading dd if="$disk/f" iflag=direct bs=$size status=none
done
# The end that is no whole block dd writes without O_DIRECT, by F_SETFL.
same dd if=odd of="$disk/f" bs=4096 oflag=direct status=none
reading cmp odd "$disk/f"
# What is wrong stays wrong: a part of a block.
WANT=1 reading dd if="$disk/f" of=/dev/null bs=100 iflag=direct status=none
# Vectors, past the end too.
same python3 -c '
import mmap, os, sys
fd = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT | os.O_DIRECT)
block = mmap.mmap(-1, 8192)
block.write(b"v" * 8192)
print(os.pwritev(fd, [block, block], 4096))
print(os.preadv(fd, [block, block], 8192), block[0], block[4096])
print(os.pread(fd, 4096, 1 << 20))' "$disk/f"
finish
