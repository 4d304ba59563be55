/*
 * A session, driven frame by frame: calls and their results, handles, twins of
 * processes and threads, giving up a call, and what is left when tasks end.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "call/types.h"
#include "client.h"
#include "sandbox.h"

static const struct server_opts plain;
static struct client c;

static void set_up(void)
{
	sandbox_enter();
	client_start(&c, &plain);
}

static void tear_down(void)
{
	ck_assert_int_eq(client_stop(&c), 0);
	ck_assert_str_eq(c.text, "");
	sandbox_leave();
}

/* ---- calls ---- */

START_TEST(a_file_is_written_read_and_looked_at)
{
	struct stat here;
	struct stat *st;
	int64_t fd;

	fd = client_open(&c, 1, "file", O_RDWR | O_CREAT | O_EXCL);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(CALL(&c, 1, "write", NUM(fd), BYTES("hello", 5),
			      NUM(5)),
			 5);
	ck_assert_int_eq(CALL(&c, 1, "pread64", NUM(fd), ROOM(64), NUM(64),
			      NUM(1)),
			 4);
	ck_assert_mem_eq(c.req.val[1].data, "ello", 4);
	ck_assert_int_eq(CALL(&c, 1, "lseek", NUM(fd), NUM(-2), NUM(SEEK_END)),
			 3);
	ck_assert_int_eq(CALL(&c, 1, "read", NUM(fd), ROOM(64), NUM(64)), 2);
	ck_assert_int_eq(CALL(&c, 1, "read", NUM(fd), ROOM(64), NUM(64)), 0);
	ck_assert_int_eq(CALL(&c, 1, "fstat", NUM(fd), ROOM(0)), 0);
	st = (struct stat *)c.req.val[1].data;
	ck_assert_int_eq(st->st_size, 5);
	ck_assert(!stat("file", &here));
	ck_assert_uint_eq(st->st_ino, here.st_ino);
	ck_assert_int_eq(CALL(&c, 1, "newfstatat", HERE, TEXT("file"), ROOM(0),
			      NUM(0)),
			 0);
	st = (struct stat *)c.req.val[2].data;
	ck_assert_uint_eq(st->st_ino, here.st_ino);
	ck_assert_int_eq(CALL(&c, 1, "close", NUM(fd)), 0);
	ck_assert_int_eq(CALL(&c, 1, "close", NUM(fd)), -EBADF);
}
END_TEST

START_TEST(a_directory_is_listed_from_its_handle)
{
	bool found = false;
	int64_t dir;
	int64_t len;
	char *at;

	sandbox_write("one", "1");
	dir = client_open(&c, 1, ".", O_RDONLY | O_DIRECTORY);
	ck_assert_int_ge(dir, 0);
	len = CALL(&c, 1, "getdents64", NUM(dir), ROOM(4096), NUM(4096));
	ck_assert_int_gt(len, 0);
	for (at = (char *)c.req.val[1].data; len > 0;
	     len -= *(uint16_t *)(at + 16), at += *(uint16_t *)(at + 16))
		found |= !strcmp(at + 19, "one");
	ck_assert(found);
	ck_assert_int_eq(CALL(&c, 1, "getdents64", NUM(dir), ROOM(4096),
			      NUM(4096)),
			 0);
	ck_assert_int_ge(CALL(&c, 1, "openat", NUM(dir), TEXT("one"),
			      NUM(O_RDONLY), NUM(0)),
			 0);
}
END_TEST

START_TEST(an_open_has_the_flags_that_a_local_one_has)
{
	static const int flags[] = { O_RDONLY, O_RDWR | O_APPEND,
				     O_WRONLY | O_NONBLOCK, O_PATH,
				     O_RDONLY | O_NOATIME };
	size_t i;
	int64_t fd;
	int here;

	sandbox_write("file", "x");
	for (i = 0; i < sizeof(flags) / sizeof(*flags); i++) {
		here = open("file", flags[i]);
		fd = client_open(&c, 1, "file", flags[i]);
		ck_assert_int_ge(fd, 0);
		ck_assert_int_eq(CALL(&c, 1, "F_GETFL", NUM(fd), NUM(F_GETFL),
				      NUM(0)),
				 fcntl(here, F_GETFL));
		close(here);
	}
}
END_TEST

