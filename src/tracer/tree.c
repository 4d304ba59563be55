/*
 * The numbers of the program's processes: a pid namespace of their own.
 *
 * Theory of Operation. /proc is the server's and a kill of what it shows goes
 * there, so a number must not mean a process here and another one there. The
 * tree is therefore started in a new pid namespace whose numbers begin above
 * those that the server gives out. Its first process (init) does nothing but
 * live as long as the tracer; it gives the tracer a /proc of the namespace,
 * mounted nowhere. A second one stands in for the tracer as the program's parent. The tracer itself stays outside and knows every tracee by
 * two numbers: its own (t->pid) and the program's (tree_number()).
 *
 * There is no namespace when no call by pid is forwarded, when the server
 * counts the same processes as this machine does, and when it is forbidden.
 * In the last case a number that both sides have is refused (pid.c).
 */
#include "tracer/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/status.h"
#include "call/world.h"
#include "tracer/tracee.h"

/* Numbers up to this stay free between the server's and the tree's. */
#define GAP 256
#define ARG_START 48 /* field of /proc/PID/stat (proc(5)) */
#define LOWEST 300   /* where the kernel goes on after the last number */

/* What init says when it is ready. */
struct report {
	int proc; /* its descriptor of the namespace's /proc */
	int err;
};

int tree_init(struct run *run)
{
	struct stat st;

	run->tree.hold = -1;
	run->tree.proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (run->tree.proc < 0 || fstat(run->tree.proc, &st))
		return -errno;
	run->tree.dev = st.st_dev;
	return 0;
}

bool tree_is_wanted(const struct run *run)
{
	return run->selected[call_by_name("kill")->id];
}

void tree_compare(struct run *run, const struct kernel_world *there)
{
	struct kernel_world here;
	struct tree *tree = &run->tree;

	world_tell(&here, tree->proc);
	tree->there = *there;
	tree->uptime = (int64_t)(there->uptime - here.uptime);
	tree->same =
		here.pid_ns == there->pid_ns &&
		!memcmp(here.boot_id, there->boot_id, sizeof(here.boot_id));
}

/* ---- the namespace ---- */

static int write_number(int dir, const char *name, uint64_t number)
{
	int err = 0;
	int fd;

	fd = openat(dir, name, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (dprintf(fd, "%llu", (unsigned long long)number) < 0)
		err = -errno;
	close(fd);
	return err;
}

static uint64_t read_number(int dir, const char *name)
{
	char text[32] = "";
	int fd;

	fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	if (read(fd, text, sizeof(text) - 1) < 0)
		text[0] = '\0';
	close(fd);
	return strtoul(text, NULL, 10);
}

/* After which number the tree's begin, below max. *apart: for good. */
static uint64_t choose_base(const struct kernel_world *there, uint64_t max,
			    bool *apart)
{
	*apart = there->pid_max && there->pid_max + GAP < max;
	if (*apart)
		return there->pid_max;
	/* The server goes on from its last number: as far ahead as can be. */
	if (there->last_pid < max / 2)
		return there->last_pid + (max - there->last_pid) / 2;
	return LOWEST + (there->last_pid - LOWEST) / 2;
}

/* The namespace's own /proc, mounted nowhere: a descriptor or -errno. */
static int mount_proc(void)
{
	int err = 0;
	int fs;
	int fd;

	fs = fsopen("proc", FSOPEN_CLOEXEC);
	if (fs < 0)
		return -errno;
	if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0))
		err = -errno;
	fd = err ? err : fsmount(fs, FSMOUNT_CLOEXEC, 0);
	if (!err && fd < 0)
		fd = -errno;
	close(fs);
	return fd;
}

/* ps shows a stand-in as such, and not as what the tracer was called with. */
static void rename_self(void)
{
	unsigned long start;
	unsigned long end;
	char text[1024];
	const char *at;
	ssize_t n;
	int fd;

	fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (fd >= 0)
		close(fd);
	if (n <= 0)
		return;
	text[n] = '\0';
	at = strrchr(text, ')');
	for (int i = 2; at && i < ARG_START; i++)
		at = strchr(at + 1, ' ');
	if (!at || sscanf(at, "%lu %lu", &start, &end) != 2 || end < start + 4)
		return;
	memset((void *)start, 0, end - start);
	memcpy((void *)start, "rsc", 3);
}

