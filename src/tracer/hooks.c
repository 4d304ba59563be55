/* Calls that no row describes: descriptors, directories, maps. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "tracer/abi.h"
#include "tracer/memory.h"
#include "tracer/tracee.h"
#include "tracer/vdso.h"

/* A placeholder filled for mmap holds at most this much. */
#define FILL_MAX (256ull << 20)
#define FILL_STEP (256u << 10)

#ifndef F_DUPFD_QUERY
#define F_DUPFD_QUERY 1027	/* linux/fcntl.h since 6.10 */
#endif

/* ---- close ---- */

static void close_answered(struct run *run, struct tracee *t);

static void close_done(struct run *run, struct tracee *t)
{
	finish_exit(run, t, t->result);
}

static void close_answered(struct run *run, struct tracee *t)
{
	/* The number is free again whatever the server said. */
	t->result = t->req.ret;
	let_go_then(run, t, close_done);
}

static void hook_close(struct run *run, struct tracee *t)
{
	struct entry *e = files_get(t->files, (int32_t)t->arg[0]);
	int handle;

	if (!e) {
		let_go(run, t);
		return;
	}
	handle = files_drop(t->files, (int32_t)t->arg[0]);
	if (handle < 0) {
		t->result = 0;
		let_go_then(run, t, close_done);
		return;
	}
	t->req.call = t->call;
	t->req.val[0].num = (uint64_t)handle;
	ask(run, t, close_answered);
}

static void close_range_done(struct run *run, struct tracee *t)
{
	uint64_t last = (uint32_t)t->arg[1];

	if (t->regs.ret == 0) {
		for (uint64_t fd = (uint32_t)t->arg[0];
		     fd <= last && fd < t->files->cap; fd++) {
			int handle = files_drop(t->files, (long)fd);

			if (handle >= 0)
				tell_close(run, t, handle);
		}
	}
	finish_exit(run, t, t->regs.ret);
}

static void hook_close_range(struct run *run, struct tracee *t)
{
	if (t->arg[2] & 4)	/* CLOSE_RANGE_CLOEXEC closes nothing yet */
		let_go(run, t);
	else
		let_go_then(run, t, close_range_done);
}

/* ---- dup ---- */

/* The kernel copied arg 0's placeholder to the number it returned. */
static void dup_done(struct run *run, struct tracee *t)
{
	struct entry *e = files_get(t->files, (int32_t)t->arg[0]);
	int64_t fd = t->regs.ret;
	int handle;
	int copy;

	if (fd < 0 || fd == (int32_t)t->arg[0]) {
		finish_exit(run, t, fd);
		return;
	}
	copy = e ? e->handle : -1;
	handle = files_drop(t->files, (long)fd);
	if (handle >= 0 && handle != copy)
		tell_close(run, t, handle);
	if (e)
		files_set(t->files, (int)fd, copy, e->remote);
	finish_exit(run, t, fd);
}

static void hook_dup(struct run *run, struct tracee *t)
{
	if (files_get(t->files, (int32_t)t->arg[0]))
		let_go_then(run, t, dup_done);
	else
		let_go(run, t);
}

/* dup2, dup3: also the number that is replaced may be remote. */
static void hook_dup2(struct run *run, struct tracee *t)
{
	if (files_get(t->files, (int32_t)t->arg[0]) ||
	    files_get(t->files, (int32_t)t->arg[1]))
		let_go_then(run, t, dup_done);
	else
		let_go(run, t);
}

/* ---- fcntl, ioctl: the request decides ---- */

static void forward_request(struct run *run, struct tracee *t, int err)
{
	const struct call *row = call_by_request(t->call, (uint32_t)t->arg[1]);

	if (row) {
		t->call = row;
		by_fd(run, t);
		return;
	}
	run->unknown_requests++;
	log_info("%s request %#x on a remote descriptor: %s", t->call->name,
		 (unsigned int)t->arg[1], strerrorname_np(err));
	finish_skip(run, t, -err);
}

