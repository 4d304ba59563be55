/* Every scheme of a channel, what is no channel, and frames in pieces. */
#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "transport/channel.h"
#include "transport/frame.h"

static char err[512];
static char dir[] = "/tmp/check_transport.XXXXXX";
static char url[256];
static char path[200];
static const struct channel_opts insecure = { .insecure_no_auth = true };

static void setup(void)
{
	err[0] = 0;
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/socket", dir);
	snprintf(url, sizeof(url), "unix://%s", path);
}

static void teardown(void)
{
	unlink(path);
	rmdir(dir);
}

/* What one end writes the other reads, both ways. */
static void talk(struct channel *a, struct channel *b)
{
	char got[6] = "";

	ck_assert_int_eq(io_write_all(a->out, "there", 5), 0);
	ck_assert_int_eq(io_read_all(b->in, got, 5), 0);
	ck_assert_str_eq(got, "there");
	ck_assert_int_eq(io_write_all(b->out, "again", 5), 0);
	ck_assert_int_eq(io_read_all(a->in, got, 5), 0);
	ck_assert_str_eq(got, "again");
}

static void is_cloexec(int fd)
{
	ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
}

static void meet(int fd, const char *where)
{
	struct channel near;
	struct channel far;

	ck_assert_int_ge(fd, 0);
	is_cloexec(fd);
	ck_assert_msg(!channel_connect(&near, where, NULL, err, sizeof(err)),
		      "%s", err);
	ck_assert_int_eq(channel_accept(fd, &far), 0);
	is_cloexec(near.in);
	is_cloexec(far.in);
	ck_assert_int_eq(near.child, 0);
	talk(&near, &far);
	channel_close(&near);
	ck_assert_int_eq(io_read_all(far.in, err, 1), -ECONNRESET);
	channel_close(&far);
	ck_assert_int_eq(near.in, -1);
	close(fd);
}

/* ---- tcp ---- */

static unsigned int port_of(int fd)
{
	struct sockaddr_in6 sa = { 0 };
	socklen_t len = sizeof(sa);

	/* The port lies at the same place in both families. */
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
	return ntohs(sa.sin6_port);
}

START_TEST(tcp_meets_on_loopback)
{
	char where[64];
	int one = 0;
	socklen_t len = sizeof(one);
	struct channel ch;
	int fd;

	fd = channel_listen("tcp://127.0.0.1:0", &insecure, err, sizeof(err));
	ck_assert_msg(fd >= 0, "%s", err);
	snprintf(where, sizeof(where), "tcp://127.0.0.1:%u", port_of(fd));
	ck_assert_int_eq(channel_connect(&ch, where, NULL, err, sizeof(err)),
			 0);
	getsockopt(ch.in, IPPROTO_TCP, TCP_NODELAY, &one, &len);
	ck_assert_int_eq(one, 1);
	channel_close(&ch);
	ck_assert_int_eq(channel_accept(fd, &ch), 0);
	channel_close(&ch);
	meet(fd, where);
}
END_TEST

START_TEST(tcp_meets_on_loopback_of_v6)
{
	char where[64];
	int fd;

	fd = channel_listen("tcp://[::1]:0", &insecure, err, sizeof(err));
	if (fd == -EADDRNOTAVAIL || fd == -EAFNOSUPPORT) {
		ck_assert_ptr_nonnull(strstr(err, "listen at tcp://[::1]:0"));
		return;
	}
	ck_assert_msg(fd >= 0, "%s", err);
	snprintf(where, sizeof(where), "tcp://[::1]:%u", port_of(fd));
	meet(fd, where);
}
END_TEST

/* What is refused, whether the flag is there. */
static const struct {
	const char *url;
	bool insecure;
} exposed[] = {
	{ "tcp://127.0.0.1:0", false },
	{ "tcp://[::1]:0", false },
	{ "tcp://0.0.0.0:0", false },
	{ "tcp://0.0.0.0:0", true },
	{ "tcp://[::]:0", true },
	{ "tcp://192.0.2.1:0", true },
	{ "tcp://[2001:db8::1]:0", true },
	{ "tcp://128.0.0.1:0", true },
	{ "tcp://126.255.255.255:0", true },
	{ "tcp://[::ffff:127.0.0.1]:0", true },
};