START_TEST(the_errno_of_a_call_comes_back)
{
	sandbox_write("file", "x");
	ck_assert_int_eq(client_open(&c, 1, "no", O_RDONLY), -ENOENT);
	ck_assert_int_eq(client_open(&c, 1, "file/x", O_RDONLY), -ENOTDIR);
	ck_assert_int_eq(client_open(&c, 1, ".", O_WRONLY), -EISDIR);
	ck_assert_int_eq(client_open(&c, 1, "file", O_CREAT | O_EXCL), -EEXIST);
	ck_assert_int_eq(client_open(&c, 1, "", O_RDONLY), -ENOENT);
	ck_assert_int_eq(CALL(&c, 1, "openat", HERE, NIL, NUM(0), NUM(0)),
			 -EFAULT);
	ck_assert_int_eq(CALL(&c, 1, "newfstatat", HERE, TEXT("file"), NIL,
			      NUM(0)),
			 -EFAULT);
	ck_assert_int_eq(CALL(&c, 1, "mkdirat", HERE, TEXT("file"), NUM(0777)),
			 -EEXIST);
	ck_assert_int_eq(CALL(&c, 1, "unlinkat", HERE, TEXT("no"), NUM(0)),
			 -ENOENT);
}
END_TEST

static int64_t openat2(int64_t dir, const char *path, uint64_t resolve,
		       uint64_t flags, uint64_t size)
{
	struct kernel_open_how how = { .flags = flags, .resolve = resolve };

	return CALL(&c, 1, "openat2", NUM(dir), TEXT(path),
		    BYTES(&how, sizeof(how)), NUM(size));
}

START_TEST(openat2_keeps_its_rules)
{
	struct kernel_open_how how = { .mode = 0600 };
	int64_t dir;

	ck_assert(!mkdir("dir", 0777));
	sandbox_write("dir/file", "inside");
	ck_assert(!symlink("../..", "dir/up"));
	ck_assert(!symlink("/file", "dir/top"));
	dir = client_open(&c, 1, "dir", O_PATH);
	ck_assert_int_ge(openat2(dir, "file", 0, 0, 24), 0);
	ck_assert_int_ge(openat2(dir, "up", 0, O_PATH, 24), 0);
	ck_assert_int_eq(openat2(dir, "up", RESOLVE_BENEATH, 0, 24), -EXDEV);
	ck_assert_int_eq(openat2(dir, "/file", RESOLVE_BENEATH, 0, 24), -EXDEV);
	ck_assert_int_ge(openat2(dir, "/file", RESOLVE_IN_ROOT, 0, 24), 0);
	ck_assert_int_ge(openat2(dir, "top", RESOLVE_IN_ROOT, 0, 24), 0);
	ck_assert_int_eq(openat2(77, "/file", RESOLVE_IN_ROOT, 0, 24), -EBADF);
	ck_assert_int_eq(openat2(dir, "top", RESOLVE_NO_SYMLINKS, 0, 24),
			 -ELOOP);
	ck_assert_int_eq(openat2(dir, "file", 0x4000, 0, 24), -EINVAL);
	ck_assert_int_eq(openat2(dir, "file", 0, UINT64_C(1) << 40, 24),
			 -EINVAL);
	ck_assert_int_eq(openat2(dir, "file", 0, 0, 16), -EINVAL);
	ck_assert_int_eq(openat2(dir, "file", 0, 0, 32), -E2BIG);
	ck_assert_int_eq(CALL(&c, 1, "openat2", NUM(dir), TEXT("file"),
			      BYTES(&how, sizeof(how)), NUM(24)),
			 -EINVAL);
	how.flags = O_CREAT | O_WRONLY;
	ck_assert_int_ge(CALL(&c, 1, "openat2", NUM(dir), TEXT("new"),
			      BYTES(&how, sizeof(how)), NUM(24)),
			 0);
	ck_assert_int_eq(CALL(&c, 1, "openat2", NUM(dir), TEXT("file"), NIL,
			      NUM(24)),
			 -EFAULT);
	ck_assert_int_eq(CALL(&c, 1, "openat2", NUM(dir), NIL,
			      BYTES(&how, sizeof(how)), NUM(24)),
			 -EFAULT);
}
END_TEST

