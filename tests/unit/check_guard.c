/*
 * The guard of /proc: no spelling of a path, and no call, reaches into the
 * process of a session or of its listener, while other processes and the
 * rest of /proc stay in reach.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "call/types.h"
#include "client.h"
#include "sandbox.h"

static const struct server_opts plain;
static struct client c;
static pid_t other; /* a process that is not rsc's */

/*
 * cat, with descriptor 109 on the folder of the session in /proc, 108 on /proc
 * and its working directory at /.
 */
static void start_other(void)
{
	char path[64];
	int pipes[2];
	int dir;

	ck_assert(!pipe2(pipes, O_CLOEXEC));
	other = fork();
	ck_assert_int_ge(other, 0);
	if (!other) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(pipes[0], 0);
		snprintf(path, sizeof(path), "/proc/%d", c.pid);
		dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		dup2(dir, 109);
		dir = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		dup2(dir, 108);
		if (chdir("/"))
			_exit(1);
		execlp("cat", "cat", (char *)NULL);
		_exit(127);
	}
	close(pipes[0]);
	/* It runs cat when its end of the pipe was closed by the exec. */
	snprintf(path, sizeof(path), "/proc/%d/exe", other);
	for (;;) {
		struct stat own;
		struct stat st;

		ck_assert(!stat("/proc/self/exe", &own));
		ck_assert(!stat(path, &st));
		if (st.st_ino != own.st_ino || st.st_dev != own.st_dev)
			break;
		sched_yield();
	}
}

static void set_up(void)
{
	sandbox_enter();
	client_start(&c, &plain);
	start_other();
}

static void tear_down(void)
{
	kill(other, SIGKILL);
	ck_assert_int_eq(waitpid(other, NULL, 0), other);
	ck_assert_int_eq(client_stop(&c), 0);
	sandbox_leave();
}

/* Fills in S session, L listener, O the other process, T the sandbox. */
static const char *expand(const char *pattern)
{
	static char text[4][1024];
	static unsigned int turn;
	char *path = text[turn++ % 4];
	size_t len = 0;

	for (; *pattern; pattern++) {
		if (*pattern == 'S')
			len += sprintf(path + len, "%d", c.pid);
		else if (*pattern == 'L')
			len += sprintf(path + len, "%d", getpid());
		else if (*pattern == 'O')
			len += sprintf(path + len, "%d", other);
		else if (*pattern == 'T')
			len += sprintf(path + len, "%s", sandbox_path());
		else
			path[len++] = *pattern;
	}
	path[len] = '\0';
	return path;
}

/* Each is something inside an rsc process's folder. */
static const char *const inside[] = {
	"/proc/self/mem",
	"/proc/self/maps",
	"/proc/self/environ",
	"/proc/self/status",
	"/proc/self/fd",
	"/proc/self/fd/0",
	"/proc/self/fd/3",
	"/proc/self/fdinfo/3",
	"/proc/self/exe",
	"/proc/self/cwd",
	"/proc/self/root",
	"/proc/self/root/etc",
	"/proc/self/cwd/file",
	"/proc/self/ns/mnt",
	"/proc/self/task",
	"/proc/self/net/dev",
	"/proc/self//mounts",
	"/proc/thread-self/mounts",
	"/proc/self/fdinfo/0",
	"/proc/self/task/S/mem",
	"/proc/thread-self/mem",
	"/proc/thread-self/fd/3",
	"/proc/thread-self/root",
	"/proc/S/mem",
	"/proc/S/maps",
	"/proc/S/fd/3",
	"/proc/S/exe",
	"/proc/S/root/etc",
	"/proc/S/task/S/mem",
	"/proc/S/net/dev",
	"/proc/L/mem",
	"/proc/L/fd/0",
	"/proc/L/root",
	"/proc/L/root/proc/L/mem",
	"/proc/L/task/L/maps",
	"//proc//self///mem",
	"/proc/./self/./mem",
	"/proc/sys/../self/mem",
	"/proc/../proc/self/mem",
	"/proc/self/../self/mem",
	"/proc/O/../S/mem",
	"/proc/O/../self/mem",
	"/proc/self/root/proc/self/mem",
	"/proc/self/cwd/../../proc/self/mem",
	"/proc/O/root/proc/self/mem",
	"/proc/O/root/proc/S/mem",
	"/proc/O/cwd/proc/S/mem",
	"/proc/O/cwd/proc/L/fd/0",
	"/proc/O/fd/109/mem",
	"/proc/O/fd/109/fd/3",
	"/proc/O/fd/108/self/mem",
	"/proc/O/fd/108/S/mem",
	"/proc/O/fd/108/O/fd/109/mem",
	"/proc/O/task/O/root/proc/S/mem",
	"/dev/fd/3",
	"/dev/fd",
	"/dev/stdin",
	"/dev/stdout",
	"/dev/stderr",
	"T/self/mem",
	"T/session/mem",
	"T/mem",
	"T/chain",
	"T/relative/self/mem",
	"T/magic/proc/S/mem",
	"T/fd9/mem",
};

