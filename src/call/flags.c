/* O_*: four bits lie elsewhere on aarch64 (asm/fcntl.h there). */
#include <fcntl.h>
#include <stddef.h>

#include "call/call.h"
#include "call/flags.h"

/* In numbers: glibc calls O_LARGEFILE 0, but other programs pass its bit. */
static const uint64_t open_bits[][FLAGS_ABIS] = {
	{ 0040000, 0200000 }, /* O_DIRECT */
	{ 0100000, 0400000 }, /* O_LARGEFILE */
	{ 0200000, 0040000 }, /* O_DIRECTORY */
	{ 0400000, 0100000 }, /* O_NOFOLLOW */
};

#define HERE (O_DIRECTORY == 0200000 ? FLAGS_GENERIC : FLAGS_AARCH64)
_Static_assert(O_DIRECTORY == (HERE ? 0040000 : 0200000), "O_DIRECTORY");
_Static_assert(O_NOFOLLOW == (HERE ? 0100000 : 0400000), "O_NOFOLLOW");
_Static_assert(O_DIRECT == (HERE ? 0200000 : 0040000), "O_DIRECT");

uint64_t flags_between(uint8_t set, uint64_t flags, enum flags_abi from,
		       enum flags_abi to)
{
	size_t n = sizeof(open_bits) / sizeof(*open_bits);
	uint64_t out = flags;

	if (set != FL_OPEN)
		return flags;
	for (size_t i = 0; i < n; i++)
		out &= ~open_bits[i][from];
	for (size_t i = 0; i < n; i++)
		if (flags & open_bits[i][from])
			out |= open_bits[i][to];
	return out;
}

uint64_t flags_to_wire(uint8_t set, uint64_t flags)
{
	return flags_between(set, flags, HERE, FLAGS_GENERIC);
}

uint64_t flags_from_wire(uint8_t set, uint64_t flags)
{
	return flags_between(set, flags, FLAGS_GENERIC, HERE);
}