START_TEST(bytes_move_between_two_handles)
{
	struct kernel_off off = { 1 };
	int64_t from;
	int64_t to;
	char *text;

	sandbox_write("from", "abcdef");
	from = client_open(&c, 1, "from", O_RDONLY);
	to = client_open(&c, 1, "to", O_WRONLY | O_CREAT);
	ck_assert_int_eq(CALL(&c, 1, "copy_file_range", NUM(from),
			      BYTES(&off, sizeof(off)), NUM(to), NIL, NUM(2),
			      NUM(0)),
			 2);
	ck_assert_int_eq(((struct kernel_off *)c.req.val[1].data)->value, 3);
	ck_assert_int_eq(CALL(&c, 1, "sendfile", NUM(to), NUM(from),
			      BYTES(&off, sizeof(off)), NUM(3)),
			 3);
	ck_assert_int_eq(((struct kernel_off *)c.req.val[2].data)->value, 4);
	ck_assert_int_eq(CALL(&c, 1, "sendfile", NUM(to), NUM(from), NIL,
			      NUM(100)),
			 6);
	text = sandbox_read("to");
	ck_assert_str_eq(text, "bcbcdabcdef");
	free(text);
	ck_assert_int_eq(CALL(&c, 1, "sendfile", NUM(to), NUM(0), NIL, NUM(1)),
			 -EBADF);
}
END_TEST

START_TEST(bytes_move_through_fifos)
{
	int64_t reader[2];
	int64_t writer[2];

	ck_assert(!mkfifo("one", 0666) && !mkfifo("two", 0666));
	reader[0] = client_open(&c, 1, "one", O_RDONLY | O_NONBLOCK);
	reader[1] = client_open(&c, 1, "two", O_RDONLY | O_NONBLOCK);
	writer[0] = client_open(&c, 1, "one", O_WRONLY);
	writer[1] = client_open(&c, 1, "two", O_WRONLY);
	ck_assert_int_eq(CALL(&c, 1, "write", NUM(writer[0]), BYTES("abcd", 4),
			      NUM(4)),
			 4);
	ck_assert_int_eq(CALL(&c, 1, "tee", NUM(reader[0]), NUM(writer[1]),
			      NUM(2), NUM(0)),
			 2);
	ck_assert_int_eq(CALL(&c, 1, "splice", NUM(reader[0]), NIL,
			      NUM(writer[1]), NIL, NUM(10), NUM(0)),
			 4);
	ck_assert_int_eq(CALL(&c, 1, "read", NUM(reader[1]), ROOM(64), NUM(64)),
			 6);
	ck_assert_mem_eq(c.req.val[1].data, "ababcd", 6);
}
END_TEST

START_TEST(a_broken_pipe_is_an_errno_and_no_signal)
{
	int64_t reader;
	int64_t writer;

	ck_assert(!mkfifo("fifo", 0666));
	reader = client_open(&c, 1, "fifo", O_RDONLY | O_NONBLOCK);
	writer = client_open(&c, 1, "fifo", O_WRONLY);
	ck_assert_int_eq(CALL(&c, 1, "close", NUM(reader)), 0);
	ck_assert_int_eq(CALL(&c, 1, "write", NUM(writer), BYTES("x", 1),
			      NUM(1)),
			 -EPIPE);
	ck_assert_int_eq(CALL(&c, 1, "getuid", NIL), getuid());
}
END_TEST

