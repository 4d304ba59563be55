/* tls://HOST:PORT */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "transport/channel_internal.h"
#include "transport/tls.h"

int tls_connect(struct channel *ch, const char *url, const char *where,
		const struct channel_opts *opts, struct why *why)
{
	const char *port;
	char host[HOST_MAX];
	char text[300];
	int sock;
	int pid;
	int fd;

	if (tcp_split(where, host, sizeof(host), &port))
		return -EINVAL; /* tcp_check has said why */
	if (tls_ready(opts, text, sizeof(text)))
		return channel_fail(why, -EPERM, "connect to", url, text);
	sock = tcp_dial(url, where, why);
	if (sock < 0)
		return sock;
	pid = tls_start(sock, &fd, host, opts, text, sizeof(text));
	close(sock);
	if (pid < 0)
		return channel_fail(why, pid, "connect to", url, text);
	*ch = (struct channel){ fd, fd, pid, "the relay of tls" };
	return 0;
}

int tls_listen(const char *url, const char *where,
	       const struct channel_opts *opts, struct why *why)
{
	char text[300];

	if (tls_ready(opts, text, sizeof(text)))
		return channel_fail(why, -EPERM, "listen at", url, text);
	return tcp_bind(url, where, true, why);
}

int tls_admit(struct channel *ch, const struct channel_opts *opts,
	      struct why *why)
{
	int pid;
	int fd;

	pid = tls_start(ch->in, &fd, NULL, opts, why->text, why->size);
	if (pid < 0)
		return pid;
	close(ch->in);
	*ch = (struct channel){ fd, fd, pid, "the relay of tls" };
	return 0;
}

int tls_may_dial(const char *url, const struct channel_opts *opts,
		 struct why *why)
{
	char text[300];

	if (tls_ready(opts, text, sizeof(text)))
		return channel_fail(why, -EPERM, "serve", url, text);
	return 0;
}
