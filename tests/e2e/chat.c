/*
 * Many connections through one program that waits with epoll, edge triggered.
 *   chat serve READY          echoes; its port to READY; ends with the last one
 *   chat talk PORT N COUNT    N connections, COUNT messages on each
 * A lost wake-up is a conversation that stops: talk says whose.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS 64
#define MESSAGE 32
#define PATIENCE_MS 20000
#define FDS_MAX 4096

#define NEED(cond)                                                             \
	do {                                                                   \
		if (!(cond)) {                                                 \
			printf("line %d: %s: %s\n", __LINE__, #cond,           \
			       strerror(errno));                               \
			exit(1);                                               \
		}                                                              \
	} while (0)

static int epoll;

static void watch(int fd, unsigned int events)
{
	struct epoll_event event = { .events = events | EPOLLET,
				     .data.fd = fd };

	NEED(!epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event));
}

/* ---- the program under test ---- */

static int listen_at(const char *ready)
{
	struct sockaddr_in name = { .sin_family = AF_INET };
	socklen_t len = sizeof(name);
	FILE *f;
	int fd;

	fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	NEED(fd >= 0);
	name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	NEED(!bind(fd, (void *)&name, len));
	NEED(!listen(fd, 1024));
	NEED(!getsockname(fd, (void *)&name, &len));
	f = fopen(ready, "w");
	NEED(f && fprintf(f, "%d\n", ntohs(name.sin_port)) > 0 && !fclose(f));
	return fd;
}

/* True when the connection has ended. */
static int echo(int fd)
{
	char data[MESSAGE * 16];
	ssize_t n;

	while ((n = read(fd, data, sizeof(data))) > 0)
		NEED(write(fd, data, n) == n);
	NEED(n == 0 || errno == EAGAIN);
	return n == 0;
}

static int take(int server)
{
	int n = 0;
	int fd;

	while ((fd = accept4(server, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
		watch(fd, EPOLLIN | EPOLLRDHUP);
		n++;
	}
	NEED(errno == EAGAIN);
	return n;
}

static int serve(const char *ready)
{
	struct epoll_event event[EVENTS];
	int server = listen_at(ready);
	int open = 0;
	int n;

	watch(server, EPOLLIN);
	do {
		n = epoll_wait(epoll, event, EVENTS, -1);
		NEED(n > 0);
		for (int i = 0; i < n; i++) {
			if (event[i].data.fd == server) {
				open += take(server);
			} else if (echo(event[i].data.fd)) {
				close(event[i].data.fd);
				open--;
			}
		}
	} while (open);
	return 0;
}

/* ---- who talks to it ---- */

static struct talk {
	unsigned int sent;
	unsigned int got; /* bytes of the answer */
	char text[MESSAGE];
} talks[FDS_MAX];

static void say(int fd)
{
	struct talk *talk = &talks[fd];

	snprintf(talk->text, MESSAGE, "%d says %u ..................", fd,
		 talk->sent++);
	talk->got = 0;
	NEED(write(fd, talk->text, MESSAGE) == MESSAGE);
}

static int join(int port)
{
	struct sockaddr_in name = { .sin_family = AF_INET,
				    .sin_port = htons(port) };
	int one = 1;
	int fd;

	name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	NEED(fd >= 0 && fd < FDS_MAX);
	NEED(!connect(fd, (void *)&name, sizeof(name)));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	NEED(!fcntl(fd, F_SETFL, O_NONBLOCK));
	watch(fd, EPOLLIN);
	say(fd);
	return fd;
}

static void hear(int fd, unsigned int count, unsigned int *left)
{
	struct talk *talk = &talks[fd];
	char data[MESSAGE];
	ssize_t n;

	while ((n = read(fd, data, MESSAGE - talk->got)) > 0) {
		NEED(!memcmp(data, talk->text + talk->got, n));
		talk->got += n;
		if (talk->got < MESSAGE)
			continue;
		if (talk->sent < count) {
			say(fd);
			continue;
		}
		close(fd);
		--*left;
		return;
	}
	NEED(n < 0 && errno == EAGAIN);
}

static int talk(int port, unsigned int n, unsigned int count)
{
	struct epoll_event event[EVENTS];
	unsigned int left = n;
	int got;

	for (unsigned int i = 0; i < n; i++)
		join(port);
	while (left) {
		got = epoll_wait(epoll, event, EVENTS, PATIENCE_MS);
		if (got == 0) {
			printf("%u conversations have stopped\n", left);
			return 1;
		}
		for (int i = 0; i < got; i++)
			hear(event[i].data.fd, count, &left);
	}
	printf("%u messages\n", n * count);
	return 0;
}

int main(int argc, char **argv)
{
	struct rlimit lim = { FDS_MAX, FDS_MAX };

	setrlimit(RLIMIT_NOFILE, &lim);
	epoll = epoll_create1(EPOLL_CLOEXEC);
	NEED(epoll >= 0);
	if (argc == 3 && !strcmp(argv[1], "serve"))
		return serve(argv[2]);
	if (argc == 5 && !strcmp(argv[1], "talk"))
		return talk(atoi(argv[2]), atoi(argv[3]), atoi(argv[4]));
	return 2;
}
