/* Routes: normalisation and which rule decides. */
#include <check.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "tracer/route.h"

static struct routes routes;

static void setup(void)
{
	routes = (struct routes){ 0 };
}

static void teardown(void)
{
	routes_free(&routes);
}

static const struct {
	const char *base;
	const char *path;
	const char *want;
} names[] = {
	{ "/", "a", "/a" },
	{ "/a/b", "../c", "/a/c" },
	{ "/a/b", "../../../..", "/" },
	{ "/a", "/x//y/./z/", "/x/y/z" },
	{ "/a", "", "/a" },
	{ "/", "..", "/" },
	{ "/a/b/c", "./../..", "/a" },
};

START_TEST(normalise)
{
	char out[PATH_MAX];

	ck_assert_int_eq(routes_normalise(names[_i].base, names[_i].path, out),
			 0);
	ck_assert_str_eq(out, names[_i].want);
}
END_TEST

START_TEST(normalise_too_long)
{
	char name[3 * PATH_MAX];
	char out[PATH_MAX];

	memset(name, 'a', sizeof(name));
	name[0] = '/';
	name[sizeof(name) - 1] = 0;
	ck_assert_int_eq(routes_normalise("/", name, out), -ENAMETOOLONG);
	name[PATH_MAX + 1] = 0;
	ck_assert_int_eq(routes_normalise("/", name, out), -ENAMETOOLONG);
}
END_TEST

static const struct {
	const char *path;
	enum side side;
} sides[] = {
	{ "/etc/passwd", SIDE_REMOTE },
	{ "/usr/lib", SIDE_LOCAL },
	{ "/usr/lib/x/y.so", SIDE_LOCAL },
	{ "/usr/libexec", SIDE_REMOTE },
	{ "/root", SIDE_DENY },
	{ "/root/.ssh/id", SIDE_DENY },
	{ "/etc/ld.so.preload", SIDE_MISSING },
	{ "/home/a/key", SIDE_LOCAL },
	{ "/home/a/b/key", SIDE_REMOTE },
	{ "/dev/null", SIDE_LOCAL },
	{ "/dev/pts/3", SIDE_LOCAL },
	{ "/dev/sda", SIDE_REMOTE },
};

static void some_rules(void)
{
	ck_assert_int_eq(routes_add(&routes, "local", "/usr/lib/**"), 0);
	ck_assert_int_eq(routes_add(&routes, "deny", "/root/**"), 0);
	ck_assert_int_eq(routes_add(&routes, "missing", "/etc/ld.so.preload"),
			 0);
	ck_assert_int_eq(routes_add(&routes, "local", "/home/*/key"), 0);
	ck_assert_int_eq(routes_add_builtin(&routes), 0);
}

START_TEST(side)
{
	some_rules();
	ck_assert_int_eq(routes_side(&routes, sides[_i].path, NULL, NULL),
			 sides[_i].side);
}
END_TEST

START_TEST(first_match_wins)
{
	const struct route *rule;

	ck_assert_int_eq(routes_add(&routes, "remote", "/dev/null"), 0);
	ck_assert_int_eq(routes_add_builtin(&routes), 0);
	ck_assert_int_eq(routes_side(&routes, "/dev/null", NULL, &rule),
			 SIDE_REMOTE);
	ck_assert(!rule->builtin);
	ck_assert_int_eq(routes_side(&routes, "/dev/zero", NULL, &rule),
			 SIDE_LOCAL);
	ck_assert(rule->builtin);
}
END_TEST

START_TEST(map)
{
	char out[PATH_MAX];

	ck_assert_int_eq(routes_add(&routes, "map", "/data => /srv/data"), 0);
	ck_assert_int_eq(routes_side(&routes, "/data/x", out, NULL),
			 SIDE_REMOTE);
	ck_assert_str_eq(out, "/srv/data/x");
	routes_side(&routes, "/data", out, NULL);
	ck_assert_str_eq(out, "/srv/data");
	routes_side(&routes, "/database", out, NULL);
	ck_assert_str_eq(out, "/database");
}
END_TEST

START_TEST(bad_rules)
{
	ck_assert_int_eq(routes_add(&routes, "local", "etc"), -EINVAL);
	ck_assert_int_eq(routes_add(&routes, "lokal", "/etc"), -EINVAL);
	ck_assert_int_eq(routes_add(&routes, "map", "/a"), -EINVAL);
	ck_assert_int_eq(routes_add(&routes, "map", "/a => b"), -EINVAL);
	ck_assert_uint_eq(routes.count, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("route");
	TCase *tc = tcase_create("route");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, normalise, 0, sizeof(names) / sizeof(*names));
	tcase_add_test(tc, normalise_too_long);
	tcase_add_loop_test(tc, side, 0, sizeof(sides) / sizeof(*sides));
	tcase_add_test(tc, first_match_wins);
	tcase_add_test(tc, map);
	tcase_add_test(tc, bad_rules);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
