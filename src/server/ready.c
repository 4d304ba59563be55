/*
 * Readiness: watched objects, and how the client is told that they change.
 *
 * Theory of Operation
 *
 * A client's program polls its own kernel, on objects that stand for handles.
 * What the real ones are like it is told by READY: a handle that is watched
 * (rsc_watch) is in two epolls, edge triggered, one for what can be read, one
 * for what can be written, if the client wants to know that. The kernel puts an
 * object there whoever changes it. A thread of its own waits for both.
 *
 * An epoll says that something rises, never that it falls. What falls does so
 * by calls of the client: after each on a watched handle the object is polled.
 * Pipes can be open more than once, so they are in a third epoll, level
 * triggered, which after each call says what is up, and what is not. What
 * another program takes away (a reader of a fifo) is seen with the next call.
 *
 * Some files of /proc (mounts) are ready once after each change, for whoever
 * polls them first, were it by the epoll. They have one that a thread of their
 * own waits in, begun with the first of them.
 *
 * So that the client never acts on what is over, readiness is looked at with
 * out_lock only, after the call and before its reply, which the frames precede:
 * the last word of the channel is the newest.
 *
 * Leases and F_NOTIFY speak by signals (fcntl(2)), which the session takes from
 * a signalfd; si_fd says which descriptor. They are told as edges.
 *
 * A handle of a table has a watch; a table that is copied copies it; the object
 * is in the epolls as long as it is open. So only the watches are counted.
 *
 * Locks: out_lock, then a table's, then that of this file.
 */
#define HASH_NONFATAL_OOM 1

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>
#include <uthash.h>
#include <utlist.h>

#include "base/io.h"
#include "base/log.h"
#include "server/session.h"

#define EVENTS 64
#define PIPES_MAX 64 /* with more of them only own calls are looked at */
#define ADD_TRIES 64
#define WATCHES_MAX (1u << 20)
#define SIG_NOTIFY (SIGRTMIN + 1)
#define OUT_BITS (EPOLLOUT | EPOLLERR | EPOLLHUP)

_Static_assert(EPOLLIN == POLLIN && EPOLLPRI == POLLPRI &&
		       EPOLLOUT == POLLOUT && EPOLLERR == POLLERR &&
		       EPOLLHUP == POLLHUP && EPOLLRDHUP == POLLRDHUP,
	       "the bits of epoll are those of poll");

struct watch {
	UT_hash_handle hh;
	uint32_t id;	      /* the client's name of it */
	unsigned int handles; /* of all tables */
	uint32_t want;	      /* enum watch_want */
	uint32_t told;	      /* the mask that the client knows */
	bool due;	      /* it knows none */
	struct watch *prev;   /* in ready->pipes */
	struct watch *next;
	bool news;   /* it is in that epoll alone */
	bool pipe;   /* it is one of these */
	bool up;     /* something of it is */
	int signals; /* the descriptor whose signals are told, or -1 */
};

static struct watch *find(struct ready_state *ready, uint32_t id)
{
	struct watch *watch;

	HASH_FIND(hh, ready->watches, &id, sizeof(id), watch);
	return watch;
}

/* ---- telling ---- */

static void put(struct session *session, struct watch *watch, uint32_t mask,
		uint32_t edge)
{
	struct ready frame = { watch->id, mask & READY_MASK, edge };

	/* It is told as a whole very soon. */
	if (edge && watch->due)
		return;
	if (frame.mask == watch->told && !watch->due &&
	    !(edge && watch->want & WATCH_EDGES))
		return;
	watch->told = frame.mask;
	watch->due = false;
	if (wire_put_ready(&session->ready.frames, &frame))
		session_fail(session, 0, "no memory");
}

/* Tells what has come up in an epoll that knows the bits alone. */
static void take(struct session *session, const struct epoll_event *event,
		 int n, uint32_t bits, uint32_t edge)
{
	struct watch *watch;

	for (int i = 0; i < n; i++) {
		/* Gone: its last handle was closed just now. */
		watch = find(&session->ready, event[i].data.u32);
		if (watch)
			put(session, watch,
			    (watch->told & ~bits) | event[i].events, edge);
	}
}

