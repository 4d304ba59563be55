/*
 * A tree of processes and threads that makes a random sequence of calls on
 * descriptors and processes, and prints what each gives: the same for the same
 * seed, wherever the kernel is the same.
 *
 * The driver draws all numbers. It tells one worker at a time what to do, by
 * the pipe of the worker's slot, and waits for the answer, so that nothing
 * depends on who is faster. A death is waited for by the parent before the next
 * command. Pids are printed as slots.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SLOTS 20
#define PIPES 100 /* and on: descriptors of the driver's */
#define REPLY_IN (PIPES + 2 * SLOTS)
#define REPLY_OUT (REPLY_IN + 1)
#define FDS 14 /* descriptors that are drawn are below */
#define DRIVER SLOTS

enum op {
	/* processes */
	FORK,
	VFORK,
	SPAWN,
	CLONE,
	THREAD,
	EXEC,
	EXIT,
	LEAVE,
	WAIT,
	ANY,
	KILL,
	DIE,
	STOP,
	BLOCK,
	UNBLOCK,
	SIGNALS,
	ALARM,
	TIMER,
	PGID,
	SID,
	PARENT,
	UNSHARE,
	USER,
	/* descriptors */
	OPEN,
	CLOSE,
	DUP,
	DUP2,
	DUP3,
	DUPFD,
	RANGE,
	GETFD,
	SETFD,
	GETFL,
	SETFL,
	SEEK,
	READ,
	WRITE,
	PREAD,
	TRUNC,
	LOCK,
	GETLK,
	OFD,
	OFDGET,
	FLOCK,
	PIPE,
	PAIR,
	PASS,
	TAKE,
	EVENT,
	FSTAT,
	NAME,
	MASK,
	CHDIR,
	FCHDIR,
	GETCWD,
	MKDIR,
	UNLINK,
	RENAME,
	LIST,
	OPS,
	SYNC,
	SEEN
};

static const char *const names[OPS] = {
	"fork",	      "vfork",	   "spawn",	"clone",     "thread",
	"exec",	      "exit",	   "leave",	"wait",	     "waitany",
	"kill",	      "die",	   "stop",	"block",     "unblock",
	"signals",    "alarm",	   "timer",	"setpgid",   "setsid",
	"getppid",    "unshare",   "seteuid",	"open",	     "close",
	"dup",	      "dup2",	   "dup3",	"dupfd",     "close_range",
	"getfd",      "setfd",	   "getfl",	"setfl",     "lseek",
	"read",	      "write",	   "pread",	"ftruncate", "setlk",
	"getlk",      "ofd_setlk", "ofd_getlk", "flock",     "pipe",
	"socketpair", "pass",	   "take",	"eventfd",   "fstat",
	"name",	      "umask",	   "chdir",	"fchdir",    "getcwd",
	"mkdir",      "unlink",	   "rename",	"list",
};

/* How often each is drawn. */
static const unsigned char weight[OPS] = {
	6, 2, 2, 5,  4, 3, 2, 2, 4, 2, 4, 2, 1, 1, 1, 3, 2, 1, 2, 1,
	1, 3, 2, 10, 4, 3, 5, 3, 3, 2, 2, 3, 2, 3, 3, 6, 6, 2, 2, 5,
	4, 5, 3, 4,  4, 2, 3, 3, 2, 3, 3, 3, 4, 3, 2, 2, 2, 2, 1,
};

static const char *const paths[] = {
	"f0",	    "f1",	 "d0/f2",	"d1/f3",
	"d0/../f0", "./d1/./f3", "/srv/w/f1",	"/srv/w/d1/f3",
	"d0",	    "d1",	 "d1/..",	"/srv/w",
	".",	    "new",	 "/srv/w/new2", "nosuch",
	"link",	    "d0/up",
};
#define PATHS (sizeof(paths) / sizeof(*paths))

/* What CLONE shares, beside what fork does. */
static const long clone_flags[] = { CLONE_FILES, CLONE_FS,
				    CLONE_FILES | CLONE_FS, CLONE_PARENT,
				    CLONE_PARENT | CLONE_FILES };
