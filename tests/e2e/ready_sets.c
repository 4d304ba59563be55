/*
 * Sets of descriptors of both sides, and who is woken when: each scene prints
 * what it sees. The fifo and the sockets are the server's, the pipe is local.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define NEED(cond)                                                             \
	do {                                                                   \
		if (!(cond)) {                                                 \
			printf("line %d: %s: %s\n", __LINE__, #cond,           \
			       strerror(errno));                               \
			exit(1);                                               \
		}                                                              \
	} while (0)

static char block[1 << 16];
static int reader;
static int writer;
static int local[2];

static void say(const char *what, long value)
{
	printf("  %s: %ld\n", what, value);
	fflush(stdout);
}

static int epoll_of(int fd, unsigned int events)
{
	struct epoll_event event = { .events = events, .data.fd = fd };
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	NEED(epoll >= 0);
	NEED(!epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event));
	return epoll;
}

static unsigned int take(int epoll, int ms)
{
	struct epoll_event event = { 0 };
	int n = epoll_wait(epoll, &event, 1, ms);

	return n == 1 ? event.events : (unsigned int)-n;
}

static void put(void)
{
	NEED(write(writer, "x", 1) == 1);
}

static void drain(void)
{
	while (read(reader, block, sizeof(block)) > 0)
		;
}

/* ---- scenes ---- */

static void poll_both_sides(void)
{
	int file = open("file", O_RDWR | O_CREAT, 0600);
	int dir = open(".", O_RDONLY);
	struct pollfd p[] = {
		{ reader, POLLIN, 0 },	 { writer, POLLOUT, 0 },
		{ local[0], POLLIN, 0 }, { file, POLLIN | POLLOUT, 0 },
		{ dir, POLLIN, 0 },	 { -1, POLLIN, 0 },
		{ 999, POLLIN, 0 },	 { reader, POLLRDHUP, 0 },
	};

	for (int i = 0; i < 4; i++) {
		say("ready", poll(p, 8, 0));
		for (int k = 0; k < 8; k++)
			printf(" %x", p[k].revents);
		putchar('\n');
		if (i == 0)
			put();
		if (i == 1)
			NEED(write(local[1], "x", 1) == 1);
		if (i == 2)
			drain();
	}
	NEED(read(local[0], block, 1) == 1);
	close(file);
	close(dir);
}

static void select_both_sides(void)
{
	struct timeval none = { 0, 0 };
	struct timespec wait = { 0, 1000000 };
	fd_set r;
	fd_set w;

	for (int i = 0; i < 3; i++) {
		FD_ZERO(&r);
		FD_ZERO(&w);
		FD_SET(reader, &r);
		FD_SET(local[0], &r);
		FD_SET(writer, &w);
		if (i == 1)
			put();
		if (i == 2)
			drain();
		say("select",
		    i < 2 ? select(200, &r, &w, NULL, &none) :
			    pselect(200, &r, NULL, NULL, &wait, NULL));
		say("reader", FD_ISSET(reader, &r));
		say("writer", FD_ISSET(writer, &w));
	}
	FD_ZERO(&r);
	FD_SET(900, &r);
	say("not open", select(901, &r, NULL, NULL, &none));
	say("errno", errno);
}

static void what_epoll_takes(void)
{
	struct epoll_event event = { .events = EPOLLIN };
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	int file = open("file", O_RDWR | O_CREAT, 0600);
	int dir = open(".", O_RDONLY);

	say("file", epoll_ctl(epoll, EPOLL_CTL_ADD, file, &event));
	say("errno", errno);
	say("directory", epoll_ctl(epoll, EPOLL_CTL_ADD, dir, &event));
	say("errno", errno);
	say("fifo", epoll_ctl(epoll, EPOLL_CTL_ADD, reader, &event));
	say("twice", epoll_ctl(epoll, EPOLL_CTL_ADD, reader, &event));
	say("errno", errno);
	say("bad event", epoll_ctl(epoll, EPOLL_CTL_MOD, reader, NULL));
	say("errno", errno);
	say("delete", epoll_ctl(epoll, EPOLL_CTL_DEL, reader, NULL));
	say("again", epoll_ctl(epoll, EPOLL_CTL_DEL, reader, NULL));
	say("errno", errno);
	say("no epoll", epoll_ctl(reader, EPOLL_CTL_ADD, writer, &event));
	say("errno", errno);
	close(file);
	close(dir);
	close(epoll);
}

