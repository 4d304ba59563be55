/*
 * Prints how ready an object is after each step of its life, as poll and
 * select (poll) or epoll (epoll) say it: ready_probe poll|epoll [KIND].
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define NEED(cond)                                                             \
	do {                                                                   \
		if (!(cond)) {                                                 \
			printf("line %d: %s: %s\n", __LINE__, #cond,           \
			       strerror(errno));                               \
			exit(1);                                               \
		}                                                              \
	} while (0)

/* What is polled, and the end that changes it. */
struct pair {
	int subject;
	int other;
	int spare;
	int mode; /* of a fifo's other end */
};

struct kind {
	const char *name;
	void (*open)(struct pair *p);
	const char *steps;
	bool special; /* only when it is named */
};

/* ---- what is seen ---- */

#define WAYS 5
struct eyes {
	int epoll[WAYS];
};

static const struct {
	const char *name;
	uint32_t events;
} ways[WAYS] = {
	{ "level", EPOLLIN | EPOLLOUT | EPOLLPRI | EPOLLRDHUP },
	{ "edge", EPOLLIN | EPOLLOUT | EPOLLPRI | EPOLLRDHUP | EPOLLET },
	{ "in-edge", EPOLLIN | EPOLLRDHUP | EPOLLET },
	{ "out-edge", EPOLLOUT | EPOLLET },
	{ "oneshot", EPOLLIN | EPOLLRDHUP | EPOLLONESHOT },
};

static unsigned int ignored;

static void print_mask(const char *name, unsigned int mask)
{
	static const struct {
		unsigned int bit;
		const char *name;
	} bits[] = {
		{ POLLIN, "IN" },	  { POLLPRI, "PRI" },
		{ POLLOUT, "OUT" },	  { POLLERR, "ERR" },
		{ POLLHUP, "HUP" },	  { POLLNVAL, "NVAL" },
		{ POLLRDHUP, "RDHUP" },	  { POLLRDNORM, "RDNORM" },
		{ POLLWRNORM, "WRNORM" },
	};
	const char *sep = "";

	printf("  %s:", name);
	for (size_t i = 0; i < sizeof(bits) / sizeof(*bits); i++) {
		if (!(mask & bits[i].bit & ~ignored))
			continue;
		printf("%s%s", sep, bits[i].name);
		sep = "|";
	}
}

static void look_once(const struct pair *p)
{
	struct pollfd pfd = { .fd = p->subject,
			      .events = POLLIN | POLLPRI | POLLOUT | POLLRDHUP |
					POLLRDNORM | POLLWRNORM };
	struct timeval none = { 0 };
	fd_set set[3];

	NEED(poll(&pfd, 1, 0) >= 0);
	print_mask("poll", pfd.revents);
	for (int i = 0; i < 3; i++) {
		FD_ZERO(&set[i]);
		FD_SET(p->subject, &set[i]);
	}
	NEED(select(p->subject + 1, &set[0], &set[1], &set[2], &none) >= 0);
	printf("  select:%s%s%s", FD_ISSET(p->subject, &set[0]) ? "r" : "",
	       FD_ISSET(p->subject, &set[1]) ? "w" : "",
	       FD_ISSET(p->subject, &set[2]) ? "e" : "");
}

static void look_at_epoll(const struct eyes *eyes)
{
	struct epoll_event event;
	int n;

	for (int i = 0; i < WAYS; i++) {
		memset(&event, 0, sizeof(event));
		n = epoll_wait(eyes->epoll[i], &event, 1, 0);
		NEED(n >= 0);
		print_mask(ways[i].name, n ? event.events : 0);
	}
}

/* One or the other: what one finds may be what the other has caused. */
static void look(const struct pair *p, const struct eyes *eyes, bool with_epoll)
{
	if (with_epoll)
		look_at_epoll(eyes);
	else
		look_once(p);
	putchar('\n');
}

static void open_eyes(const struct pair *p, struct eyes *eyes)
{
	for (int i = 0; i < WAYS; i++) {
		struct epoll_event event = { .events = ways[i].events };

		eyes->epoll[i] = epoll_create1(EPOLL_CLOEXEC);
		NEED(eyes->epoll[i] >= 0);
		NEED(!epoll_ctl(eyes->epoll[i], EPOLL_CTL_ADD, p->subject,
				&event));
	}
}

/* ---- what is done ---- */

static void ask_tty(const struct pair *p, char what);
static int to_connect(int type);
static int start_connect(int fd, int type);
static int take(int server);

static char block[1 << 16];

