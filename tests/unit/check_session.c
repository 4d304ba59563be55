/*
 * The rules of a session: each one that a client breaks ends the session with
 * the line that names it, and nothing hangs. How a session ends, what it
 * counts, what --read-only refuses and where --root leads.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "call/types.h"
#include "client.h"
#include "sandbox.h"
#include "transport/frame.h"

static const struct server_opts plain;
static struct client c;

/* ---- broken rules ---- */

/* A frame of these bytes. */
static void send_frame(const void *body, size_t len)
{
	uint8_t head[FRAME_HEAD] = { len >> 24, len >> 16, len >> 8, len };

	client_send(&c, head, sizeof(head));
	client_send(&c, body, len);
}

static void a_second_hello(void)
{
	client_hello(&c, WIRE_VERSION, 0);
}

static void spawn_of_task_0(void)
{
	client_spawn(&c, 0, 1, 0);
}

static void spawn_twice(void)
{
	client_spawn(&c, 1, 0, 0);
}

static void spawn_of_a_child_twice(void)
{
	client_spawn(&c, 2, 1, 0);
	client_spawn(&c, 2, 1, 0);
}

static void spawn_by_nobody(void)
{
	client_spawn(&c, 2, 7, 0);
}

static void spawn_by_itself(void)
{
	client_spawn(&c, 2, 2, 0);
}

static void spawn_sharing_more(void)
{
	client_spawn(&c, 2, 1, 4);
}

static void spawn_too_often(void)
{
	uint32_t task;

	for (task = 2; task < 6000; task++)
		client_spawn(&c, task, 1, SPAWN_FILES | SPAWN_FS);
}

static void call_of_nobody(void)
{
	POST(&c, 7, "getuid", NIL);
}

static void call_after_exit(void)
{
	client_exit(&c, 1);
	POST(&c, 1, "getuid", NIL);
}

static void call_with_an_old_number(void)
{
	POST(&c, 1, "getuid", NIL);
	c.seq--;
	POST(&c, 1, "getuid", NIL);
}

static void call_without_a_row(void)
{
	/* [1, 1, 1, 65535] */
	send_frame("\x84\x01\x01\x01\x19\xff\xff", 7);
}

static void call_with_a_wrong_argument(void)
{
	/* [1, 1, 1, close, true] */
	send_frame("\x85\x01\x01\x01\x15\xf5", 6);
}

static void call_that_is_too_short(void)
{
	/* [1, 1, 1, close] */
	send_frame("\x84\x01\x01\x01\x15", 5);
}

static void too_many_calls(void)
{
	static uint8_t bytes[VALUE_BYTES_MAX];
	int64_t fifo;
	int i;

	ck_assert(!mkfifo("fifo", 0666));
	fifo = client_open(&c, 1, "fifo", O_RDWR);
	POST(&c, 1, "read", NUM(fifo), ROOM(1), NUM(1));
	client_until_in(&c, "read");
	for (i = 0; i < 10; i++)
		POST(&c, 1, "write", NUM(fifo), BYTES(bytes, sizeof(bytes)),
		     NUM(sizeof(bytes)));
}

static void exit_of_nobody(void)
{
	client_exit(&c, 7);
}

static void exit_twice(void)
{
	client_exit(&c, 1);
	client_exit(&c, 1);
}

static void cancel_of_nobody(void)
{
	client_cancel(&c, 7, 1);
}

static void cancel_before_a_call(void)
{
	client_cancel(&c, 1, 0);
}

static void cancel_of_a_later_call(void)
{
	client_cancel(&c, 1, POST(&c, 1, "getuid", NIL) + 1);
}

static void a_reply(void)
{
	send_frame("\x84\x02\x01\x01\x00", 5);
}

static void a_ready(void)
{
	send_frame("\x84\x06\x01\x01\x00", 5);
}

static void an_unknown_message(void)
{
	send_frame("\x82\x18\x63\x01", 4);
}

static void no_cbor(void)
{
	send_frame("\xff", 1);
}

static void an_empty_frame(void)
{
	send_frame("", 0);
}

static void a_frame_over_the_limit(void)
{
	client_send(&c, "\x7f\xff\xff\xff", FRAME_HEAD);
}

static void half_a_frame(void)
{
	client_send(&c, "\0\0\0\7abc", 7);
}

static void half_a_head(void)
{
	client_send(&c, "\0\0", 2);
}