static const int locks[] = { LOCK_SH, LOCK_EX, LOCK_UN };
static const int sigs[] = { SIGUSR1, SIGUSR2, SIGCHLD, SIGALRM, SIGPIPE };
#define SIGS (sizeof(sigs) / sizeof(*sigs))

struct command {
	int op;
	int child; /* slot */
	long a;
	long b;
	long c;
	long d;
};

struct reply {
	long ret;  /* or -errno */
	pid_t pid; /* of a child, or one to be printed as a process */
	pid_t tid;
	char text[400];
};

static const char *self;
static volatile sig_atomic_t seen[SIGS];
static pthread_t thread_of[SLOTS];

static void die(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	_exit(9);
}

/* ---- a worker ---- */

static void on_signal(int sig)
{
	for (size_t i = 0; i < SIGS; i++)
		if (sigs[i] == sig)
			seen[i]++;
}

static void answer(const struct reply *r)
{
	if (write(REPLY_OUT, r, sizeof(*r)) != sizeof(*r))
		_exit(8);
}

static void work(int slot);

static void *thread_main(void *arg)
{
	work((int)(intptr_t)arg);
	return NULL;
}

static void become(int slot)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", slot);
	execl(self, self, "worker", text, NULL);
	_exit(7);
}

/* A child in the parent's memory: it changes its descriptors and executes. */
static pid_t by_vfork(const struct command *c)
{
	pid_t pid = vfork();

	if (pid)
		return pid;
	dup2((int)c->a, (int)c->b);
	close((int)c->c);
	become(c->child);
	return -1;
}

static pid_t by_spawn(const struct command *c)
{
	posix_spawn_file_actions_t fa;
	char text[16];
	char *argv[] = { (char *)(uintptr_t)self, (char *)(uintptr_t) "worker",
			 text, NULL };
	pid_t pid = -1;

	snprintf(text, sizeof(text), "%d", c->child);
	posix_spawn_file_actions_init(&fa);
	if (c->d & 1)
		posix_spawn_file_actions_addopen(&fa, (int)c->b, "f0", O_RDWR,
						 0);
	if (c->d & 2)
		posix_spawn_file_actions_addclose(&fa, (int)c->c);
	errno = posix_spawn(&pid, self, &fa, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&fa);
	return errno ? -1 : pid;
}

static long new_process(const struct command *c, struct reply *r)
{
	pid_t pid;

	switch (c->op) {
	case VFORK:
		pid = by_vfork(c);
		break;
	case SPAWN:
		pid = by_spawn(c);
		break;
	case CLONE:
		pid = (pid_t)syscall(SYS_clone, clone_flags[c->a % 5] | SIGCHLD,
				     0, 0, 0, 0);
		break;
	default:
		pid = fork();
	}
	if (!pid) {
		memset((void *)(uintptr_t)seen, 0, sizeof(seen));
		work(c->child);
	}
	r->pid = pid;
	return pid < 0 ? -errno : 0;
}

static long wait_for(const struct command *c, struct reply *r)
{
	siginfo_t info = { 0 };
	int status = 0;
	pid_t pid;

	if (c->op == SEEN)
		return waitid(P_PID, (id_t)c->a, &info, (int)c->b | WNOWAIT) ?
			       -errno :
			       0;
	pid = waitpid((pid_t)c->a, &status, WNOHANG);
	r->pid = pid;
	if (pid > 0)
		snprintf(r->text, sizeof(r->text), "%s %d",
			 WIFEXITED(status) ? "exited" : "signalled",
			 WIFEXITED(status) ? WEXITSTATUS(status) :
					     WTERMSIG(status));
	return pid < 0 ? -errno : pid > 0;
}