START_TEST(the_server_says_who_it_is)
{
	struct kernel_utsname *name;
	struct utsname here;

	ck_assert(!uname(&here));
	ck_assert_int_eq(CALL(&c, 1, "uname", ROOM(0)), 0);
	name = (struct kernel_utsname *)c.req.val[0].data;
	ck_assert_str_eq(name->nodename, here.nodename);
	ck_assert_str_eq(name->release, here.release);
}
END_TEST

/* ---- handles ---- */

START_TEST(a_number_that_is_no_handle_is_ebadf)
{
	static const char *const rows[] = { "read",   "fstat", "lseek",
					    "close",  "fsync", "fchdir",
					    "F_GETFL" };
	struct value val[CALL_ARGS] = { NIL };
	const struct call *call;
	uint32_t seq;
	size_t i;
	int fd;

	/* 0, 1, 2, the channel, the wake-up and the handle on /proc. */
	ck_assert_uint_ge(client_count(&c, "fd"), 6);
	for (fd = -2; fd < 64; fd++) {
		val[0] = NUM(fd);
		for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
			call = call_by_name(rows[i]);
			val[1] = NUM(call->request);
			seq = client_post(&c, 1, rows[i], val);
			ck_assert_msg(client_wait(&c, seq) == -EBADF, "%s(%d)",
				      rows[i], fd);
		}
		ck_assert_int_eq(CALL(&c, 1, "openat", NUM(fd), TEXT("x"),
				      NUM(O_RDONLY), NUM(0)),
				 -EBADF);
		ck_assert_int_eq(CALL(&c, 1, "newfstatat", NUM(fd), TEXT(""),
				      ROOM(0), NUM(AT_EMPTY_PATH)),
				 -EBADF);
	}
	ck_assert_int_eq(CALL(&c, 1, "read", NUM(INT32_MAX), ROOM(1), NUM(1)),
			 -EBADF);
	ck_assert_int_eq(CALL(&c, 1, "getuid", NIL), getuid());
}
END_TEST

START_TEST(an_absolute_path_needs_no_directory)
{
	ck_assert_int_ge(CALL(&c, 1, "openat", NUM(-1), TEXT("/"),
			      NUM(O_RDONLY), NUM(0)),
			 0);
}
END_TEST

START_TEST(a_split_row_that_is_the_tracers_alone_is_enosys)
{
	ck_assert_int_eq(CALL(&c, 1, "dup", NUM(0)), -ENOSYS);
	ck_assert_int_eq(CALL(&c, 1, "dup3", NUM(0), NUM(1), NUM(0)), -ENOSYS);
	ck_assert_int_eq(CALL(&c, 1, "unshare", NUM(0)), -ENOSYS);
	ck_assert_int_eq(CALL(&c, 1, "getpid", NIL), -ENOSYS);
	ck_assert_int_eq(client_stop(&c), 0);
	ck_assert_ptr_nonnull(strstr(c.text, "getpid may not run"));
	client_start(&c, &plain);
}
END_TEST

/* ---- twins ---- */

START_TEST(a_process_has_copies_of_the_tables)
{
	int64_t fd;
	int64_t own;

	sandbox_write("file", "abcdef");
	ck_assert(!mkdir("dir", 0777));
	fd = client_open(&c, 1, "file", O_RDONLY);
	ck_assert_int_eq(CALL(&c, 1, "umask", NUM(027)), 022);
	client_spawn(&c, 2, 1, 0);
	/* One description: the offset moves for both. */
	ck_assert_int_eq(CALL(&c, 2, "read", NUM(fd), ROOM(3), NUM(3)), 3);
	ck_assert_int_eq(CALL(&c, 1, "lseek", NUM(fd), NUM(0), NUM(SEEK_CUR)),
			 3);
	/* Two tables. */
	own = client_open(&c, 2, "file", O_RDONLY);
	ck_assert_int_eq(CALL(&c, 1, "read", NUM(own), ROOM(1), NUM(1)),
			 -EBADF);
	ck_assert_int_eq(CALL(&c, 2, "close", NUM(fd)), 0);
	ck_assert_int_eq(CALL(&c, 1, "lseek", NUM(fd), NUM(0), NUM(SEEK_CUR)),
			 3);
	/* Two directories and masks. */
	ck_assert_int_eq(CALL(&c, 2, "umask", NUM(077)), 027);
	ck_assert_int_eq(CALL(&c, 1, "umask", NUM(022)), 027);
	ck_assert_int_eq(CALL(&c, 2, "chdir", TEXT("dir")), 0);
	ck_assert_int_ge(client_open(&c, 1, "file", O_RDONLY), 0);
	ck_assert_int_eq(client_open(&c, 2, "file", O_RDONLY), -ENOENT);
}
END_TEST

