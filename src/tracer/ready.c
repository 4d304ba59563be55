/*
 * Readiness: the program's own poll, select and epoll find remote descriptors
 * as ready as they are on the server.
 *
 * Theory of Operation. A call that names descriptors to be polled stops. Those
 * of them that are remote become watched, once: from then on the server says
 * READY whenever one changes, and before the reply of each call on it, so what
 * stands for it here (level.c) is right before the program goes on. Then the
 * call is let go and runs in this kernel, on local and remote descriptors
 * alike; while it waits, nothing is sent. epoll_wait needs no stop.
 *
 * What somebody on the server takes away without a call of the program (another
 * reader of a fifo) is not told. So poll and select ask again about what is
 * ready when nothing was heard of it since the last time that they were told.
 *
 * The watch is the description's, but the server finds it by the handle of a
 * table: one that was copied before the watch was made learns of it with the
 * next call on the handle (ready_bind).
 */
#define HASH_NONFATAL_OOM 1

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>

#include "base/log.h"
#include "call/wire.h"
#include "tracer/hooks.h"
#include "tracer/memory.h"

#define READ_BITS (EPOLLIN | EPOLLPRI | EPOLLRDHUP | EPOLLRDNORM | EPOLLRDBAND)
#define WRITE_BITS (EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND)
#define FDS_MAX (1u << 20) /* more than any RLIMIT_NOFILE: EINVAL */
#define ALWAYS (EPOLLERR | EPOLLHUP)
#define LOST (EPOLLIN | EPOLLOUT | EPOLLRDHUP | ALWAYS)

/* What a call wants to know of a remote descriptor. */
struct want {
	int fd;
	uint32_t events; /* of epoll */
};

struct wants {
	then_fn then;
	unsigned int at;
	unsigned int n;
	struct pollfd *fds; /* in the arena: of poll */
	struct want want[];
};

/* What a READY with this edge tells: the server looked at these bits. */
static uint32_t told_by(uint32_t edge)
{
	uint32_t bits = 0;

	if (edge & EDGE_IN)
		bits |= READY_MASK & ~EPOLLOUT;
	if (edge & EDGE_OUT)
		bits |= EPOLLOUT | ALWAYS;
	return edge ? bits : READY_MASK;
}

void ready_event(struct run *run, const struct ready *ready)
{
	struct remote *remote;

	HASH_FIND(hh, run->watched, &ready->watch, sizeof(ready->watch),
		  remote);
	if (!remote)
		return; /* closed meanwhile */
	if (remote->notifies) {
		notify_event(run, remote);
		return;
	}
	remote->fresh |= told_by(ready->edge);
	level_set(&remote->level, ready->mask, ready->edge);
}

void ready_lost(struct run *run)
{
	struct remote *remote;
	struct remote *next;

	HASH_ITER(hh, run->watched, remote, next)
	if (!remote->notifies)
		level_set(&remote->level, LOST, EDGE_IN | EDGE_OUT);
}

static uint32_t want_of(uint32_t events)
{
	return (events & WRITE_BITS ? WATCH_OUT : 0) |
	       (events & EPOLLET ? WATCH_EDGES : 0);
}

/* What a poll for events finds in the remote. */
static uint32_t shows(const struct remote *remote, uint32_t events)
{
	if (events & READ_BITS)
		events |= EPOLLIN;
	if (events & WRITE_BITS)
		events |= EPOLLOUT;
	return remote->level.mask & (events | ALWAYS);
}

/* The remote gets a name and what is needed to make its level; 0 or -errno. */
static int name_watch(struct run *run, struct tracee *t, struct remote *remote,
		      int fd)
{
	int err;

	if (remote->watched)
		return 0;
	err = level_take(&remote->level, t->tgid, fd);
	if (err)
		return err;
	remote->watch = ++run->last_watch;
	HASH_ADD(hh, run->watched, watch, sizeof(remote->watch), remote);
	if (!remote->hh.tbl)
		return -ENOMEM;
	remote->watched = &run->watched;
	return 0;
}

static const struct call *watch_row(void)
{
	static const struct call *row;

	if (!row)
		row = call_by_name("rsc_watch");
	return row;
}

