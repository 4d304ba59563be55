/*
 * Whose a record lock is. To the kernel all tasks of a session are one process,
 * so F_GETLK names the session. fdinfo tells which table holds the lock.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/run_internal.h"

/* Does this line of fdinfo tell of the lock? */
static bool is_lock(const char *line, const struct flock *lock)
{
	char want[24] = "EOF";
	char type[16];
	char end[24];
	int64_t start;

	if (lock->l_len)
		snprintf(want, sizeof(want), "%" PRId64,
			 (int64_t)(lock->l_start + lock->l_len - 1));
	return sscanf(line,
		      "lock:\t%*d: POSIX %*s %15s %*d %*s %" SCNd64 " %23s",
		      type, &start, end) == 3 &&
	       !strcmp(type, lock->l_type == F_WRLCK ? "WRITE" : "READ") &&
	       start == lock->l_start && !strcmp(end, want);
}

static bool tells_of(int dir, const char *name, const struct flock *lock)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
	bool found = false;
	char line[256];

	while (file && !found && fgets(line, sizeof(line), file))
		found = is_lock(line, lock);
	if (file)
		fclose(file);
	else if (fd >= 0)
		close(fd);
	return found;
}

/* Is descriptor name of thread tid the file of st? */
static bool is_file(pid_t tid, const char *name, const struct stat *st)
{
	struct stat other;
	char path[64];

	snprintf(path, sizeof(path), "self/task/%d/fd/%.16s", tid, name);
	return fstatat(path_proc(), path, &other, 0) == 0 &&
	       other.st_dev == st->st_dev && other.st_ino == st->st_ino;
}

/* Does the table of thread tid hold the lock on the file of st? */
static bool holds(pid_t tid, const struct flock *lock, const struct stat *st)
{
	struct dirent *entry;
	bool found = false;
	char name[64];
	DIR *dir;
	int fd;

	snprintf(name, sizeof(name), "self/task/%d/fdinfo", tid);
	fd = openat(path_proc(), name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd < 0 ? NULL : fdopendir(fd);
	while (dir && !found && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			found = tells_of(fd, entry->d_name, lock) &&
				is_file(tid, entry->d_name, st);
	if (dir)
		closedir(dir);
	else if (fd >= 0)
		close(fd);
	return found;
}

/* The task with that lock, or 0. */
static uint32_t holder(struct session *session, const struct flock *lock,
		       const struct stat *st)
{
	struct worker *worker;
	uint32_t task = 0;
	size_t i;

	pthread_mutex_lock(&session->tasks_lock);
	for (i = 0; i < SESSION_BUCKETS && !task; i++)
		for (worker = session->workers[i]; worker && !task;
		     worker = worker->next)
			if (holds(worker_tid(worker), lock, st))
				task = worker->task;
	pthread_mutex_unlock(&session->tasks_lock);
	return task;
}

int64_t locks_get(struct run *run, bool *go_on)
{
	struct flock *lock = (void *)run->req->val[2].data;
	struct stat st;
	int64_t ret;

	*go_on = false;
	ret = run_make(run);
	if (ret < 0 || !lock || lock->l_type == F_UNLCK ||
	    lock->l_pid != getpid() || fstat((int)run->reg[0], &st) < 0)
		return ret;
	lock->l_pid = WIRE_LOCK_TASK(holder(run->worker->session, lock, &st));
	return ret;
}