START_TEST(a_thread_shares_the_tables)
{
	int64_t fd;

	sandbox_write("file", "abcdef");
	ck_assert(!mkdir("dir", 0777));
	client_spawn(&c, 2, 1, SPAWN_FILES | SPAWN_FS);
	fd = client_open(&c, 2, "file", O_RDONLY);
	ck_assert_int_eq(CALL(&c, 1, "read", NUM(fd), ROOM(3), NUM(3)), 3);
	ck_assert_int_eq(CALL(&c, 1, "close", NUM(fd)), 0);
	ck_assert_int_eq(CALL(&c, 2, "read", NUM(fd), ROOM(3), NUM(3)), -EBADF);
	ck_assert_int_eq(CALL(&c, 2, "chdir", TEXT("dir")), 0);
	ck_assert_int_eq(client_open(&c, 1, "file", O_RDONLY), -ENOENT);
	ck_assert_int_eq(CALL(&c, 1, "umask", NUM(077)), 022);
	ck_assert_int_eq(CALL(&c, 2, "umask", NUM(022)), 077);
	/* The table outlives the one who made it. */
	fd = client_open(&c, 1, "../file", O_RDONLY);
	client_exit(&c, 1);
	ck_assert_int_eq(CALL(&c, 2, "read", NUM(fd), ROOM(3), NUM(3)), 3);
}
END_TEST

START_TEST(each_table_is_shared_or_not_by_itself)
{
	int64_t fd;

	sandbox_write("file", "abcdef");
	ck_assert(!mkdir("dir", 0777));
	client_spawn(&c, 2, 1, SPAWN_FILES);
	client_spawn(&c, 3, 1, SPAWN_FS);
	ck_assert_int_eq(CALL(&c, 3, "getuid", NIL), getuid());
	fd = client_open(&c, 2, "file", O_RDONLY);
	ck_assert_int_eq(CALL(&c, 1, "read", NUM(fd), ROOM(1), NUM(1)), 1);
	ck_assert_int_eq(CALL(&c, 3, "read", NUM(fd), ROOM(1), NUM(1)), -EBADF);
	ck_assert_int_eq(CALL(&c, 2, "chdir", TEXT("dir")), 0);
	ck_assert_int_ge(client_open(&c, 1, "file", O_RDONLY), 0);
	ck_assert_int_eq(CALL(&c, 3, "chdir", TEXT("dir")), 0);
	ck_assert_int_eq(client_open(&c, 1, "file", O_RDONLY), -ENOENT);
}
END_TEST

/* Neither what comes behind a SPAWN is in the copy, nor what went before. */
START_TEST(a_copy_is_made_where_its_spawn_stands)
{
	uint32_t opening;
	uint32_t closing;
	uint32_t before;
	int64_t fd;
	int round;

	sandbox_write("file", "abcdef");
	client_spawn(&c, 2, 1, SPAWN_FILES);
	for (round = 0; round < 300; round++) {
		before = POST(&c, 1, "getuid", NIL);
		client_spawn(&c, 3, 1, 0);
		opening = POST(&c, 2, "openat", HERE, TEXT("file"),
			       NUM(O_RDONLY), NUM(0));
		fd = client_wait(&c, opening);
		ck_assert_int_ge(fd, 0);
		ck_assert_int_ge(client_wait(&c, before), 0);
		ck_assert_int_eq(CALL(&c, 3, "read", NUM(fd), ROOM(1), NUM(1)),
				 -EBADF);
		closing = POST(&c, 2, "close", NUM(fd));
		client_spawn(&c, 4, 1, 0);
		ck_assert_int_eq(CALL(&c, 4, "read", NUM(fd), ROOM(1), NUM(1)),
				 -EBADF);
		ck_assert_int_eq(client_wait(&c, closing), 0);
		client_exit(&c, 3);
		client_exit(&c, 4);
	}
}
END_TEST

