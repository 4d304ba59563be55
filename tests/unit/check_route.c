/* Routes: normalisation and which rule decides. */
#include <check.h>
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
	ck_assert(rule->origin != RULE_BUILTIN);
	ck_assert_int_eq(routes_side(&routes, "/dev/zero", NULL, &rule),
			 SIDE_LOCAL);
	ck_assert(rule->origin == RULE_BUILTIN);
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

static const struct {
	const char *rule;
	const char *path;
	const char *want;
} maps[] = {
	{ "/ => /srv", "/etc/passwd", "/srv/etc/passwd" },
	{ "/ => /srv/", "/", "/srv/" },
	{ "/data/ => /srv/data/", "/data/x", "/srv/data/x" },
	{ "/data/ => /srv", "/data", "/srv" },
	{ "/data/ => /srv", "/database", "/database" },
	{ "/data => /", "/data/x/y", "/x/y" },
	{ "/data => /", "/data", "/" },
	{ "/data=>/srv", "/data/..x", "/srv/..x" },
};

START_TEST(map_of_slashes)
{
	char out[PATH_MAX];

	ck_assert_int_eq(routes_add(&routes, "map", maps[_i].rule), 0);
	routes_side(&routes, maps[_i].path, out, NULL);
	ck_assert_str_eq(out, maps[_i].want);
}
END_TEST

START_TEST(patterns_longer_than_any_path)
{
	static char text[3 * PATH_MAX];
	const struct route *rule;

	memset(text, 'x', PATH_MAX - 1);
	text[0] = '/';
	ck_assert_int_eq(routes_add(&routes, "local", text), 0);
	memcpy(text + PATH_MAX - 4, "/**", 3);
	ck_assert_int_eq(routes_add(&routes, "deny", text), 0);
	ck_assert_int_eq(routes_side(&routes, "/etc", NULL, &rule),
			 SIDE_REMOTE);
	ck_assert_ptr_null(rule);
	text[PATH_MAX - 1] = 'x';
	ck_assert_int_eq(routes_add(&routes, "local", text), -EINVAL);
	ck_assert_int_eq(routes_add(&routes, "map", text), -EINVAL);
	memset(text, 'x', PATH_MAX + 9);
	memcpy(text, "/a => /", 7);
	ck_assert_int_eq(routes_add(&routes, "map", text), -EINVAL);
	ck_assert_uint_eq(routes.count, 2);
}
END_TEST

static char rules_file[] = "/tmp/check_route.XXXXXX";

static int read_rules(const char *text, size_t len, unsigned int *line)
{
	int fd = mkstemp(rules_file);
	int err;

	ck_assert_int_eq(write(fd, text, len), (ssize_t)len);
	close(fd);
	err = routes_read(&routes, rules_file, line);
	unlink(rules_file);
	return err;
}

START_TEST(a_file_of_rules)
{
	static const char text[] = "# comment\n"
				   "\n"
				   " \t\n"
				   "local /a   # on this side\n"
				   "\tdeny\t/b#c\t# a name with a sign\r\n"
				   "map /d e => /f g\n"
				   "missing /h";
	char out[PATH_MAX];
	unsigned int line;

	ck_assert_int_eq(read_rules(text, sizeof(text) - 1, &line), 0);
	ck_assert_uint_eq(routes.count, 4);
	ck_assert_int_eq(routes_side(&routes, "/a", NULL, NULL), SIDE_LOCAL);
	ck_assert_int_eq(routes_side(&routes, "/b", NULL, NULL), SIDE_REMOTE);
	ck_assert_int_eq(routes_side(&routes, "/b#c", NULL, NULL), SIDE_DENY);
	ck_assert_int_eq(routes_side(&routes, "/h", NULL, NULL), SIDE_MISSING);
	routes_side(&routes, "/d e/x", out, NULL);
	ck_assert_str_eq(out, "/f g/x");
}
END_TEST

START_TEST(a_wrong_line_is_named)
{
	unsigned int line = 0;

	ck_assert_int_eq(read_rules("local /a\n#\nlocal b\nlocal /c", 26,
				    &line),
			 -EINVAL);
	ck_assert_uint_eq(line, 3);
}
END_TEST

START_TEST(a_line_with_a_nul_is_wrong)
{
	unsigned int line = 0;

	ck_assert_int_eq(read_rules("local /a\0b\n", 11, &line), -EINVAL);
	ck_assert_uint_eq(line, 1);
}
END_TEST

START_TEST(a_line_longer_than_any_path_is_wrong_as_a_whole)
{
	static char text[4 * PATH_MAX];
	unsigned int line = 0;

	memset(text, ' ', sizeof(text));
	memcpy(text, "local /", 7);
	memset(text + 7, 'x', 2 * PATH_MAX);
	memcpy(text + 2 * PATH_MAX, "\tlocal /", 8);
	ck_assert_int_eq(read_rules(text, sizeof(text), &line), -EINVAL);
	ck_assert_uint_eq(line, 1);
	ck_assert_uint_eq(routes.count, 0);
}
END_TEST

