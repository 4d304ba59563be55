/* Channels: one table of schemes, and how a channel is closed. */
#include "transport/channel.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "transport/channel_internal.h"

/* How long a command may take to end after its channel is closed. */
#define END_MS 2000

#define ADDRESSES                                                              \
	"tls://HOST:PORT, unix://PATH, vsock://CID:PORT or tcp://HOST:PORT is expected"

static const struct channel_opts no_opts;

int channel_fail(struct why *why, int err, const char *what, const char *url,
		 const char *text)
{
	snprintf(why->text, why->size, "%s %s: %s", what, url, text);
	return err;
}

int channel_both(struct channel *ch, int fd)
{
	*ch = (struct channel){ fd, fd, 0, NULL };
	return 0;
}

int channel_copies(struct channel *ch, int in, int out)
{
	int err;

	*ch = (struct channel){ -1, -1, 0, NULL };
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

int channel_number(const char *text, const char *end, unsigned int max)
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

int channel_allow(struct allow *list, const char *text)
{
	uint64_t id = 0;

	if (list->n == ALLOW_MAX)
		return -ENOSPC;
	if (!*text || strlen(text) > 10 ||
	    strspn(text, "0123456789") != strlen(text))
		return -EINVAL;
	id = strtoull(text, NULL, 10);
	if (id >= UINT32_MAX)
		return -EINVAL;
	list->id[list->n++] = (unsigned int)id;
	return 0;
}

bool channel_allowed(const struct allow *list, unsigned int id)
{
	for (unsigned int i = 0; i < list->n; i++)
		if (list->id[i] == id)
			return true;
	return false;
}

void channel_child(int fd)
{
	sigset_t none;

	signal(SIGPIPE, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	dup2(fd, 0);
	dup2(fd, 1);
}

static const struct scheme schemes[] = {
	{ "tcp://", tcp_check, tcp_connect, tcp_listen, NULL, tcp_may_dial,
	  tcp_known },
#ifndef RSC_NO_TLS
	{ "tls://", tcp_check, tls_connect, tls_listen, tls_admit, tls_may_dial,
	  NULL },
#endif
	{ "unix://", unix_check, unix_connect, unix_listen, unix_admit,
	  unix_may_dial, unix_admit },
	{ "unix:", unix_check, unix_connect, unix_listen, unix_admit,
	  unix_may_dial, unix_admit },
	{ "vsock://", vsock_check, vsock_connect, vsock_listen, vsock_admit,
	  vsock_may_dial, vsock_admit },
	{ "vsock:", vsock_check, vsock_connect, vsock_listen, vsock_admit,
	  vsock_may_dial, vsock_admit },
	{ .prefix = "vsock-unix://",
	  .check = vsock_unix_check,
	  .open = vsock_unix_connect },
	{ .prefix = "ssh://", .check = ssh_check, .open = ssh_open },
	{ .prefix = "stdio:", .check = stdio_check, .open = stdio_open },
	{ .prefix = "exec:", .check = exec_check, .open = exec_open },
	{ .prefix = "fd:", .check = fd_check, .open = fd_open },
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
	*err = channel_fail(
		why, -EINVAL, "open", url,
		"ssh://, tls://, unix://, vsock://, vsock-unix://, tcp://, exec:, fd: or stdio: is expected");
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

int channel_connect(struct channel *ch, const char *url,
		    const struct channel_opts *opts, char *err, size_t errlen)
{
	struct why why = { err, errlen };
	const struct scheme *scheme;
	const char *rest;
	int ret;

	scheme = find(url, &rest, &why, &ret);
	if (!scheme)
		return ret;
	return scheme->open(ch, url, rest, opts ? opts : &no_opts, &why);
}

int channel_listen(const char *url, const struct channel_opts *opts, char *err,
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
		return channel_fail(&why, -EINVAL, "listen at", url, ADDRESSES);
	return scheme->listen(url, rest, opts ? opts : &no_opts, &why);
}

int channel_accept(int fd, struct channel *ch)
{
	int got = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

	if (got < 0)
		return -errno;
	tcp_settings(got);
	return channel_both(ch, got);
}

int channel_admit(struct channel *ch, const char *url,
		  const struct channel_opts *opts, char *text, size_t size)
{
	struct why why = { text, size };
	const struct scheme *scheme;
	const char *rest;
	int ret;

	scheme = find(url, &rest, &why, &ret);
	if (!scheme)
		return ret;
	snprintf(text, size, "%s", "anybody");
	return scheme->admit ? scheme->admit(ch, opts ? opts : &no_opts, &why) :
			       0;
}

int channel_may_dial(const char *url, const struct channel_opts *opts,
		     char *err, size_t errlen)
{
	struct why why = { err, errlen };
	const struct scheme *scheme;
	const char *rest;
	int ret;

	scheme = find(url, &rest, &why, &ret);
	if (!scheme)
		return ret;
	if (!scheme->may_dial)
		return channel_fail(&why, -EINVAL, "serve", url, ADDRESSES);
	return scheme->may_dial(url, opts, &why);
}

int channel_dial(struct channel *ch, const char *url,
		 const struct channel_opts *opts, char *err, size_t errlen)
{
	struct why why = { err, errlen };
	const struct scheme *scheme;
	const char *rest;
	char who[256];
	int ret;

	scheme = find(url, &rest, &why, &ret);
	if (!scheme)
		return ret;
	ret = scheme->open(ch, url, rest, opts, &why);
	if (ret || !scheme->known)
		return ret;
	ret = scheme->known(ch, opts, &(struct why){ who, sizeof(who) });
	if (!ret)
		return 0;
	channel_close(ch);
	snprintf(err, errlen, "%s is not let in: %s", url, who);
	return ret;
}

void channel_bound(int fd, const char *url, char *text, size_t size)
{
	struct sockaddr_storage addr = { 0 };
	struct sockaddr_in6 *in6 = (void *)&addr;
	struct sockaddr_in *in = (void *)&addr;
	socklen_t len = sizeof(addr);
	char host[INET6_ADDRSTRLEN];

	snprintf(text, size, "%s", url);
	if (getsockname(fd, (struct sockaddr *)&addr, &len) < 0)
		return;
	if (addr.ss_family == AF_INET &&
	    inet_ntop(AF_INET, &in->sin_addr, host, sizeof(host)))
		snprintf(text, size, "%.3s://%s:%u", url, host,
			 ntohs(in->sin_port));
	if (addr.ss_family == AF_INET6 &&
	    inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof(host)))
		snprintf(text, size, "%.3s://[%s]:%u", url, host,
			 ntohs(in6->sin6_port));
}

int channel_reap(struct channel *ch)
{
	static const int signals[] = { 0, SIGTERM, SIGKILL };
	struct pollfd p = { .events = POLLIN };
	int status = 0;
	pid_t got = 0;

	p.fd = (int)syscall(SYS_pidfd_open, ch->child, 0);
	for (unsigned int i = 0; i < 3 && !got; i++) {
		if (signals[i]) {
			log_warn("%s goes on; it gets %s",
				 ch->name ? ch->name : "the server",
				 i == 1 ? "SIGTERM" : "SIGKILL");
			kill(-ch->child, signals[i]);
			kill(ch->child, signals[i]);
		}
		if (i < 2)
			poll(&p, 1, END_MS);
		/* Or somebody who waits for any child has had it. */
		got = waitpid(ch->child, &status, i < 2 ? WNOHANG : 0);
	}
	if (p.fd >= 0)
		close(p.fd);
	ch->child = 0;
	return got > 0 ? status : 0;
}

void channel_close(struct channel *ch)
{
	close(ch->in);
	if (ch->out != ch->in)
		close(ch->out);
	if (ch->child > 0)
		channel_reap(ch);
	*ch = (struct channel){ -1, -1, 0, NULL };
}
