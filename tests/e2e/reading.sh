#!/bin/bash
# Programs that read a tree of another world: what they say is what the same
# program says there, byte for byte.
. "$(dirname "$0")/lib.sh"
worlds
serve main

prepare '
	seq 20000 >numbers
	head -c 300000 /dev/urandom >random
	: >empty
	printf "no newline at the end" >short
	mkdir -p a/b/c/d many "with space" .hidden
	for i in $(seq 300); do echo "file $i" >many/f$i; done
	echo one >a/one; echo two >a/b/two; cp numbers a/b/c/n
	cp -r a other; echo more >>other/one; rm other/b/two; : >other/new
	ln -s ../numbers a/link; ln -s nowhere dangling; ln -s a dirlink
	ln -s /etc/os-release absolute; ln -s loop1 loop2; ln -s loop2 loop1
	ln numbers hard
	mkfifo fifo; mknod null c 1 3
	truncate -s 5M sparse; printf x | dd of=sparse bs=1 seek=3M conv=notrunc status=none
	chmod 4750 a/one; chmod 1777 many; chmod 0 empty
	chown 1000:1000 a/b "with space"; chown 12345:54321 short
	printf nl >"new
line"; printf bad >"$(printf "bad\377\376utf8")"; : >"$(printf "\001ctl\t*?[x]")"
	mkdir "$(printf "d\n\300\200")"; : >"$(printf "d\n\300\200/inner")"
	setfattr -n trusted.k -v value a/one; setfattr -h -n trusted.e -v "" a/link
	: >"$(head -c 255 /dev/zero | tr "\0" n)"
	printf "#!/bin/sh\necho script of the box\n" >script; chmod +x script
'

reading cat numbers
reading cat numbers random empty short
reading cat /etc/os-release /etc/hostname /home/name
reading head -n 3 numbers
reading tail -n 3 numbers
reading tail -c 1000 random
reading tac numbers
reading wc numbers random a/one many/f1
reading od -A x -t x1z random
reading sha256sum numbers random sparse
reading md5sum -- "$(printf 'bad\377\376utf8')" $'new\nline'
reading ls -la
reading ls -laR --full-time .
reading ls -li --time-style=+%s many
reading ls -U many
reading ls -lL a
reading find . -printf '%y %m %U:%G %u:%g %s %n %i %p -> %l\n'
reading find . -type f -size +100k -name '*r*'
reading find / -xdev -path /srv -o -maxdepth 1 -name 'e*'
reading find -L a dirlink
reading du -a .
reading du -sb --apparent-size .
reading stat numbers a dirlink dangling fifo null script
reading stat -f -c '%T %s %S %l' .
reading stat -L -c '%n %i %h %D' numbers hard dirlink
reading dd if=random bs=4096 skip=3 count=5 status=noxfer
reading dd if=sparse bs=1M iflag=skip_bytes skip=3145720 count=1 \
	status=noxfer
reading dd if=numbers bs=7 count=100 status=none
WANT=1 reading diff -r a other
reading diff numbers hard
WANT=1 reading cmp numbers random
reading grep -rn file many
reading grep -r -c 1 . --include='f*' --exclude-dir=.hidden
reading readlink a/link dangling absolute
reading realpath a/link dirlink/b/../link absolute .
reading getfattr -Rhd -m . a
reading sort -rn numbers
reading xargs -a many/f1 echo
reading tar cf - --sort=name a many
reading bash -c 'cat < numbers | head -c 100; [ -x script ]; echo $? *; cd a/b
	pwd; pwd -P; cat ../one; cd ../../dirlink; pwd -P; for f in *; do
	[ -L "$f" ] && echo "$f is a link"; done; test numbers -ef hard; echo $?
	read -r x <short; echo "$x"; echo many/f1?; cat < <(tac numbers)'
WANT=1 reading cat nothing numbers
WANT=1 reading cat a
WANT=1 reading cat loop1
WANT=1 reading cat numbers/x
WANT=2 reading ls -l nothing dangling
WANT=1 reading stat "$(head -c 256 /dev/zero | tr '\0' n)"
reading test -e "$(head -c 255 /dev/zero | tr '\0' n)"

# Names at the limit: 4095 bytes and the zero are the longest that go.
long=$(printf './%.0s' $(seq 2044))numbers
check 'the longest name has 4095 bytes' 4095 ${#long}
reading wc -l "$long"
WANT=1 reading wc -l "./$long"
WANT=1 reading wc -l ".$long"

ran openat read close newfstatat getdents64 lseek readlinkat \
	statx statfs lgetxattr llistxattr faccessat2
finish