START_TEST(a_table_goes_with_its_last_user)
{
	int64_t reader;
	int64_t writer;

	ck_assert(!mkfifo("fifo", 0666));
	reader = client_open(&c, 1, "fifo", O_RDONLY | O_NONBLOCK);
	client_spawn(&c, 2, 1, 0);
	client_spawn(&c, 3, 2, SPAWN_FILES);
	writer = client_open(&c, 3, "fifo", O_WRONLY);
	ck_assert_int_ge(writer, 0);
	ck_assert_int_eq(CALL(&c, 1, "read", NUM(reader), ROOM(1), NUM(1)),
			 -EAGAIN);
	ck_assert_int_eq(CALL(&c, 1, "F_SETFL", NUM(reader), NUM(F_SETFL),
			      NUM(0)),
			 0);
	client_exit(&c, 3);
	ck_assert_int_eq(CALL(&c, 2, "write", NUM(writer), BYTES("x", 1),
			      NUM(1)),
			 1);
	ck_assert_int_eq(CALL(&c, 1, "read", NUM(reader), ROOM(1), NUM(1)), 1);
	client_exit(&c, 2);
	/* Blocks until the end of the table closes the last writer. */
	ck_assert_int_eq(CALL(&c, 1, "read", NUM(reader), ROOM(1), NUM(1)), 0);
}
END_TEST

START_TEST(calls_of_a_new_task_wait_until_it_is_there)
{
	uint32_t first;
	uint32_t second;

	client_spawn(&c, 2, 1, 0);
	first = POST(&c, 2, "getuid", NIL);
	client_spawn(&c, 3, 2, 0);
	second = POST(&c, 3, "getuid", NIL);
	ck_assert_int_eq(client_wait(&c, first), getuid());
	ck_assert_int_eq(client_wait(&c, second), getuid());
}
END_TEST

START_TEST(a_blocked_task_blocks_nobody_else)
{
	uint32_t blocked;
	int64_t writer;

	ck_assert(!mkfifo("fifo", 0666));
	client_spawn(&c, 2, 1, 0);
	blocked = POST(&c, 1, "openat", HERE, TEXT("fifo"), NUM(O_RDONLY),
		       NUM(0));
	client_until_in(&c, "openat2");
	writer = client_open(&c, 2, "fifo", O_WRONLY);
	ck_assert_int_ge(writer, 0);
	ck_assert_int_ge(client_wait(&c, blocked), 0);
}
END_TEST

/* ---- giving up, ending ---- */

/* The fifo's end that task 1 holds; its write end is open too. */
static int64_t empty_fifo(void)
{
	int64_t reader;

	ck_assert(!mkfifo("fifo", 0666));
	reader = client_open(&c, 1, "fifo", O_RDWR);
	ck_assert_int_ge(reader, 0);
	return reader;
}

START_TEST(a_cancelled_read_is_eintr_and_the_worker_lives)
{
	int64_t fifo = empty_fifo();
	uint32_t seq;
	int round;

	for (round = 0; round < 20; round++) {
		seq = POST(&c, 1, "read", NUM(fifo), ROOM(1), NUM(1));
		if (round % 2)
			client_until_in(&c, "read");
		client_cancel(&c, 1, seq);
		ck_assert_int_eq(client_wait(&c, seq), -EINTR);
		ck_assert_int_eq(CALL(&c, 1, "getuid", NIL), getuid());
	}
	ck_assert_int_eq(CALL(&c, 1, "write", NUM(fifo), BYTES("x", 1), NUM(1)),
			 1);
	ck_assert_int_eq(CALL(&c, 1, "read", NUM(fifo), ROOM(1), NUM(1)), 1);
}
END_TEST