static void make_links(void)
{
	ck_assert(!symlink("/proc/self", "self"));
	ck_assert(!symlink(expand("/proc/S"), "session"));
	ck_assert(!symlink(expand("/proc/S/mem"), "mem"));
	ck_assert(!symlink("mem", "chain"));
	ck_assert(!symlink("../../proc", "relative"));
	ck_assert(!symlink(expand("/proc/O/root"), "magic"));
	ck_assert(!symlink(expand("/proc/O/fd/109"), "fd9"));
	sandbox_write("file", "x");
}

/* Refused, and not because nothing is there. */
#define REFUSED(what, path)                                                    \
	do {                                                                   \
		int64_t ret_ = (what);                                         \
		ck_assert_msg(ret_ == -EACCES, "%s: %s: %ld", #what, path,     \
			      (long)ret_);                                     \
	} while (0)

START_TEST(an_open_never_reaches_inside)
{
	static const int flags[] = { O_RDONLY,
				     O_RDWR,
				     O_PATH,
				     O_WRONLY,
				     O_RDONLY | O_DIRECTORY,
				     O_RDONLY | O_CREAT };
	struct kernel_open_how how = { 0 };
	const char *path;
	size_t i;

	make_links();
	path = expand(inside[_i]);
	for (i = 0; i < sizeof(flags) / sizeof(*flags); i++) {
		REFUSED(client_open(&c, 1, path, flags[i]), path);
		how.flags = flags[i];
		REFUSED(CALL(&c, 1, "openat2", HERE, TEXT(path),
			     BYTES(&how, sizeof(how)), NUM(sizeof(how))),
			path);
	}
}
END_TEST

/* What is mounted is no secret, and nothing else comes of it. */
START_TEST(what_is_mounted_is_read_only)
{
	static const char *const names[] = { "/proc/self/mounts",
					     "/proc/self/mountinfo",
					     "/proc/self/mountstats" };
	int64_t fd;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		fd = client_open(&c, 1, names[i], O_RDONLY);
		ck_assert_int_ge(fd, 0);
		REFUSED(client_open(&c, 1, names[i], O_RDWR), names[i]);
		REFUSED(client_open(&c, 1, names[i], O_WRONLY), names[i]);
		REFUSED(client_open(&c, 1, names[i], O_PATH), names[i]);
		ck_assert_int_lt(CALL(&c, 1, "openat", NUM(fd), TEXT("../mem"),
				      NUM(O_RDONLY), NUM(0)),
				 0);
	}
}
END_TEST

