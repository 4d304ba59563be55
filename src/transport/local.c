/* stdio:, fd:N and exec:COMMAND: what this machine has open or starts. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "transport/channel_internal.h"

int stdio_check(const char *url, const char *rest, struct why *why)
{
	if (*rest)
		return channel_fail(why, -EINVAL, "open", url,
				    "stdio: is expected");
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

int stdio_open(struct channel *ch, const char *url, const char *rest,
	       const struct channel_opts *opts, struct why *why)
{
	int err;

	(void)rest;
	(void)opts;
	err = channel_copies(ch, 0, 1);
	if (err)
		return channel_fail(why, err, "open", url, strerror(-err));
	leave_standard();
	return 0;
}

/* IN,OUT or one number for both. */
static int fd_split(const char *rest, int *in, int *out)
{
	const char *comma = strchrnul(rest, ',');

	*in = channel_number(rest, comma, INT_MAX);
	*out = *in;
	if (*comma)
		*out = channel_number(comma + 1, comma + strlen(comma),
				      INT_MAX);
	return *in < 0 || *out < 0 ? -EINVAL : 0;
}

int fd_check(const char *url, const char *rest, struct why *why)
{
	int in;
	int out;

	if (fd_split(rest, &in, &out))
		return channel_fail(why, -EINVAL, "open", url,
				    "fd:N or fd:IN,OUT is expected");
	return 0;
}

int fd_open(struct channel *ch, const char *url, const char *rest,
	    const struct channel_opts *opts, struct why *why)
{
	(void)opts;
	*ch = (struct channel){ -1, -1, 0, NULL };
	if (fd_split(rest, &ch->in, &ch->out) || fcntl(ch->in, F_GETFD) < 0 ||
	    fcntl(ch->out, F_GETFD) < 0)
		return channel_fail(why, -EBADF, "open", url,
				    "an open descriptor is expected");
	fcntl(ch->in, F_SETFD, FD_CLOEXEC);
	fcntl(ch->out, F_SETFD, FD_CLOEXEC);
	return 0;
}

int exec_check(const char *url, const char *command, struct why *why)
{
	if (!*command)
		return channel_fail(why, -EINVAL, "open", url,
				    "exec:COMMAND is expected");
	return 0;
}

/* The child of exec: a session of its own. */
static void run_command(int fd, const char *command)
{
	setsid();
	channel_child(fd);
	execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	_exit(127);
}

int exec_open(struct channel *ch, const char *url, const char *command,
	      const struct channel_opts *opts, struct why *why)
{
	struct channel far;
	int pair[2];
	int err;

	(void)opts;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return channel_fail(why, -errno, "open", url, strerror(errno));
	/* One of the pair may be 0, 1 or 2 when those were closed. */
	err = channel_copies(&far, pair[0], pair[1]);
	close(pair[0]);
	close(pair[1]);
	if (err)
		return channel_fail(why, err, "open", url, strerror(-err));
	*ch = (struct channel){ far.in, far.in, fork(),
				"the command of exec:" };
	err = errno;
	if (!ch->child)
		run_command(far.out, command);
	close(far.out);
	if (ch->child > 0)
		return 0;
	close(far.in);
	return channel_fail(why, -err, "open", url, strerror(err));
}
