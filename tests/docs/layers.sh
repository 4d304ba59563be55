#!/bin/bash
# Modules include what docs/ARCHITECTURE.md allows, and all of it; and the
# states of a tracee are those of the code.
set -u
cd "$(dirname "$0")/../.." || exit 1
doc=docs/ARCHITECTURE.md
failed=0

same() {	# WHAT CODE DOCUMENT
	if [ -n "$2" ] && diff <(echo "$2") <(echo "$3"); then
		echo "ok $1"
	else
		echo "FAIL $1: < the code, > $doc"
		failed=1
	fi
}

same 'includes' "$(for module in src/*/; do
	module=$(basename "$module")
	echo "$module:" "$(grep -rhoE '^#include "[a-z]+/' "src/$module" |
		sed 's/.*"//; s,/,,' | sort -u | xargs)"
done | sort)" "$(sed -n '/^<!-- layers/,/^<!-- end/s/^    //p' $doc | sort)"

same 'states' "$(sed -n '/^enum state {/,/^}/p' src/tracer/tracee.h |
	grep -oE 'T_[A-Z]+')" \
	"$(sed -n '/^<!-- states/,/^<!-- end/p' $doc | grep -oE 'T_[A-Z]+')"

for directory in src/*/; do
	grep -q "^    $(basename "$directory") " $doc || {
		echo "FAIL $directory is not in $doc"
		failed=1
	}
done

if grep -rnE '^#.*(__x86_64__|__aarch64__)' src --include='*.[ch]' |
	grep -v '^src/arch/'; then
	echo 'FAIL an architecture is asked for outside src/arch'
	failed=1
fi
exit $failed
