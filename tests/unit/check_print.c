/* The trace line and the summary, made of calls that were never made. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <regex.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "call/flags.h"
#include "call/types.h"
#include "tracer/print.h"
#include "tracer/select.h"
#include "tracer/tracee.h"

static struct run run;
static struct tracee *t;
static char text[65536];

static void setup(void)
{
	memset(&run, 0, sizeof(run));
	run.trace =
		(struct trace){ .on = true, .len = 32, .status = TRACE_ANY };
	run.trace.fd = memfd_create("trace", MFD_CLOEXEC);
	ck_assert_int_ge(run.trace.fd, 0);
	run.stats = calloc(SELECT_IDS, sizeof(*run.stats));
	t = calloc(1, sizeof(*t));
	ck_assert(run.stats && t);
	t->pid = getpid();
	t->files = files_new();
	t->fs = calloc(1, sizeof(*t->fs));
	t->state = T_ASKING;
	ck_assert(t->files && t->fs);
}

static void teardown(void)
{
	close(run.trace.fd);
	free(run.stats);
	free(run.trace.calls);
	buf_free(&run.trace.line);
	print_end(t);
	files_unref(t->files);
	free(t->fs);
	free(t);
}

/* What was printed since the last time. */
static const char *printed(void)
{
	off_t at = lseek(run.trace.fd, 0, SEEK_SET);
	ssize_t n = read(run.trace.fd, text, sizeof(text) - 1);

	ck_assert(at == 0 && n >= 0);
	text[n] = '\0';
	ck_assert_int_eq(ftruncate(run.trace.fd, 0), 0);
	lseek(run.trace.fd, 0, SEEK_SET);
	return text;
}

/* A call of the row with these registers, asked of the server. */
static void call(const char *name, int n, ...)
{
	va_list ap;

	t->call = call_by_name(name);
	ck_assert_msg(t->call, "no row %s", name);
	memset(t->arg, 0, sizeof(t->arg));
	t->req = (struct req){ .call = t->call, .seq = 1 };
	va_start(ap, n);
	for (int i = 0; i < n; i++)
		t->arg[i] = (uint64_t)va_arg(ap, long);
	va_end(ap);
}

static void data(unsigned int i, const void *bytes, size_t len)
{
	t->req.val[i].num = t->arg[i];
	t->req.val[i].data = (uint8_t *)(uintptr_t)bytes;
	t->req.val[i].len = len;
}

static void path(unsigned int i, const char *name)
{
	data(i, name, strlen(name));
}

static void line(int64_t ret, const char *want)
{
	print_call(&run, t, ret);
	ck_assert_str_eq(printed(), want);
}

START_TEST(reads_and_writes)
{
	call("read", 3, 3L, 0x1000L, 100L);
	data(1, "hello\n", 6);
	line(6, "read(3, \"hello\\n\", 100) = 6 <remote>\n");
	data(1, "", 0);
	line(0, "read(3, \"\", 100) = 0 <remote>\n");
	call("read", 3, 3L, 0x1000L, 100L);
	line(-EIO,
	     "read(3, 0x1000, 100) = -1 EIO (Input/output error) <remote>\n");
	call("write", 3, -1L, 0L, 0L);
	line(-EBADF,
	     "write(-1, NULL, 0) = -1 EBADF (Bad file descriptor) <remote>\n");
	call("lseek", 3, 3L, -5L, (long)SEEK_END);
	line(7, "lseek(3, -5, SEEK_END) = 7 <remote>\n");
	call("lseek", 3, 3L, 0L, 77L);
	line(-EINVAL, "lseek(3, 0, 77) = -1 EINVAL (Invalid argument) <remote>"
		      "\n");
}
END_TEST

