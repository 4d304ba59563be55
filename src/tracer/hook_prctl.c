/*
 * prctl(2): credentials are the server's, the rest this kernel's.
 *
 * Three things this kernel would answer for rsc, and the tracer answers for the
 * program: the seccomp mode and no_new_privs, which rsc's own filter needs; and
 * dumpable, which would hide the program's memory from a tracer without
 * CAP_SYS_PTRACE.
 */
#include <errno.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/status.h"
#include "tracer/hooks.h"
#include "tracer/own_filter.h"
#include "tracer/program.h"

/* Options that take nothing have zeros, but for the eldest. */
static bool has_rest(const struct tracee *t, unsigned int first)
{
	for (unsigned int i = first; i < 5; i++)
		if (t->arg[i])
			return true;
	return false;
}

static void get_dumpable(struct run *run, struct tracee *t)
{
	if (t->program->hidden)
		finish_skip(run, t, 0);
	else
		let_go(run, t);
}

static void set_dumpable(struct run *run, struct tracee *t)
{
	if (status_capable(getpid(), CAP_SYS_PTRACE) || t->arg[1] > 1) {
		let_go(run, t);
		return;
	}
	t->program->hidden = !t->arg[1];
	finish_skip(run, t, 0);
}

static void get_no_new_privs(struct run *run, struct tracee *t)
{
	finish_skip(run, t, has_rest(t, 1) ? -EINVAL : t->no_new_privs);
}

static void no_new_privs_set(struct run *run, struct tracee *t)
{
	if (!t->regs.ret)
		t->no_new_privs = true;
	finish_exit(run, t, t->regs.ret);
}

static void set_no_new_privs(struct run *run, struct tracee *t)
{
	let_go_then(run, t, no_new_privs_set);
}

/* A program that has had strict mode put on it could not ask. */
static void get_seccomp(struct run *run, struct tracee *t)
{
	finish_skip(run, t,
		    status_number(t->pid, "Seccomp_filters") > 1 ?
			    SECCOMP_MODE_FILTER :
			    SECCOMP_MODE_DISABLED);
}

static const struct option {
	uint32_t number;
	void (*hook)(struct run *run, struct tracee *t);
} options[] = {
	{ PR_GET_DUMPABLE, get_dumpable },
	{ PR_SET_DUMPABLE, set_dumpable },
	{ PR_GET_NO_NEW_PRIVS, get_no_new_privs },
	{ PR_SET_NO_NEW_PRIVS, set_no_new_privs },
	{ PR_GET_SECCOMP, get_seccomp },
	{ PR_SET_SECCOMP, hook_seccomp },
};

void hook_prctl(struct run *run, struct tracee *t)
{
	const struct call *row = call_by_request(t->call, (uint32_t)t->arg[0]);

	for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++)
		if (options[i].number == (uint32_t)t->arg[0]) {
			options[i].hook(run, t);
			return;
		}
	if (!row || !run->selected[t->call->id]) {
		let_go(run, t);
		return;
	}
	t->call = row;
	forward(run, t);
}
