/*
 * A cursor over one CBOR item inside a complete frame (RFC 8949). It takes
 * deterministic integers, byte strings, arrays, true and null; all else,
 * and a need for more bytes, is a broken rule. The first one stays in why.
 */
#ifndef RSC_CURSOR_H
#define RSC_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum item_kind { ITEM_INT, ITEM_BYTES, ITEM_ARRAY, ITEM_TRUE, ITEM_NULL };

struct item {
	enum item_kind kind;
	bool negative;	     /* of an integer: its value is -1 - num */
	uint64_t num;	     /* integer, or count of an array */
	const uint8_t *data; /* bytes: points into the frame */
	size_t len;
};

struct cursor {
	const uint8_t *at;
	const uint8_t *end;
	const char *why;
};

/* The next item; false when a rule is broken. */
bool cursor_next(struct cursor *c, struct item *item);
/* The next item, which must be of this kind. */
bool cursor_array(struct cursor *c, size_t *count);
bool cursor_uint(struct cursor *c, uint64_t max, uint64_t *value);
bool cursor_int(struct cursor *c, int64_t *value);
bool cursor_bytes(struct cursor *c, const uint8_t **data, size_t *len);
/* True when nothing is left. */
bool cursor_end(struct cursor *c);
/* Notes the broken rule; returns false. */
bool cursor_fail(struct cursor *c, const char *why);
/* The integer of an item as 64 bits of two's complement; false: too large. */
bool item_int(const struct item *item, int64_t *value);

#endif
