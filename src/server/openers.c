/* Who else on this machine has a file open: /proc says it. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <unistd.h>

#include "call/call.h"
#include "server/openers.h"

/* Those that linux/magic.h has in some versions only, or not. */
#define MAGIC_CIFS 0xff534d42
#define MAGIC_SMB2 0xfe534d42
#define MAGIC_FUSE 0x65735546
#define MAGIC_9P 0x01021997
#define MAGIC_CEPH 0x00c36400
#define MAGIC_GFS2 0x01161970
#define MAGIC_OCFS2 0x7461636f

struct file {
	dev_t dev;
	ino_t ino;
};

/* Other machines may write it without this kernel's knowledge. */
static bool is_elsewhere(int fd)
{
	static const uint32_t magic[] = {
		NFS_SUPER_MAGIC, SMB_SUPER_MAGIC, MAGIC_CIFS, MAGIC_SMB2,
		MAGIC_FUSE,	 MAGIC_9P,	  MAGIC_CEPH, MAGIC_GFS2,
		MAGIC_OCFS2,	 AFS_SUPER_MAGIC,
	};
	struct statfs fs;

	if (fstatfs(fd, &fs))
		return true;
	for (size_t i = 0; i < sizeof(magic) / sizeof(*magic); i++)
		if ((uint32_t)fs.f_type == magic[i])
			return true;
	return false;
}

static bool is_file(int dir, const char *name, const struct file *file)
{
	struct statx stx;

	if (statx(dir, name, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_INO,
		  &stx))
		return false;
	return stx.stx_ino == file->ino &&
	       makedev(stx.stx_dev_major, stx.stx_dev_minor) == file->dev;
}

static int open_below(int dir, const char *format, const char *name, int flags)
{
	char path[NAME_MAX + 32];

	snprintf(path, sizeof(path), format, name);
	return openat(dir, path, O_RDONLY | O_CLOEXEC | flags);
}

/* Is descriptor name of a task for more than reading? */
static bool fd_writes(int task, const char *name)
{
	unsigned int flags = O_RDWR;
	char line[128];
	FILE *f = NULL;
	int fd;

	fd = open_below(task, "fdinfo/%s", name, 0);
	if (fd >= 0)
		f = fdopen(fd, "re");
	if (!f) {
		if (fd >= 0)
			close(fd);
		return errno != ENOENT; /* closed meanwhile */
	}
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "flags: %o", &flags) == 1)
			break;
	fclose(f);
	return (flags & O_ACCMODE) != O_RDONLY && !(flags & O_PATH);
}

/* 0, -EBUSY, or -EPERM */
static int look_at_descriptors(int task, const struct file *file)
{
	DIR *dir = NULL;
	int err = 0;
	int fd;

	fd = open_below(task, "%s", "fd", O_DIRECTORY);
	if (fd >= 0)
		dir = fdopendir(fd);
	if (!dir) {
		err = errno == EACCES || errno == EPERM ? -EPERM : 0;
		if (fd >= 0)
			close(fd);
		return err;
	}
	for (struct dirent *d = readdir(dir); d && !err; d = readdir(dir))
		if (d->d_name[0] != '.' && is_file(fd, d->d_name, file) &&
		    fd_writes(task, d->d_name))
			err = -EBUSY;
	closedir(dir);
	return err;
}

/* Shared mappings outlive descriptors. */
static int look_at_mappings(int task, const struct file *file)
{
	unsigned long lo;
	unsigned long hi;
	char name[64];
	char line[512];
	char perms[8];
	FILE *f = NULL;
	int err = 0;
	int fd;

	fd = open_below(task, "%s", "maps", 0);
	if (fd >= 0)
		f = fdopen(fd, "re");
	if (!f) {
		if (fd >= 0)
			close(fd);
		return errno == EACCES || errno == EPERM ? -EPERM : 0;
	}
	while (!err && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx %7s", &lo, &hi, perms) != 3 ||
		    perms[3] != 's')
			continue;
		snprintf(name, sizeof(name), "map_files/%lx-%lx", lo, hi);
		if (is_file(task, name, file) && perms[1] == 'w')
			err = -EBUSY;
	}
	fclose(f);
	return err;
}

