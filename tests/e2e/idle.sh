#!/bin/bash
# Files of programs that were mapped are kept for the next mapping, which shows
# what the file is then; and they are not read again.
. "$(dirname "$0")/lib.sh"
cp idle.py "$T/bin/"
worlds
serve main
mkfifo "$T/note/in" "$T/note/out"
prepare 'echo x >file'
fresh
# A directory of programs that only the server has like this.
CWD=/ there bash -c 'mount -t tmpfs lib /usr/local && mkdir /usr/local/lib'
lib=/usr/local/lib/data

put() {	# TEXT [SIZE]: in place, old
	CWD=/ there bash -c 'printf "%-*s" "$2" "$1" | tr " " "$3" >"$0"
		touch -d @1600000000 "$0"' $lib "$1" "${2-300000}" "${1:0:1}"
}

say() {	# WORD: what the program sees then
	echo "$1" >&6
	read -rt 20 line <&7 || line=nothing
	echo "$line"
}

settle() {	# until the change is too old to be mistaken for another
	CWD=/ there bash -c 'now=$(stat -c %Z "$0")
		until [ $(($(date +%s) - now)) -gt 3 ]; do
			read -rt .2 <>"$1"
		done' $lib "$T/note/tick"
}
mkfifo "$T/note/tick"

begin() {	# OPTION...
	OPTS=(--all "$@")
	ours python3 "$T/bin/idle.py" $lib <"$T/note/in" >"$T/note/out" &
	program=$!
	exec 6>"$T/note/in" 7<"$T/note/out"
}

end() {
	exec 6>&-
	wait "$program"
	check "$1: it ends well" 0 $?
	exec 7<&-
}

# ---- it is the file ----

put first
settle
begin
check 'first' '300000 firstfffff ffffffffff' "$(say look)"
check 'again' '300000 firstfffff ffffffffff' "$(say look)"
put second
check 'changed at once' '300000 secondssss ssssssssss' "$(say look)"
for i in 1 2 3 4 5 6 7 8; do
	put "$i"
	check "changed quickly, $i" "300000 $i$i$i$i$i$i$i$i$i$i $i$i$i$i$i$i$i$i$i$i" \
		"$(say look)"
done
put long 400000
check 'longer' '400000 longllllll llllllllll' "$(say look)"
put short 70000
check 'shorter' '70000 shortsssss ssssssssss' "$(say look)"
CWD=/ there bash -c 'cp $0 $0.new; printf replaced | dd of=$0.new conv=notrunc \
	2>/dev/null; touch -r $0 $0.new; mv $0.new $0' $lib
check 'another file of the name' '70000 replacedss ssssssssss' "$(say shared)"
settle
check 'settled' '70000 replacedss ssssssssss' "$(say keep)"
put third 70000
check 'changed while it is mapped' '70000 thirdttttt tttttttttt' "$(say look)"
check 'and again' '70000 thirdttttt tttttttttt' "$(say drop)"
settle
check 'settled again' '70000 thirdttttt tttttttttt' "$(say look)"
check 'written by the program: before' '70000 thirdttttt tttttttttt' \
	"$(say write)"
read -rt 20 line <&7
check 'written by the program: after' '70000 writtenttt tttttttttt' "$line"
end 'changes'

# ---- it is read once ----

put once
settle
reads() {	# TIMES: how often the file is read there
	begin
	for ((i = 0; i < $1; i++)); do
		say look >/dev/null
	done
	end "$1 times"
	count pread64
}
once=$(reads 1)
check 'a second mapping reads nothing' "$once" "$(reads 5)"
check 'one mapping reads' yes "$([ "$once" -gt 0 ] && echo yes)"
begin --map-memory 1
check 'little memory' '300000 onceoooooo oooooooooo' "$(say look)"
end 'little memory'
ran pread64 rsc_put rsc_take
finish
