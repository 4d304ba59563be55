/* Confinement of a session's process: descriptors, signals, root. */
#include "server/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "server/path.h"

/* Moves *fd to the first free number from 3 on. */
static int move(int *fd)
{
	int to = fcntl(*fd, F_DUPFD_CLOEXEC, 3);

	if (to < 0)
		return -errno;
	*fd = to;
	return 0;
}

static int close_gap(int from, int to)
{
	if (from > to)
		return 0;
	return close_range(from, to, 0) < 0 ? -errno : 0;
}

/* Closes everything from 3 on but the n descriptors of keep. */
static int close_others(const int *keep, int n)
{
	int from = 3;
	int next;
	int err;
	int i;

	for (;;) {
		next = -1;
		for (i = 0; i < n; i++)
			if (keep[i] >= from && (next < 0 || keep[i] < next))
				next = keep[i];
		if (next < 0)
			break;
		err = close_gap(from, next - 1);
		if (err)
			return err;
		from = next + 1;
	}
	return close_range(from, ~0u, 0) < 0 ? -errno : 0;
}

static int own_descriptors(int *in, int *out, int *extra)
{
	bool same = *in == *out;
	int keep[3];
	int null;
	int err;

	err = move(in);
	if (!err && same)
		*out = *in;
	else if (!err)
		err = move(out);
	if (!err && *extra >= 0)
		err = move(extra);
	if (err)
		return err;
	keep[0] = *in;
	keep[1] = *out;
	keep[2] = *extra;
	err = close_others(keep, 3);
	if (err)
		return err;
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0)
		return -errno;
	dup2(null, 0);
	dup2(null, 1);
	if (fcntl(2, F_GETFD) < 0)
		dup2(null, 2);
	if (null > 2)
		close(null);
	return 0;
}

static int write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int err;

	if (fd < 0)
		return -errno;
	err = io_write_all(fd, text, strlen(text));
	close(fd);
	return err;
}

/* A user namespace of our own, in which we are who we were. */
static int own_users(void)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();
	char text[64];
	int err;

	if (unshare(CLONE_NEWUSER) < 0)
		return -errno;
	write_text("/proc/self/setgroups", "deny");
	snprintf(text, sizeof(text), "%u %u 1", uid, uid);
	err = write_text("/proc/self/uid_map", text);
	if (err)
		return err;
	snprintf(text, sizeof(text), "%u %u 1", gid, gid);
	return write_text("/proc/self/gid_map", text);
}

static int enter_root(const char *root)
{
	int err;

	if (chroot(root) < 0) {
		err = -errno;
		if (err == -EPERM) {
			err = own_users();
			if (!err && chroot(root) < 0)
				err = -errno;
		}
		if (err)
			goto out;
	}
	err = chdir("/") < 0 ? -errno : 0;
out:
	if (err)
		log_err("session: cannot make %s the root: %s; give --root a "
			"directory that is there, and run as root or where "
			"user namespaces are allowed",
			root, strerror(-err));
	return err;
}

/* What fs.nr_open is if nobody has changed it. */
#define FILES_MAX (1u << 20)

static void raise_limit(void)
{
	struct rlimit limit;

	/* The program's limit is kept on its side. */
	limit = (struct rlimit){ FILES_MAX, FILES_MAX };
	if (!setrlimit(RLIMIT_NOFILE, &limit) ||
	    getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

int confine(int *in, int *out, int *extra, const struct server_opts *opts)
{
	/* SIGIO: of a lease, when no other signal can be queued. */
	static const int ignored[] = { SIGPIPE, SIGXFSZ, SIGTTIN, SIGTTOU,
				       SIGIO };
	size_t i;
	int err;

	for (i = 0; i < sizeof(ignored) / sizeof(*ignored); i++)
		signal(ignored[i], SIG_IGN);
	prctl(PR_SET_NAME, "rsc-session");
	raise_limit();
	err = own_descriptors(in, out, extra);
	if (!err)
		err = path_init(opts->root);
	if (!err && opts->root)
		err = enter_root(opts->root);
	return err;
}