static void collect(struct session *session, int epoll, uint32_t bits,
		    uint32_t edge)
{
	struct epoll_event event[EVENTS];
	int n;

	do {
		n = epoll_wait(epoll, event, EVENTS, 0);
		take(session, event, n, bits, edge);
	} while (n == EVENTS);
}

/* Tells what of pipes is up and what is not. */
static void collect_pipes(struct session *session)
{
	struct ready_state *ready = &session->ready;
	struct epoll_event event[PIPES_MAX];
	struct watch *watch;
	int n;

	if (!ready->npipes || ready->npipes > PIPES_MAX)
		return;
	n = epoll_wait(ready->level, event, PIPES_MAX, 0);
	for (int i = 0; i < n; i++) {
		watch = find(ready, event[i].data.u32);
		if (!watch)
			continue;
		watch->up = true;
		put(session, watch, event[i].events, 0);
	}
	DL_FOREACH(ready->pipes, watch)
	{
		if (!watch->up)
			put(session, watch, 0, 0);
		watch->up = false;
	}
}

/* Tells the signals that have come. Descriptors of two tables may be alike. */
static void collect_signals(struct session *session)
{
	struct ready_state *ready = &session->ready;
	struct signalfd_siginfo info;
	struct watch *watch;
	struct watch *next;

	while (read(ready->signals, &info, sizeof(info)) == sizeof(info))
		HASH_ITER(hh, ready->watches, watch, next)
	if (watch->signals >= 0 && watch->signals == info.ssi_fd &&
	    wire_put_ready(&ready->frames,
			   &(struct ready){ watch->id, 0, EDGE_SIGNAL }))
		session_fail(session, 0, "no memory");
}

static void collect_all(struct session *session)
{
	collect(session, session->ready.in, READY_MASK & ~EPOLLOUT, EDGE_IN);
	collect(session, session->ready.out, OUT_BITS, EDGE_OUT);
	if (session->ready.has_news)
		collect(session, session->ready.news, READY_MASK, EDGE_IN);
	collect_pipes(session);
	collect_signals(session);
}

/* Looks at what the call of req may have changed. */
static void look(struct worker *worker, const struct req *req)
{
	struct pollfd pfd = { .events = POLLIN | POLLPRI | POLLOUT |
					POLLRDHUP };
	struct session *session = worker->session;
	struct watch *watch;
	unsigned int i;
	uint32_t id;

	for (i = 0; i < CALL_ARGS; i++) {
		if (req->call->arg[i].kind != ARG_FD)
			continue;
		pfd.fd = (int32_t)req->val[i].num;
		id = handles_watch(worker->handles, pfd.fd);
		if (!id || poll(&pfd, 1, 0) < 0 || pfd.revents & POLLNVAL)
			continue;
		pthread_mutex_lock(&session->ready.lock);
		watch = find(&session->ready, id);
		if (watch && watch->signals < 0)
			put(session, watch, (uint32_t)pfd.revents, 0);
		pthread_mutex_unlock(&session->ready.lock);
	}
}

int ready_send(struct worker *worker, const struct req *req)
{
	struct session *session = worker->session;
	struct ready_state *ready = &session->ready;
	struct buf *out = &session->reply;
	int err = 0;

	if (ready->active) {
		ready->frames.len = 0;
		pthread_mutex_lock(&ready->lock);
		collect_all(session);
		pthread_mutex_unlock(&ready->lock);
		look(worker, req);
		if (ready->frames.len) {
			err = buf_add(&ready->frames, out->data, out->len);
			out = &ready->frames;
		}
	}
	return err ? err : io_write_all(session->out, out->data, out->len);
}

/* Tells event, which is news, and all else that is due; 0 or -errno. */
static int push(struct session *session, const struct epoll_event *event, int n)
{
	struct ready_state *ready = &session->ready;
	int err = 0;

	pthread_mutex_lock(&session->out_lock);
	ready->frames.len = 0;
	pthread_mutex_lock(&ready->lock);
	take(session, event, n, READY_MASK, EDGE_IN);
	collect_all(session);
	pthread_mutex_unlock(&ready->lock);
	if (ready->frames.len && !session->ending)
		err = io_write_all(session->out, ready->frames.data,
				   ready->frames.len);
	pthread_mutex_unlock(&session->out_lock);
	if (err)
		session_fail(session, 0, NULL);
	return err;
}

