/*
 * A fuzzing target: one function over bytes of a stranger, as libFuzzer calls
 * it (-DRSC_FUZZ=ON) and as replay.c does. It aborts when a rule of the code
 * under test is broken.
 */
#ifndef RSC_FUZZ_TARGET_H
#define RSC_FUZZ_TARGET_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Says what does not hold, and ends. */
#define REQUIRE(what)                                                          \
	do {                                                                   \
		if (!(what)) {                                                 \
			fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, \
				__LINE__, #what);                              \
			abort();                                               \
		}                                                              \
	} while (0)

#endif
