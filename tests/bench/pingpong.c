/* Bare round trips over loopback: a request and a reply of given sizes. */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/io.h"
#include "bench.h"

struct pair {
	int fd;
	size_t request;
	size_t reply;
	char *buf;
};

static void step(void *arg)
{
	struct pair *p = arg;

	if (io_write_all(p->fd, p->buf, p->request) ||
	    io_read_all(p->fd, p->buf, p->reply))
		bench_die("round trip");
}

static void serve(struct pair *p)
{
	while (!io_read_all(p->fd, p->buf, p->request) &&
	       !io_write_all(p->fd, p->buf, p->reply))
		;
}

static void tcp_pair(int pair[2])
{
	struct sockaddr_in sa = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(sa);
	int one = 1;
	int fd;

	fd = socket(AF_INET, SOCK_STREAM, 0);
	pair[0] = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(fd, (struct sockaddr *)&sa, len) || listen(fd, 1) ||
	    getsockname(fd, (struct sockaddr *)&sa, &len) ||
	    connect(pair[0], (struct sockaddr *)&sa, len))
		bench_die("tcp");
	pair[1] = accept(fd, NULL, NULL);
	setsockopt(pair[0], IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(pair[1], IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	close(fd);
}

int main(int argc, char **argv)
{
	struct pair p;
	int pair[2];
	pid_t pid;

	if (argc != 4) {
		fputs("usage: pingpong tcp|unix REQUEST-SIZE REPLY-SIZE\n",
		      stderr);
		return 2;
	}
	p.request = strtoul(argv[2], NULL, 10);
	p.reply = strtoul(argv[3], NULL, 10);
	p.buf = calloc(1, p.request + p.reply);
	if (!p.buf || !p.request || !p.reply)
		return 2;
	if (!strcmp(argv[1], "tcp"))
		tcp_pair(pair);
	else if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		bench_die("socketpair");
	pid = fork();
	if (pid < 0)
		bench_die("fork");
	p.fd = pair[!pid];
	close(pair[!!pid]);
	if (pid)
		bench_run(step, &p);
	else
		serve(&p);
	return 0;
}