/* Each restriction of the resolution only ever makes it stricter. */
START_TEST(no_restriction_of_an_open_helps)
{
	static const uint64_t resolve[] = {
		RESOLVE_NO_XDEV, RESOLVE_NO_MAGICLINKS, RESOLVE_NO_SYMLINKS,
		RESOLVE_BENEATH, RESOLVE_IN_ROOT,	RESOLVE_CACHED,
	};
	struct kernel_open_how how = { 0 };
	const char *path;
	int64_t root;
	int64_t ret;
	size_t i;

	make_links();
	path = expand(inside[_i]);
	root = client_open(&c, 1, "/", O_PATH);
	for (i = 0; i < sizeof(resolve) / sizeof(*resolve); i++) {
		how.resolve = resolve[i];
		ret = CALL(&c, 1, "openat2", NUM(root), TEXT(path + 1),
			   BYTES(&how, sizeof(how)), NUM(sizeof(how)));
		ck_assert_msg(ret < 0, "%s with 0x%lx: %ld", path,
			      (unsigned long)resolve[i], (long)ret);
		ret = CALL(&c, 1, "openat2", NUM(root), TEXT(path),
			   BYTES(&how, sizeof(how)), NUM(sizeof(how)));
		ck_assert_msg(ret < 0, "%s with 0x%lx: %ld", path,
			      (unsigned long)resolve[i], (long)ret);
	}
}
END_TEST

START_TEST(no_call_by_path_reaches_inside)
{
	int64_t times[4] = { 0 };
	const char *path;
	int64_t watch;

	make_links();
	path = expand(inside[_i]);
	REFUSED(CALL(&c, 1, "chdir", TEXT(path)), path);
	REFUSED(CALL(&c, 1, "truncate", TEXT(path), NUM(0)), path);
	REFUSED(CALL(&c, 1, "faccessat", HERE, TEXT(path), NUM(R_OK)), path);
	REFUSED(CALL(&c, 1, "faccessat2", HERE, TEXT(path), NUM(R_OK), NUM(0)),
		path);
	REFUSED(CALL(&c, 1, "fchmodat", HERE, TEXT(path), NUM(0777)), path);
	REFUSED(CALL(&c, 1, "fchownat", HERE, TEXT(path), NUM(0), NUM(0),
		     NUM(0)),
		path);
	REFUSED(CALL(&c, 1, "utimensat", HERE, TEXT(path),
		     BYTES(times, sizeof(times)), NUM(0)),
		path);
	REFUSED(CALL(&c, 1, "linkat", HERE, TEXT(path), HERE, TEXT("new"),
		     NUM(AT_SYMLINK_FOLLOW)),
		path);
	REFUSED(CALL(&c, 1, "setxattr", TEXT(path), TEXT("user.x"),
		     BYTES("1", 1), NUM(1), NUM(0)),
		path);
	REFUSED(CALL(&c, 1, "getxattr", TEXT(path), TEXT("user.x"), ROOM(8),
		     NUM(8)),
		path);
	REFUSED(CALL(&c, 1, "listxattr", TEXT(path), ROOM(8), NUM(8)), path);
	watch = CALL(&c, 1, "inotify_init1", NUM(0));
	ck_assert_int_ge(watch, 0);
	REFUSED(CALL(&c, 1, "inotify_add_watch", NUM(watch), TEXT(path),
		     NUM(0xfff)),
		path);
}
END_TEST

/* What does not follow a link at the end, for links that are inside. */
static const char *const links[] = {
	"/proc/self/exe",     "/proc/self/cwd",
	"/proc/self/root",    "/proc/self/fd/3",
	"/proc/self/fd/0",    "/proc/thread-self/fd/3",
	"/proc/S/exe",	      "/proc/S/fd/3",
	"/proc/L/exe",	      "/proc/O/root/proc/S/exe",
	"/proc/O/fd/109/exe", "T/self/exe",
};

