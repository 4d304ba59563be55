#!/bin/bash
# Random sequences of calls on processes and descriptors give what they give
# natively, and leave the same files. Arguments say which seeds.
. "$(dirname "$0")/lib.sh"
build tree_random
worlds
serve main
prepare 'mkdir d0 d1; for f in f0 f1 d0/f2 d1/f3; do echo "this is $f" >$f; done
	ln -s d0/f2 link; ln -s ../f1 d0/up
	chmod 777 . d0 d1; chmod 666 f1 d0/f2'
MODES=(--all)
E2E_LINES=${E2E_LINES-16}
[ $# != 0 ] || read -ra seeds <<<"${SEEDS-$(seq -s ' ' 1 24)}"
for seed in "$@" "${seeds[@]}"; do
	same "$T/bin/tree_random" "$seed" "${STEPS-300}"
done
finish
