/* The event loop over ptrace stops and the channel. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "call/wire.h"
#include "tracer/abi.h"
#include "tracer/hooks.h"
#include "tracer/memory.h"
#include "tracer/own_filter.h"
#include "tracer/tracee.h"
#include "tracer/vdso.h"

/* Where PT_INTERP's text lies, by the auxiliary vector and the maps. */
static void find_loader(struct tracee *t)
{
	unsigned long entry[2];
	unsigned long base = 0;
	char name[64];
	char line[PATH_MAX + 128];
	char path[PATH_MAX] = "";
	FILE *f;

	snprintf(name, sizeof(name), "/proc/%d/auxv", t->pid);
	f = fopen(name, "re");
	if (!f)
		return;
	while (fread(entry, sizeof(entry), 1, f) == 1 && entry[0] != AT_NULL)
		if (entry[0] == AT_BASE)
			base = entry[1];
	fclose(f);
	snprintf(name, sizeof(name), "/proc/%d/maps", t->pid);
	f = base ? fopen(name, "re") : NULL;
	if (!f)
		return;
	while (fgets(line, sizeof(line), f)) {
		char here[PATH_MAX] = "";
		unsigned long lo;
		unsigned long hi;

		if (sscanf(line, "%lx-%lx %*s %*s %*s %*s %4095[^\n]", &lo, &hi,
			   here) < 3)
			continue;
		if (lo == base)
			strcpy(path, here);
		if (*path && !strcmp(path, here)) {
			if (!t->program->loader_lo)
				t->program->loader_lo = lo;
			t->program->loader_hi = hi;
		}
	}
	fclose(f);
}

/* The other threads of t's process are gone. */
static void bury_threads(struct run *run, const struct tracee *t)
{
	struct tracee *other;

again:
	for (other = run->tracees; other; other = other->by_pid.next) {
		if (other == t || other->tgid != t->tgid)
			continue;
		tracee_gone(run, other);
		goto again;
	}
}

static void go_on(struct run *run, struct tracee *t)
{
	(void)run;
	ptrace(PTRACE_CONT, t->pid, 0, 0);
}

/* The other threads are gone, and what was CLOEXEC with them. */
static void on_exec(struct run *run, struct tracee *t)
{
	unsigned long old = 0;
	struct tracee *other;
	bool here;
	bool seen;

	ptrace(PTRACE_GETEVENTMSG, t->pid, 0, &old);
	if (old && (pid_t)old != t->pid) {
		/* A thread that was not the leader takes the leader's id. */
		other = tracee_find(run, (pid_t)old);
		if (other) {
			pid_t pid = t->pid;

			tracee_gone(run, t);
			tracee_set_pid(run, other, pid);
			t = other;
		}
	}
	bury_threads(run, t);
	t->tgid = t->pid;
	t->state = T_RUNNING;
	t->then = NULL;
	maps_unref(t->maps, keeper_release, run);
	t->maps = NULL;
	lazy_sweep(run);
	if (tracee_unshare(run, t, SPAWN_FS)) {
		kill(t->pid, SIGKILL);
		return;
	}
	seen = tracee_drop_closed(run, t);
	tell_exec(run, t);
	if (abi_is_foreign(t->pid)) {
		log_err("process %d runs a program of 32 bits: killed", t->pid);
		kill(t->pid, SIGKILL);
		return;
	}
	if (exec_done(run, t, &here)) {
		kill(t->pid, SIGKILL);
		return;
	}
	t->launching = false;
	signal_release(t);
	if (here)
		find_loader(t);
	if (vdso_hides_calls(run) && vdso_hide(t->pid) && !tracee_dies(t))
		log_err("the vDSO of process %d cannot be hidden: it reads this machine's clocks",
			t->pid);
	settle(run, t, seen, true, go_on);
}

/* ---- death: what it held is closed before anybody can see it dead ---- */

/* Nobody else will use its descriptors. */
static bool files_last(const struct run *run, const struct tracee *t)
{
	struct tracee *o = t->files->refs == 1 ? NULL : run->tracees;

	while (o && (o == t || o->files != t->files || o->exiting))
		o = o->by_pid.next;
	return !o;
}

static bool maps_last(const struct run *run, const struct tracee *t)
{
	struct tracee *o = t->maps->refs == 1 ? NULL : run->tracees;

	while (o && (o == t || o->maps != t->maps || o->exiting))
		o = o->by_pid.next;
	return !o;
}

/*
 * Closes on the server what the last thread of a table leaves. Its worker does
 * what it is told in turn, so who waits for the last one has waited for all.
 */
static void exit_more(struct run *run, struct tracee *t)
{
	bool last_one = files_last(run, t);
	int last = -1;

	for (size_t fd = 0; last_one && fd < t->files->cap; fd++) {
		int handle;

		if (!files_get(t->files, (long)fd))
			continue;
		handle = files_drop(t->files, (long)fd);
		if (handle < 0)
			continue;
		if (last >= 0)
			tell_close(run, t, last);
		last = handle;
	}
	if (last >= 0) {
		t->req = (struct req){ .call = call_by_name("close") };
		t->req.val[0].num = (uint64_t)last;
		ask(run, t, exit_more);
		return;
	}
	t->state = T_RUNNING;
	t->then = NULL;
	ptrace(PTRACE_CONT, t->pid, 0, 0);
}

static void exit_program(struct run *run, struct tracee *t)
{
	running_exit(run, t, exit_more);
}

static void exit_files(struct run *run, struct tracee *t)
{
	/* What it stored in files comes first. */
	if (t->maps && maps_last(run, t))
		map_flush(run, t, 0, UINT64_MAX, false, exit_program);
	else
		exit_program(run, t);
}