START_TEST(a_link_inside_is_not_read)
{
	struct kernel_open_how how = { .flags = O_PATH | O_NOFOLLOW };
	const char *path;

	make_links();
	path = expand(links[_i]);
	REFUSED(CALL(&c, 1, "readlinkat", HERE, TEXT(path), ROOM(64), NUM(64)),
		path);
	REFUSED(CALL(&c, 1, "newfstatat", HERE, TEXT(path), ROOM(0),
		     NUM(AT_SYMLINK_NOFOLLOW)),
		path);
	REFUSED(CALL(&c, 1, "openat2", HERE, TEXT(path),
		     BYTES(&how, sizeof(how)), NUM(sizeof(how))),
		path);
	REFUSED(CALL(&c, 1, "linkat", HERE, TEXT(path), HERE, TEXT("new"),
		     NUM(0)),
		path);
}
END_TEST

START_TEST(a_directory_handle_leads_no_further_than_a_path)
{
	static const char *const names[] = {
		"self/mem",	     "S/mem",	   "L/mem",
		"thread-self/mem",   "./self/mem", "sys/../self/mem",
		"O/root/proc/S/mem", "O/../S/mem", "../proc/S/mem",
		"O/fd/109/mem",
	};
	char named[256];
	const char *path;
	int64_t dir;

	path = expand(names[_i % 10]);
	dir = client_open(&c, 1, "/proc",
			  _i < 10 ? O_PATH : O_RDONLY | O_DIRECTORY);
	ck_assert_int_ge(dir, 0);
	REFUSED(CALL(&c, 1, "openat", NUM(dir), TEXT(path), NUM(O_RDWR),
		     NUM(0)),
		path);
	REFUSED(CALL(&c, 1, "newfstatat", NUM(dir), TEXT(path), ROOM(0),
		     NUM(0)),
		path);
	snprintf(named, sizeof(named), "/proc/self/fd/%d/%s", (int)dir, path);
	REFUSED(client_open(&c, 1, named, O_RDWR), named);
	REFUSED(CALL(&c, 1, "truncate", TEXT(named), NUM(0)), named);
	ck_assert_int_eq(CALL(&c, 1, "fchdir", NUM(dir)), 0);
	REFUSED(client_open(&c, 1, path, O_RDWR), path);
	ck_assert_int_eq(CALL(&c, 1, "chdir", TEXT("sys")), 0);
	ck_assert_int_eq(CALL(&c, 1, "chdir", TEXT("..")), 0);
	REFUSED(client_open(&c, 1, path, O_RDWR), path);
}
END_TEST

START_TEST(other_processes_and_the_rest_of_proc_stay_in_reach)
{
	static const char *const open[] = {
		"/proc/uptime",
		"/proc/mounts",
		"/proc/net/dev",
		"/proc/sys/kernel/hostname",
		"/proc/O/status",
		"/proc/O/maps",
		"/proc/O/mem",
		"/proc/O/fd",
		"/proc/O/exe",
		"/proc/O/cwd",
		"/proc/O/root/proc/uptime",
		"/proc/O/root/etc/passwd",
		"/proc/O/cwd/proc/O/stat",
		"/proc/O/task/O/stat",
		"/proc",
		"/proc/O/fd/108/uptime",
		"/proc/O/net/dev",
		"T/magic/etc/passwd",
		"/proc/O/exe",
	};
	const char *path;
	int64_t ret;
	size_t i;

	make_links();
	for (i = 0; i < sizeof(open) / sizeof(*open); i++) {
		path = expand(open[i]);
		ret = client_open(&c, 1, path, O_RDONLY);
		ck_assert_msg(ret >= 0, "%s: %ld", path, (long)ret);
		ret = CALL(&c, 1, "newfstatat", HERE, TEXT(path), ROOM(0),
			   NUM(0));
		ck_assert_msg(ret == 0, "%s: %ld", path, (long)ret);
	}
	ck_assert_int_gt(CALL(&c, 1, "readlinkat", HERE,
			      TEXT(expand("/proc/O/exe")), ROOM(64), NUM(64)),
			 0);
	ck_assert_int_eq(client_open(&c, 1, expand("/proc/O/nothing"), 0),
			 -ENOENT);
	ck_assert_int_eq(CALL(&c, 1, "chdir", TEXT(expand("/proc/O/root"))), 0);
}
END_TEST

