/*
 * Holding files: while a client's program can write a file through memory,
 * nobody else here may write it.
 *
 * Theory of Operation. A lease (fcntl(2)) cannot be had: it is for a file that
 * is open once, and the programs of a session open a mapped file several
 * times. Instead the file is marked for permission events of fanotify(7):
 * whoever opens it waits in open(2) for our word. Then those are looked for who
 * have it open for writing already, in /proc. There are none, or the file
 * cannot be held.
 *
 * A thread answers the events. An open of the session itself goes on at once.
 * One for reading makes the client write back what its memory holds
 * (rsc_recall), then goes on. One for writing waits for the file to be let go,
 * and fails with EPERM when that takes long. How a file will be opened is not
 * in the event; the registers of the waiting thread say it.
 *
 * What is not seen: processes of other pid namespaces that had the file open
 * before, truncate(2) by its name, and other machines on a network's file
 * system, which therefore cannot be held.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/fanotify.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <time.h>
#include <unistd.h>
#include <utlist.h>

#include "base/log.h"
#include "server/openers.h"
#include "server/session.h"

#define WRITER_MS 3000 /* a writer waits for so long, */
#define READER_MS 3000 /* a reader for what is written back */
#define STACK (128u << 10)

/* A file that is held. */
struct held {
	struct held *next;
	int fd; /* the client's handle */
	dev_t dev;
	ino_t ino;
};

/* Somebody who waits in open(2). */
struct opener {
	struct opener *next;
	int event; /* owned: names the event */
	int fd;	   /* of the held file */
	bool writes;
	bool told; /* the client writes back for it */
	bool free; /* it goes on */
	int64_t until;
};

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int hold_init(struct hold *hold)
{
	pthread_mutex_init(&hold->lock, NULL);
	hold->fanotify = -1;
	hold->recall = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	hold->changed = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return hold->recall < 0 || hold->changed < 0 ? -errno : 0;
}

static void ring(int fd)
{
	uint64_t one = 1;

	(void)!write(fd, &one, sizeof(one));
}

/* ---- waiting openers; with the lock ---- */

static struct held *find(const struct hold *hold, dev_t dev, ino_t ino)
{
	struct held *held;

	LL_FOREACH(hold->held, held)
	if (held->dev == dev && held->ino == ino)
		return held;
	return NULL;
}

static void answer(struct hold *hold, struct opener *opener, bool allow)
{
	struct fanotify_response response = {
		.fd = opener->event,
		.response = allow ? FAN_ALLOW : FAN_DENY,
	};

	(void)!write(hold->fanotify, &response, sizeof(response));
	close(opener->event);
	LL_DELETE(hold->openers, opener);
	free(opener);
}

/* Those who wait for the file of fd go on: the thread has the descriptors. */
static void let_in(struct hold *hold, int fd, bool told_only)
{
	struct opener *opener;

	LL_FOREACH(hold->openers, opener)
	if (opener->fd == fd &&
	    (!told_only || (opener->told && !opener->writes)))
		opener->free = true;
	ring(hold->changed);
}
/*
 * Ends the waiting of those who may go on, or have waited long; ms until the
 * next, or -1.
 */
static int end_waits(struct hold *hold)
{
	int64_t now = now_ms();
	int64_t least = -1;
	struct opener *next;
	struct opener *opener;

	LL_FOREACH_SAFE(hold->openers, opener, next)
	{
		int64_t left = opener->until - now;

		if (opener->free) {
			answer(hold, opener, true);
			continue;
		}
		if (left > 0) {
			least = least < 0 || left < least ? left : least;
			continue;
		}
		log_warn(
			opener->writes ?
				"session: an open for writing of a file that a client has mapped is refused: EPERM" :
				"session: a file that a client has mapped is opened before it was written back");
		answer(hold, opener, !opener->writes);
	}
	return (int)least;
}

static bool is_own(pid_t tid)
{
	char name[64];

	snprintf(name, sizeof(name), "/proc/self/task/%d", tid);
	return !access(name, F_OK);
}

/* Somebody opens a marked file. */
static void arrived(struct hold *hold,
		    const struct fanotify_event_metadata *event)
{
	struct opener *opener = calloc(1, sizeof(*opener));
	struct opener now = { .event = event->fd };
	struct held *held = NULL;
	struct stat st;

	if (!fstat(event->fd, &st))
		held = find(hold, st.st_dev, st.st_ino);
	if (!opener || !held || (event->pid && is_own(event->pid))) {
		struct fanotify_response response = { now.event, FAN_ALLOW };

		(void)!write(hold->fanotify, &response, sizeof(response));
		close(now.event);
		free(opener);
		return;
	}
	opener->event = event->fd;
	opener->fd = held->fd;
	opener->writes = openers_writes(event->pid);
	opener->until = now_ms() + (opener->writes ? WRITER_MS : READER_MS);
	LL_APPEND(hold->openers, opener);
	if (!opener->writes)
		ring(hold->recall);
}

