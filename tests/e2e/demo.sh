#!/bin/bash
# scripts/demo: right with rsc, and loud with one that runs things here.
set -u
T=$(mktemp -d)
trap 'rm -rf "$T"' EXIT
demo=$(dirname "$0")/../../scripts/demo

if ! RSC=$RSC "$demo" >"$T/out" 2>&1; then
	cat "$T/out"
	echo 'FAIL the demo'
	exit 1
fi
grep -qx 'demo: all answers were right' "$T/out" || exit 1
grep -q 'openat(AT_FDCWD, "/etc/os-release"' "$T/out" || exit 1
echo 'ok the demo'

cat >"$T/rsc" <<TEXT
#!/bin/bash
[ "\$1" = run ] || exec "$RSC" "\$@"
while [ "\$1" != -- ]; do shift; done
shift
exec "\$@"
TEXT
chmod +x "$T/rsc"
if RSC=$T/rsc "$demo" >"$T/out" 2>&1; then
	echo 'FAIL the demo believes a program that ran here'
	exit 1
fi
grep -q '^demo: the file is the far one: expected' "$T/out" || {
	cat "$T/out"
	exit 1
}
echo 'ok the demo finds a program that ran here'

if RSC=/bin/true "$demo" >"$T/out" 2>&1; then
	echo 'FAIL the demo does without a server'
	exit 1
fi
grep -qx 'demo: the server did not start' "$T/out" || exit 1
echo 'ok the demo finds that there is no server'
