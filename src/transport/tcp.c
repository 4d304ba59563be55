/* tcp://HOST:PORT */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "transport/channel_internal.h"

int tcp_split(const char *where, char *host, size_t size, const char **port)
{
	const char *colon = strrchr(where, ':');
	size_t len;

	if (!colon)
		return -EINVAL;
	*port = colon + 1;
	/* getaddrinfo(3) takes 65536 for 0. */
	if (channel_number(*port, *port + strlen(*port), 65535) < 0)
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

int tcp_check(const char *url, const char *where, struct why *why)
{
	const char *port;
	char host[HOST_MAX];

	if (tcp_split(where, host, sizeof(host), &port))
		return channel_fail(why, -EINVAL, "open", url,
				    "HOST:PORT is expected");
	return 0;
}

static int resolve(const char *url, const char *where, struct addrinfo **list,
		   struct why *why)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	const char *port;
	char host[HOST_MAX];
	int err;

	if (tcp_split(where, host, sizeof(host), &port))
		return -EINVAL; /* tcp_check has said why */
	err = getaddrinfo(host, port, &hints, list);
	if (err)
		return channel_fail(why, -ENOENT, "look up", url,
				    gai_strerror(err));
	return 0;
}

void tcp_settings(int fd)
{
	static const struct {
		int level;
		int name;
		int value;
	} settings[] = {
		/* Small frames leave at once. */
		{ IPPROTO_TCP, TCP_NODELAY, 1 },
		/* A link that is gone is noticed after a minute. */
		{ SOL_SOCKET, SO_KEEPALIVE, 1 },
		{ IPPROTO_TCP, TCP_KEEPIDLE, 30 },
		{ IPPROTO_TCP, TCP_KEEPINTVL, 10 },
		{ IPPROTO_TCP, TCP_KEEPCNT, 3 },
	};

	for (size_t i = 0; i < sizeof(settings) / sizeof(*settings); i++)
		setsockopt(fd, settings[i].level, settings[i].name,
			   &settings[i].value, sizeof(settings[i].value));
}

int tcp_dial(const char *url, const char *where, struct why *why)
{
	struct addrinfo *list;
	int fd = -1;
	int err;

	err = resolve(url, where, &list, why);
	if (err)
		return err;
	err = -ECONNREFUSED;
	for (struct addrinfo *a = list; a; a = a->ai_next) {
		fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (fd >= 0 && !connect(fd, a->ai_addr, a->ai_addrlen))
			break;
		err = -errno;
		if (fd >= 0)
			close(fd);
		fd = -1;
	}
	freeaddrinfo(list);
	if (fd < 0)
		return channel_fail(why, err, "connect to", url,
				    strerror(-err));
	tcp_settings(fd);
	return fd;
}

int tcp_connect(struct channel *ch, const char *url, const char *where,
		const struct channel_opts *opts, struct why *why)
{
	int fd = tcp_dial(url, where, why);

	(void)opts;
	return fd < 0 ? fd : channel_both(ch, fd);
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

int tcp_bind(const char *url, const char *where, bool exposed, struct why *why)
{
	struct addrinfo *list;
	int one = 1;
	int err;
	int fd;

	err = resolve(url, where, &list, why);
	if (err)
		return err;
	if (!exposed && !is_loopback(list->ai_addr)) {
		freeaddrinfo(list);
		return -EPERM;
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
		return channel_fail(why, err, "listen at", url, strerror(-err));
	}
	freeaddrinfo(list);
	return fd;
}

int tcp_listen(const char *url, const char *where,
	       const struct channel_opts *opts, struct why *why)
{
	int fd = -EPERM;

	if (opts->insecure_no_auth)
		fd = tcp_bind(url, where, false, why);
	if (fd != -EPERM)
		return fd;
	return channel_fail(
		why, -EPERM, "listen at", url,
		"anybody who reaches it could run calls here; use tls://HOST:PORT, unix://PATH, or a loopback address with --insecure-no-auth");
}

int tcp_may_dial(const char *url, const struct channel_opts *opts,
		 struct why *why)
{
	if (opts->insecure_no_auth)
		return 0;
	return channel_fail(
		why, -EPERM, "serve", url,
		"anybody who answers there could run calls here; use tls://HOST:PORT, unix://PATH, or a loopback address with --insecure-no-auth");
}

int tcp_known(struct channel *ch, const struct channel_opts *opts,
	      struct why *why)
{
	struct sockaddr_storage addr = { 0 };
	socklen_t len = sizeof(addr);

	(void)opts;
	if (!getpeername(ch->in, (struct sockaddr *)&addr, &len) &&
	    is_loopback((struct sockaddr *)&addr))
		return 0;
	snprintf(why->text, why->size, "%s",
		 "--insecure-no-auth is for loopback addresses only");
	return -EACCES;
}
