/* A growing byte buffer with a limit, for frames. */
#ifndef RSC_BUF_H
#define RSC_BUF_H

#include <stddef.h>
#include <stdint.h>

/* Far above what frames can make of it (transport/frame.h). */
#define BUF_MAX ((size_t)1 << 30)

struct buf {
	uint8_t *data; /* owned */
	size_t len;
	size_t cap;
};

/* Makes room for more bytes behind len; 0, or -ENOMEM also above BUF_MAX. */
int buf_reserve(struct buf *buf, size_t more);
/* Appends; 0 or -ENOMEM. */
int buf_add(struct buf *buf, const void *data, size_t len);
/* Takes the first n bytes away. */
void buf_consume(struct buf *buf, size_t n);
void buf_free(struct buf *buf);

#endif
