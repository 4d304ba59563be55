/*
 * Leases and F_NOTIFY of remote descriptors (fcntl(2)): their signals.
 *
 * Theory of Operation. The server's kernel has the lease, or looks at the
 * directory, and tells the session by a signal; the session tells it as an edge
 * of the watch, before the reply of the call that caused it. Whom it concerns
 * and which signal that is (F_SETOWN, F_SETSIG) was said to what stands for the
 * descriptor here; without a word it is SIGIO to who asked.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "call/wire.h"
#include "tracer/hooks.h"

static void forward_request(struct run *run, struct tracee *t)
{
	struct entry *e = files_get(t->files, (int32_t)t->arg[0]);

	if (e && t->req.ret < 0)
		log_warn("descriptor %d cannot be watched: %s", (int)t->arg[0],
			 strerror((int)-t->req.ret));
	else if (e)
		e->bound = true;
	memset(&t->req, 0, sizeof(t->req));
	by_fd(run, t);
}

/* The remote gets a name on the wire; 0 or -errno. */
static int name_watch(struct run *run, struct remote *remote)
{
	if (remote->watched)
		return 0;
	remote->watch = ++run->last_watch;
	HASH_ADD(hh, run->watched, watch, sizeof(remote->watch), remote);
	if (!remote->hh.tbl)
		return -ENOMEM;
	remote->watched = &run->watched;
	remote->want = WATCH_SIGNALS;
	return 0;
}

bool notify_fcntl(struct run *run, struct tracee *t)
{
	struct entry *e = files_get(t->files, (int32_t)t->arg[0]);
	const int cmd = (int)t->arg[1];
	int err;

	if (cmd != F_SETLEASE && cmd != F_NOTIFY)
		return false;
	if (e->remote->object & OBJECT_POLLABLE)
		return false;
	err = name_watch(run, e->remote);
	if (err) {
		finish_skip(run, t, err);
		return true;
	}
	if (!e->remote->notifies)
		e->remote->notifies = t->tgid;
	t->call = call_by_request(t->call, (uint32_t)cmd);
	if (e->bound) {
		by_fd(run, t);
		return true;
	}
	t->req = (struct req){ .call = call_by_name("rsc_watch") };
	t->req.val[0].num = (uint64_t)e->handle;
	t->req.val[1].num = e->remote->watch;
	t->req.val[2].num = WATCH_SIGNALS;
	ask(run, t, forward_request);
	return true;
}

/* ---- the signal ---- */

static int number_of(const struct tracee *t, const struct remote *remote)
{
	for (size_t fd = 0; fd < t->files->cap; fd++)
		if (files_get(t->files, (long)fd) &&
		    t->files->ent[fd].remote == remote)
			return (int)fd;
	return -1;
}

/* Somebody who has the descriptor, and its number; who asked, if he has. */
static struct tracee *holder(struct run *run, const struct remote *remote,
			     int *fd)
{
	struct tracee *found = NULL;
	struct tracee *next;
	struct tracee *t;

	HASH_ITER(by_pid, run->tracees, t, next)
	{
		int number = number_of(t, remote);

		if (number < 0 || (found && t->pid != remote->notifies))
			continue;
		found = t;
		*fd = number;
	}
	return found;
}

static bool concerns(const struct tracee *t, const struct f_owner_ex *owner)
{
	if (owner->type == F_OWNER_TID)
		return t->pid == owner->pid;
	if (t->pid != t->tgid)
		return false;
	return owner->type == F_OWNER_PID ? t->tgid == owner->pid :
					    getpgid(t->pid) == owner->pid;
}

void notify_event(struct run *run, struct remote *remote)
{
	struct f_owner_ex owner = { F_OWNER_PID, 0 };
	siginfo_t info = { .si_signo = SIGIO, .si_code = SI_KERNEL };
	struct tracee *next;
	struct tracee *t;
	int number = -1;
	int copy = -1;
	int sig = 0;

	t = holder(run, remote, &number);
	if (t)
		copy = tracee_fd(t, number);
	if (copy >= 0) {
		if (fcntl(copy, F_GETOWN_EX, &owner))
			owner.pid = 0;
		sig = fcntl(copy, F_GETSIG);
		close(copy);
	}
	if (!owner.pid)
		owner = (struct f_owner_ex){ F_OWNER_PID, remote->notifies };
	if (sig > 0) {
		info.si_signo = sig;
		info.si_code = POLL_MSG;
		info.si_band = POLLIN | POLLRDNORM | POLLMSG;
		info.si_fd = number;
	}
	HASH_ITER(by_pid, run->tracees, t, next)
	if (concerns(t, &owner))
		signal_send(t, &info);
}