START_TEST(tcp_without_authentication_is_refused)
{
	const char *where = exposed[_i].url;
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	ck_assert_int_eq(channel_listen(where,
					exposed[_i].insecure ? &insecure : NULL,
					err, sizeof(err)),
			 -EPERM);
	ck_assert_ptr_eq(strstr(err, "listen at tcp://"), err);
	ck_assert_ptr_nonnull(strstr(err, where));
	/* The reason, and both ways out. */
	ck_assert_ptr_nonnull(
		strstr(err, "anybody who reaches it could run calls here"));
	ck_assert_ptr_nonnull(strstr(err, "unix://PATH"));
	ck_assert_ptr_nonnull(strstr(err, "--insecure-no-auth"));
	/* Nothing was bound: the next descriptor is the next number. */
	ck_assert_int_eq(dup(fd), fd + 1);
}
END_TEST

START_TEST(tcp_where_nobody_listens)
{
	char where[64];
	struct channel ch;
	int fd;

	fd = channel_listen("tcp://127.0.0.1:0", &insecure, err, sizeof(err));
	ck_assert_int_ge(fd, 0);
	snprintf(where, sizeof(where), "tcp://127.0.0.1:%u", port_of(fd));
	ck_assert_int_eq(channel_listen(where, &insecure, err, sizeof(err)),
			 -EADDRINUSE);
	close(fd);
	ck_assert_int_eq(channel_connect(&ch, where, NULL, err, sizeof(err)),
			 -ECONNREFUSED);
	ck_assert_ptr_eq(strstr(err, "connect to tcp://"), err);
	ck_assert_ptr_nonnull(strstr(err, where));
	ck_assert_ptr_nonnull(strstr(err, "Connection refused"));
}
END_TEST

/* ---- unix ---- */

START_TEST(unix_meets_and_is_the_owners)
{
	mode_t was = umask(0);
	struct stat st;
	int fd;

	fd = channel_listen(url, NULL, err, sizeof(err));
	ck_assert_msg(fd >= 0, "%s", err);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode, S_IFSOCK | 0600);
	ck_assert_uint_eq(umask(was), 0);
	meet(fd, url);
}
END_TEST

START_TEST(unix_where_somebody_answers)
{
	int fd = channel_listen(url, NULL, err, sizeof(err));

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(channel_listen(url, NULL, err, sizeof(err)),
			 -EADDRINUSE);
	ck_assert_ptr_nonnull(strstr(err, "somebody answers there already"));
	ck_assert_ptr_nonnull(strstr(err, url));
	/* The first one was not disturbed, but for a visitor who left. */
	close(accept(fd, NULL, NULL));
	meet(fd, url);
}
END_TEST

START_TEST(unix_where_a_server_died)
{
	int fd = channel_listen(url, NULL, err, sizeof(err));
	struct channel ch;

	ck_assert_int_ge(fd, 0);
	close(fd);
	ck_assert_int_eq(channel_connect(&ch, url, NULL, err, sizeof(err)),
			 -ECONNREFUSED);
	fd = channel_listen(url, NULL, err, sizeof(err));
	ck_assert_msg(fd >= 0, "%s", err);
	meet(fd, url);
}
END_TEST

START_TEST(unix_where_nobody_is)
{
	struct channel ch;

	ck_assert_int_eq(channel_connect(&ch, url, NULL, err, sizeof(err)),
			 -ENOENT);
	ck_assert_ptr_eq(strstr(err, "connect to unix://"), err);
}
END_TEST

START_TEST(unix_never_removes_what_is_no_socket)
{
	struct stat st;
	int fd = open(path, O_CREAT | O_WRONLY, 0644);

	ck_assert_int_eq(write(fd, "mine", 4), 4);
	ck_assert_int_eq(channel_listen(url, NULL, err, sizeof(err)),
			 -EADDRINUSE);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(st.st_size, 4);
	unlink(path);
	ck_assert_int_eq(symlink("/dev/null", path), 0);
	ck_assert_int_lt(channel_listen(url, NULL, err, sizeof(err)), 0);
	ck_assert_int_eq(lstat(path, &st), 0);
	ck_assert(S_ISLNK(st.st_mode));
}
END_TEST

