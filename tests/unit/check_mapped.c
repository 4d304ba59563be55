/* What the server does for files that are mapped: holding, holes. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "client.h"
#include "sandbox.h"

#define FAR (1 << 20)

static const struct server_opts opts = { 0 };
static struct client c;

static void setup(void)
{
	int fd;

	sandbox_enter();
	fd = open("file", O_CREAT | O_RDWR, 0600);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(pwrite(fd, "far", 3, FAR), 3);
	close(fd);
	client_start(&c, &opts);
}

static void teardown(void)
{
	client_stop(&c);
	sandbox_leave();
}

START_TEST(who_cannot_write_a_file_does_not_hold_it)
{
	static const int modes[] = { O_RDONLY, O_WRONLY, O_PATH };

	for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
		int64_t fd = client_open(&c, 1, "file", modes[i]);

		ck_assert_int_ge(fd, 0);
		ck_assert_int_eq(CALL(&c, 1, "rsc_hold", NUM(fd)), -EINVAL);
	}
}
END_TEST

START_TEST(only_files_are_held)
{
	int64_t fd = client_open(&c, 1, ".", O_RDONLY);

	ck_assert_int_eq(CALL(&c, 1, "rsc_hold", NUM(fd)), -EINVAL);
	fd = client_open(&c, 1, "/dev/null", O_RDWR);
	ck_assert_int_eq(CALL(&c, 1, "rsc_hold", NUM(fd)), -EINVAL);
	ck_assert_int_eq(CALL(&c, 1, "rsc_hold", NUM(0)), -EBADF);
}
END_TEST

START_TEST(nobody_waits_to_read_what_is_not_held)
{
	uint32_t seq = POST(&c, 1, "rsc_recall", NUM(3));

	ck_assert(!client_has_answer(&c, seq, 50));
	client_cancel(&c, 1, seq);
	ck_assert_int_eq(client_wait(&c, seq), -EINTR);
}
END_TEST

START_TEST(holes_are_told_and_the_offset_stays)
{
	int64_t fd = client_open(&c, 1, "file", O_RDONLY);
	int64_t data = CALL(&c, 1, "rsc_seek", NUM(fd), NUM(0), NUM(SEEK_DATA));

	ck_assert_int_le(data, FAR);
	ck_assert_int_ge(CALL(&c, 1, "rsc_seek", NUM(fd), NUM(data),
			      NUM(SEEK_HOLE)),
			 FAR + 3);
	ck_assert_int_eq(CALL(&c, 1, "rsc_seek", NUM(fd), NUM(FAR + 3),
			      NUM(SEEK_DATA)),
			 -ENXIO);
	ck_assert_int_eq(CALL(&c, 1, "rsc_seek", NUM(fd), NUM(0),
			      NUM(SEEK_END)),
			 -EINVAL);
	ck_assert_int_eq(CALL(&c, 1, "lseek", NUM(fd), NUM(0), NUM(SEEK_CUR)),
			 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("mapped");
	TCase *tc = tcase_create("mapped");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, who_cannot_write_a_file_does_not_hold_it);
	tcase_add_test(tc, only_files_are_held);
	tcase_add_test(tc, nobody_waits_to_read_what_is_not_held);
	tcase_add_test(tc, holes_are_told_and_the_offset_stays);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