static const struct {
	const char *bytes;
	size_t len;
	const char *want;
} escapes[] = {
	{ "plain", 5, "\"plain\"" },
	{ "a\"b\\c", 5, "\"a\\\"b\\\\c\"" },
	{ "\t\n\v\f\r", 5, "\"\\t\\n\\v\\f\\r\"" },
	{ "\0", 1, "\"\\0\"" },
	{ "\0x", 2, "\"\\0x\"" },
	{ "\0001", 2, "\"\\0001\"" },
	{ "\0338", 2, "\"\\0338\"" },
	{ "\033[m", 3, "\"\\33[m\"" },
	{ "\377\376", 2, "\"\\377\\376\"" },
	{ "\303\244", 2, "\"\\303\\244\"" },
	{ "\a\b", 2, "\"\\7\\10\"" },
	{ " ~\177", 3, "\" ~\\177\"" },
	{ "12345678901234567890123456789012", 32,
	  "\"12345678901234567890123456789012\"" },
	{ "123456789012345678901234567890123", 33,
	  "\"12345678901234567890123456789012\"..." },
};

START_TEST(bytes)
{
	char want[256];

	call("write", 3, 1L, 0x1000L, (long)escapes[_i].len);
	data(1, escapes[_i].bytes, escapes[_i].len);
	snprintf(want, sizeof(want), "write(1, %s, %zu) = 1 <remote>\n",
		 escapes[_i].want, escapes[_i].len);
	line(1, want);
}
END_TEST

START_TEST(cut)
{
	call("write", 3, 1L, 0x1000L, 5L);
	data(1, "hello", 5);
	run.trace.len = 4;
	line(5, "write(1, \"hell\"..., 5) = 5 <remote>\n");
	run.trace.len = 0;
	line(5, "write(1, \"\"..., 5) = 5 <remote>\n");
}
END_TEST

/* Cut or with a line break in it, a path would name something else. */
START_TEST(paths)
{
	char name[5000];
	char *want;

	run.trace.len = 2;
	call("openat", 4, (long)AT_FDCWD, 0x1000L, (long)O_RDONLY, 0L);
	path(1, "/a/b\nc \377\"");
	line(3, "openat(AT_FDCWD, \"/a/b\\nc \\377\\\"\", O_RDONLY) = 3 "
		"<remote>\n");
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	path(1, name);
	ck_assert_int_gt(asprintf(&want,
				  "openat(AT_FDCWD, \"%s\", O_RDONLY) = -1 "
				  "ENAMETOOLONG (File name too long) "
				  "<remote>\n",
				  name),
			 0);
	line(-ENAMETOOLONG, want);
	free(want);
	/* Not fetched: it is read where it is, or its address says enough. */
	call("openat", 4, 5L, (long)(uintptr_t) "/here", (long)O_RDONLY, 0L);
	line(-EACCES, "openat(5, \"/here\", O_RDONLY) = -1 EACCES (Permission "
		      "denied) <remote>\n");
	call("openat", 4, 5L, 16L, (long)O_RDONLY, 0L);
	line(-EFAULT,
	     "openat(5, 0x10, O_RDONLY) = -1 EFAULT (Bad address) <remote>\n");
}
END_TEST

