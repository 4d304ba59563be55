/*
 * Blocking calls under an interval timer of 300 us: what each did is seen once.
 * timers PART again|restart: with or without SA_RESTART. Prints what was moved,
 * and complains when it was something else than what was sent.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS 1500
#define BYTES 600000
#define TURNS 1500

static volatile sig_atomic_t ticks;
static unsigned long interrupted;
static int restarts;

static void tick(int sig)
{
	(void)sig;
	ticks++;
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void start_timer(void)
{
	struct itimerval each = { { 0, 300 }, { 0, 300 } };
	struct sigaction action = { .sa_handler = tick };

	action.sa_flags = restarts ? SA_RESTART : 0;
	if (sigaction(SIGALRM, &action, NULL) ||
	    setitimer(ITIMER_REAL, &each, NULL))
		die("timer");
}

/* True when the call is to be made again. */
static int again(const char *what)
{
	if (errno != EINTR)
		die(what);
	interrupted++;
	return 1;
}

/* A timer that never comes proves nothing; one that restarts never shows. */
static void stop_timer(const char *who)
{
	struct itimerval none = { 0 };

	setitimer(ITIMER_REAL, &none, NULL);
	printf("%s: %s, %s\n", who, ticks ? "ticks" : "no ticks",
	       restarts && interrupted ? "interrupted" : "as expected");
	fflush(stdout);
}

static pid_t with_child(void (*run)(void))
{
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	if (!pid) {
		run();
		exit(0);
	}
	return pid;
}

static void reap(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (status)
		printf("a child ended with %x\n", status);
}

/* The bytes that go through a pipe, in an order that shows a loss. */
static unsigned char byte_at(unsigned long i)
{
	return (unsigned char)(i * 167 + (i >> 8));
}

static void write_bytes(void)
{
	unsigned char buf[9000];
	unsigned long at = 0;
	int fd = open("fifo", O_WRONLY);
	size_t len;
	ssize_t n;

	if (fd < 0)
		die("open");
	start_timer();
	while (at < BYTES) {
		len = at % sizeof(buf) + 1;
		if (len > BYTES - at)
			len = BYTES - at;
		for (size_t i = 0; i < len; i++)
			buf[i] = byte_at(at + i);
		n = write(fd, buf, len);
		if (n > 0)
			at += (unsigned long)n;
		else
			again("write");
	}
	stop_timer("writer");
	close(fd);
}

/* Reads what comes in small pieces, slower than it could be written. */
static void pipe_full(void)
{
	unsigned char buf[700];
	unsigned long wrong = 0;
	unsigned long at = 0;
	pid_t pid;
	ssize_t n;
	int fd;

	mkfifo("fifo", 0600);
	pid = with_child(write_bytes);
	fd = open("fifo", O_RDONLY);
	if (fd < 0)
		die("open");
	start_timer();
	for (;;) {
		n = read(fd, buf, at % sizeof(buf) + 1);
		if (!n)
			break;
		if (n < 0 && again("read"))
			continue;
		for (ssize_t i = 0; i < n; i++)
			wrong += buf[i] != byte_at(at + (unsigned long)i);
		at += (unsigned long)n;
	}
	stop_timer("reader");
	printf("%lu bytes, %lu wrong\n", at, wrong);
	reap(pid);
}

/* One byte now and then: the reader waits for most of them. */
static void write_slowly(void)
{
	struct timespec pause = { 0, 400000 };
	int fd = open("fifo", O_WRONLY);
	unsigned char c;

	for (unsigned long i = 0; i < ROUNDS; i++) {
		nanosleep(&pause, NULL);
		c = byte_at(i);
		if (write(fd, &c, 1) != 1)
			die("write");
	}
}

static void pipe_empty(void)
{
	unsigned long wrong = 0;
	unsigned long at = 0;
	unsigned char c;
	pid_t pid;
	ssize_t n;
	int fd;

	mkfifo("fifo", 0600);
	pid = with_child(write_slowly);
	fd = open("fifo", O_RDONLY);
	start_timer();
	while ((n = read(fd, &c, 1))) {
		if (n < 0 && again("read"))
			continue;
		wrong += c != byte_at(at);
		at++;
	}
	stop_timer("reader");
	printf("%lu bytes, %lu wrong\n", at, wrong);
	reap(pid);
}

