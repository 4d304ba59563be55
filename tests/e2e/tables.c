/*
 * Which descriptors a process has after it was made, and after it became
 * another program: prints what each part finds, none of which is chance.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define STACK 65536
#define CLEAR_SIGHAND 0x100000000ULL

extern char **environ;
static char *self;

static long say(const char *what, long ret)
{
	int err = errno;

	printf(ret == -1 ? "%s = %ld (%d)\n" : "%s = %ld\n", what, ret, err);
	fflush(stdout);
	return ret;
}

#define SAY(call) say(#call, (long)(call))

/* Three bytes at fd's offset, or why not. */
static void read3(const char *what, int fd)
{
	char buf[4] = "";
	long n = read(fd, buf, 3);

	for (long i = 0; i < n; i++)
		if (buf[i] == '\n')
			buf[i] = '.';
	printf("%s: %ld %s\n", what, n < 0 ? -errno : n, buf);
	fflush(stdout);
}

/* Runs fn in a process with these clone flags and waits for it. */
static int in_clone(unsigned long flags, int (*fn)(void *), void *arg)
{
	static char stack[STACK] __attribute__((aligned(16)));
	int status = -1;
	pid_t pid;

	fflush(stdout);
	pid = clone(fn, stack + STACK, (int)flags | SIGCHLD, arg);
	if (pid > 0)
		waitpid(pid, &status, 0);
	return pid > 0 ? status : -1;
}

static void exec_look(const char *first, const char *second)
{
	execl(self, self, "look", first, second, (char *)NULL);
	_exit(126);
}

/* After an exec: the descriptors of argv. */
static int look(char **argv)
{
	for (; *argv; argv++)
		read3(*argv, atoi(*argv));
	return 0;
}

/* ---- processes that share a table, or do not ---- */

static int changes(void *arg)
{
	char buf[3];
	int fd;

	(void)arg;
	fd = open("numbers", O_RDONLY);
	if (fd < 0 || read(fd, buf, 3) != 3 || close(3) || dup2(fd, 9) != 9 ||
	    fcntl(9, F_SETFD, FD_CLOEXEC))
		return 1;
	return chdir("dir") ? 2 : umask(0) & 0;
}

static void after_changes(void)
{
	struct stat st;

	SAY(fcntl(3, F_GETFD));
	SAY(fcntl(4, F_GETFD));
	SAY(fcntl(9, F_GETFD));
	read3("4", 4);
	read3("9", 9);
	SAY(stat("a", &st));
	SAY(umask(022));
	SAY(chdir("/srv/w"));
	SAY(open("random", O_RDONLY));
	SAY(syscall(SYS_close_range, 3, ~0U, 0));
}

static void sharing(void)
{
	static const unsigned long flags[] = {
		0,
		CLONE_FILES,
		CLONE_FS,
		CLONE_FILES | CLONE_FS,
		CLONE_VM | CLONE_VFORK,
		CLONE_VM | CLONE_VFORK | CLONE_FILES,
		CLONE_FILES | CLONE_FS | CLONE_VM,
		CLONE_PARENT_SETTID,
	};

	for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++) {
		printf("-- flags %lx\n", flags[i]);
		SAY(open("random", O_RDONLY));
		SAY(in_clone(flags[i], changes, NULL));
		after_changes();
	}
}

/* The same by clone3, whose flags are in memory. */
static void sharing3(void)
{
	for (int i = 0; i < 2; i++) {
		/* flags, pidfd, child_tid, parent_tid, exit_signal, ... */
		uint64_t args[11] = { [0] = i ? CLONE_FILES : CLEAR_SIGHAND,
				      [4] = SIGCHLD };
		int status;
		pid_t pid;

		SAY(open("random", O_RDONLY));
		fflush(stdout);
		pid = (pid_t)syscall(SYS_clone3, args, sizeof(args));
		if (!pid)
			_exit(changes(NULL));
		SAY(waitpid(pid, &status, 0) == pid);
		SAY(status);
		after_changes();
	}
}

/* ---- exec, with a table that others have, too ---- */

static int execs(void *arg)
{
	(void)arg;
	exec_look("3", "4");
	return 1;
}

static int execs_after_closing(void *arg)
{
	if (close(3) || fcntl(4, F_SETFD, FD_CLOEXEC))
		return 1;
	return execs(arg);
}