static void make_watch(struct req *req, const struct entry *e, uint32_t want)
{
	*req = (struct req){ .call = watch_row() };
	req->val[0].num = (uint64_t)e->handle;
	req->val[1].num = e->remote->watch;
	req->val[2].num = want;
}

static struct entry *pollable(struct tracee *t, int fd)
{
	struct entry *e = files_get(t->files, fd);

	return e && e->remote->object & OBJECT_POLLABLE ? e : NULL;
}

static void go_on(struct run *run, struct tracee *t);

/* READY has come before this. */
static void watched(struct run *run, struct tracee *t)
{
	struct want *want = &t->wants->want[t->wants->at++];
	struct entry *e = pollable(t, want->fd);

	if (t->req.ret < 0 && !run->lost)
		log_warn("descriptor %d cannot be watched: %s", want->fd,
			 strerror((int)-t->req.ret));
	else if (t->req.ret >= 0 && e &&
		 e->remote->watch == t->req.val[1].num) {
		e->remote->want |= (uint32_t)t->req.val[2].num;
		e->bound = true;
		e->remote->fresh = ~shows(e->remote, want->events);
	}
	go_on(run, t);
}

/* True when the server has to be asked first. */
static bool is_due(struct entry *e, const struct want *want)
{
	struct remote *remote = e->remote;
	uint32_t shown = shows(remote, want->events);

	if (!e->bound || want_of(want->events) & ~remote->want ||
	    shown & ~remote->fresh)
		return true;
	remote->fresh &= ~shown;
	return false;
}

static void go_on(struct run *run, struct tracee *t)
{
	struct wants *wants = t->wants;
	struct want *want;
	struct entry *e;
	int err;

	for (; wants->at < wants->n; wants->at++) {
		want = &wants->want[wants->at];
		e = pollable(t, want->fd);
		if (!e)
			continue;
		err = name_watch(run, t, e->remote, want->fd);
		if (err) {
			if (!tracee_dies(t))
				log_warn("descriptor %d cannot be watched: %s",
					 want->fd, strerror(-err));
			continue;
		}
		if (run->lost)
			level_set(&e->remote->level, LOST, 0);
		if (run->lost || !is_due(e, want))
			continue;
		make_watch(&t->req, e, e->remote->want | want_of(want->events));
		ask(run, t, watched);
		return;
	}
	wants->then(run, t);
}

/* Room for n wants, of which there are none yet. */
static struct wants *make_wants(struct tracee *t, size_t n)
{
	t->wants = arena_alloc(&t->arena,
			       sizeof(*t->wants) + n * sizeof(struct want));
	if (t->wants) {
		t->wants->then = let_go;
		t->wants->at = 0;
		t->wants->n = 0;
	}
	return t->wants;
}

static void add_want(struct tracee *t, int fd, uint32_t events)
{
	if (pollable(t, fd))
		t->wants->want[t->wants->n++] = (struct want){ fd, events };
}

void ready_bind(struct run *run, struct tracee *t)
{
	struct entry *e;
	struct req req;

	if (!run->watched || !t->call || t->req.call == watch_row() ||
	    t->if_settled)
		return;
	for (unsigned int i = 0; i < CALL_ARGS; i++) {
		if (t->call->arg[i].kind != ARG_FD)
			continue;
		e = files_get(t->files, (int32_t)t->arg[i]);
		if (!e || !e->remote->watched)
			continue;
		e->remote->fresh = READY_MASK; /* when the reply is here */
		if (e->bound)
			continue;
		e->bound = true;
		make_watch(&req, e, e->remote->want);
		tell(run, t, &req);
	}
}

void ready_want(struct run *run, struct tracee *t, uint32_t events,
		then_fn then)
{
	if (!make_wants(t, 1)) {
		finish_skip(run, t, -ENOMEM);
		return;
	}
	t->wants->then = then;
	add_want(t, (int32_t)t->arg[0], events);
	go_on(run, t);
}

/* ---- the calls ---- */

static bool is_name(struct tracee *t, int fd)
{
	const struct entry *e = files_get(t->files, fd);

	return e && e->remote->names;
}

