#!/bin/bash
# rsc shell: the user's own shell, home and tools, and the server's everything
# else; which is which as rsc explain says; typing costs no round trip.
. "$(dirname "$0")/lib.sh"
cp shell.py "$T/bin/"
worlds
serve main
prepare 'echo there >f'
n=$T/note

# The user: a home here, settings of shells here; the same names there.
sides=(/home/u/file /home/u/.bashrc /etc/profile.d/x.sh /etc/bash.bashrc
	/etc/inputrc /etc/zsh/zshrc /etc/vim/vimrc /etc/alternatives/x
	/etc/passwd /etc/hosts /etc/os-release /etc/ssl/x /home/alice/file
	/srv/w/f /tmp/file "/home/u/a [b]*c/x" /home/user/file
	/etc/profile.d/../hosts)
fill() {	# TEXT NAME...
	local text=$1 name

	shift
	for name; do
		mkdir -p "${name%/*}" && echo "# $text" >"$name"
	done
}
fill here "${sides[@]}"
there bash -c "$(declare -f fill)"'; fill there "$@"' bash "${sides[@]}"
cat >>/home/u/.bashrc <<'END'
PS1='[$RSC_SERVER_NAME:\w]> '
HISTFILE=~/.history
END
decoys >"$n/decoys"

shell() {	# OPTION... -- ARGUMENT...
	local status counter

	cat "$n/count" >"$n/counts" &
	counter=$!
	env -i PATH="$PATH" HOME=/home/u SHELL=/bin/bash LC_ALL=C TERM=xterm \
		T="$T" "${SANITIZE[@]}" ${WRAP+"${WRAP[@]}"} \
		"$T/bin/rsc" shell --server "$url" "$@"
	status=$?
	wait "$counter"
	cat "$n/counts" >>"$n/all_counts"
	return $status
}
WRAP=()

# ---- whose is a path ----

explain() {	# NAME: here or there
	env -i HOME=/home/u "$T/bin/rsc" explain --toolbox "$1" |
		sed -E 's/.*: local \(.*/here/; s/.*: remote \(.*/there/'
}
for name in "${sides[@]}"; do
	check "$name is as explained" "# $(explain "$name")" \
		"$(shell -- -c 'head -n 1 "$1"' bash "$name")"
done
check 'the home is here, its neighbours are not' 'here there there' \
	"$(for name in /home/u/x /home/user/x /home/alice/x; do
		explain "$name"; done | xargs)"
check 'tools are here' 'here here' \
	"$(for name in /usr/bin/x /opt/tool; do explain "$name"; done | xargs)"
check 'a rule that is given goes before' '# here' \
	"$(shell --local /etc/hosts -- -c 'cat /etc/hosts')"
check 'in explain too' $'remote\n# there' "$(
	"$T/bin/rsc" explain --remote '/usr/**' --toolbox /usr/bin/x |
		sed 's/.*: \([a-z]*\) .*/\1/'
	shell --remote '/home/**' -- -c 'cat /home/u/file')"

# ---- what it is ----

check 'it starts on the server, and says where' 'box box / /home/u /bin/bash' \
	"$(shell -- -c 'echo $RSC_SERVER_NAME $(uname -n) $PWD ~ $0')"
check 'its status is the shell'\''s' 7 "$(shell -- -c 'exit 7'; echo $?)"
check '--cwd' /srv/w "$(shell --cwd /srv/w -- -c pwd)"
check 'its tools see the server'\''s processes and files' 'yes # there' \
	"$(shell -- -c 'ps -eo comm | grep -q rsc && echo yes; cat /srv/w/f' |
		xargs -d '\n')"
check 'files of both sides meet in a command' '# there' "$(shell -- -c '
	cp /etc/hosts ~/copied; diff ~/copied /etc/hosts && cat ~/copied')"
check 'and the copy is here' '# there' "$(cat /home/u/copied)"
rm /home/u/copied
check 'no shell of that name: the user'\''s' 0 "$(env -i PATH="$PATH" \
	SHELL=/nothing "$T/bin/rsc" shell --server "$url" -- -c 'exit 0' \
	2>&1 >/dev/null; echo $?)" &
counted=$!
cat "$n/count" >/dev/null
wait $counted

# ---- on a terminal ----

session() {	# KEYS...: the screen; the round trips in $n/json
	WRAP=(python3 "$T/bin/shell.py" "$n/json" "$@" --)
	shell --filter='!%clock' -c --json -o "$n/json"
	WRAP=()
}
check 'the prompt names the server, and its files answer' \
	'[box:/]> cat /etc/os-release|# there|[box:/]> cd /srv/w|[box:/srv/w]> cat f|# there|[box:/srv/w]> exit|exit|' \
	"$(session 'cat /etc/os-release' 'cd /srv/w' 'cat f' exit |
		tr -d '\r' | tr '\n' '|')"
check 'the history is at home' 'cat /etc/os-release' \
	"$(head -n 1 /home/u/.history)"

# Typed and deleted again: as much traffic as without.
trips() {
	sed 's/.*"round_trips": *\([0-9]*\).*/\1/' "$n/json"
}
long=$(printf 'x%.0s' {1..300})
erase=$(printf '\b%.0s' {1..300})
session : exit >/dev/null
without=$(trips)
session "$long$erase:" exit >/dev/null
check 'line editing costs no round trip' "$without" "$(trips)"
rm /home/u/.history
nothing_here 'rsc shell'
finish
