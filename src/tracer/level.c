/*
 * Levels: local objects that poll(2) finds as ready as the server's.
 *
 * Theory of Operation. What the program polls is an object that no call of it
 * ever reads or writes, for those are forwarded. The tracer has a copy of the
 * program's end (own) and the other end (peer), which are both had only when
 * the object is polled for the first time. A byte in it is IN, a full buffer is
 * not OUT, ends are shut down and closed for the rest. That it happened again
 * is another byte, or one that came and went.
 *
 * A pipe's end stands for a pipe's. A datagram socket stands for sockets whose
 * errors do not end them, a stream socket for all else. A stream that is not
 * connected is HUP and OUT, as one of TCP is.
 *
 * What a local object cannot show: PRI without IN; a stream that is connected
 * again after it was shut down; ERR of a stream that is not HUP. An edge of IN
 * on a stream that is shut down is one of OUT as well.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "call/value.h"
#include "call/wire.h"
#include "tracer/level.h"

#define QUEUE_MAX 8 /* bytes that wait for IN; a datagram socket takes 10 */

/* ---- making ---- */

static enum level_kind kind_of(uint32_t object, uint64_t flags)
{
	uint64_t mode = flags & O_ACCMODE;

	switch (object & ~(uint32_t)OBJECT_POLLABLE) {
	case OBJECT_PIPE:
		if (mode == O_RDWR)
			return LEVEL_STREAM;
		return mode == O_RDONLY ? LEVEL_READER : LEVEL_WRITER;
	case OBJECT_DGRAM:
		return LEVEL_DGRAM;
	default:
		return LEVEL_STREAM;
	}
}

static int make_pipe(bool reads)
{
	int pair[2];

	if (pipe2(pair, O_CLOEXEC | O_NONBLOCK))
		return -errno;
	/* One page: a byte fills it. */
	if (!reads)
		fcntl(pair[0], F_SETPIPE_SZ, getpagesize());
	close(pair[reads]);
	return pair[!reads];
}

int level_make(struct level *level, uint32_t object, uint64_t flags)
{
	int fd;

	*level = (struct level){ .kind = kind_of(object, flags),
				 .own = -1,
				 .peer = -1 };
	if (level->kind == LEVEL_READER || level->kind == LEVEL_WRITER)
		return make_pipe(level->kind == LEVEL_READER);
	fd = socket(AF_UNIX,
		    SOCK_CLOEXEC | SOCK_NONBLOCK |
			    (level->kind == LEVEL_DGRAM ? SOCK_DGRAM :
							  SOCK_STREAM),
		    0);
	return fd < 0 ? -errno : fd;
}

/* ---- taking ---- */

/* The kernel chooses an abstract name. */
static int name_socket(int fd, struct sockaddr_un *name, socklen_t *len)
{
	memset(name, 0, sizeof(*name));
	name->sun_family = AF_UNIX;
	if (bind(fd, (void *)name, sizeof(sa_family_t)))
		return -errno;
	*len = sizeof(*name);
	return getsockname(fd, (void *)name, len) ? -errno : 0;
}

/* Whoever knows the name may connect; own is this process's. */
static bool is_ours(int fd)
{
	struct ucred cred = { 0 };
	socklen_t len = sizeof(cred);

	return !getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) &&
	       cred.pid == getpid();
}

