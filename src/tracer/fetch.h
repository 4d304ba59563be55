/* Private to fetch.c and fetch_message.c: vectors and messages. */
#ifndef RSC_FETCH_H
#define RSC_FETCH_H

#include <sys/uio.h>

#include "tracer/tracee.h"

/*
 * The iovec array at addr, from byte t->at on; *total is cut at max, and
 * t->more says so. 0 or -errno.
 */
int fetch_iov(struct tracee *t, uint64_t addr, uint64_t count, size_t max,
	      struct iovec **iov, size_t *total);
/* The bytes of the array at v->num, in v; 0 or -errno. */
int fetch_gather(struct tracee *t, struct value *v, uint64_t count, size_t max);
/*
 * Puts the bytes of v where the array at v->num says: how many found their
 * place, or -errno when none did.
 */
ssize_t store_scatter(struct tracee *t, const struct value *v, uint64_t count);

/* The messages of argument i. 0 or -errno. */
int messages_fetch(struct tracee *t, unsigned int i);
/* What was done of them, and what came: the result of the call. */
int64_t messages_store(struct tracee *t, unsigned int i);

#endif
