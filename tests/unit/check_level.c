/*
 * Placeholders show what they are told to: every change between masks that the
 * kind can have is seen by poll, and what happened again by epoll. Whatever a
 * server tells, nothing blocks and nothing is left.
 */
#include <check.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "call/value.h"
#include "call/wire.h"
#include "tracer/level.h"

#define IN EPOLLIN
#define OUT EPOLLOUT
#define PRI EPOLLPRI
#define ERR EPOLLERR
#define HUP EPOLLHUP
#define RDHUP EPOLLRDHUP
#define MASKS_MAX 10
#define STEPS 20000

/* The masks of each kind, and from where on there is no way back. */
static const struct kind {
	const char *name;
	uint32_t object;
	int flags;
	unsigned int n;
	unsigned int final;
	uint32_t mask[MASKS_MAX];
} kinds[] = {
	{ "reader", OBJECT_PIPE, O_RDONLY, 4, 4, { 0, IN, HUP, IN | HUP } },
	{ "writer", OBJECT_PIPE, O_WRONLY, 4, 4, { 0, OUT, ERR, OUT | ERR } },
	{ "pipe",
	  OBJECT_PIPE,
	  O_RDWR,
	  6,
	  4,
	  { OUT, IN | OUT, IN, 0, IN | OUT | RDHUP, IN | OUT | RDHUP | HUP } },
	{ "stream",
	  OBJECT_SOCKET,
	  O_RDWR,
	  9,
	  6,
	  { 0, IN, OUT, IN | OUT, IN | PRI, IN | OUT | PRI, IN | RDHUP,
	    IN | OUT | RDHUP, IN | OUT | RDHUP | HUP } },
	{ "datagrams",
	  OBJECT_DGRAM,
	  O_RDWR,
	  8,
	  6,
	  { 0, IN, OUT, IN | OUT, OUT | ERR, IN | OUT | ERR, IN | OUT | RDHUP,
	    IN | OUT | RDHUP | HUP } },
	{ "others", OBJECT_OTHER, O_RDWR, 4, 4, { 0, IN, OUT, IN | OUT } },
};

#define NKINDS (sizeof(kinds) / sizeof(*kinds))

static struct level level;
static int fd;

static void make(const struct kind *kind)
{
	fd = level_make(&level, kind->object | OBJECT_POLLABLE,
			(uint64_t)kind->flags);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(level_take(&level, getpid(), fd), 0);
}

static void drop(void)
{
	level_drop(&level);
	ck_assert(!close(fd));
}

static uint32_t seen(void)
{
	struct pollfd pfd = { .fd = fd, .events = IN | OUT | PRI | RDHUP };

	ck_assert_int_ge(poll(&pfd, 1, 0), 0);
	return (uint32_t)(uint16_t)pfd.revents;
}

static void show(const struct kind *kind, uint32_t mask, uint32_t edge)
{
	level_set(&level, mask, edge);
	ck_assert_msg(seen() == mask, "%s: %#x is shown as %#x", kind->name,
		      mask, seen());
}

/* From where each mask begins: made new, and through every other one. */
START_TEST(every_change_is_shown)
{
	const struct kind *kind = &kinds[_i];

	for (unsigned int from = 0; from < kind->n; from++) {
		for (unsigned int to = 0; to < kind->n; to++) {
			if (from >= kind->final && to < from)
				continue;
			make(kind);
			show(kind, kind->mask[from], 0);
			show(kind, kind->mask[to], 0);
			if (to >= from && from < kind->final &&
			    to < kind->final)
				show(kind, kind->mask[from], 0);
			drop();
		}
	}
}
END_TEST

static unsigned int edges(int epoll)
{
	struct epoll_event event = { 0 };

	return epoll_wait(epoll, &event, 1, 0) == 1 ? event.events : 0;
}