/* After the call: the array has the program's numbers again. */
static void renumbered(struct run *run, struct tracee *t)
{
	const struct pollfd *fds = t->wants->fds;
	uint64_t n = (uint32_t)t->arg[1];

	for (uint64_t i = 0; i < n; i++)
		if (is_name(t, fds[i].fd))
			memory_write(t->pid, t->arg[0] + i * sizeof(*fds),
				     &fds[i].fd, sizeof(fds[i].fd));
	finish_exit(run, t, t->regs.ret);
}

/*
 * A descriptor of O_PATH is none for poll, but what stands for it here is a
 * file. With a number that is not open the call does not wait.
 */
static void renumber(struct run *run, struct tracee *t)
{
	const struct pollfd *fds = t->wants->fds;
	uint64_t n = (uint32_t)t->arg[1];
	const int none = INT_MAX;

	for (uint64_t i = 0; i < n; i++)
		if (is_name(t, fds[i].fd))
			memory_write(t->pid, t->arg[0] + i * sizeof(*fds),
				     &none, sizeof(none));
	let_go_then(run, t, renumbered);
}

void hook_poll(struct run *run, struct tracee *t)
{
	uint64_t n = (uint32_t)t->arg[1];
	struct pollfd *fds;

	if (!n || n > FDS_MAX || !t->files->cap) {
		let_go(run, t);
		return;
	}
	fds = arena_alloc(&t->arena, n * sizeof(*fds));
	if (!fds || !make_wants(t, n) ||
	    memory_read(t->pid, t->arg[0], fds, n * sizeof(*fds))) {
		let_go(run, t);
		return;
	}
	t->wants->fds = fds;
	for (uint64_t i = 0; i < n; i++) {
		add_want(t, fds[i].fd, (uint16_t)fds[i].events);
		if (is_name(t, fds[i].fd))
			t->wants->then = renumber;
	}
	go_on(run, t);
}

/* The sets of select in its order, as epoll's events. */
static const uint32_t set_events[] = { EPOLLIN, EPOLLOUT, EPOLLPRI };

#define SETS 3

void hook_select(struct run *run, struct tracee *t)
{
	int64_t n = (int32_t)t->arg[0];
	unsigned long *set[SETS];
	const unsigned int bits = 8 * sizeof(**set);
	size_t bytes;

	if (n > (int64_t)t->files->cap)
		n = (int64_t)t->files->cap;
	if (n <= 0 || !make_wants(t, (size_t)n)) {
		let_go(run, t);
		return;
	}
	bytes = ((size_t)n + bits - 1) / bits * sizeof(**set);
	for (unsigned int s = 0; s < SETS; s++) {
		set[s] = arena_alloc(&t->arena, bytes);
		if (!set[s] ||
		    (t->arg[s + 1] &&
		     memory_read(t->pid, t->arg[s + 1], set[s], bytes))) {
			let_go(run, t);
			return;
		}
		if (!t->arg[s + 1])
			memset(set[s], 0, bytes);
	}
	for (int fd = 0; fd < n; fd++) {
		uint32_t events = 0;

		for (unsigned int s = 0; s < SETS; s++)
			if (set[s][(unsigned int)fd / bits] >> fd % bits & 1)
				events |= set_events[s];
		if (events && is_name(t, fd)) {
			finish_skip(run, t, -EBADF);
			return;
		}
		if (events)
			add_want(t, fd, events);
	}
	go_on(run, t);
}

void hook_epoll_ctl(struct run *run, struct tracee *t)
{
	uint32_t events;

	if (is_name(t, (int32_t)t->arg[2])) {
		finish_skip(run, t, -EBADF);
		return;
	}
	if (!pollable(t, (int32_t)t->arg[2]) ||
	    (int32_t)t->arg[1] == EPOLL_CTL_DEL || !make_wants(t, 1) ||
	    memory_read(t->pid, t->arg[3], &events, sizeof(events))) {
		let_go(run, t);
		return;
	}
	add_want(t, (int32_t)t->arg[2], events);
	go_on(run, t);
}
