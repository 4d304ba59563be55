/* Levels: local objects that poll(2) finds as ready as the server's. */
#ifndef RSC_LEVEL_H
#define RSC_LEVEL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum level_kind {
	LEVEL_STREAM,
	LEVEL_DGRAM,
	LEVEL_READER, /* a pipe's end */
	LEVEL_WRITER,
};

struct level {
	enum level_kind kind;
	int own;	     /* owned: a copy of the program's end, or -1 */
	int peer;	     /* owned: the other end, or -1 */
	uint32_t mask;	     /* what it shows: bits of READY_MASK */
	unsigned int queued; /* bytes in it, for IN */
	bool set;	     /* mask is one */
	bool broken;	     /* a stream that ended with an error */
};

/*
 * The object that stands for a new one of the server (enum object, O_* flags):
 * the program's end, which the caller owns, or -errno.
 */
int level_make(struct level *level, uint32_t object, uint64_t flags);
/* It is fd of pid: now it can be set. 0 or -errno. */
int level_take(struct level *level, pid_t pid, int fd);
/* Has it show mask; edge says what happened again (enum ready_edge). */
void level_set(struct level *level, uint32_t mask, uint32_t edge);
void level_drop(struct level *level);

#endif