START_TEST(a_cancelled_flock_is_eintr)
{
	int64_t first;
	int64_t second;
	uint32_t seq;

	sandbox_write("file", "x");
	client_spawn(&c, 2, 1, 0);
	first = client_open(&c, 1, "file", O_RDONLY);
	second = client_open(&c, 2, "file", O_RDONLY);
	ck_assert_int_eq(CALL(&c, 1, "flock", NUM(first), NUM(LOCK_EX)), 0);
	seq = POST(&c, 2, "flock", NUM(second), NUM(LOCK_EX));
	client_until_in(&c, "flock");
	client_cancel(&c, 2, seq);
	ck_assert_int_eq(client_wait(&c, seq), -EINTR);
	ck_assert_int_eq(CALL(&c, 1, "flock", NUM(first), NUM(LOCK_UN)), 0);
	ck_assert_int_eq(CALL(&c, 2, "flock", NUM(second), NUM(LOCK_EX)), 0);
}
END_TEST

START_TEST(a_cancelled_open_of_a_fifo_is_eintr)
{
	uint32_t seq;

	ck_assert(!mkfifo("fifo", 0666));
	seq = POST(&c, 1, "openat", HERE, TEXT("fifo"), NUM(O_RDONLY), NUM(0));
	client_until_in(&c, "openat2");
	client_cancel(&c, 1, seq);
	ck_assert_int_eq(client_wait(&c, seq), -EINTR);
}
END_TEST

START_TEST(a_cancel_that_comes_late_changes_nothing)
{
	int round;

	for (round = 0; round < 200; round++) {
		ck_assert_int_eq(CALL(&c, 1, "getuid", NIL), getuid());
		client_cancel(&c, 1, c.seq);
	}
	ck_assert_int_eq(CALL(&c, 1, "getuid", NIL), getuid());
}
END_TEST

/* No kernel interrupts the read of a file. */
START_TEST(a_cancel_does_nothing_to_a_call_that_does_not_block)
{
	uint32_t seq;
	int64_t file;
	int round;

	sandbox_write("file", "x");
	file = client_open(&c, 1, "file", O_RDONLY);
	for (round = 0; round < 500; round++) {
		seq = POST(&c, 1, "pread64", NUM(file), ROOM(1), NUM(1),
			   NUM(0));
		client_cancel(&c, 1, seq);
		ck_assert_int_eq(client_wait(&c, seq), 1);
	}
}
END_TEST

START_TEST(a_queued_call_can_be_given_up)
{
	int64_t fifo = empty_fifo();
	uint32_t first;
	uint32_t second;

	first = POST(&c, 1, "read", NUM(fifo), ROOM(1), NUM(1));
	client_until_in(&c, "read");
	second = POST(&c, 1, "read", NUM(fifo), ROOM(1), NUM(1));
	client_cancel(&c, 1, first);
	ck_assert_int_eq(client_wait(&c, first), -EINTR);
	client_cancel(&c, 1, second);
	ck_assert_int_eq(client_wait(&c, second), -EINTR);
}
END_TEST

/* Threads and descriptors that have gone are seen to go. */
static void until_count(const char *folder, unsigned int want)
{
	const struct timespec tick = { .tv_nsec = 1000000 };
	unsigned int round;

	for (round = 0; client_count(&c, folder) != want; round++) {
		ck_assert_msg(round < 20000, "%u in %s, not %u",
			      client_count(&c, folder), folder, want);
		nanosleep(&tick, NULL);
	}
}