static int join_stream(struct level *level)
{
	struct sockaddr_un name;
	socklen_t len;
	int server;
	int err;

	server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (server < 0)
		return -errno;
	err = name_socket(server, &name, &len);
	if (!err &&
	    (listen(server, 16) || connect(level->own, (void *)&name, len)))
		err = -errno;
	while (!err && level->peer < 0) {
		level->peer = accept4(server, NULL, NULL,
				      SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (level->peer < 0) {
			err = -errno;
		} else if (!is_ours(level->peer)) {
			close(level->peer);
			level->peer = -1;
		}
	}
	close(server);
	return err;
}

static int join_dgram(struct level *level)
{
	struct sockaddr_un name;
	socklen_t len;
	int peer;
	int err;

	peer = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (peer < 0)
		return -errno;
	err = name_socket(peer, &name, &len);
	if (!err && connect(level->own, (void *)&name, len))
		err = -errno;
	if (!err)
		err = name_socket(level->own, &name, &len);
	if (!err && connect(peer, (void *)&name, len))
		err = -errno;
	if (err)
		close(peer);
	else
		level->peer = peer;
	return err;
}

/* The other end of a pipe of which there is one. */
static int reopen(int fd, int mode)
{
	char name[64];

	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	fd = open(name, mode | O_NONBLOCK | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int level_take(struct level *level, pid_t pid, int fd)
{
	static const int least = 1;
	int pidfd;

	if (level->own >= 0)
		return 0;
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (pidfd < 0)
		return -errno;
	level->own = (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);
	close(pidfd);
	if (level->own < 0)
		return -errno;
	if (level->kind == LEVEL_STREAM || level->kind == LEVEL_DGRAM)
		setsockopt(level->own, SOL_SOCKET, SO_SNDBUF, &least,
			   sizeof(least));
	return level->kind == LEVEL_DGRAM ? join_dgram(level) : 0;
}

void level_drop(struct level *level)
{
	if (level->peer >= 0)
		close(level->peer);
	if (level->own >= 0)
		close(level->own);
	level->peer = -1;
	level->own = -1;
}

/* ---- matching ---- */

/* A change from one mask to another. */
struct change {
	uint32_t is;
	uint32_t to;
	uint32_t edge;
};

static bool rises(const struct change *c, uint32_t bit)
{
	return c->to & ~c->is & bit;
}

static bool falls(const struct change *c, uint32_t bit)
{
	return c->is & ~c->to & bit;
}

static bool put_byte(int fd)
{
	ssize_t n = send(fd, "", 1, MSG_NOSIGNAL);

	if (n < 0 && errno == ENOTSOCK)
		n = write(fd, "", 1);
	return n == 1;
}

static void drain(int fd)
{
	char junk[4096];

	while (read(fd, junk, sizeof(junk)) > 0)
		;
}

/* IN, or IN again; from writes what into reads. */
static void put_in(struct level *level, const struct change *c, int from,
		   int into)
{
	char junk;

	if (falls(c, EPOLLIN)) {
		drain(into);
		level->queued = 0;
	}
	if (!(c->to & EPOLLIN) || (!rises(c, EPOLLIN) && !(c->edge & EDGE_IN)))
		return;
	/* Never empty in between. */
	if (level->queued >= QUEUE_MAX && read(into, &junk, 1) == 1)
		level->queued--;
	if (put_byte(from))
		level->queued++;
}

static bool shows(int fd, short event)
{
	struct pollfd pfd = { .fd = fd, .events = event };

	return poll(&pfd, 1, 0) > 0 && pfd.revents & event;
}

static void put_out(const struct change *c, int from, int into)
{
	if (c->edge & EDGE_OUT && c->to & c->is & EPOLLOUT && put_byte(from))
		drain(into);
	if (rises(c, EPOLLOUT))
		drain(into);
	if (falls(c, EPOLLOUT))
		while (shows(from, POLLOUT) && put_byte(from))
			;
}

static int need_peer(struct level *level, int mode)
{
	if (level->peer < 0)
		level->peer = reopen(level->own, mode);
	if (level->peer >= 0)
		return 0;
	log_warn("a placeholder's end is lost: %s", strerror(-level->peer));
	return -EIO;
}

static void close_peer(struct level *level)
{
	if (level->peer >= 0)
		close(level->peer);
	level->peer = -1;
}

static void put_reader(struct level *level, const struct change *c)
{
	bool writes = c->to & EPOLLIN &&
		      (rises(c, EPOLLIN) || c->edge & EDGE_IN);

	if ((writes || !(c->to & EPOLLHUP)) && need_peer(level, O_WRONLY))
		return;
	put_in(level, c, level->peer, level->own);
	if (c->to & EPOLLHUP)
		close_peer(level);
}

static void put_writer(struct level *level, const struct change *c)
{
	bool moves = ((c->to ^ c->is) | (c->edge & EDGE_OUT ? EPOLLOUT : 0)) &
		     EPOLLOUT;

	if ((moves || !(c->to & EPOLLERR)) && need_peer(level, O_RDONLY))
		return;
	put_out(c, level->own, level->peer);
	if (c->to & EPOLLERR)
		close_peer(level);
}

static void clear_error(int fd)
{
	socklen_t len = sizeof(int);
	int err;

	getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len);
}

/* What is shut down wakes all who wait when that is done again. */
static void put_end(struct level *level, const struct change *c)
{
	uint32_t bits = EPOLLHUP | EPOLLRDHUP;

	if (!rises(c, bits) && !(c->edge && c->to & bits))
		return;
	if (c->to & EPOLLHUP)
		shutdown(level->own, SHUT_RDWR);
	else
		shutdown(level->own, SHUT_RD);
}

/* A peer that leaves and loses data by that gives its old partner an error. */
static void put_dgram_error(struct level *level)
{
	struct sockaddr_un name = { .sun_family = AF_UNSPEC };
	socklen_t len = sizeof(name);

	clear_error(level->own); /* or the byte does, and is lost */
	put_byte(level->own);
	connect(level->peer, (void *)&name, sizeof(sa_family_t));
	if (!getsockname(level->own, (void *)&name, &len))
		connect(level->peer, (void *)&name, len);
}

static void put_dgram(struct level *level, const struct change *c)
{
	bool same = c->to == c->is && !c->edge;

	/* Whatever is done to it meets the error, or takes it away. */
	if (c->is & EPOLLERR && !same)
		clear_error(level->own);
	put_in(level, c, level->peer, level->own);
	put_out(c, level->own, level->peer);
	put_end(level, c);
	if (c->to & EPOLLERR && !same)
		put_dgram_error(level);
}

static void put_urgent(struct level *level, const struct change *c)
{
	char junk;

	if (falls(c, EPOLLPRI)) {
		recv(level->own, &junk, 1, MSG_OOB);
		if (!(c->to & EPOLLIN))
			drain(level->own);
	}
	/* What was read for IN may have been the mark. */
	if (c->to & EPOLLPRI && !shows(level->own, POLLPRI) &&
	    send(level->peer, "", 1, MSG_OOB | MSG_NOSIGNAL) == 1)
		level->queued++;
}

/* An end that is closed while there is something unread is an error. */
static void break_stream(struct level *level)
{
	put_byte(level->own);
	close_peer(level);
	level->broken = true;
}

static void put_stream(struct level *level, const struct change *c)
{
	struct change change = *c;
	int err;

	if (falls(c, EPOLLERR))
		clear_error(level->own);
	if (level->peer < 0 && !level->broken) {
		if (c->to & EPOLLHUP && !(c->to & EPOLLRDHUP))
			return;
		err = join_stream(level);
		if (err) {
			log_warn("a placeholder cannot be connected: %s",
				 strerror(-err));
			level->broken = true;
		}
		change.is = EPOLLOUT;
	}
	if (!level->broken) {
		put_in(level, &change, level->peer, level->own);
		put_urgent(level, &change);
		put_out(&change, level->own, level->peer);
	}
	if (!level->broken && rises(&change, EPOLLERR) && c->to & EPOLLHUP)
		break_stream(level);
	else
		put_end(level, &change);
}

void level_set(struct level *level, uint32_t mask, uint32_t edge)
{
	static void (*const put[])(struct level * level,
				   const struct change *c) = {
		[LEVEL_STREAM] = put_stream,
		[LEVEL_DGRAM] = put_dgram,
		[LEVEL_READER] = put_reader,
		[LEVEL_WRITER] = put_writer,
	};
	struct change c = { level->mask, mask, edge };

	if (!level->set) {
		/* As it was made. */
		c.is = level->kind == LEVEL_READER ? 0 : EPOLLOUT;
		level->set = true;
	}
	level->mask = mask;
	put[level->kind](level, &c);
}
