/*
 * Makes calls that rsc does not carry out: those whose numbers are its
 * arguments, or what the first one says. "ready" tells that the others, who
 * only wait, are there.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static long number(const char *text)
{
	return syscall(atoi(text), 0, 0, 0, 0, 0, 0);
}

static void say(const char *text)
{
	if (write(1, text, strlen(text)) < 0)
		_exit(3);
}

static void *waits(void *arg)
{
	int *ready = arg;

	if (write(*ready, "x", 1) < 0)
		_exit(3);
	pause();
	return NULL;
}

/* A thread, a child and a grandchild wait while another child makes the call. */
static int among_others(const char *nr)
{
	pthread_t thread;
	int ready[2];
	char c[3];

	if (pipe(ready) || pthread_create(&thread, NULL, waits, &ready[1]))
		return 3;
	if (!fork()) {
		if (!fork())
			waits(&ready[1]);
		waits(&ready[1]);
	}
	for (int n = 0; n < 3;)
		n += (int)read(ready[0], c, sizeof(c));
	say("before\n");
	if (!fork()) {
		number(nr);
		say("after\n");
		_exit(0);
	}
	pause();
	return 0;
}

static int request(void)
{
	int fd = open("/etc/hostname", O_RDONLY);

	say("before\n");
	if (ioctl(fd, 0xabcd, 7) >= 0 || errno != ENOTTY)
		return 1;
	say("after\n");
	return 0;
}

static int option(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	int on = 1;

	say("before\n");
	if (!setsockopt(fd, 77, 7, &on, sizeof(on)) || errno != ENOPROTOOPT)
		return 1;
	say("after\n");
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "among"))
		return among_others(argv[2]);
	if (argc == 2 && !strcmp(argv[1], "ioctl"))
		return request();
	if (argc == 2 && !strcmp(argv[1], "option"))
		return option();
	for (int i = 1; i < argc; i++) {
		say("before\n");
		if (number(argv[i]) >= 0)
			return 1;
		say("after\n");
	}
	return 0;
}
