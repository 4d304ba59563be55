/*
 * What the tracer knows of one traced thread between two stops, and of the
 * whole run.
 *
 * Theory of Operation. One thread owns ptrace. Every stop and every reply is
 * an event; handling one never waits for another. A tracee is in one of six
 * states: running; held (its first stop came before its parent told of it);
 * asking (at a seccomp stop, its call is on the wire: the reply lets it go);
 * parked (the same, but waiting in an interruptible call: park.c); placing
 * (waiting for the descriptor that stands for a remote one: placeholder.c);
 * and finishing (a real local call was let go and its exit stop is awaited).
 * `then` says what happens next, so a call that needs several steps is a row
 * of small continuations.
 */
#ifndef RSC_TRACEE_H
#define RSC_TRACEE_H

#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <time.h>
#include <uthash.h>

#include "arch/arch.h"
#include "base/arena.h"
#include "base/buf.h"
#include "call/value.h"
#include "transport/channel.h"
#include "tracer/cache.h"
#include "tracer/exec.h"
#include "tracer/files.h"
#include "tracer/keeper.h"
#include "tracer/lazy.h"
#include "tracer/maps.h"
#include "tracer/place.h"
#include "tracer/print.h"
#include "tracer/program.h"
#include "tracer/proc.h"
#include "tracer/route.h"
#include "tracer/tree.h"

struct run;
struct tracee;

enum state {
	T_RUNNING,
	T_HELD,
	T_ASKING,
	T_PARKED,
	T_PLACING,
	T_FINISHING,
};

#define SIGNALS_KEPT 4

/* A signal that is to be delivered when the call under way is at its end. */
struct kept {
	siginfo_t info;
	bool sent; /* on its way again */
};

/* What a clone with CLONE_FS shares. */
struct fs {
	unsigned int refs;
	bool remote;	    /* the working directory is the server's */
	bool ours;	    /* it is below /proc of the tree, and remote */
	char cwd[PATH_MAX]; /* its name, when remote; "": too long */
};

typedef void (*then_fn)(struct run *run, struct tracee *t);

/* Where a call goes that the tracer makes: below /proc of the tree. */
struct proc_place {
	const char *path;   /* below run->tree.proc, or on the wire */
	const char *link;   /* what a link says, or NULL: what it says */
	struct tracee *who; /* whose directory it is in; NULL: a dead one's */
	int fd;		    /* of fdinfo: stands for a remote one; or -1 */
};