static void fill(int fd)
{
	while (write(fd, block, 4096) > 0)
		;
	while (write(fd, block, 1) > 0)
		;
}

static void drain(int fd)
{
	while (read(fd, block, sizeof(block)) > 0)
		;
}

static void close_other(struct pair *p, bool reset)
{
	struct linger linger = { 1, 0 };

	if (reset)
		setsockopt(p->other, SOL_SOCKET, SO_LINGER, &linger,
			   sizeof(linger));
	NEED(!close(p->other));
	p->other = -1;
}

static const char *step(struct pair *p, struct eyes *eyes, char what)
{
	struct epoll_event event = { .events = ways[WAYS - 1].events };
	socklen_t len = sizeof(int);
	int err = 0;

	switch (what) {
	case 'w':
		(void)!write(p->other, "0123456789", 10);
		return "data";
	case 'W':
		(void)!write(p->subject, "0123456789", 10);
		return "written";
	case 'r':
		drain(p->subject);
		return "read";
	case '1':
		(void)!read(p->subject, block, 1);
		return "read a byte";
	case 'f':
		fill(p->subject);
		return "full";
	case 'd':
		drain(p->other);
		return "drained";
	case 'h':
		shutdown(p->other, SHUT_WR);
		return "half closed there";
	case 'H':
		shutdown(p->subject, SHUT_WR);
		return "half closed here";
	case 'R':
		shutdown(p->subject, SHUT_RD);
		return "closed for reading";
	case 'c':
		close_other(p, false);
		return "closed";
	case 'x':
		close_other(p, true);
		return "reset";
	case 'n':
		p->other = open("fifo", p->mode | O_NONBLOCK);
		NEED(p->other >= 0);
		return "opened again";
	case 'o':
		NEED(send(p->other, "!", 1, MSG_OOB) == 1);
		return "urgent";
	case 'O':
		(void)!recv(p->subject, block, 1, MSG_OOB | MSG_DONTWAIT);
		return "urgent read";
	case '<':
		ask_tty(p, 'W');
		return "a line came";
	case '>':
		ask_tty(p, 'R');
		return "output was read";
	case '|':
		ask_tty(p, 'C');
		return "hung up";
	case 'C':
		return start_connect(p->subject, p->mode) ? strerror(errno) :
							    "connected";
	case 't':
		p->other = take(p->spare);
		return "taken";
	case 'K':
		p->other = to_connect(p->mode);
		start_connect(p->other, p->mode);
		return "asked to connect";
	case 'A':
		close(accept(p->subject, NULL, NULL));
		return "accepted";
	case 'e':
		getsockopt(p->subject, SOL_SOCKET, SO_ERROR, &err, &len);
		return err ? strerror(err) : "no error";
	case 'a':
		if (eyes)
			NEED(!epoll_ctl(eyes->epoll[WAYS - 1], EPOLL_CTL_MOD,
					p->subject, &event));
		return "armed again";
	default:
		return "nothing";
	}
}

/* ---- objects ---- */

static void open_fifo(struct pair *p, int mode, int other)
{
	unlink("fifo");
	NEED(!mkfifo("fifo", 0600));
	p->spare = open("fifo", O_RDWR | O_NONBLOCK);
	NEED(p->spare >= 0);
	p->subject = open("fifo", mode | O_NONBLOCK);
	NEED(p->subject >= 0);
	p->other = open("fifo", other | O_NONBLOCK);
	NEED(p->other >= 0);
	p->mode = other;
	close(p->spare);
	p->spare = -1;
}

static void fifo_reader(struct pair *p)
{
	open_fifo(p, O_RDONLY, O_WRONLY);
}

/* Nobody has ever written. */
static void fifo_lonely(struct pair *p)
{
	fifo_reader(p);
	close(p->subject);
	close(p->other);
	p->subject = open("fifo", O_RDONLY | O_NONBLOCK);
	NEED(p->subject >= 0);
	p->other = -1;
}

static void fifo_writer(struct pair *p)
{
	open_fifo(p, O_WRONLY, O_RDONLY);
}

static void fifo_both(struct pair *p)
{
	open_fifo(p, O_RDWR, O_RDWR);
}

static void inotify(struct pair *p)
{
	p->subject = inotify_init1(IN_NONBLOCK);
	NEED(p->subject >= 0);
	p->other = open("watched", O_WRONLY | O_CREAT | O_TRUNC, 0600);
	NEED(p->other >= 0);
	NEED(inotify_add_watch(p->subject, "watched", IN_MODIFY) >= 0);
}

static void mounts(struct pair *p)
{
	p->subject = open("/proc/mounts", O_RDONLY);
	NEED(p->subject >= 0);
}