static long with_signals(const struct command *c, struct reply *r)
{
	struct itimerval it = { .it_value.tv_usec = 2000 };
	sigset_t set;
	sigset_t old;
	int before = seen[3];

	sigemptyset(&set);
	switch (c->op) {
	case BLOCK:
	case UNBLOCK:
		sigaddset(&set, sigs[c->a % 2]);
		return pthread_sigmask(c->op == BLOCK ? SIG_BLOCK : SIG_UNBLOCK,
				       &set, NULL);
	case SIGNALS:
		sigpending(&set);
		snprintf(r->text, sizeof(r->text),
			 "usr1 %d usr2 %d alrm %d pipe %d pending %d %d",
			 seen[0], seen[1], seen[3], seen[4],
			 sigismember(&set, SIGUSR1),
			 sigismember(&set, SIGUSR2));
		return 0;
	case ALARM:
		return alarm((unsigned int)c->a) ? 1 : 0;
	default:
		sigaddset(&set, SIGALRM);
		pthread_sigmask(SIG_BLOCK, &set, &old);
		setitimer(ITIMER_REAL, &it, NULL);
		sigdelset(&old, SIGALRM);
		while (seen[3] == before)
			sigsuspend(&old);
		pthread_sigmask(SIG_SETMASK, &old, NULL);
		return 0;
	}
}

static long result(long ret)
{
	return ret < 0 ? -errno : ret;
}

static long try_lock(const struct command *c, struct reply *r)
{
	const int types[] = { F_RDLCK, F_WRLCK, F_UNLCK };
	const int ops[] = { [LOCK] = F_SETLK,
			    [GETLK] = F_GETLK,
			    [OFD] = F_OFD_SETLK,
			    [OFDGET] = F_OFD_GETLK };
	struct flock fl = { .l_type = (short)types[c->b % 3],
			    .l_start = c->c % 8,
			    .l_len = c->d % 5 };
	long ret = result(fcntl((int)c->a, ops[c->op], &fl));

	if ((c->op == GETLK || c->op == OFDGET) && !ret) {
		snprintf(r->text, sizeof(r->text), "type %d", fl.l_type);
		if (fl.l_type != F_UNLCK) {
			snprintf(r->text, sizeof(r->text), "type %d %ld+%ld%s",
				 fl.l_type, (long)fl.l_start, (long)fl.l_len,
				 fl.l_pid == -1 ? " ofd" : "");
			r->pid = fl.l_pid > 0 ? fl.l_pid : 0;
		}
	}
	return ret;
}

/*
 * Whoever looks at /proc/N/fd on this machine has a description a moment longer
 * than its last owner, and with it its lock.
 */
static long lock(const struct command *c, struct reply *r)
{
	const struct timespec moment = { 0, 4000000 };
	long ret;

	for (int i = 0; i < 5; i++) {
		memset(r, 0, sizeof(*r));
		ret = c->op == FLOCK ?
			      result(flock((int)c->a,
					   locks[c->b % 3] | LOCK_NB)) :
			      try_lock(c, r);
		if (ret != -EAGAIN && !r->pid && !strstr(r->text, "ofd"))
			break;
		nanosleep(&moment, NULL);
	}
	return ret;
}

static short ready(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };

	return poll(&p, 1, 0) < 0 ? 0 : p.revents;
}

/* Nothing that would block: a pipe is asked first. */
static long move_bytes(const struct command *c, struct reply *r)
{
	char buf[64];
	long n = c->b % 48 + 1;
	short got = ready((int)c->a, c->op == WRITE ? POLLOUT : POLLIN);

	memset(buf, 'a' + (int)(c->c % 26), sizeof(buf));
	if (c->op == PREAD) {
		n = result(pread((int)c->a, buf, (size_t)n, c->c % 64));
	} else {
		snprintf(r->text, sizeof(r->text), "poll %#x ",
			 (unsigned int)got);
		if (!got)
			return 0;
		n = c->op == WRITE ? result(write((int)c->a, buf, (size_t)n)) :
				     result(read((int)c->a, buf, (size_t)n));
	}
	if (c->op != WRITE && n > 0)
		snprintf(r->text + strlen(r->text), 80, "%.*s", (int)n, buf);
	for (char *at = r->text; *at; at++)
		if (*at < ' ' || *at > '~')
			*at = '?';
	return n;
}

static long pass(const struct command *c)
{
	char room[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec iov = { (void *)(uintptr_t) "p", 1 };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = room,
			      .msg_controllen = sizeof(room) };
	struct cmsghdr *cm = CMSG_FIRSTHDR(&msg);
	int fd = (int)c->b;

	cm->cmsg_level = SOL_SOCKET;
	cm->cmsg_type = SCM_RIGHTS;
	cm->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cm), &fd, sizeof(fd));
	return result(sendmsg((int)c->a, &msg, MSG_DONTWAIT));
}

