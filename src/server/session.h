/*
 * Private to src/server: the session, its workers and what they own.
 *
 * The dispatcher (the session's main thread) owns the lists of workers. Each
 * worker is one thread; whatever both touch is under worker.lock.
 */
#ifndef RSC_SESSION_H
#define RSC_SESSION_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

#include "call/wire.h"
#include "server/server.h"

#define SESSION_WORKERS_MAX 4096
#define SESSION_BUCKETS 1024
#define WORKER_STACK (128u << 10)
#define WORKER_QUEUE_MAX (8u << 20) /* bytes that wait for a worker */

/* The descriptors of one table that the client may name: its handles. */
struct handles {
	pthread_mutex_t lock;
	unsigned int users;	/* workers that share the table */
	size_t words;
	uint64_t *bits;		/* owned */
};

struct session {
	int in;				/* owned */
	int out;			/* owned */
	int wake;			/* owned eventfd: the session failed */
	const struct server_opts *opts;
	struct buf buf;			/* bytes of in, not yet dispatched */
	bool greeted;			/* the client's HELLO came */
	bool kicking;			/* calls are to be given up */
	atomic_bool failed;
	atomic_bool ending;		/* calls that still queue are dropped */
	pthread_mutex_t out_lock;	/* a frame is written whole */
	unsigned int nworkers;
	struct worker *workers[SESSION_BUCKETS];	/* owned, by task */
	struct worker *leaving;		/* owned; their EXIT has come */
	atomic_uint *count;		/* owned; calls run, by row */
	atomic_bool *refused;		/* owned; rows reported as refused */
};

/* A frame that waits for its worker. */
struct mail {
	struct mail *next;	/* owned */
	enum msg type;		/* CALL, SPAWN or EXIT */
	uint32_t seq;		/* CALL */
	uint32_t share;		/* SPAWN */
	struct worker *child;	/* SPAWN */
	struct buf body;	/* owned; CALL */
};

struct worker {
	struct session *session;
	struct worker *next;	/* in its bucket or among the leaving */
	uint32_t task;
	uint32_t last_seq;	/* dispatcher: of the last CALL */
	bool called;		/* dispatcher: last_seq is one */

	pthread_mutex_t lock;
	pthread_cond_t changed;	/* mail came */
	struct mail *head;	/* owned */
	struct mail *tail;
	size_t queued;		/* bytes of that mail */
	unsigned int calls;	/* queued or under way */
	pid_t tid;		/* 0 before the thread runs */
	bool busy;		/* inside the call busy_seq */
	bool cancel;		/* cancel_seq is to be given up */
	bool exiting;		/* EXIT has come: no more replies */
	bool done;		/* the thread touches this no more */
	uint32_t busy_seq;
	uint32_t cancel_seq;
	uint32_t share;		/* what it shares with its parent */

	struct handles *handles;	/* a user's reference */
	struct arena arena;		/* of the call under way */
	struct buf out;			/* of the reply */
};

/*
 * session.c: ends the session because why (static text) happened in task; any
 * thread. A NULL why ends it without a line.
 */
void session_fail(struct session *session, uint32_t task, const char *why);

/* worker.c; the dispatcher's side. */

/* A worker without a thread: its mailbox takes frames. NULL: no memory. */
struct worker *worker_new(struct session *session, uint32_t task);
/* Frees a worker that is done or never had a thread. */
void worker_free(struct worker *worker);
/*
 * Queues mail, which the worker owns then. -ENOBUFS when too much waits: a
 * tracee is blocked in its call, so only a broken client sends that much.
 */
int worker_post(struct worker *worker, struct mail *mail);
/*
 * Starts the thread of child as a twin made by the calling thread, whose
 * tables it shares or copies; parent is NULL for the root. Returns when the
 * copy is made; 0 or -errno.
 */
int worker_start(struct worker *child, struct worker *parent, uint32_t share);
/* Asks that the call seq be given up. */
void worker_cancel(struct worker *worker, uint32_t seq);
/*
 * Interrupts the call under way when it is to be given up; true when the
 * worker has to be looked at again.
 */
bool worker_kick(struct worker *worker);
bool worker_is_done(struct worker *worker);
/* Installs the handler of the signal that interrupts calls. */
int worker_init(void);

/* run.c: runs the call of req on behalf of worker and sets req->ret. */
void run_request(struct worker *worker, struct req *req);

/* handles.c */

/* An empty set with one user, or a copy of from; NULL: no memory. */
struct handles *handles_new(struct handles *from);
struct handles *handles_share(struct handles *handles);
void handles_drop(struct handles *handles);
bool handles_has(struct handles *handles, int fd);
/* 0 or -ENOMEM */
int handles_add(struct handles *handles, int fd);
/* True when fd was a handle. */
bool handles_remove(struct handles *handles, int fd);

#endif
