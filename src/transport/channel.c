/* Channels: one table of schemes. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "transport/channel.h"

#define BACKLOG 64
#define HOST_MAX 256
/* How long a command may take to end after its channel is closed. */
#define END_MS 2000

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

/* A decimal number up to max and nothing else before end; or -EINVAL. */
static int number(const char *text, const char *end, unsigned int max)
{
	uint64_t v = 0;

	if (text == end)
		return -EINVAL;
	for (; text < end; text++) {
		if (*text < '0' || *text > '9')
			return -EINVAL;
		v = v * 10 + (uint64_t)(*text - '0');
		if (v > max)
			return -EINVAL;
	}
	return (int)v;
}

/* HOST:PORT or [HOST]:PORT into its parts. */
static int split(const char *where, char *host, size_t size, const char **port)
{
	const char *colon = strrchr(where, ':');
	size_t len;

	if (!colon)
		return -EINVAL;
	*port = colon + 1;
	/* getaddrinfo(3) takes 65536 for 0. */
	if (number(*port, *port + strlen(*port), 65535) < 0)
		return -EINVAL;
	len = (size_t)(colon - where);
	if (len >= 2 && where[0] == '[' && where[len - 1] == ']') {
		where++;
		len -= 2;
	}
	if (!len || len >= size)
		return -EINVAL;
	memcpy(host, where, len);
	host[len] = 0;
	return strpbrk(host, "[]/@ ") ? -EINVAL : 0;
}

static int tcp_check(const char *url, const char *where, struct why *why)
{
	const char *port;
	char host[HOST_MAX];

	if (split(where, host, sizeof(host), &port))
		return fail(why, -EINVAL, "open", url,
			    "tcp://HOST:PORT is expected");
	return 0;
}

static int resolve(const char *url, const char *where, struct addrinfo **list,
		   struct why *why)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	const char *port;
	char host[HOST_MAX];
	int err;

	if (split(where, host, sizeof(host), &port))
		return -EINVAL; /* tcp_check has said why */
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

static int unix_check(const char *url, const char *path, struct why *why)
{
	struct sockaddr_un sa;

	if (!*path)
		return fail(why, -EINVAL, "open", url,
			    "unix://PATH is expected");
	if (strlen(path) >= sizeof(sa.sun_path))
		return fail(why, -ENAMETOOLONG, "open", url,
			    "unix://PATH of at most 107 bytes is expected");
	return 0;
}

static void unix_address(struct sockaddr_un *sa, const char *path)
{
	memset(sa, 0, sizeof(*sa));
	sa->sun_family = AF_UNIX;
	strncpy(sa->sun_path, path, sizeof(sa->sun_path) - 1);
}

static int unix_connect(struct channel *ch, const char *url, const char *path,
			struct why *why)
{
	struct sockaddr_un sa;
	int err;
	int fd;

	unix_address(&sa, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&sa, sizeof(sa))) {
		err = -errno;
		if (fd >= 0)
			close(fd);
		return fail(why, err, "connect to", url, strerror(-err));
	}
	return both(ch, fd);
}

/* Removes a socket that nobody listens at; -EADDRINUSE when somebody does. */
static int remove_stale(const char *path, const struct sockaddr_un *sa)
{
	struct stat st;
	int err = 0;
	int fd;

	/* connect(2) says ECONNREFUSED of any file: look what it is. */
	if (lstat(path, &st) || !S_ISSOCK(st.st_mode))
		return 0;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (!connect(fd, (const struct sockaddr *)sa, sizeof(*sa)))
		err = -EADDRINUSE;
	else if (errno == ECONNREFUSED)
		unlink(path);
	close(fd);
	return err;
}

static int unix_listen(const char *url, const char *path, bool insecure,
		       struct why *why)
{
	struct sockaddr_un sa;
	mode_t old;
	int err;
	int fd;

	(void)insecure;
	unix_address(&sa, path);
	err = remove_stale(path, &sa);
	if (err == -EADDRINUSE)
		return fail(why, err, "listen at", url,
			    "somebody answers there already");
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

/* Copies of two descriptors, above the standard ones. */
static int copies(struct channel *ch, int in, int out)
{
	int err;

	ch->child = 0;
	ch->in = fcntl(in, F_DUPFD_CLOEXEC, 3);
	if (ch->in < 0)
		return -errno;
	ch->out = fcntl(out, F_DUPFD_CLOEXEC, 3);
	if (ch->out >= 0)
		return 0;
	err = -errno;
	close(ch->in);
	return err;
}

static int stdio_check(const char *url, const char *rest, struct why *why)
{
	if (*rest)
		return fail(why, -EINVAL, "open", url, "stdio: is expected");
	return 0;
}

/* The connection is nobody's standard input and output from now on. */
static void leave_standard(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	dup2(null, 0);
	if (dup2(2, 1) < 0)
		dup2(null, 1);
	close(null);
}

static int stdio_open(struct channel *ch, const char *url, const char *rest,
		      struct why *why)
{
	int err;

