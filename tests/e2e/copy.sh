#!/bin/bash
# Copies between descriptors of both sides move what they move on one machine.
. "$(dirname "$0")/lib.sh"
cp copy.py splice.py "$T/bin/"
mkdir "$T/mix"
worlds
serve main
prepare 'echo x >x'

# On one side, and the second file on this one.
same /usr/bin/python3 "$T/bin/copy.py" "$TREE/a" "$TREE/b"
ran sendfile splice copy_file_range
EXTRA=(--local "$T/mix/**")
same /usr/bin/python3 "$T/bin/copy.py" "$TREE/a" "$T/mix/b"

# Sockets of --all are the server's, pipes are here.
EXTRA=()
MODES=(--all)
same /usr/bin/python3 "$T/bin/splice.py" "$TREE/fifo"
finish
