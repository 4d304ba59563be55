/*
 * An interval timer whose handler opens and reads one file, while the program
 * opens and reads another: what both see is compared.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#define USEC 1700
#define SIZE 65536

static volatile sig_atomic_t handled;
static volatile sig_atomic_t wrong;
static char theirs[SIZE];

/* How much of the file is of that letter; -1: not all of it, or an error. */
static int look(const char *name, char letter, char *buf)
{
	ssize_t n;
	int total = 0;
	int fd;

	fd = open(name, O_RDONLY);
	if (fd < 0)
		return -1;
	while ((n = read(fd, buf, SIZE)) > 0) {
		for (ssize_t i = 0; i < n; i++)
			if (buf[i] != letter)
				return -1;
		total += (int)n;
	}
	if (n < 0 || close(fd))
		return -1;
	return total;
}

static void on_alarm(int sig)
{
	int before = errno;

	(void)sig;
	if (look("theirs", 't', theirs) != 5000)
		wrong++;
	handled++;
	errno = before;
}

int main(int argc, char **argv)
{
	struct itimerval every = { { 0, USEC }, { 0, USEC } };
	struct sigaction sa = { .sa_handler = on_alarm,
				.sa_flags = SA_RESTART };
	int want = argc > 1 ? atoi(argv[1]) : 500;
	static char mine[SIZE];
	int rounds = 0;

	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &every, NULL);
	while (handled < want || rounds < want) {
		int n = look("mine", 'm', mine);

		if (n != 200000) {
			printf("round %d: %d, %s\n", rounds, n,
			       strerror(errno));
			return 1;
		}
		rounds++;
	}
	memset(&every, 0, sizeof(every));
	setitimer(ITIMER_REAL, &every, NULL);
	printf("wrong %d\n", (int)wrong);
	/* No descriptor was lost. */
	printf("next %d\n", open("mine", O_RDONLY));
	return 0;
}
