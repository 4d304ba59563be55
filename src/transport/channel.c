/* Channels: one table of schemes. */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "transport/channel.h"

#define BACKLOG 64

struct why {
	char *text;
	size_t size;
};

/* Says why; returns err. */
static int fail(struct why *why, int err, const char *what, const char *url,
		const char *text)
{
	snprintf(why->text, why->size, "%s %s: %s", what, url, text);
	return err;
}

static int both(struct channel *ch, int fd)
{
	*ch = (struct channel){ fd, fd, 0 };
	return 0;
}

/* HOST:PORT or [HOST]:PORT into its parts. */
static int split(const char *where, char *host, size_t size, const char **port)
{
	const char *colon = strrchr(where, ':');
	size_t len;

	if (!colon || !colon[1])
		return -EINVAL;
	*port = colon + 1;
	len = (size_t)(colon - where);
	if (len >= 2 && where[0] == '[' && where[len - 1] == ']') {
		where++;
		len -= 2;
	}
	if (!len || len >= size)
		return -EINVAL;
	memcpy(host, where, len);
	host[len] = 0;
	return 0;
}

static int resolve(const char *url, const char *where, struct addrinfo **list,
		   struct why *why)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	const char *port;
	char host[256];
	int err;

	if (split(where, host, sizeof(host), &port))
		return fail(why, -EINVAL, "address", url,
			    "tcp://HOST:PORT is expected");
	err = getaddrinfo(host, port, &hints, list);
	if (err)
		return fail(why, -ENOENT, "look up", url, gai_strerror(err));
	return 0;
}

static void nodelay(int fd)
{
	int one = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

static int tcp_connect(struct channel *ch, const char *url, const char *where,
		       struct why *why)
{
	struct addrinfo *list;
	int err;

	err = resolve(url, where, &list, why);
	if (err)
		return err;
	err = -ECONNREFUSED;
	for (struct addrinfo *a = list; a; a = a->ai_next) {
		int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

		if (fd < 0) {
			err = -errno;
			continue;
		}
		if (!connect(fd, a->ai_addr, a->ai_addrlen)) {
			freeaddrinfo(list);
			nodelay(fd);
			return both(ch, fd);
		}
		err = -errno;
		close(fd);
	}
	freeaddrinfo(list);
	return fail(why, err, "connect to", url, strerror(-err));
}

static bool is_loopback(const struct sockaddr *sa)
{
	const struct sockaddr_in *v4 = (const void *)sa;
	const struct sockaddr_in6 *v6 = (const void *)sa;

	if (sa->sa_family == AF_INET)
		return ntohl(v4->sin_addr.s_addr) >> 24 == 127;
	return sa->sa_family == AF_INET6 &&
	       IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
}

static int tcp_listen(const char *url, const char *where, bool insecure,
		      struct why *why)
{
	struct addrinfo *list;
	int one = 1;
	int err;
	int fd;

	err = resolve(url, where, &list, why);
	if (err)
		return err;
	if (!insecure || !is_loopback(list->ai_addr)) {
		freeaddrinfo(list);
		return fail(
			why, -EPERM, "listen at", url,
			"anybody who reaches it could run calls here; use unix://PATH, or a loopback address with --insecure-no-auth");
	}
	fd = socket(list->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (fd < 0 || bind(fd, list->ai_addr, list->ai_addrlen) ||
	    listen(fd, BACKLOG)) {
		err = -errno;
		if (fd >= 0)
			close(fd);
		freeaddrinfo(list);
		return fail(why, err, "listen at", url, strerror(-err));
	}
	freeaddrinfo(list);
	return fd;
}

static int unix_address(struct sockaddr_un *sa, const char *path)
{
	if (!*path || strlen(path) >= sizeof(sa->sun_path))
		return -ENAMETOOLONG;
	memset(sa, 0, sizeof(*sa));
	sa->sun_family = AF_UNIX;
	strcpy(sa->sun_path, path);
	return 0;
}

static int unix_connect(struct channel *ch, const char *url, const char *path,
			struct why *why)
{
	struct sockaddr_un sa;
	int err;
	int fd;

	err = unix_address(&sa, path);
	if (err)
		return fail(why, err, "connect to", url, strerror(-err));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&sa, sizeof(sa))) {
		err = -errno;
		if (fd >= 0)
			close(fd);
		return fail(why, err, "connect to", url, strerror(-err));
	}
	return both(ch, fd);
}

static int unix_listen(const char *url, const char *path, bool insecure,
		       struct why *why)
{
	struct sockaddr_un sa;
	struct channel probe;
	struct why quiet = { (char[512]){ 0 }, 512 };
	mode_t old;
	int err;
	int fd;