static void nested(void)
{
	int inner = epoll_of(reader, EPOLLIN);
	int edge = epoll_of(inner, EPOLLIN | EPOLLET);
	int outer = epoll_of(inner, EPOLLIN);
	struct pollfd p = { outer, POLLIN, 0 };

	for (int i = 0; i < 2; i++) {
		say("quiet", take(outer, 0) + take(edge, 0) + poll(&p, 1, 0));
		put();
		say("outer", take(outer, 0));
		say("edge", take(edge, 0));
		say("edge again", take(edge, 0));
		say("poll", poll(&p, 1, 0));
		say("inner", take(inner, 0));
		drain();
	}
	close(inner);
	close(outer);
	close(edge);
}

static void exclusive(void)
{
	int one = epoll_of(reader, EPOLLIN | EPOLLEXCLUSIVE);
	int two = epoll_of(reader, EPOLLIN | EPOLLEXCLUSIVE);

	put();
	say("one", take(one, 0));
	say("two", take(two, 0));
	drain();
	say("one", take(one, 0));
	close(one);
	close(two);
}

static void changed(void)
{
	struct epoll_event event = { .events = EPOLLOUT };
	int epoll = epoll_of(writer, 0);

	say("nothing", take(epoll, 0));
	NEED(!epoll_ctl(epoll, EPOLL_CTL_MOD, writer, &event));
	say("out", take(epoll, 0));
	while (write(writer, block, 4096) > 0)
		;
	say("full", take(epoll, 0));
	drain();
	say("drained", take(epoll, 0));
	event.events = EPOLLOUT | EPOLLET;
	NEED(!epoll_ctl(epoll, EPOLL_CTL_MOD, writer, &event));
	say("edge", take(epoll, 0));
	say("none", take(epoll, 0));
	close(epoll);
}

static void closed_while_watched(void)
{
	int copy = dup(reader);
	int epoll = epoll_of(copy, EPOLLIN);
	int third;

	put();
	say("there", take(epoll, 0));
	third = dup(copy);
	close(copy);
	say("a copy is left", take(epoll, 0));
	close(third);
	/* The description lives on as reader. */
	say("the first is left", take(epoll, 0));
	drain();
	close(epoll);
	copy = open("fifo", O_RDONLY | O_NONBLOCK);
	epoll = epoll_of(copy, EPOLLIN);
	put();
	say("another", take(epoll, 0));
	close(copy);
	say("gone", take(epoll, 0));
	drain();
	close(epoll);
}

