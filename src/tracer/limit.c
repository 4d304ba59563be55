/*
 * RLIMIT_FSIZE: the limit is this process's, the file the server's, so the
 * tracer looks before a file would grow (setrlimit(2), write(2)).
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tracer/tracee.h"

/* Which argument says how long the file is to be; -1: none does. */
static int size_arg(const struct call *call)
{
	if (!strcmp(call->name, "ftruncate") || !strcmp(call->name, "truncate"))
		return 1;
	return -1;
}

static bool writes(const struct call *call)
{
	return call->ret == RET_LEN &&
	       (call->arg[1].kind == ARG_IN || call->arg[1].kind == ARG_IOV_IN);
}

static void too_large(struct run *run, struct tracee *t)
{
	syscall(SYS_tgkill, t->tgid, t->pid, SIGXFSZ);
	finish_skip(run, t, -EFBIG);
}

/* The write begins at pos: what the limit leaves of it. */
static void write_at(struct run *run, struct tracee *t, uint64_t pos)
{
	if (pos >= t->size_limit) {
		too_large(run, t);
		return;
	}
	t->size_left = t->size_limit - pos;
	forward_now(run, t);
}

static void at_position(struct run *run, struct tracee *t)
{
	if (t->req.ret < 0)
		finish_skip(run, t, t->req.ret);
	else
		write_at(run, t, (uint64_t)t->req.ret);
}

static void at_end(struct run *run, struct tracee *t)
{
	const struct stat *st = (const void *)t->req.val[1].data;

	if (t->req.ret < 0)
		finish_skip(run, t, t->req.ret);
	else
		write_at(run, t, (uint64_t)st->st_size);
}

static void find_position(struct run *run, struct tracee *t,
			  const struct entry *e)
{
	t->req = (struct req){ .call = call_by_name(
				       e->remote->append ? "fstat" : "lseek") };
	t->req.val[0].num = (uint64_t)e->handle;
	if (e->remote->append) {
		t->req.val[1].num = 1;
		t->req.val[1].len = sizeof(struct stat);
		ask(run, t, at_end);
	} else {
		t->req.val[2].num = SEEK_CUR;
		ask(run, t, at_position);
	}
}

bool limit_stops(struct run *run, struct tracee *t)
{
	struct entry *e = files_get(t->files, (int32_t)t->arg[0]);
	int size = size_arg(t->call);
	struct rlimit limit;

	if (!writes(t->call) && size < 0)
		return false;
	if (writes(t->call) &&
	    (!e ||
	     (e->remote->object & ~(uint32_t)OBJECT_POLLABLE) != OBJECT_FILE))
		return false;
	if (prlimit(t->pid, RLIMIT_FSIZE, NULL, &limit) ||
	    limit.rlim_cur == RLIM_INFINITY)
		return false;
	t->size_limit = limit.rlim_cur;
	if (size >= 0) {
		if (t->arg[size] <= t->size_limit || (int64_t)t->arg[size] < 0)
			return false;
		too_large(run, t);
		return true;
	}
	if (t->call->arg[3].type == UI_OFFSET && (int64_t)t->arg[3] >= 0)
		write_at(run, t, t->arg[3]);
	else
		find_position(run, t, e);
	return true;
}
