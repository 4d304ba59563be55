#!/bin/bash
# docs/protocol.cddl against the codec, for every row of the call table, and
# against what real programs send and receive.
set -u
here=$(dirname "$0")
cddl=$here/../../docs/protocol.cddl
T=$(mktemp -d)
trap 'rm -rf "$T"' EXIT
failed=0

check() {
	"$here/cddl.py" "$@" || failed=1
}

"$FRAMES" pairs >"$T/pairs" || exit 1
check "$cddl" pairs "$T/pairs"
"$FRAMES" broken >"$T/broken" || exit 1
check "$cddl" refuse "$T/broken"

# A server between two tees. /usr and /lib are this machine's.
mkdir -p "$T/root/etc" "$T/root/w"
echo 'NAME=Box' >"$T/root/etc/os-release"
seq 30000 >"$T/root/w/numbers"
mkfifo "$T/root/w/fifo"
traffic() {	# COMMAND...
	# shellcheck disable=SC2016
	TAP=$T "$RSC" run --cwd / --all --local '/usr/**' --local '/lib/**' \
		--local '/lib64/**' --local '/bin/**' --server \
		'exec:tee "$TAP/client" | "$RSC" serve --stdio --root "$TAP/root" |
			tee "$TAP/server"' -- "$@" >"$T/out" 2>&1 || {
		cat "$T/out"
		echo "FAIL $*"
		failed=1
	}
	check "$cddl" client "$T/client" server "$T/server"
}
traffic cat /etc/os-release
traffic ls -la / /etc /w
traffic cp -p /w/numbers /w/copy
traffic sh -c 'cd /w; mkdir d; mv copy d/c; ln -s c d/l; ln d/c d/h
	tail -n 1 d/l >one; touch -d 2001-02-03 one; stat -f one; chmod 600 one
	find . | sort; ! cat missing; rm -r d; uname -a; id; pwd; df .'
# shellcheck disable=SC2016
traffic perl -e 'open my $f, "+<", shift or die; vec(my $r, fileno $f, 1) = 1;
	syswrite $f, "x"; select($r, undef, undef, 10) == 1 or die' /w/fifo
cmp -s <(echo 30000) "$T/root/w/one" || {
	echo 'FAIL the programs did not run there'
	failed=1
}

# What the checker is worth: a changed contract is found.
sed 's/^call-openat = \[1, task, seq, 19, dirfd, text/&, text/' "$cddl" \
	>"$T/other.cddl"
if cmp -s "$cddl" "$T/other.cddl" || "$here/cddl.py" "$T/other.cddl" client \
	"$T/client" server "$T/server" >"$T/out" 2>&1; then
	echo 'FAIL another contract holds as well'
	failed=1
fi
exit $failed