static void others_of_the_tree(void)
{
	struct pollfd p = { reader, POLLIN, 0 };
	int epoll = epoll_of(reader, EPOLLIN | EPOLLET);
	pid_t pid;

	put();
	say("ready", poll(&p, 1, 0));
	say("edge", take(epoll, 0));
	pid = fork();
	if (!pid) {
		say("ready in the child", poll(&p, 1, 0));
		drain();
		say("read in the child", poll(&p, 1, 0));
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	say("ready", poll(&p, 1, 0));
	pid = fork();
	if (!pid) {
		close(reader);
		put();
		_exit(0);
	}
	/* Blocks, or finds it. */
	say("woken", poll(&p, 1, 10000));
	say("edge", take(epoll, 10000));
	waitpid(pid, NULL, 0);
	drain();
	close(epoll);
}

/* The state of thread tid, as proc(5) names it. */
static char state_of(pid_t tid)
{
	char name[64];
	char text[512] = "";
	char *at;
	int fd;

	snprintf(name, sizeof(name), "/proc/self/task/%d/stat", tid);
	fd = open(name, O_RDONLY);
	NEED(fd >= 0 && read(fd, text, sizeof(text) - 1) > 0);
	close(fd);
	at = strrchr(text, ')');
	NEED(at);
	return at[2];
}

/* When who waits for it has begun to. */
static void *put_later(void *arg)
{
	while (state_of(*(pid_t *)arg) != 'S')
		sched_yield();
	put();
	return NULL;
}

static void blocked(void)
{
	struct pollfd p[] = { { reader, POLLIN, 0 }, { local[0], POLLIN, 0 } };
	int edge = epoll_of(reader, EPOLLIN | EPOLLET);
	pid_t self = gettid();
	pthread_t thread;
	fd_set r;

	for (int i = 0; i < 4; i++) {
		NEED(!pthread_create(&thread, NULL, put_later, &self));
		FD_ZERO(&r);
		FD_SET(reader, &r);
		if (i == 0)
			say("poll", poll(p, 2, -1));
		else if (i == 1)
			say("select", select(reader + 1, &r, NULL, NULL, NULL));
		else /* there is data already in the last round */
			say("edge", take(edge, -1));
		pthread_join(thread, NULL);
		if (i == 0) {
			drain();
			take(edge, 0);
		} else {
			say("edge", take(edge, 0) != 0);
		}
	}
	drain();
	close(edge);
}

static volatile int caught;
static volatile int fd_of_signal;
static volatile long band;

static void on_signal(int sig, siginfo_t *info, void *context)
{
	(void)context;
	caught = sig;
	fd_of_signal = info->si_code > 0 ? info->si_fd : -1;
	band = info->si_code > 0 ? info->si_band : 0;
}

/* Blocked: it comes in look_for_signal() alone. */
static void handle(int sig, int blocked)
{
	struct sigaction action = { .sa_sigaction = on_signal,
				    .sa_flags = SA_SIGINFO };
	sigset_t set;

	NEED(!sigaction(sig, &action, NULL));
	NEED(!sigemptyset(&set) && !sigaddset(&set, sig));
	NEED(!sigprocmask(blocked ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL));
	caught = 0;
	fd_of_signal = -1;
	band = 0;
}

static void interrupted(void)
{
	struct pollfd p = { reader, POLLIN, 0 };
	struct itimerspec spec = { .it_value.tv_nsec = 30000000 };
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL,
				  .sigev_signo = SIGALRM };
	timer_t timer;
	int epoll = epoll_of(reader, EPOLLIN);

	handle(SIGALRM, 0);
	NEED(!timer_create(CLOCK_MONOTONIC, &event, &timer));
	NEED(!timer_settime(timer, 0, &spec, NULL));
	say("poll", poll(&p, 1, -1));
	say("errno", errno);
	NEED(!timer_settime(timer, 0, &spec, NULL));
	say("epoll", -(int)take(epoll, -1));
	say("errno", errno);
	say("signal", caught);
	timer_delete(timer);
	close(epoll);
}

static void look_for_signal(time_t seconds)
{
	struct timespec wait = { seconds, 0 };
	sigset_t none;

	sigemptyset(&none);
	ppoll(NULL, 0, &wait, &none);
	say("signal", caught);
}

/* A signal is here, or comes: SIGIO is sent by whoever writes. */
static void await_signal(void)
{
	look_for_signal(10);
	say("of the descriptor", fd_of_signal == reader);
	say("band", band & (POLLIN | POLLOUT | POLLERR));
	caught = 0;
	fd_of_signal = -1;
	band = 0;
}

static void signals(void)
{
	struct f_owner_ex owner = { F_OWNER_TID, gettid() };
	int flags = fcntl(reader, F_GETFL);
	int on = 1;

	handle(SIGIO, 1);
	handle(SIGRTMIN, 1);
	put();
	say("set owner", fcntl(reader, F_SETOWN, getpid()));
	say("owner", fcntl(reader, F_GETOWN) == getpid());
	say("on", fcntl(reader, F_SETFL, flags | O_ASYNC));
	say("flags", fcntl(reader, F_GETFL) == (flags | O_ASYNC));
	look_for_signal(0);
	drain();
	put();
	await_signal();
	say("set signal", fcntl(reader, F_SETSIG, SIGRTMIN));
	say("signal", fcntl(reader, F_GETSIG) == SIGRTMIN);
	say("set owner", fcntl(reader, F_SETOWN_EX, &owner));
	put();
	await_signal();
	say("off", fcntl(reader, F_SETFL, flags));
	say("flags", fcntl(reader, F_GETFL) == flags);
	put();
	drain();
	look_for_signal(0);
	say("ioctl", ioctl(reader, FIOASYNC, &on));
	say("flags", fcntl(reader, F_GETFL) == (flags | O_ASYNC));
	put();
	await_signal();
	on = 0;
	say("ioctl", ioctl(reader, FIOASYNC, &on));
	drain();
	say("no socket", ioctl(reader, FIOSETOWN, &on));
	say("errno", errno);
	say("signal", fcntl(reader, F_SETSIG, 0));
}

