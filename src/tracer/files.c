/* Remote descriptor numbers of a tracee. */
#include <errno.h>
#include <linux/kcmp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tracer/files.h"

struct files *files_new(void)
{
	struct files *files = calloc(1, sizeof(*files));

	if (files)
		files->refs = 1;
	return files;
}

struct files *files_ref(struct files *files)
{
	files->refs++;
	return files;
}

struct files *files_copy(const struct files *files)
{
	struct files *copy = files_new();

	if (!copy)
		return NULL;
	for (size_t i = 0; i < files->cap; i++) {
		const struct entry *e = &files->ent[i];

		if (e->handle < 0)
			continue;
		if (files_set(copy, (int)i, e->handle, e->path)) {
			files_unref(copy);
			return NULL;
		}
	}
	return copy;
}

void files_unref(struct files *files)
{
	if (!files || --files->refs)
		return;
	for (size_t i = 0; i < files->cap; i++)
		free(files->ent[i].path);
	free(files->ent);
	free(files);
}

struct entry *files_get(struct files *files, long fd)
{
	if (fd < 0 || (size_t)fd >= files->cap || files->ent[fd].handle < 0)
		return NULL;
	return &files->ent[fd];
}

int files_set(struct files *files, int fd, int handle, const char *path)
{
	char *copy = NULL;

	if ((size_t)fd >= files->cap) {
		size_t cap = ((size_t)fd + 64) & ~(size_t)63;
		struct entry *ent;

		ent = realloc(files->ent, cap * sizeof(*ent));
		if (!ent)
			return -ENOMEM;
		for (size_t i = files->cap; i < cap; i++)
			ent[i] = (struct entry){ .handle = -1 };
		files->ent = ent;
		files->cap = cap;
	}
	if (path) {
		copy = strdup(path);
		if (!copy)
			return -ENOMEM;
	}
	free(files->ent[fd].path);
	files->ent[fd] = (struct entry){ .handle = handle, .path = copy };
	return 0;
}

int files_drop(struct files *files, long fd)
{
	struct entry *e = files_get(files, fd);
	int handle;

	if (!e)
		return -1;
	handle = e->handle;
	free(e->path);
	*e = (struct entry){ .handle = -1 };
	for (size_t i = 0; i < files->cap; i++)
		if (files->ent[i].handle == handle)
			return -1;
	return handle;
}

bool files_is_open(pid_t pid, int fd)
{
	return syscall(SYS_kcmp, pid, pid, KCMP_FILE, fd, fd) == 0;
}
