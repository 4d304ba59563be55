/*
 * Files of this machine that the client executes: nobody of the session opens
 * them for writing (execve(2), ETXTBSY), as nobody could if they ran here.
 *
 * A file is known by its numbers and by what a writer would change. The client
 * says when its first process runs a file, and when the last one has ended.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <utlist.h>

#include "server/run_internal.h"

#ifndef AT_EXECVE_CHECK
#define AT_EXECVE_CHECK 0x10000 /* linux/fcntl.h since 6.14 */
#endif
#ifndef AT_EMPTY_PATH
#define AT_EMPTY_PATH 0x1000
#endif

#define FILES_MAX 4096

struct running_file {
	struct running_file *next;
	unsigned int count;
	uint64_t dev;
	uint64_t ino;
	uint64_t size;
	uint64_t sec;
	uint64_t nsec;
};

void running_init(struct running *running)
{
	pthread_mutex_init(&running->lock, NULL);
}

static bool is_same(const struct running_file *a, const struct running_file *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
	       a->sec == b->sec && a->nsec == b->nsec;
}

/* With the lock. */
static struct running_file *find(const struct running *running,
				 const struct running_file *like)
{
	struct running_file *file;

	LL_FOREACH(running->files, file)
	if (is_same(file, like))
		return file;
	return NULL;
}

static int begin(struct running *running, const struct running_file *like)
{
	struct running_file *file = find(running, like);

	if (!file) {
		if (atomic_load(&running->count) == FILES_MAX)
			return -ENOSPC;
		file = malloc(sizeof(*file));
		if (!file)
			return -ENOMEM;
		*file = *like;
		LL_PREPEND(running->files, file);
		atomic_fetch_add(&running->count, 1);
	}
	file->count++;
	return 0;
}

static int end(struct running *running, const struct running_file *like)
{
	struct running_file *file = find(running, like);

	if (!file)
		return -ENOENT;
	if (--file->count)
		return 0;
	LL_DELETE(running->files, file);
	atomic_fetch_sub(&running->count, 1);
	free(file);
	return 0;
}

int64_t running_note(struct run *run, bool *go_on)
{
	struct running *running = &run->worker->session->running;
	const struct value *val = run->req->val;
	struct running_file like = {
		.dev = val[1].num,
		.ino = val[2].num,
		.size = val[3].num,
		.sec = val[4].num,
		.nsec = val[5].num,
	};
	int err;

	*go_on = false;
	pthread_mutex_lock(&running->lock);
	err = val[0].num ? begin(running, &like) : end(running, &like);
	pthread_mutex_unlock(&running->lock);
	return err;
}

static bool is_running(struct running *running, const struct stat *st)
{
	struct running_file like = {
		.dev = st->st_dev,
		.ino = st->st_ino,
		.size = (uint64_t)st->st_size,
		.sec = (uint64_t)st->st_mtim.tv_sec,
		.nsec = (uint64_t)st->st_mtim.tv_nsec,
	};
	bool found;

	pthread_mutex_lock(&running->lock);
	found = find(running, &like);
	pthread_mutex_unlock(&running->lock);
	return found;
}

/* Who may not write it is told so. */
static bool may_write(int fd)
{
	return !syscall(SYS_faccessat2, fd, "", W_OK,
			AT_EMPTY_PATH | AT_EACCESS);
}

bool running_keeps(const struct run *run, int dirfd, const char *path,
		   const struct open_how *how)
{
	struct running *running = &run->worker->session->running;
	struct open_how look = {
		.flags = O_PATH | O_CLOEXEC | (how->flags & O_NOFOLLOW),
		.resolve = how->resolve & ~(uint64_t)RESOLVE_CACHED,
	};
	struct place place;
	struct stat st;
	bool keeps;
	int fd;

	if (!atomic_load(&running->count) || how->flags & O_PATH ||
	    ((how->flags & O_ACCMODE) == O_RDONLY && !(how->flags & O_TRUNC)) ||
	    (how->flags & O_CREAT && how->flags & O_EXCL) ||
	    run_begin(run, &place, dirfd, path, true))
		return false;
	fd = path_open(&place, &look);
	path_end(&place);
	if (fd < 0)
		return false;
	keeps = !fstat(fd, &st) && is_running(running, &st) && may_write(fd);
	close(fd);
	return keeps;
}

int64_t running_truncate(struct run *run, bool *go_on)
{
	struct running *running = &run->worker->session->running;
	const char *path = (const char *)run->reg[0];
	struct stat st;

	*go_on = !atomic_load(&running->count) || !path || stat(path, &st) ||
		 !is_running(running, &st) ||
		 syscall(SYS_faccessat2, AT_FDCWD, path, W_OK, AT_EACCESS);
	return -ETXTBSY;
}

/* A read lease says whether a file is open for writing. */
static int look_for_writers(int dirfd, const char *path, int nofollow)
{
	int err = 0;
	int fd;

	fd = openat(dirfd, path,
		    O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC |
			    (nofollow ? O_NOFOLLOW : 0));
	if (fd < 0)
		return 0; /* its open says why */
	if (fcntl(fd, F_SETLEASE, F_RDLCK))
		err = errno == EAGAIN ? -ETXTBSY : 0;
	close(fd);
	return err;
}

int64_t running_may_exec(struct run *run, bool *go_on)
{
	static const char *const argv[] = { "", NULL };
	static const char *const envp[] = { NULL };
	const char *path = (const char *)run->reg[1];
	int nofollow = (int)run->reg[2] & AT_SYMLINK_NOFOLLOW;
	int dirfd = (int)run->reg[0];

	*go_on = false;
	if (!path || !*path)
		return -ENOENT;
	if (!syscall(SYS_execveat, dirfd, path, argv, envp,
		     AT_EXECVE_CHECK | nofollow))
		return 0;
	/* An older kernel, or a container that forbids it. */
	if (errno != EINVAL && errno != ENOSYS && errno != EPERM)
		return -errno;
	if (syscall(SYS_faccessat2, dirfd, path, X_OK, AT_EACCESS | nofollow))
		return -errno;
	return look_for_writers(dirfd, path, nofollow);
}
