/*
 * The drawer: descriptors that have left one table of the session and are to
 * be taken into another.
 *
 * Theory of Operation. They are kept by the kernel, in messages on a socket
 * pair that every table has, each with its number. The others are taken out
 * and put back at the end until the one that is looked for is the next, under
 * a lock. To close a descriptor ends the locks of its table on the file, so that
 * happens in a table of its own, and what nobody wants is never opened.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/session.h"

union control {
	struct cmsghdr head;
	char room[CMSG_SPACE(sizeof(int))];
};

#define ROOM (4 << 20) /* bytes; a message takes less than 1 KiB of it */

int drawer_init(struct drawer *drawer)
{
	int room = ROOM;

	pthread_mutex_init(&drawer->lock, NULL);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
		       0, drawer->pair))
		return -errno;
	/* Without the right to it fewer go in. */
	if (setsockopt(drawer->pair[0], SOL_SOCKET, SO_SNDBUFFORCE, &room,
		       sizeof(room)))
		setsockopt(drawer->pair[0], SOL_SOCKET, SO_SNDBUF, &room,
			   sizeof(room));
	return 0;
}

/* With the lock. */
static int put(struct drawer *drawer, int fd, uint32_t number)
{
	union control control = { 0 };
	struct iovec iov = { &number, sizeof(number) };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);
	ssize_t n;

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
	n = sendmsg(drawer->pair[0], &msg, MSG_NOSIGNAL);
	if (n != sizeof(number))
		return n < 0 && errno != EAGAIN ? -errno : -ENOBUFS;
	drawer->count++;
	return 0;
}

/* With the lock: the next one; its descriptor, or -errno. */
static int take(struct drawer *drawer, uint32_t *number)
{
	union control control;
	struct iovec iov = { number, sizeof(*number) };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *cmsg;
	int fd;

	if (recvmsg(drawer->pair[1], &msg, MSG_CMSG_CLOEXEC) != sizeof(*number))
		return -ENOENT;
	drawer->count--;
	cmsg = CMSG_FIRSTHDR(&msg);
	if (!cmsg || cmsg->cmsg_len != CMSG_LEN(sizeof(int)))
		return -EMFILE; /* this table is full, so it is lost */
	memcpy(&fd, CMSG_DATA(cmsg), sizeof(fd));
	return fd;
}

int64_t drawer_put(struct drawer *drawer, int fd)
{
	uint32_t number;
	int err;

	pthread_mutex_lock(&drawer->lock);
	number = drawer->last = (drawer->last + 1) & INT32_MAX;
	err = put(drawer, fd, number);
	pthread_mutex_unlock(&drawer->lock);
	return err ? err : (int64_t)number;
}

/* With the lock: which number is next. */
static bool is_next(struct drawer *drawer, uint32_t number)
{
	uint32_t next;

	return recv(drawer->pair[1], &next, sizeof(next), MSG_PEEK) ==
		       sizeof(next) &&
	       next == number;
}

struct search {
	struct drawer *drawer;
	uint32_t number;
	int err;
};

static void *turn(void *arg)
{
	struct search *search = arg;
	struct drawer *drawer = search->drawer;
	unsigned int left = drawer->count;
	uint32_t number;
	int fd;

	if (unshare(CLONE_FILES)) {
		search->err = -errno;
		return NULL;
	}
	while (left-- && !search->err && !is_next(drawer, search->number)) {
		fd = take(drawer, &number);
		search->err = fd < 0 ? fd : put(drawer, fd, number);
		if (fd >= 0)
			close(fd);
	}
	return NULL;
}

/* With the lock: number is made the next one; 0 or -errno. */
static int find(struct drawer *drawer, uint32_t number)
{
	struct search search = { drawer, number, 0 };
	pthread_t thread;
	int err;

	if (is_next(drawer, number))
		return 0;
	err = pthread_create(&thread, NULL, turn, &search);
	if (err)
		return -err;
	pthread_join(thread, NULL);
	if (!search.err && !is_next(drawer, number))
		return -ENOENT;
	return search.err;
}

int drawer_take(struct drawer *drawer, uint32_t number, bool keep)
{
	int err;
	int fd;

	pthread_mutex_lock(&drawer->lock);
	err = find(drawer, number);
	fd = err ? err : take(drawer, &number);
	if (keep && fd >= 0)
		put(drawer, fd, number);
	pthread_mutex_unlock(&drawer->lock);
	return fd;
}

int drawer_drop(struct drawer *drawer, uint32_t number)
{
	int err;

	pthread_mutex_lock(&drawer->lock);
	err = find(drawer, number);
	/* Without room for the descriptor the kernel lets go of it. */
	if (!err && recv(drawer->pair[1], &number, sizeof(number), 0) > 0)
		drawer->count--;
	pthread_mutex_unlock(&drawer->lock);
	return err;
}
