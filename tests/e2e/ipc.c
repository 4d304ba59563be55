/*
 * Ways for processes to speak with each other: each way forks, the child does
 * its part, and the parent prints what came. Without arguments all of them.
 */
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <semaphore.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

static void say(const char *what, long long n)
{
	printf("  %s %lld%s%s\n", what, n, n < 0 ? " " : "",
	       n < 0 ? strerror(errno) : "");
}

static void reap(pid_t pid)
{
	int st = 0;

	waitpid(pid, &st, 0);
	say("the child", WEXITSTATUS(st));
}

/* A fifo opened by name waits for its other end. */
static void by_fifo(void)
{
	char text[32] = "";
	pid_t pid;
	int fd;

	say("mkfifo", mkfifo("fifo", 0600));
	pid = fork();
	if (!pid) {
		fd = open("fifo", O_WRONLY);
		_exit(write(fd, "through", 7) == 7 ? 3 : 4);
	}
	fd = open("fifo", O_RDONLY);
	say("read", read(fd, text, sizeof(text)));
	say("at the end", read(fd, text + 16, 8));
	printf("  %s\n", text);
	close(fd);
	reap(pid);
	fd = open("fifo", O_WRONLY | O_NONBLOCK);
	say("nobody reads", fd);
	unlink("fifo");
}

static void by_eventfd(void)
{
	int fd = eventfd(0, EFD_SEMAPHORE);
	uint64_t n = 0;
	pid_t pid = fork();

	if (!pid) {
		n = 3;
		_exit(write(fd, &n, 8) == 8 ? 3 : 4);
	}
	say("read", read(fd, &n, sizeof(n)));
	say("counts", (long long)n);
	reap(pid);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	while (read(fd, &n, sizeof(n)) > 0)
		say("and", (long long)n);
	say("empty", -1);
	close(fd);
}

static void by_timerfd(void)
{
	struct itimerspec ten = { { 0, 10000000 }, { 0, 10000000 } };
	int fd = timerfd_create(CLOCK_MONOTONIC, 0);
	struct epoll_event ev = { .events = EPOLLIN };
	int ep = epoll_create1(0);
	uint64_t n = 0;

	say("add", epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev));
	say("set", timerfd_settime(fd, 0, &ten, NULL));
	say("wait", epoll_wait(ep, &ev, 1, -1));
	say("read", read(fd, &n, sizeof(n)));
	say("expired", n > 0);
	close(fd);
	close(ep);
}

static void by_signalfd(void)
{
	struct signalfd_siginfo si;
	sigset_t set;
	pid_t pid;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	fd = signalfd(-1, &set, SFD_CLOEXEC);
	pid = fork();
	if (!pid)
		_exit(sigqueue(getppid(), SIGRTMIN + 1,
			       (union sigval){ .sival_int = 77 }) ?
			      4 :
			      3);
	say("read", read(fd, &si, sizeof(si)));
	say("signal", (int)si.ssi_signo - SIGRTMIN);
	say("value", si.ssi_int);
	say("from the child", si.ssi_pid == (uint32_t)pid);
	close(fd);
	reap(pid);
}

