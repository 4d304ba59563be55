/* Calls on processes: they go to whoever has the process. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"
#include "tracer/tracee.h"

/* Whom the first PID of a call means. */
enum whom {
	WHOM_US,     /* the caller, or nobody: this kernel says what is wrong */
	WHOM_NUMBER, /* a process or thread */
	WHOM_GROUP,
	WHOM_ALL,   /* kill(-1) */
	WHOM_USERS, /* all that a user has: the server's users */
};

/* getpriority(2) counts the kinds of WHO from 0, ioprio_get(2) from 1. */
static enum whom of_kind(const struct call *call, int32_t kind)
{
	if (!strncmp(call->name, "ioprio", 6))
		kind--;
	switch (kind) {
	case PRIO_PROCESS:
		return WHOM_NUMBER;
	case PRIO_PGRP:
		return WHOM_GROUP;
	case PRIO_USER:
		return WHOM_USERS;
	default:
		return WHOM_US;
	}
}

static enum whom find_whom(const struct tracee *t, pid_t *number)
{
	const struct arg *arg = t->call->arg;
	int32_t n;

	for (unsigned int i = 0; i < CALL_ARGS; i++) {
		if (arg[i].kind != ARG_INT || arg[i].type < IN_PID)
			continue;
		n = (int32_t)t->arg[i];
		*number = n;
		if (arg[i].type == IN_WHO)
			return n > 0 ? of_kind(t->call,
					       (int32_t)t->arg[i - 1]) :
				       WHOM_US;
		if (n > 0)
			return WHOM_NUMBER;
		if (arg[i].type == IN_PID || !n || n == INT32_MIN)
			return WHOM_US;
		*number = -n;
		return n == -1 ? WHOM_ALL : WHOM_GROUP;
	}
	return WHOM_US;
}

/* ---- where there is no namespace ---- */

/* The kernel would signal every process of this machine. */
static void kill_all(struct run *run, struct tracee *t)
{
	int sig = (int)t->arg[1];
	int64_t ret = -ESRCH;

	for (struct tracee *o = run->tracees; o; o = o->by_pid.next) {
		if (o->pid != o->tgid || o->tgid == t->tgid)
			continue;
		if (!kill(o->pid, sig))
			ret = 0;
		else if (ret)
			ret = -errno;
	}
	finish_skip(run, t, ret);
}

static void collided(struct run *run, struct tracee *t)
{
	if (t->req.ret && t->req.ret != -EPERM) {
		let_go(run, t);
		return;
	}
	log_err("%s: process %d is there on both machines: EPERM; run rsc where it may make a pid namespace",
		t->call->name, (int)t->req.val[0].num);
	refuse_call(run, t, EPERM, "a process that is there on both machines");
}

/* A process of the tree, whose number the server might have as well. */
static void ours(struct run *run, struct tracee *t, pid_t number)
{
	struct tracee *other = tree_find(run, number);

	if (run->tree.same || run->tree.apart ||
	    (other && other->tgid == t->tgid)) {
		let_go(run, t);
		return;
	}
	t->req = (struct req){ .call = call_by_name("kill") };
	t->req.val[0].num = (uint64_t)number;
	ask(run, t, collided);
}

void by_pid(struct run *run, struct tracee *t)
{
	pid_t number = 0;

	if (!run->selected[t->call->id]) {
		let_go(run, t);
		return;
	}
	switch (find_whom(t, &number)) {
	case WHOM_US:
		let_go(run, t);
		return;
	case WHOM_ALL:
		if (run->tree.own)
			let_go(run, t);
		else
			kill_all(run, t);
		return;
	case WHOM_NUMBER:
		if (tree_has(run, number)) {
			ours(run, t, number);
			return;
		}
		break;
	case WHOM_GROUP:
		if (tree_has_group(run, number)) {
			let_go(run, t);
			return;
		}
		break;
	case WHOM_USERS:
		break;
	}
	forward(run, t);
}
