/* The set of tracees, found by thread id and by their name on the wire. */
#define HASH_NONFATAL_OOM 1

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <utlist.h>

#include "call/wire.h"
#include "tracer/own_filter.h"
#include "tracer/tracee.h"

struct tracee *tracee_find(struct run *run, pid_t pid)
{
	struct tracee *t = run->tracees;

	/* Most programs have one thread. */
	if (t && t->pid == pid)
		return t;
	HASH_FIND(by_pid, run->tracees, &pid, sizeof(pid), t);
	return t;
}

struct tracee *tracee_by_task(struct run *run, uint32_t task)
{
	struct tracee *t = run->tasks;

	if (t && t->task == task)
		return t;
	HASH_FIND(by_task, run->tasks, &task, sizeof(task), t);
	return t;
}

struct tracee *tracee_new(struct run *run, pid_t pid)
{
	struct tracee *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->pid = pid;
	t->tgid = pid;
	t->fill_fd = -1;
	t->new_handle = -1;
	t->placeholder = -1;
	t->scratch.area = -1;
	HASH_ADD(by_pid, run->tracees, pid, sizeof(t->pid), t);
	if (!t->by_pid.tbl) {
		free(t);
		return NULL;
	}
	run->ntracees++;
	return t;
}

int tracee_set_pid(struct run *run, struct tracee *t, pid_t pid)
{
	HASH_DELETE(by_pid, run->tracees, t);
	t->pid = pid;
	t->number = 0;
	HASH_ADD(by_pid, run->tracees, pid, sizeof(t->pid), t);
	return t->by_pid.tbl ? 0 : -ENOMEM;
}

int tracee_name_task(struct run *run, struct tracee *t)
{
	if (t->by_task.tbl)
		HASH_DELETE(by_task, run->tasks, t);
	t->task = ++run->last_task;
	HASH_ADD(by_task, run->tasks, task, sizeof(t->task), t);
	return t->by_task.tbl ? 0 : -ENOMEM;
}

void tracee_asks(struct run *run, struct tracee *t)
{
	if (!t->outstanding)
		run->outstanding++;
	t->outstanding = true;
	if (!t->pid) /* no process waits */
		return;
	tracee_asks_no_more(run, t);
	t->asking = true;
	run->nasking++;
	DL_APPEND2(run->asking, t, ask_prev, ask_next);
}

void tracee_asks_no_more(struct run *run, struct tracee *t)
{
	if (!t->asking)
		return;
	t->asking = false;
	run->nasking--;
	DL_DELETE2(run->asking, t, ask_prev, ask_next);
}

void tracee_answered(struct run *run, struct tracee *t)
{
	if (t->outstanding)
		run->outstanding--;
	t->outstanding = false;
	tracee_asks_no_more(run, t);
}

void tracee_places(struct run *run, struct tracee *t, bool places)
{
	run->placing += places;
	run->placing -= t->placing;
	t->placing = places;
}

bool tracee_dies(const struct tracee *t)
{
	unsigned long msg;

	return ptrace(PTRACE_GETEVENTMSG, t->pid, 0, &msg) && errno == ESRCH;
}

void tracee_gone(struct run *run, struct tracee *t)
{
	tracee_answered(run, t);
	/* Who is killed twice has no exit event. */
	placeholder_drop(run, t);
	if (t->by_pid.tbl) {
		HASH_DELETE(by_pid, run->tracees, t);
		run->ntracees--;
	}
	if (t->by_task.tbl)
		HASH_DELETE(by_task, run->tasks, t);
	exec_drop(run, t);
	if (t->task)
		tell_exit(run, t);
	if (t->fill_fd >= 0)
		close(t->fill_fd);
	print_end(t);
	keeper_forget(run, t);
	image_pull_end(&run->keeper.images, t->pulled);
	maps_unref(t->maps, keeper_release, run);
	lazy_sweep(run);
	scratch_drop(t);
	aio_drop(t);
	deadline_drop(run, t, false);
	own_filter_unref(t->own_filter);
	files_unref(t->files);
	fs_unref(t->fs);
	program_unref(t->program);
	arena_free(&t->arena);
	free(t);
}

int tracee_unshare(struct run *run, struct tracee *t, uint32_t keep)
{
	struct files *files = NULL;
	struct tracee old = { .task = t->task };
	struct fs *fs = NULL;

	if (t->files->refs == 1)
		keep |= SPAWN_FILES;
	if (t->fs->refs == 1)
		keep |= SPAWN_FS;
	if (keep == (SPAWN_FILES | SPAWN_FS))
		return 0;
	if (!(keep & SPAWN_FILES) && !(files = files_copy(t->files)))
		return -ENOMEM;
	if ((!(keep & SPAWN_FS) && !(fs = fs_copy(t->fs))) ||
	    tracee_name_task(run, t)) {
		files_unref(files);
		fs_unref(fs);
		return -ENOMEM;
	}
	t->seq = 0;
	tell_spawn(run, t, old.task, keep);
	tell_exit(run, &old);
	if (files) {
		files_unref(t->files);
		t->files = files;
	}
	if (fs) {
		fs_unref(t->fs);
		t->fs = fs;
	}
	return 0;
}

bool tracee_drop_closed(struct run *run, struct tracee *t)
{
	bool seen = false;

	for (size_t fd = 0; fd < t->files->cap; fd++)
		if (files_get(t->files, (long)fd) &&
		    !files_is_open(t->pid, (int)fd))
			seen |= close_number(run, t, (long)fd);
	return seen;
}

struct fs *fs_copy(const struct fs *fs)
{
	struct fs *copy = malloc(sizeof(*copy));

	if (copy) {
		*copy = *fs;
		copy->refs = 1;
	}
	return copy;
}

void fs_unref(struct fs *fs)
{
	if (fs && !--fs->refs)
		free(fs);
}

int tracee_fd(const struct tracee *t, int fd)
{
	int pidfd = (int)syscall(SYS_pidfd_open, t->tgid, 0);
	int copy;

	if (pidfd < 0)
		return -errno;
	copy = (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);
	if (copy < 0)
		copy = -errno;
	close(pidfd);
	return copy;
}
