/* Programs of the server that are kept here: what goes, and what stays. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tracer/cache.h"

#define SIZE 1000
#define LIMIT 1500

static struct cache cache;
static char home[PATH_MAX];

static void setup(void)
{
	strcpy(home, "/tmp/rsc-check-cache-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(home));
	setenv("XDG_CACHE_HOME", home, 1);
	setenv("TMPDIR", home, 1);
	cache = (struct cache){ .limit = LIMIT };
}

static void teardown(void)
{
	char command[PATH_MAX + 16];

	cache_close(&cache);
	snprintf(command, sizeof(command), "rm -rf %s", home);
	ck_assert_int_eq(system(command), 0);
}

/* Keeps SIZE bytes under key. */
static void keep(const char *key, char path[PATH_MAX])
{
	struct cache_file file;
	char bytes[SIZE];

	memset(bytes, key[0], sizeof(bytes));
	ck_assert_int_eq(cache_begin(&cache, key, &file), 0);
	ck_assert_int_eq(cache_add(&file, bytes, sizeof(bytes)), 0);
	ck_assert_int_eq(cache_commit(&cache, &file, path), 0);
}

/* The next run. */
static void again(void)
{
	cache_close(&cache);
	cache = (struct cache){ .limit = LIMIT };
}

/* It was used so many minutes ago. */
static void make_old(const char *path, long minutes)
{
	struct timespec times[2] = { { 0, UTIME_OMIT } };
	char dir[PATH_MAX];

	snprintf(dir, sizeof(dir), "%s", path);
	*strrchr(dir, '/') = 0;
	clock_gettime(CLOCK_REALTIME, &times[1]);
	times[1].tv_sec -= minutes * 60;
	ck_assert_int_eq(utimensat(AT_FDCWD, dir, times, 0), 0);
}

static bool is_there(const char *path)
{
	return !access(path, F_OK);
}

START_TEST(what_is_kept_is_found_by_the_next_run)
{
	char path[PATH_MAX];
	char found[PATH_MAX];

	keep("a", path);
	again();
	ck_assert_int_eq(cache_find(&cache, "a", found), 0);
	ck_assert_str_eq(found, path);
	ck_assert_int_eq(cache_find(&cache, "b", found), -ENOENT);
}
END_TEST

START_TEST(what_was_changed_is_not_found)
{
	char path[PATH_MAX];
	char found[PATH_MAX];
	int fd;

	keep("a", path);
	again();
	fd = open(path, O_WRONLY | O_APPEND);
	ck_assert_int_eq(write(fd, "x", 1), 1);
	close(fd);
	ck_assert_int_eq(cache_find(&cache, "a", found), -ENOENT);
	ck_assert(!is_there(path));
}
END_TEST

START_TEST(what_was_used_least_recently_goes_first)
{
	char path[3][PATH_MAX];
	char found[PATH_MAX];

	keep("a", path[0]);
	keep("b", path[1]);
	again();
	make_old(path[0], 10);
	make_old(path[1], 20);
	keep("c", path[2]);
	ck_assert(is_there(path[0]));
	ck_assert(!is_there(path[1]));
	/* To be found is a use. */
	again();
	make_old(path[2], 30);
	ck_assert_int_eq(cache_find(&cache, "c", found), 0);
	again();
	keep("d", path[1]);
	ck_assert(!is_there(path[0]));
	ck_assert(is_there(path[2]));
}
END_TEST

START_TEST(what_this_run_has_used_stays)
{
	char path[3][PATH_MAX];

	keep("a", path[0]);
	make_old(path[0], 100);
	keep("b", path[1]);
	make_old(path[1], 100);
	keep("c", path[2]);
	ck_assert(is_there(path[0]));
	ck_assert(is_there(path[1]));
	/* Even alone it is larger than the limit. */
	cache.limit = 1;
	keep("d", path[2]);
	ck_assert(is_there(path[0]));
}
END_TEST

START_TEST(what_another_run_is_about_to_use_stays)
{
	char path[3][PATH_MAX];

	keep("a", path[0]);
	keep("b", path[1]);
	again();
	keep("c", path[2]);
	ck_assert(is_there(path[0]));
	ck_assert(is_there(path[1]));
}
END_TEST

START_TEST(the_runs_own_folder_goes_with_it)
{
	char path[2][PATH_MAX];

	/* Nobody has this folder. */
	setenv("XDG_CACHE_HOME", "/proc/none", 1);
	keep("a", path[0]);
	ck_assert_int_eq(strncmp(path[0], home, strlen(home)), 0);
	cache_share(&cache);
	keep("b", path[1]);
	ck_assert(is_there(path[0]));
	ck_assert(is_there(path[1]));
	cache_close(&cache);
	ck_assert(!is_there(path[0]));
	ck_assert(!is_there(path[1]));
}
END_TEST

START_TEST(what_is_given_up_leaves_nothing)
{
	struct cache_file file;
	char found[PATH_MAX];

	ck_assert_int_eq(cache_begin(&cache, "a", &file), 0);
	ck_assert_int_eq(cache_add(&file, "abc", 3), 0);
	ck_assert(is_there(file.name));
	cache_abort(&file);
	ck_assert(!is_there(file.name));
	ck_assert_int_eq(cache_find(&cache, "a", found), -ENOENT);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cache");
	TCase *tc = tcase_create("cache");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, what_is_kept_is_found_by_the_next_run);
	tcase_add_test(tc, what_was_changed_is_not_found);
	tcase_add_test(tc, what_was_used_least_recently_goes_first);
	tcase_add_test(tc, what_this_run_has_used_stays);
	tcase_add_test(tc, what_another_run_is_about_to_use_stays);
	tcase_add_test(tc, the_runs_own_folder_goes_with_it);
	tcase_add_test(tc, what_is_given_up_leaves_nothing);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