/* A terminal whose other side is another process: ready_tty.py. */
static void ask_tty(const struct pair *p, char what)
{
	char done = 0;

	NEED(write(p->spare, &what, 1) == 1);
	NEED(read(p->other, &done, 1) == 1 && done == what);
}

static void tty(struct pair *p)
{
	char name[65] = "";

	p->spare = open("asked", O_RDWR);
	p->other = open("done", O_RDWR);
	NEED(p->spare >= 0 && p->other >= 0);
	NEED(read(p->other, name, 64) == 64);
	*strchr(name, ' ') = 0;
	p->subject = open(name, O_RDWR | O_NONBLOCK | O_NOCTTY);
	NEED(p->subject >= 0);
}

/* ---- sockets ---- */

static struct sockaddr_in tcp_name = { .sin_family = AF_INET };

static int nonblocking(int family, int type)
{
	int fd = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	NEED(fd >= 0);
	return fd;
}

/* A socket with a port of 127.0.0.1, which is in tcp_name then. */
static int with_port(int type)
{
	socklen_t len = sizeof(tcp_name);
	int fd = nonblocking(AF_INET, type);

	tcp_name.sin_port = 0;
	tcp_name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	NEED(!bind(fd, (void *)&tcp_name, len));
	NEED(!getsockname(fd, (void *)&tcp_name, &len));
	return fd;
}

static int listening(int type)
{
	static const struct sockaddr_un name = { AF_UNIX, "sock" };
	int fd;

	if (type == 0) {
		fd = with_port(SOCK_STREAM);
	} else {
		unlink("sock");
		fd = nonblocking(AF_UNIX, type);
		NEED(!bind(fd, (void *)&name, sizeof(name)));
	}
	NEED(!listen(fd, 5));
	return fd;
}

/* type 0: of TCP, else a unix socket's. */
static int to_connect(int type)
{
	return nonblocking(type ? AF_UNIX : AF_INET, type ? type : SOCK_STREAM);
}

static int start_connect(int fd, int type)
{
	static const struct sockaddr_un name = { AF_UNIX, "sock" };

	if (type)
		return connect(fd, (void *)&name, sizeof(name));
	return connect(fd, (void *)&tcp_name, sizeof(tcp_name));
}