struct tracee {
	UT_hash_handle by_pid;
	UT_hash_handle by_task;
	struct tracee *ask_prev; /* in run->asking */
	struct tracee *ask_next;
	pid_t pid; /* the thread's id */
	pid_t tgid;
	pid_t number;  /* tree_number(), or 0: to be found out */
	uint32_t task; /* its name on the wire */
	uint32_t seq;
	enum state state;
	then_fn then;
	struct regs regs;	 /* at the seccomp stop */
	uint64_t arg[CALL_ARGS]; /* canonical arguments */
	const struct call *call; /* canonical call, NULL: no row */
	struct req req;
	struct arena arena; /* this stop's */
	struct timespec start;
	char path[PATH_MAX]; /* normalised name of the call's first path */
	size_t path_len;     /* of the path as the program wrote it */
	struct proc_place
		*place; /* in the arena; of a call that proc_run() makes */
	struct files *files;
	struct fs *fs;
	struct program *program;
	struct scratch scratch;
	struct inject inject; /* lazy.c's */
	struct exec *exec;    /* owned: the execve under way, or NULL */
	int new_handle;	      /* opened, its placeholder not yet there */
	then_fn if_local;     /* at the exit stop of a local call, or NULL */
	then_fn if_ours;      /* instead of proc_run() */
	then_fn if_remote;    /* at the reply, instead of the usual end */
	char **renamed;	      /* in the arena: names here of its paths */
	then_fn if_told;      /* when the server's clock is known */
	then_fn if_allowed;   /* after the strict rules, instead of the wire */
	then_fn if_settled;   /* while it waits for the end of last */
	struct req last;      /* what settle() has to send */
	then_fn if_done;      /* with the result, instead of the program */
	struct aio *aio;      /* owned: its io_submit under way, or NULL */
	struct own_filter *own_filter; /* a reference, or NULL */
	bool no_new_privs;	       /* as the program knows it */
	struct swap *swap;	       /* in the arena: swap.c's, or NULL */
	struct rights *rights;	       /* in the arena: rights.c's, or NULL */
	struct wants *wants; /* in the arena: what a poll asks, ready.c's */
	struct req *
		asked; /* in the arena: the call while its paths are resolved */
	unsigned int path_arg; /* the path under way */
	uint64_t size_limit;   /* RLIMIT_FSIZE, when it was looked at */
	uint64_t size_left;    /* how much a write may write */
	uint64_t at;	       /* of a long transfer: bytes that are done */
	bool more;	     /* of a long transfer: this is not the last part */
	int64_t result;	     /* to put in at the exit stop */
	struct maps *maps;   /* of its address space; NULL: none yet */
	struct chore *chore; /* its work on a mapped file, or NULL */
	struct image *pulled; /* of a copy: image_pull_begin(), or NULL */
	struct map part;      /* of a call on mapped memory */
	size_t map_at;	      /* how far it has looked at its mappings */
	uint64_t map_lo;      /* of these addresses */
	uint64_t map_hi;
	then_fn map_then;
	bool map_sync;
	bool shared; /* it has looked at the images it concerns */
	int fill_fd; /* placeholder being filled, or -1 */
	uint64_t fill_at;
	struct pollfd wait_for; /* of a copy that would block here */
	int placeholder;	/* owned: what is to be placed, or -1 */
	struct remote *remote;	/* a reference: what it stands for, or NULL */
	struct kept kept[SIGNALS_KEPT];
	unsigned int nkept;
	char *fd_name[CALL_ARGS];  /* owned: -y */
	struct deadline *deadline; /* that it waits for, or NULL */
	int signal;		   /* held back while parked, or 0 */
	bool outstanding;	   /* it has asked, its reply is not here */
	bool placing;		   /* it waits for a placeholder */
	bool asking;	/* the same, and it is stopped: in run->asking */
	bool answered;	/* parked, and its reply is here */
	bool rejoin;	/* its call is made again for the reply */
	bool started;	/* its first stop was seen */
	bool still;	/* not to be parked: its call has several steps */
	bool exiting;	/* at its exit event: nothing more to park */
	bool stopped;	/* in a group stop */
	bool launching; /* before the program's own exec */
};

struct stats {
	uint64_t calls;
	uint64_t errors;
	uint64_t bytes;
	uint64_t nsec;
};

/* wait.c's own. */
struct waiting {
	bool stale;	       /* the signalfd may have no news */
	bool watched;	       /* the watcher runs */
	bool timed;	       /* reading the channel ends after a while */
	bool woken;	       /* by the watcher: look at everything */
	unsigned int in_a_row; /* stops since the channel was looked at */
	long long since;       /* ns; BUSY_STOPS ago */
	pid_t tid;	       /* the tracer's own thread */
	int in;		       /* the channel, for the watcher */
	int kick;	       /* owned eventfd: something is tied */
	int credit;	       /* of waiting actively, which may fail */
	atomic_uint stops;
	atomic_bool sleeps; /* the tracer is in waitpid */
	atomic_bool lost;   /* the link is */
};

/* What the server's CLOCK_REALTIME is known to be, in nanoseconds. */
struct real_time {
	int64_t ahead; /* of this machine's; 0: no difference that we know */
	int64_t time;  /* there, or little earlier, */
	int64_t at;    /* when it was this by CLOCK_MONOTONIC; 0: never asked */
};