static const struct {
	void (*act)(void);
	const char *line;
	bool is_end; /* of the channel, which the client closes */
} rules[] = {
	{ a_second_hello, "a second HELLO", false },
	{ spawn_of_task_0, "SPAWN of task 0", false },
	{ spawn_twice, "SPAWN of a task that is there", false },
	{ spawn_of_a_child_twice, "SPAWN of a task that is there", false },
	{ spawn_by_nobody, "SPAWN by an unknown parent", false },
	{ spawn_by_itself, "SPAWN by an unknown parent", false },
	{ spawn_sharing_more, "SPAWN shares what is unknown", false },
	{ spawn_too_often, "too many tasks", false },
	{ call_of_nobody, "CALL of an unknown task", false },
	{ call_after_exit, "CALL of an unknown task", false },
	{ call_with_an_old_number, "number does not grow", false },
	{ call_without_a_row, "a call that no row describes", false },
	{ call_with_a_wrong_argument, "an integer argument", false },
	{ call_that_is_too_short, "a call of the wrong length", false },
	{ too_many_calls, "too many frames queued", false },
	{ exit_of_nobody, "EXIT of an unknown task", false },
	{ exit_twice, "EXIT of an unknown task", false },
	{ cancel_of_nobody, "CANCEL of an unknown task", false },
	{ cancel_before_a_call, "CANCEL of a call that was not made", false },
	{ cancel_of_a_later_call, "CANCEL of a call that was not made", false },
	{ a_reply, "a frame that only a server sends", false },
	{ a_ready, "a frame that only a server sends", false },
	{ an_unknown_message, "task 0: ", false },
	{ no_cbor, "task 0: ", false },
	{ an_empty_frame, "an empty frame", false },
	{ a_frame_over_the_limit, "a frame over the limit", false },
	{ half_a_frame, "the channel closed inside a frame", true },
	{ half_a_head, "the channel closed inside a frame", true },
};

START_TEST(a_broken_rule_ends_the_session_with_its_line)
{
	int status;

	client_start(&c, &plain);
	rules[_i].act();
	status = rules[_i].is_end ? client_stop(&c) : client_end(&c);
	ck_assert_msg(strstr(c.text, rules[_i].line) != NULL, "%s: %s",
		      rules[_i].line, c.text);
	ck_assert_int_eq(status, 1);
	ck_assert_ptr_eq(strchr(c.text, '\n'), strrchr(c.text, '\n'));
}
END_TEST

START_TEST(a_frame_before_hello_ends_the_session)
{
	client_fork(&c, &plain, NULL, NULL);
	client_spawn(&c, 1, 0, 0);
	ck_assert_int_eq(client_end(&c), 1);
	ck_assert_ptr_nonnull(strstr(c.text, "a frame before HELLO"));
}
END_TEST

START_TEST(another_version_ends_the_session_with_both_named)
{
	client_fork(&c, &plain, NULL, NULL);
	client_hello(&c, 77, 0);
	ck_assert_int_eq(client_end(&c), 1);
	ck_assert_ptr_nonnull(strstr(c.text, "speaks version 77"));
	ck_assert_ptr_nonnull(strstr(c.text, "install the same rsc on both"));
}
END_TEST

START_TEST(another_table_ends_the_session)
{
	client_fork(&c, &plain, NULL, NULL);
	client_hello(&c, WIRE_VERSION, 1);
	ck_assert_int_eq(client_end(&c), 1);
	ck_assert_ptr_nonnull(strstr(c.text, "another call table"));
}
END_TEST

/* ---- the end ---- */

START_TEST(a_channel_that_just_closes_is_no_error)
{
	client_start(&c, &plain);
	ck_assert_int_eq(CALL(&c, 1, "getuid", NIL), getuid());
	ck_assert_int_eq(client_stop(&c), 0);
	ck_assert_str_eq(c.text, "");
}
END_TEST

/* While a task is blocked, and one that is not leads. */
START_TEST(a_signal_ends_a_session_and_its_counts_are_written)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP };
	const struct server_opts opts = { .count = "counts" };
	char text[256] = "";
	int64_t fifo;
	int i;
	int fd;

	client_start(&c, &opts);
	ck_assert(!mkfifo("fifo", 0666));
	fifo = client_open(&c, 1, "fifo", O_RDWR);
	client_spawn(&c, 2, 1, 0);
	POST(&c, 2, "read", NUM(fifo), ROOM(1), NUM(1));
	client_until_in(&c, "read");
	for (i = 0; i < 3; i++)
		CALL(&c, 1, "getuid", NIL);
	ck_assert(!kill(c.pid, signals[_i]));
	ck_assert_int_eq(client_end(&c), 128 + signals[_i]);
	ck_assert_str_eq(c.text, "");
	fd = open("counts", O_RDONLY | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_gt(read(fd, text, sizeof(text) - 1), 0);
	close(fd);
	ck_assert_str_eq(text, "read 1\nopenat 1\ngetuid 3\n");
}
END_TEST

