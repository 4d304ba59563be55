/* The working directory, which lies on either side; the umask, on both. */
#include <errno.h>
#include <string.h>

#include "tracer/hooks.h"
#include "tracer/memory.h"

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

void hook_chdir(struct run *run, struct tracee *t)
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

void hook_fchdir(struct run *run, struct tracee *t)
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

void hook_getcwd(struct run *run, struct tracee *t)
{
	if (!run->selected[t->call->id] || !t->fs->remote)
		let_go(run, t);
	else
		forward(run, t);
}

static void umask_done(struct run *run, struct tracee *t)
{
	finish_exit(run, t, t->regs.ret);
}

static void umask_answered(struct run *run, struct tracee *t)
{
	if (t->req.ret < 0)
		finish_skip(run, t, t->req.ret);
	else
		let_go_then(run, t, umask_done);
}

void hook_umask(struct run *run, struct tracee *t)
{
	if (fetch(t))
		let_go(run, t);
	else
		ask(run, t, umask_answered);
}