struct run {
	struct tracee *tracees; /* hash by_pid */
	struct tracee *tasks;	/* hash by_task */
	struct tracee *asking;	/* list; who asked first is first */
	unsigned int ntracees;
	unsigned int nasking;
	unsigned int placing;	  /* who waits for a placeholder */
	unsigned int outstanding; /* replies that will come */
	unsigned int told;	  /* replies that may wait for nobody */
	struct routes routes;
	struct tree tree;
	bool *selected;	     /* owned, by wire id */
	struct stats *stats; /* owned, by wire id */
	uint64_t stops;
	uint64_t round_trips;
	uint64_t bytes_out;
	uint64_t bytes_in;
	uint64_t unknown_calls;
	uint64_t unknown_requests; /* of ioctl and fcntl */
	struct unknown unknown[UNKNOWN_MAX];
	unsigned int nunknown;
	struct refused refused[REFUSED_MAX];
	unsigned int nrefused;
	struct remote *watched; /* hash by watch */
	uint32_t last_watch;
	struct deadline *deadlines; /* list: hook_deadline.c's */
	struct real_time real;	    /* hook_clock.c's */
	bool clock_offset;	    /* --clock=offset */
	struct flight *flights;	    /* owned: oldest first */
	unsigned int nflights;
	struct channel channel;
	int listener; /* owned: of placeholders, or -1 */
	int sigchld;  /* owned signalfd */
	struct waiting wait;
	struct place place;
	struct buf in;	 /* bytes come from the server */
	size_t in_used;	 /* of them the frames up to that under way */
	struct buf late; /* ask.c's: what came while one answer was awaited */
	bool in_waits;	 /* there may be whole frames in them */
	struct buf out;	 /* a frame under construction */
	struct keeper keeper;
	struct lazy lazy;
	const char *server_name;
	char *world_name; /* owned: what the server says it is */
	uint32_t last_task;
	pid_t child; /* the program */
	int status;  /* its wait status */
	bool exited;
	bool lost;		      /* the link is gone */
	bool broken;		      /* by us: it was said why */
	bool fds_high;		      /* --fds=high */
	enum exec_mode exec;	      /* --exec */
	struct cache cache;	      /* of the server's programs */
	struct running_file *running; /* list: of them those that run */
	struct trace trace;
	bool strict;  /* --strict */
	bool summary; /* -c */
	bool json;
};

/* ---- ask.c: calls on the wire ---- */

/*
 * Sends t->req and makes the reply call then. The tracee stays at its stop.
 * When the link is lost the request is answered with -EIO at once.
 */
void ask(struct run *run, struct tracee *t, then_fn then);
/* Sends a call whose answer nobody waits for. */
void tell(struct run *run, struct tracee *t, const struct req *req);
/* The same, and settle() may wait for it. */
void tell_last(struct run *run, struct tracee *t, const struct req *req);
/*
 * Calls then when the server has done what it was told last, if that is seen:
 * another process may look at it when t has gone on. stays: t is at an exit
 * stop or an event, and cannot be parked.
 */
void settle(struct run *run, struct tracee *t, bool seen, bool stays,
	    then_fn then);
/* Sends SPAWN and EXIT for t. */
void tell_spawn(struct run *run, struct tracee *t, uint32_t parent,
		uint32_t share);
void tell_exit(struct run *run, struct tracee *t);
/* Closes handle in t's context; nobody waits. */
void tell_close(struct run *run, struct tracee *t, int handle);
/*
 * True when nobody can tell the moment at which t's entry is closed, and nothing
 * can be wrong with it: the server needs no time of the program for it.
 */
bool close_is_quiet(const struct tracee *t, const struct entry *e);
/*
 * t's number fd is closed: what the server needs to know is told, also that
 * record locks on a file that stays open by another number end. True when
 * others can see it. The caller calls settle().
 */
bool close_number(struct run *run, struct tracee *t, long fd);
/* Takes what has arrived; calls then of every tracee that got its reply. */
void take_replies(struct run *run);
/* The link is gone: every asking tracee gets -EIO. */
void link_lost(struct run *run, const char *why);
/* Waits for the one outstanding reply of t (start-up only). 0 or -errno. */
int ask_now(struct run *run, struct tracee *t);

/*
 * The answer to task->req, which no process waits for, before this returns:
 * nothing else that the server says is looked at meanwhile. 0, or -EIO when
 * the link is lost.
 */
int ask_alone(struct run *run, struct tracee *task);

/* Gives up the call that t asked. */
void tell_cancel(struct run *run, struct tracee *t);

/* ---- park.c: slow calls and signals ---- */

/*
 * Parks every tracee that has asked for long; ms until it is to be called
 * again, PARK_SOON when somebody is to be parked, or -1.
 */
