/* The grammar of --filter. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tracer/select.h"

static bool *set;
static char err[512];

static void setup(void)
{
	set = calloc(SELECT_IDS, sizeof(*set));
	ck_assert_ptr_nonnull(set);
}

static void teardown(void)
{
	free(set);
}

static bool has(const char *name)
{
	const struct call *call = call_by_name(name);

	ck_assert_msg(call, "no row %s", name);
	return set[call->id];
}

static size_t size(void)
{
	size_t n = 0;

	for (size_t i = 0; i < SELECT_IDS; i++)
		n += set[i];
	return n;
}

/* Every row that can be forwarded. */
static size_t most(void)
{
	size_t n = 0;

	for (size_t i = 0; i < call_count; i++)
		n += select_can_forward(&call_table[i]);
	return n;
}

static void select_ok(const char *spec)
{
	int ret = select_calls(set, spec, true, err, sizeof(err));

	ck_assert_msg(ret == 0, "%s: %s", spec, err);
}

/* Refused, and the text holds each of the words. */
static void refused(const char *spec, const char *word, const char *advice)
{
	int ret = select_calls(set, spec, true, err, sizeof(err));

	ck_assert_msg(ret == -EINVAL, "%s was taken", spec);
	ck_assert_msg(strstr(err, word) && strstr(err, advice),
		      "%s: the error says '%s'", spec, err);
}

START_TEST(names)
{
	select_ok("read,lseek");
	ck_assert(has("read") && has("lseek") && !has("write"));
	ck_assert_uint_eq(size(), 2);
	select_ok("read,");
	ck_assert_uint_eq(size(), 1);
}
END_TEST

START_TEST(last_one_decides)
{
	select_ok("read");
	select_ok("write");
	ck_assert(has("write") && !has("read"));
}
END_TEST

START_TEST(all_and_none)
{
	select_ok("all");
	ck_assert_uint_eq(size(), most());
	select_ok("read,all");
	ck_assert_uint_eq(size(), most());
	select_ok("none");
	ck_assert_uint_eq(size(), 0);
	select_ok("!none");
	ck_assert_uint_eq(size(), most());
	select_ok("!all");
	ck_assert_uint_eq(size(), 0);
	/* strace takes none alone only. */
	refused("none,read", "none", "rsc syscalls");
}
END_TEST

START_TEST(inversion)
{
	select_ok("!read,uname");
	ck_assert(!has("read") && !has("uname") && has("write"));
	ck_assert_uint_eq(size(), most() - 2);
	select_ok("!!read");
	ck_assert(has("read"));
	ck_assert_uint_eq(size(), 1);
	/* Only in front of everything, as in strace. */
	refused("read,!write", "!write", "rsc syscalls");
	refused("!", "empty", "none");
	/* What cannot be forwarded may be taken out. */
	select_ok("!getpid,io_uring_setup");
	ck_assert_uint_eq(size(), most());
}
END_TEST

START_TEST(ignored_when_unknown)
{
	select_ok("?no_such_call,read");
	ck_assert_uint_eq(size(), 1);
	select_ok("?%no_such_set,?/no_such_call,??nor_this");
	ck_assert_uint_eq(size(), 0);
	refused("no_such_call", "no_such_call", "?no_such_call");
	refused("%no_such_set", "%no_such_set", "%desc");
	refused("/no_such_call", "/no_such_call", "rsc syscalls");
}
END_TEST

START_TEST(classes)
{
	for (size_t i = 0; i < call_count; i++) {
		const struct call *call = &call_table[i];

		select_ok("%file");
		ck_assert_msg(set[call->id] == (select_can_forward(call) &&
						(call->classes & C_FILE)),
			      "%s", call->name);
	}
	select_ok("file,desc");
	ck_assert(has("openat") && has("read") && !has("uname"));
	select_ok("%clock");
	ck_assert(has("time") && has("clock_gettime") && !has("read"));
	select_ok("%net,%creds,%stat,%process,%memory,%ipc,%network");
	ck_assert(has("getuid") && has("newfstatat") && has("mmap"));
	/* Newer sets have no spelling without their %. */
	refused("net", "net", "rsc syscalls");
	refused("clock", "clock", "rsc syscalls");
}
END_TEST

