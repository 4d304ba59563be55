/*
 * RLIMIT_FSIZE: the limit is this process's, the file the server's, so the
 * tracer looks before a file would grow (setrlimit(2), write(2)).
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tracer/tracee.h"

int limit_get(pid_t pid, int resource, struct rlimit *limit)
{
	const char *what = resource == RLIMIT_FSIZE ? "Max file size" :
						      "Max open files";
	char soft[32] = "";
	char name[64];
	char line[256];
	FILE *f;

	if (!prlimit(pid, (enum __rlimit_resource)resource, NULL, limit))
		return 0;
	/* Of another user's process it needs CAP_SYS_RESOURCE. */
	snprintf(name, sizeof(name), "/proc/%d/limits", pid);
	f = fopen(name, "re");
	if (!f)
		return -errno;
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, what, strlen(what)) &&
		    sscanf(line + strlen(what), "%31s", soft) == 1)
			break;
	fclose(f);
	if (!*soft)
		return -ESRCH;
	limit->rlim_cur = *soft == 'u' ? RLIM_INFINITY :
					 strtoull(soft, NULL, 10);
	return 0;
}

/* How long the call makes the file; 0: it does not say. */
static uint64_t new_size(const struct tracee *t)
{
	const char *name = t->call->name;
	uint64_t size = 0;

	if (!strcmp(name, "ftruncate") || !strcmp(name, "truncate"))
		size = t->arg[1];
	else if (!strcmp(name, "fallocate") && !t->arg[1] &&
		 (int64_t)t->arg[2] >= 0 && (int64_t)t->arg[3] > 0)
		size = t->arg[2] + t->arg[3];
	return (int64_t)size < 0 ? 0 : size;
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

/* One that is as long already may stay so. */
static void at_size(struct run *run, struct tracee *t)
{
	const struct stat *st = (const void *)t->req.val[1].data;

	if (t->req.ret < 0)
		finish_skip(run, t, t->req.ret);
	else if ((uint64_t)st->st_size < new_size(t))
		too_large(run, t);
	else
		forward_now(run, t);
}

static void ask_size(struct run *run, struct tracee *t, const struct entry *e,
		     void (*then)(struct run *, struct tracee *))
{
	t->req = (struct req){ .call = call_by_name("fstat") };
	t->req.val[0].num = (uint64_t)e->handle;
	t->req.val[1].num = 1;
	t->req.val[1].len = sizeof(struct stat);
	ask(run, t, then);
}

static void find_position(struct run *run, struct tracee *t,
			  const struct entry *e)
{
	if (e->remote->append) {
		ask_size(run, t, e, at_end);
		return;
	}
	t->req = (struct req){ .call = call_by_name("lseek") };
	t->req.val[0].num = (uint64_t)e->handle;
	t->req.val[2].num = SEEK_CUR;
	ask(run, t, at_position);
}

bool limit_stops(struct run *run, struct tracee *t)
{
	struct entry *e = files_get(t->files, (int32_t)t->arg[0]);
	bool by_fd = t->call->arg[0].kind == ARG_FD;
	uint64_t size = new_size(t);
	struct rlimit limit;

	if (!writes(t->call) && !size)
		return false;
	if (by_fd && (!e || (e->remote->object & ~(uint32_t)OBJECT_POLLABLE) !=
				    OBJECT_FILE))
		return false;
	if (limit_get(t->pid, RLIMIT_FSIZE, &limit) ||
	    limit.rlim_cur == RLIM_INFINITY)
		return false;
	t->size_limit = limit.rlim_cur;
	if (size) {
		if (size <= t->size_limit)
			return false;
		if (by_fd)
			ask_size(run, t, e, at_size);
		else
			too_large(run, t);
		return true;
	}
	if (t->call->arg[3].type == UI_OFFSET && (int64_t)t->arg[3] >= 0)
		write_at(run, t, t->arg[3]);
	else
		find_position(run, t, e);
	return true;
}