/* The threads of rsc's own servers have tables of their own. */
static int look_at_threads(int process, pid_t pid, const struct file *file)
{
	DIR *dir = NULL;
	int err = 0;
	int tasks;
	int task;

	tasks = open_below(process, "%s", "task", O_DIRECTORY);
	if (tasks >= 0)
		dir = fdopendir(tasks);
	if (!dir) {
		if (tasks >= 0)
			close(tasks);
		return 0;
	}
	for (struct dirent *d = readdir(dir); d && !err; d = readdir(dir)) {
		pid_t tid = atoi(d->d_name);

		if (tid <= 0 || tid == pid ||
		    !syscall(SYS_kcmp, pid, tid, KCMP_FILES, 0, 0))
			continue;
		task = openat(tasks, d->d_name,
			      O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (task < 0)
			continue;
		err = look_at_descriptors(task, file);
		close(task);
	}
	closedir(dir);
	return err;
}

static int look_at_process(int proc, const char *name, const struct file *file)
{
	pid_t pid = atoi(name);
	int process;
	int err;

	if (pid <= 0 || pid == getpid())
		return 0;
	process = openat(proc, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (process < 0)
		return 0;
	err = look_at_descriptors(process, file);
	if (!err)
		err = look_at_mappings(process, file);
	if (!err)
		err = look_at_threads(process, pid, file);
	close(process);
	return err;
}

int openers_look(int fd)
{
	struct file file;
	struct stat st;
	int err = 0;
	DIR *proc;

	if (is_elsewhere(fd) || fstat(fd, &st))
		return -EPERM;
	file = (struct file){ st.st_dev, st.st_ino };
	proc = opendir("/proc");
	if (!proc)
		return -EPERM;
	for (struct dirent *d = readdir(proc); d && !err; d = readdir(proc))
		err = look_at_process(dirfd(proc), d->d_name, &file);
	closedir(proc);
	return err;
}

/* ---- what a waiting thread asks for ---- */

static uint64_t arg_of(const struct legacy *old, const uint64_t *reg,
		       unsigned int i)
{
	if (!old)
		return reg[i];
	if (old->arg[i] >= LEGACY_ARG && old->arg[i] < LEGACY_ARG + CALL_ARGS)
		return reg[old->arg[i] - LEGACY_ARG];
	return (uint64_t)(int64_t)old->arg[i];
}

/* The registers that /proc/TID/syscall shows; the number, or -1. */
static long registers(pid_t tid, uint64_t *reg)
{
	char name[64];
	long nr = -1;
	FILE *f;

	snprintf(name, sizeof(name), "/proc/%d/syscall", tid);
	f = fopen(name, "re");
	if (!f)
		return -1;
	if (fscanf(f, "%ld %lx %lx %lx %lx", &nr, &reg[0], &reg[1], &reg[2],
		   &reg[3]) != 5)
		nr = -1;
	fclose(f);
	return nr;
}

bool openers_writes(pid_t tid)
{
	uint64_t reg[CALL_ARGS] = { 0 };
	const struct legacy *old;
	const struct call *call;
	uint64_t flags;
	long nr;

	nr = tid > 0 ? registers(tid, reg) : -1;
	old = nr < 0 ? NULL : legacy_by_nr(nr);
	call = nr < 0 ? NULL : old ? call_by_name(old->to) : call_by_nr(nr);
	if (!call)
		return true;
	if (!strcmp(call->name, "execve") || !strcmp(call->name, "execveat"))
		return false;
	if (!strcmp(call->name, "openat2")) {
		struct iovec here = { &flags, sizeof(flags) };
		struct iovec there = { (void *)(uintptr_t)reg[2],
				       sizeof(flags) };

		if (process_vm_readv(tid, &here, 1, &there, 1, 0) !=
		    sizeof(flags))
			return true;
	} else if (!strcmp(call->name, "openat") ||
		   !strcmp(call->name, "open_by_handle_at")) {
		flags = arg_of(old, reg, 2);
	} else {
		return true;
	}
	return (flags & O_ACCMODE) != O_RDONLY || flags & O_TRUNC;
}
