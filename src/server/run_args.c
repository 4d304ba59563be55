/*
 * The arguments of a request become registers: every descriptor is the
 * client's, every path and process may be reached, and no length says more
 * than there are bytes. Generic by argument kinds.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "server/run_internal.h"

/* ioprio_get(2) counts its kinds from here, getpriority(2) from 0. */
#define IOPRIO_FIRST 1

int run_fd(const struct value *val)
{
	int64_t num = (int64_t)val->num;

	/* A register's upper half is not the kernel's business. */
	return (int32_t)num;
}

bool run_owns(const struct run *run, int fd)
{
	return handles_has(run->worker->handles, fd);
}

bool run_may_change(const struct run *run)
{
	return !run->worker->session->opts->read_only;
}

static bool is_relative(const struct value *path)
{
	return !path->data || path->data[0] != '/';
}

int64_t run_dirfd(const struct run *run, unsigned int i)
{
	const struct value *val = run->req->val;
	int fd = run_fd(&val[i]);

	if (fd == AT_FDCWD)
		return fd;
	if (i + 1 < CALL_ARGS && run->req->call->arg[i + 1].kind == ARG_PATH &&
	    !is_relative(&val[i + 1]))
		return AT_FDCWD;
	return run_owns(run, fd) ? fd : -EBADF;
}

/* The files below /proc/self that the client may see: they are no secret. */
static bool is_public(const char *name)
{
	return !strcmp(name, "mounts") || !strcmp(name, "mountinfo") ||
	       !strcmp(name, "mountstats");
}

int run_begin(const struct run *run, struct place *place, int dirfd,
	      const char *path, bool at)
{
	static const char fds[] = "/proc/self/fd/";
	static const char self[] = "/proc/self/";
	const char *rest = path + sizeof(fds) - 1;
	int fd;

	if (!strncmp(path, fds, sizeof(fds) - 1)) {
		fd = atoi(rest);
		rest += strspn(rest, "0123456789");
		if ((!*rest || *rest == '/') && run_owns(run, fd))
			return path_begin_at(place, fd,
					     rest + strspn(rest, "/"), at);
	}
	if (at && !strncmp(path, self, sizeof(self) - 1) &&
	    is_public(path + sizeof(self) - 1))
		path_begin_own(place, path + sizeof(self) - 1);
	else
		path_begin(place, dirfd, path);
	return 0;
}

static int map_path(struct run *run, unsigned int i)
{
	const struct call *call = run->req->call;
	const struct value *val = &run->req->val[i];
	bool has_dir = i > 0 && call->arg[i - 1].kind == ARG_DIRFD;
	struct place *place = &run->place[i];
	int err;

	if (!val->data || !val->data[0]) {
		run->reg[i] = (uintptr_t)val->data;
		return 0;
	}
	err = run_begin(run, place, has_dir ? (int)run->reg[i - 1] : AT_FDCWD,
			(const char *)val->data, has_dir);
	if (!err)
		err = path_guard(place, !call_follows(call, run->reg),
				 call->classes & C_STAT);
	if (err)
		return err;
	run->reg[i] = (uintptr_t)place->path;
	if (has_dir)
		run->reg[i - 1] = place->dirfd;
	else if (place->held >= 0)
		/* Through a magic link, and the call takes no directory. */
		return -EACCES;
	return 0;
}

/*
 * The length register never says more than there are bytes. A negative int
 * says nothing: the kernel refuses it, where it might take 0.
 */
static void map_bytes(struct run *run, unsigned int i)
{
	const struct value *val = &run->req->val[i];
	unsigned int len = run->req->call->arg[i].len;

	run->reg[i] = (uintptr_t)val->data;
	if (run->req->call->arg[len].kind == ARG_INT &&
	    (int64_t)run->req->val[len].num < 0)
		return;
	if (val->data && run->req->val[len].num > val->len)
		run->reg[len] = val->len;
}

