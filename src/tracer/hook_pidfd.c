/* pidfd_getfd(2): a copy of another process's descriptor. */
#include <errno.h>
#include <stdio.h>

#include "base/log.h"
#include "tracer/hooks.h"

/* The process that descriptor fd of t stands for, or NULL. */
static struct tracee *target(struct run *run, const struct tracee *t, int fd)
{
	char name[64];
	char line[128];
	pid_t pid = -1;
	FILE *f;

	snprintf(name, sizeof(name), "/proc/%d/fdinfo/%d", t->pid, fd);
	f = fopen(name, "re");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "Pid: %d", &pid) == 1)
			break;
	if (f)
		fclose(f);
	return pid > 0 ? tracee_find(run, pid) : NULL;
}

/* The table is the same, so the copy is as one of dup(2). */
static void copied(struct run *run, struct tracee *t)
{
	struct entry *e = files_get(t->files, (int32_t)t->arg[1]);
	int64_t fd = t->regs.ret;

	if (fd >= 0 && e)
		files_set(t->files, (int)fd, e->handle, e->remote);
	finish_exit(run, t, fd);
}

void hook_pidfd_getfd(struct run *run, struct tracee *t)
{
	struct tracee *from = target(run, t, (int32_t)t->arg[0]);
	int fd = (int32_t)t->arg[1];

	if (!from || !files_get(from->files, fd)) {
		let_go(run, t);
	} else if (from->files == t->files && !run->fds_high) {
		let_go_then(run, t, copied);
	} else {
		log_err("pidfd_getfd: descriptor %d of process %d is the server's and cannot be copied: EPERM; it can be sent in a message",
			fd, from->tgid);
		refuse_call(run, t, EPERM, "a descriptor of the server");
	}
}