static void by_memfd(void)
{
	int fd = memfd_create("shared", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	char *map;
	pid_t pid;

	say("truncate", ftruncate(fd, 4096));
	map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	pid = fork();
	if (!pid) {
		strcpy(map, "from the child");
		_exit(3);
	}
	reap(pid);
	printf("  %s\n", map);
	munmap(map, 4096);
	say("seal", fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
	say("sealed", write(fd, "x", 1));
	close(fd);
}

static void by_queue(void)
{
	struct mq_attr attr = { .mq_maxmsg = 4, .mq_msgsize = 32 };
	unsigned int prio = 0;
	char text[32] = "";
	char name[32];
	pid_t pid;
	mqd_t q;

	snprintf(name, sizeof(name), "/ipc.%d", getpid());
	q = mq_open(name, O_CREAT | O_EXCL | O_RDWR, 0600, &attr);
	say("mq_open", q >= 0);
	pid = fork();
	if (!pid) {
		mq_send(q, "low", 3, 1);
		_exit(mq_send(q, "high", 4, 9) ? 4 : 3);
	}
	reap(pid);
	say("receive", mq_receive(q, text, sizeof(text), &prio));
	printf("  %s %u\n", text, prio);
	mq_getattr(q, &attr);
	say("left", attr.mq_curmsgs);
	mq_close(q);
	say("unlink", mq_unlink(name));
}

static void by_system_v(void)
{
	struct {
		long type;
		char text[16];
	} msg = { 5, "typed" };
	struct sembuf wait = { 0, -1, 0 };
	struct sembuf post = { 0, 1, 0 };
	int shm = shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600);
	int sem = semget(IPC_PRIVATE, 1, IPC_CREAT | 0600);
	int q = msgget(IPC_PRIVATE, IPC_CREAT | 0600);
	char *map = shmat(shm, NULL, 0);
	struct shmid_ds ds;
	pid_t pid = fork();

	if (!pid) {
		strcpy(map, "in a segment");
		msgsnd(q, &msg, 6, 0);
		_exit(semop(sem, &post, 1) ? 4 : 3);
	}
	say("semop", semop(sem, &wait, 1));
	printf("  %s\n", map);
	msg.text[0] = 0;
	say("msgrcv", msgrcv(q, &msg, sizeof(msg.text), 5, 0));
	printf("  %s\n", msg.text);
	reap(pid);
	say("stat", shmctl(shm, IPC_STAT, &ds));
	say("attached", (long long)ds.shm_nattch);
	shmdt(map);
	say("remove", shmctl(shm, IPC_RMID, NULL) + semctl(sem, 0, IPC_RMID) +
			      msgctl(q, IPC_RMID, NULL));
}

static void by_named_semaphore(void)
{
	char name[32];
	sem_t *sem;
	pid_t pid;

	snprintf(name, sizeof(name), "/ipc.%d", getpid());
	sem = sem_open(name, O_CREAT | O_EXCL, 0600, 0);
	say("sem_open", sem != SEM_FAILED);
	if (sem == SEM_FAILED)
		return;
	pid = fork();
	if (!pid) {
		sem_t *same = sem_open(name, 0);

		_exit(same == SEM_FAILED || sem_post(same) ? 4 : 3);
	}
	say("wait", sem_wait(sem));
	reap(pid);
	sem_close(sem);
	say("unlink", sem_unlink(name));
}

static void by_shm_open(void)
{
	char name[32];
	char *map;
	pid_t pid;
	int fd;

	snprintf(name, sizeof(name), "/ipc.%d", getpid());
	fd = shm_open(name, O_CREAT | O_EXCL | O_RDWR, 0600);
	say("shm_open", fd >= 0);
	say("truncate", ftruncate(fd, 8192));
	map = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED) {
		say("mmap", -1);
		return;
	}
	pid = fork();
	if (!pid) {
		int same = shm_open(name, O_RDWR, 0);
		char *other = mmap(NULL, 8192, PROT_READ | PROT_WRITE,
				   MAP_SHARED, same, 0);

		if (other == MAP_FAILED)
			_exit(4);
		strcpy(other + 4096, "in the second page");
		_exit(3);
	}
	reap(pid);
	printf("  %s\n", map + 4096);
	munmap(map, 8192);
	close(fd);
	say("unlink", shm_unlink(name));
}

static void by_lock(void)
{
	int fd = open("locked", O_RDWR | O_CREAT, 0600);
	struct flock lk = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	pid_t pid;
	int own;

	say("flock", flock(fd, LOCK_EX));
	say("record lock", fcntl(fd, F_SETLK, &lk));
	pid = fork();
	if (!pid) {
		own = open("locked", O_RDWR);
		if (!flock(own, LOCK_EX | LOCK_NB) || errno != EWOULDBLOCK)
			_exit(4);
		if (!fcntl(own, F_SETLK, &lk) || errno != EAGAIN)
			_exit(5);
		fcntl(own, F_GETLK, &lk);
		_exit(lk.l_pid == getppid() ? 3 : 6);
	}
	reap(pid);
	pid = fork();
	if (!pid) {
		own = open("locked", O_RDWR);
		_exit(flock(own, LOCK_EX) ? 4 : 3); /* waits */
	}
	say("unlock", flock(fd, LOCK_UN));
	reap(pid);
	close(fd);
}

static void by_inotify(void)
{
	char text[4096];
	struct inotify_event *ev = (void *)text;
	int fd = inotify_init1(IN_CLOEXEC);
	pid_t pid;

	say("watch", inotify_add_watch(fd, ".", IN_CREATE));
	pid = fork();
	if (!pid)
		_exit(open("fresh", O_CREAT | O_WRONLY, 0600) < 0 ? 4 : 3);
	say("read", read(fd, text, sizeof(text)) > 0);
	printf("  %s\n", ev->name);
	reap(pid);
	close(fd);
}

int main(int argc, char **argv)
{
	static const struct way {
		const char *name;
		void (*run)(void);
	} ways[] = {
		{ "fifo", by_fifo },	       { "eventfd", by_eventfd },
		{ "timerfd", by_timerfd },     { "signalfd", by_signalfd },
		{ "memfd", by_memfd },	       { "mqueue", by_queue },
		{ "sysv", by_system_v },       { "shm", by_shm_open },
		{ "sem", by_named_semaphore }, { "lock", by_lock },
		{ "inotify", by_inotify },
	};

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
		if (argc > 1 && strcmp(argv[1], ways[i].name) != 0)
			continue;
		puts(ways[i].name);
		ways[i].run();
	}
	return 0;
}
