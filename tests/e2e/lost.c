/*
 * Threads and processes that use files of the server in every way until it is
 * lost: each ends when a call fails with EIO. Another error is a line.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define THREADS 8

static int fifo;
static int pair[2];

/* True when it failed as it has to when the server is gone. */
static bool lost(long ret, int line)
{
	if (ret >= 0 || errno == EINTR)
		return false;
	if (errno == EIO)
		return true;
	/* What was closed or opened by its last reply. */
	printf("line %d: %s\n", line, strerror(errno));
	exit(1);
}

#define TRY(call)                                                              \
	do {                                                                   \
		if (lost(call, __LINE__))                                      \
			return;                                                \
	} while (0)

static void read_files(void)
{
	char buf[4096];
	int copy;
	int fd;

	for (;;) {
		fd = open("long", O_RDONLY);
		TRY(fd);
		TRY(read(fd, buf, sizeof(buf)));
		copy = dup(fd);
		TRY(copy);
		TRY(dup2(copy, fd));
		close(copy);
		close(fd);
	}
}

static void write_files(void)
{
	int fd;

	for (;;) {
		fd = open("written", O_WRONLY | O_CREAT | O_APPEND, 0600);
		TRY(fd);
		TRY(write(fd, "0123456789", 10));
		TRY(close(fd));
	}
}

static void map_files(void)
{
	char *p;
	int fd;

	for (;;) {
		fd = open("long", O_RDWR);
		TRY(fd);
		p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd,
			 0);
		TRY(p == MAP_FAILED ? -1 : 0);
		if (p[0] != 'x')
			exit(2);
		munmap(p, 8192);
		close(fd);
	}
}

static void copy_files(void)
{
	char junk[8192];
	off_t off;
	int fd;

	for (;;) {
		fd = open("long", O_RDONLY);
		TRY(fd);
		off = 0;
		TRY(sendfile(pair[1], fd, &off, 4096));
		TRY(read(pair[0], junk, sizeof(junk)));
		close(fd);
	}
}

/* Blocked, until it is lost. */
static void wait_there(void)
{
	char byte;

	for (;;)
		TRY(read(fifo, &byte, 1));
}

static void poll_there(void)
{
	struct pollfd p = { fifo, POLLIN, 0 };
	struct stat st;

	for (;;) {
		TRY(poll(&p, 1, -1));
		if (p.revents)
			TRY(fstat(fifo, &st));
	}
}

static void make_processes(void)
{
	int status;
	pid_t pid;

	for (;;) {
		pid = fork();
		TRY(pid);
		if (!pid) {
			struct stat st;

			_exit(stat("long", &st) ? errno : 0);
		}
		while (waitpid(pid, &status, 0) < 0)
			;
		if (WEXITSTATUS(status) == EIO)
			return;
		if (status)
			exit(3);
	}
}

static void look_at_names(void)
{
	struct stat st;
	char name[64];

	for (unsigned int i = 0;; i++) {
		snprintf(name, sizeof(name), "dir%u", i);
		TRY(mkdir(name, 0700));
		TRY(stat(name, &st));
		TRY(rmdir(name));
	}
}

static void (*const uses[THREADS])(void) = {
	read_files, write_files, map_files,	 copy_files,
	wait_there, poll_there,	 make_processes, look_at_names,
};

static void *thread(void *arg)
{
	uses[(intptr_t)arg]();
	return NULL;
}

static void on_signal(int sig)
{
	(void)sig;
}

int main(void)
{
	struct sigaction action = { .sa_handler = on_signal };
	struct itimerval often = { { 0, 3000 }, { 0, 3000 } };
	pthread_t id[THREADS];

	if (pipe(pair) || mkfifo("fifo", 0600))
		return 4;
	fifo = open("fifo", O_RDWR);
	if (fifo < 0)
		return errno == EIO ? 0 : 4;
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	for (intptr_t i = 0; i < THREADS; i++)
		pthread_create(&id[i], NULL, thread, (void *)i);
	for (int i = 0; i < THREADS; i++)
		pthread_join(id[i], NULL);
	return 0;
}