/* ls -l /proc and ps look at every process. */
START_TEST(that_an_rsc_process_is_there_may_be_seen)
{
	const char *session = expand("/proc/S");

	ck_assert_int_eq(CALL(&c, 1, "newfstatat", HERE, TEXT(session), ROOM(0),
			      NUM(0)),
			 0);
	ck_assert_int_eq(CALL(&c, 1, "statx", HERE, TEXT(session), NUM(0),
			      NUM(0xfff), ROOM(0)),
			 0);
	ck_assert_int_eq(CALL(&c, 1, "newfstatat", HERE, TEXT("/proc/self"),
			      ROOM(0), NUM(AT_SYMLINK_NOFOLLOW)),
			 0);
	REFUSED(client_open(&c, 1, session, O_RDONLY), session);
	REFUSED(client_open(&c, 1, session, O_PATH), session);
	REFUSED(CALL(&c, 1, "chdir", TEXT(session)), session);
}
END_TEST

/* A name that is bound to the folder of a process is that folder. */
START_TEST(a_bound_name_is_no_way_inside)
{
	const char *path;

	ck_assert(!mkdir("bound", 0777));
	sandbox_write("memory", "");
	ck_assert_msg(!mount(expand("/proc/S"), "bound", NULL, MS_BIND, NULL),
		      "mount: %s; this test runs as root", strerror(errno));
	path = expand("T/bound/mem");
	REFUSED(client_open(&c, 1, path, O_RDWR), path);
	REFUSED(client_open(&c, 1, "bound", O_RDONLY), "bound");
	REFUSED(CALL(&c, 1, "chdir", TEXT("bound")), "bound");
	ck_assert(!umount("bound"));
	ck_assert(!mount(expand("/proc/S/fd"), "bound", NULL, MS_BIND, NULL));
	REFUSED(client_open(&c, 1, "bound", O_RDONLY), "bound");
	REFUSED(client_open(&c, 1, "bound/3", O_RDONLY), "bound/3");
	ck_assert(!umount("bound"));
	ck_assert(!mount(expand("/proc/S/mem"), "memory", NULL, MS_BIND, NULL));
	REFUSED(client_open(&c, 1, "memory", O_RDWR), "memory");
	REFUSED(CALL(&c, 1, "truncate", TEXT("memory"), NUM(0)), "memory");
	ck_assert(!umount("memory"));
}
END_TEST

START_TEST(a_root_with_its_own_proc_is_guarded_too)
{
	static const char *const names[] = {
		"self/mem",	     "S/mem",	     "L/root/etc",
		"O/root/proc/S/mem", "O/fd/109/mem", "self/task/S/maps"
	};
	const struct server_opts opts = { .root = "box" };
	int64_t dir;
	size_t i;

	ck_assert(!mkdir("box", 0777) && !mkdir("box/p", 0555));
	ck_assert(!mount("/proc", "box/p", NULL, MS_BIND, NULL));
	ck_assert_int_eq(client_stop(&c), 0);
	client_start(&c, &opts);
	ck_assert_int_ge(client_open(&c, 1, "/p/uptime", O_RDONLY), 0);
	ck_assert_int_ge(client_open(&c, 1, expand("/p/O/stat"), O_RDONLY), 0);
	dir = client_open(&c, 1, "/p", O_PATH);
	for (i = 0; i < sizeof(names) / sizeof(*names); i++)
		REFUSED(CALL(&c, 1, "openat", NUM(dir), TEXT(expand(names[i])),
			     NUM(O_RDONLY), NUM(0)),
			names[i]);
	ck_assert(!umount2("box/p", MNT_DETACH));
}
END_TEST