/* What the call under way may leave on the server when nobody takes it. */
static bool leaves(const struct run *run, const struct tracee *t)
{
	const struct call *call = t->req.call;

	if (!t->outstanding)
		return false;
	/* What came in a message is dropped with that. */
	return call == call_by_name("rsc_put") ||
	       (call->ret == RET_FD && call != call_by_name("rsc_adopt") &&
		!files_last(run, t));
}

static void exit_left(struct run *run, struct tracee *t)
{
	struct req req = { .call = call_by_name("rsc_drop") };

	req.val[0].num = (uint64_t)t->req.ret;
	if (t->req.ret >= 0 && t->req.call->ret == RET_FD)
		tell_close(run, t, (int)t->req.ret);
	else if (t->req.ret >= 0)
		tell(run, t, &req);
	exit_files(run, t);
}

static void on_exit_event(struct run *run, struct tracee *t)
{
	if (!t->exiting)
		print_unfinished(run, t);
	birth_untold(run, t);
	if (t->outstanding)
		tell_cancel(run, t);
	t->rejoin = false;
	t->exiting = true;
	clock_gettime(CLOCK_MONOTONIC, &t->start);
	placeholder_drop(run, t);
	keeper_forget(run, t);
	if (leaves(run, t)) {
		t->state = T_ASKING;
		tracee_asks(run, t);
		t->then = exit_left;
		return;
	}
	tracee_answered(run, t);
	exit_files(run, t);
}

static void on_exit_stop(struct run *run, struct tracee *t)
{
	then_fn then = t->then;

	if (t->state != T_FINISHING || !then) {
		ptrace(PTRACE_CONT, t->pid, 0, 0);
		return;
	}
	if (arch_get(t->pid, &t->regs))
		return;
	t->then = NULL;
	then(run, t);
}

void group_stop(struct run *run, struct tracee *t, int sig)
{
	bool job = sig == SIGTSTP || sig == SIGTTIN || sig == SIGTTOU;

	t->stopped = true;
	ptrace(PTRACE_LISTEN, t->pid, 0, 0);
	if (job && t->pid == run->child && getpgid(t->pid) == getpgrp())
		raise(SIGSTOP);
}

static void on_stop(struct run *run, struct tracee *t, int status)
{
	int event = status >> 16;
	int sig = WSTOPSIG(status);

	t->stopped = false;
	/* Another thread's execve has no exit event for each that it ends. */
	if (t->state == T_PARKED && (!event || event == PTRACE_EVENT_STOP)) {
		park_stop(run, t, event, sig);
		return;
	}
	if (t->state == T_PLACING && placeholder_stop(run, t, event, sig))
		return;
	switch (event) {
	case PTRACE_EVENT_SECCOMP:
		stop_seccomp(run, t);
		return;
	case PTRACE_EVENT_FORK:
	case PTRACE_EVENT_VFORK:
	case PTRACE_EVENT_CLONE:
		birth_told(run, t);
		ptrace(PTRACE_CONT, t->pid, 0, 0);
		return;
	case PTRACE_EVENT_EXEC:
		on_exec(run, t);
		return;
	case PTRACE_EVENT_EXIT:
		on_exit_event(run, t);
		return;
	case PTRACE_EVENT_STOP:
		if (sig == SIGTRAP)
			ptrace(t->state == T_FINISHING ? PTRACE_SYSCALL :
							 PTRACE_CONT,
			       t->pid, 0, 0);
		else
			group_stop(run, t, sig);
		return;
	default:
		break;
	}
	if (sig == (SIGTRAP | 0x80)) {
		on_exit_stop(run, t);
		return;
	}
	if (park_keep(run, t, sig))
		sig = 0;
	else
		signal_restore(run, t);
	ptrace(t->state == T_FINISHING ? PTRACE_SYSCALL : PTRACE_CONT, t->pid,
	       0, sig);
}

static void on_wait(struct run *run, pid_t pid, int status)
{
	struct tracee *t = tracee_find(run, pid);

	if (WIFEXITED(status) || WIFSIGNALED(status)) {
		if (pid == run->child) {
			run->status = status;
			run->exited = true;
		}
		if (t && !t->exiting)
			print_unfinished(run, t);
		/* Such a one took the number and was killed before it said. */
		if (t && t->pid == t->tgid)
			bury_threads(run, t);
		if (t)
			tracee_gone(run, t);
		return;
	}
	if (!WIFSTOPPED(status))
		return;
	/* A held one stands still until it is killed. */
	if ((t && t->started && t->files) || birth_first_stop(run, pid, status))
		on_stop(run, tracee_find(run, pid), status);
}

void take_deaths(struct run *run)
{
	siginfo_t info;
	int status;

	for (;;) {
		info.si_pid = 0;
		if (waitid(P_ALL, 0, &info,
			   WEXITED | WNOHANG | WNOWAIT | __WALL) ||
		    !info.si_pid ||
		    waitpid(info.si_pid, &status, WNOHANG | __WALL) !=
			    info.si_pid)
			return;
		place_stop(&run->place, info.si_pid, status);
		on_wait(run, info.si_pid, status);
	}
}

void loop(struct run *run)
{
	int status = 0;
	pid_t pid = 0;

	while (run->tracees) {
		switch (wait_event(run, &pid, &status)) {
		case EVENT_STOP:
			on_wait(run, pid, status);
			continue;
		case EVENT_REPLY:
			take_replies(run);
			continue;
		case EVENT_PLACE:
			placeholder_event(run);
			continue;
		case EVENT_FAULT:
			lazy_event(run);
			continue;
		case EVENT_NONE:
			continue;
		case EVENT_END:
			break;
		}
		break;
	}
	while (run->tracees)
		tracee_gone(run, run->tracees);
}