static long take(const struct command *c, struct reply *r)
{
	char room[CMSG_SPACE(sizeof(int))] = { 0 };
	char byte[16];
	struct iovec iov = { byte, sizeof(byte) };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = room,
			      .msg_controllen = sizeof(room) };
	long n = result(
		recvmsg((int)c->a, &msg,
			MSG_DONTWAIT | (c->b & 1 ? MSG_CMSG_CLOEXEC : 0)));
	struct cmsghdr *cm = n >= 0 ? CMSG_FIRSTHDR(&msg) : NULL;
	int fd = -1;

	if (cm && cm->cmsg_type == SCM_RIGHTS)
		memcpy(&fd, CMSG_DATA(cm), sizeof(fd));
	snprintf(r->text, sizeof(r->text), "fd %d flags %#x", fd,
		 (unsigned int)(n >= 0 ? msg.msg_flags & ~MSG_CMSG_CLOEXEC :
					 0));
	return n;
}

/* What a number is, without what differs between runs. */
static long name_of(const struct command *c, struct reply *r)
{
	char link[64];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/thread-self/fd/%ld", c->a);
	n = readlink(link, r->text, sizeof(r->text) - 1);
	if (n < 0)
		return -errno;
	r->text[n] = 0;
	if (strchr(r->text, '['))
		*strchr(r->text, '[') = 0;
	return 0;
}

/* Which numbers are open, and with which flag. */
static long list(struct reply *r)
{
	size_t len = 0;

	for (int fd = 3; fd < FDS; fd++) {
		int flags = fcntl(fd, F_GETFD);

		if (flags >= 0)
			len += (size_t)snprintf(r->text + len,
						sizeof(r->text) - len, "%d%s ",
						fd, flags ? "x" : "");
	}
	return 0;
}

static long open_file(const struct command *c)
{
	const int flags[] = { O_RDONLY,
			      O_RDWR,
			      O_RDWR | O_CREAT,
			      O_WRONLY | O_APPEND,
			      O_RDWR | O_TRUNC,
			      O_PATH,
			      O_RDONLY | O_DIRECTORY,
			      O_RDWR | O_CREAT | O_EXCL,
			      O_RDONLY | O_NOFOLLOW };

	return result(open(paths[c->a % (long)PATHS],
			   flags[c->b % 9] | (c->c & 1 ? O_CLOEXEC : 0), 0666));
}

static long descriptors(const struct command *c, struct reply *r)
{
	int pair[2] = { -1, -1 };
	struct stat st;
	long ret;

	switch (c->op) {
	case OPEN:
		return open_file(c);
	case CLOSE:
		return result(close((int)c->a));
	case DUP:
		return result(dup((int)c->a));
	case DUP2:
		return result(dup2((int)c->a, (int)c->b));
	case DUP3:
		return result(
			dup3((int)c->a, (int)c->b, c->c & 1 ? O_CLOEXEC : 0));
	case DUPFD:
		return result(fcntl((int)c->a,
				    c->c & 1 ? F_DUPFD_CLOEXEC : F_DUPFD,
				    (int)c->b));
	case RANGE:
		return result(close_range((unsigned int)c->a,
					  (unsigned int)(c->a + c->b % 6),
					  c->c & 1 ? CLOSE_RANGE_CLOEXEC :
					  c->c & 2 ? CLOSE_RANGE_UNSHARE :
						     0));
	case GETFD:
		return result(fcntl((int)c->a, F_GETFD));
	case SETFD:
		return result(fcntl((int)c->a, F_SETFD, c->c & 1));
	case GETFL:
		return result(fcntl((int)c->a, F_GETFL));
	case SETFL:
		return result(fcntl((int)c->a, F_SETFL,
				    (c->c & 1 ? O_APPEND : 0) |
					    (c->c & 2 ? O_NONBLOCK : 0)));
	case SEEK:
		return result(lseek((int)c->a, c->b % 32, (int)(c->c % 3)));
	case TRUNC:
		return result(ftruncate((int)c->a, c->b % 100));
	case PIPE:
	case PAIR:
		ret = c->op == PIPE ?
			      pipe2(pair, c->c & 1 ? O_CLOEXEC : 0) :
			      socketpair(AF_UNIX,
					 c->c & 1 ? SOCK_STREAM : SOCK_DGRAM, 0,
					 pair);
		snprintf(r->text, sizeof(r->text), "%d %d", pair[0], pair[1]);
		return result(ret);
	case EVENT:
		return result(
			eventfd((unsigned int)(c->a % 3),
				EFD_NONBLOCK | (c->c & 1 ? EFD_CLOEXEC : 0)));
	case FSTAT:
		if (fstat((int)c->a, &st))
			return -errno;
		snprintf(r->text, sizeof(r->text), "%o %ld", st.st_mode,
			 S_ISREG(st.st_mode) ? (long)st.st_size : -1L);
		return 0;
	case FCHDIR:
		return result(fchdir((int)c->a));
	default:
		return -ENOSYS;
	}
}