static void hook_fcntl(struct run *run, struct tracee *t)
{
	if (!files_get(t->files, (int32_t)t->arg[0])) {
		let_go(run, t);
		return;
	}
	switch ((int)t->arg[1]) {
	case F_DUPFD:
	case F_DUPFD_CLOEXEC:
		let_go_then(run, t, dup_done);
		return;
	case F_GETFD:
	case F_SETFD:
	case F_DUPFD_QUERY:
		let_go(run, t);
		return;
	default:
		forward_request(run, t, EINVAL);
	}
}

static void hook_ioctl(struct run *run, struct tracee *t)
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
	default:
		forward_request(run, t, ENOTTY);
	}
}

/* ---- the working directory ---- */

static void cwd_done(struct run *run, struct tracee *t)
{
	finish_exit(run, t, 0);
}

static void cwd_answered(struct run *run, struct tracee *t)
{
	if (t->req.ret < 0) {
		finish_skip(run, t, t->req.ret);
		return;
	}
	t->fs->remote = true;
	strcpy(t->fs->cwd, t->path);
	/* This side follows where it can, for programs run from there. */
	let_go_then(run, t, cwd_done);
}

static void cwd_local(struct run *run, struct tracee *t)
{
	if (t->regs.ret == 0)
		t->fs->remote = false;
	finish_exit(run, t, t->regs.ret);
}

static void hook_chdir(struct run *run, struct tracee *t)
{
	char *text;
	ssize_t n;
	int err;

	if (!run->selected[t->call->id]) {
		let_go(run, t);
		return;
	}
	text = arena_alloc(&t->arena, PATH_MAX);
	n = text ? memory_read_str(t->pid, t->arg[0], text, PATH_MAX) : -ENOMEM;
	err = n < 0 ? (int)n : 0;
	if (!err && (text[0] == '/' || t->fs->remote))
		err = routes_normalise(t->fs->cwd, text, t->path);
	if (err) {
		finish_skip(run, t, err);
		return;
	}
	switch (text[0] == '/' || t->fs->remote ?
			routes_side(&run->routes, t->path, NULL, NULL) :
			SIDE_LOCAL) {
	case SIDE_LOCAL:
		let_go_then(run, t, cwd_local);
		return;
	case SIDE_DENY:
		finish_skip(run, t, -EACCES);
		return;
	case SIDE_MISSING:
		finish_skip(run, t, -ENOENT);
		return;
	case SIDE_REMOTE:
		break;
	}
	t->req.val[0].data = (uint8_t *)text;
	t->req.val[0].len = (size_t)n;
	err = fetch(t);
	if (err)
		finish_skip(run, t, err);
	else
		ask(run, t, cwd_answered);
}

static void hook_fchdir(struct run *run, struct tracee *t)
{
	struct entry *e = files_get(t->files, (int32_t)t->arg[0]);
	int err;

	if (!e) {
		let_go_then(run, t, cwd_local);
		return;
	}
	strcpy(t->path, e->remote->path ? e->remote->path : "/");
	err = fetch(t);
	if (err) {
		finish_skip(run, t, err);
		return;
	}
	ask(run, t, cwd_answered);
}

static void hook_getcwd(struct run *run, struct tracee *t)
{
	if (!run->selected[t->call->id] || !t->fs->remote)
		let_go(run, t);
	else
		forward(run, t);
}

/* ---- clocks ---- */

static void hook_clock(struct run *run, struct tracee *t)
{
	if (run->selected[t->call->id] && clock_is_remote((int)t->arg[0]))
		forward(run, t);
	else
		let_go(run, t);
}

/* ---- mmap of a remote regular file ---- */

static void fill_more(struct run *run, struct tracee *t);

static void fill_end(struct run *run, struct tracee *t, int err)
{
	close(t->fill_fd);
	t->fill_fd = -1;
	t->call = call_by_name("mmap");
	if (err)
		finish_skip(run, t, err);
	else
		let_go(run, t);
}

