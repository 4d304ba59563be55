/* sysfs(2): its first argument decides what the others are. */
#include <errno.h>
#include <string.h>

#include "call/types.h"
#include "tracer/hooks.h"
#include "tracer/memory.h"

enum { INDEX_OF_NAME = 1, NAME_OF_INDEX };

/* As much of the buffer as the name takes: nobody knows how long it is. */
static void named(struct run *run, struct tracee *t)
{
	const char *name = (const char *)t->req.val[3].data;
	int64_t ret = t->req.ret;
	size_t len;

	if (ret >= 0 && name) {
		len = strnlen(name, sizeof(struct kernel_fs_name) - 1) + 1;
		if (memory_write(t->pid, t->arg[3], name, len))
			ret = -EFAULT;
	}
	finish_skip(run, t, ret);
}

void hook_sysfs(struct run *run, struct tracee *t)
{
	const int what = (int)t->arg[0];
	const uint64_t first = t->arg[1];
	const uint64_t second = t->arg[2];

	if (!run->selected[t->call->id]) {
		let_go(run, t);
		return;
	}
	t->arg[1] = what == INDEX_OF_NAME ? first : 0;
	t->arg[2] = what == NAME_OF_INDEX ? first : 0;
	t->arg[3] = what == NAME_OF_INDEX ? second : 0;
	t->if_remote = named;
	forward(run, t);
}