static const struct {
	const char *name;
	long arg[5];
	const char *want;
} flags[] = {
	{ "openat",
	  { AT_FDCWD, 0, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644 },
	  "openat(AT_FDCWD, NULL, O_WRONLY|O_CREAT|O_TRUNC|O_CLOEXEC, 0644)" },
	{ "openat",
	  { 3, 0, O_RDWR | O_TMPFILE, 0 },
	  "openat(3, NULL, O_RDWR|O_TMPFILE, 000)" },
	{ "openat",
	  { 3, 0, O_DIRECTORY | O_NONBLOCK | O_NOFOLLOW, 0777 },
	  "openat(3, NULL, O_RDONLY|O_NONBLOCK|O_DIRECTORY|O_NOFOLLOW)" },
	{ "openat",
	  { 3, 0, O_SYNC | 0x40000000, 0 },
	  "openat(3, NULL, O_RDONLY|O_SYNC|0x40000000)" },
	{ "openat", { 3, 0, O_ACCMODE, 0 }, "openat(3, NULL, O_ACCMODE)" },
	{ "newfstatat",
	  { 3, 0, 0, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH },
	  "newfstatat(3, NULL, NULL, AT_SYMLINK_NOFOLLOW|AT_EMPTY_PATH)" },
	{ "newfstatat", { 3, 0, 0, 0 }, "newfstatat(3, NULL, NULL, 0)" },
	{ "unlinkat",
	  { AT_FDCWD, 0, AT_REMOVEDIR },
	  "unlinkat(AT_FDCWD, NULL, AT_REMOVEDIR)" },
	{ "faccessat2",
	  { 3, 0, R_OK | X_OK, AT_EACCESS },
	  "faccessat2(3, NULL, R_OK|X_OK, AT_EACCESS)" },
	{ "faccessat", { 3, 0, F_OK }, "faccessat(3, NULL, F_OK)" },
	{ "renameat2",
	  { 3, 0, 4, 0, 1 },
	  "renameat2(3, NULL, 4, NULL, RENAME_NOREPLACE)" },
	{ "flock", { 3, 2 | 4 }, "flock(3, LOCK_EX|LOCK_NB)" },
	{ "fchmod", { 3, 04755 }, "fchmod(3, 04755)" },
	{ "mkdirat", { 3, 0, 0 }, "mkdirat(3, NULL, 000)" },
	{ "fcntl", { 3, F_DUPFD_CLOEXEC, 10 }, "fcntl(3, F_DUPFD_CLOEXEC, 10)" },
	{ "fcntl", { 3, F_SETOWN, -7 }, "fcntl(3, F_SETOWN, -7)" },
	{ "fcntl", { 3, 4711, 255 }, "fcntl(3, 0x1267, 0xff)" },
	{ "ioctl", { 3, 0x12345678, 255 }, "ioctl(3, 0x12345678, 0xff)" },
	{ "ioctl", { 3, F_DUPFD, 0 }, "ioctl(3, 0, 0)" },
	{ "fchown", { 3, -1, 1000 }, "fchown(3, -1, 1000)" },
	{ "TIOCGWINSZ", { 3, 0x5413, 0x1000 }, "ioctl(3, TIOCGWINSZ, 0x1000)" },
	{ "F_SETFL",
	  { 3, F_SETFL, O_APPEND | O_RDWR },
	  "fcntl(3, F_SETFL, O_RDWR|O_APPEND)" },
};

START_TEST(names_of_bits)
{
	const long *a = flags[_i].arg;
	char want[256];

	call(flags[_i].name, 5, a[0], a[1], a[2], a[3], a[4]);
	snprintf(want, sizeof(want), "%s = 0 <remote>\n", flags[_i].want);
	line(0, want);
}
END_TEST

