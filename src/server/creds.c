/*
 * Hooks of the calls on credentials. Those are the kernel's own, of the thread
 * that is the task's twin: the calls are made raw, because the C library would
 * change every thread of the session, which is other processes of the client.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "call/types.h"
#include "server/path.h"
#include "server/run_internal.h"

/* The wire says bytes, the kernel groups. */

int64_t creds_getgroups(struct run *run, bool *go_on)
{
	long ret = syscall(SYS_getgroups, run->reg[0] / sizeof(gid_t),
			   run->reg[1]);

	*go_on = false;
	return ret < 0 ? -errno : ret * (long)sizeof(gid_t);
}

int64_t creds_setgroups(struct run *run, bool *go_on)
{
	*go_on = true;
	run->reg[0] /= sizeof(gid_t);
	return 0;
}

/* A negative number is that of a task of this client. */
int64_t creds_capget(struct run *run, bool *go_on)
{
	struct kernel_cap_header *header = (void *)run->req->val[0].data;

	*go_on = true;
	if (!header || header->pid >= 0)
		return 0;
	header->pid = frames_tid(run->worker->session, -(uint32_t)header->pid);
	*go_on = header->pid > 0;
	return -ESRCH;
}

/* The capabilities that prctl answers for with 1. */
static uint64_t ask_each(int option, int command)
{
	uint64_t set = 0;
	int cap;

	for (cap = 0; cap <= CAP_LAST_CAP; cap++)
		if (prctl(option, command < 0 ? cap : command,
			  command < 0 ? 0 : cap, 0, 0) == 1)
			set |= UINT64_C(1) << cap;
	return set;
}

static void limit(uint32_t *low, uint32_t *high, uint64_t set)
{
	*low &= (uint32_t)set;
	*high &= (uint32_t)(set >> 32);
}

/*
 * capabilities(7), "Transformation of capabilities during execve()". What a
 * thread has given up the kernel gives back at a real execve only, so a root
 * that dropped capabilities stays without them.
 */
static int64_t exec_caps(bool root, bool is_effective)
{
	struct kernel_cap_header header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct kernel_cap_sets old = { 0 };
	struct kernel_cap_sets new;
	uint64_t kept;

	if (syscall(SYS_capget, &header, &old) < 0)
		return -errno;
	new = old;
	kept = root ? ask_each(PR_CAPBSET_READ, -1) | old.inheritable |
			       (uint64_t)old.inheritable_high << 32 :
		      ask_each(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET);
	limit(&new.permitted, &new.permitted_high, kept);
	new.effective = is_effective ? new.permitted : 0;
	new.effective_high = is_effective ? new.permitted_high : 0;
	if (!memcmp(&new, &old, sizeof(new)))
		return 0;
	return syscall(SYS_capset, &header, &new) < 0 ? -errno : 0;
}

int64_t creds_exec(struct run *run, bool *go_on)
{
	int bits = prctl(PR_GET_SECUREBITS);
	uid_t uid[3];
	gid_t gid[3];
	bool root;

	(void)run;
	*go_on = false;
	if (bits < 0 || syscall(SYS_getresuid, &uid[0], &uid[1], &uid[2]) < 0 ||
	    syscall(SYS_getresgid, &gid[0], &gid[1], &gid[2]) < 0)
		return -errno;
	if (uid[2] != uid[1] && syscall(SYS_setresuid, -1, -1, uid[1]) < 0)
		return -errno;
	if (gid[2] != gid[1] && syscall(SYS_setresgid, -1, -1, gid[1]) < 0)
		return -errno;
	if (bits & SECBIT_KEEP_CAPS)
		prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0);
	root = !(bits & SECBIT_NOROOT) && (!uid[0] || !uid[1]);
	return exec_caps(root, !root || !uid[1]);
}

/* The lines of /proc/PID/status that are about credentials. */
static bool is_about_creds(const char *line)
{
	static const char *const labels[] = { "Uid:", "Gid:", "Groups:", "Cap" };

	for (size_t i = 0; i < sizeof(labels) / sizeof(*labels); i++)
		if (!strncmp(line, labels[i], strlen(labels[i])))
			return true;
	return false;
}

/* Whose they are is a task of this client. */
int64_t creds_status(struct run *run, bool *go_on)
{
	struct value *val = run->req->val;
	char name[64];
	char *line = NULL;
	size_t size = 0;
	size_t len = 0;
	ssize_t n;
	pid_t tid;
	FILE *f;
	int fd;

	*go_on = false;
	tid = frames_tid(run->worker->session, (uint32_t)val[0].num);
	if (tid <= 0 || !val[1].data)
		return -ESRCH;
	snprintf(name, sizeof(name), "self/task/%d/status", tid);
	fd = openat(path_proc(), name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -ESRCH;
	f = fdopen(fd, "r");
	if (!f) {
		close(fd);
		return -ENOMEM;
	}
	while ((n = getline(&line, &size, f)) > 0) {
		if (!is_about_creds(line) || len + (size_t)n > val[1].len)
			continue;
		memcpy(val[1].data + len, line, (size_t)n);
		len += (size_t)n;
	}
	free(line);
	fclose(f);
	return (int64_t)len;
}