/* Lives until the tracer closes hold; nothing but SIGKILL ends it before. */
static void stay(int hold)
{
	struct sigaction buries = { .sa_handler = SIG_IGN,
				    .sa_flags = SA_NOCLDWAIT };
	sigset_t all;
	char byte;

	rename_self();
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	sigaction(SIGCHLD, &buries, NULL);
	if (dup2(hold, 0) < 0)
		_exit(125);
	close_range(1, ~0u, 0);
	while (read(0, &byte, 1) < 0 && errno == EINTR)
		;
	_exit(0);
}

/*
 * The program's process, a child of a stand-in for the tracer, which cannot be
 * its parent: in the namespace it has no number.
 */
static void begin_program(int hold, int hello)
{
	pid_t pid = fork();

	if (pid < 0)
		_exit(125);
	if (pid)
		stay(hold);
	/* The kernel says to the tracer who that was. */
	if (send(hello, "", 1, 0) != 1)
		_exit(125);
	close(hello);
}

/*
 * The first process of the namespace: prepares it, makes the program's process
 * and stays. It returns in that process only.
 */
static void prepare(const struct kernel_world *there, int hold, int hello)
{
	struct report report = { .proc = -1 };
	bool apart;
	pid_t pid;

	report.proc = mount_proc();
	if (report.proc < 0)
		report.err = report.proc;
	else
		report.err = write_number(
			report.proc, "sys/kernel/ns_last_pid",
			choose_base(there,
				    read_number(report.proc,
						"sys/kernel/pid_max"),
				    &apart));
	if (send(hello, &report, sizeof(report), 0) != sizeof(report) ||
	    report.err)
		_exit(125);
	/* It is taken over from here before anything is closed. */
	if (recv(hello, &report, sizeof(report), 0) != sizeof(report))
		_exit(125);
	close(report.proc);
	pid = fork();
	if (pid < 0)
		_exit(125);
	if (!pid) {
		begin_program(hold, hello);
		close(hold);
		return;
	}
	setsid();
	prctl(PR_SET_NAME, "rsc-init");
	stay(hold);
}

static int take_proc(struct run *run, const struct report *report)
{
	struct stat st;
	int pidfd;
	int fd;

	pidfd = (int)syscall(SYS_pidfd_open, run->tree.init, 0);
	if (pidfd < 0)
		return -errno;
	fd = (int)syscall(SYS_pidfd_getfd, pidfd, report->proc, 0);
	close(pidfd);
	if (fd < 0 || fstat(fd, &st))
		return -errno;
	close(run->tree.proc);
	run->tree.proc = fd;
	run->tree.dev = st.st_dev;
	choose_base(&run->tree.there, read_number(fd, "sys/kernel/pid_max"),
		    &run->tree.apart);
	run->tree.own = true;
	return 0;
}

/* Who sent the next message; -errno. */
static pid_t sender(int hello)
{
	char byte;
	struct iovec iov = { &byte, 1 };
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(struct ucred))];
	} control;
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	struct cmsghdr *c;
	struct ucred who;

	if (recvmsg(hello, &msg, 0) != 1)
		return -EIO;
	c = CMSG_FIRSTHDR(&msg);
	if (!c || c->cmsg_type != SCM_CREDENTIALS)
		return -EIO;
	memcpy(&who, CMSG_DATA(c), sizeof(who));
	return who.pid;
}

/* The tracer's part of prepare(). The program's process, or -errno. */
static pid_t meet(struct run *run, int hello)
{
	struct report report;
	int on = 1;
	int err;

	if (recv(hello, &report, sizeof(report), 0) != sizeof(report))
		return -EIO;
	err = report.err ? report.err : take_proc(run, &report);
	if (err)
		return err;
	if (setsockopt(hello, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) ||
	    send(hello, &report, sizeof(report), 0) != sizeof(report))
		return -errno;
	return sender(hello);
}

