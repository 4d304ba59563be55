/*
 * vsock://CID:PORT, between a guest and its host (vsock(7)); and
 * vsock-unix://PATH:PORT, the unix socket through which Firecracker,
 * Cloud Hypervisor and others offer the ports of a guest.
 */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <linux/vm_sockets.h>

#include "base/io.h"
#include "transport/channel_internal.h"

#define ANSWER_MAX 32

/* A decimal number below 2^32 - 1, which stands for "any". */
static bool parse_number(const char *text, size_t len, unsigned int *value)
{
	uint64_t v = 0;

	if (!len || len > 10)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		v = v * 10 + (uint64_t)(text[i] - '0');
	}
	*value = (unsigned int)v;
	return v < UINT32_MAX;
}

/* CID:PORT, where CID may be "any". */
static bool parse(const char *where, struct sockaddr_vm *sa)
{
	const char *colon = strchr(where, ':');

	memset(sa, 0, sizeof(*sa));
	sa->svm_family = AF_VSOCK;
	if (!colon)
		return false;
	if (!strncmp(where, "any:", 4))
		sa->svm_cid = VMADDR_CID_ANY;
	else if (!parse_number(where, (size_t)(colon - where), &sa->svm_cid))
		return false;
	return parse_number(colon + 1, strlen(colon + 1), &sa->svm_port);
}

int vsock_check(const char *url, const char *where, struct why *why)
{
	struct sockaddr_vm sa;

	if (!parse(where, &sa))
		return channel_fail(why, -EINVAL, "open", url,
				    "vsock://CID:PORT is expected, two numbers");
	return 0;
}

int vsock_connect(struct channel *ch, const char *url, const char *where,
		  const struct channel_opts *opts, struct why *why)
{
	struct sockaddr_vm sa;
	int err;
	int fd;

	(void)opts;
	parse(where, &sa);
	if (sa.svm_cid == VMADDR_CID_ANY)
		return channel_fail(
			why, -EINVAL, "connect to", url,
			"a CID is expected: 2 is the host, 1 this machine");
	fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && !connect(fd, (struct sockaddr *)&sa, sizeof(sa)))
		return channel_both(ch, fd);
	err = -errno;
	if (fd >= 0)
		close(fd);
	return channel_fail(why, err, "connect to", url,
			    err == -ENODEV || err == -EAFNOSUPPORT ?
				    "this machine has no vsock device" :
				    strerror(-err));
}

int vsock_listen(const char *url, const char *where,
		 const struct channel_opts *opts, struct why *why)
{
	struct sockaddr_vm sa;
	int err;
	int fd;

	if (!opts->cids.n)
		return channel_fail(
			why, -EPERM, "listen at", url,
			"every guest could run calls here; name those that may with --allow-cid CID");
	parse(where, &sa);
	fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && !bind(fd, (struct sockaddr *)&sa, sizeof(sa)) &&
	    !listen(fd, BACKLOG))
		return fd;
	err = -errno;
	if (fd >= 0)
		close(fd);
	return channel_fail(why, err, "listen at", url, strerror(-err));
}

int vsock_admit(struct channel *ch, const struct channel_opts *opts,
		struct why *why)
{
	struct sockaddr_vm peer;
	socklen_t len = sizeof(peer);

	if (getpeername(ch->in, (struct sockaddr *)&peer, &len) < 0 ||
	    len < sizeof(peer) || peer.svm_family != AF_VSOCK) {
		snprintf(why->text, why->size, "it has no address");
		return -EACCES;
	}
	snprintf(why->text, why->size, "CID %u, port %u", peer.svm_cid,
		 peer.svm_port);
	return channel_allowed(&opts->cids, peer.svm_cid) ? 0 : -EACCES;
}

int vsock_may_dial(const char *url, const struct channel_opts *opts,
		   struct why *why)
{
	if (opts->cids.n)
		return 0;
	return channel_fail(
		why, -EPERM, "serve", url,
		"name the machine that may run calls here with --allow-cid CID");
}

/* PATH:PORT; path has room for one of sun_path. */
static int split_path(const char *where, char *path, unsigned int *port)
{
	const char *colon = strrchr(where, ':');
	struct sockaddr_un sa;
	size_t len = colon ? (size_t)(colon - where) : 0;

	if (!len || len >= sizeof(sa.sun_path) ||
	    !parse_number(colon + 1, strlen(colon + 1), port))
		return -EINVAL;
	memcpy(path, where, len);
	path[len] = '\0';
	return 0;
}

int vsock_unix_check(const char *url, const char *where, struct why *why)
{
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	unsigned int port;

	if (split_path(where, path, &port))
		return channel_fail(
			why, -EINVAL, "open", url,
			"vsock-unix://PATH:PORT is expected, the path of at most 107 bytes");
	return 0;
}

/* "CONNECT PORT", to which "OK NUMBER" is the answer. */
static int ask_for_port(int fd, unsigned int port, unsigned int limit_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char text[ANSWER_MAX];
	size_t len = 0;
	int err;

	snprintf(text, sizeof(text), "CONNECT %u\n", port);
	err = io_write_all(fd, text, strlen(text));
	/* Byte by byte: what follows belongs to the server. */
	while (!err && len < sizeof(text)) {
		/* While the guest boots the monitor may not answer at all. */
		if (!poll(&p, 1, (int)limit_ms))
			return -ETIMEDOUT;
		err = io_read_all(fd, &text[len], 1);
		if (!err && text[len++] == '\n')
			break;
	}
	if (err)
		return err == -EPIPE ? -ECONNRESET : err;
	return len > 4 && text[len - 1] == '\n' && !memcmp(text, "OK ", 3) ?
		       0 :
		       -EPROTO;
}

int vsock_unix_connect(struct channel *ch, const char *url, const char *where,
		       const struct channel_opts *opts, struct why *why)
{
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	unsigned int port;
	int err;

	if (split_path(where, path, &port))
		return -EINVAL; /* vsock_unix_check has said why */
	err = unix_connect(ch, url, path, opts, why);
	if (err)
		return err;
	err = ask_for_port(ch->in, port,
			   opts->login_ms ? opts->login_ms : LOGIN_MS);
	if (!err)
		return 0;
	channel_close(ch);
	if (err == -ETIMEDOUT)
		return channel_fail(why, err, "connect to", url,
				    "no answer in time: does the guest run?");
	return channel_fail(why, err, "connect to", url,
			    err == -ECONNRESET ?
				    "nobody listens at that port of the guest" :
				    "what answers there does not know CONNECT");
}
