/* O_*: four bits are asm-generic's in other places (asm/fcntl.h). */
#include <fcntl.h>
#include <stddef.h>

#include "call/call.h"
#include "call/flags.h"

/* glibc says 0 for O_LARGEFILE where off_t is 64 bits wide. */
#ifdef __O_LARGEFILE
#define LARGEFILE __O_LARGEFILE
#else
#define LARGEFILE O_LARGEFILE
#endif

static const struct {
	uint64_t here;
	uint64_t wire;
} bits[] = {
	{ O_DIRECTORY, 040000 },
	{ O_NOFOLLOW, 0100000 },
	{ O_DIRECT, 0200000 },
	{ LARGEFILE, 0400000 },
};

uint64_t flags_to_wire(uint8_t set, uint64_t flags)
{
	uint64_t out = flags;

	if (set != FL_OPEN)
		return flags;
	for (size_t i = 0; i < sizeof(bits) / sizeof(*bits); i++)
		out &= ~bits[i].here;
	for (size_t i = 0; i < sizeof(bits) / sizeof(*bits); i++)
		if (flags & bits[i].here)
			out |= bits[i].wire;
	return out;
}

uint64_t flags_from_wire(uint8_t set, uint64_t flags)
{
	uint64_t out = flags;

	if (set != FL_OPEN)
		return flags;
	for (size_t i = 0; i < sizeof(bits) / sizeof(*bits); i++)
		out &= ~bits[i].wire;
	for (size_t i = 0; i < sizeof(bits) / sizeof(*bits); i++)
		if (flags & bits[i].wire)
			out |= bits[i].here;
	return out;
}
