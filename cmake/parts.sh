#!/bin/bash
# Writes what the launcher of rsc-portable carries, as assembler source: the
# loader of PROGRAM, PROGRAM itself, and every library that it needs.
# usage: parts.sh COMPILER STRIP READELF PROGRAM FOLDER
set -euo pipefail
export LC_ALL=C
compiler=$1 strip=$2 readelf=$3 program=$4 folder=$5
rm -rf "$folder"
mkdir -p "$folder"

needed() {	# FILE
	"$readelf" -d "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'
}

find_library() {	# NAME
	local path

	path=$("$compiler" -print-file-name="$1")
	[[ $path = /* ]] || { echo "parts.sh: no $1" >&2; exit 1; }
	realpath "$path"
}

loader=$(basename "$("$readelf" -l "$program" |
	sed -n 's/.*program interpreter: \(.*\)\]/\1/p')")
names=("$loader" rsc)
cp "$(find_library "$loader")" "$folder/$loader"
# What the machine preloads is for its own libc. The same length, no such file.
chmod u+w "$folder/$loader"
sed -i 's,/etc/ld.so.preload,/proc/self/nothing,' "$folder/$loader"
"$strip" -o "$folder/rsc" "$program"
queue=($(needed "$program"))
while [ ${#queue[@]} -gt 0 ]; do
	name=${queue[0]}
	queue=("${queue[@]:1}")
	[[ " ${names[*]} " != *" $name "* ]] || continue
	names+=("$name")
	"$strip" -o "$folder/$name" "$(find_library "$name")"
	queue+=($(needed "$folder/$name"))
done

{
	echo '	.section .rodata'
	for i in "${!names[@]}"; do
		printf 'name%d:	.asciz "%s"\n' "$i" "${names[i]}"
		printf '	.balign 64\ndata%d:	.incbin "%s"\nend%d:\n' \
			"$i" "$folder/${names[i]}" "$i"
	done
	printf '	.balign 8\n	.globl portable_parts\nportable_parts:\n'
	for i in "${!names[@]}"; do
		printf '	.quad name%d, data%d, end%d - data%d\n' $i $i $i $i
	done
	echo '	.quad 0, 0, 0'
	echo '	.section .note.GNU-stack,"",%progbits'
} >"$folder/parts.S"