static int fails_to_exec(void *arg)
{
	(void)arg;
	execl("/srv/w/none", "none", (char *)NULL);
	execl("/srv/w/numbers", "numbers", (char *)NULL);
	return 0;
}

static void exec_apart(void)
{
	static const unsigned long flags[] = { 0, CLONE_FILES,
					       CLONE_VM | CLONE_VFORK };

	for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++) {
		printf("-- flags %lx\n", flags[i]);
		SAY(open("numbers", O_RDONLY));
		SAY(open("numbers", O_RDONLY | O_CLOEXEC));
		SAY(in_clone(flags[i], fails_to_exec, NULL));
		SAY(in_clone(flags[i], execs, NULL));
		read3("3 was moved", 3);
		read3("4 was not", 4);
		SAY(in_clone(flags[i], execs_after_closing, NULL));
		read3("3", 3);
		SAY(fcntl(4, F_GETFD));
		SAY(syscall(SYS_close_range, 3, ~0U, 0));
	}
}

/* Every way to set the flag, and to take it away. */
static void cloexec(void)
{
	char *argv[] = { self, "look", "3",  "4",  "5",	 "6", "7",
			 "8",  "9",    "10", "11", "12", NULL };
	int fd;

	SAY(open("numbers", O_RDONLY | O_CLOEXEC));
	SAY(fcntl(3, F_DUPFD_CLOEXEC, 0));
	SAY(dup(3));
	SAY(dup3(3, 6, O_CLOEXEC));
	SAY(dup2(3, 7));
	SAY(fd = open("numbers", O_RDONLY));
	SAY(ioctl(fd, FIOCLEX));
	SAY(fd = open("numbers", O_RDONLY | O_CLOEXEC));
	SAY(ioctl(fd, FIONCLEX));
	SAY(fd = open("numbers", O_RDONLY | O_CLOEXEC));
	SAY(fcntl(fd, F_SETFD, 0));
	SAY(fd = open("numbers", O_RDONLY));
	SAY(syscall(SYS_close_range, 11, 11, 4));
	SAY(fd = open("numbers", O_RDONLY));
	for (fd = 3; fd < 13; fd++)
		printf("%d: %d\n", fd, fcntl(fd, F_GETFD));
	fflush(stdout);
	execv(self, argv);
}

static void spawning(void)
{
	char *argv[] = { self, "look", "3", "5", "6", "9", NULL };
	posix_spawn_file_actions_t actions;
	int status;
	pid_t pid;

	SAY(open("numbers", O_RDONLY));
	SAY(open("random", O_RDONLY | O_CLOEXEC));
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, 3, 9);
	posix_spawn_file_actions_addopen(&actions, 5, "numbers", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, 5, 6);
	posix_spawn_file_actions_addclose(&actions, 3);
	posix_spawn_file_actions_addchdir_np(&actions, "dir");
	status = posix_spawn(&pid, self, &actions, NULL, argv, environ);
	SAY(status == 0 && waitpid(pid, &status, 0) == pid);
	SAY(status);
	read3("3 moved by its duplicate", 3);
	SAY(fcntl(5, F_GETFD));
	posix_spawn_file_actions_addopen(&actions, 7, "none", O_RDONLY, 0);
	SAY(posix_spawn(&pid, self, &actions, NULL, argv, environ) == ENOENT);
	SAY(open("numbers", O_RDONLY));
}

/* ---- threads ---- */

static void *blocks(void *arg)
{
	char c;

	/* A fifo that nobody writes to: opened, then read. */
	(void)!read(*(int *)arg, &c, 1);
	return NULL;
}

static void *blocks_in_open(void *arg)
{
	(void)arg;
	open("fifo", O_WRONLY);
	return NULL;
}

static void *execs_here(void *arg)
{
	(void)arg;
	exec_look("3", "4");
	return NULL;
}

static void until_blocked(void)
{
	char name[64];
	char state;
	FILE *f;
	int tid;

	/* The last thread sleeps, here or there. */
	for (tid = getpid() + 1, state = 0; state != 'S';) {
		snprintf(name, sizeof(name), "/proc/self/task/%d/stat", tid);
		f = fopen(name, "r");
		if (f && fscanf(f, "%*d (%*[^)]) %c", &state) != 1)
			state = 0;
		if (f)
			fclose(f);
		else
			break;
		sched_yield();
	}
}

