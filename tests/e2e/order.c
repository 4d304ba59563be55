/*
 * What a process has closed is closed for whoever it tells of it: it gives up a
 * lock in some way, then writes to a pipe, and the other one, who reads there,
 * finds the lock free: order WAY N. With "executed" it is what WAY exec runs.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
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

#define LARGE (32 << 20)

static const char *self;
static int to_taker[2];
static int to_giver[2];

static void tell(int fd)
{
	NEED(write(fd, "", 1) == 1);
}

static void hear(int fd)
{
	char byte;

	NEED(read(fd, &byte, 1) == 1);
}

static int record_lock(int fd, short type)
{
	struct flock lock = { .l_type = type, .l_len = 1 };

	return fcntl(fd, F_SETLK, &lock);
}

/* What takes long to close: its bytes are gone then. */
static int open_large(void)
{
	int fd = open(".", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);

	NEED(fd >= 0 && !fallocate(fd, 0, 0, LARGE));
	return fd;
}

/* ---- ways to give a lock up ---- */

static void by_dup2(int fd)
{
	int large = open_large();

	NEED(dup2(to_taker[0], large) == large);
	NEED(dup2(to_taker[0], fd) == fd);
	close(large);
}

static void by_close_range(int fd)
{
	int large = open_large();
	int last = dup2(fd, large + 1);

	NEED(last == large + 1 && !close(fd));
	NEED(!close_range((unsigned int)large, (unsigned int)last, 0));
}

/* Of a file that stays open by another number. */
static void by_twin(int fd)
{
	int large = open_large();
	int twin = dup(fd);

	NEED(dup2(to_taker[0], large) == large);
	NEED(twin >= 0 && !close(twin));
	close(large);
}

static void by_exec(int fd)
{
	pid_t pid;
	char out[16];
	int alone[2];
	int large;

	NEED(!pipe(alone));
	pid = fork();
	if (!pid) {
		hear(alone[0]);
		large = open_large();
		NEED(dup3(fd, large + 1, O_CLOEXEC) == large + 1);
		NEED(!close(fd));
		snprintf(out, sizeof(out), "%d", to_taker[1]);
		execl(self, self, "executed", out, NULL);
		_exit(127);
	}
	NEED(!close(fd));
	tell(alone[1]);
	NEED(waitpid(pid, NULL, 0) == pid);
	close(alone[0]);
	close(alone[1]);
}

static const struct {
	const char *name;
	void (*give)(int fd);
	int record; /* record locks, not flock(2)'s */
	int tells;  /* the other one is told by this */
} ways[] = {
	{ "dup2", by_dup2, 0, 0 },
	{ "close_range", by_close_range, 0, 0 },
	{ "twin", by_twin, 1, 0 },
	{ "exec", by_exec, 0, 1 },
};

static int take(int fd, int record)
{
	return record ? record_lock(fd, F_WRLCK) : flock(fd, LOCK_EX | LOCK_NB);
}

static void taker(int n, int record)
{
	int fd;

	for (int i = 0; i < n; i++) {
		fd = open("locked", O_RDWR | O_CREAT, 0600);
		NEED(fd >= 0);
		hear(to_taker[0]);
		NEED(!take(fd, record));
		NEED(!close(fd));
		tell(to_giver[1]);
	}
	exit(0);
}

static int giver(size_t way, int n)
{
	int status;
	int fd = -1;

	for (int i = 0; i < n; i++) {
		fd = open("locked", O_RDWR | O_CREAT, 0600);
		NEED(fd >= 0);
		NEED(!take(fd, ways[way].record));
		ways[way].give(fd);
		if (!ways[way].tells)
			tell(to_taker[1]);
		hear(to_giver[0]);
		close(fd);
	}
	NEED(wait(&status) > 0);
	return status != 0;
}

int main(int argc, char **argv)
{
	size_t way = 0;
	int n;

	self = argv[0];
	if (argc == 3 && !strcmp(argv[1], "executed")) {
		tell(atoi(argv[2]));
		return 0;
	}
	while (way < sizeof(ways) / sizeof(*ways) &&
	       (argc != 3 || strcmp(argv[1], ways[way].name)))
		way++;
	if (way == sizeof(ways) / sizeof(*ways))
		return 2;
	n = atoi(argv[2]);
	NEED(!pipe(to_taker) && !pipe(to_giver));
	if (!fork()) {
		/* The end of the other is the end of it. */
		close(to_taker[1]);
		taker(n, ways[way].record);
	}
	close(to_giver[1]);
	return giver(way, n);
}