static long act(const struct command *c, struct reply *r)
{
	const char *path = paths[c->a % (long)PATHS];

	switch (c->op) {
	case SYNC:
		return 0;
	case FORK:
	case VFORK:
	case SPAWN:
	case CLONE:
		return new_process(c, r);
	case THREAD:
		r->pid = getpid();
		return -pthread_create(&thread_of[c->child], NULL, thread_main,
				       (void *)(intptr_t)c->child);
	case WAIT:
	case ANY:
	case SEEN:
		return wait_for(c, r);
	case KILL:
	case DIE:
	case STOP:
		return c->c ? result(syscall(SYS_tgkill, c->a, c->c, c->b)) :
			      result(kill((pid_t)c->a, (int)c->b));
	case LEAVE:
		return -pthread_join(thread_of[c->child], NULL);
	case BLOCK:
	case UNBLOCK:
	case SIGNALS:
	case ALARM:
	case TIMER:
		return with_signals(c, r);
	case PGID:
		if (c->b & 1) {
			r->pid = getpgid((pid_t)c->a);
			return r->pid < 0 ? -errno : 0;
		}
		return result(setpgid((pid_t)c->a, (pid_t)c->c));
	case SID:
		r->pid = setsid();
		return r->pid < 0 ? -errno : 0;
	case PARENT:
		r->pid = getppid();
		return 0;
	case UNSHARE:
		return result(unshare(c->a % 3 == 0 ? CLONE_FILES :
				      c->a % 3 == 1 ? CLONE_FS :
						      CLONE_FILES | CLONE_FS));
	case USER:
		return result(
			syscall(SYS_setresuid, -1, c->a & 1 ? 1000 : 0, -1));
	case READ:
	case WRITE:
	case PREAD:
		return move_bytes(c, r);
	case LOCK:
	case GETLK:
	case OFD:
	case OFDGET:
	case FLOCK:
		return lock(c, r);
	case PASS:
		return pass(c);
	case TAKE:
		return take(c, r);
	case NAME:
		return name_of(c, r);
	case LIST:
		return list(r);
	case MASK:
		return (long)umask((mode_t)(c->a & 077));
	case CHDIR:
		return result(chdir(path));
	case GETCWD:
		return getcwd(r->text, sizeof(r->text)) ? 0 : -errno;
	case MKDIR:
		return result(mkdir("made", 0777));
	case UNLINK:
		return result(unlinkat(AT_FDCWD, c->b & 1 ? "made" : path,
				       c->b & 1 ? AT_REMOVEDIR : 0));
	case RENAME:
		return result(rename(path, c->b & 1 ? "new" : "f1"));
	default:
		return descriptors(c, r);
	}
}

/* Never returns, but of a thread. */
static void work(int slot)
{
	struct command c;
	struct reply r;

	for (;;) {
		if (read(PIPES + 2 * slot, &c, sizeof(c)) != sizeof(c))
			_exit(6);
		memset(&r, 0, sizeof(r));
		if (c.op == EXEC)
			become(slot);
		if (c.op == EXIT)
			_exit((int)c.a);
		if (c.op == LEAVE && c.child == slot)
			pthread_exit(NULL);
		r.ret = act(&c, &r);
		r.tid = gettid();
		answer(&r);
	}
}