START_TEST(unix_path_of_the_longest_length)
{
	char long_path[110];
	int fd;

	memset(long_path, 'x', sizeof(long_path));
	memcpy(long_path, dir, strlen(dir));
	long_path[strlen(dir)] = '/';
	long_path[107] = 0;
	snprintf(url, sizeof(url), "unix:%s", long_path);
	fd = channel_listen(url, NULL, err, sizeof(err));
	ck_assert_msg(fd >= 0, "%s", err);
	meet(fd, url);
	unlink(long_path);
	strcat(url, "x");
	ck_assert_int_eq(channel_listen(url, NULL, err, sizeof(err)),
			 -ENAMETOOLONG);
}
END_TEST

/* ---- exec: ---- */

START_TEST(exec_talks_to_a_command)
{
	struct channel ch;
	char got[4] = "";
	pid_t pid;

	ck_assert_int_eq(channel_connect(&ch, "exec:cat", NULL, err,
					 sizeof(err)),
			 0);
	is_cloexec(ch.in);
	ck_assert_int_gt(ch.child, 0);
	ck_assert_int_eq(io_write_all(ch.out, "abc", 3), 0);
	ck_assert_int_eq(io_read_all(ch.in, got, 3), 0);
	ck_assert_str_eq(got, "abc");
	pid = ch.child;
	channel_close(&ch);
	ck_assert_int_eq(kill(pid, 0), -1);
	ck_assert_int_eq(errno, ESRCH);
	ck_assert_int_eq(waitpid(-1, NULL, 0), -1);
}
END_TEST

START_TEST(exec_of_nothing_that_runs)
{
	struct channel ch;
	char got;

	ck_assert_int_eq(channel_connect(&ch,
					 "exec:exec /no/such/command "
					 "2>/dev/null",
					 NULL, err, sizeof(err)),
			 0);
	ck_assert_int_eq(io_read_all(ch.in, &got, 1), -ECONNRESET);
	channel_close(&ch);
}
END_TEST

START_TEST(exec_works_with_standard_descriptors_closed)
{
	struct channel ch;
	char got[4] = "";

	close(0);
	close(1);
	ck_assert_int_eq(channel_connect(&ch, "exec:cat", NULL, err,
					 sizeof(err)),
			 0);
	ck_assert_int_gt(ch.in, 2);
	ck_assert_int_eq(io_write_all(ch.out, "abc", 3), 0);
	ck_assert_int_eq(io_read_all(ch.in, got, 3), 0);
	ck_assert_str_eq(got, "abc");
	channel_close(&ch);
}
END_TEST

START_TEST(exec_starts_without_our_signal_settings)
{
	struct channel ch;
	char got[64] = "";
	sigset_t all;

	signal(SIGPIPE, SIG_IGN);
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	ck_assert_int_eq(
		channel_connect(&ch,
				"exec:sed -n 's/^Sig[BI][lg][kn]:.*\\(.\\)...$/"
				"\\1/p' /proc/self/status",
				NULL, err, sizeof(err)),
		0);
	/* The hex digit of signals 13 to 16, blocked and then ignored. */
	ck_assert_int_eq(io_read_all(ch.in, got, 4), 0);
	ck_assert_str_eq(got, "0\n0\n");
	channel_close(&ch);
}
END_TEST

