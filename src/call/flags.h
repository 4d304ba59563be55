/* Flag sets whose bits differ between architectures. */
#ifndef RSC_FLAGS_H
#define RSC_FLAGS_H

#include <stdint.h>

/* Whose numbers: asm-generic's, which travel and are x86_64's, or aarch64's. */
enum flags_abi { FLAGS_GENERIC, FLAGS_AARCH64, FLAGS_ABIS };

/* The same flags of a set (enum flag_set) in the other numbers. */
uint64_t flags_between(uint8_t set, uint64_t flags, enum flags_abi from,
		       enum flags_abi to);
/* Between this architecture's bits and asm-generic's. */
uint64_t flags_to_wire(uint8_t set, uint64_t flags);
uint64_t flags_from_wire(uint8_t set, uint64_t flags);

#endif