static void set_handlers(void)
{
	struct sigaction sa = { .sa_handler = on_signal,
				.sa_flags = SA_RESTART };

	for (size_t i = 0; i < SIGS; i++)
		sigaction(sigs[i], &sa, NULL);
}

/* ---- the driver ---- */

/* Of a process that ever was. */
struct proc {
	pid_t pid;
	int parent; /* index, or -1: the driver */
	bool live;
	bool zombie;
	bool mixed; /* its table is, or was, another process' too */
};

struct slot {
	bool live;
	bool thread; /* not the one that the process began with */
	bool alone;  /* it has unshared something */
	int proc;
	pid_t tid;
};

static struct proc proc[4096];
static int nproc;
static struct slot slots[SLOTS];
static uint64_t state;
static int trace_at;

static uint64_t draw(uint64_t below)
{
	uint64_t z = state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return (z ^ z >> 31) % below;
}

static int proc_of(pid_t pid)
{
	for (int i = nproc - 1; i >= 0; i--)
		if (proc[i].pid == pid)
			return i;
	return -1;
}

/*
 * A lock belongs to a table, but the kernel names the process that set it; rsc
 * names one of those that have the table.
 */
static void put_pid(pid_t pid, bool lock)
{
	int i = proc_of(pid);

	if (lock && i >= 0 && proc[i].mixed)
		printf(" one of several");
	else if (pid == getpid())
		printf(" driver");
	else if (i >= 0)
		printf(" p%d", i);
	else
		printf(" ?");
}

static void tell(int slot, const struct command *c)
{
	if (write(PIPES + 2 * slot + 1, c, sizeof(*c)) != sizeof(*c))
		die("write");
}

static void hear(struct reply *r)
{
	struct pollfd p = { .fd = REPLY_IN, .events = POLLIN };

	int n;

	while ((n = poll(&p, 1, 30000)) < 0 && errno == EINTR)
		;
	if (n != 1 || read(REPLY_IN, r, sizeof(*r)) != sizeof(*r)) {
		printf("no answer\n");
		exit(2);
	}
}

static void have(int slot, const struct command *c, struct reply *r)
{
	tell(slot, c);
	hear(r);
}

static void sync_with(int slot)
{
	struct command c = { .op = SYNC };
	struct reply r;

	have(slot, &c, &r);
	slots[slot].tid = r.tid;
}

static int threads(int p)
{
	int n = 0;

	for (int i = 0; i < SLOTS; i++)
		n += slots[i].live && slots[i].proc == p;
	return n;
}

static int slot_of(int p)
{
	for (int i = 0; i < SLOTS; i++)
		if (slots[i].live && slots[i].proc == p)
			return i;
	return -1;
}

static void add_slot(int slot, int p, bool thread)
{
	slots[slot] = (struct slot){ true, thread, false, p, 0 };
	sync_with(slot);
}

static int add_proc(pid_t pid, int parent)
{
	proc[nproc] = (struct proc){ pid, parent, true, false, false };
	return nproc++;
}

/* The parent of p finds that it is dead, stopped or continued. */
static void see(int p, int what)
{
	struct command c = { .op = SEEN, .a = proc[p].pid, .b = what };
	struct reply r = { 0 };
	siginfo_t info;

	if (proc[p].parent >= 0)
		have(slot_of(proc[p].parent), &c, &r);
	else if (waitid(P_PID, (id_t)proc[p].pid, &info, what | WNOWAIT))
		r.ret = -errno;
	if (r.ret)
		printf("   p%d: %s\n", p, strerror((int)-r.ret));
}

/* What falls to the driver is buried at once. */
static void bury(int p)
{
	int status;

	if (waitpid(proc[p].pid, &status, 0) != proc[p].pid)
		status = -1;
	printf("   p%d: buried, status %#x\n", p, (unsigned int)status);
	proc[p].zombie = false;
}

