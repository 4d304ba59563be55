/*
 * Data for files that are open with O_DIRECT. The kernel takes it only from
 * memory that is aligned for the device, and the bytes of a request are where
 * its frame has them: when it says EINVAL, they are moved, and it is asked
 * again.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "server/run_internal.h"

#define ALIGNMENT 4096 /* no device wants more */

/* The argument with the data, or CALL_ARGS. */
static unsigned int data_of(const struct call *call)
{
	unsigned int i;

	if (call->arg[0].kind != ARG_FD || call->ret != RET_LEN)
		return CALL_ARGS;
	for (i = 1; i < CALL_ARGS; i++) {
		switch (call->arg[i].kind) {
		case ARG_IN:
		case ARG_OUT:
		case ARG_IOV_IN:
		case ARG_IOV_OUT:
			return i;
		default:
			break;
		}
	}
	return CALL_ARGS;
}

static void move(struct run *run, unsigned int i, void *to)
{
	if (run->reg[i] == (uintptr_t)&run->iov[i])
		run->iov[i].iov_base = to;
	else
		run->reg[i] = (uintptr_t)to;
}

int64_t direct_again(struct run *run)
{
	unsigned int i = data_of(run->req->call);
	struct value *val;
	void *copy = NULL;
	int64_t ret;
	bool out;
	int fl;

	if (i == CALL_ARGS)
		return -EINVAL;
	val = &run->req->val[i];
	fl = fcntl((int)run->reg[0], F_GETFL);
	if (fl < 0 || !(fl & O_DIRECT) || !val->data || !val->len)
		return -EINVAL;
	if (posix_memalign(&copy, ALIGNMENT, val->len))
		return -ENOMEM;
	out = run->req->call->arg[i].kind == ARG_OUT ||
	      run->req->call->arg[i].kind == ARG_IOV_OUT;
	if (!out)
		memcpy(copy, val->data, val->len);
	move(run, i, copy);
	ret = run_make(run);
	if (out && ret > 0)
		memcpy(val->data, copy, (size_t)ret);
	free(copy);
	return ret;
}