START_TEST(a_session_with_blocked_tasks_ends)
{
	uint32_t task;
	int64_t fifo;

	client_start(&c, &plain);
	ck_assert(!mkfifo("fifo", 0666));
	fifo = client_open(&c, 1, "fifo", O_RDWR);
	for (task = 2; task < 100; task++) {
		client_spawn(&c, task, 1, task % 4);
		POST(&c, task, "read", NUM(fifo), ROOM(1), NUM(1));
	}
	client_until_in(&c, "read");
	ck_assert_int_eq(client_stop(&c), 0);
	ck_assert_str_eq(c.text, "");
}
END_TEST

/* ---- --read-only ---- */

/* Arguments that are well formed and that no call can do anything with. */
static void bad_values(const struct call *call, struct value *val)
{
	int i;

	for (i = 0; i < CALL_ARGS; i++) {
		switch ((enum arg_kind)call->arg[i].kind) {
		case ARG_FD:
		case ARG_DIRFD:
		case ARG_INT:
			val[i] = NUM(-1);
			break;
		case ARG_UINT:
			val[i] = NUM(INT64_MAX);
			break;
		case ARG_PATH:
		case ARG_STR:
			val[i] = TEXT("");
			break;
		default:
			val[i] = NIL;
			break;
		}
	}
	if (call->of)
		val[call_request_arg(call)] = NUM(call->request);
}

START_TEST(a_row_that_modifies_is_erofs_when_read_only)
{
	const struct server_opts opts = { .read_only = _i % 2 };
	const struct call *call = &call_table[_i / 2];
	struct value val[CALL_ARGS];
	int64_t ret;

	if (!(call->traits & T_MODIFIES) || call_nr(call) == CALL_NO_NR)
		return;
	bad_values(call, val);
	client_start(&c, &opts);
	ret = client_wait(&c, client_post(&c, 1, call->name, val));
	if (opts.read_only)
		ck_assert_msg(ret == -EROFS, "%s: %ld", call->name, (long)ret);
	else
		ck_assert_msg(ret != -EROFS && ret <= 0, "%s: %ld", call->name,
			      (long)ret);
	ck_assert_int_eq(client_stop(&c), 0);
}
END_TEST

START_TEST(a_read_only_session_opens_for_reading_only)
{
	static const struct {
		int flags;
		int64_t ret;
	} opens[] = {
		{ O_WRONLY, -EROFS },		{ O_RDWR, -EROFS },
		{ O_ACCMODE, -EROFS },		{ O_RDONLY | O_TRUNC, -EROFS },
		{ O_RDONLY | O_CREAT, -EROFS }, { O_TMPFILE | O_RDWR, -EROFS },
		{ O_RDONLY | O_APPEND, 0 },	{ O_PATH, 0 },
		{ O_PATH | O_CREAT, 0 },
	};
	const struct server_opts opts = { .read_only = true };
	struct kernel_open_how how = { 0 };
	int64_t ret;
	char *text;
	size_t i;

	sandbox_write("file", "text");
	client_start(&c, &opts);
	for (i = 0; i < sizeof(opens) / sizeof(*opens); i++) {
		ret = client_open(&c, 1, "file", opens[i].flags);
		ck_assert_int_eq(ret < 0 ? ret : 0, opens[i].ret);
		how.flags = opens[i].flags;
		ret = CALL(&c, 1, "openat2", HERE, TEXT("file"),
			   BYTES(&how, sizeof(how)), NUM(sizeof(how)));
		ck_assert_int_eq(ret == -EINVAL || ret >= 0 ? 0 : ret,
				 opens[i].ret);
	}
	ret = client_open(&c, 1, "file", O_RDONLY);
	ck_assert_int_eq(CALL(&c, 1, "read", NUM(ret), ROOM(9), NUM(9)), 4);
	ck_assert_int_eq(CALL(&c, 1, "fchmod", NUM(ret), NUM(0)), -EROFS);
	ck_assert_int_eq(CALL(&c, 1, "write", NUM(ret), BYTES("x", 1), NUM(1)),
			 -EBADF);
	ck_assert_int_eq(client_stop(&c), 0);
	text = sandbox_read("file");
	ck_assert_str_eq(text, "text");
	free(text);
}
END_TEST

