/*
 * A tree of processes that kill each other at random while they fork, exec,
 * make threads and use files of the server: kill SEED DEATHS AT GO. AT is told
 * before and after, GO lets it go on. Whoever reads something that is not there
 * makes it end with 1.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SLOTS 24
#define SEEDS 8 /* that the first process keeps alive */
#define SIZE 8192

/* What all of them share; at this number, which an execve keeps. */
#define SHARED_FD 99
static struct shared {
	atomic_int pid[SLOTS];
	atomic_uint dice;
	atomic_bool over;
	atomic_int bad; /* a line of this file, and an errno */
} * shared;

static char **args;
static int fifo = -1;

/* ---- what goes wrong ---- */

static void wrong(int line)
{
	int none = 0;

	atomic_compare_exchange_strong(&shared->bad, &none, line << 8 | errno);
}

#define NEED(cond)                                                             \
	do {                                                                   \
		if (!(cond))                                                   \
			wrong(__LINE__);                                       \
	} while (0)

/* ---- chance ---- */

static unsigned int dice(unsigned int n)
{
	unsigned int x = atomic_fetch_add(&shared->dice, 0x9e3779b9u);

	x ^= x >> 16;
	x *= 0x7feb352du;
	x ^= x >> 15;
	x *= 0x846ca68bu;
	x ^= x >> 16;
	return x % n;
}

/* ---- who is there ---- */

/* False when there are enough. */
static bool enter(int pid)
{
	int none;

	for (int i = 0; i < SLOTS; i++)
		if (shared->pid[i] == pid)
			return true;
	for (int i = 0; i < SLOTS; i++) {
		none = 0;
		if (atomic_compare_exchange_strong(&shared->pid[i], &none, pid))
			return !shared->over;
	}
	return false;
}

/* It is dead, and its number is still its own. */
static void leave(int pid)
{
	for (int i = 0; i < SLOTS; i++) {
		int is = pid;

		atomic_compare_exchange_strong(&shared->pid[i], &is, 0);
	}
}

static void send(int sig)
{
	int pid = shared->pid[dice(SLOTS)];

	if (pid)
		kill(pid, sig);
}

/* ---- what they do ---- */

static void live(void);

static void use_file(void)
{
	char buf[SIZE];
	int copy;
	int fd;

	fd = open("long", O_RDONLY);
	NEED(fd >= 0);
	NEED(read(fd, buf, SIZE) == SIZE);
	NEED(buf[0] == 'x' && buf[SIZE - 1] == 'x');
	copy = dup2(fd, 50 + (int)dice(4));
	NEED(copy >= 0);
	NEED(!close(fd));
}

static void write_file(void)
{
	int fd = open("written", O_WRONLY | O_APPEND | O_CREAT, 0600);

	NEED(fd >= 0);
	NEED(write(fd, "0123456789", 10) == 10);
	NEED(!close(fd));
}

static void map_file(void)
{
	int fd = open("long", O_RDONLY);
	char *p;

	NEED(fd >= 0);
	p = mmap(NULL, SIZE, PROT_READ, MAP_PRIVATE, fd, 0);
	NEED(p != MAP_FAILED);
	if (p != MAP_FAILED) {
		NEED(p[SIZE - 1] == 'x');
		munmap(p, SIZE);
	}
	close(fd);
}

/* Until somebody writes, or it dies. */
static void wait_there(void)
{
	char byte;

	NEED(read(fifo, &byte, 1) == 1 || errno == EINTR);
}

static void lock(void)
{
	int fd = open("locked", O_RDWR | O_CREAT, 0600);

	NEED(fd >= 0);
	NEED(!flock(fd, LOCK_EX) || errno == EINTR);
	NEED(!close(fd));
}

static void execute(void)
{
	execv(args[0], args);
	wrong(__LINE__);
	_exit(1);
}

static void *thread(void *arg)
{
	int what = (int)(intptr_t)arg;

	switch (what) {
	case 0:
		use_file();
		break;
	case 1:
		wait_there();
		break;
	case 2:
		execute();
		break;
	default:
		map_file();
		break;
	}
	return NULL;
}

static void make_thread(void)
{
	pthread_t id;

	if (pthread_create(&id, NULL, thread, (void *)(intptr_t)dice(4)))
		return;
	if (dice(2))
		pthread_detach(id);
	else
		pthread_join(id, NULL);
}