START_TEST(expressions)
{
	select_ok("/^(read|write)v?$");
	ck_assert(has("read") && has("readv") && has("writev"));
	ck_assert_uint_eq(size(), 4);
	/* Elders have names too, and unforwardable ones do no harm. */
	select_ok("/^creat$");
	ck_assert(has("openat"));
	select_ok("/^e");
	ck_assert(has("epoll_ctl") && !has("eventfd2"));
	refused("/(", "/(", "regex(7)");
	refused("/^getpid$", "getpid", "leave it out");
}
END_TEST

/* Old name, canonical name, later edition: one thing. */
static const char *const kin[][3] = {
	{ "open", "openat", "openat2" },
	{ "creat", "openat", "openat2" },
	{ "openat", "openat", "openat2" },
	{ "stat", "newfstatat", "statx" },
	{ "lstat", "newfstatat", "statx" },
	{ "newfstatat", "newfstatat", "statx" },
	{ "statx", "newfstatat", "statx" },
	{ "access", "faccessat", "faccessat2" },
	{ "chmod", "fchmodat", "fchmodat2" },
	{ "rename", "renameat", "renameat2" },
	{ "renameat", "renameat", "renameat2" },
	{ "getdents", "getdents", "getdents64" },
	{ "pread", "pread64", "pread64" },
	{ "preadv", "preadv", "preadv2" },
	{ "dup", "dup2", "dup3" },
	{ "accept", "accept", "accept4" },
	{ "unlink", "unlinkat", "unlinkat" },
};

START_TEST(families)
{
	const char *const *row = kin[_i];

	select_ok(row[0]);
	for (int i = 1; i < 3; i++)
		ck_assert_msg(has(row[i]) ==
				      select_can_forward(call_by_name(row[i])),
			      "%s does not select %s", row[0], row[i]);
	ck_assert(!has("uname") && !has("read") && !has("fstat"));
	ck_assert_uint_le(size(), 4);
}
END_TEST

START_TEST(numbers_and_abis)
{
	char spec[32];
	char first[512];

	snprintf(spec, sizeof(spec), "%d", call_nr(call_by_name("read")));
	select_ok(spec);
	ck_assert(has("read"));
	ck_assert_uint_eq(size(), 1);
	refused("9999", "9999", "rsc syscalls");
	refused("0x1", "0x1", "rsc syscalls");
	select_ok("read@64");
	ck_assert(has("read"));
	refused("read@32", "read@32", "@64");
	memcpy(first, err, sizeof(first));
	refused("read@x32", "read@x32", "@64");
	ck_assert_str_ne(first, err);
}
END_TEST

/* Every row, by its name: selected, or refused with its reason. */
START_TEST(every_row)
{
	const struct call *call = &call_table[_i];

	if (select_can_forward(call)) {
		select_ok(call->name);
		ck_assert(set[call->id]);
		return;
	}
	refused(call->name, call->name, "leave it out");
	if (call->why)
		ck_assert_msg(strstr(err, call->why), "%s", err);
	/* A tracing set may name it. */
	ck_assert_int_eq(select_calls(set, call->name, false, err, sizeof(err)),
			 0);
	ck_assert(set[call->id]);
}
END_TEST

START_TEST(empty)
{
	refused("", "empty", "none");
	refused(",", "empty", "none");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("filter");
	TCase *grammar = tcase_create("grammar");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(grammar, setup, teardown);
	tcase_add_test(grammar, names);
	tcase_add_test(grammar, last_one_decides);
	tcase_add_test(grammar, all_and_none);
	tcase_add_test(grammar, inversion);
	tcase_add_test(grammar, ignored_when_unknown);
	tcase_add_test(grammar, classes);
	tcase_add_test(grammar, expressions);
	tcase_add_loop_test(grammar, families, 0,
			    (int)(sizeof(kin) / sizeof(*kin)));
	tcase_add_test(grammar, numbers_and_abis);
	tcase_add_loop_test(grammar, every_row, 0, (int)call_count);
	tcase_add_test(grammar, empty);
	suite_add_tcase(suite, grammar);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
