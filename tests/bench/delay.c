/* A proxy of unix sockets that delivers every byte later, and in order. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/io.h"
#include "bench.h"

#define CHUNK (64u << 10)

struct chunk {
	struct chunk *next;
	double due;
	size_t len;
	char data[];
};

/* One direction; owns what is under way. */
struct flow {
	int from;
	int to;
	struct chunk *head;
	struct chunk *tail;
};

static double delay;

static bool take(struct flow *flow)
{
	struct chunk *c = malloc(sizeof(*c) + CHUNK);
	ssize_t n;

	if (!c)
		bench_die("malloc");
	n = read(flow->from, c->data, CHUNK);
	if (n <= 0) {
		free(c);
		return false;
	}
	c->next = NULL;
	c->due = bench_now() + delay;
	c->len = (size_t)n;
	if (flow->head)
		flow->tail->next = c;
	else
		flow->head = c;
	flow->tail = c;
	return true;
}

/* Delivers what is due; nanoseconds until the next, or wait if sooner. */
static double deliver(struct flow *flow, double wait)
{
	while (flow->head) {
		struct chunk *c = flow->head;
		double left = c->due - bench_now();

		if (left > 0)
			return left < wait ? left : wait;
		if (io_write_all(flow->to, c->data, c->len))
			exit(0);
		flow->head = c->next;
		free(c);
	}
	return wait;
}

static void relay(int a, int b)
{
	struct flow flows[2] = { { .from = a, .to = b },
				 { .from = b, .to = a } };

	for (;;) {
		struct pollfd fds[2] = { { .fd = a, .events = POLLIN },
					 { .fd = b, .events = POLLIN } };
		double wait = 1e9;
		struct timespec ts;

		wait = deliver(&flows[0], wait);
		wait = deliver(&flows[1], wait);
		ts.tv_sec = (time_t)(wait / 1e9);
		ts.tv_nsec = (long)(wait - (double)ts.tv_sec * 1e9);
		if (ppoll(fds, 2, &ts, NULL) < 0 && errno != EINTR)
			return;
		for (int i = 0; i < 2; i++)
			if (fds[i].revents && !take(&flows[i]))
				return;
	}
}

static int unix_socket(const char *path, struct sockaddr_un *sa)
{
	if (strlen(path) >= sizeof(sa->sun_path))
		bench_die(path);
	*sa = (struct sockaddr_un){ .sun_family = AF_UNIX };
	strcpy(sa->sun_path, path);
	return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

int main(int argc, char **argv)
{
	struct sockaddr_un sa;
	int fd;

	if (argc != 4) {
		fputs("usage: delay PATH TO-PATH USEC\n", stderr);
		return 2;
	}
	delay = atof(argv[3]) * 1e3;
	signal(SIGCHLD, SIG_IGN);
	prctl(PR_SET_TIMERSLACK, 1);
	fd = unix_socket(argv[1], &sa);
	if (bind(fd, (struct sockaddr *)&sa, sizeof(sa)) || listen(fd, 8))
		bench_die(argv[1]);
	puts("ready");
	fflush(stdout);
	for (;;) {
		int from = accept(fd, NULL, NULL);
		int to;

		if (from < 0)
			continue;
		if (fork()) {
			close(from);
			continue;
		}
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		to = unix_socket(argv[2], &sa);
		if (connect(to, (struct sockaddr *)&sa, sizeof(sa)))
			bench_die(argv[2]);
		relay(from, to);
		_exit(0);
	}
}