#define PARK_SOON 1
int park_slow(struct run *run);
/* The reply of a parked tracee is in t->req. */
void park_answer(struct run *run, struct tracee *t);
/* A stop of a parked tracee: event and signal of its wait status. */
void park_stop(struct run *run, struct tracee *t, int event, int sig);
/*
 * At a signal stop: true when the signal's handler waits, as the call is about
 * to be made again to meet its reply, which must not be another's.
 */
bool park_keep(struct run *run, struct tracee *t, int sig);

/* ---- pid.c ---- */

/* Decides by the first PID of the call. */
void by_pid(struct run *run, struct tracee *t);

/* ---- placeholder.c: descriptors that stand for remote ones ---- */

/* The number that tells the kernel to ask the tracer for a descriptor. */
#define PLACE_NR 0x7273
/* The number that the child makes when its filter is loaded. */
#define READY_NR (PLACE_NR + 1)

/* In the child before exec: seccomp(2) gave the listener. */
extern int placeholder_listener;
/* Takes the listener from the child; 0 or -errno. */
int placeholder_take(struct run *run, pid_t pid);
/*
 * At the seccomp stop of a call whose answer is a new handle in t->req: has
 * the kernel put a placeholder at the lowest free number.
 */
void placeholder_put(struct run *run, struct tracee *t);
/*
 * What stands for a new remote one (O_* flags), which is file of a device: a
 * descriptor or -errno.
 */
int placeholder_make(struct remote *remote, uint64_t dev, uint64_t ino,
		     uint64_t flags);
/* Has the kernel ask for what t is to get. */
void placeholder_begin(struct run *run, struct tracee *t);
/* The same as placeholder_put() for a local descriptor, which is owned from then on. */
void placeholder_give(struct run *run, struct tracee *t, int fd);
/* Closes the handle for which nothing stands yet, if there is one. */
void placeholder_drop(struct run *run, struct tracee *t);
/* A stop of a tracee that is placing; false when it is an ordinary one. */
bool placeholder_stop(struct run *run, struct tracee *t, int event, int sig);
/* The listener can be read. */
void placeholder_event(struct run *run);

/*
 * At a signal stop: the signal is kept until the call under way is done. False
 * when it has to be delivered now.
 */
bool signal_keep(struct run *run, struct tracee *t);
/*
 * The thread t gets a signal with this origin (but to a signal that it waits
 * for or reads, which has rsc's).
 */
void signal_send(struct tracee *t, const siginfo_t *info);
/* Sends what was kept again. */
void signal_release(struct tracee *t);
/* At a signal stop: a kept signal gets its origin back. */
void signal_restore(struct run *run, struct tracee *t);

/* ---- ready.c: poll, select, epoll ---- */

struct ready;
/* The server says how ready a watched object is. */
void ready_event(struct run *run, const struct ready *ready);
/*
 * Watches the descriptor that is t's first argument for events of epoll_ctl(2),
 * if it can be, and calls then.
 */
void ready_want(struct run *run, struct tracee *t, uint32_t events,
		then_fn then);
/* hook_notify.c: the server has a signal of remote. */
void notify_event(struct run *run, struct remote *remote);
/* The link is gone: who waits wakes up, and finds out by a call. */
void ready_lost(struct run *run);
/* Before t asks: the reply is to say how ready the FDs of its call are. */
void ready_bind(struct run *run, struct tracee *t);

/* ---- fetch.c: between the tracee's memory and t->req ---- */

/* Fills t->req from t->call, t->arg. 0 or -errno for the program. */
int fetch(struct tracee *t);
/*
 * Writes the outputs of t->req to the tracee: the result of the call, which is
 * less than the server's when a buffer ends early, or -EFAULT.
 */
int64_t store(struct tracee *t);

/* The flags of a call that takes some; 0 for others. */
uint32_t message_flags(const struct tracee *t);

/* ---- stop.c: which side makes the call ---- */

/* The program made a call: decide and do. */
void stop_seccomp(struct run *run, struct tracee *t);
/* Fetches, sends, stores, returns: the way of a regular remote call. */
void forward(struct run *run, struct tracee *t);
/* The same without a look at the limits. */
void forward_now(struct run *run, struct tracee *t);
/*
 * Forwards the call when its FDs are remote, lets it go when none is; a
 * mixture is EXDEV, as between file systems (EINVAL for tee).
 */