/* It ignores the end of its input and SIGTERM, and has a child itself. */
START_TEST(exec_of_a_command_that_does_not_end_is_ended)
{
	int log = memfd_create("stderr", MFD_CLOEXEC);
	struct channel ch;
	char got[200] = "";
	int status;
	pid_t pid;

	dup2(log, STDERR_FILENO);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	ck_assert_int_eq(channel_connect(&ch,
					 "exec:trap '' TERM; echo ok; "
					 "sleep 1000; sleep 1000",
					 NULL, err, sizeof(err)),
			 0);
	ck_assert_int_eq(io_read_all(ch.in, got, 3), 0);
	pid = ch.child;
	channel_close(&ch);
	/* The shell was reaped; what it left comes to us, killed. */
	while (waitpid(-pid, &status, 0) > 0)
		ck_assert_int_eq(status, SIGKILL);
	ck_assert_int_eq(errno, ECHILD);
	ck_assert_int_gt(pread(log, got, sizeof(got) - 1, 0), 0);
	ck_assert_ptr_nonnull(strstr(got, "exec: goes on; it gets SIGTERM\n"));
	ck_assert_ptr_nonnull(strstr(got, "exec: goes on; it gets SIGKILL\n"));
}
END_TEST

/* ---- fd: and stdio: ---- */