/* fork(2) into a new namespace; -errno where there is none to be had. */
static pid_t fork_apart(struct run *run)
{
	int hello[2];
	int hold[2];
	pid_t pid;

	if (pipe2(hold, O_CLOEXEC))
		return -errno;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, hello)) {
		close(hold[0]);
		close(hold[1]);
		return -EMFILE;
	}
	run->tree.hold = hold[1];
	run->tree.init = fork();
	if (!run->tree.init) {
		close(hold[1]);
		close(hello[0]);
		prepare(&run->tree.there, hold[0], hello[1]);
		return 0;
	}
	close(hold[0]);
	close(hello[1]);
	pid = run->tree.init < 0 ? -EAGAIN : meet(run, hello[0]);
	close(hello[0]);
	if (pid < 0) {
		run->tree.own = false;
		tree_end(run);
		close(run->tree.proc);
		tree_init(run);
	}
	return pid;
}

pid_t tree_fork(struct run *run)
{
	pid_t pid;
	int home;

	if (!tree_is_wanted(run) || run->tree.same)
		return fork();
	home = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);
	if (home < 0 || unshare(CLONE_NEWPID)) {
		pid = -errno;
		if (home >= 0)
			close(home);
	} else {
		pid = fork_apart(run);
		if (!pid)
			return 0;
		if (setns(home, CLONE_NEWPID))
			log_err("the tracer's children are in the tree's pid namespace: %s",
				strerror(errno));
		close(home);
	}
	if (pid > 0)
		return pid;
	log_info("no pid namespace for the program: %s; a number that both sides have is refused",
		 strerror(-pid));
	return fork();
}

void tree_end(struct run *run)
{
	if (run->tree.hold >= 0)
		close(run->tree.hold);
	run->tree.hold = -1;
	if (run->tree.init > 0)
		waitpid(run->tree.init, NULL, 0);
	run->tree.init = 0;
}

/* ---- numbers ---- */

pid_t tree_number(struct run *run, struct tracee *t)
{
	if (!run->tree.own)
		return t->pid;
	if (!t->number)
		t->number = (pid_t)status_number(t->pid, "NSpid");
	return t->number;
}

pid_t tree_group_number(struct run *run, struct tracee *t)
{
	struct tracee *leader = tracee_find(run, t->tgid);

	if (!run->tree.own)
		return t->tgid;
	return leader ? tree_number(run, leader) :
			(pid_t)status_number(t->pid, "NStgid");
}

struct tracee *tree_find(struct run *run, pid_t number)
{
	struct tracee *t;

	if (!run->tree.own)
		return tracee_find(run, number);
	for (t = run->tracees; t; t = t->by_pid.next)
		if (tree_number(run, t) == number)
			return t;
	return NULL;
}

/* The state, parent and group in N/stat; false when there is no such file. */
static bool read_stat(const struct run *run, pid_t number, char *state,
		      pid_t *parent, pid_t *group)
{
	char text[512];
	char name[32];
	char *end;
	ssize_t n;
	int fd;

	snprintf(name, sizeof(name), "%d/stat", number);
	fd = openat(run->tree.proc, name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return false;
	text[n] = '\0';
	end = strrchr(text, ')');
	return end && sscanf(end, ") %c %d %d", state, parent, group) == 3;
}

bool tree_has(struct run *run, pid_t number)
{
	pid_t parent;
	pid_t group;
	char state;

	if (number <= 0)
		return false;
	if (run->tree.own)
		return number > 1 &&
		       read_stat(run, number, &state, &parent, &group);
	/* The tracer itself is the program's parent. */
	if (tracee_find(run, number) || number == getpid())
		return true;
	/* A dead child that nobody has waited for. */
	return read_stat(run, number, &state, &parent, &group) &&
	       state == 'Z' && tracee_find(run, parent);
}

bool tree_has_group(struct run *run, pid_t number)
{
	struct tracee *t;
	pid_t parent;
	pid_t group;
	char state;

	for (t = run->tracees; t; t = t->by_pid.next)
		if (t->pid == t->tgid &&
		    read_stat(run, tree_number(run, t), &state, &parent,
			      &group) &&
		    group == number)
			return true;
	return false;
}