START_TEST(a_task_that_ends_while_it_is_blocked_is_gone)
{
	int64_t fifo = empty_fifo();
	unsigned int threads = client_count(&c, "task");

	client_spawn(&c, 2, 1, 0);
	POST(&c, 2, "read", NUM(fifo), ROOM(1), NUM(1));
	client_until_in(&c, "read");
	client_exit(&c, 2);
	until_count("task", threads);
	/* The number is free, and no old reply comes for it. */
	client_spawn(&c, 2, 1, 0);
	ck_assert_int_eq(CALL(&c, 2, "getuid", NIL), getuid());
}
END_TEST

START_TEST(tasks_that_ended_leave_nothing)
{
	unsigned int threads;
	uint32_t seq[50];
	unsigned int fds;
	uint32_t round;
	uint32_t i;

	ck_assert_int_eq(CALL(&c, 1, "getuid", NIL), getuid());
	threads = client_count(&c, "task");
	fds = client_count(&c, "fd");
	for (round = 0; round < 20; round++) {
		for (i = 0; i < 50; i++) {
			client_spawn(&c, 2 + i, 1, i % 4);
			seq[i] = POST(&c, 2 + i, "openat", HERE, TEXT("/"),
				      NUM(O_RDONLY), NUM(0));
		}
		for (i = 0; i < 50; i++)
			ck_assert_int_ge(client_wait(&c, seq[i]), 0);
		for (i = 0; i < 50; i++)
			client_exit(&c, 2 + i);
	}
	for (round = 0; round < 1000; round++) {
		client_spawn(&c, 2, 1, round % 4);
		client_exit(&c, 2);
	}
	ck_assert_int_eq(CALL(&c, 1, "getuid", NIL), getuid());
	until_count("task", threads);
	ck_assert_uint_eq(client_count(&c, "fd"), fds);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("server");
	TCase *calls = tcase_create("calls");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(calls, set_up, tear_down);
	tcase_set_timeout(calls, 60);
	tcase_add_test(calls, a_file_is_written_read_and_looked_at);
	tcase_add_test(calls, a_directory_is_listed_from_its_handle);
	tcase_add_test(calls, an_open_has_the_flags_that_a_local_one_has);
	tcase_add_test(calls, the_errno_of_a_call_comes_back);
	tcase_add_test(calls, openat2_keeps_its_rules);
	tcase_add_test(calls, bytes_move_between_two_handles);
	tcase_add_test(calls, bytes_move_through_fifos);
	tcase_add_test(calls, a_broken_pipe_is_an_errno_and_no_signal);
	tcase_add_test(calls, the_server_says_who_it_is);
	tcase_add_test(calls, a_number_that_is_no_handle_is_ebadf);
	tcase_add_test(calls, an_absolute_path_needs_no_directory);
	tcase_add_test(calls, a_split_row_that_is_the_tracers_alone_is_enosys);
	tcase_add_test(calls, a_process_has_copies_of_the_tables);
	tcase_add_test(calls, a_thread_shares_the_tables);
	tcase_add_test(calls, each_table_is_shared_or_not_by_itself);
	tcase_add_test(calls, a_copy_is_made_where_its_spawn_stands);
	tcase_add_test(calls, a_table_goes_with_its_last_user);
	tcase_add_test(calls, calls_of_a_new_task_wait_until_it_is_there);
	tcase_add_test(calls, a_blocked_task_blocks_nobody_else);
	tcase_add_test(calls, a_cancelled_read_is_eintr_and_the_worker_lives);
	tcase_add_test(calls, a_cancelled_flock_is_eintr);
	tcase_add_test(calls, a_cancelled_open_of_a_fifo_is_eintr);
	tcase_add_test(calls, a_cancel_that_comes_late_changes_nothing);
	tcase_add_test(calls,
		       a_cancel_does_nothing_to_a_call_that_does_not_block);
	tcase_add_test(calls, a_queued_call_can_be_given_up);
	tcase_add_test(calls, a_task_that_ends_while_it_is_blocked_is_gone);
	tcase_add_test(calls, tasks_that_ended_leave_nothing);
	suite_add_tcase(suite, calls);

	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