static void *ready_main(void *arg)
{
	struct session *session = arg;
	struct pollfd fds[] = { { .fd = session->ready.in, .events = POLLIN },
				{ .fd = session->ready.out, .events = POLLIN },
				{ .fd = session->ready.signals,
				  .events = POLLIN } };
	int err = 0;

	while (!err && !session->failed && !session->ending) {
		if (poll(fds, 3, -1) < 0 && errno != EINTR)
			break;
		err = push(session, NULL, 0);
	}
	return NULL;
}

/* To look at news is to take them: nobody polls the epoll itself. */
static void *news_main(void *arg)
{
	struct session *session = arg;
	struct epoll_event event[EVENTS];
	int err = 0;
	int n;

	/* Not to keep open what the worker has that began this. */
	if (unshare(CLONE_FILES) < 0)
		return NULL;
	handles_sweep(session->own, session->own);
	while (!err && !session->failed && !session->ending) {
		n = epoll_wait(session->ready.news, event, EVENTS, -1);
		if (n < 0 && errno != EINTR)
			break;
		err = push(session, event, n);
	}
	return NULL;
}

static int start(struct session *session, void *(*run)(void *arg))
{
	pthread_attr_t attr;
	pthread_t thread;
	sigset_t all;
	sigset_t old;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, WORKER_STACK);
	err = -pthread_create(&thread, &attr, run, session);
	pthread_attr_destroy(&attr);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return err;
}

int ready_init(struct session *session)
{
	struct ready_state *ready = &session->ready;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIG_NOTIFY);
	if (pthread_sigmask(SIG_BLOCK, &set, NULL))
		return -EINVAL;
	ready->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	ready->in = epoll_create1(EPOLL_CLOEXEC);
	ready->out = epoll_create1(EPOLL_CLOEXEC);
	ready->level = epoll_create1(EPOLL_CLOEXEC);
	ready->news = epoll_create1(EPOLL_CLOEXEC);
	if (ready->in < 0 || ready->out < 0 || ready->level < 0 ||
	    ready->news < 0 || ready->signals < 0)
		return -errno;
	pthread_mutex_init(&ready->lock, NULL);
	return start(session, ready_main);
}

/* ---- watching ---- */

static int add(int epoll, int fd, uint32_t events, uint32_t id)
{
	struct epoll_event event = { .events = events, .data.u32 = id };
	int copy = 0;
	int err;

	err = epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
	/*
	 * Another table has the object at the same number, or had: the epoll
	 * knows objects by both.
	 */
	for (int i = 0; err == -EEXIST && i < ADD_TRIES; i++) {
		copy = fcntl(fd, F_DUPFD_CLOEXEC, copy);
		if (copy < 0)
			return -errno;
		err = epoll_ctl(epoll, EPOLL_CTL_ADD, copy, &event) < 0 ?
			      -errno :
			      0;
		close(copy++);
	}
	return err;
}

/* Files of these kernel interfaces say by poll that they have changed. */
static bool has_news(int fd)
{
	const short ready = POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM;
	struct pollfd pfd = { .fd = fd, .events = ready | POLLPRI };
	struct statfs fs;

	if (!fstatfs(fd, &fs) &&
	    (fs.f_type == SYSFS_MAGIC || fs.f_type == CGROUP2_SUPER_MAGIC))
		return true;
	/* The others that do are not just ready, as a file is. */
	return poll(&pfd, 1, 0) >= 0 && pfd.revents != ready;
}

bool ready_may_watch(int fd, bool file)
{
	struct epoll_event event = { .events = 0 };
	bool may;
	int ep;

	ep = epoll_create1(EPOLL_CLOEXEC);
	if (ep < 0)
		return false;
	may = !epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event);
	close(ep);
	return may && (!file || has_news(fd));
}

/* A file of /proc that has news once, for who looks first. */
static bool is_news(int fd)
{
	struct statfs fs;
	struct stat st;

	return !fstat(fd, &st) && S_ISREG(st.st_mode) && !fstatfs(fd, &fs) &&
	       fs.f_type == PROC_SUPER_MAGIC;
}