static void dead(int p)
{
	for (int i = 0; i < SLOTS; i++)
		if (slots[i].proc == p)
			slots[i].live = false;
	see(p, WEXITED);
	proc[p].live = false;
	proc[p].zombie = true;
	for (int i = 0; i < nproc; i++) {
		if (proc[i].parent != p || !(proc[i].live || proc[i].zombie))
			continue;
		proc[i].parent = -1;
		if (proc[i].zombie)
			bury(i);
	}
	if (proc[p].parent < 0)
		bury(p);
}

/* ---- commands with consequences ---- */

static void put_reply(const struct command *c, const struct reply *r)
{
	if (r->ret < 0)
		printf(" = %s", strerrorname_np((int)-r->ret));
	else
		printf(" = %ld", r->ret);
	if (*r->text)
		printf(" %s", r->text);
	if (r->pid > 0)
		put_pid(r->pid, c->op == GETLK || c->op == OFDGET);
	putchar('\n');
}

/* A slot that nobody has, or -1. */
static int free_slot(void)
{
	for (int i = 0; i < SLOTS; i++)
		if (!slots[i].live)
			return i;
	return -1;
}

static bool begin(int s, struct command *c)
{
	bool thread = c->op == THREAD;
	struct reply r;
	int parent = slots[s].proc;
	int to = free_slot();
	int i;

	if (to < 0)
		return false;
	c->child = to;
	if (c->op == CLONE)
		printf(" %#lx", clone_flags[c->a % 5]);
	else
		printf(" %ld %ld %ld %ld", c->a, c->b, c->c, c->d);
	have(s, c, &r);
	if (!r.ret && !thread) {
		if (c->op == CLONE && clone_flags[c->a % 5] & CLONE_PARENT)
			parent = proc[parent].parent;
		i = add_proc(r.pid, parent);
		if (c->op == CLONE && clone_flags[c->a % 5] & CLONE_FILES)
			proc[i].mixed = proc[slots[s].proc].mixed = true;
		parent = i;
	}
	put_reply(c, &r);
	if (!r.ret)
		add_slot(to, parent, thread);
	return true;
}

static bool end(int s, struct command *c)
{
	int p = slots[s].proc;
	struct reply r;
	int other = -1;

	if (c->op != LEAVE) {
		tell(s, c);
		putchar('\n');
		for (int i = 0; i < SLOTS; i++)
			if (slots[i].proc == p && i != s && c->op == EXEC)
				slots[i].live = false;
		if (c->op == EXEC)
			add_slot(s, p, false);
		else
			dead(p);
		return true;
	}
	for (int i = 0; i < SLOTS; i++)
		if (slots[i].live && slots[i].proc == p && i != s)
			other = i;
	if (!slots[s].thread || slots[s].alone || other < 0)
		return false;
	c->child = s;
	tell(s, c);
	slots[s].live = false;
	have(other, c, &r);
	put_reply(c, &r);
	return true;
}

static bool reap(int s, struct command *c)
{
	int p = (int)draw((uint64_t)nproc);
	struct reply r;

	for (int i = 0; c->op == WAIT && i < nproc; i++)
		if (proc[(p + i) % nproc].parent == slots[s].proc &&
		    (proc[(p + i) % nproc].zombie ||
		     proc[(p + i) % nproc].live))
			p = (p + i) % nproc;
	c->a = c->op == WAIT ? proc[p].pid : -1;
	if (c->op == WAIT)
		printf(" p%d", p);
	have(s, c, &r);
	put_reply(c, &r);
	if (r.ret > 0)
		proc[proc_of(r.pid)].zombie = false;
	return true;
}

static bool hit(int s, struct command *c)
{
	const int deadly[] = { SIGKILL, SIGTERM, SIGHUP, SIGXCPU };
	int to = (int)draw(SLOTS);
	struct reply r;
	int p;

	if (!slots[to].live)
		return false;
	p = slots[to].proc;
	if (c->op != KILL && (p == slots[s].proc || !p))
		return false;
	c->a = proc[p].pid;
	c->b = c->op == KILL ? sigs[draw(2)] :
	       c->op == DIE  ? deadly[draw(4)] :
			       SIGSTOP;
	c->c = threads(p) > 1 || draw(2) ? slots[to].tid : 0;
	printf(" p%d %d %s", p, (int)c->b, c->c ? "thread" : "process");
	have(s, c, &r);
	put_reply(c, &r);
	if (r.ret)
		return true;
	if (c->op == KILL)
		sync_with(to);
	if (c->op == DIE)
		dead(p);
	if (c->op == STOP) {
		see(p, WSTOPPED);
		c->b = SIGCONT;
		c->c = 0;
		have(s, c, &r);
		see(p, WCONTINUED);
	}
	return true;
}