START_TEST(no_magic_link_leads_out_of_a_root)
{
	static const char *const names[] = { "/p/O/root/etc/passwd",
					     "/p/O/root/p/uptime", "/p/O/cwd",
					     "/p/O/fd/108/uptime", "/p/O/exe" };
	const struct server_opts opts = { .root = "box" };
	const char *path;
	size_t i;

	ck_assert(!mkdir("box", 0777) && !mkdir("box/p", 0555));
	ck_assert(!mount("/proc", "box/p", NULL, MS_BIND, NULL));
	ck_assert_int_eq(client_stop(&c), 0);
	client_start(&c, &opts);
	for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
		path = expand(names[i]);
		REFUSED(client_open(&c, 1, path, O_RDONLY), path);
		REFUSED(CALL(&c, 1, "newfstatat", HERE, TEXT(path), ROOM(0),
			     NUM(0)),
			path);
		REFUSED(CALL(&c, 1, "chdir", TEXT(path)), path);
	}
	ck_assert_int_gt(CALL(&c, 1, "readlinkat", HERE,
			      TEXT(expand("/p/O/exe")), ROOM(64), NUM(64)),
			 0);
	ck_assert(!umount2("box/p", MNT_DETACH));
}
END_TEST

/* Another mount namespace's /proc shows the session, under a name of its. */
START_TEST(the_proc_of_another_mount_namespace_is_no_way_inside)
{
	const char *path;
	int64_t ret;
	pid_t pid;
	int up[2];
	char done;

	ck_assert(!mkdir("p", 0555));
	ck_assert(!pipe(up));
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (unshare(CLONE_NEWNS) ||
		    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
		    mount("/proc", "p", NULL, MS_BIND, NULL))
			_exit(1);
		dup2(up[1], 1);
		execlp("sh", "sh", "-c", "echo; exec tail -f /dev/null",
		       (char *)NULL);
		_exit(127);
	}
	ck_assert_int_eq(read(up[0], &done, 1), 1);
	kill(other, SIGKILL);
	ck_assert_int_eq(waitpid(other, NULL, 0), other);
	other = pid;
	path = expand("/proc/O/rootT/p/S/mem");
	ret = client_open(&c, 1, path, O_RDONLY);
	ck_assert_msg(ret == -EACCES, "%s: %ld", path, (long)ret);
	path = expand("/proc/O/rootT/p/S/fd");
	ret = client_open(&c, 1, path, O_RDONLY);
	ck_assert_msg(ret == -EACCES, "%s: %ld", path, (long)ret);
	path = expand("/proc/O/root/etc/passwd");
	ck_assert_int_ge(client_open(&c, 1, path, O_RDONLY), 0);
}
END_TEST

int main(void)
{
	size_t ninside = sizeof(inside) / sizeof(*inside);
	size_t nlinks = sizeof(links) / sizeof(*links);
	Suite *suite = suite_create("guard");
	TCase *guard = tcase_create("guard");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(guard, set_up, tear_down);
	tcase_set_timeout(guard, 60);
	tcase_add_test(guard, what_is_mounted_is_read_only);
	tcase_add_loop_test(guard, an_open_never_reaches_inside, 0, ninside);
	tcase_add_loop_test(guard, no_restriction_of_an_open_helps, 0, ninside);
	tcase_add_loop_test(guard, no_call_by_path_reaches_inside, 0, ninside);
	tcase_add_loop_test(guard, a_link_inside_is_not_read, 0, nlinks);
	tcase_add_loop_test(guard,
			    a_directory_handle_leads_no_further_than_a_path, 0,
			    20);
	tcase_add_test(guard,
		       other_processes_and_the_rest_of_proc_stay_in_reach);
	tcase_add_test(guard, that_an_rsc_process_is_there_may_be_seen);
	tcase_add_test(guard, a_bound_name_is_no_way_inside);
	tcase_add_test(guard, a_root_with_its_own_proc_is_guarded_too);
	tcase_add_test(guard, no_magic_link_leads_out_of_a_root);
	tcase_add_test(guard,
		       the_proc_of_another_mount_namespace_is_no_way_inside);
	suite_add_tcase(suite, guard);

	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