static int connected(int *other)
{
	struct sockaddr_in name = { .sin_family = AF_INET };
	socklen_t len = sizeof(name);
	int server = socket(AF_INET, SOCK_STREAM, 0);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	NEED(!bind(server, (void *)&name, len));
	NEED(!listen(server, 1));
	NEED(!getsockname(server, (void *)&name, &len));
	NEED(!connect(fd, (void *)&name, len));
	*other = accept(server, NULL, NULL);
	NEED(*other >= 0);
	close(server);
	return fd;
}

static void urgent(void)
{
	int own = getpid();
	int other;
	int fd = connected(&other);

	handle(SIGURG, 1);
	say("own", ioctl(fd, FIOSETOWN, &own));
	say("owner", fcntl(fd, F_GETOWN) == own);
	NEED(send(other, "!", 1, MSG_OOB) == 1);
	look_for_signal(10);
	close(fd);
	close(other);
}

static void after_exec(char **argv)
{
	char number[16];
	int status;
	pid_t pid;

	snprintf(number, sizeof(number), "%d", reader);
	put();
	pid = fork();
	if (!pid) {
		execl(argv[0], argv[0], number, (char *)NULL);
		_exit(127);
	}
	NEED(waitpid(pid, &status, 0) == pid);
	say("status", status);
	drain();
}

/* What the program finds that was executed: one descriptor to read. */
static int executed(int fd)
{
	struct pollfd p = { fd, POLLIN, 0 };

	say("executed", poll(&p, 1, 0));
	say("ready", p.revents);
	while (read(fd, block, sizeof(block)) > 0)
		;
	say("read", poll(&p, 1, 0));
	return 0;
}

static void local_ones(void)
{
	struct itimerspec spec = { .it_value.tv_nsec = 1000000 };
	int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
	int event = eventfd(0, EFD_NONBLOCK);
	int epoll = epoll_of(reader, EPOLLIN);
	struct epoll_event e = { .events = EPOLLIN };

	NEED(!epoll_ctl(epoll, EPOLL_CTL_ADD, timer, &e));
	NEED(!epoll_ctl(epoll, EPOLL_CTL_ADD, event, &e));
	say("none", take(epoll, 0));
	NEED(!timerfd_settime(timer, 0, &spec, NULL));
	say("timer", take(epoll, 10000));
	NEED(read(timer, block, 8) == 8);
	NEED(eventfd_write(event, 1) == 0);
	say("event", take(epoll, 10000));
	NEED(read(event, block, 8) == 8);
	put();
	say("fifo", take(epoll, 10000));
	drain();
	close(timer);
	close(event);
	close(epoll);
}

static const struct {
	const char *name;
	void (*scene)(void);
} scenes[] = {
	{ "poll of both sides", poll_both_sides },
	{ "select of both sides", select_both_sides },
	{ "what epoll takes", what_epoll_takes },
	{ "nested", nested },
	{ "exclusive", exclusive },
	{ "changed", changed },
	{ "closed while watched", closed_while_watched },
	{ "others of the tree", others_of_the_tree },
	{ "blocked", blocked },
	{ "interrupted", interrupted },
	{ "signals", signals },
	{ "urgent", urgent },
	{ "local ones", local_ones },
};

int main(int argc, char **argv)
{
	if (argc > 1)
		return executed(atoi(argv[1]));
	setvbuf(stdout, NULL, _IOLBF, 0);
	NEED(!mkfifo("fifo", 0600));
	reader = open("fifo", O_RDONLY | O_NONBLOCK);
	writer = open("fifo", O_WRONLY | O_NONBLOCK);
	NEED(reader >= 0 && writer >= 0 && !pipe(local));
	for (size_t i = 0; i < sizeof(scenes) / sizeof(*scenes); i++) {
		puts(scenes[i].name);
		scenes[i].scene();
	}
	puts("after exec");
	after_exec(argv);
	return 0;
}