START_TEST(structures)
{
	struct stat st = { .st_mode = S_IFREG | 04644, .st_size = 1234 };
	struct timespec ts = { .tv_sec = -3, .tv_nsec = 7 };
	struct kernel_utsname name = { .sysname = "Linux",
				       .nodename = "b\"ox",
				       .machine = "m" };
	struct kernel_timespec2 times = { .time = { { 1, 2 }, { -3, 4 } } };
	struct flock lock = { .l_type = F_WRLCK,
			      .l_whence = SEEK_END,
			      .l_len = 9,
			      .l_pid = 5 };
	uint32_t id = 4000000000u;
	struct kernel_open_how how = { .flags = O_RDWR | O_CLOEXEC };

	call("fstat", 2, 3L, 0x1000L);
	data(1, &st, sizeof(st));
	line(0, "fstat(3, {st_mode=S_IFREG|04644, st_size=1234, ...}) = 0 "
		"<remote>\n");
	st.st_mode = S_IFDIR;
	line(0, "fstat(3, {st_mode=S_IFDIR|000, st_size=1234, ...}) = 0 "
		"<remote>\n");
	call("clock_gettime", 2, 0L, 0x1000L);
	data(1, &ts, sizeof(ts));
	line(0, "clock_gettime(0, {tv_sec=-3, tv_nsec=7}) = 0 <remote>\n");
	call("uname", 1, 0x1000L);
	data(0, &name, sizeof(name));
	line(0, "uname({sysname=\"Linux\", nodename=\"b\\\"ox\", release=\"\", "
		"machine=\"m\", ...}) = 0 <remote>\n");
	call("getresuid", 3, 0x1000L, 0x2000L, 0L);
	data(0, &id, sizeof(id));
	line(0, "getresuid([4000000000], 0x2000, NULL) = 0 <remote>\n");
	call("utimensat", 4, 3L, 0L, 0x1000L, 0L);
	data(2, &times, sizeof(times));
	line(0, "utimensat(3, NULL, [{tv_sec=1, tv_nsec=2}, {tv_sec=-3, "
		"tv_nsec=4}], 0) = 0 <remote>\n");
	call("F_SETLK", 3, 3L, (long)F_SETLK, 0x1000L);
	data(2, &lock, sizeof(lock));
	line(0, "fcntl(3, F_SETLK, {l_type=F_WRLCK, l_whence=SEEK_END, "
		"l_start=0, l_len=9}) = 0 <remote>\n");
	lock.l_type = 77;
	call("F_GETLK", 3, 3L, (long)F_GETLK, 0x1000L);
	data(2, &lock, sizeof(lock));
	line(0, "fcntl(3, F_GETLK, {l_type=77, l_whence=SEEK_END, "
		"l_start=0, l_len=9, l_pid=5}) = 0 <remote>\n");
	call("openat2", 4, 3L, 0L, 0x1000L, 24L);
	if (t->call->arg[2].kind == ARG_STRUCT_IN) {
		data(2, &how, sizeof(how));
		line(4, "openat2(3, NULL, {flags=O_RDWR|O_CLOEXEC, mode=000, "
			"resolve=0}, 24) = 4 <remote>\n");
	}
}
END_TEST

/* Every row has to survive being printed, with nothing and with data. */
START_TEST(every_row)
{
	const struct call *row = &call_table[_i];
	static uint8_t zeros[1024];
	const char *got;

	call(row->name, 6, 0L, 0L, 0L, 0L, 0L, 0L);
	print_call(&run, t, 0);
	got = printed();
	ck_assert(strstr(got, row->of ? row->of : row->name) == got);
	ck_assert_ptr_eq(strchr(got, '\n'), got + strlen(got) - 1);
	call(row->name, 6, 1L, 1L, 1L, 1L, 1L, 1L);
	for (unsigned int i = 0; i < CALL_ARGS; i++)
		data(i, zeros, sizeof(zeros));
	print_call(&run, t, -EPERM);
	got = printed();
	ck_assert_ptr_nonnull(strstr(got, ") = -1 EPERM ("));
	ck_assert_ptr_eq(strchr(got, '\n'), got + strlen(got) - 1);
	print_unfinished(&run, t);
	ck_assert_ptr_nonnull(strstr(printed(), " <unfinished ...>) = ?"));
}
END_TEST

START_TEST(results)
{
	call("F_GETFL", 2, 3L, (long)F_GETFL);
	line(O_RDWR | O_APPEND, "fcntl(3, F_GETFL) = 0x402 (flags "
				"O_RDWR|O_APPEND) <remote>\n");
	line((int64_t)flags_from_wire(FL_OPEN, 0100000),
	     ARCH_HAS_LEGACY ? "fcntl(3, F_GETFL) = 0x8000 (flags "
			       "O_RDONLY|O_LARGEFILE) <remote>\n" :
			       "fcntl(3, F_GETFL) = 0x20000 (flags "
			       "O_RDONLY|O_LARGEFILE) <remote>\n");
	call("umask", 1, 022L);
	line(07, "umask(022) = 007 <remote>\n");
	line(0, "umask(022) = 000 <remote>\n");
	call("dup", 1, 3L);
	t->req.seq = 0;
	line(4, "dup(3) = 4 <local>\n");
	line(-4000, "dup(3) = ? errno 4000 <local>\n");
	t->call = NULL;
	t->regs.nr = 600;
	memset(t->regs.arg, 0, sizeof(t->regs.arg));
	t->regs.arg[0] = 0xabc;
	line(-ENOSYS, "syscall_0x258(0xabc, 0, 0, 0, 0, 0) = -1 ENOSYS "
		      "(Function not implemented) <local>\n");
}
END_TEST

