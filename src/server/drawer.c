/*
 * The drawer: descriptors that have left one table of the session and are to
 * be taken into another.
 *
 * Theory of Operation. They are kept by the kernel, in messages on a socket
 * pair that every table has, each with its number. Who looks for one takes
 * messages out and puts the others back at the end, under a lock.
 */
#include <errno.h>
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

int drawer_take(struct drawer *drawer, uint32_t number, bool keep)
{
	unsigned int left;
	uint32_t found;
	int err = 0;
	int fd;

	pthread_mutex_lock(&drawer->lock);
	for (left = drawer->count; left && !err; left--) {
		fd = take(drawer, &found);
		if (fd < 0) {
			err = fd;
			break;
		}
		if (found == number && !keep) {
			pthread_mutex_unlock(&drawer->lock);
			return fd;
		}
		err = put(drawer, fd, found);
		if (found == number && !err) {
			pthread_mutex_unlock(&drawer->lock);
			return fd;
		}
		close(fd);
	}
	pthread_mutex_unlock(&drawer->lock);
	return err ? err : -ENOENT;
}