static int add_news(struct session *session, int fd, uint32_t id)
{
	struct ready_state *ready = &session->ready;
	int err = 0;

	if (!ready->has_news)
		err = start(session, news_main);
	if (err)
		return err;
	ready->has_news = true;
	return add(ready->news, fd, READY_MASK | EPOLLET, id);
}

/* An object that is watched for the first time; 0 or -errno. */
static int begin(struct session *session, struct watch *watch, int fd)
{
	struct ready_state *ready = &session->ready;
	struct stat st;
	int err;

	watch->news = is_news(fd);
	if (watch->news)
		return add_news(session, fd, watch->id);
	err = add(ready->in, fd, (READY_MASK & ~EPOLLOUT) | EPOLLET, watch->id);
	if (!err && !fstat(fd, &st) && S_ISFIFO(st.st_mode) &&
	    !add(ready->level, fd, READY_MASK, watch->id)) {
		watch->pipe = true;
		ready->npipes++;
		DL_APPEND(ready->pipes, watch);
	}
	return err;
}

static struct watch *watch_new(struct ready_state *ready, uint32_t id)
{
	struct watch *watch;

	if (HASH_COUNT(ready->watches) >= WATCHES_MAX)
		return NULL;
	watch = calloc(1, sizeof(*watch));
	if (!watch)
		return NULL;
	watch->id = id;
	watch->signals = -1;
	HASH_ADD(hh, ready->watches, id, sizeof(watch->id), watch);
	if (watch->hh.tbl)
		return watch;
	free(watch);
	return NULL;
}

/* What the kernel says of fd by signals comes to the session. */
static int watch_signals(struct session *session, struct watch *watch, int fd)
{
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
		return -EINVAL;
	if (fcntl(fd, F_SETSIG, SIG_NOTIFY) < 0 ||
	    fcntl(fd, F_SETOWN, getpid()) < 0)
		return -errno;
	watch->signals = fd;
	session->ready.active = true;
	return 0;
}

/* With the lock. */
static int watch_fd(struct session *session, struct watch *watch, int fd,
		    bool fresh, uint32_t want)
{
	struct ready_state *ready = &session->ready;
	int err = 0;

	if (want == WATCH_SIGNALS && (fresh || watch->signals >= 0))
		return watch_signals(session, watch, fd);
	if (want & WATCH_SIGNALS || watch->signals >= 0)
		return -EINVAL;
	if (fresh)
		err = begin(session, watch, fd);
	if (!err && !watch->news && want & ~watch->want & WATCH_OUT)
		err = add(ready->out, fd, EPOLLOUT | EPOLLET, watch->id);
	if (err)
		return err;
	watch->want |= want;
	watch->due = true;
	ready->active = true;
	return 0;
}

int ready_watch(struct worker *worker, int fd, uint32_t id, uint32_t want)
{
	struct ready_state *ready = &worker->session->ready;
	struct watch *watch;
	bool fresh;
	int err;

	if (!id || want & ~(uint32_t)(WATCH_OUT | WATCH_EDGES | WATCH_SIGNALS))
		return -EINVAL;
	pthread_mutex_lock(&ready->lock);
	watch = find(ready, id);
	fresh = !watch;
	if (fresh)
		watch = watch_new(ready, id);
	if (watch)
		watch->handles++; /* not to be freed meanwhile */
	err = watch ? watch_fd(worker->session, watch, fd, fresh, want) :
		      -ENOSPC;
	pthread_mutex_unlock(&ready->lock);
	if (!watch)
		return err;
	if (!err)
		err = handles_set_watch(worker->handles, ready, fd, id);
	ready_unref(ready, id);
	return err;
}

void ready_ref(struct ready_state *ready, uint32_t id)
{
	struct watch *watch;

	pthread_mutex_lock(&ready->lock);
	watch = find(ready, id);
	if (watch)
		watch->handles++;
	pthread_mutex_unlock(&ready->lock);
}

void ready_unref(struct ready_state *ready, uint32_t id)
{
	struct watch *watch;

	pthread_mutex_lock(&ready->lock);
	watch = find(ready, id);
	if (watch && !--watch->handles) {
		HASH_DELETE(hh, ready->watches, watch);
		if (watch->pipe) {
			ready->npipes--;
			DL_DELETE(ready->pipes, watch);
		}
		free(watch);
	}
	pthread_mutex_unlock(&ready->lock);
}