void by_fd(struct run *run, struct tracee *t);

/* ---- paths.c: on which side a path is ---- */

/*
 * Decides by the paths of the call, all of which must be on one side. The hook
 * may have set t->if_local and t->if_remote.
 */
void by_path(struct run *run, struct tracee *t);
/* True when a call by descriptors names a file too. */
bool names_path(const struct tracee *t);
/* Forwards such a call: its descriptor can only be told of what is there. */
void with_path(struct run *run, struct tracee *t);
/*
 * The side of path argument i of t->call, which is v, in the arena: it gets
 * what the server calls it. name (PATH_MAX bytes) gets its normalised absolute
 * name. *err: what else the program sees.
 */
enum side path_side(struct run *run, struct tracee *t, unsigned int i,
		    struct value *v, char *name, int *err);
/* Asks the server where path leads, from a directory of its. */
void path_ask(struct run *run, struct tracee *t, int dirfd,
	      const struct value *path, then_fn then);
/*
 * Its answer: may the path be used? 0, 1 when it is another one for the server,
 * in mapped then, or -errno.
 */
int path_allowed(struct run *run, struct tracee *t, char mapped[PATH_MAX]);
/*
 * Holds t->req, whose paths are filled in, against the strict rules, and calls
 * t->if_allowed, or forwards.
 */
void forward_checked(struct run *run, struct tracee *t);
/* As let_go(), with this machine's name in place of path argument i. */
void let_go_named(struct run *run, struct tracee *t, unsigned int i,
		  const char *name);

/* ---- finish.c: how a stop ends ---- */

/* The program sees ret; the call is not made here. */
void finish_skip(struct run *run, struct tracee *t, int64_t ret);
/* The program's own call is made here. */
void let_go(struct run *run, struct tracee *t);
/* The same, and then is called at its exit stop with t->regs.ret set. */
void let_go_then(struct run *run, struct tracee *t, then_fn then);
/* At an exit stop: the program goes on and sees ret. */
void finish_exit(struct run *run, struct tracee *t, int64_t ret);
/*
 * A reply's plain end: store, ask for the next part of a long transfer, or
 * skip.
 */
void finish_reply(struct run *run, struct tracee *t);
/*
 * Of a call whose reply was stored, which gave ret: did it read bytes that did
 * not arrive?
 */
bool reply_left(struct tracee *t, int64_t ret);
/* Then: they are still to be read; goes on with t->result. */
void finish_left(struct run *run, struct tracee *t);
/* The server's part ended with ret; a row that says so is made here too. */
void finish_both(struct run *run, struct tracee *t, int64_t ret);
/* The result of t's call, whose last part ended with ret. */
int64_t whole_result(const struct tracee *t, int64_t ret);
/* Raises the signal that goes with a result: SIGPIPE. */
void raise_for(struct tracee *t, int64_t ret);
/* Counts and prints the call that returned ret. */
void account(struct run *run, struct tracee *t, int64_t ret);

/* ---- limit.c: RLIMIT_FSIZE ---- */

/*
 * True when the call makes a file grow and a limit is set: it goes on from
 * here, cut or refused. False: nothing is to be done.
 */
bool limit_stops(struct run *run, struct tracee *t);

/* ---- hook_map.c ---- */

/*
 * What the program has stored in [lo, hi) of its address space goes to the
 * server, then then is called with the result in t->result.
 */
void map_flush(struct run *run, struct tracee *t, uint64_t lo, uint64_t hi,
	       bool sync, then_fn then);

/* ---- shared.c: calls by descriptor on files that are mapped ---- */

/*
 * True when the call concerns a mapped file: it goes on from here, and comes
 * back to forward() in its turn. False: nothing is to be done.
 */
bool shared_stops(struct run *run, struct tracee *t);
/*
 * The file was mapped while this call, which ends with ret, changed it: it
 * goes on from here.
 */
bool shared_late(struct run *run, struct tracee *t, int64_t ret);
/* True when shared_late() will have something to do. */
bool shared_is_late(const struct run *run, struct tracee *t);

/* ---- hooks.c: irregular calls ---- */

typedef void (*hook_fn)(struct run *run, struct tracee *t);
/* The hook of a row, or NULL. */
hook_fn hook_of(const struct call *call);

