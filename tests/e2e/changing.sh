#!/bin/bash
# Programs that change a tree of another world leave the tree that the same
# program leaves there, and nothing here.
. "$(dirname "$0")/lib.sh"
worlds
serve main

prepare '
	seq 5000 >numbers
	head -c 200000 /dev/urandom >random
	: >empty
	mkdir -p a/b/c/d gone/x/y bare
	echo one >a/one; echo two >a/b/two; cp numbers a/b/c/n
	for i in $(seq 40); do echo "$i" >gone/x/f$i; done
	ln -s ../numbers a/link; ln -s nowhere dangling; ln -s a dirlink
	ln numbers hard; ln -s ../numbers gone/out
	mkfifo a/fifo; mknod a/null c 1 3
	truncate -s 3M sparse; printf x | dd of=sparse bs=1 seek=1M \
		conv=notrunc status=none
	chmod 4750 a/one; chmod 1777 a/b; chown 1000:1000 a/b/two
	printf nl >"new
line"; printf bad >"$(printf "bad\377\376utf8")"
	setfattr -n trusted.k -v value a/one
	printf "#!/bin/sh\necho \"\$0 \$*\" >>said\n" >script; chmod +x script
'

same cp numbers copy
same cp random numbers
same cp -r a b
same cp -a a b
same cp -a . /tmp/copy
same cp -al a b
same cp --sparse=always sparse dense
same cp --sparse=never sparse dense
same cp -u --preserve=timestamps numbers empty
same cp -b numbers empty
same cp -- "$(printf 'bad\377\376utf8')" $'new\nline' bare/
WANT=1 same cp -r a a/b
WANT=1 same cp numbers random bare/none/x
same mv numbers a/b/moved
same mv a renamed
same mv -T a bare
same mv -n numbers random
WANT=1 same mv a a/b/c
WANT=1 same mv gone numbers
same rm -r gone
same rm -rf gone a nothing
same rm -- "$(printf 'bad\377\376utf8')" $'new\nline' dirlink
WANT=1 same rm gone
WANT=1 same rm numbers nothing
same rmdir bare
same rmdir -p --ignore-fail-on-non-empty a/b/c/d
WANT=1 same rmdir gone
same mkdir -p x/y/z a/b/c
same mkdir -m 2751 x
WANT=1 same mkdir a
same bash -c 'umask 077; mkdir x; >y; umask 0; mkdir z; >w; umask'
same bash -c 'tar c -C gone . | (mkdir new && tar x -C new)'
same bash -c 'tar cf all.tar --sort=name --xattrs a "new
line" sparse && mkdir out && tar xf all.tar -C out --xattrs \
	--xattrs-include="*" && tar df all.tar -C out && tar tf all.tar && rm all.tar'
same tar czf all.tgz --sort=name a gone
same sed -i s/1/one/g numbers
same sed -i.bak -e 1d -e '$d' numbers a/one
same touch -d '2001-02-03 04:05:06.789' numbers new
same touch -h -d @1234567890.123456789 dangling
same touch -r a/one numbers
same touch -a -d @1000000000 numbers
same touch -m -d @1000000000 numbers
same touch -c nothing
same ln -s ../../some/where/else deep
same ln -s target a/b/
same ln -sf numbers dangling
same ln -sfn bare dirlink
same ln numbers a/b/hard
same ln -P dangling other
WANT=1 same ln gone cannot
WANT=1 same ln -s x numbers
same chmod -R u=rwX,go= a
same chmod 4755 numbers
same chmod +x,a-w empty
WANT=1 same chmod 600 nothing
same chown -R 1000:1000 a
same chown -h 12:34 dangling
same chown alice numbers
same chgrp alice a/one
WANT=1 same chown mallory numbers
same truncate -s 100 numbers
same truncate -s +1M empty
same truncate -s 0 random new
same fallocate -l 100K new
same fallocate -p -o 4096 -l 8192 random
same fallocate -n -l 1M numbers
same install -D -m 640 -o 1000 -g 1000 numbers x/y/z/installed
same install -d -m 1770 x y/z
same install -b numbers random bare
same setfattr -n trusted.new -v "a value" numbers
same setfattr -x trusted.k a/one
same setfattr -h -n trusted.link -v y dangling
same setfattr --restore=- <<-'END'
	# file: numbers
	trusted.a="x"
	trusted.b=0x000102ff
