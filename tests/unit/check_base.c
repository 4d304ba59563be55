/* Memory, buffers, whole-or-error I/O and the log. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/io.h"
#include "base/log.h"
#include "common/samples.h"

/* ---- arena ---- */

START_TEST(allocations_are_aligned_zeroed_and_apart)
{
	struct arena arena = { 0 };
	uint64_t state = 1;
	struct {
		uint8_t *at;
		size_t len;
	} got[600];

	for (unsigned int round = 0; round < 3; round++) {
		for (unsigned int i = 0; i < 600; i++) {
			size_t len = sample_random(&state) % 700;

			got[i].at = arena_alloc(&arena, len);
			got[i].len = len;
			ck_assert_ptr_nonnull(got[i].at);
			ck_assert_uint_eq((uintptr_t)got[i].at % 16, 0);
			for (size_t k = 0; k < len; k++)
				if (got[i].at[k])
					ck_abort_msg("not zeroed");
			memset(got[i].at, (int)(i % 255 + 1), len);
		}
		for (unsigned int i = 0; i < 600; i++)
			for (size_t k = 0; k < got[i].len; k++)
				if (got[i].at[k] != i % 255 + 1)
					ck_abort_msg("%u was overwritten", i);
		arena_reset(&arena);
	}
	arena_free(&arena);
	ck_assert_ptr_null(arena.head);
}
END_TEST

START_TEST(a_large_allocation_is_whole)
{
	struct arena arena = { 0 };
	uint8_t *large;
	uint8_t *small;

	small = arena_alloc(&arena, 1);
	large = arena_alloc(&arena, 1 << 20);
	ck_assert_ptr_nonnull(large);
	memset(large, 1, 1 << 20);
	ck_assert_uint_eq(*small, 0);
	arena_reset(&arena);
	large = arena_alloc(&arena, 1 << 20);
	ck_assert_uint_eq(large[(1 << 20) - 1], 0);
	arena_reset(&arena);
	arena_reset(&arena);
	arena_free(&arena);
	arena_free(&arena);
}
END_TEST

START_TEST(an_impossible_size_is_no_memory)
{
	struct arena arena = { 0 };

	ck_assert_ptr_null(arena_alloc(&arena, SIZE_MAX));
	ck_assert_ptr_null(arena_alloc(&arena, SIZE_MAX / 2 + 1));
	ck_assert_ptr_nonnull(arena_alloc(&arena, 0));
	arena_free(&arena);
}
END_TEST

/* ---- buf ---- */

START_TEST(what_is_added_comes_out_in_order)
{
	struct buf buf = { 0 };
	uint64_t state = 2;
	unsigned int in = 0;
	unsigned int out = 0;

	for (unsigned int round = 0; round < 2000; round++) {
		uint8_t part[64];
		size_t len = sample_random(&state) % sizeof(part);
		size_t take;

		for (size_t i = 0; i < len; i++)
			part[i] = (uint8_t)(in++ * 31);
		ck_assert_int_eq(buf_add(&buf, part, len), 0);
		take = sample_random(&state) % (buf.len + 1);
		for (size_t i = 0; i < take; i++)
			if (buf.data[i] != (uint8_t)(out++ * 31))
				ck_abort_msg("byte %u", out - 1);
		buf_consume(&buf, take);
	}
	ck_assert_uint_eq(buf.len, in - out);
	buf_free(&buf);
	ck_assert_ptr_null(buf.data);
	ck_assert_uint_eq(buf.cap, 0);
}
END_TEST

START_TEST(nothing_can_be_added_and_consumed)
{
	struct buf buf = { 0 };

	ck_assert_int_eq(buf_add(&buf, NULL, 0), 0);
	buf_consume(&buf, 0);
	ck_assert_uint_eq(buf.len, 0);
	buf_free(&buf);
}
END_TEST

START_TEST(an_impossible_reserve_keeps_the_buffer)
{
	struct buf buf = { 0 };

	ck_assert_int_eq(buf_add(&buf, "abc", 3), 0);
	ck_assert_int_eq(buf_reserve(&buf, SIZE_MAX), -ENOMEM);
	ck_assert_int_eq(buf_reserve(&buf, SIZE_MAX - 2), -ENOMEM);
	ck_assert_int_eq(buf_reserve(&buf, SIZE_MAX / 4), -ENOMEM);
	ck_assert_int_eq(buf_reserve(&buf, BUF_MAX - 2), -ENOMEM);
	ck_assert_uint_eq(buf.len, 3);
	ck_assert(!memcmp(buf.data, "abc", 3));
	ck_assert_int_eq(buf_reserve(&buf, 100000), 0);
	ck_assert_uint_ge(buf.cap, 100003);
	ck_assert(!memcmp(buf.data, "abc", 3));
	buf_free(&buf);
}
END_TEST