static int take(int server)
{
	struct pollfd pfd = { .fd = server, .events = POLLIN };
	int fd;

	NEED(poll(&pfd, 1, 10000) == 1);
	fd = accept4(server, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	NEED(fd >= 0);
	return fd;
}

static void connected(struct pair *p, int type)
{
	int server = listening(type);

	p->subject = to_connect(type);
	NEED(!start_connect(p->subject, type) || errno == EINPROGRESS);
	p->other = take(server);
	close(server);
}

static void accepted(struct pair *p, int type)
{
	connected(p, type);
	p->spare = p->subject;
	p->subject = p->other;
	p->other = p->spare;
	p->spare = -1;
}

static void tcp_client(struct pair *p)
{
	int one = 1;

	connected(p, 0);
	setsockopt(p->subject, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(p->other, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

/* Without that urgent data is no data: PRI alone, which rsc shows with IN. */
static void tcp_urgent(struct pair *p)
{
	int one = 1;

	tcp_client(p);
	NEED(!setsockopt(p->subject, SOL_SOCKET, SO_OOBINLINE, &one,
			 sizeof(one)));
}

static void tcp_server(struct pair *p)
{
	accepted(p, 0);
}

/* Connects with 'C'. */
static void tcp_new(struct pair *p)
{
	p->spare = listening(0);
	p->subject = to_connect(0);
}

/* Nobody listens where it connects to. */
static void tcp_refused(struct pair *p)
{
	close(with_port(SOCK_STREAM));
	p->subject = to_connect(0);
}

static void tcp_listener(struct pair *p)
{
	p->subject = listening(0);
}

static void unix_stream(struct pair *p)
{
	connected(p, SOCK_STREAM);
}

static void unix_packets(struct pair *p)
{
	connected(p, SOCK_SEQPACKET);
}

static void unix_new(struct pair *p)
{
	p->spare = listening(SOCK_STREAM);
	p->subject = to_connect(SOCK_STREAM);
	p->mode = SOCK_STREAM;
}

static void unix_listener(struct pair *p)
{
	p->subject = listening(SOCK_STREAM);
	p->mode = SOCK_STREAM;
}

static void unix_dgram(struct pair *p)
{
	static const struct sockaddr_un one = { AF_UNIX, "one" };
	static const struct sockaddr_un two = { AF_UNIX, "two" };

	unlink("one");
	unlink("two");
	p->subject = nonblocking(AF_UNIX, SOCK_DGRAM);
	p->other = nonblocking(AF_UNIX, SOCK_DGRAM);
	NEED(!bind(p->subject, (void *)&one, sizeof(one)));
	NEED(!bind(p->other, (void *)&two, sizeof(two)));
	NEED(!connect(p->subject, (void *)&two, sizeof(two)));
	NEED(!connect(p->other, (void *)&one, sizeof(one)));
}

static void udp(struct pair *p)
{
	struct sockaddr_in other;

	p->other = with_port(SOCK_DGRAM);
	other = tcp_name;
	p->subject = with_port(SOCK_DGRAM);
	NEED(!connect(p->other, (void *)&tcp_name, sizeof(tcp_name)));
	NEED(!connect(p->subject, (void *)&other, sizeof(other)));
}

static const struct kind kinds[] = {
	{ "fifo, reading", fifo_reader,
	  "wqqr1w1rwwrqaawrcq"
	  "nqwqaqcqrqnwcr" },
	{ "fifo without a writer", fifo_lonely, "qnwqrcqn" },
	{ "fifo, writing", fifo_writer, "WqdfqdqfdWfcqnqdqcWq" },
	{ "fifo, both", fifo_both, "wq1rWqrfqdwcqr" },
	{ "inotify", inotify, "wqrwwqarqaw" },
	{ "mounts", mounts, "q1q" },
	{ "tty", tty, "q<q1rq<rWq>q<aqrq|qrq", true },
	{ "tcp, client", tcp_client, "qwqq1w1rwwrfqdqfdqwarqawhqrqHqcq" },
	{ "tcp, server", tcp_server, "wrwcqrqWqWqeqr" },
	{ "tcp, urgent", tcp_urgent, "qoqOqowOrqwoqrq" },
	{ "tcp, reset", tcp_client, "wrxqeqrqWq" },
	{ "tcp, reset with data", tcp_client, "wxqrqeq" },
	{ "tcp, half closed", tcp_client, "HqwrcqrqRq" },
	{ "tcp, closed for reading", tcp_client, "RqHqcq" },
	{ "tcp, full and closed", tcp_client, "fqcqqeq" },
	{ "tcp, unconnected", tcp_new, "qqCtqwrqcqr" },
	{ "tcp, refused", tcp_refused, "qCqeqq" },
	{ "tcp, listening", tcp_listener, "qKqKqAqAqA" },
	{ "unix stream", unix_stream, "qwqq1w1rwwrfqdqfdqwarqawhqrqHqcq" },
	{ "unix stream, closed", unix_stream, "wcqrqWq" },
	{ "unix stream, unread", unix_stream, "Wcqrqeq" },
	{ "unix stream, half closed", unix_stream, "HqwrcqrqRq" },
	{ "unix stream, urgent", unix_stream, "qoqOqowOrqwoqrq" },
	{ "unix unconnected", unix_new, "qqCtqwrqcqr" },
	{ "unix, listening", unix_listener, "qKqKqAqAqA" },
	{ "unix packets", unix_packets, "wqwrqfqdqhqrcqrq" },
	{ "unix datagrams", unix_dgram, "wqwrqfqdqRqwqHqcqWq" },
	{ "udp", udp, "wqwrqqWqcWqeqWqWqrqRqHq" },
};

static void run(const struct kind *kind, bool with_epoll)
{
	struct pair p = { -1, -1, -1, 0 };
	struct eyes eyes;

	printf("%s\n", kind->name);
	/* rsc shows RDHUP of what is no socket together with HUP. */
	ignored = kind->open == tty ? POLLRDHUP : 0;
	kind->open(&p);
	if (with_epoll)
		open_eyes(&p, &eyes);
	printf("%-20s", "new");
	look(&p, &eyes, with_epoll);
	for (const char *s = kind->steps; *s; s++) {
		printf("%-20s", step(&p, with_epoll ? &eyes : NULL, *s));
		look(&p, &eyes, with_epoll);
	}
	for (int i = 0; with_epoll && i < WAYS; i++)
		close(eyes.epoll[i]);
	close(p.subject);
	if (p.other >= 0)
		close(p.other);
	if (p.spare >= 0)
		close(p.spare);
}

int main(int argc, char **argv)
{
	if (argc < 2)
		return 2;
	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (argc < 3 ? !kinds[i].special :
			       strstr(kinds[i].name, argv[2]) != NULL)
			run(&kinds[i], !strcmp(argv[1], "epoll"));
	return 0;
}