/* The int that says the room never says more than there is. */
static void map_bytes_at(struct run *run, unsigned int i)
{
	const struct value *val = &run->req->val[i];
	struct value *len = &run->req->val[run->req->call->arg[i].len];
	int32_t room;

	run->reg[i] = (uintptr_t)val->data;
	if (!len->data)
		return;
	memcpy(&room, len->data, sizeof(room));
	if (val->data && room > (int32_t)val->len)
		room = (int32_t)val->len;
	memcpy(len->data, &room, sizeof(room));
}

static void map_iov(struct run *run, unsigned int i)
{
	const struct value *val = &run->req->val[i];

	if (!val->data)
		return;
	run->iov[i].iov_base = val->data;
	run->iov[i].iov_len = val->len;
	run->reg[i] = (uintptr_t)&run->iov[i];
	run->reg[run->req->call->arg[i].len] = 1;
}

/*
 * A process of this machine: never the caller, which here is the session, and
 * none of ours. A group is a negative number, or a number of its own kind.
 */
static int map_pid(struct run *run, unsigned int i)
{
	enum int_type type = (enum int_type)run->req->call->arg[i].type;
	int32_t n = (int32_t)run->req->val[i].num;
	bool group = false;
	int64_t which;

	if (type == IN_TARGET && n < -1) {
		group = true;
		n = -n;
	} else if (type == IN_WHO) {
		which = (int32_t)run->req->val[i - 1].num;
		if (strncmp(run->req->call->name, "ioprio", 6) == 0)
			which -= IOPRIO_FIRST;
		if (which == PRIO_USER)
			return 0;
		group = which == PRIO_PGRP;
	}
	if (group)
		return n > 0 && n != getpgrp() ? 0 : -EPERM;
	return path_guard_pid(n);
}

static int map_arg(struct run *run, unsigned int i)
{
	const struct value *val = &run->req->val[i];
	int64_t fd;

	switch ((enum arg_kind)run->req->call->arg[i].kind) {
	case ARG_FD:
		if (!run_owns(run, run_fd(val)))
			return -EBADF;
		run->reg[i] = run_fd(val);
		return 0;
	case ARG_DIRFD:
		fd = run_dirfd(run, i);
		if (fd == -EBADF)
			return fd;
		run->reg[i] = fd;
		return 0;
	case ARG_PATH:
		return map_path(run, i);
	case ARG_OUT_ALL:
		if (val->data)
			memset(val->data, 0, val->len);
		map_bytes(run, i);
		return 0;
	case ARG_IN:
	case ARG_OUT:
		map_bytes(run, i);
		return 0;
	case ARG_IOV_IN:
	case ARG_IOV_OUT:
		map_iov(run, i);
		return 0;
	case ARG_OUT_AT:
		map_bytes_at(run, i);
		return 0;
	case ARG_STR:
	case ARG_STRUCT_IN:
	case ARG_STRUCT_OUT:
	case ARG_STRUCT_INOUT:
		run->reg[i] = (uintptr_t)val->data;
		return 0;
	case ARG_MSG_IN:
	case ARG_MSG_OUT:
		/* net_messages() makes headers of them. */
		return 0;
	case ARG_PTR:
		return -ENOSYS;
	case ARG_INT:
		if (run->req->call->arg[i].type >= IN_PID)
			return map_pid(run, i);
		return 0;
	case ARG_NONE:
	case ARG_UINT:
	case ARG_FLAGS:
		return 0;
	}
	return -ENOSYS;
}

int run_map_args(struct run *run)
{
	unsigned int n = call_nargs(run->req->call);
	unsigned int i;
	int err;

	/* Numbers first: buffers then correct their lengths. */
	for (i = 0; i < CALL_ARGS; i++)
		run->reg[i] = run->req->val[i].num;
	for (i = n; i < CALL_ARGS; i++)
		run->reg[i] = 0;
	for (i = 0; i < n; i++) {
		err = map_arg(run, i);
		if (err)
			return err;
	}
	return 0;
}
