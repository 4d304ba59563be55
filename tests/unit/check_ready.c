/*
 * Watched handles: READY comes when somebody else changes what they are, and
 * before the reply of each call that does; what a client may not ask.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client.h"
#include "sandbox.h"

#define PATIENCE_MS 20000
#define QUIET_MS 50

static const struct server_opts plain;
static struct client c;
static int writer;     /* of the fifo, not the session's */
static int64_t reader; /* a handle of it */

static void set_up(void)
{
	sandbox_enter();
	ck_assert(!mkfifo("fifo", 0600));
	client_start(&c, &plain);
	writer = open("fifo", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	ck_assert_int_ge(writer, 0);
	reader = client_open(&c, 1, "fifo", O_RDONLY | O_NONBLOCK);
	ck_assert_int_ge(reader, 0);
}

static void tear_down(void)
{
	client_stop(&c);
	close(writer);
	sandbox_leave();
}

static int64_t watch(uint32_t task, int64_t handle, uint64_t id, uint64_t want)
{
	return CALL(&c, task, "rsc_watch", NUM(handle), NUM(id), NUM(want));
}

static void put(void)
{
	ck_assert_int_eq(write(writer, "x", 1), 1);
}

/* The n-th READY is this one. */
static void expect(unsigned int n, uint32_t id, uint32_t mask, uint32_t edge)
{
	ck_assert(client_has_ready(&c, n, PATIENCE_MS));
	ck_assert_uint_eq(c.nready, n);
	ck_assert_uint_eq(c.ready.watch, id);
	ck_assert_uint_eq(c.ready.mask, mask);
	ck_assert_uint_eq(c.ready.edge, edge);
}

START_TEST(what_others_do_is_told)
{
	ck_assert_int_eq(watch(1, reader, 5, 0), 0);
	expect(1, 5, 0, 0);
	put();
	expect(2, 5, EPOLLIN, EDGE_IN);
	ck_assert_int_eq(CALL(&c, 1, "read", NUM(reader), ROOM(2), NUM(2)), 1);
	expect(3, 5, 0, 0);
	close(writer);
	expect(4, 5, EPOLLHUP, EDGE_IN);
	writer = open("fifo", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	/* No event says that a writer is there again, any call does. */
	ck_assert_int_ge(CALL(&c, 1, "getuid"), 0);
	expect(5, 5, 0, 0);
}
END_TEST

START_TEST(what_a_call_does_is_told_before_its_reply)
{
	int64_t other;

	ck_assert_int_eq(watch(1, reader, 5, 0), 0);
	other = client_open(&c, 1, "fifo", O_WRONLY | O_NONBLOCK);
	ck_assert_int_eq(CALL(&c, 1, "write", NUM(other), BYTES("abc", 3),
			      NUM(3)),
			 3);
	ck_assert_uint_eq(c.nready, 2);
	ck_assert_uint_eq(c.ready.mask, EPOLLIN);
	ck_assert_int_eq(CALL(&c, 1, "read", NUM(reader), ROOM(2), NUM(2)), 2);
	ck_assert_uint_eq(c.nready, 2);
	ck_assert_int_eq(CALL(&c, 1, "read", NUM(reader), ROOM(2), NUM(2)), 1);
	ck_assert_uint_eq(c.nready, 3);
	ck_assert_uint_eq(c.ready.mask, 0);
}
END_TEST

START_TEST(that_it_happened_again_is_told_who_asks)
{
	ck_assert_int_eq(watch(1, reader, 5, 0), 0);
	put();
	expect(2, 5, EPOLLIN, EDGE_IN);
	put();
	ck_assert(!client_has_ready(&c, 3, QUIET_MS));
	ck_assert_int_eq(watch(1, reader, 5, WATCH_EDGES), 0);
	expect(3, 5, EPOLLIN, 0);
	put();
	expect(4, 5, EPOLLIN, EDGE_IN);
	put();
	expect(5, 5, EPOLLIN, EDGE_IN);
}
END_TEST

START_TEST(that_it_can_be_written_is_told_who_asks)
{
	static char page[1 << 16];
	int64_t other;

	other = client_open(&c, 1, "fifo", O_WRONLY | O_NONBLOCK);
	ck_assert_int_eq(watch(1, other, 7, 0), 0);
	expect(1, 7, EPOLLOUT, 0);
	ck_assert_int_eq(CALL(&c, 1, "write", NUM(other),
			      BYTES(page, sizeof(page)), NUM(sizeof(page))),
			 sizeof(page));
	expect(2, 7, 0, 0);
	ck_assert_int_eq(read(writer, page, sizeof(page)), sizeof(page));
	ck_assert(!client_has_ready(&c, 3, QUIET_MS));
	ck_assert_int_eq(watch(1, other, 7, WATCH_OUT), 0);
	expect(3, 7, EPOLLOUT, 0);
	ck_assert_int_eq(CALL(&c, 1, "write", NUM(other),
			      BYTES(page, sizeof(page)), NUM(sizeof(page))),
			 sizeof(page));
	expect(4, 7, 0, 0);
	ck_assert_int_eq(read(writer, page, sizeof(page)), sizeof(page));
	expect(5, 7, EPOLLOUT, EDGE_OUT);
}
END_TEST

START_TEST(a_copied_table_has_the_watches)
{
	ck_assert_int_eq(watch(1, reader, 5, 0), 0);
	client_spawn(&c, 2, 1, 0);
	put();
	expect(2, 5, EPOLLIN, EDGE_IN);
	ck_assert_int_eq(CALL(&c, 1, "close", NUM(reader)), 0);
	ck_assert_int_eq(CALL(&c, 2, "read", NUM(reader), ROOM(2), NUM(2)), 1);
	ck_assert_uint_eq(c.nready, 3);
	ck_assert_uint_eq(c.ready.mask, 0);
	put();
	expect(4, 5, EPOLLIN, EDGE_IN);
}
END_TEST

START_TEST(a_closed_handle_is_watched_no_more)
{
	int64_t other;

	ck_assert_int_eq(watch(1, reader, 5, WATCH_EDGES), 0);
	ck_assert_int_eq(CALL(&c, 1, "close", NUM(reader)), 0);
	other = client_open(&c, 1, "fifo", O_RDONLY | O_NONBLOCK);
	ck_assert_int_eq(other, reader);
	put();
	ck_assert_int_eq(CALL(&c, 1, "read", NUM(other), ROOM(2), NUM(2)), 1);
	ck_assert(!client_has_ready(&c, 2, QUIET_MS));
	ck_assert_int_eq(watch(1, other, 6, 0), 0);
	expect(2, 6, 0, 0);
}
END_TEST

START_TEST(an_object_has_as_many_names_as_are_given)
{
	ck_assert_int_eq(watch(1, reader, 5, 0), 0);
	ck_assert_int_eq(watch(1, reader, 6, 0), 0);
	expect(2, 6, 0, 0);
	put();
	expect(3, 6, EPOLLIN, EDGE_IN);
	ck_assert_int_eq(watch(1, reader, 5, 0), 0);
}
END_TEST

START_TEST(what_cannot_be_watched)
{
	int64_t file = client_open(&c, 1, "file", O_RDWR | O_CREAT);

	ck_assert_int_eq(watch(1, reader, 0, 0), -EINVAL);
	ck_assert_int_eq(watch(1, reader, UINT64_C(1) << 32, 0), -EINVAL);
	ck_assert_int_eq(watch(1, reader, 5, 4), -EINVAL);
	ck_assert_int_eq(watch(1, reader, 5, UINT64_C(1) << 32), -EINVAL);
	ck_assert_int_eq(watch(1, file, 5, 0), -EPERM);
	ck_assert_int_eq(watch(1, file + 1, 5, 0), -EBADF);
	ck_assert_int_eq(watch(1, 0, 5, 0), -EBADF);
	ck_assert(!client_has_ready(&c, 1, QUIET_MS));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ready");
	TCase *ready = tcase_create("ready");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(ready, set_up, tear_down);
	tcase_set_timeout(ready, 60);
	tcase_add_test(ready, what_others_do_is_told);
	tcase_add_test(ready, what_a_call_does_is_told_before_its_reply);
	tcase_add_test(ready, that_it_happened_again_is_told_who_asks);
	tcase_add_test(ready, that_it_can_be_written_is_told_who_asks);
	tcase_add_test(ready, a_copied_table_has_the_watches);
	tcase_add_test(ready, a_closed_handle_is_watched_no_more);
	tcase_add_test(ready, an_object_has_as_many_names_as_are_given);
	tcase_add_test(ready, what_cannot_be_watched);
	suite_add_tcase(suite, ready);

	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
