/*
 * A session's round trip beside a bare echo's, over unix socketpairs in the
 * same run: "echo NSEC...", "call NSEC..." and the ratio of their medians.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "bench.h"
#include "call/wire.h"
#include "server/server.h"
#include "transport/frame.h"

#define ROUNDS 7

struct peer {
	int fd;
	uint32_t seq;
	struct req req;
	struct buf out;
	struct buf in;
};

static void put_call(struct peer *peer)
{
	peer->out.len = 0;
	peer->req.seq = ++peer->seq;
	if (wire_put_call(&peer->out, &peer->req))
		bench_die("wire_put_call");
}

static void round_trip(void *arg)
{
	struct peer *peer = arg;

	put_call(peer);
	if (io_write_all(peer->fd, peer->out.data, peer->out.len) ||
	    frame_read(peer->fd, &peer->in))
		bench_die("round trip");
}

static void echo(int fd)
{
	struct buf buf = { 0 };
	uint8_t frame[256] = { 0 };

	while (!frame_read(fd, &buf)) {
		frame[3] = buf.len;
		memcpy(frame + FRAME_HEAD, buf.data, buf.len);
		if (io_write_all(fd, frame, FRAME_HEAD + buf.len))
			break;
	}
	_exit(0);
}

static void start(struct peer *peer, void (*serve)(int fd))
{
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		bench_die("socketpair");
	pid = fork();
	if (pid < 0)
		bench_die("fork");
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(pair[0]);
		serve(pair[1]);
	}
	close(pair[1]);
	peer->fd = pair[0];
	peer->req = (struct req){ .call = call_by_name("getuid"), .task = 1 };
}

static void session(int fd)
{
	static const struct server_opts plain;

	_exit(session_run(fd, fd, &plain));
}

static void greet(struct peer *peer)
{
	struct hello hello = {
		.version = WIRE_VERSION,
		.arch = "bench",
		.digest = call_digest(),
	};

	if (frame_read(peer->fd, &peer->in) ||
	    wire_put_hello(&peer->out, &hello) ||
	    wire_put_spawn(&peer->out, 1, 0, 0) ||
	    io_write_all(peer->fd, peer->out.data, peer->out.len))
		bench_die("hello");
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *nsec)
{
	qsort(nsec, ROUNDS, sizeof(*nsec), compare);
	return nsec[ROUNDS / 2];
}

int main(void)
{
	struct peer plain = { 0 };
	struct peer full = { 0 };
	double bare[ROUNDS];
	double call[ROUNDS];
	int i;

	start(&plain, echo);
	start(&full, session);
	greet(&full);
	bench_batch(round_trip, &plain, 1000);
	bench_batch(round_trip, &full, 1000);
	for (i = 0; i < ROUNDS; i++) {
		bare[i] = bench_batch(round_trip, &plain, 3000);
		call[i] = bench_batch(round_trip, &full, 3000);
	}
	printf("echo %.0f ns, call %.0f ns, ratio %.2f\n", median(bare),
	       median(call), median(call) / median(bare));
	return 0;
}
