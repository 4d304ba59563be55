/* unix://PATH */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "transport/channel_internal.h"

int unix_check(const char *url, const char *path, struct why *why)
{
	struct sockaddr_un sa;

	if (!*path)
		return channel_fail(why, -EINVAL, "open", url,
				    "unix://PATH is expected");
	if (strlen(path) >= sizeof(sa.sun_path))
		return channel_fail(
			why, -ENAMETOOLONG, "open", url,
			"unix://PATH of at most 107 bytes is expected");
	return 0;
}

static void unix_address(struct sockaddr_un *sa, const char *path)
{
	memset(sa, 0, sizeof(*sa));
	sa->sun_family = AF_UNIX;
	strncpy(sa->sun_path, path, sizeof(sa->sun_path) - 1);
}

int unix_connect(struct channel *ch, const char *url, const char *path,
		 const struct channel_opts *opts, struct why *why)
{
	struct sockaddr_un sa;
	int err;
	int fd;

	(void)opts;
	unix_address(&sa, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&sa, sizeof(sa))) {
		err = -errno;
		if (fd >= 0)
			close(fd);
		return channel_fail(why, err, "connect to", url,
				    strerror(-err));
	}
	return channel_both(ch, fd);
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

int unix_listen(const char *url, const char *path,
		const struct channel_opts *opts, struct why *why)
{
	struct sockaddr_un sa;
	mode_t old;
	int err;
	int fd;

	(void)opts;
	unix_address(&sa, path);
	err = remove_stale(path, &sa);
	if (err == -EADDRINUSE)
		return channel_fail(why, err, "listen at", url,
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
		return channel_fail(why, err, "listen at", url, strerror(-err));
	}
	return fd;
}

int unix_admit(struct channel *ch, const struct channel_opts *opts,
	       struct why *why)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (getsockopt(ch->in, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
		return -errno;
	snprintf(why->text, why->size, "uid %u, process %d", peer.uid,
		 peer.pid);
	if (!opts->uids.n)
		return peer.uid == geteuid() || !peer.uid ? 0 : -EACCES;
	return channel_allowed(&opts->uids, peer.uid) ? 0 : -EACCES;
}

int unix_may_dial(const char *url, const struct channel_opts *opts,
		  struct why *why)
{
	(void)url;
	(void)opts;
	(void)why;
	return 0;
}
