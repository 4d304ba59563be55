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

# The session in README.md is one: its lines come in the demo in this order,
# with other numbers and dates.
plain() {
	sed -E 's/0x[0-9a-f]+/N/g; s/[A-Z][a-z]{2} +[0-9]+ [0-9:]+/DATE/
		s/[0-9]+/N/g'
}
awk '/^<!-- session/ { on = 1; next }
	/^```/ { if (on) inside = !inside; if (!inside) on = 0; next }
	on && inside && NF' "$(dirname "$demo")/../README.md" | plain >"$T/readme"
missing=$(plain <"$T/out" | awk '
	NR == FNR { want[++n] = $0; next }
	BEGIN { at = 1 }
	at <= n && $0 == want[at] { at++ }
	END { if (!n) print "no session"; else if (at <= n) print want[at] }
	' "$T/readme" -)
if [ -n "$missing" ]; then
	echo "FAIL README.md shows what the demo does not: $missing"
	exit 1
fi
echo 'ok the session in README.md'

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
