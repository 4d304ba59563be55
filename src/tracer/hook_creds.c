/* Credentials that the table cannot describe: groups, capabilities. */
#include <errno.h>
#include <linux/capability.h>

#include "call/types.h"
#include "tracer/hooks.h"
#include "tracer/memory.h"

#define GROUP_SIZE 4
#define GROUPS_MAX 65536

static void groups_answered(struct run *run, struct tracee *t)
{
	int64_t ret = store(t);

	finish_both(run, t, ret > 0 ? ret / GROUP_SIZE : ret);
}

/* On the wire the size is one of bytes, as that of any other buffer. */
void hook_groups(struct run *run, struct tracee *t)
{
	int32_t count = (int32_t)t->arg[0];
	uint64_t size = t->arg[0];
	int err;

	if (!run->selected[t->call->id]) {
		let_go(run, t);
		return;
	}
	if (count < 0 || (count > GROUPS_MAX && t->call->ret != RET_SIZE)) {
		finish_skip(run, t, -EINVAL);
		return;
	}
	if (count > GROUPS_MAX)
		count = GROUPS_MAX;
	t->arg[0] = (uint64_t)count * GROUP_SIZE;
	err = fetch(t);
	t->arg[0] = size;
	if (err)
		finish_skip(run, t, err);
	else
		ask(run, t, groups_answered);
}

/* Bytes of the sets in this version of the interface; 0: there is none. */
static size_t sets_size(uint32_t version)
{
	switch (version) {
	case _LINUX_CAPABILITY_VERSION_1:
		return sizeof(struct kernel_cap_sets) / 2;
	case _LINUX_CAPABILITY_VERSION_2:
	case _LINUX_CAPABILITY_VERSION_3:
		return sizeof(struct kernel_cap_sets);
	default:
		return 0;
	}
}

static void capget_answered(struct run *run, struct tracee *t)
{
	struct value *sets = &t->req.val[1];
	int64_t ret = t->req.ret;
	size_t size = t->at;

	t->at = 0;
	if (!ret && memory_write(t->pid, t->arg[1], sets->data, size))
		ret = -EFAULT;
	finish_skip(run, t, ret);
}

static void capset_answered(struct run *run, struct tracee *t)
{
	finish_both(run, t, t->req.ret);
}

/*
 * Whose sets: 0 for the thread itself, the task's number, negative, for a
 * thread of the program, and every other number is a process of the server.
 */
static int32_t whose(struct run *run, struct tracee *t, int32_t pid)
{
	struct tracee *other;

	if (!pid || pid == tree_number(run, t))
		return 0;
	other = tree_find(run, pid);
	return other ? -(int32_t)other->task : pid;
}

/* The wire has version 3 alone, whatever the program speaks. */
void hook_caps(struct run *run, struct tracee *t)
{
	struct kernel_cap_header *header;
	struct kernel_cap_sets *sets;
	bool get = t->call->arg[1].kind == ARG_STRUCT_OUT;
	size_t size;

	header = arena_alloc(&t->arena, sizeof(*header));
	sets = arena_alloc(&t->arena, sizeof(*sets));
	/* What this kernel refuses needs no other. */
	if (!run->selected[t->call->id] || !header || !sets || !t->arg[1] ||
	    memory_read(t->pid, t->arg[0], header, sizeof(*header)) ||
	    !(size = sets_size(header->version)) || header->pid < 0) {
		let_go(run, t);
		return;
	}
	header->version = _LINUX_CAPABILITY_VERSION_3;
	header->pid = whose(run, t, header->pid);
	*sets = (struct kernel_cap_sets){ 0 };
	if (!get && memory_read(t->pid, t->arg[1], sets, size)) {
		finish_skip(run, t, -EFAULT);
		return;
	}
	t->req = (struct req){ .call = t->call };
	t->req.val[0].num = 1;
	t->req.val[0].data = (uint8_t *)header;
	t->req.val[0].len = sizeof(*header);
	t->req.val[1].num = 1;
	t->req.val[1].data = get ? NULL : (uint8_t *)sets;
	t->req.val[1].len = sizeof(*sets);
	t->at = get ? size : 0;
	ask(run, t, get ? capget_answered : capset_answered);
}

void tell_exec(struct run *run, struct tracee *t)
{
	struct req req = { .call = call_by_name("rsc_exec") };

	if (run->selected[call_by_name("setresuid")->id])
		tell(run, t, &req);
}
