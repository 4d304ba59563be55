/*
 * Writing the items of a message, the counterpart of the cursor. The first
 * error stays; what comes after it is not written.
 */
#ifndef RSC_OUT_H
#define RSC_OUT_H

#include "base/buf.h"
#include "call/call.h"

struct out {
	struct buf *buf;
	int err; /* 0 or -errno */
};

void out_uint(struct out *o, uint64_t v);
void out_int(struct out *o, int64_t v);
/* The head of an array of n items, which follow. */
void out_array(struct out *o, size_t n);
void out_bytes(struct out *o, const void *data, size_t len);
void out_null(struct out *o);
void out_true(struct out *o);
/* A structure of enum struct_type, as the array of its fields. */
void out_struct(struct out *o, unsigned int type, const uint8_t *data);

#endif
