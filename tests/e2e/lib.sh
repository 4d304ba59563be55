# The harness of the end-to-end tests: two worlds and what compares them.
#
# The test itself runs in a mount namespace of its own, "here", in which /etc,
# /home, /srv and /tmp hold decoys. The server runs "there": in mount, uts, pid
# and net namespaces of its own, where the same names hold other content. Both
# share /usr, so that a program is the same file on both sides, and $T (/mnt),
# where the sockets, the programs under test and the notes of the harness are.
#
# A test sources this file first, then calls any of
#   build NAME [OUT [FLAG]...]  makes $T/bin/OUT from NAME.c, before worlds;
#                            build_musl and build_go do the same
#   worlds                   enters both worlds
#   wire                     joins the networks of the worlds, for a test that
#                            has one of its own (unshare --net): 10.77.0.1
#                            here, 10.77.0.2 there
#   serve NAME [OPTION]...   starts a server there; sets $url
#   prepare SCRIPT           bash code that fills $TREE, as it is there, once
#   slow_link NAME           the same server behind a slow link; sets $url
#   reading CMD...           runs CMD natively there and under rsc on the same
#                            tree; output and status must be equal, the tree
#                            and the decoys untouched
#   same CMD...              the same on two copies of the tree, which must be
#                            equal afterwards too
#   check NAME WANT GOT      two strings
#   ran NAME...              each row ran on the server in this test so far
#   finish                   ends the test with its status
set -u
export LC_ALL=C TZ=UTC
PATH=/usr/sbin:/usr/bin:/sbin:/bin
T=/mnt
TREE=/srv/w
MODES=('' --all)
LIMIT=60

if [ -z "${E2E_INSIDE-}" ]; then
	[ "$(id -u)" = 0 ] || { echo "FAIL the tests need root"; exit 1; }
	E2E_INSIDE=1 exec unshare --mount --uts bash "$0" "$@"
fi

cd "$(dirname "$0")" || exit 1
# A sanitized rsc writes its reports where both worlds are; none may be there
# at the end.
SANITIZE=(ASAN_OPTIONS="log_path=$T/note/report"
	UBSAN_OPTIONS="log_path=$T/note/report:print_stacktrace=1"
	TSAN_OPTIONS="log_path=$T/note/report:suppressions=$T/bin/tsan.supp")
export "${SANITIZE[@]}"
exec 8<"$RSC"
mount -t tmpfs -o mode=755,size=256m e2e "$T" || exit 1
mkdir "$T/bin" "$T/note"
# Where the counts of this test are kept, for tests/coverage.sh.
if [ -n "${COUNTS-}" ]; then
	mkdir -p "$COUNTS" "$T/counts"
	rm -f "$COUNTS/$(basename "$0" .sh)"
	mount --bind "$COUNTS" "$T/counts" || exit 1
fi
cat <&8 >"$T/bin/rsc" && chmod 755 "$T/bin/rsc"
exec 8<&-
cp ../tsan.supp "$T/bin/"
failed=0
checks=0
holder=
world=
servers=()	# their pids here, in step with waits
waits=()
logs=()

# ---- programs ----

# What the programs do wrong is what they are for.
CFLAGS=(-std=gnu11 -O1 -D_GNU_SOURCE -Wall -Wno-nonnull -Wno-stringop-overflow
	-Wno-stringop-overread -Werror)