/*
 * hook_deadline.c: t waits no longer; put_back: its memory gets the program's
 * time again.
 */
void deadline_drop(struct run *run, struct tracee *t, bool put_back);

/* hook_aio.c: t's io_submit is not made, or at its end. */
void aio_drop(struct tracee *t);

/* ---- tracee.c ---- */

struct tracee *tracee_find(struct run *run, pid_t pid);
struct tracee *tracee_by_task(struct run *run, uint32_t task);
struct tracee *tracee_new(struct run *run, pid_t pid);
/* The tracee has another thread id; 0 or -ENOMEM. */
int tracee_set_pid(struct run *run, struct tracee *t, pid_t pid);
/* Gives it a fresh name on the wire; 0 or -ENOMEM. */
int tracee_name_task(struct run *run, struct tracee *t);
/*
 * What it shares with others becomes its own, here and on the server, but for
 * keep (enum spawn_share). It has a fresh name on the wire then. 0 or -ENOMEM.
 */
int tracee_unshare(struct run *run, struct tracee *t, uint32_t keep);
/* A copy of descriptor fd of t, or -errno. */
int tracee_fd(const struct tracee *t, int fd);
/* Closes on the server what the kernel has closed here, as close_number(). */
bool tracee_drop_closed(struct run *run, struct tracee *t);
/* It has asked; it asks no more, but waits otherwise; its reply is here. */
void tracee_asks(struct run *run, struct tracee *t);
void tracee_asks_no_more(struct run *run, struct tracee *t);
void tracee_answered(struct run *run, struct tracee *t);
/* It waits for a placeholder, or does no more. */
void tracee_places(struct run *run, struct tracee *t, bool places);
/* True when it is being killed: it has left the stop that is being handled. */
bool tracee_dies(const struct tracee *t);
/* Gives up its share of everything; tells the server. Frees t. */
void tracee_gone(struct run *run, struct tracee *t);
struct fs *fs_copy(const struct fs *fs);
void fs_unref(struct fs *fs);

/* ---- filter.c ---- */

/* With --fds=high remote descriptors have numbers from here on. */
#define FDS_HIGH 512

/* True when calls of this row can stop under the selection. */
bool filter_stops(const struct run *run, const struct call *call);
/* Writes the filter's BPF to fd; 0 or -errno. */
int filter_export(const struct run *run, int fd);
/* In the child, before exec: loads the seccomp filter. 0 or -errno. */
int filter_load(const struct run *run);

/* ---- wait.c ---- */

/* SIGCHLD is blocked; 0 or -errno. */
int wait_init(struct run *run);

enum event {
	EVENT_NONE,
	EVENT_STOP,  /* or death: *pid and *status as waitpid gives them */
	EVENT_REPLY, /* the channel can be read */
	EVENT_PLACE, /* the listener can be read */
	EVENT_FAULT, /* lazy_event() has something to do */
	EVENT_END,   /* nobody is left */
};

/* Waits for what comes next. */
enum event wait_event(struct run *run, pid_t *pid, int *status);

/* ---- birth.c ---- */

/* At its event: parent has made a child. */
void birth_told(struct run *run, struct tracee *parent);
/* At its exit event: a child that it could not tell of. */
void birth_untold(struct run *run, struct tracee *parent);
/*
 * A stop of who is new; status is waitpid(2)'s. True when it is to be handled
 * as any other: the parent has told of it.
 */
bool birth_first_stop(struct run *run, pid_t pid, int status);

/* ---- launch.c, loop.c ---- */

/* Starts the program under trace; 0 or -errno with a line on stderr. */
int launch(struct run *run, char **argv);
/*
 * t is in a group stop by sig (ptrace(2)): it stays there. When it is the
 * program itself, stopped from the terminal, rsc stops with it, so that the
 * shell sees its job stop; both go on with the shell's SIGCONT.
 */
void group_stop(struct run *run, struct tracee *t, int sig);
/* Takes note of who is dead by now. */
void take_deaths(struct run *run);
/* Until every tracee is gone. */
void loop(struct run *run);

/* `rsc run`, and `rsc shell`, which is the same of the user's shell. */
int run_main(int argc, char **argv);
int shell_main(int argc, char **argv);

#endif
