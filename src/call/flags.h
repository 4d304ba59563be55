/* Flag sets whose bits differ between architectures. */
#ifndef RSC_FLAGS_H
#define RSC_FLAGS_H

#include <stdint.h>

/* Between this architecture's bits and asm-generic's, which travel. */
uint64_t flags_to_wire(uint8_t set, uint64_t flags);
uint64_t flags_from_wire(uint8_t set, uint64_t flags);

#endif
