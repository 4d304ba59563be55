/*
 * openat2(2) for a program under valgrind, which does not know the call: made
 * by a process that runs without. As a library it takes the place of
 * syscall(3); as a program, openat2 SOCKET, it is that process.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

struct ask {
	struct open_how how;
	int has_dir;
	char path[PATH_MAX];
};

union control {
	struct cmsghdr head;
	char room[CMSG_SPACE(sizeof(int))];
};

/* data and perhaps a descriptor; 0 or -1. */
static int put(int sock, void *data, size_t len, int fd)
{
	union control control = { 0 };
	struct iovec iov = { data, len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *c = &control.head;

	if (fd >= 0) {
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	}
	return sendmsg(sock, &msg, MSG_NOSIGNAL) == (ssize_t)len ? 0 : -1;
}

static int get(int sock, void *data, size_t len, int *fd)
{
	union control control = { 0 };
	struct iovec iov = { data, len };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	struct cmsghdr *c;

	*fd = -1;
	if (recvmsg(sock, &msg, MSG_CMSG_CLOEXEC) != (ssize_t)len)
		return -1;
	c = CMSG_FIRSTHDR(&msg);
	if (c && c->cmsg_type == SCM_RIGHTS)
		memcpy(fd, CMSG_DATA(c), sizeof(*fd));
	return 0;
}

static int place(struct sockaddr_un *un, const char *name)
{
	*un = (struct sockaddr_un){ .sun_family = AF_UNIX };
	snprintf(un->sun_path, sizeof(un->sun_path), "%s", name);
	return socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
}

/* ---- the library ---- */

static void set_path(struct ask *ask, const char *path)
{
	static const char *const self[] = { "thread-self/",
					    "/proc/thread-self/" };

	for (int i = 0; i < 2; i++)
		if (!strncmp(path, self[i], strlen(self[i]))) {
			snprintf(ask->path, sizeof(ask->path),
				 "/proc/%d/task/%d/%s", getpid(), gettid(),
				 path + strlen(self[i]));
			return;
		}
	snprintf(ask->path, sizeof(ask->path), "%s", path);
}

static long ask_for(int dirfd, const char *path, const struct open_how *how)
{
	struct ask ask = { .how = *how };
	int here = dirfd == AT_FDCWD ? open(".", O_PATH | O_CLOEXEC) : dirfd;
	struct sockaddr_un un;
	int err = EIO;
	int sock;
	int fd;

	set_path(&ask, path);
	ask.has_dir = here >= 0;
	sock = place(&un, getenv("OPENAT2"));
	if (connect(sock, (struct sockaddr *)&un, sizeof(un)) ||
	    put(sock, &ask, sizeof(ask), here) ||
	    get(sock, &err, sizeof(err), &fd))
		abort();
	close(sock);
	if (dirfd == AT_FDCWD)
		close(here);
	/* As low as it would have been. */
	if (fd >= 0) {
		int low = fcntl(fd, F_DUPFD_CLOEXEC, 0);

		if (low < fd && low >= 0) {
			close(fd);
			fd = low;
		} else {
			close(low);
		}
		if (!(how->flags & O_CLOEXEC))
			fcntl(fd, F_SETFD, 0);
		return fd;
	}
	errno = err;
	return -1;
}

long syscall(long nr, ...)
{
	static long (*real)(long nr, ...);
	long arg[6];
	va_list ap;

	va_start(ap, nr);
	for (int i = 0; i < 6; i++)
		arg[i] = va_arg(ap, long);
	va_end(ap);
	if (nr == SYS_openat2)
		return ask_for((int)arg[0], (const char *)arg[1],
			       (const struct open_how *)arg[2]);
	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "syscall");
	return real(nr, arg[0], arg[1], arg[2], arg[3], arg[4], arg[5]);
}

/* ---- the program ---- */

static void serve(int sock)
{
	static long (*real)(long nr, ...);
	struct ask ask;
	int err = 0;
	int dir;
	int fd;

	*(void **)&real = dlsym(RTLD_NEXT, "syscall");
	if (get(sock, &ask, sizeof(ask), &dir))
		_exit(1);
	fd = (int)real(SYS_openat2, dir, ask.path, &ask.how, sizeof(ask.how));
	if (fd < 0)
		err = errno;
	_exit(put(sock, &err, sizeof(err), fd) != 0);
}

int main(int argc, char **argv)
{
	struct sockaddr_un un;
	int listener;
	int sock;

	if (argc != 2)
		return 2;
	listener = place(&un, argv[1]);
	if (listener < 0 ||
	    bind(listener, (struct sockaddr *)&un, sizeof(un)) ||
	    chmod(argv[1], 0666) || listen(listener, 100)) {
		perror(argv[1]);
		return 1;
	}
	signal(SIGCHLD, SIG_IGN);
	puts("ready");
	fclose(stdout);
	for (;;) {
		sock = accept(listener, NULL, NULL);
		/* An open may block, a fifo's for example. */
		if (sock >= 0 && !fork())
			serve(sock);
		close(sock);
	}
}