START_TEST(time_taken)
{
	regex_t re;

	ck_assert_int_eq(regcomp(&re,
				 "^dup\\(3\\) = 4 <remote, 1\\.[0-9]{6}>\n$",
				 REG_EXTENDED | REG_NOSUB),
			 0);
	run.trace.time = true;
	call("dup", 1, 3L);
	clock_gettime(CLOCK_MONOTONIC, &t->start);
	t->start.tv_sec--;
	print_call(&run, t, 4);
	ck_assert_msg(!regexec(&re, printed(), 0, NULL, 0), "%s", text);
	regfree(&re);
}
END_TEST

START_TEST(unfinished)
{
	call("read", 3, 3L, 0x1000L, 100L);
	t->state = T_PARKED;
	print_unfinished(&run, t);
	ck_assert_str_eq(printed(),
			 "read(3, 0x1000, 100 <unfinished ...>) = ? <remote>\n");
	t->state = T_RUNNING;
	print_unfinished(&run, t);
	ck_assert_str_eq(printed(), "");
}
END_TEST

START_TEST(which_process)
{
	char want[64];

	call("dup", 1, 3L);
	run.ntracees = 2;
	snprintf(want, sizeof(want), "[pid %5d] dup(3) = 4 <remote>\n", t->pid);
	line(4, want);
	run.ntracees = 1;
	line(4, "dup(3) = 4 <remote>\n");
	run.trace.to_file = true;
	snprintf(want, sizeof(want), "%-5d dup(3) = 4 <remote>\n", t->pid);
	line(4, want);
}
END_TEST

START_TEST(descriptor_names)
{
	struct remote *remote = remote_new(OBJECT_FILE, "/srv/a<b>\n");
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	char want[256];

	run.trace.paths = true;
	ck_assert(remote && !files_set(t->files, 700, 5, remote));
	call("copy_file_range", 6, 700L, 0L, (long)fd, 0L, 9L, 0L);
	print_begin(&run, t);
	/* The name stays, though the descriptor goes. */
	files_drop(t->files, 700);
	remote_unref(remote);
	snprintf(want, sizeof(want),
		 "copy_file_range(700</srv/a\\74b\\76\\n>, NULL, "
		 "%d</dev/null>, NULL, 9, 0) = 9 <remote>\n",
		 fd);
	line(9, want);
	call("openat", 3, (long)AT_FDCWD, 0L, (long)O_RDONLY);
	t->fs->remote = true;
	strcpy(t->fs->cwd, "/there");
	print_begin(&run, t);
	snprintf(want, sizeof(want),
		 "openat(AT_FDCWD</there>, NULL, O_RDONLY) = %d</dev/null> "
		 "<remote>\n",
		 fd);
	line(fd, want);
	call("read", 3, -1L, 0L, 0L);
	print_begin(&run, t);
	line(0, "read(-1, NULL, 0) = 0 <remote>\n");
	close(fd);
}
END_TEST

static void option(const char *word)
{
	char err[512];

	ck_assert_msg(!print_option(&run.trace, word, err, sizeof(err)),
		      "%s: %s", word, err);
}

static void no_option(const char *word, const char *says)
{
	char err[512];

	ck_assert_int_eq(print_option(&run.trace, word, err, sizeof(err)),
			 -EINVAL);
	ck_assert_msg(strstr(err, says), "%s: %s", word, err);
}

/* Is a line printed? */
static bool shows(const char *name, int64_t ret)
{
	call(name, 1, 3L);
	print_call(&run, t, ret);
	return *printed();
}