START_TEST(that_it_happened_again_is_an_edge)
{
	const struct kind *kind = &kinds[_i];
	struct epoll_event in = { .events = IN | RDHUP | EPOLLET };
	struct epoll_event out = { .events = OUT | EPOLLET };
	int in_epoll;
	int out_epoll;

	for (unsigned int m = 0; m < kind->final; m++) {
		make(kind);
		in_epoll = epoll_create1(EPOLL_CLOEXEC);
		out_epoll = epoll_create1(EPOLL_CLOEXEC);
		ck_assert(!epoll_ctl(in_epoll, EPOLL_CTL_ADD, fd, &in));
		ck_assert(!epoll_ctl(out_epoll, EPOLL_CTL_ADD, fd, &out));
		show(kind, kind->mask[m], 0);
		edges(in_epoll);
		edges(out_epoll);
		for (unsigned int round = 0; round < 40; round++) {
			ck_assert_uint_eq(edges(in_epoll), 0);
			ck_assert_uint_eq(edges(out_epoll), 0);
			show(kind, kind->mask[m], EDGE_IN);
			ck_assert_msg(!!(edges(in_epoll) & IN) ==
					      !!(kind->mask[m] & IN),
				      "%s %#x in", kind->name, kind->mask[m]);
			if (!(kind->mask[m] & (ERR | HUP)))
				ck_assert_msg(!edges(out_epoll),
					      "%s %#x: an edge too many",
					      kind->name, kind->mask[m]);
			edges(out_epoll);
			show(kind, kind->mask[m], EDGE_OUT);
			ck_assert_msg(!!(edges(out_epoll) & OUT) ==
					      !!(kind->mask[m] & OUT),
				      "%s %#x out", kind->name, kind->mask[m]);
			edges(in_epoll);
		}
		close(in_epoll);
		close(out_epoll);
		drop();
	}
}
END_TEST

/* A stream that is not connected yet, as one of TCP. */
START_TEST(a_stream_begins_unconnected)
{
	static const struct kind *const kind = &kinds[3];

	for (unsigned int m = 0; m < kind->n; m++) {
		make(kind);
		show(kind, OUT | HUP, 0);
		show(kind, OUT | HUP, EDGE_IN | EDGE_OUT);
		show(kind, kind->mask[m], EDGE_IN);
		drop();
	}
}
END_TEST

START_TEST(a_stream_ends_with_an_error)
{
	static const struct kind *const kind = &kinds[3];

	for (unsigned int m = 0; m < kind->final; m++) {
		make(kind);
		show(kind, kind->mask[m], 0);
		show(kind, IN | OUT | ERR | RDHUP | HUP, EDGE_IN);
		show(kind, IN | OUT | RDHUP | HUP, 0);
		show(kind, IN | OUT | RDHUP | HUP, EDGE_IN | EDGE_OUT);
		drop();
	}
}
END_TEST

/* A server may tell anything. */
START_TEST(whatever_is_told_nothing_blocks_and_nothing_is_left)
{
	static const uint32_t bits[] = { IN, PRI, OUT, ERR, HUP, RDHUP };
	unsigned int next = (unsigned int)_i;
	int before = dup(0);

	ck_assert_int_ge(before, 0);
	close(before);
	for (unsigned int round = 0; round < 20; round++) {
		make(&kinds[_i]);
		for (unsigned int step = 0; step < STEPS / 20; step++) {
			uint32_t mask = 0;

			next = next * 1103515245 + 12345;
			for (unsigned int i = 0; i < 6; i++)
				if (next >> (16 + i) & 1)
					mask |= bits[i];
			/* Few of them end, or there would be nothing else. */
			if (next >> 8 & 0x3f)
				mask &= ~(uint32_t)(HUP | RDHUP | ERR);
			level_set(&level, mask, next >> 24 & 3);
			seen();
		}
		drop();
	}
	fd = dup(0);
	ck_assert_int_eq(fd, before);
	close(fd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("level");
	TCase *tc = tcase_create("level");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, every_change_is_shown, 0, NKINDS);
	tcase_add_loop_test(tc, that_it_happened_again_is_an_edge, 0, NKINDS);
	tcase_add_test(tc, a_stream_begins_unconnected);
	tcase_add_test(tc, a_stream_ends_with_an_error);
	tcase_add_loop_test(tc,
			    whatever_is_told_nothing_blocks_and_nothing_is_left,
			    0, NKINDS);
	suite_add_tcase(suite, tc);

	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
