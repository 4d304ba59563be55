/*
 * Private to src/server: the session, its workers and what they own.
 *
 * Whoever reads the channel is the leader: the main thread or a worker, one at
 * a time (lead.c). What is marked "leader" is touched by no other thread.
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
#define KICK_MS 5

/* The descriptors of one table that the client may name: its handles. */
struct handles {
	pthread_mutex_t lock;
	pthread_cond_t settled; /* closing is 0 */
	unsigned int closing;	/* closes queued or under way */
	unsigned int users;	/* workers that share the table */
	size_t words;
	uint64_t *bits;		   /* owned */
	struct ready_state *ready; /* of the watches, once there is one */
	size_t nwatch;
	uint32_t *watch; /* owned; by descriptor, 0: none */
};

/* ready.c's own. */
struct ready_state {
	int in;	       /* owned epolls: what can be read, */
	int out;       /* what can be written; */
	int level;     /* of pipes, level triggered */
	int news;      /* of files that are ready once */
	int signals;   /* owned signalfd: of leases and directories */
	bool has_news; /* there was such a one: its thread runs */
	unsigned int npipes;
	struct watch *pipes; /* list of those */
	atomic_bool active;  /* something is or was watched */
	pthread_mutex_t lock;
	struct watch *watches; /* owned, hash by id */
	struct buf frames;     /* with out_lock */
};

/* hold.c's own; the descriptors are of the table of handles. */
struct hold {
	pthread_mutex_t lock;
	struct handles *handles; /* whose files are held */
	int fanotify;		 /* owned; -1: none yet */
	int recall;		 /* owned eventfd: a reader waits */
	int changed;		 /* owned eventfd: for the thread */
	struct held *held;	 /* owned list */
	struct opener *openers;	 /* owned list: who waits in open(2) */
};

/* drawer.c's own. */
struct drawer {
	pthread_mutex_t lock;
	int pair[2];	    /* owned: what is in it lies between these */
	unsigned int count; /* of what is in it */
	uint32_t last;	    /* number that was given */
};

/* running.c's own. */
struct running {
	pthread_mutex_t lock;
	atomic_uint count;	    /* of files */
	struct running_file *files; /* owned list */
};

/* Who reads the channel; lead.c. */
struct lead {
	atomic_uint role;      /* a turn, which grows, and enum role */
	atomic_int tid;	       /* of the worker that reads or runs */
	atomic_bool watched;   /* the main thread looks at role by itself */
	atomic_uint running;   /* calls queued or under way */
	atomic_uint looks;     /* at a turn before it is taken away */
	struct worker *worker; /* leader: who got the turn */
	int err;	       /* leader: reading ended with it, -errno */
};

struct session {
	int in;		     /* owned */
	int out;	     /* owned */
	int wake;	     /* owned eventfd, for the main thread */
	struct handles *own; /* the session's own descriptors */
	const struct server_opts *opts;
	struct buf buf; /* leader: bytes of in */
	size_t used;	/* leader: how many are done with */
	bool greeted;	/* leader: the client's HELLO came */
	struct lead lead;
	atomic_int failed;	    /* EPROTO or ECONNRESET */
	atomic_bool ending;	    /* calls that still queue are dropped */
	atomic_bool kicking;	    /* calls are to be given up, */
	atomic_uint kicks;	    /* tried so often since the last of them */
	atomic_size_t kept;	    /* bytes in the arenas of idle workers */
	pthread_mutex_t out_lock;   /* a frame is written whole */
	struct buf reply;	    /* with out_lock */
	pthread_mutex_t tasks_lock; /* held to change the lists below, */
	atomic_uint nworkers;	    /* and by others to walk them */
	struct worker *workers[SESSION_BUCKETS]; /* owned, by task */
	struct worker *leaving; /* owned; their EXIT has come */
	struct ready_state ready;
	struct drawer drawer;
	struct hold hold;
	struct running running;
	atomic_uint *count;   /* owned; calls run, by row */
	atomic_bool *refused; /* owned; rows reported as refused */
};

/* A frame that waits for its worker. */
struct mail {
	struct mail *next;    /* owned */
	enum msg type;	      /* CALL, SPAWN or EXIT */
	uint32_t seq;	      /* CALL */
	struct worker *child; /* SPAWN */
	unsigned int turn;    /* 0, or the worker leads afterwards */
	struct buf body;      /* owned; CALL */
};