build() {	# NAME [OUTPUT [FLAG]...]: gcc
	local name=$1 out=${2-$1}

	shift $(($# > 1 ? 2 : 1))
	gcc "${CFLAGS[@]}" -o "$T/bin/$out" "$name.c" "$@" -lpthread || exit 1
}

build_musl() {	# NAME OUTPUT
	musl-gcc "${CFLAGS[@]}" -static -o "$T/bin/$2" "$1.c" || exit 1
}

build_go() {	# NAME: without libc
	CGO_ENABLED=0 GOCACHE="$T/go" HOME="$T" GOFLAGS=-mod=mod \
		GO111MODULE=off go build -o "$T/bin/$1" "$1.go" || exit 1
	rm -rf "$T/go"
}

# ---- worlds ----

# Fills /etc, /home, /srv, /tmp of the namespace it is run in.
content() {	# HOSTNAME USER
	local dir

	cp -a /etc/alternatives /etc/ld.so.cache "$T/note/" 2>/dev/null
	for dir in etc home srv tmp; do
		mount -t tmpfs -o noatime,mode=755,size=64m "$1" "/$dir"
	done
	chmod 1777 /tmp
	cp -a "$T/note/alternatives" "$T/note/ld.so.cache" /etc/
	echo "$1" >/etc/hostname
	printf 'NAME="%s"\nID=%s\n' "$1" "$1" >/etc/os-release
	printf 'root:x:0:0::/root:/bin/bash\n%s:x:1000:1000::/home/%s:/bin/sh\n' \
		"$2" "$2" >/etc/passwd
	printf 'root:x:0:\n%s:x:1000:\n' "$2" >/etc/group
	mkdir -p "/home/$2" "$TREE"
	echo "I am $2 of $1" >/home/name
}

init_there() {
	hostname box
	content box alice
	echo >"$T/note/up"
	# Until it is killed; bash buries the orphans meanwhile.
	read -r _ <>"$T/note/hold"
}

# The world's first process takes all others there with it.
leave() {
	[ -z "$holder" ] || kill -KILL "$holder"
	[ -z "$slow" ] || kill "$slow"
	wait 2>/dev/null
}
trap leave EXIT

worlds() {
	mkfifo "$T/note/up" "$T/note/hold" "$T/note/ready"
	export -f init_there content
	export T TREE
	unshare --mount --uts --net --pid --fork --kill-child --mount-proc \
		bash -c init_there </dev/null &
	holder=$!
	read -r _ <"$T/note/up"
	read -r world <"/proc/$holder/task/$holder/children"
	world=${world% }
	content here mallory
	cd / || exit 1
	decoys >"$T/note/decoys"
}

there() {	# CMD...: natively in the server's world
	nsenter -t "$world" -m -u -n -p -- env -i -C "${CWD-$TREE}" \
		PATH="$PATH" HOME=/home/u LC_ALL=C TZ=UTC T="$T" \
		XDG_CACHE_HOME="$T/cache" "$@"
}

wire() {
	ip link set lo up
	ip link add here type veth peer name there netns "$world"
	ip addr add 10.77.0.1/30 dev here
	ip link set here up
	CWD=/ there ip link set lo up
	CWD=/ there ip addr add 10.77.0.2/30 dev there
	CWD=/ there ip link set there up
}

serve() {	# NAME [OPTION]...: sets url and server, its pid here
	local name=$1 pid

	shift
	# The counts of a session end with it: a pipe says when.
	[ -p "$T/note/count" ] || mkfifo "$T/note/count"
	nsenter -t "$world" -m -u -n -p -- env -i PATH="$PATH" \
		"${SANITIZE[@]}" "${ENV_SERVE[@]}" "$T/bin/rsc" serve \
		--listen "${LISTEN-unix://$T/$name.sock}" --count "${COUNT-$T/note/count}" \
		--ready-fd 9 "$@" 9>"$T/note/ready" 2>"$T/note/$name.log" &
	pid=$!
	if ! read -r url <"$T/note/ready"; then
		echo "FAIL the server $name does not start"
		exit 1
	fi
	read -r server <"/proc/$pid/task/$pid/children"
	server=${server% }
	servers+=("$server")
	waits+=("$pid")
	logs+=("$T/note/$name.log")
}
ENV_SERVE=(X=)

# url becomes that of the server NAME behind a link on which each answer is so
# late that whoever waits for it is parked, or MS late, and which is cut after
# so many bytes of answers.
slow_link() {	# NAME [MS [BYTES]]
	local ready

	[ -z "$slow" ] || kill "$slow"
	rm -f "$T/slow.sock"
	exec 9< <(exec /usr/bin/python3 "$T/bin/slow_link.py" \
		"$T/slow.sock" "$T/$1.sock" "${2-15}" ${3+"$3"})
	slow=$!
	read -r ready <&9
	exec 9<&-
	check 'the slow link' ready "$ready"
	url=unix://$T/slow.sock
}
slow=

# The program under rsc, its calls counted there. Options in OPTS.
ours() {	# CMD...
	local status counter

	cat "$T/note/count" >"$T/note/counts" &
	counter=$!
	timeout -k 5 "$LIMIT" env -i PATH="$PATH" HOME=/home/u LC_ALL=C TZ=UTC \
		T="$T" XDG_CACHE_HOME="$T/cache" "${SANITIZE[@]}" \
		"${WRAP[@]}" "$T/bin/rsc" run --server "$url" --cwd "${CWD-$TREE}" \
		"${OPTS[@]}" -- "$@"
	status=$?
	wait "$counter"
	cat "$T/note/counts" >>"$T/note/all_counts"
	return $status
}
OPTS=()
WRAP=()		# a command that runs rsc
EXTRA=()	# for every mode of same and reading

# The number that a process under rsc, which knows itself as N, has here.
here_pid() {	# N
	local file dir

	# Others on this machine may have the same number in a tree of theirs.
	for file in $(grep -lP "^NSpid:\t.*\t$1\$" /proc/[0-9]*/status \
			2>/dev/null); do
		dir=${file%/status}
		[ "$(readlink "$dir/ns/mnt")" != \
			"$(readlink /proc/self/ns/mnt)" ] || echo "${dir##*/}"
	done
}

# How often row NAME ran on the server in the last run, or in all.
count() {	# NAME [FILE]
	awk -v n="$1" '$1 == n { s += $2 } END { print s + 0 }' \
		"${2-$T/note/counts}"
}

ran() {	# NAME...
	local name n

	for name; do
		n=$(count "$name" "$T/note/all_counts")
		check "$name ran on the server" yes \
			"$([ "$n" -gt 0 ] && echo yes || echo no)"
	done
}

# ---- trees ----

# One line for each file, then the hash of each regular one. What was written
# within this test has no time of its own.
cat >"$T/bin/list_tree" <<-'END'
	#!/bin/bash
	find "$@" -printf '%T@ %y %m %U:%G %s %b %n %p -> %l\0' |
		perl -0pe 's/^(\d+)\S+/$1 > 1700000000 && $1 < 2200000000 ?
			"new" : $&/e' | sort -z -k 8 | tr '\0' '\n'
	find "$@" -type f -print0 | sort -z | xargs -0r sha256sum
	getfattr -Rhd -m '^(user|trusted)' -- "$@" 2>/dev/null
END
chmod +x "$T/bin/list_tree"

decoys() {
	"$T/bin/list_tree" /etc /home /srv /tmp
}

prepare() {	# SCRIPT
	CWD=/ there bash -euc "rm -rf /srv/w /srv/.w; mkdir /srv/w; cd /srv/w
		$1
		find /srv/w -depth -exec touch -h -d @1600000000 {} +
		cp -a /srv/w /srv/.w" || exit 1
	# The same names here, with other content.
	rm -rf "$TREE" && mkdir "$TREE"
	CWD=/ there bash -c 'cd /srv/w && find . -printf %y%p\\0' |
		(cd "$TREE" && make_decoys)
	decoys >"$T/note/decoys"
}

# Files and directories named like those there: types and names on stdin.
make_decoys() {
	perl -0ne 'chomp; s/^(.)//; next if $_ eq ".";
		if ($1 eq "d") { mkdir $_ or die "$_: $!"; next }
		open(my $f, ">", $_) or die "$_: $!";
		print $f "a decoy\n";'
	find . -depth -exec touch -h -d @1500000000 {} +
}

fresh() {
	CWD=/ there bash -c 'rm -rf /srv/w && cp -a /srv/.w /srv/w'
}

# ---- checks ----

check() {	# NAME WANT GOT
	checks=$((checks + 1))
	if [ "$2" = "$3" ]; then
		[ -z "${E2E_VERBOSE-}" ] || echo "ok $1"
	else
		printf 'FAIL %s: expected %q, got %q\n' "$1" "${2:0:400}" \
			"${3:0:400}"
		failed=1
	fi
}

check_file() {	# NAME WANT GOT: names of files
	checks=$((checks + 1))
	if cmp -s "$2" "$3"; then
		[ -z "${E2E_VERBOSE-}" ] || echo "ok $1"
		return
	fi
	echo "FAIL $1:"
	diff -a "$2" "$3" | head -n "${E2E_LINES-8}" | cut -c 1-300
	failed=1
}

nothing_here() {	# NAME
	decoys >"$T/note/decoys.now"
	check_file "$1: the decoys are untouched" "$T/note/decoys" \
		"$T/note/decoys.now"
}

# Runs "$@" natively and in every mode; AGAIN is run before each.
both() {	# AGAIN CMD...
	local n=$T/note again=$1 mode label status want

	shift
	label="$*"
	label=${label:0:100}
	$again
	there "$@" <"${STDIN-/dev/null}" >"$n/want.out" 2>"$n/want.err"
	want=$?
	if [ "${WANT-$want}" != "$want" ]; then
		echo "FAIL $label: natively status $want, expected $WANT:"
		head -n 5 "$n/want.err"
		failed=1
	fi
	CWD=/ there "$T/bin/list_tree" "$TREE" >"$n/want.tree"
	for mode in "${MODES[@]}"; do
		$again
		OPTS=(${mode:+"$mode"} "${EXTRA[@]}")
		ours "$@" <"${STDIN-/dev/null}" >"$n/got.out" 2>"$n/got.err"
		status=$?
		CWD=/ there "$T/bin/list_tree" "$TREE" >"$n/got.tree"
		check "$label ${mode:+($mode)}: status" "$want" "$status"
		check_file "$label ${mode:+($mode)}: stdout" "$n/want.out" \
			"$n/got.out"
		check_file "$label ${mode:+($mode)}: stderr" "$n/want.err" \
			"$n/got.err"
		check_file "$label ${mode:+($mode)}: tree" "$n/want.tree" \
			"$n/got.tree"
		check "$label ${mode:+($mode)}: calls ran on the server" yes \
			"$([ -s "$n/counts" ] && echo yes || echo no)"
	done
	nothing_here "$label"
}

same() {
	WANT=${WANT-0} both fresh "$@"
}

reading() {
	fresh
	WANT=${WANT-0} both true "$@"
}

finish() {
	local i status

	for i in "${!servers[@]}"; do
		kill "${servers[i]}"
		wait "${waits[i]}"
		status=$?
		check "${logs[i]##*/} ends" 0 $status
		check "${logs[i]##*/} has no complaints" '' "$(<"${logs[i]}")"
	done
	check 'no sanitizer has a report' '' \
		"$(cat "$T/note"/report.* 2>/dev/null)"
	[ $failed != 0 ] || [ -z "${COUNTS-}" ] ||
		awk '{ n[$1] += $2 } END { for (i in n) print i, n[i] }' \
			"$T/note/all_counts" >"$T/counts/$(basename "$0" .sh)"
	echo "$checks checks"
	exit $failed
}
