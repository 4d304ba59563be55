#!/bin/bash
# The edges of the ABI: numbers without a row, other tables of numbers, and
# programs of 32 bits. Everything runs on an embedded server.
set -u
T=$(mktemp -d)
trap 'rm -rf "$T"' EXIT
here=$(dirname "$0")
failed=0

check() {	# NAME EXPECTED ACTUAL
	if [ "$2" = "$3" ]; then
		echo "ok $1"
	else
		echo "FAIL $1: expected '$2', got '$3'"
		failed=1
	fi
}

rsc() {
	timeout 120 "$RSC" run "$@" 2>"$T/err"
}

json() {	# EXPRESSION on the object j
	python3 -c 'import json, sys; j = json.load(open(sys.argv[1]))
print(eval(sys.argv[2]))' "$T/json" "$1"
}

gcc -std=gnu11 -O1 -Wall -Wextra -Werror -o "$T/probe" "$here/abi_probe.c" ||
	exit 1

# ---- every number, in each ABI ----

case $(uname -m) in
x86_64) column=4 machine='\x03\x00' ;;
aarch64) column=5 machine='\x28\x00' ;;
esac
rows=$("$RSC" syscalls | awk -F'|' -v c="$column" '
	/^\| [0-9]+ \|/ && $c ~ /[0-9]/ { print $c + 0 }
	/^\| `/ && c == 4 { print $3 + 0 }')
check 'the table has rows' yes \
	"$([ "$(echo "$rows" | wc -l)" -gt 250 ] && echo yes)"
# shellcheck disable=SC2086
out=$(rsc --all -c --json -o "$T/json" -- "$T/probe" native $rows)
check 'numbers without a row: ENOSYS, the others come back' 0 $?
check 'each is counted' "${out##* }" "$(json 'j["unknown_calls"]')"

if [ "$(uname -m)" = x86_64 ]; then
	out=$(rsc --all -- "$T/probe" x32)
	check 'x32: status' 0 $?
	check 'x32: every number is ENOSYS' 'unknown 601' "$out"
	"$T/probe" int80 works
	case $? in
	0)	out=$(rsc --all -- "$T/probe" int80)
		check 'int 0x80: status' 0 $?
		check 'int 0x80: every number is ENOSYS' 'unknown 601' "$out" ;;
	3)	# The instruction itself faults, with rsc and without.
		rsc --all -- "$T/probe" int80 works
		check 'int 0x80: this kernel has none' 3 $? ;;
	*)	check 'int 0x80: the control' 0 or 3 ;;
	esac
fi

# ---- programs of 32 bits ----

# e_ident, then e_type, e_machine and the rest: exits 42 where it can run.
elf() {	# CLASS MACHINE FILE
	printf '\x7fELF'"$1"'\1\1\0\0\0\0\0\0\0\0\0\2\0'"$2" >"$3"
	printf '\1\0\0\0\x54\x80\4\x08\x34\0\0\0\0\0\0\0\0\0\0\0' >>"$3"
	printf '\x34\0\x20\0\1\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0' >>"$3"
	printf '\0\x80\4\x08\0\x80\4\x08\x60\0\0\0\x60\0\0\0\5\0\0\0' >>"$3"
	printf '\0\x10\0\0\xb8\1\0\0\0\xbb\x2a\0\0\0\xcd\x80' >>"$3"
	chmod 755 "$3"
}

refused() {	# NAME STATUS FILE CMD...
	local name=$1 status=$2 file=$3
	shift 3
	rsc -- "$@" >"$T/out"
	check "$name: status" "$status" $?
	check "$name: did not run" '' "$(cat "$T/out")"
	check "$name: one line" 1 \
		"$(grep -c "$file: .*32 bits.*use a 64-bit build" "$T/err")"
}

case $(uname -m) in
x86_64) own='\x3e\0' ;;
aarch64) own='\xb7\0' ;;
esac
elf '\1' "$machine" "$T/elf32"
elf '\2' "$machine" "$T/class64"
elf '\1' "$own" "$T/class32"
cd "$T" || exit 1
refused 'a program of 32 bits' 126 "$T/elf32" "$T/elf32"
refused 'by its machine alone' 126 "$T/class64" "$T/class64"
refused 'by its class alone (x32)' 126 "$T/class32" "$T/class32"
PATH="$PATH:$T" refused "from \$PATH" 126 elf32 elf32
refused 'relative, from a shell' 126 ./elf32 bash -c ./elf32
printf '#! %s -x\n' "$T/elf32" >script
printf '#!script\n' >second
chmod 755 script second
refused 'the interpreter of a script' 126 ./script ./script
refused 'the interpreter of its interpreter' 126 ./second ./second
out=$(rsc -- python3 -c 'import os, sys
fd = os.open("elf32", os.O_RDONLY)
d = os.open(".", os.O_RDONLY)
for where in ("./elf32", fd, "/proc/self/cwd/elf32"):
    try: os.execve(where, ["x"], {})
    except OSError as e: print(e.errno)')
check 'execve and execveat: ENOEXEC' '8 8 8' "$(echo $out)"

# What is of 64 bits, or no image at all, is the kernel's to judge.
echo "echo plain; exit 4" >plain && chmod 755 plain
check 'a script without #!: output' plain "$(rsc -- ./plain)"
rsc -- ./plain >out
check 'a script without #!: status' 4 $?
rsc -- ./nosuch
check 'no such file' 127 $?
rsc -- "$T"
check 'a directory' 126 $?
: >empty && chmod 644 empty
rsc -- ./empty
check 'not executable' 126 $?
exit $failed