struct worker {
	struct session *session;
	struct worker *next; /* in its bucket or among the leaving */
	uint32_t task;
	uint32_t last_seq;    /* leader: of the last CALL */
	bool called;	      /* leader: last_seq is one */
	unsigned int wary;    /* leader: calls that it is not to lead */
	unsigned int caution; /* leader: and how many next time */

	pthread_mutex_t lock;
	pthread_cond_t changed; /* mail came */
	struct mail *head;	/* owned */
	struct mail *tail;
	struct mail *current; /* owned: what the thread is at */
	size_t queued;	      /* bytes of that mail */
	unsigned int calls;   /* queued or under way */
	pid_t tid;	      /* 0 before the thread runs */
	bool busy;	      /* inside the call busy_seq */
	bool cancel;	      /* cancel_seq is to be given up */
	bool exiting;	      /* EXIT has come: no more replies */
	bool done;	      /* the thread touches this no more */
	uint32_t busy_seq;
	uint32_t cancel_seq;
	uint32_t share; /* what it shares with its parent */

	struct handles *handles; /* a user's reference */
	struct arena arena;	 /* of the call under way */
	size_t kept;		 /* bytes of it between calls */
};

/*
 * session.c: ends the session because why (static text) happened in task; any
 * thread. A NULL why ends it without a line.
 */
void session_fail(struct session *session, uint32_t task, const char *why);
/* Makes the main thread look around. */
void session_wake(struct session *session);

/* frames.c: what frames do; for the leader only. */

/* What is left to do after a frame was taken. */
enum next {
	NEXT_TAKE, /* the next frame */
	NEXT_READ, /* there is no whole frame */
	NEXT_RUN,  /* the request, by the worker that asked */
	NEXT_AWAY, /* nothing: another one leads */
	NEXT_MAIN, /* the main thread has to lead */
};

/*
 * Takes the next frame of session->buf. self is the calling worker, or NULL in
 * the main thread; its own call comes back in req, decoded.
 */
enum next frames_take(struct session *session, struct worker *self,
		      struct req *req);
/* The thread of a task, or 0; any thread. */
pid_t frames_tid(struct session *session, uint32_t task);
/* EXIT: its number is free at once, its thread goes when its mail is done. */
int frames_retire(struct session *session, struct worker *worker);
/* Frees the workers that are done; any thread but theirs. */
void frames_reap(struct session *session);
/* Main thread: interrupts what is to be given up; true when it must again. */
bool frames_kick(struct session *session);

/* lead.c */

/*
 * Main thread: serves the session until its channel closes (-ECONNRESET), a
 * rule is broken (-EPROTO), a signal of signals (a signalfd) comes (-EINTR) or
 * the channel fails (-errno). The main thread leads then, for good.
 */
int lead_serve(struct session *session, int signals);
/* Leader: may worker lead during its next call? Asked once a call. */
bool lead_may(struct worker *worker);
/* Leader: the turn goes to worker, for a call or a SPAWN; for its mail. */
unsigned int lead_pass(struct session *session, struct worker *worker,
		       enum msg type);
/* Worker: the mail with this turn is done; leads while nobody else does. */
void lead_from(struct worker *worker, unsigned int turn);

/* worker.c */

/*
 * A worker without a thread: its mailbox takes frames. It is to share with
 * parent what share says; parent is NULL for the root. NULL: no memory.
 */
struct worker *worker_new(struct session *session, uint32_t task,
			  struct worker *parent, uint32_t share);
/* Frees a worker that is done or never had a thread. */
void worker_free(struct worker *worker);
/*
 * Leader: may more mail be queued? A tracee is blocked in its call, so only a
 * broken client sends that much.
 */
bool worker_has_room(struct worker *worker);
/* Leader: queues mail, which the worker owns then. */
void worker_post(struct worker *worker, struct mail *mail);
/* Leader: does it wait for mail, with nothing to do? */
bool worker_is_idle(struct worker *worker);
/*
 * Starts the thread of child as a twin made by the calling thread, whose
 * tables it shares or copies, and returns when the copy is made. The session
 * fails when that is not possible.
 */
