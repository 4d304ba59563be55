#!/bin/bash
# What is installed, and where.
set -u
T=$(mktemp -d)
trap 'rm -rf "$T"' EXIT

DESTDIR=$T cmake --install "$BUILD" --prefix /usr >"$T.log" 2>&1 || {
	cat "$T.log"
	rm -f "$T.log"
	exit 1
}
rm -f "$T.log"
# A build with a sanitizer has no rsc-portable.
sed '/^$/d' <<LIST | diff - <(cd "$T" && find . -type f | sort) || exit 1
./usr/bin/rsc
$(cd "$BUILD" && find rsc-portable-* -printf './usr/lib/rsc/%f\n' 2>/dev/null | sort)
./usr/share/bash-completion/completions/rsc
./usr/share/fish/vendor_completions.d/rsc.fish
./usr/share/man/man1/rsc.1
./usr/share/man/man8/rsc-serve.8
./usr/share/zsh/vendor-completions/_rsc
LIST
"$T/usr/bin/rsc" --help | grep -q '^  serve ' || {
	echo 'FAIL the installed rsc does not run'
	exit 1
}
echo 'ok what is installed'