START_TEST(fd_takes_one_descriptor)
{
	struct channel near;
	struct channel far;
	char where[64];
	int pair[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	snprintf(where, sizeof(where), "fd:%d", pair[0]);
	ck_assert_int_eq(channel_connect(&near, where, NULL, err, sizeof(err)),
			 0);
	snprintf(where, sizeof(where), "fd:%d,%d", pair[1], pair[1]);
	ck_assert_int_eq(channel_connect(&far, where, NULL, err, sizeof(err)),
			 0);
	is_cloexec(near.in);
	talk(&near, &far);
	channel_close(&near);
	channel_close(&far);
	ck_assert_int_eq(fcntl(pair[0], F_GETFD), -1);
	ck_assert_int_eq(fcntl(pair[1], F_GETFD), -1);
}
END_TEST

START_TEST(fd_takes_two_pipes)
{
	struct channel near;
	struct channel far;
	char where[64];
	int there[2];
	int back[2];

	ck_assert_int_eq(pipe(there), 0);
	ck_assert_int_eq(pipe(back), 0);
	snprintf(where, sizeof(where), "fd:%d,%d", back[0], there[1]);
	ck_assert_int_eq(channel_connect(&near, where, NULL, err, sizeof(err)),
			 0);
	snprintf(where, sizeof(where), "fd:%d,%d", there[0], back[1]);
	ck_assert_int_eq(channel_connect(&far, where, NULL, err, sizeof(err)),
			 0);
	is_cloexec(near.out);
	talk(&near, &far);
	channel_close(&near);
	channel_close(&far);
	ck_assert_int_eq(fcntl(there[1], F_GETFD), -1);
}
END_TEST

START_TEST(stdio_is_what_was_standard_then)
{
	struct stat one;
	struct stat two;
	char c;
	struct channel near;
	struct channel far;
	int pair[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	dup2(pair[0], 0);
	dup2(pair[0], 1);
	close(pair[0]);
	ck_assert_int_eq(channel_connect(&near, "stdio:", NULL, err,
					 sizeof(err)),
			 0);
	is_cloexec(near.in);
	is_cloexec(near.out);
	far = (struct channel){ pair[1], pair[1], 0, NULL };
	talk(&near, &far);
	/* Who comes after does not write into it. */
	ck_assert_int_eq(fstat(1, &one), 0);
	ck_assert_int_eq(fstat(2, &two), 0);
	ck_assert(one.st_dev == two.st_dev && one.st_ino == two.st_ino);
	ck_assert_int_eq(read(0, &c, 1), 0);
	channel_close(&near);
	close(0);
	close(1);
	ck_assert_int_eq(channel_connect(&near, "stdio:", NULL, err,
					 sizeof(err)),
			 -EBADF);
	ck_assert_ptr_nonnull(strstr(err, "open stdio:: Bad file"));
	channel_close(&far);
}
END_TEST

/* ---- what is no channel ---- */

static const char *const bad[] = {
	"",
	"tcp",
	"tcp:",
	"tcp://",
	"tcp:///",
	"tcp://127.0.0.1",
	"tcp://:80",
	"tcp://127.0.0.1:",
	"tcp://127.0.0.1:65536",
	"tcp://127.0.0.1:99999999999999999999",
	"tcp://127.0.0.1:-1",
	"tcp://127.0.0.1:+80",
	"tcp://127.0.0.1: 80",
	"tcp://127.0.0.1:80 ",
	"tcp://127.0.0.1:80/",
	"tcp://[]:80",
	"tcp://[::1:80",
	"tcp://::1]:80",
	"tcp://root@127.0.0.1:80",
	"tcp:/127.0.0.1:80",
	"TCP://127.0.0.1:80",
	" tcp://127.0.0.1:80",
	"http://127.0.0.1:80",
	"127.0.0.1:80",
	"/tmp/socket",
	"unix",
	"unix:",
	"unix://",
	"stdio",
	"stdio:x",
	"exec:",
	"exec",
	"fd:",
	"fd:x",
	"fd:-1",
	"fd:+1",
	"fd: 1",
	"fd:1 ",
	"fd:1,",
	"fd:,1",
	"fd:1,2,3",
	"fd:0x1",
	"fd:987",
	"fd:0,987",
	"fd:4294967296",
	"fd:18446744073709551616",
	"\xff\xfe",
	"vsock",
	"vsock:",
	"vsock://",
	"vsock://3",
	"vsock://3:",
	"vsock://:5000",
	"vsock://host:5000",
	"vsock://-1:5000",
	"vsock://+3:5000",
	"vsock://3:-1",
	"vsock://3:0x10",
	"vsock://3:5000:1",
	"vsock://3:5000/",
	"vsock:// 3:5000",
	"vsock://4294967295:5000",
	"vsock://4294967296:5000",
	"vsock://3:4294967295",
	"vsock://18446744073709551619:5000",
	"vsock://any",
	"vsock://anyone:5000",
	"vsock-unix://",
	"vsock-unix://:5000",
	"vsock-unix:///tmp/socket",
	"vsock-unix:///tmp/socket:",
	"vsock-unix:///tmp/socket:x",
	"vsock-unix:///tmp/socket:4294967295",
	"tls://",
	"tls://127.0.0.1",
	"tls://127.0.0.1:x",
	"tls://127.0.0.1:65536",
};

#define BAD ((int)(sizeof(bad) / sizeof(*bad)))

START_TEST(what_is_no_url_is_refused_by_name)
{
	struct channel ch;
	int flags = fcntl(0, F_GETFD);

	ck_assert_int_lt(channel_connect(&ch, bad[_i], NULL, err, sizeof(err)),
			 0);
	ck_assert_msg(strstr(err, bad[_i]) != NULL, "%s", err);
	ck_assert_msg(strstr(err, "expected") != NULL, "%s", err);
	/* All but the open descriptors can be told by looking. */
	if (strstr(bad[_i], "987") == NULL)
		ck_assert_int_lt(channel_check(bad[_i], err, sizeof(err)), 0);
	else
		ck_assert_int_eq(channel_check(bad[_i], err, sizeof(err)), 0);
	/* A bad url changes nothing on the way. */
	ck_assert_int_eq(fcntl(0, F_GETFD), flags);
	err[0] = 0;
	ck_assert_int_lt(channel_listen(bad[_i], &insecure, err, sizeof(err)),
			 0);
	ck_assert_msg(strstr(err, bad[_i]) != NULL, "%s", err);
	ck_assert_msg(strstr(err, "expected") != NULL, "%s", err);
}
END_TEST

/* ---- vsock: no socket of that kind is ever made here ---- */

static const char *const vsocks[] = {
	"vsock://2:5000",      "vsock:2:5000",
	"vsock://0:0",	       "vsock://4294967294:4294967294",
	"vsock://any:5000",    "vsock-unix:///tmp/v:5000",
	"vsock-unix://a:b:52",
};

#define VSOCKS ((int)(sizeof(vsocks) / sizeof(*vsocks)))

START_TEST(an_address_of_vsock)
{
	ck_assert_msg(!channel_check(vsocks[_i], err, sizeof(err)), "%s", err);
}
END_TEST

START_TEST(vsock_is_listened_at_for_those_who_are_named_only)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	ck_assert_int_eq(channel_listen("vsock://any:5000", &insecure, err,
					sizeof(err)),
			 -EPERM);
	ck_assert_ptr_nonnull(strstr(err, "listen at vsock://any:5000"));
	ck_assert_ptr_nonnull(strstr(err, "--allow-cid"));
	ck_assert_int_eq(dup(fd), fd + 1);
}
END_TEST

START_TEST(vsock_is_not_connected_to_any)
{
	struct channel ch;

	ck_assert_int_eq(channel_connect(&ch, "vsock://any:5000", NULL, err,
					 sizeof(err)),
			 -EINVAL);
	ck_assert_ptr_nonnull(strstr(err, "a CID is expected"));
}
END_TEST

/* No guest is at the other end. */
START_TEST(who_is_no_guest_is_not_let_in)
{
	struct channel_opts opts = { .cids = { .n = 2, .id = { 3, 0 } } };
	struct channel ch;
	int pair[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	ch = (struct channel){ pair[0], pair[0], 0, NULL };
	ck_assert_int_eq(channel_admit(&ch, "vsock://any:5000", &opts, err,
				       sizeof(err)),
			 -EACCES);
	ck_assert_str_eq(err, "it has no address");
}
END_TEST

/* What a monitor answers to CONNECT, and what comes of it. */
static const struct {
	const char *answer;
	int result;
	const char *text;
} monitors[] = {
	{ "OK 1073741824\nthere", 0, NULL },
	{ "OK 5\nthere", 0, NULL },
	{ "", -ECONNRESET, "nobody listens at that port of the guest" },
	{ "OK 5", -ECONNRESET, "nobody listens at that port of the guest" },
	{ "OK \n", -EPROTO, "does not know CONNECT" },
	{ "NO 5\n", -EPROTO, "does not know CONNECT" },
	{ "HTTP/1.0 400 Bad Request, and a long line\n", -EPROTO,
	  "does not know CONNECT" },
};

#define MONITORS ((int)(sizeof(monitors) / sizeof(*monitors)))

static int monitor;

/* The fake of a monitor: one client, one answer. */
static void be_monitor(int fd)
{
	char asked[32] = "";
	int got = accept(fd, NULL, NULL);

	if (io_read_all(got, asked, 13) ||
	    strcmp(asked, "CONNECT 5000\n") != 0 ||
	    io_write_all(got, monitors[monitor].answer,
			 strlen(monitors[monitor].answer)))
		_exit(1);
	if (!monitors[monitor].result &&
	    (io_read_all(got, asked, 5) || memcmp(asked, "again", 5) != 0))
		_exit(2);
	_exit(0);
}

START_TEST(a_port_behind_a_unix_socket)
{
	char where[300];
	char got[6] = "";
	struct channel ch;
	int status;
	pid_t pid;
	int fd;

	fd = channel_listen(url, NULL, err, sizeof(err));
	ck_assert_int_ge(fd, 0);
	snprintf(where, sizeof(where), "vsock-unix://%s:5000", path);
	monitor = _i;
	pid = fork();
	if (!pid)
		be_monitor(fd);
	close(fd);
	ck_assert_int_eq(channel_connect(&ch, where, NULL, err, sizeof(err)),
			 monitors[_i].result);
	if (!monitors[_i].result) {
		is_cloexec(ch.in);
		ck_assert_int_eq(io_read_all(ch.in, got, 5), 0);
		ck_assert_str_eq(got, "there");
		ck_assert_int_eq(io_write_all(ch.out, "again", 5), 0);
		channel_close(&ch);
	} else {
		ck_assert_msg(strstr(err, monitors[_i].text) != NULL, "%s",
			      err);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}
END_TEST

START_TEST(a_monitor_that_does_not_answer)
{
	struct channel_opts opts = { .login_ms = 50 };
	char where[300];
	struct channel ch;
	int fd;

	fd = channel_listen(url, NULL, err, sizeof(err));
	ck_assert_int_ge(fd, 0);
	snprintf(where, sizeof(where), "vsock-unix://%s:5000", path);
	ck_assert_int_eq(channel_connect(&ch, where, &opts, err, sizeof(err)),
			 -ETIMEDOUT);
	ck_assert_ptr_nonnull(strstr(err, "no answer in time"));
	close(fd);
}
END_TEST

START_TEST(a_short_buffer_for_the_reason_is_enough)
{
	struct channel ch;
	char tiny[8] = "1234567";

	ck_assert_int_lt(channel_connect(&ch, "http://x", NULL, tiny, 4), 0);
	ck_assert_str_eq(tiny, "ope");
	ck_assert_str_eq(tiny + 4, "567");
}
END_TEST

START_TEST(a_channel_that_cannot_be_listened_at)
{
	static const char *const urls[] = { "stdio:", "exec:cat", "fd:0" };

	ck_assert_int_eq(channel_listen(urls[_i], &insecure, err, sizeof(err)),
			 -EINVAL);
	ck_assert_ptr_nonnull(
		strstr(err, "tls://HOST:PORT, unix://PATH, vsock://CID"));
}
END_TEST

START_TEST(accept_of_no_listener_is_an_error)
{
	struct channel ch;

	ck_assert_int_eq(channel_accept(-1, &ch), -EBADF);
}
END_TEST

/* ---- frames ---- */

static void add_frame(struct buf *buf, const char *body)
{
	size_t mark;

	ck_assert_int_eq(frame_begin(buf, &mark), 0);
	ck_assert_int_eq(buf_add(buf, body, strlen(body)), 0);
	ck_assert_int_eq(frame_end(buf, mark), 0);
}

START_TEST(frames_come_out_of_any_pieces)
{
	static const char *const bodies[] = { "a", "two words", "3" };
	struct buf whole = { 0 };

	for (unsigned int i = 0; i < 3; i++)
		add_frame(&whole, bodies[i]);
	for (size_t step = 1; step <= whole.len; step++) {
		struct buf in = { 0 };
		unsigned int seen = 0;

		for (size_t at = 0; at < whole.len; at += step) {
			size_t n = whole.len - at < step ? whole.len - at :
							   step;
			const uint8_t *body;
			size_t len;

			ck_assert_int_eq(buf_add(&in, whole.data + at, n), 0);
			while (frame_next(&in, &body, &len) == 1) {
				ck_assert_uint_eq(len, strlen(bodies[seen]));
				ck_assert(!memcmp(body, bodies[seen], len));
				buf_consume(&in, FRAME_HEAD + len);
				seen++;
			}
		}
		ck_assert_uint_eq(seen, 3);
		ck_assert_uint_eq(in.len, 0);
		buf_free(&in);
	}
	buf_free(&whole);
}
END_TEST

static const struct {
	const char *name;
	uint8_t head[4];
	int result;
} heads[] = {
	{ "empty", { 0, 0, 0, 0 }, -EPROTO },
	{ "of one byte", { 0, 0, 0, 1 }, 0 },
	{ "of the limit", { 0, 0x40, 0, 0 }, 0 },
	{ "over the limit", { 0, 0x40, 0, 1 }, -EMSGSIZE },
	{ "of 4 GiB", { 0xff, 0xff, 0xff, 0xff }, -EMSGSIZE },
	{ "of text", { 'H', 'T', 'T', 'P' }, -EMSGSIZE },
};

START_TEST(a_length_is_checked_before_anything_is_taken)
{
	struct buf in = { 0 };
	const uint8_t *body;
	size_t len;
	int pair[2];

	ck_assert_uint_eq(FRAME_MAX, 0x400000);
	ck_assert_int_eq(buf_add(&in, heads[_i].head, 3), 0);
	ck_assert_int_eq(frame_next(&in, &body, &len), 0);
	ck_assert_int_eq(buf_add(&in, heads[_i].head + 3, 1), 0);
	ck_assert_msg(frame_next(&in, &body, &len) == heads[_i].result, "%s",
		      heads[_i].name);
	buf_free(&in);

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	ck_assert_int_eq(io_write_all(pair[0], heads[_i].head, 4), 0);
	close(pair[0]);
	ck_assert_int_eq(frame_read(pair[1], &in),
			 heads[_i].result ? heads[_i].result : -ECONNRESET);
	if (heads[_i].result)
		ck_assert_uint_eq(in.cap, 0);
	close(pair[1]);
	buf_free(&in);
}
END_TEST

START_TEST(a_frame_is_read_whole)
{
	struct buf out = { 0 };
	struct buf in = { 0 };
	int fds[2];

	add_frame(&out, "one");
	add_frame(&out, "a second one");
	ck_assert_int_eq(pipe(fds), 0);
	ck_assert_int_eq(io_write_all(fds[1], out.data, out.len - 1), 0);
	ck_assert_int_eq(buf_add(&in, "old", 3), 0);
	ck_assert_int_eq(frame_read(fds[0], &in), 0);
	ck_assert_uint_eq(in.len, 3);
	ck_assert(!memcmp(in.data, "one", 3));
	close(fds[1]);
	ck_assert_int_eq(frame_read(fds[0], &in), -ECONNRESET);
	close(fds[0]);
	buf_free(&in);
	buf_free(&out);
}
END_TEST

START_TEST(a_frame_over_the_limit_is_not_made)
{
	struct buf out = { 0 };
	size_t mark;

	ck_assert_int_eq(buf_add(&out, "kept", 4), 0);
	ck_assert_int_eq(frame_begin(&out, &mark), 0);
	ck_assert_int_eq(buf_reserve(&out, FRAME_MAX + 1), 0);
	out.len += FRAME_MAX + 1;
	ck_assert_int_eq(frame_end(&out, mark), -EMSGSIZE);
	ck_assert_uint_eq(out.len, 4);
	buf_free(&out);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("transport");
	TCase *tc = tcase_create("channel");
	TCase *frame = tcase_create("frame");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 20);
	tcase_add_test(tc, tcp_meets_on_loopback);
	tcase_add_test(tc, tcp_meets_on_loopback_of_v6);
	tcase_add_loop_test(tc, tcp_without_authentication_is_refused, 0,
			    (int)(sizeof(exposed) / sizeof(*exposed)));
	tcase_add_test(tc, tcp_where_nobody_listens);
	tcase_add_test(tc, unix_meets_and_is_the_owners);
	tcase_add_test(tc, unix_where_somebody_answers);
	tcase_add_test(tc, unix_where_a_server_died);
	tcase_add_test(tc, unix_where_nobody_is);
	tcase_add_test(tc, unix_never_removes_what_is_no_socket);
	tcase_add_test(tc, unix_path_of_the_longest_length);
	tcase_add_test(tc, exec_talks_to_a_command);
	tcase_add_test(tc, exec_of_nothing_that_runs);
	tcase_add_test(tc, exec_works_with_standard_descriptors_closed);
	tcase_add_test(tc, exec_starts_without_our_signal_settings);
	tcase_add_test(tc, exec_of_a_command_that_does_not_end_is_ended);
	tcase_add_test(tc, fd_takes_one_descriptor);
	tcase_add_test(tc, fd_takes_two_pipes);
	tcase_add_test(tc, stdio_is_what_was_standard_then);
	tcase_add_loop_test(tc, what_is_no_url_is_refused_by_name, 0, BAD);
	tcase_add_loop_test(tc, an_address_of_vsock, 0, VSOCKS);
	tcase_add_test(tc, vsock_is_listened_at_for_those_who_are_named_only);
	tcase_add_test(tc, vsock_is_not_connected_to_any);
	tcase_add_test(tc, who_is_no_guest_is_not_let_in);
	tcase_add_loop_test(tc, a_port_behind_a_unix_socket, 0, MONITORS);
	tcase_add_test(tc, a_monitor_that_does_not_answer);
	tcase_add_test(tc, a_short_buffer_for_the_reason_is_enough);
	tcase_add_loop_test(tc, a_channel_that_cannot_be_listened_at, 0, 3);
	tcase_add_test(tc, accept_of_no_listener_is_an_error);
	suite_add_tcase(suite, tc);
	tcase_add_test(frame, frames_come_out_of_any_pieces);
	tcase_add_loop_test(frame, a_length_is_checked_before_anything_is_taken,
			    0, 6);
	tcase_add_test(frame, a_frame_is_read_whole);
	tcase_add_test(frame, a_frame_over_the_limit_is_not_made);
	suite_add_tcase(suite, frame);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