void worker_spawn(struct worker *parent, struct worker *child);
/* Leader: a call of worker is to be run soon. */
void worker_begin(struct worker *worker, const struct call *call);
/*
 * Decodes a CALL for worker into req; false when the session failed by it. head
 * is the frame's, or NULL.
 */
bool worker_decode(struct worker *worker, const struct msg_head *head,
		   const struct buf *body, struct req *req);
/* The calling worker's: runs a call that has begun, and answers it. */
void worker_run(struct worker *worker, struct req *req);
/* Asks that the call seq be given up. */
void worker_cancel(struct worker *worker, uint32_t seq);
/*
 * Interrupts the call under way when it is to be given up; true when the
 * worker has to be looked at again.
 */
bool worker_kick(struct worker *worker);
bool worker_is_done(struct worker *worker);
/* Its thread, or 0 before that runs. */
pid_t worker_tid(struct worker *worker);
/* Interrupts whatever the thread tid is blocked in. */
void worker_interrupt(pid_t tid);
/* Installs the handler of the signal that interrupts calls. */
int worker_init(void);

/* hold.c: files that nobody else may write. */

/* 0 or -errno. */
int hold_init(struct hold *hold);
/*
 * Nobody but the session writes the file of handle fd until it is released:
 * 0, -EBUSY when somebody can already, -EPERM or another errno when that cannot
 * be had.
 */
int hold_file(struct worker *worker, int fd);
void hold_release(struct worker *worker, int fd);
/*
 * Who opened the file of handle done (or -1) for reading goes on. Waits for the
 * next file that is to be written back for a reader; its handle, or -errno.
 */
int hold_recall(struct worker *worker, int done);

/* running.c: programs of this machine that the client runs. */
void running_init(struct running *running);

/* run.c: runs the call of req on behalf of worker and sets req->ret. */
void run_request(struct worker *worker, struct req *req);

/* handles.c */

/* An empty set with one user; NULL: no memory. */
struct handles *handles_new(void);
/* Fills the empty set to, which nobody uses yet; 0 or -ENOMEM. */
int handles_copy(struct handles *to, struct handles *from);
struct handles *handles_share(struct handles *handles);
void handles_drop(struct handles *handles);
bool handles_has(struct handles *handles, int fd);
/* 0 or -ENOMEM */
int handles_add(struct handles *handles, int fd);
/* True when fd was a handle. */
bool handles_remove(struct handles *handles, int fd);
/* Closes what the calling thread's table has beside these two. */
void handles_sweep(const struct handles *handles, const struct handles *own);
/* So many closes more, or less, are queued or under way. */
void handles_closing(struct handles *handles, int more);
/* Waits until none is: nobody waits for the reply of a close. */
void handles_settle(struct handles *handles);
/* The watch of a handle, or 0. */
uint32_t handles_watch(struct handles *handles, int fd);
/* A handle has a watch of ready, which is counted for it. 0 or -errno */
int handles_set_watch(struct handles *handles, struct ready_state *ready,
		      int fd, uint32_t id);

/* drawer.c */

/* Before there is a worker; 0 or -errno. */
int drawer_init(struct drawer *drawer);
/* Puts a copy of fd in; the number that it has there, or -errno. */
int64_t drawer_put(struct drawer *drawer, int fd);
/*
 * Takes that number out, or with keep a copy of it: a descriptor of the calling
 * thread's table, or -errno.
 */
int drawer_take(struct drawer *drawer, uint32_t number, bool keep);
/* Takes it out for nobody; 0 or -errno. */
int drawer_drop(struct drawer *drawer, uint32_t number);

/* ready.c */

/* The main thread, before there is a worker; 0 or -errno. */
int ready_init(struct session *session);
/*
 * Can the object be watched? Regular files are said to be ready always where
 * epoll takes them: of these only those that can be otherwise.
 */
bool ready_may_watch(int fd, bool file);
/*
 * Watches what the handle fd is under the client's name id, or wants to know
 * more of it (enum watch_want). 0 or -errno.
 */
int ready_watch(struct worker *worker, int fd, uint32_t id, uint32_t want);
/*
 * With out_lock: writes session->reply, the reply to req, behind the READY frames
 * that are due. 0 or -errno.
 */
int ready_send(struct worker *worker, const struct req *req);
/* A handle more or less has the watch id. */
void ready_ref(struct ready_state *ready, uint32_t id);
void ready_unref(struct ready_state *ready, uint32_t id);

#endif
