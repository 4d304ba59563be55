/* Runs one decoded call: a row and native values become a system call. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/log.h"
#include "server/run.h"

#define PROC_MAGIC 0x9fa0

static bool has(const struct handles *h, uint64_t fd)
{
	return fd < HANDLES_MAX && h->bit[fd / 8] >> (fd % 8) & 1;
}

static void add(struct handles *h, int64_t fd)
{
	h->bit[fd / 8] |= (unsigned char)(1 << (fd % 8));
}

static void take(struct handles *h, uint64_t fd)
{
	h->bit[fd / 8] &= (unsigned char)~(1 << (fd % 8));
}

/* True when pid is a process of this program. */
static bool is_ours(const char *pid)
{
	struct stat ours;
	struct stat its;
	char name[64];

	if (!strcmp(pid, "self") || !strcmp(pid, "thread-self"))
		return true;
	snprintf(name, sizeof(name), "/proc/%.32s/exe", pid);
	return !stat("/proc/self/exe", &ours) && !stat(name, &its) &&
	       ours.st_dev == its.st_dev && ours.st_ino == its.st_ino;
}

/*
 * True when fd lies below /proc of an rsc process: a write to its mem would
 * own the server. The opened object is asked, so no spelling helps.
 */
static bool is_own_proc(int fd)
{
	struct statfs fs;
	char link[64];
	char name[PATH_MAX];
	char *pid;
	ssize_t n;

	if (fstatfs(fd, &fs) || fs.f_type != PROC_MAGIC)
		return false;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, name, sizeof(name) - 1);
	if (n < 0)
		return true;
	name[n] = 0;
	if (strncmp(name, "/proc/", 6))
		return name[0] != '/' || strcmp(name, "/proc");
	pid = name + 6;
	pid[strcspn(pid, "/")] = 0;
	return is_ours(pid);
}

/* Refuses a path whose directory or object is /proc of an rsc process. */
static int check_path(int dirfd, const char *path)
{
	char dir[PATH_MAX];
	char *slash;
	int fd;
	bool own;

	fd = openat(dirfd, *path ? path : ".", O_PATH | O_CLOEXEC);
	if (fd < 0) {
		strcpy(dir, path);
		slash = strrchr(dir, '/');
		if (slash)
			slash[slash == dir] = 0;
		fd = openat(dirfd, slash ? dir : ".", O_PATH | O_CLOEXEC);
		if (fd < 0)
			return 0;	/* the call itself says why */
	}
	own = is_own_proc(fd);
	close(fd);
	if (own)
		return -EACCES;
	/* The link itself: /proc/self names the session to nobody. */
	fd = openat(dirfd, *path ? path : ".",
		    O_PATH | O_NOFOLLOW | O_CLOEXEC);
	own = fd >= 0 && is_own_proc(fd);
	if (fd >= 0)
		close(fd);
	return own ? -EACCES : 0;
}

static bool modifies(const struct call *call)
{
	static const char *const names[] = {
		"mkdirat",	"unlinkat",    "renameat",     "renameat2",
		"linkat",	"symlinkat",   "mknodat",      "fchmodat",
		"fchmodat2",	"fchownat",    "utimensat",    "truncate",
		"setxattr",	"lsetxattr",   "removexattr",  "lremovexattr",
		"utime",	"utimes",      "futimesat",    "fchmod",
		"fchown",	"fsetxattr",   "fremovexattr",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!strcmp(call->name, names[i]))
			return true;
	return false;
}

static int check(struct req *req, const struct handles *handles, bool read_only)
{
	const struct call *call = req->call;

	if (call->verdict == V_LOCAL || call->verdict == V_REFUSED ||
	    call_nr(call) < 0)
		return -ENOSYS;
	if (call->verdict == V_SPLIT && strcmp(call->name, "close") &&
	    strcmp(call->name, "fcntl") && strcmp(call->name, "getcwd") &&
	    strcmp(call->name, "clock_gettime"))
		return -ENOSYS;
	for (unsigned int i = 0; i < CALL_ARGS; i++) {
		const struct arg *arg = &call->arg[i];
		uint64_t num = req->val[i].num;
		int err;

		if (arg->kind == ARG_FD && !has(handles, num))
			return -EBADF;
		if (arg->kind == ARG_DIRFD && (int64_t)num != AT_FDCWD &&
		    !has(handles, num))
			return -EBADF;
		if (arg->kind != ARG_PATH || !num)
			continue;
		err = check_path(i && call->arg[i - 1].kind == ARG_DIRFD ?
					 (int)req->val[i - 1].num :
					 AT_FDCWD,
				 (char *)req->val[i].data);
		if (err)
			return err;
	}
	if (!read_only)
		return 0;
	if (modifies(call) ||
	    (!strcmp(call->name, "openat") &&
	     (req->val[2].num & (O_ACCMODE | O_CREAT | O_TRUNC))))
		return -EROFS;
	return 0;
}

void run_call(struct req *req, struct handles *handles, bool read_only)
{
	const struct call *call = req->call;
	struct iovec iov;
	long arg[CALL_ARGS];
	long ret;
	int err;

	err = check(req, handles, read_only);
	if (!err && !strcmp(call->name, "fcntl") &&
	    (int)req->val[1].num != F_GETFL && (int)req->val[1].num != F_SETFL)
		err = -EINVAL;
	if (err) {
		req->ret = err;
		return;
	}
	for (unsigned int i = 0; i < CALL_ARGS; i++) {
		struct value *v = &req->val[i];

		arg[i] = (long)v->num;
		if (v->data)
			arg[i] = (long)(uintptr_t)v->data;
		if (call->arg[i].kind == ARG_IOV_IN ||
		    call->arg[i].kind == ARG_IOV_OUT) {
			iov = (struct iovec){ v->data, v->len };
			arg[i] = (long)(uintptr_t)&iov;
		}
	}
	for (unsigned int i = 0; i < CALL_ARGS; i++)
		if (call->arg[i].kind == ARG_IOV_IN ||
		    call->arg[i].kind == ARG_IOV_OUT)
			arg[call->arg[i].len] = 1;
	if (!strcmp(call->name, "openat"))
		arg[2] |= O_CLOEXEC | O_NOCTTY;
	if (!strcmp(call->name, "close"))
		take(handles, req->val[0].num);
	ret = syscall(call_nr(call), arg[0], arg[1], arg[2], arg[3], arg[4],
		      arg[5]);
	req->ret = ret < 0 ? -errno : ret;
	if (call->ret != RET_FD || ret < 0)
		return;
	if (ret >= HANDLES_MAX || is_own_proc((int)ret)) {
		close((int)ret);
		req->ret = ret >= HANDLES_MAX ? -EMFILE : -EACCES;
		return;
	}
	add(handles, ret);
}
