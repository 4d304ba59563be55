#!/bin/bash
# A program works in directories that no path names, as on one machine.
. "$(dirname "$0")/lib.sh"
cp deep.py "$T/bin/"
worlds
serve main
prepare ':'
same /usr/bin/python3 "$T/bin/deep.py" "$TREE"
ran mkdirat chdir openat renameat2 unlinkat getcwd
finish