/* ---- io ---- */

#define MUCH (1u << 20)

static int pair[2];
static uint8_t *sent;
static uint8_t *got;

static void io_setup(void)
{
	int small = 1;
	uint64_t state = 3;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	/* A write takes a few KiB at a time. */
	setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	sent = malloc(MUCH);
	got = calloc(1, MUCH);
	for (unsigned int i = 0; i < MUCH; i++)
		sent[i] = (uint8_t)sample_random(&state);
}

static void io_teardown(void)
{
	close(pair[0]);
	close(pair[1]);
	free(sent);
	free(got);
}

static void nonblocking(int fd)
{
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

static void *write_much(void *arg)
{
	return (void *)(intptr_t)io_write_all(*(int *)arg, sent, MUCH);
}

/* One thread writes, this one reads; both come to the end. */
static void transfer(void)
{
	pthread_t writer;
	void *ret;

	ck_assert_int_eq(pthread_create(&writer, NULL, write_much, &pair[0]),
			 0);
	ck_assert_int_eq(io_read_all(pair[1], got, MUCH), 0);
	pthread_join(writer, &ret);
	ck_assert_ptr_null(ret);
	ck_assert(!memcmp(sent, got, MUCH));
}

START_TEST(short_writes_and_reads_are_completed)
{
	ssize_t n;

	nonblocking(pair[0]);
	n = write(pair[0], sent, MUCH);
	ck_assert_msg(n > 0 && n < MUCH, "a write was not short: %zd", n);
	ck_assert_int_eq(io_read_all(pair[1], got, (size_t)n), 0);
	transfer();
}
END_TEST

START_TEST(descriptors_that_do_not_block_are_waited_for)
{
	nonblocking(pair[0]);
	nonblocking(pair[1]);
	transfer();
}
END_TEST

static volatile sig_atomic_t alarms;

static void on_alarm(int sig)
{
	(void)sig;
	alarms++;
}

START_TEST(signals_do_not_cut_a_transfer)
{
	struct sigaction act = { .sa_handler = on_alarm };
	struct itimerval often = { { 0, 300 }, { 0, 300 } };
	struct itimerval never = { { 0, 0 }, { 0, 0 } };

	sigaction(SIGALRM, &act, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	for (unsigned int i = 0; i < 500 && alarms < 20; i++)
		transfer();
	setitimer(ITIMER_REAL, &never, NULL);
	ck_assert_int_ge(alarms, 20);
}
END_TEST

START_TEST(the_end_of_file_inside_is_a_lost_connection)
{
	ck_assert_int_eq(io_write_all(pair[0], "abc", 3), 0);
	shutdown(pair[0], SHUT_WR);
	ck_assert_int_eq(io_read_all(pair[1], got, 4), -ECONNRESET);
	ck_assert(!memcmp(got, "abc", 3));
	ck_assert_int_eq(io_read_all(pair[1], got, 1), -ECONNRESET);
	ck_assert_int_eq(io_read_all(pair[1], got, 0), 0);
}
END_TEST

START_TEST(errors_come_back_as_they_are)
{
	signal(SIGPIPE, SIG_IGN);
	ck_assert_int_eq(io_read_all(-1, got, 1), -EBADF);
	ck_assert_int_eq(io_write_all(-1, sent, 1), -EBADF);
	ck_assert_int_eq(io_write_all(-1, sent, 0), 0);
	close(pair[1]);
	ck_assert_int_eq(io_write_all(pair[0], sent, MUCH), -EPIPE);
	pair[1] = -1;
}
END_TEST

START_TEST(a_reader_that_goes_away_ends_a_write_that_waits)
{
	pthread_t writer;
	void *ret;

	signal(SIGPIPE, SIG_IGN);
	nonblocking(pair[0]);
	ck_assert_int_eq(pthread_create(&writer, NULL, write_much, &pair[0]),
			 0);
	ck_assert_int_eq(io_read_all(pair[1], got, 1), 0);
	close(pair[1]);
	pair[1] = -1;
	pthread_join(writer, &ret);
	ck_assert((intptr_t)ret == -EPIPE || (intptr_t)ret == -ECONNRESET);
}
END_TEST

/* ---- log ---- */

static char text[8192];

static int log_to_memory(void)
{
	int fd = memfd_create("stderr", MFD_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	fflush(stderr);
	dup2(fd, STDERR_FILENO);
	return fd;
}

static const char *logged(int fd)
{
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

	ck_assert_int_ge(n, 0);
	text[n] = 0;
	return text;
}

START_TEST(a_level_above_the_set_one_is_not_printed)
{
	static const enum log_level levels[] = { LOG_ERR, LOG_WARN, LOG_INFO,
						 LOG_DEBUG };
	static const char *const want[] = {
		"rsc: 0\n",
		"rsc: 0\nrsc: 1\n",
		"rsc: 0\nrsc: 1\nrsc: 2\n",
		"rsc: 0\nrsc: 1\nrsc: 2\nrsc: 3\n",
	};
	int fd = log_to_memory();

	ck_assert_int_eq(log_level, LOG_WARN);
	log_level = levels[_i];
	log_err("%d", 0);
	log_warn("%d", 1);
	log_info("%d", 2);
	log_debug("%d", 3);
	ck_assert_str_eq(logged(fd), want[_i]);
}
END_TEST

START_TEST(a_line_keeps_errno)
{
	int fd = log_to_memory();

	errno = ENOTDIR;
	log_err("once: %m");
	ck_assert_int_eq(errno, ENOTDIR);
	ck_assert_str_eq(logged(fd), "rsc: once: Not a directory\n");
	log_debug("not printed");
	ck_assert_int_eq(errno, ENOTDIR);
	close(STDERR_FILENO);
	errno = ENOTDIR;
	log_err("nowhere to go");
	ck_assert_int_eq(errno, ENOTDIR);
}
END_TEST

START_TEST(a_line_is_one_line)
{
	int fd = log_to_memory();

	log_err("open %s", "a\nrsc: forged\033[2J\x7f\tend");
	ck_assert_str_eq(logged(fd), "rsc: open a?rsc: forged?[2J?\tend\n");
}
END_TEST

START_TEST(a_line_that_is_too_long_is_cut_and_ended)
{
	static const int lengths[] = { 4087, 4088, 4089, 4090, 4096, 8000 };
	int fd = log_to_memory();
	size_t len;

	log_err("%0*d", lengths[_i], 0);
	logged(fd);
	len = strlen(text);
	ck_assert_uint_le(len, 4096);
	ck_assert_uint_ge(len, 4087);
	ck_assert_uint_eq(strcspn(text, "\n"), len - 1);
	ck_assert_uint_eq(strspn(text + 5, "0"), len - 6);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("base");
	TCase *memory = tcase_create("memory");
	TCase *io = tcase_create("io");
	TCase *log = tcase_create("log");
	SRunner *runner;
	int failed;

	tcase_add_test(memory, allocations_are_aligned_zeroed_and_apart);
	tcase_add_test(memory, a_large_allocation_is_whole);
	tcase_add_test(memory, an_impossible_size_is_no_memory);
	tcase_add_test(memory, what_is_added_comes_out_in_order);
	tcase_add_test(memory, nothing_can_be_added_and_consumed);
	tcase_add_test(memory, an_impossible_reserve_keeps_the_buffer);
	suite_add_tcase(suite, memory);
	tcase_add_checked_fixture(io, io_setup, io_teardown);
	tcase_set_timeout(io, 30);
	tcase_add_test(io, short_writes_and_reads_are_completed);
	tcase_add_test(io, descriptors_that_do_not_block_are_waited_for);
	tcase_add_test(io, signals_do_not_cut_a_transfer);
	tcase_add_test(io, the_end_of_file_inside_is_a_lost_connection);
	tcase_add_test(io, errors_come_back_as_they_are);
	tcase_add_test(io, a_reader_that_goes_away_ends_a_write_that_waits);
	suite_add_tcase(suite, io);
	tcase_add_loop_test(log, a_level_above_the_set_one_is_not_printed, 0,
			    4);
	tcase_add_test(log, a_line_keeps_errno);
	tcase_add_test(log, a_line_is_one_line);
	tcase_add_loop_test(log, a_line_that_is_too_long_is_cut_and_ended, 0,
			    6);
	suite_add_tcase(suite, log);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
