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

	if (t->req.ret > 0 && name && name[0] == '/' && !name[t->req.ret - 1])
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
	t->fs->ours = false;
	strcpy(t->fs->cwd, t->path);
	t->req = (struct req){ .call = call_by_name("getcwd") };
	t->req.val[0].num = 1;
	t->req.val[0].len = PATH_MAX;
	t->req.val[1].num = PATH_MAX;
	ask(run, t, cwd_named);
}

static void cwd_local(struct run *run, struct tracee *t)
{
	if (t->regs.ret == 0) {
		t->fs->remote = false;
		t->fs->ours = false;
	}
	finish_exit(run, t, t->regs.ret);
}

/* A directory below /proc of the tree: only its name counts. */
static void cwd_ours(struct run *run, struct tracee *t, const char *name)
{
	t->fs->remote = true;
	t->fs->ours = true;
	snprintf(t->fs->cwd, sizeof(t->fs->cwd), "%s", name);
	finish_skip(run, t, 0);
}

static void chdir_ours(struct run *run, struct tracee *t)
{
	int err = proc_is_dir(run, t);
	char name[PATH_MAX];

	snprintf(name, sizeof(name), "/proc/%s", t->place->path);
	if (err)
		finish_skip(run, t, err);
	else
		cwd_ours(run, t, name);
}

void hook_chdir(struct run *run, struct tracee *t)
{
	if (!run->selected[t->call->id]) {
		let_go(run, t);
		return;
	}
	t->if_local = cwd_local;
	t->if_ours = chdir_ours;
	t->if_remote = cwd_answered;
	by_path(run, t);
}

void hook_fchdir(struct run *run, struct tracee *t)
{
	struct entry *e = files_get(t->files, (int32_t)t->arg[0]);
	char name[PATH_MAX];
	int err;

	if (!e && proc_base(run, t, (int32_t)t->arg[0], name)) {
		cwd_ours(run, t, name);
		return;
	}
	if (!e) {
		let_go_then(run, t, cwd_local);
		return;
	}
	strcpy(t->path, e->remote->path ? e->remote->path : "");
	err = fetch(t);
	if (err) {
		finish_skip(run, t, err);
		return;
	}
	ask(run, t, cwd_answered);
}

/* What getcwd says of a directory that only the tracer knows. */
static int64_t say_cwd(struct tracee *t)
{
	size_t size = strlen(t->fs->cwd) + 1;

	if (size > t->arg[1])
		return -ERANGE;
	return memory_write(t->pid, t->arg[0], t->fs->cwd, size) ?
		       -EFAULT :
		       (int64_t)size;
}

void hook_getcwd(struct run *run, struct tracee *t)
{
	if (t->fs->ours)
		finish_skip(run, t, say_cwd(t));
	else if (!run->selected[t->call->id] || !t->fs->remote)
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
