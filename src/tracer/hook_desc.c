/* close, dup, fcntl, ioctl of descriptors that are remote; unshare of their table. */
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/sockios.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/log.h"
#include "call/wire.h"
#include "tracer/hooks.h"

#ifndef F_DUPFD_QUERY
#define F_DUPFD_QUERY 1027 /* linux/fcntl.h since 6.10 */
#endif

/* ---- close ---- */

static void close_done(struct run *run, struct tracee *t)
{
	finish_exit(run, t, t->result);
}

static void close_here(struct run *run, struct tracee *t)
{
	let_go_then(run, t, close_done);
}

static void close_answered(struct run *run, struct tracee *t)
{
	/* The number is free again whatever the server said. */
	t->result = t->req.ret;
	close_here(run, t);
}

/* Nobody waits for that. */
static void close_quietly(struct run *run, struct tracee *t)
{
	int handle = files_drop(t->files, (int32_t)t->arg[0]);

	if (handle >= 0) {
		tell_close(run, t, handle);
		t->req.seq = t->seq; /* for the trace: it went there */
	}
	account(run, t, 0);
	let_go(run, t);
}

void hook_close(struct run *run, struct tracee *t)
{
	struct entry *e = files_get(t->files, (int32_t)t->arg[0]);
	int handle;
	bool seen;

	if (!e) {
		let_go(run, t);
		return;
	}
	if (close_is_quiet(t, e)) {
		close_quietly(run, t);
		return;
	}
	if (files_has_twin(t->files, (int32_t)t->arg[0])) {
		t->result = 0;
		seen = close_number(run, t, (int32_t)t->arg[0]);
		settle(run, t, seen, false, close_here);
		return;
	}
	handle = files_drop(t->files, (int32_t)t->arg[0]);
	t->req.call = t->call;
	t->req.val[0].num = (uint64_t)handle;
	ask(run, t, close_answered);
}

static void close_range_done(struct run *run, struct tracee *t)
{
	uint64_t last = (uint32_t)t->arg[1];
	bool seen = false;
	int err = 0;

	if (t->regs.ret == 0 && t->arg[2] & CLOSE_RANGE_UNSHARE)
		err = tracee_unshare(run, t, SPAWN_FS);
	if (t->regs.ret == 0 && !(t->arg[2] & CLOSE_RANGE_CLOEXEC)) {
		for (uint64_t fd = (uint32_t)t->arg[0];
		     fd <= last && fd < t->files->cap; fd++)
			seen |= close_number(run, t, (long)fd);
	}
	t->result = err ? err : t->regs.ret;
	settle(run, t, seen, true, close_done);
}

void hook_close_range(struct run *run, struct tracee *t)
{
	if (t->arg[2] == CLOSE_RANGE_CLOEXEC) /* closes nothing yet */
		let_go(run, t);
	else
		let_go_then(run, t, close_range_done);
}

/* ---- unshare ---- */

static void unshare_done(struct run *run, struct tracee *t)
{
	const uint64_t flags = t->arg[0];
	uint32_t keep = SPAWN_FILES | SPAWN_FS;
	bool seen = false;
	int err = 0;

	if (flags & CLONE_FILES)
		keep &= ~(uint32_t)SPAWN_FILES;
	if (flags & (CLONE_FS | CLONE_NEWNS | CLONE_NEWUSER))
		keep &= ~(uint32_t)SPAWN_FS;
	if (t->regs.ret == 0)
		err = tracee_unshare(run, t, keep);
	/* Others may have gone on with the old table meanwhile. */
	if (!err && !(keep & SPAWN_FILES))
		seen = tracee_drop_closed(run, t);
	t->result = err ? err : t->regs.ret;
	settle(run, t, seen, true, close_done);
}

void hook_unshare(struct run *run, struct tracee *t)
{
	let_go_then(run, t, unshare_done);
}

/* ---- dup ---- */

/* The kernel copied arg 0's placeholder to the number it returned. */
static void dup_done(struct run *run, struct tracee *t)
{
	struct entry *e = files_get(t->files, (int32_t)t->arg[0]);
	int64_t fd = t->regs.ret;
	bool seen;

	if (run->fds_high)
		arch_put_args(t->pid, t->arg);
	if (fd < 0 || fd == (int32_t)t->arg[0]) {
		finish_exit(run, t, fd);
		return;
	}
	seen = close_number(run, t, (long)fd);
	if (e)
		files_set(t->files, (int)fd, e->handle, e->remote);
	t->result = fd;
	settle(run, t, seen, true, close_done);
}

