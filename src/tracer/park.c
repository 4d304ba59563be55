/*
 * Slow calls: the tracee waits where signals reach it.
 *
 * Theory of Operation. A tracee whose reply does not come at once is put into
 * pause(2) (or ppoll) and continued, so that job control, kill and handlers
 * work as if its call blocked here. When the reply comes it is interrupted and
 * the result put in. A call whose end needs a seccomp stop (an open, whose
 * placeholder has to be made) is made again and meets its reply there.
 *
 * A signal that has a handler has to know first whether the call happened:
 * the server is asked to give it up, and its answer decides. It happened: the
 * result goes in, then the handler runs. It did not (EINTR): the kernel sees
 * an interrupted call and chooses between EINTR and a restart. Other signals
 * are delivered at once; the kernel makes the wait again by itself.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>

#include "base/log.h"
#include "base/status.h"
#include "tracer/own_filter.h"
#include "tracer/rights.h"

#define SLOW_NSEC 1000000L
#define EXIT_NSEC 2000000000L /* the dead wait so long for their closes */

static long long age(const struct tracee *t, const struct timespec *now)
{
	return (now->tv_sec - t->start.tv_sec) * 1000000000LL + now->tv_nsec -
	       t->start.tv_nsec;
}

/* A server that stands still keeps nobody alive. Returns ms still to wait. */
static int exit_slow(struct run *run, struct tracee *t,
		     const struct timespec *now)
{
	long long left = EXIT_NSEC - age(t, now);

	if (left > 0)
		return (int)(left / 1000000) + 1;
	log_warn("process %d ends before the server has closed what it had open: no answer",
		 t->pid);
	tracee_answered(run, t);
	t->state = T_RUNNING;
	t->then = NULL;
	ptrace(PTRACE_CONT, t->pid, 0, 0);
	return -1;
}

static long wait_nr(void)
{
	return call_nr(call_by_name(ARCH_WAIT));
}

int park_slow(struct run *run)
{
	struct timespec now;
	struct tracee *next;
	struct tracee *t;
	int timeout = -1;
	int left;

	if (!run->asking)
		return -1;
	clock_gettime(CLOCK_MONOTONIC, &now);
	for (t = run->asking; t; t = next) {
		next = t->ask_next;
		if (t->exiting) {
			left = exit_slow(run, t, &now);
			if (left >= 0 && (timeout < 0 || left < timeout))
				timeout = left;
			continue;
		}
		if (t->still || t->chore)
			continue;
		if (age(t, &now) < SLOW_NSEC)
			return PARK_SOON;
		/* It stays at its stop, where no signal reaches it. */
		if (!own_filter_allows(t->own_filter, wait_nr(), &t->regs))
			continue;
		tracee_asks_no_more(run, t);
		if (arch_put_wait(t->pid))
			continue; /* it is being killed */
		t->state = T_PARKED;
		t->answered = false;
		t->signal = 0;
		ptrace(PTRACE_CONT, t->pid, 0, 0);
	}
	return timeout;
}

static bool is_caught(pid_t pid, int sig)
{
	return status_mask(pid, "SigCgt") >> (sig - 1) & 1;
}

bool park_keep(struct run *run, struct tracee *t, int sig)
{
	return t->rejoin && !scratch_again(t) && is_caught(t->pid, sig) &&
	       signal_keep(run, t);
}

/* Puts the reply in, or has the call made again to meet it. */
static void complete(struct run *run, struct tracee *t)
{
	bool plain = t->then == finish_reply && !t->more &&
		     !shared_is_late(run, t);
	int64_t ret = plain ? store(t) : 0;

	t->state = T_RUNNING;
	if (plain && reply_left(t, ret)) {
		t->result = ret;
		t->then = finish_left;
		plain = false;
	}
	if (!plain) {
		t->rejoin = true;
		arch_wait_again(t->pid, &t->regs);
		return;
	}
	t->then = NULL;
	ret = whole_result(t, ret);
	raise_for(t, ret);
	account(run, t, ret);
	arch_wait_result(t->pid, &t->regs, ret);
	arena_reset(&t->arena);
}

/*
 * The reply is here, and a handler will run next. The signal to deliver now:
 * none when it has to wait until a call that happened is at its end.
 */
static int complete_before_handler(struct run *run, struct tracee *t, int sig)
{
	if (t->req.ret != -EINTR || t->at) {
		if ((t->then != finish_reply || t->more) && signal_keep(run, t))
			sig = 0;
		complete(run, t);
		return sig;
	}
	t->state = T_RUNNING;
	t->then = NULL;
	arch_wait_interrupted(t->pid, &t->regs);
	rights_drop(run, t);
	arena_reset(&t->arena);
	return sig;
}

void park_answer(struct run *run, struct tracee *t)
{
	int sig = t->signal;

	t->answered = true;
	if (!sig) {
		ptrace(PTRACE_INTERRUPT, t->pid, 0, 0);
		return;
	}
	t->signal = 0;
	sig = complete_before_handler(run, t, sig);
	ptrace(PTRACE_CONT, t->pid, 0, sig);
}

void park_stop(struct run *run, struct tracee *t, int event, int sig)
{
	bool group = event == PTRACE_EVENT_STOP && sig != SIGTRAP;

	if (event == PTRACE_EVENT_STOP) {
		if (t->answered)
			complete(run, t);
		if (group)
			group_stop(run, t, sig);
		else
			ptrace(PTRACE_CONT, t->pid, 0, 0);
		return;
	}
	if (!is_caught(t->pid, sig)) {
		if (t->answered)
			complete(run, t);
		ptrace(PTRACE_CONT, t->pid, 0, sig);
		return;
	}
	if (t->answered) {
		sig = complete_before_handler(run, t, sig);
		ptrace(PTRACE_CONT, t->pid, 0, sig);
		return;
	}
	t->signal = sig;
	tell_cancel(run, t);
}