static int open_there(int flags)
{
	int fd;

	do
		fd = open("fifo", flags);
	while (fd < 0 && again("open"));
	return fd;
}

/*
 * Each side opens the fifo and has to find the other; what an open that was
 * given up left behind would let the other's go on alone.
 */
static void open_to_write(void)
{
	struct timespec pause = { 0, 500000 };
	char c;
	int fd;
	int go;

	start_timer();
	for (int i = 0; i < ROUNDS; i++) {
		if (i % 3 == 0)
			nanosleep(&pause, NULL);
		fd = open_there(O_WRONLY);
		while (write(fd, "x", 1) < 0 && again("write"))
			;
		close(fd);
		do
			go = open("back", O_RDONLY);
		while (go < 0 && again("open"));
		while (read(go, &c, 1) < 0 && again("read"))
			;
		close(go);
	}
	stop_timer("opener");
}

static void opens(void)
{
	unsigned long pieces = 0;
	unsigned long bytes = 0;
	char buf[16];
	ssize_t n;
	pid_t pid;
	int fd;

	mkfifo("fifo", 0600);
	mkfifo("back", 0600);
	pid = with_child(open_to_write);
	start_timer();
	for (int i = 0; i < ROUNDS; i++) {
		fd = open_there(O_RDONLY);
		while ((n = read(fd, buf, sizeof(buf)))) {
			if (n < 0 && again("read"))
				continue;
			bytes += (unsigned long)n;
			pieces++;
		}
		close(fd);
		do
			fd = open("back", O_WRONLY);
		while (fd < 0 && again("open"));
		while (write(fd, "x", 1) < 0 && again("write"))
			;
		close(fd);
	}
	stop_timer("reader");
	printf("%lu bytes in %lu pieces\n", bytes, pieces);
	reap(pid);
}

/* ---- locks: a number that two processes count up ---- */

static void lock(int fd, int record, int take)
{
	struct flock range = { .l_type = take ? F_WRLCK : F_UNLCK, .l_len = 1 };

	if (record)
		while (fcntl(fd, F_SETLKW, &range) < 0 && again("F_SETLKW"))
			;
	else
		while (flock(fd, take ? LOCK_EX : LOCK_UN) < 0 &&
		       again("flock"))
			;
}

static int record;

static void count_up(void)
{
	int fd = open("number", O_RDWR);
	uint32_t number;

	if (fd < 0)
		die("open");
	start_timer();
	for (int i = 0; i < TURNS; i++) {
		lock(fd, record, 1);
		number = 0;
		if (pread(fd, &number, sizeof(number), 0) < 0)
			die("pread");
		number++;
		if (pwrite(fd, &number, sizeof(number), 0) < 0)
			die("pwrite");
		lock(fd, record, 0);
	}
	stop_timer("counter");
}

static void counts(void)
{
	uint32_t number = 0;
	pid_t pid;
	int fd;

	fd = open("number", O_RDWR | O_CREAT, 0600);
	pid = with_child(count_up);
	count_up();
	reap(pid);
	if (pread(fd, &number, sizeof(number), 0) < 0)
		die("pread");
	printf("counted to %u\n", number);
}

static void flocks(void)
{
	counts();
}

static void record_locks(void)
{
	record = 1;
	counts();
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} part[] = {
		{ "pipe-full", pipe_full },
		{ "pipe-empty", pipe_empty },
		{ "opens", opens },
		{ "flocks", flocks },
		{ "record-locks", record_locks },
	};

	restarts = argc == 3 && !strcmp(argv[2], "restart");
	for (size_t i = 0; i < sizeof(part) / sizeof(*part); i++)
		if (argc == 3 && !strcmp(argv[1], part[i].name))
			part[i].run();
	return 0;
}
