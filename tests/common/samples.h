/*
 * Sample calls and replies made from the call table: for every row that can
 * travel, values at the limits of its argument kinds. Unit tests and the
 * generator of the fuzzing corpus share them.
 */
#ifndef RSC_SAMPLES_H
#define RSC_SAMPLES_H

#include <stdbool.h>

#include "base/arena.h"
#include "call/value.h"

enum shape {
	SHAPE_SMALL, /* a few bytes everywhere */
	SHAPE_ZERO,  /* numbers 0, buffers there and empty */
	SHAPE_NULL,  /* every pointer NULL, numbers at their minimum */
	SHAPE_MAX,   /* the largest of everything */
	SHAPE_COUNT
};

/* No argument of the row is an address. */
bool sample_travels(const struct call *row);
/* A call in the tracer's form, as fetched from a tracee. */
void sample_call(struct req *req, const struct call *row, enum shape shape,
		 struct arena *arena);
/*
 * A result that the row allows (the largest one if largest) in a request in
 * the server's form; its output buffers are filled with a pattern.
 */
void sample_result(struct req *req, bool largest);
/* Equal in every respect that travels: inputs of a call. */
bool sample_same_call(const struct req *a, const struct req *b);
/* Equal result and outputs. */
bool sample_same_reply(const struct req *a, const struct req *b);

/* A small generator of pseudo-random numbers; the same everywhere. */
uint64_t sample_random(uint64_t *state);

#endif
