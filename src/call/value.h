/*
 * One call under way: the row and the values of its arguments in native form.
 * The tracer fetches it from the tracee, the wire carries it, the server runs
 * it, and the results come back in the same form.
 */
#ifndef RSC_VALUE_H
#define RSC_VALUE_H

#include <sys/socket.h>

#include "call/call.h"

/* Largest buffer a call may carry; longer reads and writes are shortened. */
#define VALUE_BYTES_MAX (1u << 20)

/* What a call may carry of messages: UIO_MAXIOV of them, an address each. */
#define MESSAGES_MAX 1024
#define MESSAGE_NAME_MAX sizeof(struct sockaddr_storage)
#define MESSAGE_CONTROL_MAX (64u << 10)

/* A buffer of a message: bytes, or before the reply room for so many. */
struct piece {
	uint8_t *data;
	uint32_t len;
	bool given; /* false: its pointer is NULL in the tracee */
};

/* One message of sendmsg(2) and its kin. */
struct message {
	struct piece name;
	struct piece data;
	struct piece control;
	/* In a reply: */
	uint32_t name_full; /* received: of the name, had it had room */
	uint32_t flags;	    /* received: msg_flags */
	int64_t done;	    /* bytes of it that were sent, or came */
};

/*
 * num: the register (scalars; a length may have been shortened to the limit).
 * For pointer kinds num is the tracee's address on the tracer (0 = NULL) and
 * 1 or 0 (present or NULL) on the server.
 * data/len: bytes in native form. IN kinds: contents. OUT kinds: on the tracer
 * before the reply data is NULL and len is the capacity; after the reply data
 * points at what came (len bytes). On the server data has room for len bytes.
 * PATH and STR: data is NUL-terminated, len excludes the NUL.
 * OUT_AT: as OUT; what is valid afterwards says the int behind its length.
 */
struct value {
	uint64_t num;
	uint8_t *data;
	size_t len;
	struct message *msg; /* MSG kinds: len of them */
};

/* What a new descriptor is: decides what stands for it on the other side. */
enum object {
	OBJECT_FILE, /* regular */
	OBJECT_DIR,
	OBJECT_PIPE,
	OBJECT_SOCKET,
	OBJECT_OTHER, /* devices, links, anonymous inodes */
	OBJECT_DGRAM, /* a socket that an error does not end */
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