/* Another thread than the first becomes the program; one is in a call. */
static void exec_in_thread(void)
{
	pthread_t thread;
	int fd;

	SAY(open("numbers", O_RDONLY));
	SAY(open("numbers", O_RDONLY | O_CLOEXEC));
	SAY(mkfifo("fifo", 0600));
	SAY(fd = open("fifo", O_RDWR));
	pthread_create(&thread, NULL, blocks, &fd);
	pthread_create(&thread, NULL, execs_here, NULL);
	pthread_join(thread, NULL);
}

/* A fork while an open is under way: the child does not get it. */
static void fork_amid(void)
{
	pthread_t thread;
	int status;
	pid_t pid;
	int fd;

	SAY(open("numbers", O_RDONLY));
	SAY(mkfifo("fifo", 0600));
	pthread_create(&thread, NULL, blocks_in_open, NULL);
	until_blocked();
	pid = fork();
	if (!pid) {
		read3("child's 3", 3);
		SAY(fcntl(4, F_GETFD));
		SAY(open("random", O_RDONLY));
		_exit(0);
	}
	SAY(waitpid(pid, &status, 0) == pid);
	SAY(status);
	SAY(open("fifo", O_RDONLY | O_NONBLOCK) >= 0);
	pthread_join(thread, NULL);
	read3("3 was moved", 3);
	fd = open("random", O_RDONLY);
	SAY(fd == 6);
}

static void *sets_flag(void *arg)
{
	fcntl(*(int *)arg, F_SETFD, FD_CLOEXEC);
	return NULL;
}

static void *dies(void *arg)
{
	(void)arg;
	open("random", O_RDONLY);
	pthread_exit(NULL);
}

static void thread_ends(void)
{
	pthread_t thread;
	int fd;

	SAY(fd = open("numbers", O_RDONLY));
	pthread_create(&thread, NULL, sets_flag, &fd);
	pthread_join(thread, NULL);
	SAY(fcntl(fd, F_GETFD));
	pthread_create(&thread, NULL, dies, NULL);
	pthread_join(thread, NULL);
	SAY(fcntl(4, F_GETFD));
	SAY(lseek(4, 0, SEEK_END));
	fflush(stdout);
	exec_look("3", "4");
}

/* ---- generations ---- */

/* The table of who is gone stays with those that share it. */
static int makes_and_goes(void *arg)
{
	int *end = arg;
	char c;

	if (fork())
		_exit(0);
	/* The orphan: its parent is dead when the pipe says so. */
	close(end[1]);
	if (read(end[0], &c, 1) != 1)
		_exit(1);
	read3("orphan", 3);
	SAY(lseek(3, 7, SEEK_SET));
	_exit(write(end[3], "x", 1) != 1);
}

static void generations(void)
{
	int end[4];
	char c;

	SAY(open("numbers", O_RDONLY));
	SAY(pipe(end));
	SAY(pipe(end + 2));
	SAY(in_clone(0, makes_and_goes, end));
	fflush(stdout);
	if (write(end[1], "x", 1) == 1 && read(end[2], &c, 1) == 1)
		read3("moved by the orphan", 3);
}

/* What a process that is killed held open is closed. */
static void killed(void)
{
	int ready[2];
	int status;
	pid_t pid;
	char c;
	int fd;

	SAY(mkfifo("fifo", 0600));
	SAY(fd = open("fifo", O_RDONLY | O_NONBLOCK));
	SAY(pipe(ready));
	pid = fork();
	if (!pid) {
		int out = open("fifo", O_WRONLY);

		(void)!write(out, "x", 1);
		(void)!write(ready[1], "x", 1);
		for (;;)
			pause();
	}
	SAY(read(ready[0], &c, 1));
	SAY(fcntl(fd, F_SETFL, 0));
	SAY(read(fd, &c, 1));
	SAY(kill(pid, SIGKILL));
	SAY(read(fd, &c, 1));
	SAY(waitpid(pid, &status, 0) == pid);
	SAY(WTERMSIG(status));
}

static void many(void)
{
	int status;
	char c[8];
	pid_t pid;
	int sum;

	for (int i = 0; i < 300; i++)
		if (open("numbers", O_RDONLY | (i % 3 ? 0 : O_CLOEXEC)) < 0)
			SAY(i);
	for (int round = 0; round < 3; round++) {
		pid = fork();
		if (!pid) {
			for (sum = 0; sum < 300; sum++)
				if (pread(3 + sum, c, 2, sum) != 2 ||
				    close(3 + sum))
					break;
			_exit(sum == 300 ? 0 : 1);
		}
		SAY(waitpid(pid, &status, 0) == pid);
		SAY(status);
	}
	fflush(stdout);
	exec_look("3", "301");
}