	(void)rest;
	err = copies(ch, 0, 1);
	if (err)
		return fail(why, err, "open", url, strerror(-err));
	leave_standard();
	return 0;
}

/* IN,OUT or one number for both. */
static int fd_split(const char *rest, int *in, int *out)
{
	const char *comma = strchrnul(rest, ',');

	*in = number(rest, comma, INT_MAX);
	*out = *in;
	if (*comma)
		*out = number(comma + 1, comma + strlen(comma), INT_MAX);
	return *in < 0 || *out < 0 ? -EINVAL : 0;
}

static int fd_check(const char *url, const char *rest, struct why *why)
{
	int in;
	int out;

	if (fd_split(rest, &in, &out))
		return fail(why, -EINVAL, "open", url,
			    "fd:N or fd:IN,OUT is expected");
	return 0;
}

static int fd_open(struct channel *ch, const char *url, const char *rest,
		   struct why *why)
{
	ch->child = 0;
	if (fd_split(rest, &ch->in, &ch->out) || fcntl(ch->in, F_GETFD) < 0 ||
	    fcntl(ch->out, F_GETFD) < 0)
		return fail(why, -EBADF, "open", url,
			    "an open descriptor is expected");
	fcntl(ch->in, F_SETFD, FD_CLOEXEC);
	fcntl(ch->out, F_SETFD, FD_CLOEXEC);
	return 0;
}

static int exec_check(const char *url, const char *command, struct why *why)
{
	if (!*command)
		return fail(why, -EINVAL, "open", url,
			    "exec:COMMAND is expected");
	return 0;
}

/* The child of exec: a session of its own, no signal blocked or ignored. */
static void run_command(int fd, const char *command)
{
	sigset_t none;

	setsid();
	signal(SIGPIPE, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	dup2(fd, 0);
	dup2(fd, 1);
	execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	_exit(127);
}

static int exec_open(struct channel *ch, const char *url, const char *command,
		     struct why *why)
{
	struct channel far;
	int pair[2];
	int err;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return fail(why, -errno, "open", url, strerror(errno));
	/* One of the pair may be 0, 1 or 2 when those were closed. */
	err = copies(&far, pair[0], pair[1]);
	close(pair[0]);
	close(pair[1]);
	if (err)
		return fail(why, err, "open", url, strerror(-err));
	*ch = (struct channel){ far.in, far.in, fork() };
	err = errno;
	if (!ch->child)
		run_command(far.out, command);
	close(far.out);
	if (ch->child > 0)
		return 0;
	close(far.in);
	return fail(why, -err, "open", url, strerror(err));
}

static const struct scheme {
	const char *prefix;
	int (*check)(const char *url, const char *rest, struct why *why);
	int (*open)(struct channel *ch, const char *url, const char *rest,
		    struct why *why);
	int (*listen)(const char *url, const char *rest, bool insecure,
		      struct why *why);
} schemes[] = {
	{ "tcp://", tcp_check, tcp_connect, tcp_listen },
	{ "unix://", unix_check, unix_connect, unix_listen },
	{ "unix:", unix_check, unix_connect, unix_listen },
	{ "stdio:", stdio_check, stdio_open, NULL },
	{ "exec:", exec_check, exec_open, NULL },
	{ "fd:", fd_check, fd_open, NULL },
};

#define SCHEMES (sizeof(schemes) / sizeof(*schemes))

/* The scheme of a well-formed url and what follows its prefix, or NULL. */
static const struct scheme *find(const char *url, const char **rest,
				 struct why *why, int *err)
{
	for (size_t i = 0; i < SCHEMES; i++) {
		size_t len = strlen(schemes[i].prefix);

		if (strncmp(url, schemes[i].prefix, len))
			continue;
		*rest = url + len;
		*err = schemes[i].check(url, *rest, why);
		return *err ? NULL : &schemes[i];
	}
	*err = fail(why, -EINVAL, "open", url,
		    "tcp://, unix://, exec:, fd: or stdio: is expected");
	return NULL;
}

int channel_check(const char *url, char *err, size_t errlen)
{
	struct why why = { err, errlen };
	const char *rest;
	int ret;

	find(url, &rest, &why, &ret);
	return ret;
}

int channel_connect(struct channel *ch, const char *url, char *err,
		    size_t errlen)
{
	struct why why = { err, errlen };
	const struct scheme *scheme;
	const char *rest;
	int ret;

	scheme = find(url, &rest, &why, &ret);
	return scheme ? scheme->open(ch, url, rest, &why) : ret;
}

int channel_listen(const char *url, bool insecure_no_auth, char *err,
		   size_t errlen)
{
	struct why why = { err, errlen };
	const struct scheme *scheme;
	const char *rest;
	int ret;

	scheme = find(url, &rest, &why, &ret);
	if (!scheme)
		return ret;
	if (!scheme->listen)
		return fail(&why, -EINVAL, "listen at", url,
			    "tcp://HOST:PORT or unix://PATH is expected");
	return scheme->listen(url, rest, insecure_no_auth, &why);
}

int channel_accept(int fd, struct channel *ch)
{
	int got = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

	if (got < 0)
		return -errno;
	nodelay(got);
	return both(ch, got);
}

/* The end of its input ends a command; if not, signals do. */
static void end_child(pid_t pid)
{
	static const int signals[] = { 0, SIGTERM, SIGKILL };
	struct pollfd p = { .events = POLLIN };

	p.fd = (int)syscall(SYS_pidfd_open, pid, 0);
	for (unsigned int i = 0; i < 3; i++) {
		if (signals[i]) {
			log_warn("the command of exec: goes on; it gets %s",
				 i == 1 ? "SIGTERM" : "SIGKILL");
			kill(-pid, signals[i]);
			kill(pid, signals[i]);
		}
		if (i < 2)
			poll(&p, 1, END_MS);
		/* Or somebody who waits for any child has had it. */
		if (waitpid(pid, NULL, i < 2 ? WNOHANG : 0))
			break;
	}
	if (p.fd >= 0)
		close(p.fd);
}

void channel_close(struct channel *ch)
{
	close(ch->in);
	if (ch->out != ch->in)
		close(ch->out);
	if (ch->child > 0)
		end_child(ch->child);
	*ch = (struct channel){ -1, -1, 0 };
}