	(void)insecure;
	err = unix_address(&sa, path);
	if (err)
		return fail(why, err, "listen at", url, strerror(-err));
	err = unix_connect(&probe, url, path, &quiet);
	if (!err) {
		close(probe.in);
		return fail(why, -EADDRINUSE, "listen at", url,
			    "somebody answers there already");
	}
	if (err == -ECONNREFUSED)
		unlink(path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	old = umask(0177);
	err = 0;
	if (fd < 0 || bind(fd, (struct sockaddr *)&sa, sizeof(sa)) ||
	    listen(fd, BACKLOG))
		err = -errno;
	umask(old);
	if (err) {
		if (fd >= 0)
			close(fd);
		return fail(why, err, "listen at", url, strerror(-err));
	}
	return fd;
}

static int stdio_open(struct channel *ch, const char *url, const char *rest,
		      struct why *why)
{
	(void)rest;
	ch->in = fcntl(0, F_DUPFD_CLOEXEC, 3);
	ch->out = fcntl(1, F_DUPFD_CLOEXEC, 3);
	ch->child = 0;
	if (ch->in < 0 || ch->out < 0)
		return fail(why, -errno, "open", url, strerror(errno));
	return 0;
}

static int fd_open(struct channel *ch, const char *url, const char *rest,
		   struct why *why)
{
	char *end;

	ch->child = 0;
	ch->in = (int)strtol(rest, &end, 10);
	ch->out = *end == ',' ? (int)strtol(end + 1, &end, 10) : ch->in;
	if (!*rest || *end || fcntl(ch->in, F_SETFD, FD_CLOEXEC) ||
	    fcntl(ch->out, F_SETFD, FD_CLOEXEC))
		return fail(why, -EBADF, "open", url,
			    "fd:N or fd:IN,OUT of open descriptors is expected");
	return 0;
}

static int exec_open(struct channel *ch, const char *url, const char *command,
		     struct why *why)
{
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return fail(why, -errno, "open", url, strerror(errno));
	pid = fork();
	if (pid < 0)
		return fail(why, -errno, "open", url, strerror(errno));
	if (!pid) {
		setsid();
		dup2(pair[1], 0);
		dup2(pair[1], 1);
		execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	close(pair[1]);
	*ch = (struct channel){ pair[0], pair[0], pid };
	return 0;
}

static const struct {
	const char *prefix;
	int (*open)(struct channel *ch, const char *url, const char *rest,
		    struct why *why);
	int (*listen)(const char *url, const char *rest, bool insecure,
		      struct why *why);
} schemes[] = {
	{ "tcp://", tcp_connect, tcp_listen },
	{ "unix://", unix_connect, unix_listen },
	{ "unix:", unix_connect, unix_listen },
	{ "stdio:", stdio_open, NULL },
	{ "exec:", exec_open, NULL },
	{ "fd:", fd_open, NULL },
};

#define SCHEMES (sizeof(schemes) / sizeof(*schemes))

int channel_connect(struct channel *ch, const char *url, char *err,
		    size_t errlen)
{
	struct why why = { err, errlen };

	for (size_t i = 0; i < SCHEMES; i++) {
		size_t len = strlen(schemes[i].prefix);

		if (!strncmp(url, schemes[i].prefix, len))
			return schemes[i].open(ch, url, url + len, &why);
	}
	return fail(&why, -EINVAL, "connect to", url,
		    "tcp://, unix://, exec:, fd: or stdio: is expected");
}

int channel_listen(const char *url, bool insecure_no_auth, char *err,
		   size_t errlen)
{
	struct why why = { err, errlen };

	for (size_t i = 0; i < SCHEMES; i++) {
		size_t len = strlen(schemes[i].prefix);

		if (schemes[i].listen && !strncmp(url, schemes[i].prefix, len))
			return schemes[i].listen(url, url + len,
						 insecure_no_auth, &why);
	}
	return fail(&why, -EINVAL, "listen at", url,
		    "tcp://HOST:PORT or unix://PATH is expected");
}

int channel_accept(int fd, struct channel *ch)
{
	int got = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

	if (got < 0)
		return -errno;
	nodelay(got);
	return both(ch, got);
}

void channel_close(struct channel *ch)
{
	close(ch->in);
	if (ch->out != ch->in)
		close(ch->out);
	if (ch->child)
		waitpid(ch->child, NULL, 0);
	*ch = (struct channel){ -1, -1, 0 };
}
