/*
 * Control messages (cmsg(3)): one after the other, by the lengths that the
 * other side wrote. Their layout is the same on all architectures of 64 bits.
 */
#ifndef RSC_CONTROL_H
#define RSC_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct control {
	uint8_t *at; /* where the next one begins */
	uint8_t *end;
	bool bad; /* the last one has a length that cannot be */
	/* Of the one that control_next() found: */
	int32_t level;
	int32_t type;
	uint8_t *data;
	size_t len; /* of data */
};

struct control control_begin(uint8_t *data, size_t len);
/*
 * False at the end, and at one that the kernel refuses (EINVAL): then bad is
 * set. Nothing outside the buffer is read.
 */
bool control_next(struct control *control);

#endif
