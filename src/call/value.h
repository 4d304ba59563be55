/*
 * One call under way: the row and the values of its arguments in native form.
 * The tracer fetches it from the tracee, the wire carries it, the server runs
 * it, and the results come back in the same form.
 */
#ifndef RSC_VALUE_H
#define RSC_VALUE_H

#include "call/call.h"

/* Largest buffer a call may carry; longer reads and writes are shortened. */
#define VALUE_BYTES_MAX (1u << 20)

/*
 * num: the register (scalars; a length may have been shortened to the limit).
 * For pointer kinds num is the tracee's address on the tracer (0 = NULL) and
 * 1 or 0 (present or NULL) on the server.
 * data/len: bytes in native form. IN kinds: contents. OUT kinds: on the tracer
 * before the reply data is NULL and len is the capacity; after the reply data
 * points at what came (len bytes). On the server data has room for len bytes.
 * PATH and STR: data is NUL-terminated, len excludes the NUL.
 */
struct value {
	uint64_t num;
	uint8_t *data;
	size_t len;
};

/* What a new descriptor is: decides what stands for it on the other side. */
enum object {
	OBJECT_FILE, /* regular */
	OBJECT_DIR,
	OBJECT_PIPE,
	OBJECT_SOCKET,
	OBJECT_OTHER, /* devices, links, anonymous inodes */
	OBJECT_KINDS,
	OBJECT_POLLABLE = 8, /* bit: epoll_ctl(2) takes it */
};

struct req {
	const struct call *call;
	uint32_t task; /* whose call: the tracer's number of the thread */
	uint32_t seq;  /* per-task sequence number */
	struct value val[CALL_ARGS];
	int64_t ret;	 /* result, or -errno */
	uint32_t object; /* RET_FD, ret >= 0: enum object and its bit */
	uint64_t dev;	 /* and which one it is: stat(2) */
	uint64_t ino;
};

#endif
