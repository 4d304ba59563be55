/* Remote descriptor numbers of a tracee. */
#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tracer/files.h"
#include "tracer/image.h"

struct images *files_images;

struct remote *remote_new(uint32_t object, const char *path)
{
	struct remote *remote = calloc(1, sizeof(*remote));

	if (!remote)
		return NULL;
	if (path && *path) {
		remote->path = strdup(path);
		if (!remote->path) {
			free(remote);
			return NULL;
		}
	}
	remote->refs = 1;
	remote->object = object;
	remote->level.own = -1;
	remote->level.peer = -1;
	return remote;
}

void remote_unref(struct remote *remote)
{
	if (!remote || --remote->refs)
		return;
	if (remote->watched)
		HASH_DELETE(hh, *remote->watched, remote);
	level_drop(&remote->level);
	image_unref(files_images, remote->image);
	free(remote->path);
	free(remote);
}

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
		if (files_set(copy, (int)i, e->handle, e->remote)) {
			files_unref(copy);
			return NULL;
		}
		copy->ent[i].bound = e->bound;
	}
	return copy;
}

void files_unref(struct files *files)
{
	if (!files || --files->refs)
		return;
	for (size_t i = 0; i < files->cap; i++)
		remote_unref(files->ent[i].remote);
	free(files->ent);
	free(files);
}

struct entry *files_get(struct files *files, long fd)
{
	if (fd < 0 || (size_t)fd >= files->cap || files->ent[fd].handle < 0)
		return NULL;
	return &files->ent[fd];
}

int files_set(struct files *files, int fd, int handle, struct remote *remote)
{
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
	remote->refs++;
	remote_unref(files->ent[fd].remote);
	files->ent[fd] = (struct entry){ .handle = handle, .remote = remote };
	return 0;
}

bool files_has_twin(struct files *files, long fd)
{
	struct entry *e = files_get(files, fd);

	for (size_t i = 0; e && i < files->cap; i++)
		if (&files->ent[i] != e && files->ent[i].handle == e->handle)
			return true;
	return false;
}

int files_drop(struct files *files, long fd)
{
	struct entry *e = files_get(files, fd);
	bool twin = files_has_twin(files, fd);
	int handle;

	if (!e)
		return -1;
	handle = e->handle;
	remote_unref(e->remote);
	*e = (struct entry){ .handle = -1 };
	return twin ? -1 : handle;
}

int files_lowest(const struct files *files, pid_t pid, int min)
{
	struct rlimit lim;

	int err = limit_get(pid, RLIMIT_NOFILE, &lim);

	if (err)
		return err;
	for (int fd = min; (rlim_t)fd < lim.rlim_cur; fd++) {
		bool known = (size_t)fd < files->cap &&
			     files->ent[fd].handle >= 0;

		if (!known && !files_is_open(pid, fd))
			return fd;
	}
	return -EMFILE;
}

bool files_is_open(pid_t pid, int fd)
{
	return syscall(SYS_kcmp, pid, pid, KCMP_FILE, fd, fd) == 0;
}

static mode_t kind_of(pid_t pid, int fd)
{
	struct stat st;
	char name[64];

	snprintf(name, sizeof(name), "/proc/%d/fd/%d", pid, fd);
	return stat(name, &st) ? 0 : st.st_mode & S_IFMT;
}

bool files_is_dir(pid_t pid, int fd)
{
	return kind_of(pid, fd) == S_IFDIR;
}

bool files_is_pipe(pid_t pid, int fd)
{
	return kind_of(pid, fd) == S_IFIFO;
}

int files_flags(pid_t pid, int fd)
{
	unsigned int flags = 0;
	char line[128];
	char name[64];
	FILE *f;

	snprintf(name, sizeof(name), "/proc/%d/fdinfo/%d", pid, fd);
	f = fopen(name, "re");
	if (!f)
		return -EBADF;
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "flags: %o", &flags) == 1)
			break;
	fclose(f);
	return (int)flags;
}