static void filled(struct run *run, struct tracee *t)
{
	struct value *v = &t->req.val[1];

	if (t->req.ret <= 0) {
		if (!t->req.ret && ftruncate(t->fill_fd, (off_t)t->fill_at))
			t->req.ret = -errno;
		fill_end(run, t, (int)t->req.ret);
		return;
	}
	if (t->fill_at + v->len > FILL_MAX) {
		log_err("mmap: %s is over %llu MiB: ENODEV", t->path,
			FILL_MAX >> 20);
		fill_end(run, t, -ENODEV);
		return;
	}
	if (pwrite(t->fill_fd, v->data, v->len, (off_t)t->fill_at) !=
	    (ssize_t)v->len) {
		fill_end(run, t, -ENOMEM);
		return;
	}
	t->fill_at += v->len;
	fill_more(run, t);
}

static void fill_more(struct run *run, struct tracee *t)
{
	struct entry *e = files_get(t->files, (int32_t)t->regs.arg[4]);

	arena_reset(&t->arena);
	t->req = (struct req){ .call = call_by_name("pread64") };
	t->req.val[0].num = e ? (uint64_t)e->handle : (uint64_t)-1;
	t->req.val[1].num = 1;
	t->req.val[1].len = FILL_STEP;
	t->req.val[2].num = FILL_STEP;
	t->req.val[3].num = t->fill_at;
	ask(run, t, filled);
}

static void hook_mmap(struct run *run, struct tracee *t)
{
	bool anonymous = t->regs.arg[3] & MAP_ANONYMOUS;
	bool shared = (t->regs.arg[3] & MAP_TYPE) != MAP_PRIVATE;
	struct entry *e = files_get(t->files, (int32_t)t->regs.arg[4]);
	char name[64];

	if (anonymous || !e) {
		let_go(run, t);
		return;
	}
	if ((e->remote->object & ~(uint32_t)OBJECT_POLLABLE) != OBJECT_FILE) {
		finish_skip(run, t, -ENODEV);
		return;
	}
	snprintf(t->path, sizeof(t->path), "%s", e->remote->path ? e->remote->path : "?");
	if (shared && (t->regs.arg[2] & PROT_WRITE)) {
		log_err("mmap: %s: a shared writable mapping of a remote file: ENODEV",
			t->path);
		finish_skip(run, t, -ENODEV);
		return;
	}
	snprintf(name, sizeof(name), "/proc/%d/fd/%d", t->pid,
		 (int)t->regs.arg[4]);
	t->fill_fd = open(name, O_RDWR | O_CLOEXEC);
	if (t->fill_fd < 0) {
		finish_skip(run, t, -ENODEV);
		return;
	}
	t->fill_at = 0;
	fill_more(run, t);
}

/* ---- the table of hooks ---- */

static const struct {
	const char *name;
	hook_fn hook;
} hooks[] = {
	{ "chdir", hook_chdir },
	{ "clock_getres", hook_clock },
	{ "clock_gettime", hook_clock },
	{ "close", hook_close },
	{ "close_range", hook_close_range },
	{ "dup", hook_dup },
	{ "dup2", hook_dup2 },
	{ "dup3", hook_dup2 },
	{ "execve", abi_exec },
	{ "execveat", abi_exec },
	{ "fchdir", hook_fchdir },
	{ "fcntl", hook_fcntl },
	{ "getcwd", hook_getcwd },
	{ "ioctl", hook_ioctl },
	{ "mmap", hook_mmap },
};

hook_fn hook_of(const struct call *call)
{
	static hook_fn by_id[1024];
	static bool ready;

	if (!ready) {
		for (size_t i = 0; i < sizeof(hooks) / sizeof(*hooks); i++) {
			const struct call *c = call_by_name(hooks[i].name);

			if (c && c->id < 1024)
				by_id[c->id] = hooks[i].hook;
		}
		ready = true;
	}
	return call->id < 1024 ? by_id[call->id] : NULL;
}
