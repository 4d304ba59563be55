#!/bin/bash
# Copies between descriptors of both sides move what they move on one machine.
. "$(dirname "$0")/lib.sh"
cp copy.py "$T/bin/"
mkdir "$T/mix"
worlds
serve main
prepare 'echo x >x'

# On one side, and the second file on this one.
same /usr/bin/python3 "$T/bin/copy.py" "$TREE/a" "$TREE/b"
ran sendfile splice copy_file_range
EXTRA=(--local "$T/mix/**")
same /usr/bin/python3 "$T/bin/copy.py" "$TREE/a" "$T/mix/b"
finish