START_TEST(a_file_that_cannot_be_read)
{
	unsigned int line;

	ck_assert_int_eq(routes_read(&routes, "/no/such/file", &line), -ENOENT);
	ck_assert_int_eq(routes_read(&routes, "/", &line), -EISDIR);
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

static const struct {
	const char *pattern;
	const char *address;
	bool matches;
} addresses[] = {
	{ "127.0.0.1:80", "127.0.0.1:80", true },
	{ "127.0.0.1:80", "127.0.0.1:81", false },
	{ "127.0.0.1:80", "127.0.0.2:80", false },
	{ "127.0.0.1:*", "127.0.0.1:65535", true },
	{ "127.0.0.1:*", "[::1]:80", false },
	{ "10.0.0.0/8:*", "10.255.1.2:3", true },
	{ "10.0.0.0/8:*", "11.0.0.0:3", false },
	{ "10.32.0.0/11:*", "10.63.0.0:3", true },
	{ "10.32.0.0/11:*", "10.64.0.0:3", false },
	{ "1.2.3.4/0:7", "200.1.1.1:7", true },
	{ "1.2.3.4/0:7", "[::1]:7", false },
	{ "*:7", "[::1]:7", true },
	{ "*:7", "1.1.1.1:8", false },
	{ "*:7", "@7", false },
	{ "*:*", "0.0.0.0:0", true },
	{ "*:10-20", "1.1.1.1:10", true },
	{ "*:10-20", "1.1.1.1:20", true },
	{ "*:10-20", "1.1.1.1:21", false },
	{ "[::1]:80", "[::1]:80", true },
	{ "[fe80::]/10:*", "[febf::1]:1", true },
	{ "[fe80::]/10:*", "[fec0::1]:1", false },
	{ "127.0.0.1:80", "[::ffff:127.0.0.1]:80", true },
	{ "[::]/0:80", "[::ffff:127.0.0.1]:80", false },
	{ "@name", "@name", true },
	{ "@name", "@names", false },
	{ "@/tmp/.X11-unix/*", "@/tmp/.X11-unix/X0", true },
};

START_TEST(an_address_matches)
{
	const struct route *rule;
	struct sockaddr_storage sa;
	socklen_t len;

	ck_assert_int_eq(routes_add(&routes, "local", addresses[_i].pattern),
			 0);
	ck_assert(address_make(addresses[_i].address, &sa, &len));
	ck_assert_msg(routes_address(&routes, (void *)&sa, len, &rule) ==
			      (addresses[_i].matches ? SIDE_LOCAL :
						       SIDE_REMOTE),
		      "%s and %s", addresses[_i].pattern,
		      addresses[_i].address);
	ck_assert(!rule == !addresses[_i].matches);
	/* Not a byte of it may be missing. */
	while (len-- > 0)
		if (addresses[_i].address[0] != '@' &&
		    len < sizeof(struct sockaddr_in))
			ck_assert_int_eq(routes_address(&routes, (void *)&sa,
							len, &rule),
					 SIDE_REMOTE);
	ck_assert_int_eq(routes_side(&routes, "/name", NULL, &rule),
			 SIDE_REMOTE);
}
END_TEST

static const char *const no_address[] = {
	"",
	":",
	"80",
	":80",
	"1.2.3.4",
	"1.2.3.4:",
	"1.2.3:80",
	"1.2.3.4:65536",
	"1.2.3.4:-1",
	"1.2.3.4:+1",
	"1.2.3.4:1-",
	"1.2.3.4:2-1",
	"1.2.3.4:1x",
	"1.2.3.4/33:1",
	"1.2.3.4/:1",
	"1.2.3.4/8x:1",
	"::1:80",
	"[::1]80",
	"[::1/8]:80",
	"[::1]/129:80",
	"localhost:1",
	"*/8:1",
	"1.2.3.4:*-2",
	"@",
	"[]:1",
	"[1.2.3.4]:1",
	"* :1",
	"1.2.3.4:99999999999999",
};

START_TEST(what_is_no_address)
{
	ck_assert_msg(routes_add(&routes, "local", no_address[_i]) == -EINVAL,
		      "%s", no_address[_i]);
	ck_assert_uint_eq(routes.count, 0);
}
END_TEST

START_TEST(the_first_rule_decides_about_an_address)
{
	const struct route *rule;
	struct sockaddr_storage sa;
	socklen_t len;

	ck_assert_int_eq(routes_add(&routes, "remote", "10.0.0.1:*"), 0);
	ck_assert_int_eq(routes_add(&routes, "deny", "10.0.0.0/8:22"), 0);
	ck_assert_int_eq(routes_add(&routes, "missing", "*:23"), 0);
	ck_assert_int_eq(routes_add(&routes, "map", "10.0.0.1:1=>1.1.1.1:1"),
			 -EINVAL);
	ck_assert(address_make("10.0.0.1:22", &sa, &len));
	ck_assert_int_eq(routes_address(&routes, (void *)&sa, len, &rule),
			 SIDE_REMOTE);
	ck_assert_ptr_eq(rule, &routes.rule[0]);
	ck_assert(address_make("10.0.0.2:22", &sa, &len));
	ck_assert_int_eq(routes_address(&routes, (void *)&sa, len, &rule),
			 SIDE_DENY);
	ck_assert(address_make("[::1]:23", &sa, &len));
	ck_assert_int_eq(routes_address(&routes, (void *)&sa, len, &rule),
			 SIDE_MISSING);
	/* Links do not matter to them. */
	ck_assert(!routes.strict);
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
	tcase_add_loop_test(tc, map_of_slashes, 0,
			    sizeof(maps) / sizeof(*maps));
	tcase_add_test(tc, patterns_longer_than_any_path);
	tcase_add_test(tc, a_file_of_rules);
	tcase_add_test(tc, a_wrong_line_is_named);
	tcase_add_test(tc, a_line_with_a_nul_is_wrong);
	tcase_add_test(tc, a_line_longer_than_any_path_is_wrong_as_a_whole);
	tcase_add_test(tc, a_file_that_cannot_be_read);
	tcase_add_test(tc, bad_rules);
	tcase_add_loop_test(tc, an_address_matches, 0,
			    sizeof(addresses) / sizeof(*addresses));
	tcase_add_loop_test(tc, what_is_no_address, 0,
			    sizeof(no_address) / sizeof(*no_address));
	tcase_add_test(tc, the_first_rule_decides_about_an_address);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
