/*
 * Starting the program under trace: fork, PTRACE_SEIZE, filter, exec.
 *
 * The child waits on a pipe until it is seized, loads the filter and executes
 * the program; an error travels back through a second, close-on-exec pipe.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "tracer/abi.h"
#include "tracer/memory.h"
#include "tracer/tracee.h"

#define OPTIONS                                                                \
	(PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACESECCOMP | PTRACE_O_TRACEFORK |  \
	 PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC |      \
	 PTRACE_O_TRACEEXIT | PTRACE_O_EXITKILL)

/* Runs a file without #! as a shell script, as every shell does. */
static int exec_script(const char *path, char **argv)
{
	size_t n = 0;
	char **args;

	while (argv[n])
		n++;
	args = calloc(n + 2, sizeof(*args));
	if (!args)
		return -ENOMEM;
	args[0] = (char *)"sh";
	args[1] = (char *)(uintptr_t)path;
	memcpy(args + 2, argv + 1, n * sizeof(*args));
	execve("/bin/sh", args, environ);
	free(args);
	return -errno;
}

/* True when the file begins as text does. */
static bool is_text(const char *path)
{
	char head[128];
	ssize_t n;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, head, sizeof(head));
	close(fd);
	return n >= 0 && !memchr(head, 0, (size_t)n);
}

/* Returns only with -errno. */
static int exec_file(enum exec_mode mode, const char *path, char **argv)
{
	int err = 0;

	/* Else the call is stopped and the hook looks at it. */
	if (mode == EXEC_LOCAL)
		err = abi_check_file(getpid(), AT_FDCWD, path);
	if (err)
		return err;
	execve(path, argv, environ);
	err = -errno;
	return err == -ENOEXEC && is_text(path) ? exec_script(path, argv) : err;
}

/*
 * execvp(3), but an image of another ABI is not given to the shell. here: only
 * of the files that are on this machine.
 */
static int exec_search(enum exec_mode mode, bool here, char **argv)
{
	const char *dir = getenv("PATH");
	char path[PATH_MAX];
	int err = -ENOENT;

	if (strchr(argv[0], '/') || !*argv[0])
		return exec_file(mode, argv[0], argv);
	for (dir = dir ? dir : "/bin:/usr/bin"; dir; dir = strchr(dir, ':')) {
		int len;
		int now;

		dir += *dir == ':';
		len = (int)strcspn(dir, ":");
		if (snprintf(path, sizeof(path), "%.*s%s%s", len, dir,
			     len ? "/" : "", argv[0]) >= (int)sizeof(path))
			continue;
		if (here && access(path, F_OK))
			continue;
		now = exec_file(mode, path, argv);
		if (now == -EACCES)
			err = now;
		else if (now != -ENOENT && now != -ENOTDIR)
			return now;
	}
	return err;
}

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
		log_err("the seccomp filter cannot be loaded: %s; rsc needs Linux 5.19 and a place where seccomp(2) is allowed",
			strerror(-err));
		_exit(125);
	}
	syscall(READY_NR);
	/* What this machine has, the server is not asked for. */
	err = run->exec == EXEC_LOCAL ? exec_search(run->exec, true, argv) :
					-ENOENT;
	if (err == -ENOENT)
		err = exec_search(run->exec, false, argv);
	log_err("%s: %s", argv[0],
		err == -ENOENT && !strchr(argv[0], '/') ?
			"no such program in $PATH" :
			strerror(-err));
	_exit(err == -ENOENT || err == -ENOTDIR ? 127 : 126);
}

/* The number behind word in a file of lines, or in one of a number; or -1. */
static long number_in(const char *name, const char *word)
{
	FILE *file = fopen(name, "re");
	size_t len = strlen(word);
	char line[256];
	long n = -1;

	while (file && n < 0 && fgets(line, sizeof(line), file))
		if (!strncmp(line, word, len))
			n = strtol(line + len, NULL, 10);
	if (file)
		fclose(file);
	return n;
}

/* Names the setting because of which call, on our own child, is forbidden. */
static void say_forbidden(pid_t pid, const char *call, int err)
{
	char name[64];
	long n;

	snprintf(name, sizeof(name), "/proc/%d/status", pid);
	n = number_in(name, "TracerPid:");
	if (n > 0 && n != getpid()) {
		log_err("%s is forbidden: %s; process %ld traces the program already, run rsc without that debugger",
			call, strerror(err), n);
		return;
	}
	n = number_in("/proc/sys/kernel/yama/ptrace_scope", "");
	if (n >= 2)
		log_err("%s is forbidden: %s; the setting is kernel.yama.ptrace_scope = %ld, where 1 would do (3 lasts until the next boot)",
			call, strerror(err), n);
	else if (number_in("/sys/fs/selinux/booleans/deny_ptrace", "") == 1)
		log_err("%s is forbidden: %s; the setting is SELinux's deny_ptrace: setsebool deny_ptrace off",
			call, strerror(err));
	else if (number_in("/proc/self/status", "Seccomp:") == 2)
		log_err("%s is forbidden: %s; a seccomp profile is in force here: give the container one that allows %s (docker run --cap-add=SYS_PTRACE)",
			call, strerror(err), call);
	else
		log_err("%s is forbidden: %s; neither Yama nor seccomp says so: see the security modules in /sys/kernel/security/lsm",
			call, strerror(err));
}

/* Seizes the child; its memory has to be within reach, too. */
static int seize(pid_t pid)
{
	/* Of the child, whose stack is in use. */
	static char probe;
	const char *call = "ptrace";
	char byte = 0;
	int err;

	err = ptrace(PTRACE_SEIZE, pid, 0, OPTIONS) ? -errno : 0;
	if (!err) {
		call = "process_vm_readv";
		err = memory_read(pid, (uintptr_t)&probe, &byte, 1);
	}
	if (!err) {
		call = "process_vm_writev";
		err = memory_write(pid, (uintptr_t)&probe, &byte, 1);
	}
	if (err)
		say_forbidden(pid, call, -err);
	return err;
}

/* What fs.nr_open is if nobody has changed it. */
#define FILES_MAX (1u << 20)

/* The tracer holds ends of placeholders; the program's limit stays. */
static void raise_limit(void)
{
	struct rlimit lim;

	lim = (struct rlimit){ FILES_MAX, FILES_MAX };
	if (!setrlimit(RLIMIT_NOFILE, &lim) || getrlimit(RLIMIT_NOFILE, &lim))
		return;
	lim.rlim_cur = lim.rlim_max;
	setrlimit(RLIMIT_NOFILE, &lim);
}

static int failed(const char *what)
{
	int err = -errno;

	log_err("the program cannot be started: %s: %s", what, strerror(-err));
	return err;
}

int launch(struct run *run, char **argv)
{
	struct tracee *t;
	int go[2];
	pid_t pid;
	int err;

	if (pipe2(go, O_CLOEXEC))
		return failed("pipe");
	pid = tree_fork(run);
	if (pid < 0)
		return failed("fork");
	if (!pid) {
		close(go[1]);
		child(run, argv, go[0]);
	}
	close(go[0]);
	err = seize(pid);
	if (err) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, __WALL);
		return err;
	}
	raise_limit();
	t = run->tracees;
	if (tracee_set_pid(run, t, pid)) {
		errno = ENOMEM;
		return failed("start");
	}
	t->tgid = pid;
	t->started = true;
	t->launching = true;
	t->no_new_privs = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
	run->child = pid;
	if (write(go[1], "", 1) != 1)
		return failed("write");
	close(go[1]);
	return 0;
}
