/*
 * The wire form of messages: CBOR (RFC 8949) through libcbor's streaming
 * decoder and cbor_encode_* only; docs/protocol.cddl is the contract.
 *
 * Every message is an array whose first item is its enum msg:
 *   HELLO  [0, "rsc", version, arch, digest, name]
 *   CALL   [1, task, seq, id, arg...]    arguments that travel, in row order
 *   REPLY  [2, task, seq, ret, out...]   only ret when ret < 0; in the reply of
 *          a RET_FD row [2, task, seq, ret, object, dev, ino, out...] with enum
 *          object and its bit, and which file it is
 *   SPAWN  [3, task, parent, share]      a twin for a new thread or process
 *   EXIT   [4, task]                     the thread is gone
 *   CANCEL [5, task, seq]                give up the call, if it still can be
 *   READY  [6, watch, mask, edge]        from the server: a watched object
 *
 * Arguments: INT/UINT/FLAGS an integer (INT may be negative); FD and DIRFD a
 * handle (DIRFD: -100 for AT_FDCWD); PATH and STR bytes; IN and IOV_IN bytes;
 * OUT kinds the capacity (integer) or null; STRUCT_IN an array of fields or
 * null; STRUCT_OUT true or null; STRUCT_INOUT array or null. A pointer that is
 * NULL in the tracee is null. The length argument of a buffer travels as is.
 * The errno and flag sets travel in asm-generic's numbers.
 */
#ifndef RSC_WIRE_H
#define RSC_WIRE_H

#include <sys/epoll.h>

#include "base/arena.h"
#include "base/buf.h"
#include "call/value.h"

#define WIRE_VERSION 1
#define WIRE_NAME_MAX 64
/* l_pid of a lock that a task of the session holds; task 0: of none now. */
#define WIRE_LOCK_TASK(task) (-1 - (int32_t)(task))
/* pid of SO_PEERCRED, when a task of the session is at the other end. */
#define WIRE_PEER_TASK(task) (-1 - (int32_t)(task))

enum msg {
	MSG_HELLO,
	MSG_CALL,
	MSG_REPLY,
	MSG_SPAWN,
	MSG_EXIT,
	MSG_CANCEL,
	MSG_READY,
	MSG_COUNT
};

/* What a SPAWN shares with its parent (bits). */
enum spawn_share { SPAWN_FILES = 1, SPAWN_FS = 2 };

/* What rsc_watch asks for beyond what can be read (bits). */
/* WATCH_SIGNALS: of a lease or a directory, and nothing else. */
enum watch_want { WATCH_OUT = 1, WATCH_EDGES = 2, WATCH_SIGNALS = 4 };

/* The bits of poll(2) that READY tells; the others follow from them. */
#define READY_MASK                                                             \
	(EPOLLIN | EPOLLPRI | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLRDHUP)

/* What has happened again though it was so before (bits). */
enum ready_edge { EDGE_IN = 1, EDGE_OUT = 2, EDGE_SIGNAL = 4 };
#define EDGE_MASK (EDGE_IN | EDGE_OUT | EDGE_SIGNAL)

/* How ready a watched object is. */
struct ready {
	uint32_t watch; /* the client's name of it */
	uint32_t mask;	/* of READY_MASK */
	uint32_t edge;	/* enum ready_edge */
};

struct hello {
	uint32_t version;
	char arch[16];
	uint64_t digest;
	char name[WIRE_NAME_MAX + 1]; /* host name, for messages */
};

struct msg_head {
	enum msg type;
	uint32_t task;
	uint32_t seq;		 /* CALL, REPLY, CANCEL */
	uint32_t parent;	 /* SPAWN */
	uint32_t share;		 /* SPAWN */
	const struct call *call; /* CALL */
	struct hello hello;	 /* HELLO */
	struct ready ready;	 /* READY */
	size_t items;		 /* of the array, all together */
	size_t size;		 /* bytes, to behind the last one of these */
};

/* Each appends one whole frame to out; 0 or -errno. */
int wire_put_hello(struct buf *out, const struct hello *hello);
int wire_put_call(struct buf *out, const struct req *req);
int wire_put_reply(struct buf *out, const struct req *req);
int wire_put_spawn(struct buf *out, uint32_t task, uint32_t parent,
		   uint32_t share);
int wire_put_exit(struct buf *out, uint32_t task);
int wire_put_cancel(struct buf *out, uint32_t task, uint32_t seq);
int wire_put_ready(struct buf *out, const struct ready *ready);

/*
 * Reads the head of a frame's body and checks its form; 0 or -EPROTO with
 * *why (static text) naming the rule that it breaks. For HELLO, SPAWN, EXIT,
 * CANCEL and READY the whole frame is checked, trailing bytes included.
 */
int wire_get_head(const uint8_t *body, size_t len, struct msg_head *head,
		  const char **why);
/*
 * Server: the whole CALL into req; every length is checked against the row
 * and VALUE_BYTES_MAX before memory is taken from arena; OUT kinds get room.
 */
int wire_get_call(const uint8_t *body, size_t len, struct req *req,
		  struct arena *arena, const char **why);
/* The same when its head is read already. */
int wire_get_args(const struct msg_head *head, const uint8_t *body, size_t len,
		  struct req *req, struct arena *arena, const char **why);
/*
 * Tracer: a REPLY to req (task and seq already matched). Sets req->ret and the
 * data of the OUT kinds. A reply that says more than was asked (more bytes
 * than capacity, a result longer than the buffer) is -EPROTO. Bytes stay in
 * body, where data points to; structures are made in arena.
 */
int wire_get_reply(const uint8_t *body, size_t len, struct req *req,
		   struct arena *arena, const char **why);
/* The same when its head is read already. */
int wire_get_rest(const struct msg_head *head, const uint8_t *body, size_t len,
		  struct req *req, struct arena *arena, const char **why);
/* Copies those bytes to arena, a NUL behind each. 0 or -ENOMEM. */
int wire_keep_reply(struct req *req, struct arena *arena);

#endif
