/*
 * Starting the program under trace: fork, PTRACE_SEIZE, filter, exec.
 *
 * The child waits on a pipe until it is seized, loads the filter and executes
 * the program; an error travels back through a second, close-on-exec pipe.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <fcntl.h>

#include "base/log.h"
#include "tracer/tracee.h"

#define OPTIONS                                                           \
	(PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACESECCOMP |                  \
	 PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | \
	 PTRACE_O_TRACEEXEC | PTRACE_O_TRACEEXIT | PTRACE_O_EXITKILL)

static void child(const struct run *run, char **argv, int go)
{
	sigset_t none;
	char byte;
	int err;

	sigemptyset(&none);
	while (read(go, &byte, 1) < 0 && errno == EINTR)
		;
	close(go);
	sigprocmask(SIG_SETMASK, &none, NULL);
	err = filter_load(run);
	if (err) {
		log_err("the seccomp filter cannot be loaded: %s",
			strerror(-err));
		_exit(125);
	}
	syscall(READY_NR);
	execvp(argv[0], argv);
	err = errno;
	log_err("%s: %s", argv[0], strerror(err));
	_exit(err == ENOENT ? 127 : 126);
}

/* The tracer holds ends of placeholders; the program's limit stays. */
static void raise_limit(void)
{
	struct rlimit lim;

	if (getrlimit(RLIMIT_NOFILE, &lim))
		return;
	lim.rlim_cur = lim.rlim_max;
	setrlimit(RLIMIT_NOFILE, &lim);
}

int launch(struct run *run, char **argv)
{
	struct tracee *t;
	int go[2];
	pid_t pid;

	if (pipe2(go, O_CLOEXEC))
		return -errno;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (!pid) {
		close(go[1]);
		child(run, argv, go[0]);
	}
	close(go[0]);
	if (ptrace(PTRACE_SEIZE, pid, 0, OPTIONS)) {
		int err = errno;

		log_err("ptrace is forbidden here: %s; see /proc/sys/kernel/yama/ptrace_scope, and whether a container or another tracer forbids it",
			strerror(err));
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		return -err;
	}
	raise_limit();
	t = run->tracees;
	t->pid = pid;
	t->tgid = pid;
	t->started = true;
	t->launching = true;
	run->child = pid;
	if (write(go[1], "", 1) != 1)
		return -errno;
	close(go[1]);
	return 0;
}
