/*
 * New tracees.
 *
 * Theory of Operation. The kernel tells of a clone twice: the child makes its
 * first stop, and the parent an event with the child's number. They come in any
 * order, so a child whose parent has not told of it is held. Either of them can
 * be killed in between. A child that is dead already when its parent tells of it
 * is nobody's any more. A parent that is killed inside its clone tells nothing;
 * at its exit event its registers still say what it did, and its children are
 * still its own, so it is asked then.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include "base/status.h"
#include "call/wire.h"
#include "tracer/memory.h"
#include "tracer/own_filter.h"
#include "tracer/tracee.h"

/*
 * The flags of the clone, clone3, fork or vfork that the tracee is in. False
 * when it is in no such call, or is being killed.
 */
static bool clone_flags(pid_t pid, uint64_t *flags)
{
	struct regs regs;

	*flags = 0;
	if (arch_get(pid, &regs))
		return false;
	if (regs.nr == call_nr(call_by_name("vfork")))
		*flags = CLONE_VM | CLONE_VFORK;
	else if (regs.nr == call_nr(call_by_name("clone")))
		*flags = regs.arg[0];
	else if (regs.nr == call_nr(call_by_name("clone3")))
		return !memory_read(pid, regs.arg[0], flags, sizeof(*flags));
	else
		return regs.nr == call_nr(call_by_name("fork"));
	return true;
}

/* Not one that is dead and was waited for. */
static bool is_traced(pid_t pid)
{
	siginfo_t info;

	return !waitid(P_PID, (id_t)pid, &info,
		       WEXITED | WSTOPPED | WNOHANG | WNOWAIT | __WALL);
}

/* It made its first stop, and its parent told of it. */
static void start(struct run *run, struct tracee *t)
{
	t->state = T_RUNNING;
	if (t->stopped)
		group_stop(run, t, SIGSTOP);
	else
		ptrace(PTRACE_CONT, t->pid, 0, 0);
}

/* The child's address space is its parent's, or a copy. */
static int share_maps(struct tracee *parent, struct tracee *t, uint64_t flags)
{
	if (flags & CLONE_VM && !parent->maps)
		parent->maps = maps_new();
	if (flags & CLONE_VM) {
		t->maps = parent->maps;
		if (t->maps)
			t->maps->refs++;
		return t->maps ? 0 : -ENOMEM;
	}
	if (parent->maps)
		t->maps = maps_copy(parent->maps);
	return parent->maps && !t->maps ? -ENOMEM : 0;
}

/* What the child has of its parent; 0 or -ENOMEM. *share: what of it is one. */
static int inherit(struct run *run, struct tracee *parent, struct tracee *t,
		   uint64_t flags, uint32_t *share)
{
	*share = 0;
	t->tgid = flags & CLONE_THREAD ? parent->tgid : t->pid;
	t->launching = parent->launching;
	t->own_filter = own_filter_ref(parent->own_filter);
	t->no_new_privs = parent->no_new_privs;
	t->program = flags & CLONE_VM ? program_ref(parent->program) :
					program_copy(parent->program);
	if (flags & CLONE_FILES) {
		t->files = files_ref(parent->files);
		*share |= SPAWN_FILES;
	} else {
		t->files = files_copy(parent->files);
	}
	if (flags & CLONE_FS) {
		t->fs = parent->fs;
		t->fs->refs++;
		*share |= SPAWN_FS;
	} else {
		t->fs = fs_copy(parent->fs);
	}
	if (!t->files || !t->fs || !t->program || share_maps(parent, t, flags))
		return -ENOMEM;
	lazy_fork(run, parent, t);
	return tracee_name_task(run, t);
}

/* The parent has made the child pid. */
static void have_child(struct run *run, struct tracee *parent, pid_t pid,
		       uint64_t flags)
{
	struct tracee *t = tracee_find(run, pid);
	uint32_t share;

	if (!t && !is_traced(pid))
		return;
	if (!t)
		t = tracee_new(run, pid);
	if (!t || t->files || inherit(run, parent, t, flags, &share)) {
		kill(pid, SIGKILL);
		return;
	}
	tell_spawn(run, t, parent->task, share);
	if (t->state == T_HELD)
		start(run, t);
}

void birth_told(struct run *run, struct tracee *parent)
{
	unsigned long pid;
	uint64_t flags;

	/* Who is killed at this stop has not told of it. */
	if (ptrace(PTRACE_GETEVENTMSG, parent->pid, 0, &pid) ||
	    !clone_flags(parent->pid, &flags))
		return;
	place_child(&run->place, parent->pid, (pid_t)pid);
	have_child(run, parent, (pid_t)pid, flags);
}

void birth_untold(struct run *run, struct tracee *parent)
{
	pid_t of = parent->tgid;
	pid_t tid = parent->pid;
	struct tracee *t;
	uint64_t flags;
	char name[64];
	int pid;
	FILE *f;

	if (!parent->files || !clone_flags(parent->pid, &flags) ||
	    flags & CLONE_THREAD)
		return;
	if (flags & CLONE_PARENT)
		of = tid = (pid_t)status_number(parent->pid, "PPid");
	snprintf(name, sizeof(name), "/proc/%d/task/%d/children", of, tid);
	f = fopen(name, "re");
	if (!f)
		return;
	while (fscanf(f, "%d", &pid) == 1) {
		t = tracee_find(run, pid);
		if (t ? !t->files : is_traced(pid))
			have_child(run, parent, pid, flags);
	}
	fclose(f);
}

bool birth_first_stop(struct run *run, pid_t pid, int status)
{
	int event = status >> 16;
	struct tracee *t = tracee_find(run, pid);

	/* Broken: its parent was ended in the middle of its fork. */
	if (!t) {
		t = run->broken ? NULL : tracee_new(run, pid);
		if (!t) {
			kill(pid, SIGKILL);
			return false;
		}
		t->state = T_HELD;
		t->tgid = (pid_t)status_number(pid, "Tgid");
		if (!t->tgid)
			t->tgid = pid;
	}
	t->started = true;
	if (t->files)
		return true;
	if (event == PTRACE_EVENT_EXIT)
		ptrace(PTRACE_CONT, pid, 0, 0);
	else
		t->stopped = event == PTRACE_EVENT_STOP &&
			     WSTOPSIG(status) != SIGTRAP;
	return false;
}
