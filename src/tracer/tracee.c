/* The set of tracees. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tracer/tracee.h"

struct tracee *tracee_find(struct run *run, pid_t pid)
{
	struct tracee *t;

	for (t = run->tracees; t && t->pid != pid; t = t->next)
		;
	return t;
}

struct tracee *tracee_by_task(struct run *run, uint32_t task)
{
	struct tracee *t;

	for (t = run->tracees; t && t->task != task; t = t->next)
		;
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
	t->next = run->tracees;
	run->tracees = t;
	return t;
}

void tracee_gone(struct run *run, struct tracee *t)
{
	struct tracee **p;

	for (p = &run->tracees; *p && *p != t; p = &(*p)->next)
		;
	if (*p)
		*p = t->next;
	if (t->task)
		tell_exit(run, t);
	if (t->fill_fd >= 0)
		close(t->fill_fd);
	if (t->placeholder >= 0)
		close(t->placeholder);
	files_unref(t->files);
	fs_unref(t->fs);
	arena_free(&t->arena);
	free(t);
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