END
WANT=1 same setfattr -x trusted.none numbers
same dd if=random of=part bs=1000 skip=5 seek=7 count=11 status=none
same dd if=/dev/zero of=random bs=1 seek=5 count=3 conv=notrunc,fsync \
	status=none
same dd if=numbers of=new bs=512 oflag=append conv=notrunc status=none
same mkfifo one two
same mknod -m 640 zero c 1 5
same unlink hard
same link numbers second
same sync numbers a
same split -n 7 numbers part.
same csplit -s numbers 100 200 '{3}'
same sort -o numbers -r numbers
same tee one two a/three <<<'some text'
same gzip -kf numbers random
same shred -n 1 -u --random-source=random numbers
same find . -name 'f*' -type f -delete
same find a -exec chmod g+w {} +
same find gone -name 'f1*' -execdir mv {} {}.moved ';'
same patch -p0 <<-'END'
	--- a/one
	+++ a/one
	@@ -1 +1,2 @@
	-one
	+1
	+2
END

# A descriptor's name below /proc/self means what the number stands for.
same bash -c 'exec 5<>numbers 6<a; echo first >/proc/self/fd/5
	chmod 600 /dev/fd/5; echo again >>/proc/$$/fd/5
	mkdir /proc/self/fd/6/made; readlink /proc/self/fd/5; cat /dev/fd/5
	stat -L -c "%a %n" /proc/thread-self/fd/[56]
	setfattr -n trusted.f -v 5 /proc/self/fd/5'

# Names that chance chooses: only how they look can be compared.
same bash -c 'f=$(mktemp -p . one.XXXXXX) && echo text >"$f" && mv "$f" known &&
	d=$(mktemp -d) && >"$d/x" && stat -c %a known "$d" && rm -r "$d"'
same bash ./script some arguments
seq 30000 >"$T/note/in"
STDIN=$T/note/in same bash -c 'f=$(mktemp); cat >"$f"; wc -c <"$f"; cp "$f" from_here
	rm "$f"'

same bash -c '
	set -e
	exec 5>log
	echo start >&5
	cat >poem <<END
a here-document of $(wc -l <numbers) lines,
and the machine is $(cat /etc/hostname)
END
	while read -r n; do
		[ $((n % 500)) -ne 0 ] || echo "$n" >>hundreds
	done <numbers
	sort -rn hundreds | tee sorted | head -n 3 >&5
	mkdir -p deep/er && cd deep/er
	cp ../../numbers . && sed -i "/7/d" numbers && ln -s ../../log .
	for f in ../../gone/x/f?; do mv "$f" "${f##*/}.moved"; done
	(umask 027; echo secret >secret; chmod o+t .)
	cat <(head -n 2 numbers) <(tail -n 2 numbers) >ends
	echo "end" >>log
	cd "$OLDPWD"; pwd >&5
	tar cf - deep | tar tf - | sort >&5
	rm -rf gone
	{ echo out; echo err >&2; } >both 2>&1
	exec 6<>both; read -r x <&6; echo "rest of $x" >&6; exec 6>&-
	set -C; echo no >both 2>/dev/null || echo "noclobber $?"
	trap "echo bye >>log" EXIT
	exit 0'
WANT=7 same bash -c 'echo x >x; (exit 7)'

ran openat read write close renameat2 unlinkat mkdirat symlinkat linkat \
	fchmodat fchownat utimensat ftruncate fallocate copy_file_range \
	mknodat setxattr lsetxattr removexattr getxattr fsync newfstatat
finish
