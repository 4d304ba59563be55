/* Reading the directory /proc: the server's processes and the tree's. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tracer/hooks.h"
#include "tracer/memory.h"

/* getdents64(2) */
struct dirent_head {
	uint64_t ino;
	int64_t off;
	uint16_t size;
	uint8_t type;
	char name[];
};

#define HEAD offsetof(struct dirent_head, name)
#define SIZE 32 /* of an entry with a number for a name */

static int compare(const void *a, const void *b)
{
	return *(const pid_t *)a - *(const pid_t *)b;
}

/* The numbers of the namespace but its init's; how many, or -errno. */
static ssize_t read_own(struct run *run, pid_t **list)
{
	size_t n = 0;
	pid_t *more;
	DIR *dir;
	int fd;

	fd = openat(run->tree.proc, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir)
		return -errno;
	for (struct dirent *d = readdir(dir); d; d = readdir(dir)) {
		if (!isdigit((unsigned char)d->d_name[0]) ||
		    !strcmp(d->d_name, "1"))
			continue;
		more = realloc(*list, (n + 1) * sizeof(**list));
		if (!more)
			break;
		*list = more;
		more[n++] = atoi(d->d_name);
	}
	closedir(dir);
	return (ssize_t)n;
}

static ssize_t read_tracees(struct run *run, pid_t **list)
{
	size_t n = 0;

	*list = calloc(run->ntracees + 1, sizeof(**list));
	if (!*list)
		return -ENOMEM;
	for (struct tracee *t = run->tracees; t; t = t->by_pid.next)
		if (t->pid == t->tgid)
			(*list)[n++] = t->pid;
	qsort(*list, n, sizeof(**list), compare);
	return (ssize_t)n;
}

/* The entries of the numbers above after that fit into size bytes. */
static size_t fill(uint8_t *data, size_t size, const pid_t *list, ssize_t n,
		   pid_t *after)
{
	struct dirent_head *d;
	size_t len = 0;

	for (ssize_t i = 0; i < n && len + SIZE <= size; i++) {
		if (list[i] <= *after)
			continue;
		d = (struct dirent_head *)(data + len);
		memset(d, 0, SIZE);
		d->ino = (uint64_t)list[i] + UINT32_MAX;
		d->off = INT64_MAX;
		d->type = DT_DIR;
		d->size = SIZE;
		snprintf(d->name, SIZE - HEAD, "%d", list[i]);
		len += d->size;
		*after = list[i];
	}
	return len;
}

/* The server's part is read: here is the tree's. */
static void listed(struct run *run, struct tracee *t)
{
	struct entry *e = files_get(t->files, (int32_t)t->arg[0]);
	struct value *v = &t->req.val[1];
	size_t size = (uint32_t)t->arg[2];
	pid_t *list = NULL;
	ssize_t n;

	if (t->req.ret > 0 && e)
		e->remote->listed = 0;
	if (t->req.ret || !e || run->tree.same) {
		finish_reply(run, t);
		return;
	}
	size = size < VALUE_BYTES_MAX ? size : VALUE_BYTES_MAX;
	v->data = arena_alloc(&t->arena, size + SIZE);
	n = run->tree.own ? read_own(run, &list) : read_tracees(run, &list);
	if (v->data && n > 0)
		v->len = fill(v->data, size, list, n, &e->remote->listed);
	else
		v->len = 0;
	free(list);
	t->req.ret = (int64_t)v->len;
	finish_skip(run, t, v->len ? store(t) : 0);
}

void hook_getdents(struct run *run, struct tracee *t)
{
	struct entry *e = files_get(t->files, (int32_t)t->arg[0]);

	if (tree_is_wanted(run) && e && e->remote->path &&
	    !strcmp(e->remote->path, "/proc"))
		t->if_remote = listed;
	by_fd(run, t);
}