START_TEST(a_read_only_session_asks_the_clock_and_the_log_only)
{
	const struct server_opts opts = { .read_only = true };
	struct timex {
		unsigned int modes;
		char rest[204];
	} timex = { 0 };

	client_start(&c, &opts);
	ck_assert_int_ge(CALL(&c, 1, "adjtimex", BYTES(&timex, sizeof(timex))),
			 0);
	timex.modes = 0x4000; /* ADJ_TICK */
	ck_assert_int_eq(CALL(&c, 1, "adjtimex", BYTES(&timex, sizeof(timex))),
			 -EROFS);
	ck_assert_int_eq(CALL(&c, 1, "clock_adjtime", NUM(0),
			      BYTES(&timex, sizeof(timex))),
			 -EROFS);
	ck_assert_int_eq(CALL(&c, 1, "syslog", NUM(5), NIL, NUM(0)), -EROFS);
	ck_assert_int_ne(CALL(&c, 1, "syslog", NUM(10), NIL, NUM(0)), -EROFS);
	ck_assert_int_eq(client_stop(&c), 0);
}
END_TEST

/* ---- --root ---- */

START_TEST(the_root_is_where_paths_begin_and_cannot_be_left)
{
	const struct server_opts opts = { .root = "box" };
	int64_t dir;

	ck_assert(!mkdir("box", 0777) && !mkdir("box/etc", 0777));
	sandbox_write("secret", "s");
	sandbox_write("box/etc/name", "boxed");
	ck_assert(!symlink("/etc/name", "box/top"));
	ck_assert(!symlink("../../../secret", "box/out"));
	client_start(&c, &opts);
	ck_assert_int_ge(client_open(&c, 1, "/etc/name", O_RDONLY), 0);
	ck_assert_int_ge(client_open(&c, 1, "top", O_RDONLY), 0);
	ck_assert_int_eq(client_open(&c, 1, "/secret", O_RDONLY), -ENOENT);
	ck_assert_int_eq(client_open(&c, 1, "../secret", O_RDONLY), -ENOENT);
	ck_assert_int_eq(client_open(&c, 1, "out", O_RDONLY), -ENOENT);
	ck_assert_int_eq(client_open(&c, 1, sandbox_path(), O_RDONLY), -ENOENT);
	dir = client_open(&c, 1, "/", O_RDONLY);
	ck_assert_int_eq(CALL(&c, 1, "openat", NUM(dir), TEXT("../secret"),
			      NUM(0), NUM(0)),
			 -ENOENT);
	ck_assert_int_eq(CALL(&c, 1, "fchdir", NUM(dir)), 0);
	ck_assert_int_eq(CALL(&c, 1, "getcwd", ROOM(64), NUM(64)), 2);
	ck_assert_str_eq((char *)c.req.val[0].data, "/");
	ck_assert_int_eq(CALL(&c, 1, "chroot", TEXT("/etc")), -ENOSYS);
	ck_assert_int_eq(client_stop(&c), 0);
}
END_TEST

START_TEST(a_root_that_is_not_there_ends_the_session_with_a_line)
{
	const struct server_opts opts = { .root = "nothing" };

	client_fork(&c, &opts, NULL, NULL);
	ck_assert_int_eq(client_end(&c), 1);
	ck_assert_ptr_nonnull(strstr(c.text, "cannot make nothing the root"));
}
END_TEST

int main(void)
{
	size_t nrules = sizeof(rules) / sizeof(*rules);
	Suite *suite = suite_create("session");
	TCase *tcase = tcase_create("session");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, sandbox_enter, sandbox_leave);
	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, a_broken_rule_ends_the_session_with_its_line,
			    0, nrules);
	tcase_add_test(tcase, a_frame_before_hello_ends_the_session);
	tcase_add_test(tcase, another_version_ends_the_session_with_both_named);
	tcase_add_test(tcase, another_table_ends_the_session);
	tcase_add_test(tcase, a_channel_that_just_closes_is_no_error);
	tcase_add_loop_test(tcase,
			    a_signal_ends_a_session_and_its_counts_are_written,
			    0, 3);
	tcase_add_test(tcase, a_session_with_blocked_tasks_ends);
	tcase_add_loop_test(tcase, a_row_that_modifies_is_erofs_when_read_only,
			    0, 2 * call_count);
	tcase_add_test(tcase, a_read_only_session_opens_for_reading_only);
	tcase_add_test(tcase,
		       a_read_only_session_asks_the_clock_and_the_log_only);
	tcase_add_test(tcase, the_root_is_where_paths_begin_and_cannot_be_left);
	tcase_add_test(tcase,
		       a_root_that_is_not_there_ends_the_session_with_a_line);
	suite_add_tcase(suite, tcase);

	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