static pid_t make_process(void)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	if (enter(getpid()))
		live();
	_exit(0);
}

static void make_program(void)
{
	pid_t pid = vfork();

	if (!pid) {
		execv(args[0], args);
		_exit(127);
	}
}

static void live(void)
{
	while (!shared->over) {
		switch (dice(16)) {
		case 0:
		case 1:
			send(SIGKILL);
			break;
		case 2:
			send(SIGSTOP);
			send(SIGCONT);
			break;
		case 3:
			send(SIGUSR1);
			break;
		case 4:
			make_thread();
			break;
		case 5:
		case 6:
			make_process();
			break;
		case 7:
			make_program();
			break;
		case 8:
			execute();
			break;
		case 9:
			wait_there();
			break;
		case 10:
			NEED(write(fifo, "x", 1) == 1 || errno == EAGAIN);
			break;
		case 11:
			lock();
			break;
		case 12:
			map_file();
			break;
		case 13:
			write_file();
			break;
		default:
			use_file();
			break;
		}
	}
}

static void on_signal(int sig)
{
	(void)sig;
}

static void begin(void)
{
	struct sigaction action = { .sa_handler = on_signal };

	sigaction(SIGUSR1, &action, NULL);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED,
		      SHARED_FD, 0);
	if (shared == MAP_FAILED)
		_exit(2);
	fifo = open("fifo", O_RDWR);
	NEED(fifo >= 0);
}

/* ---- the first process ---- */

static void bury(void)
{
	siginfo_t info = { 0 };

	/* Once more for what a stop or SIGCONT has interrupted. */
	while (waitid(P_ALL, 0, &info, WEXITED | WNOWAIT) && errno == EINTR)
		;
	leave(info.si_pid);
	if (info.si_pid)
		waitpid(info.si_pid, NULL, 0);
}

static void kill_all(void)
{
	for (int i = 0; i < SLOTS; i++)
		if (shared->pid[i])
			kill(shared->pid[i], SIGKILL);
}

static void meet(const char *at, const char *go, const char *word)
{
	char byte;
	int fd;

	fd = open(at, O_WRONLY);
	dprintf(fd, "%s\n", word);
	close(fd);
	fd = open(go, O_RDONLY);
	while (read(fd, &byte, 1) == 1)
		;
	close(fd);
}

static int count(void)
{
	int n = 0;

	for (int i = 0; i < SLOTS; i++)
		n += shared->pid[i] != 0;
	return n;
}

static bool any_dead(void)
{
	siginfo_t info = { 0 };

	return !waitid(P_ALL, 0, &info, WEXITED | WNOWAIT | WNOHANG) &&
	       info.si_pid;
}

static bool any_child(void)
{
	siginfo_t info;

	return !waitid(P_ALL, 0, &info, WEXITED | WNOWAIT | WNOHANG);
}

int main(int argc, char **argv)
{
	char *one[] = { argv[0], NULL };
	int deaths;
	int fd;

	args = one;
	if (argc == 1) {
		begin();
		if (enter(getpid()))
			live();
		return 0;
	}
	fd = memfd_create("shared", 0);
	if (argc != 5 || fd < 0 || dup2(fd, SHARED_FD) < 0 ||
	    ftruncate(fd, sizeof(*shared)) || prctl(PR_SET_CHILD_SUBREAPER, 1))
		return 2;
	close(fd);
	begin();
	shared->dice = (unsigned int)atoi(argv[1]);
	deaths = atoi(argv[2]);
	meet(argv[3], argv[4], "before");
	while (deaths-- > 0 && !shared->bad) {
		for (int n = count(); n < SEEDS; n++)
			/* Its number is free for another when we say so. */
			enter(make_process());
		use_file();
		for (int i = 0; i < SLOTS && !any_dead(); i++)
			send(SIGKILL);
		if (!any_dead())
			kill_all();
		bury();
	}
	shared->over = true;
	while (any_child()) {
		kill_all();
		bury();
	}
	if (shared->bad)
		printf("line %d: %s\n", shared->bad >> 8,
		       strerror(shared->bad & 255));
	for (int i = 50; i < 54; i++)
		close(i);
	meet(argv[3], argv[4], "after");
	return shared->bad ? 1 : 7;
}
