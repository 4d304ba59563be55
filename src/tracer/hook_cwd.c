/* The working directory, which lies on either side; the umask, on both. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tracer/hooks.h"
#include "tracer/memory.h"

static void cwd_done(struct run *run, struct tracee *t)
{
	finish_exit(run, t, 0);
}

/* Where links led to: paths of the program begin there from now on. */
static void cwd_named(struct run *run, struct tracee *t)
{
	const char *name = (char *)t->req.val[0].data;

	if (t->req.ret > 0 && name && name[0] == '/' &&
	    !name[t->req.ret - 1])
		snprintf(t->fs->cwd, sizeof(t->fs->cwd), "%s", name);
	/* This side follows where it can, for programs run from there. */
	let_go_then(run, t, cwd_done);
}

static void cwd_answered(struct run *run, struct tracee *t)
{
	if (t->req.ret < 0) {
		finish_skip(run, t, t->req.ret);
		return;
	}
	t->fs->remote = true;
	strcpy(t->fs->cwd, t->path);
	t->req = (struct req){ .call = call_by_name("getcwd") };
	t->req.val[0].num = 1;
	t->req.val[0].len = PATH_MAX;
	t->req.val[1].num = PATH_MAX;
	ask(run, t, cwd_named);
}

static void cwd_local(struct run *run, struct tracee *t)
{
	if (t->regs.ret == 0)
		t->fs->remote = false;
	finish_exit(run, t, t->regs.ret);
}

void hook_chdir(struct run *run, struct tracee *t)
{
	if (!run->selected[t->call->id]) {
		let_go(run, t);
		return;
	}
	t->if_local = cwd_local;
	t->if_remote = cwd_answered;
	by_path(run, t);
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
