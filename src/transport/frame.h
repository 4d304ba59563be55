/*
 * Frames: u32 big-endian length, then that many bytes (one CBOR item).
 * docs/PROTOCOL.md.
 */
#ifndef RSC_FRAME_H
#define RSC_FRAME_H

#include "base/buf.h"

#define FRAME_HEAD 4
/* The largest frame either side takes; checked before anything is allocated. */
#define FRAME_MAX (4u << 20)

/* Starts a frame at the end of buf (writes a length to be filled in). */
int frame_begin(struct buf *buf, size_t *mark);
/* Fills in the length of the frame begun at mark. 0 or -EMSGSIZE. */
int frame_end(struct buf *buf, size_t mark);
/*
 * Looks for a whole frame at the start of buf: 1 and its body (a pointer into
 * buf; consume FRAME_HEAD + len afterwards), 0 when more bytes are needed,
 * -EMSGSIZE when the length is over FRAME_MAX, -EPROTO when it is 0.
 */
int frame_next(const struct buf *buf, const uint8_t **body, size_t *len);
/* Blocking: reads one frame's body into buf (replacing it). 0 or -errno. */
int frame_read(int fd, struct buf *buf);

#endif