START_TEST(expressions)
{
	option("trace=read,dup");
	ck_assert(shows("dup", 4) && shows("read", 4) && !shows("write", 4));
	option("%creds");
	ck_assert(shows("getuid", 0) && !shows("read", 4));
	option("ioctl");
	ck_assert(shows("TCGETS", 0) && !shows("F_GETFL", 0));
	option("!dup");
	ck_assert(!shows("dup", 4) && shows("read", 4));
	option("io_uring_setup");
	ck_assert(shows("io_uring_setup", -ENOSYS));
	no_option("trace=no_such_call", "no_such_call");
	no_option("getpid", "strace(1)");
	option("all");
	option("status=failed");
	ck_assert(shows("dup", -EBADF) && !shows("dup", 4));
	option("status=successful");
	ck_assert(!shows("dup", -EBADF) && shows("dup", 4));
	option("status=failed,successful");
	ck_assert(shows("dup", -EBADF) && shows("dup", 4));
	option("status=!failed");
	ck_assert(!shows("dup", -EBADF) && shows("dup", 4));
	option("status=none");
	ck_assert(!shows("dup", -EBADF) && !shows("dup", 4));
	no_option("status=odd", "unfinished");
	no_option("status=", "unfinished");
	no_option("signal=none", "trace=SET");
}
END_TEST

START_TEST(summary)
{
	const struct call *rd = call_by_name("read");
	const struct call *no = call_by_name("io_uring_setup");
	const char *first;

	run.stats[rd->id] = (struct stats){ 10, 0, 100, 9000000 };
	run.stats[no->id] = (struct stats){ 2, 2, 0, 1000000 };
	run.stops = 12;
	for (int i = 0; i < 2; i++)
		note_refused(&run, no, no->err, no->why);
	for (int i = 0; i < 3; i++)
		note_unknown(&run, NULL, 600);
	note_unknown(&run, call_by_name("ioctl"), 0x1234);
	for (int i = 0; i < 2 * UNKNOWN_MAX; i++)
		note_unknown(&run, NULL, 1000 + (uint64_t)i);
	ck_assert_uint_eq(run.unknown_calls, 3 + 2 * UNKNOWN_MAX);
	ck_assert_uint_eq(run.unknown_requests, 1);
	print_summary(&run);
	printed();
	first = strstr(text, " 90.00    0.009000         900        10 "
			     "                 100 read\n");
	ck_assert_msg(first, "%s", text);
	ck_assert_ptr_nonnull(strstr(first, " 10.00    0.001000         500 "
					    "        2         2          0 "
					    "io_uring_setup\n"));
	ck_assert_ptr_nonnull(strstr(first, "100.00    0.010000         833 "
					    "       12         2        100 "
					    "total\n"));
	ck_assert_ptr_nonnull(strstr(first, "12 stops, "));
	ck_assert_ptr_nonnull(strstr(first, "refused: io_uring_setup, 2 times "
					    "(ENOSYS: "));
	ck_assert_ptr_nonnull(strstr(first, "unknown: call 600, 3 times"));
	ck_assert_ptr_nonnull(strstr(first, "unknown: request 0x1234 of ioctl, "
					    "1 times\n"));
	ck_assert_msg(strstr(first, "unknown: others, 34 times\n"), "%s", text);
}
END_TEST

#define COUNT(array) (int)(sizeof(array) / sizeof(*(array)))

int main(void)
{
	Suite *suite = suite_create("print");
	TCase *lines = tcase_create("lines");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(lines, setup, teardown);
	tcase_add_test(lines, reads_and_writes);
	tcase_add_loop_test(lines, bytes, 0, COUNT(escapes));
	tcase_add_test(lines, cut);
	tcase_add_test(lines, paths);
	tcase_add_loop_test(lines, names_of_bits, 0, COUNT(flags));
	tcase_add_test(lines, structures);
	tcase_add_loop_test(lines, every_row, 0, (int)call_count);
	tcase_add_test(lines, results);
	tcase_add_test(lines, time_taken);
	tcase_add_test(lines, unfinished);
	tcase_add_test(lines, which_process);
	tcase_add_test(lines, descriptor_names);
	tcase_add_test(lines, expressions);
	tcase_add_test(lines, summary);
	suite_add_tcase(suite, lines);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
