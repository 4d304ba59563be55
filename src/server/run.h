/* Runs one decoded call in the calling thread's own context. */
#ifndef RSC_RUN_H
#define RSC_RUN_H

#include <stdbool.h>

#include "call/value.h"

/* The handles of one descriptor table: the only numbers a client may name. */
#define HANDLES_MAX 65536
struct handles {
	unsigned char bit[HANDLES_MAX / 8];
};

/*
 * Runs req and sets req->ret and its outputs. Handles that are not in the set
 * are -EBADF; new ones are added, closed ones taken out.
 */
void run_call(struct req *req, struct handles *handles, bool read_only);

#endif
