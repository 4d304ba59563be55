#!/bin/bash
# Rules decide by where a path leads, not by how it is spelled.
. "$(dirname "$0")/lib.sh"
worlds
serve main
prepare '
	mkdir -p secret open sub/deep
	echo hidden >secret/f; echo shown >open/f
	ln -s ../secret open/link; ln -s ../secret/f open/file
	ln -s ../secret/new open/dangling; ln -s "$PWD" sub/deep/top
	ln -s loop open/loop
	cp /bin/true secret/prog; ln -s ../secret/prog open/prog
	printf "#!./open/prog\n" >open/script; chmod 755 open/script
'

try() {	# CMD: first line of what bash -c CMD says
	OPTS=("${RULES[@]}")
	ours bash -c "$1" 2>&1 | head -n 1
}

fresh
RULES=(--deny "$TREE/secret" --deny "$TREE/secret/**")
for path in secret/f ./secret//f open/../secret/f open/link/f open/file \
	open/link/../secret/f sub/deep/top/secret/f sub/deep/top/open/file \
	"$TREE/open/link/f" /srv/../srv/w/secret/f secret/../secret/f; do
	check "denied: $path" "cat: $path: Permission denied" "$(try "cat $path")"
done
denied=': Permission denied'
check 'denied: to change to, spelled longer' \
	"bash: line 1: cd: open/link/.$denied" "$(try 'cd open/link/.')"
check 'denied: to change to' "bash: line 1: cd: open/link$denied" \
	"$(try 'cd open/link')"
check 'denied: through a dangling link' \
	"bash: line 1: open/dangling$denied" "$(try 'echo x >open/dangling')"
check 'denied: to rename from' \
	"mv: cannot stat 'open/link/f'$denied" "$(try 'mv open/link/f x')"
check 'denied: to link to' "ln: failed to access 'secret/f'$denied" \
	"$(try 'ln secret/f x')"
for path in secret/prog open/prog; do
	check "denied: to execute $path" \
		"bash: line 1: ./$path$denied" "$(try "./$path")"
done
check 'denied: to be interpreted by' 126 \
	"$(try './open/script 2>&-; echo $?')"
check 'a link itself is no secret' ../secret "$(try 'readlink open/link')"
check 'what is not denied is there' shown "$(try 'cat open/f')"
check 'a loop is a loop' 'cat: open/loop: Too many levels of symbolic links' \
	"$(try 'cat open/loop')"
CWD=/ check 'nothing came to be' no \
	"$(CWD=/ there test -e "$TREE/secret/new" && echo yes || echo no)"

RULES=(--missing "$TREE/secret/**")
check 'missing' 'cat: open/file: No such file or directory' \
	"$(try 'cat open/file')"

RULES=(--map "/data => $TREE/secret" --deny "$TREE/secret/**")
check 'mapped' hidden "$(try 'cat /data/f')"
check 'mapped, and denied by its own name' "cat: $TREE/secret/f$denied" \
	"$(try "cat $TREE/secret/f")"
check 'mapped, upwards' shown "$(try 'cat /data/../srv/w/open/f')"

RULES=(--local "/etc/**")
check 'local' 'NAME="here"' "$(try 'cat /etc/os-release')"
check 'local, with dots' 'NAME="here"' "$(try 'cat /srv/../etc/os-release')"
check 'local, below the working directory' 'NAME="here"' \
	"$(try 'cd /; cat etc/os-release')"
check 'local, below a descriptor of the server' 'here here' \
	"$(try 'python3 -c "
import os
d = os.open(\"/\", os.O_RDONLY)
one = os.open(\"etc/hostname\", os.O_RDONLY, dir_fd=d)
d = os.open(\"etc\", os.O_RDONLY, dir_fd=d)
two = os.open(\"hostname\", os.O_RDONLY, dir_fd=d)
print(os.read(one, 9).decode().strip(), os.read(two, 9).decode().strip())"')"
check 'device files are local below any directory' '1:3 1:3' \
	"$(try 'cd /dev; a=$(stat -c %t:%T null); cd /; echo $a $(stat -c %t:%T \
		dev/null)')"
RULES=(--remote /etc/os-release --local '/etc/**')
check 'the first rule wins' 'NAME="box"' "$(try 'cat /etc/os-release')"
check 'and the next for the rest' here "$(try 'cat /etc/hostname')"

printf '# comment\nlocal /etc/hostname # this one\n\nmissing /etc/passwd\n' \
	>"$T/rules"
RULES=(--rules "$T/rules")
check 'a file of rules' here "$(try 'cat /etc/hostname')"
check 'its second rule' 'cat: /etc/passwd: No such file or directory' \
	"$(try 'cat /etc/passwd')"
check 'and the default' 'NAME="box"' "$(try 'cat /etc/os-release')"
ran rsc_resolve openat newfstatat
finish
