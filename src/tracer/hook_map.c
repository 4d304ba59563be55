/* mmap of a remote regular file: its placeholder is filled first. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/log.h"
#include "tracer/hooks.h"

/* A placeholder filled for mmap holds at most this much. */
#define FILL_MAX (256ull << 20)
#define FILL_STEP (256u << 10)

static void fill_more(struct run *run, struct tracee *t);

static void fill_end(struct run *run, struct tracee *t, int err)
{
	struct entry *e;

	close(t->fill_fd);
	t->fill_fd = -1;
	t->call = call_by_name("mmap");
	if (err) {
		finish_skip(run, t, err);
		return;
	}
	e = files_get(t->files, (int32_t)t->regs.arg[4]);
	if (e)
		e->remote->mapped = true;
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

void hook_mmap(struct run *run, struct tracee *t)
{
	bool anonymous = t->regs.arg[3] & MAP_ANONYMOUS;
	bool shared = (t->regs.arg[3] & MAP_TYPE) != MAP_PRIVATE;
	struct entry *e = files_get(t->files, (int32_t)t->regs.arg[4]);
	char name[64];

	if (anonymous || !e) {
		let_go(run, t);
		return;
	}
	if (e->remote->object != OBJECT_FILE) {
		finish_skip(run, t, -ENODEV);
		return;
	}
	snprintf(t->path, sizeof(t->path), "%s",
		 e->remote->path ? e->remote->path : "?");
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