static void read_events(struct hold *hold)
{
	struct fanotify_event_metadata event[16];
	struct fanotify_event_metadata *at = event;
	ssize_t len = read(hold->fanotify, event, sizeof(event));

	for (; len > 0 && FAN_EVENT_OK(at, len); at = FAN_EVENT_NEXT(at, len))
		if (at->fd >= 0)
			arrived(hold, at);
}

static void *watch(void *arg)
{
	struct hold *hold = arg;
	struct pollfd fds[] = {
		{ .fd = hold->fanotify, .events = POLLIN },
		{ .fd = hold->changed, .events = POLLIN },
	};
	uint64_t count;
	int wait = -1;

	for (;;) {
		if (poll(fds, 2, wait) < 0 && errno != EINTR)
			return NULL;
		(void)!read(hold->changed, &count, sizeof(count));
		pthread_mutex_lock(&hold->lock);
		read_events(hold);
		wait = end_waits(hold);
		pthread_mutex_unlock(&hold->lock);
	}
}

/* ---- the client's side ---- */

/* With the lock: the first file of this session. */
static int begin(struct worker *worker)
{
	struct hold *hold = &worker->session->hold;
	unsigned int flags = FAN_CLASS_CONTENT | FAN_CLOEXEC | FAN_NONBLOCK;
	pthread_attr_t attr;
	pthread_t thread;
	int err;

	if (hold->fanotify >= 0)
		return worker->handles == hold->handles ? 0 : -EBUSY;
	hold->fanotify = fanotify_init(flags | FAN_REPORT_TID,
				       O_RDONLY | O_CLOEXEC | O_LARGEFILE);
	if (hold->fanotify < 0)
		return errno == EINVAL ? -EPERM : -errno;
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, STACK);
	err = -pthread_create(&thread, &attr, watch, hold);
	pthread_attr_destroy(&attr);
	if (err) {
		close(hold->fanotify);
		hold->fanotify = -1;
	}
	hold->handles = worker->handles;
	return err;
}

int hold_file(struct worker *worker, int fd)
{
	struct hold *hold = &worker->session->hold;
	struct held *held = calloc(1, sizeof(*held));
	struct stat st;
	int err;

	if (!held)
		return -ENOMEM;
	/* Who cannot write the file must not keep others from it. */
	if (fstat(fd, &st) || !S_ISREG(st.st_mode) ||
	    (fcntl(fd, F_GETFL) & O_ACCMODE) != O_RDWR) {
		free(held);
		return -EINVAL;
	}
	*held = (struct held){ .fd = fd, .dev = st.st_dev, .ino = st.st_ino };
	pthread_mutex_lock(&hold->lock);
	err = begin(worker);
	if (!err && find(hold, held->dev, held->ino))
		err = -EBUSY;
	if (!err && fanotify_mark(hold->fanotify, FAN_MARK_ADD, FAN_OPEN_PERM,
				  fd, NULL))
		err = -errno;
	if (!err)
		LL_APPEND(hold->held, held);
	else
		free(held);
	pthread_mutex_unlock(&hold->lock);
	if (err)
		return err;
	err = openers_look(fd);
	if (err)
		hold_release(worker, fd);
	return err;
}

void hold_release(struct worker *worker, int fd)
{
	struct hold *hold = &worker->session->hold;
	struct held *held;

	if (hold->handles != worker->handles)
		return;
	pthread_mutex_lock(&hold->lock);
	LL_SEARCH_SCALAR(hold->held, held, fd, fd);
	if (held) {
		fanotify_mark(hold->fanotify, FAN_MARK_REMOVE, FAN_OPEN_PERM,
			      fd, NULL);
		LL_DELETE(hold->held, held);
		free(held);
		let_in(hold, fd, false);
	}
	pthread_mutex_unlock(&hold->lock);
}

int hold_recall(struct worker *worker, int done)
{
	struct hold *hold = &worker->session->hold;
	struct pollfd pfd = { .fd = hold->recall, .events = POLLIN };
	struct opener *opener;
	uint64_t count;
	int fd = -1;

	pthread_mutex_lock(&hold->lock);
	if (done >= 0)
		let_in(hold, done, true);
	for (;;) {
		LL_FOREACH(hold->openers, opener)
		if (!opener->writes && !opener->told &&
		    (fd < 0 || opener->fd == fd)) {
			opener->told = true;
			fd = opener->fd;
		}
		if (fd >= 0)
			break;
		pthread_mutex_unlock(&hold->lock);
		if (poll(&pfd, 1, -1) < 0)
			return -errno;
		(void)!read(hold->recall, &count, sizeof(count));
		pthread_mutex_lock(&hold->lock);
	}
	pthread_mutex_unlock(&hold->lock);
	return fd;
}
