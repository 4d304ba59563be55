#!/bin/bash
# Random sequences of calls on a mapped file give what they give natively, and
# leave the same file. SEEDS says which.
. "$(dirname "$0")/lib.sh"
cp map_random.py "$T/bin/"
worlds
serve main

prepare 'echo >empty'
MODES=('')
for seed in ${SEEDS-$(seq 1 24)}; do
	same python3 "$T/bin/map_random.py" "$seed" 120
done
# The same with mappings that are too large to be filled when they are made.
for seed in ${SEEDS-$(seq 1 24)}; do
	same python3 "$T/bin/map_random.py" "$seed" 120 300
done
ran pwritev2 rsc_hold
finish