/* The copy has the lowest free number from min on. */
static void dup_from(struct run *run, struct tracee *t, int cmd, uint32_t min)
{
	uint64_t arg[CALL_ARGS];

	if (run->fds_high) {
		memcpy(arg, t->arg, sizeof(arg));
		arg[1] = (uint64_t)cmd;
		arg[2] = min < FDS_HIGH ? FDS_HIGH : min;
		arch_put_call(t->pid, call_nr(call_by_name("fcntl")), arg);
	}
	let_go_then(run, t, dup_done);
}

void hook_dup(struct run *run, struct tracee *t)
{
	if (files_get(t->files, (int32_t)t->arg[0]))
		dup_from(run, t, F_DUPFD, 0);
	else
		let_go(run, t);
}

/* --fds=high: the filter would take a low number for a local one. */
static bool is_out_of_range(const struct run *run, struct tracee *t)
{
	const struct entry *e = files_get(t->files, (int32_t)t->arg[0]);

	if (!run->fds_high || !e || (uint32_t)t->arg[1] >= FDS_HIGH)
		return false;
	log_err("%s: %s cannot become descriptor %d with --fds=high: EBADF; a program that redirects needs the default, --fds=lowest",
		t->call->name, e->remote->path ? e->remote->path : "?",
		(int)t->arg[1]);
	return true;
}

/* dup2, dup3: also the number that is replaced may be remote. */
void hook_dup2(struct run *run, struct tracee *t)
{
	if (is_out_of_range(run, t))
		refuse_call(run, t, EBADF,
			    "a number below 512 with --fds=high");
	else if (files_get(t->files, (int32_t)t->arg[0]) ||
		 files_get(t->files, (int32_t)t->arg[1]))
		let_go_then(run, t, dup_done);
	else
		let_go(run, t);
}

/* ---- fcntl, ioctl: the request decides ---- */

/* The server names a task, the program knows a process. */
static void lock_answered(struct run *run, struct tracee *t)
{
	struct flock *lock = (void *)t->req.val[2].data;
	struct tracee *holder;

	if (t->req.ret == 0 && lock && lock->l_type != F_UNLCK &&
	    lock->l_pid < -1) {
		holder = tracee_by_task(run, (uint32_t)(-1 - lock->l_pid));
		lock->l_pid = holder ? tree_group_number(run, holder) : 0;
	}
	finish_reply(run, t);
}

static void forward_request(struct run *run, struct tracee *t, int err)
{
	const struct call *row = call_by_request(t->call, (uint32_t)t->arg[1]);

	if (row) {
		t->call = row;
		if (row->request == F_GETLK || row->request == F_OFD_GETLK)
			t->if_remote = lock_answered;
		if (row->request == F_SETLK || row->request == F_SETLKW)
			t->files->locks = true;
		by_fd(run, t);
		return;
	}
	refuse_unknown(run, t, t->call, (uint32_t)t->arg[1], err);
}

void hook_fcntl(struct run *run, struct tracee *t)
{
	if (!files_get(t->files, (int32_t)t->arg[0])) {
		let_go(run, t);
		return;
	}
	switch ((int)t->arg[1]) {
	case F_DUPFD:
	case F_DUPFD_CLOEXEC:
		dup_from(run, t, (int)t->arg[1], (uint32_t)t->arg[2]);
		return;
	case F_GETFD:
	case F_SETFD:
	case F_DUPFD_QUERY:
		let_go(run, t);
		return;
	default:
		if (!async_fcntl(run, t) && !notify_fcntl(run, t))
			forward_request(run, t, EINVAL);
	}
}

void hook_ioctl(struct run *run, struct tracee *t)
{
	if (!files_get(t->files, (int32_t)t->arg[0])) {
		let_go(run, t);
		return;
	}
	switch ((uint32_t)t->arg[1]) {
	case FIOCLEX:
	case FIONCLEX:
		let_go(run, t);
		return;
	case SIOCGIFCONF:
		net_list(run, t);
		return;
	default:
		if (!async_ioctl(run, t))
			forward_request(run, t, ENOTTY);
	}
}
