#!/bin/bash
# openat2(2) with RESOLVE_* of the program's own names below /proc says what it
# says natively.
. "$(dirname "$0")/lib.sh"
build resolve_probe
worlds
serve main
prepare 'echo x >file'
exec 3>&- 4>&- 5>&- 6>&- 7>&-
MODES=(--all)
E2E_LINES=60
reading "$T/bin/resolve_probe"
finish