static bool group(int s, struct command *c)
{
	int p = slots[(int)draw(SLOTS)].proc;
	int to = slots[(int)draw(SLOTS)].proc;
	struct reply r;

	if (!proc[p].live || !proc[to].live)
		return false;
	c->a = proc[p].pid;
	c->c = proc[to].pid;
	printf(" p%d p%d", p, to);
	have(s, c, &r);
	put_reply(c, &r);
	return true;
}

static bool other(int s, struct command *c)
{
	struct reply r;

	if (c->op == TIMER && threads(slots[s].proc) > 1)
		return false;
	if (c->op == ALARM)
		c->a = c->a % 3 * 500;
	if (c->op > USER)
		printf(" %ld %ld %ld %ld", c->a, c->b, c->c, c->d);
	else
		printf(" %ld", c->a);
	have(s, c, &r);
	put_reply(c, &r);
	if (c->op == UNSHARE && !r.ret)
		slots[s].alone = true;
	return true;
}

static bool (*const does[OPS])(int s, struct command *c) = {
	[FORK] = begin,	  [VFORK] = begin, [SPAWN] = begin, [CLONE] = begin,
	[THREAD] = begin, [EXEC] = end,	   [EXIT] = end,    [LEAVE] = end,
	[WAIT] = reap,	  [ANY] = reap,	   [KILL] = hit,    [DIE] = hit,
	[STOP] = hit,	  [PGID] = group,
};

static void step(void)
{
	struct command c = { 0 };
	unsigned int total = 0;
	unsigned int n;
	int s = (int)draw(SLOTS);

	for (int i = 0; i < OPS; i++)
		total += weight[i];
	n = (unsigned int)draw(total);
	while (n >= weight[c.op])
		n -= weight[c.op++];
	c.a = 3 + (long)draw(FDS - 3);
	c.b = 3 + (long)draw(FDS - 3);
	c.c = (long)draw(64);
	c.d = (long)draw(64);
	while (!slots[s].live)
		s = (s + 1) % SLOTS;
	/* Somebody stays. */
	if (c.op == EXIT && slots[s].proc == 0)
		return;
	printf("%d p%d.%d %s", trace_at++, slots[s].proc, s, names[c.op]);
	if (!(does[c.op] ? does[c.op] : other)(s, &c))
		printf(" -\n");
}

static void make_pipes(void)
{
	int fd[2];

	for (int i = 0; i <= SLOTS; i++) {
		if (pipe(fd) || dup2(fd[0], PIPES + 2 * i) < 0 ||
		    dup2(fd[1], PIPES + 2 * i + 1) < 0 || close(fd[0]) ||
		    close(fd[1]))
			die("pipe");
	}
}

static int drive(uint64_t seed, int steps)
{
	pid_t pid;

	state = seed;
	close_range(3, ~0U, 0);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	setpgid(0, 0);
	make_pipes();
	fflush(stdout);
	set_handlers();
	pid = fork();
	if (!pid)
		work(0);
	add_slot(0, add_proc(pid, -1), false);
	for (int i = 0; i < steps && slot_of(0) >= 0; i++)
		step();
	for (int i = 0; i < nproc; i++)
		if (proc[i].live)
			kill(proc[i].pid, SIGKILL);
	while (wait(NULL) > 0 || errno == EINTR)
		;
	printf("done\n");
	return 0;
}

int main(int argc, char **argv)
{
	self = argv[0];
	if (argc == 3 && !strcmp(argv[1], "worker")) {
		set_handlers();
		work(atoi(argv[2]));
	}
	if (argc == 3)
		return drive(strtoull(argv[1], NULL, 10), atoi(argv[2]));
	return 2;
}