/* ---- locks and flags, which belong to one or the other ---- */

static short seen_by_child(pid_t *who)
{
	struct flock lock = { .l_type = F_WRLCK };
	int fd = open("numbers", O_RDWR);

	if (fcntl(fd, F_GETLK, &lock))
		return -1;
	*who = lock.l_pid;
	return lock.l_type;
}

/* A child says how the file is locked: type, and whether by its parent. */
static void locked(const char *what)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		pid_t who = 0;
		short type = seen_by_child(&who);

		printf("%s: %d %d\n", what, type,
		       type == F_UNLCK || who == getppid());
		fflush(stdout);
		_exit(0);
	}
	waitpid(pid, &status, 0);
}

static void locks(void)
{
	struct flock lock = { .l_type = F_WRLCK, .l_len = 10 };
	int status;
	pid_t pid;
	int other;
	int fd;

	SAY(fd = open("numbers", O_RDWR));
	SAY(fcntl(fd, F_SETLK, &lock));
	locked("locked");
	SAY(other = open("numbers", O_RDONLY));
	locked("opened again");
	SAY(close(other));
	locked("closed one of the two");
	SAY(fcntl(fd, F_SETLK, &lock));
	pid = fork();
	if (!pid) {
		/* Closing what was inherited lets nobody's lock go. */
		close(fd);
		_exit(0);
	}
	SAY(waitpid(pid, &status, 0) == pid);
	locked("closed by a child");
	SAY(other = dup(fd));
	SAY(close(other));
	locked("closed a duplicate");
	SAY(flock(fd, LOCK_EX));
	pid = fork();
	if (!pid)
		_exit(flock(fd, LOCK_UN) ? 1 : 0);
	SAY(waitpid(pid, &status, 0) == pid);
	SAY(other = open("numbers", O_RDONLY));
	SAY(flock(other, LOCK_SH | LOCK_NB));
	SAY(close(other));
	SAY(fcntl(fd, F_SETLK, &lock));
	fflush(stdout);
	execl(self, self, "locked", (char *)NULL);
}

static void flags(void)
{
	int status;
	int other;
	pid_t pid;
	int fd;

	SAY(fd = open("new", O_RDWR | O_CREAT, 0600));
	SAY(other = dup(fd));
	SAY(write(fd, "abc", 3));
	SAY(fcntl(other, F_SETFL, O_APPEND));
	SAY(fcntl(fd, F_GETFL) & O_APPEND);
	SAY(lseek(fd, 0, SEEK_SET));
	pid = fork();
	if (!pid) {
		SAY(write(other, "def", 3));
		SAY(fcntl(other, F_SETFL, 0));
		_exit(0);
	}
	SAY(waitpid(pid, &status, 0) == pid);
	SAY(fcntl(fd, F_GETFL) & O_APPEND);
	SAY(lseek(fd, 0, SEEK_CUR));
	SAY(lseek(fd, 1, SEEK_SET));
	SAY(write(fd, "X", 1));
	SAY(lseek(fd, 0, SEEK_SET));
	read3("first", fd);
	read3("then", other);
}

static const struct part {
	const char *name;
	void (*run)(void);
} parts[] = {
	{ "sharing", sharing },
	{ "sharing3", sharing3 },
	{ "exec-apart", exec_apart },
	{ "cloexec", cloexec },
	{ "spawning", spawning },
	{ "exec-in-thread", exec_in_thread },
	{ "fork-amid", fork_amid },
	{ "thread-ends", thread_ends },
	{ "generations", generations },
	{ "killed", killed },
	{ "many", many },
	{ "locks", locks },
	{ "flags", flags },
};

int main(int argc, char **argv)
{
	self = argv[0];
	if (argc > 1 && !strcmp(argv[1], "look"))
		return look(argv + 2);
	if (argc > 1 && !strcmp(argv[1], "locked")) {
		locked("after an exec");
		return 0;
	}
	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
		if (argc == 2 && !strcmp(parts[i].name, argv[1])) {
			parts[i].run();
			return 0;
		}
	return 2;
}
