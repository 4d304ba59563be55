/* One stop of a tracee: which side makes the call. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/log.h"
#include "tracer/memory.h"
#include "tracer/own_filter.h"
#include "tracer/tracee.h"

/* True when a remote descriptor can have a number below RLIMIT_NOFILE. */
static bool number_free(const struct run *run, struct tracee *t)
{
	struct rlimit lim;
	char name[64];
	rlim_t open = 0;
	DIR *dir;

	if (run->fds_high)
		return files_lowest(t->files, t->pid, FDS_HIGH) >= 0;
	if (limit_get(t->pid, RLIMIT_NOFILE, &lim))
		return true;
	if (lim.rlim_cur && lim.rlim_cur < INT_MAX &&
	    !files_is_open(t->pid, (int)lim.rlim_cur - 1))
		return true;
	snprintf(name, sizeof(name), "/proc/%d/fd", t->pid);
	dir = opendir(name);
	if (!dir)
		return true;
	for (struct dirent *d = readdir(dir); d; d = readdir(dir))
		if (d->d_name[0] != '.' &&
		    strtoul(d->d_name, NULL, 10) < lim.rlim_cur)
			open++;
	closedir(dir);
	return open < lim.rlim_cur;
}

/*
 * openat2(2): a longer struct open_how than rsc knows is one of its length, as
 * long as the rest is zero.
 */
static int known_size(struct tracee *t)
{
	size_t size = struct_table[ST_open_how].size;
	uint8_t rest[4096];

	if (t->call->arg[2].kind != ARG_STRUCT_IN ||
	    t->call->arg[2].type != ST_open_how || t->arg[3] <= size)
		return 0;
	if (t->arg[3] > sizeof(rest))
		return -E2BIG;
	if (memory_read(t->pid, t->arg[2] + size, rest, t->arg[3] - size))
		return -EFAULT;
	for (size_t i = 0; i < t->arg[3] - size; i++)
		if (rest[i])
			return -E2BIG;
	t->arg[3] = size;
	return 0;
}

void forward_now(struct run *run, struct tracee *t)
{
	struct entry *e;
	int err;

	if (t->call->ret == RET_FD && !number_free(run, t)) {
		finish_skip(run, t, -EMFILE);
		return;
	}
	err = known_size(t);
	if (!err)
		err = fetch(t);
	if (err) {
		finish_skip(run, t, err);
		return;
	}
	if (t->call->traits & T_LOCKS) {
		e = files_get(t->files, (int32_t)t->arg[0]);
		if (e)
			e->remote->locked = true;
	}
	if (t->if_remote)
		ask(run, t, t->if_remote);
	else
		ask(run, t,
		    t->call->ret == RET_FD ? placeholder_put : finish_reply);
}

void forward(struct run *run, struct tracee *t)
{
	if (!shared_stops(run, t) && !limit_stops(run, t))
		forward_now(run, t);
}

void by_fd(struct run *run, struct tracee *t)
{
	unsigned int remote = 0;
	unsigned int local = 0;

	for (unsigned int i = 0; i < CALL_ARGS; i++) {
		if (t->call->arg[i].kind != ARG_FD)
			continue;
		if (files_get(t->files, (int32_t)t->arg[i]))
			remote++;
		else
			local++;
	}
	if (!remote)
		let_go(run, t);
	else if (local)
		finish_skip(run, t,
			    strcmp(t->call->name, "tee") ? -EXDEV : -EINVAL);
	else if (names_path(t))
		with_path(run, t);
	else
		forward(run, t);
}

/* A relative path that starts in a remote directory, whatever is selected. */
static bool below_remote(struct tracee *t)
{
	char first;

	for (unsigned int i = 0; i + 1 < CALL_ARGS; i++)
		if (t->call->arg[i].kind == ARG_DIRFD &&
		    files_get(t->files, (int32_t)t->arg[i]) &&
		    !memory_read(t->pid, t->arg[i + 1], &first, 1))
			return first != '/';
	return false;
}

/* The canonical form of what the registers say. */
static void canonical(struct tracee *t)
{
	const struct legacy *old = legacy_by_nr(t->regs.nr);

	memcpy(t->arg, t->regs.arg, sizeof(t->arg));
	if (!old) {
		t->call = call_by_nr(t->regs.nr);
		return;
	}
	t->call = call_by_name(old->to);
	for (unsigned int i = 0; i < CALL_ARGS; i++) {
		int32_t from = old->arg[i];

		if (from >= LEGACY_ARG && from < LEGACY_ARG + CALL_ARGS)
			t->arg[i] = t->regs.arg[from - LEGACY_ARG];
		else
			t->arg[i] = (uint64_t)(int64_t)from;
	}
}

void stop_seccomp(struct run *run, struct tracee *t)
{
	hook_fn hook;

	if (t->rejoin) {
		then_fn then = t->then;

		t->rejoin = false;
		t->then = NULL;
		then(run, t);
		return;
	}
	if (arch_get_call(t->pid, &t->regs) || own_filter_kills(t))
		return;
	if (t->launching && exec_is_call(t)) {
		canonical(t);
		clock_gettime(CLOCK_MONOTONIC, &t->start);
		exec_hook(run, t);
		return;
	}
	if (t->launching) {
		int err = t->regs.nr == READY_NR ?
				  placeholder_take(run, t->pid) :
				  0;

		if (err) {
			log_err("the seccomp listener cannot be had: %s",
				strerror(-err));
			run->broken = true;
			kill(t->pid, SIGKILL);
		}
		let_go(run, t);
		return;
	}
	run->stops++;
	canonical(t);
	memset(&t->req, 0, sizeof(t->req));
	t->path[0] = 0;
	t->at = 0;
	t->more = false;
	t->size_left = UINT64_MAX;
	t->if_local = NULL;
	t->if_ours = NULL;
	t->if_remote = NULL;
	t->if_allowed = NULL;
	t->if_done = NULL;
	t->renamed = NULL;
	t->shared = false;
	clock_gettime(CLOCK_MONOTONIC, &t->start);
	print_begin(run, t);
	if (!t->call) {
		refuse_unknown(run, t, NULL, (uint64_t)t->regs.nr, ENOSYS);
		return;
	}
	hook = hook_of(t->call);
	if (hook) {
		hook(run, t);
		return;
	}
	switch ((enum verdict)t->call->verdict) {
	case V_LOCAL:
	case V_SPLIT:
		let_go(run, t);
		return;
	case V_REFUSED:
		refuse_call(run, t, t->call->err, t->call->why);
		return;
	case V_REMOTE:
		if (run->selected[t->call->id])
			forward(run, t);
		else
			let_go(run, t);
		return;
	case V_BY_FD:
		by_fd(run, t);
		return;
	case V_BY_PID:
		by_pid(run, t);
		return;
	case V_BY_PATH:
		if (run->selected[t->call->id] || below_remote(t))
			by_path(run, t);
		else
			let_go(run, t);
		return;
	}
}
