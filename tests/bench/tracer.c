/*
 * Bare tracers, as the floor and the comparison: one stop a call (a seccomp
 * filter that traces io_uring_setup alone) and two (PTRACE_SYSCALL). Both
 * answer io_uring_setup with ENOSYS and can fill its buffer, as a forwarded
 * read would be.
 */
#include <errno.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "arch/arch.h"
#include "bench.h"

static size_t store_size;
static char store_data[1 << 20];

static void child(bool two, char **argv)
{
	scmp_filter_ctx ctx;

	raise(SIGSTOP);
	if (!two) {
		ctx = seccomp_init(SCMP_ACT_ALLOW);
		if (!ctx ||
		    seccomp_rule_add(ctx, SCMP_ACT_TRACE(0), SYS_io_uring_setup,
				     0) ||
		    seccomp_load(ctx))
			bench_die("seccomp");
	}
	execvp(argv[0], argv);
	bench_die(argv[0]);
}

static void answer(pid_t pid, const struct regs *regs)
{
	struct iovec here = { store_data, store_size };
	struct iovec there = { (void *)(uintptr_t)regs->arg[1], store_size };

	if (store_size && process_vm_writev(pid, &here, 1, &there, 1, 0) !=
				  (ssize_t)store_size)
		bench_die("process_vm_writev");
	if (arch_skip(pid, -ENOSYS))
		bench_die("skip");
}

/* Until the program ends; its status. */
static int trace(pid_t pid, bool two)
{
	int request = two ? PTRACE_SYSCALL : PTRACE_CONT;
	bool inside = false; /* between a call's entry and its exit */
	bool ours = false;
	struct regs regs;
	int status;

	while (waitpid(pid, &status, __WALL) == pid) {
		int sig = 0;

		if (!WIFSTOPPED(status))
			return WEXITSTATUS(status);
		if (status >> 8 == (SIGTRAP | PTRACE_EVENT_SECCOMP << 8)) {
			if (!arch_get(pid, &regs))
				answer(pid, &regs);
		} else if (WSTOPSIG(status) == (SIGTRAP | 0x80)) {
			inside = !inside;
			if (!inside && ours)
				arch_set_ret(pid, -ENOSYS);
			ours = inside && !arch_get(pid, &regs) &&
			       regs.nr == SYS_io_uring_setup;
			if (ours)
				answer(pid, &regs);
		} else if (status >> 16 == 0 && WSTOPSIG(status) != SIGTRAP) {
			sig = WSTOPSIG(status);
		}
		ptrace(request, pid, 0, sig);
	}
	return 1;
}

int main(int argc, char **argv)
{
	bool two = argc > 2 && !strcmp(argv[1], "two");
	int status;
	pid_t pid;

	if (argc < 4 || (!two && strcmp(argv[1], "one"))) {
		fputs("usage: tracer one|two STORE-SIZE PROGRAM [ARG...]\n",
		      stderr);
		return 2;
	}
	store_size = strtoul(argv[2], NULL, 10);
	if (store_size > sizeof(store_data))
		return 2;
	pid = fork();
	if (pid < 0)
		bench_die("fork");
	if (!pid)
		child(two, argv + 3);
	if (waitpid(pid, &status, WUNTRACED) != pid || !WIFSTOPPED(status))
		bench_die("wait");
	if (ptrace(PTRACE_SEIZE, pid, 0,
		   PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACESECCOMP |
			   PTRACE_O_EXITKILL))
		bench_die("seize");
	kill(pid, SIGCONT);
	return trace(pid, two);
}
