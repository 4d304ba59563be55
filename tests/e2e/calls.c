/*
 * Makes calls and prints what each returned, so that a run in one world can be
 * compared with a run in another. Nothing that it prints depends on chance.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

extern char **environ;
static char *self;

static long say(const char *what, long ret)
{
	int err = errno;

	if (ret == -1)
		printf("%s = -1 (%d)\n", what, err);
	else
		printf("%s = %ld\n", what, ret);
	fflush(stdout);
	errno = 0;
	return ret;
}

#define SAY(call) say(#call, (long)(call))

static void show(const char *what, const void *data, long len)
{
	printf("%s: '%.*s'\n", what, len > 0 ? (int)len : 0,
	       (const char *)data);
	fflush(stdout);
}

static void say_stat(const char *what, const struct stat *st)
{
	printf("%s: mode %o nlink %ld owner %d:%d size %ld mtime %ld.%09ld\n",
	       what, st->st_mode, (long)st->st_nlink, (int)st->st_uid,
	       (int)st->st_gid, (long)st->st_size,
	       st->st_mtime > 1700000000 ? 0 : (long)st->st_mtime,
	       st->st_mtime > 1700000000 ? 0 : st->st_mtim.tv_nsec);
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void list(const char *dir)
{
	char *names[64];
	struct dirent *e;
	size_t n = 0;
	DIR *d = opendir(dir);

	printf("%s:", dir);
	while (d && n < 64 && (e = readdir(d))) {
		char buf[300];

		snprintf(buf, sizeof(buf), "%s/%d", e->d_name, e->d_type);
		names[n++] = strdup(buf);
	}
	if (d)
		closedir(d);
	qsort(names, n, sizeof(*names), compare);
	for (size_t i = 0; i < n; i++) {
		printf(" %s", names[i]);
		free(names[i]);
	}
	puts("");
	fflush(stdout);
}

/* ---- bytes ---- */

static void bytes(void)
{
	char a[8] = "", b[8] = "", c[8] = "", buf[64] = "";
	struct iovec iov[3] = { { a, 4 }, { b, 0 }, { c, 6 } };
	int64_t off = 3;
	struct stat st;
	int fd, to;

	SAY(fd = open("new", O_RDWR | O_CREAT | O_EXCL, 0642));
	SAY(open("new", O_RDWR | O_CREAT | O_EXCL, 0642));
	SAY(write(fd, "0123456789abcdefghij", 20));
	SAY(lseek(fd, 0, SEEK_CUR));
	SAY(pread(fd, buf, 5, 10));
	show("pread", buf, 5);
	SAY(lseek(fd, -4, SEEK_END));
	SAY(read(fd, buf, 60));
	show("read", buf, 4);
	SAY(read(fd, buf, 60));
	SAY(lseek(fd, -100, SEEK_SET));
	SAY(lseek(fd, 2, SEEK_SET));
	SAY(readv(fd, iov, 3));
	show("a", a, 4);
	show("c", c, 6);
	SAY(preadv(fd, iov, 3, 1));
	show("a", a, 4);
	SAY(pwrite(fd, "PW", 2, 30));
	SAY(writev(fd, iov, 3));
	SAY(pwritev(fd, iov, 3, 50));
	SAY(lseek(fd, 0, SEEK_CUR));
	SAY(lseek(fd, 0, SEEK_END));
	SAY(readv(fd, iov, -1));
	SAY(readv(fd, iov, 2000));
	SAY(read(fd, buf, 0));
	SAY(write(fd, "", 0));
	SAY(ftruncate(fd, 40));
	SAY(fstat(fd, &st));
	say_stat("new", &st);
	SAY(posix_fallocate(fd, 0, 100));
	SAY(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 10000));
	SAY(fsync(fd));
	SAY(fdatasync(fd));
	SAY(posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL));
	SAY(sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE));
	SAY(readahead(fd, 0, 100));
	SAY(syncfs(fd));
	SAY(to = open("copy", O_WRONLY | O_CREAT | O_TRUNC, 0600));
	SAY(copy_file_range(fd, &off, to, NULL, 10, 0));
	printf("off %d\n", (int)off);
	SAY(sendfile(to, fd, &off, 5));
	printf("off %d\n", (int)off);
	SAY(read(to, buf, 1));
	SAY(write(open("copy", O_RDONLY), "x", 1));
	SAY(fcntl(fd, F_GETFL) & ~0100000);
	SAY(fcntl(fd, F_SETFL, O_APPEND));
	SAY(fcntl(fd, F_GETFL) & ~0100000);
	SAY(lseek(fd, 0, SEEK_SET));
	SAY(write(fd, "appended", 8));
	SAY(lseek(fd, 0, SEEK_CUR));
	SAY(fcntl(fd, F_GETFD));
	SAY(ioctl(fd, 0x5401, buf));
	SAY(close(fd));
	SAY(close(fd));
	SAY(read(fd, buf, 1));
	SAY(fstat(fd, &st));
	SAY(pread(-1, buf, 1, 0));
	SAY(open("numbers", O_RDONLY | O_DIRECTORY));
	SAY(open("dir", O_WRONLY));
	SAY(open("", O_RDONLY));
	SAY(open("link", O_RDONLY | O_NOFOLLOW));
	SAY(open("none/x", O_RDWR | O_CREAT, 0600));
	SAY(truncate("numbers", 100));
	SAY(truncate("none", 100));
	SAY(truncate("numbers", -1));
	SAY(creat("created", 0666));
	SAY(open("dir", O_TMPFILE | O_RDWR, 0600));
}

/* ---- names ---- */

static void names(void)
{
	const struct timespec times[2] = { { 1000000000, 5 },
					   { 1100000000, 123456789 } };
	const struct timespec some[2] = { { 0, UTIME_OMIT },
					  { 1200000000, 1 } };
	struct stat st;
	struct statfs fs;
	char buf[PATH_MAX];
	int dir;

	SAY(mkdir("d", 0751));
	SAY(mkdir("d", 0751));
	SAY(rename("numbers", "d/numbers"));
	SAY(rename("none", "d/numbers"));
	SAY(link("d/numbers", "hard"));
	SAY(symlink("d/numbers", "soft"));
	SAY(symlink("", "nothing"));
	memset(buf, 0, sizeof(buf));
	SAY(readlink("soft", buf, sizeof(buf)));
	show("readlink", buf, strlen(buf));
	memset(buf, 0, sizeof(buf));
	SAY(readlink("soft", buf, 3));
	show("readlink", buf, strlen(buf));
	SAY(readlink("d", buf, 3));
	SAY(lstat("soft", &st));
	say_stat("lstat", &st);
	SAY(stat("soft", &st));
	say_stat("stat", &st);
	SAY(stat("soft/x", &st));
	SAY(dir = open("d", O_RDONLY | O_DIRECTORY));
	SAY(fstatat(dir, "numbers", &st, 0));
	say_stat("fstatat", &st);
	SAY(fstatat(dir, "", &st, AT_EMPTY_PATH));
	say_stat("fstatat", &st);
	SAY(mkdirat(dir, "deeper", 0700));
	SAY(openat(dir, "deeper/file", O_CREAT | O_WRONLY, 0640));
	SAY(openat(dir, "../soft", O_RDONLY));
	SAY(renameat(dir, "deeper/file", AT_FDCWD, "back"));
	SAY(syscall(SYS_renameat2, AT_FDCWD, "back", dir, "numbers", 1));
	SAY(syscall(SYS_renameat2, AT_FDCWD, "back", dir, "numbers", 2));
	SAY(unlinkat(dir, "deeper", 0));
	SAY(unlinkat(dir, "deeper", AT_REMOVEDIR));
	SAY(linkat(AT_FDCWD, "soft", AT_FDCWD, "soft2", 0));
	SAY(linkat(AT_FDCWD, "soft", AT_FDCWD, "hard2", AT_SYMLINK_FOLLOW));
	SAY(chmod("back", 04711));
	SAY(fchmodat(dir, "numbers", 0600, 0));
	SAY(fchmod(dir, 0700));
	SAY(chown("back", 5, 6));
	SAY(lchown("soft", 7, 8));
	SAY(fchownat(dir, "", 9, 10, AT_EMPTY_PATH));
	SAY(utimensat(AT_FDCWD, "back", times, 0));
	SAY(utimensat(dir, "numbers", some, 0));
	SAY(utimensat(AT_FDCWD, "soft", times, AT_SYMLINK_NOFOLLOW));
	SAY(futimens(dir, times));
	SAY(access("back", R_OK | W_OK | X_OK));
	SAY(access("d/none", F_OK));
	SAY(faccessat(dir, "numbers", X_OK, AT_EACCESS));
	SAY(mknod("pipe", S_IFIFO | 0620, 0));
	SAY(mkfifo("pipe", 0600));
	SAY(statfs(".", &fs));
	printf("type %lx bsize %ld namelen %ld\n", (long)fs.f_type,
	       (long)fs.f_bsize, (long)fs.f_namelen);
	SAY(fstatfs(dir, &fs));
	SAY(setxattr("back", "trusted.one", "value", 5, XATTR_CREATE));
	SAY(setxattr("back", "trusted.one", "value", 5, XATTR_CREATE));
	SAY(getxattr("back", "trusted.one", buf, 2));
	SAY(getxattr("back", "trusted.one", NULL, 0));
	SAY(getxattr("back", "trusted.one", buf, 100));
	show("getxattr", buf, 5);
	SAY(fsetxattr(dir, "trusted.two", "", 0, 0));
	SAY(listxattr("d", buf, 100));
	show("listxattr", buf, 11);
	SAY(flistxattr(dir, NULL, 0));
	SAY(fgetxattr(dir, "trusted.none", buf, 100));
	SAY(lremovexattr("back", "trusted.one"));
	SAY(chdir("d"));
	SAY(getcwd(buf, sizeof(buf)) == NULL);
	show("cwd", buf, strlen(buf));
	SAY(chdir("none"));
	SAY(chdir("numbers"));
	SAY(chdir(".."));
	SAY(fchdir(dir));
	SAY(getcwd(buf, sizeof(buf)) == NULL);
	show("cwd", buf, strlen(buf));
	SAY(getcwd(buf, 3) == NULL);
	SAY(umask(077));
	SAY(close(open("masked", O_CREAT | O_RDWR, 0777)));
	SAY(umask(022));
	list(".");
	SAY(rmdir("../d"));
	SAY(unlink("masked"));
	SAY(unlink("masked"));
	SAY(rmdir("."));
	SAY(chdir("/srv/w"));
	SAY(rmdir("dir"));
	SAY(unlink("dir"));
	list(".");
}

/* ---- descriptors ---- */

static void read3(const char *what, int fd)
{
	char buf[3] = "";
	long n = read(fd, buf, 3);

	printf("%s: %ld", what, n == -1 ? -errno : n);
	show("", buf, n);
}

static void shared_offsets(void)
{
	int status;
	int fd, two;
	pid_t pid;

	SAY(fd = open("numbers", O_RDONLY));
	SAY(two = open("numbers", O_RDONLY));
	read3("first", fd);
	read3("own offset", two);
	fflush(stdout);
	pid = fork();
	if (!pid) {
		read3("child goes on", fd);
		SAY(lseek(two, 100, SEEK_SET));
		SAY(close(fd));
		SAY(open("random", O_RDONLY));
		_exit(0);
	}
	SAY(waitpid(pid, &status, 0) == pid);
	read3("parent after the child", fd);
	read3("moved by the child", two);
	SAY(close(fd));
	SAY(close(two));
}

static void duplicates(void)
{
	int fd;

	SAY(fd = open("numbers", O_RDONLY));
	SAY(dup(fd));
	SAY(dup2(fd, 20));
	SAY(dup2(fd, fd));
	SAY(dup3(fd, 21, O_CLOEXEC));
	SAY(dup3(fd, fd, O_CLOEXEC));
	SAY(fcntl(fd, F_DUPFD, 15));
	SAY(fcntl(fd, F_DUPFD_CLOEXEC, 15));
	SAY(fcntl(21, F_GETFD));
	SAY(fcntl(16, F_GETFD));
	SAY(fcntl(20, F_GETFD));
	SAY(fcntl(20, F_SETFD, FD_CLOEXEC));
	SAY(close(fd));
	read3("by 20", 20);
	read3("by 15", 15);
	SAY(open("random", O_RDONLY));
	SAY(dup2(20, 3));
	read3("by 3", 3);
	SAY(dup2(99, 3));
	SAY(dup2(0, 3));
	SAY(dup2(20, 3));
	read3("3 again", 3);
	SAY(dup2(3, 0));
	read3("by 0", 0);
	SAY(syscall(SYS_close_range, 4, 15, 0));
	SAY(fcntl(15, F_GETFD));
	read3("still by 16", 16);
	SAY(syscall(SYS_close_range, 3, 20, 4));
	SAY(fcntl(3, F_GETFD));
	read3("still by 3", 3);
	SAY(syscall(SYS_close_range, 3, ~0U, 0));
	SAY(open("numbers", O_RDONLY));
	read3("lowest number", 3);
	SAY(syscall(SYS_close_range, 9, 3, 0));
}

/* argv: the descriptors to look at after an exec. */
static int after_exec(char **argv)
{
	for (; *argv; argv++)
		read3(*argv, atoi(*argv));
	return 0;
}

static void exec_in(pid_t (*make)(void), const char *a, const char *b)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = make();
	if (!pid) {
		execl(self, self, "after-exec", a, b, (char *)NULL);
		_exit(126);
	}
	SAY(waitpid(pid, &status, 0) == pid);
	SAY(status);
}

static pid_t with_fork(void)
{
	return fork();
}

static void over_exec(void)
{
	char *argv[] = { self, "after-exec", "3", "4", NULL };
	int status;
	pid_t pid;

	SAY(open("numbers", O_RDONLY));
	SAY(open("numbers", O_RDONLY | O_CLOEXEC));
	exec_in(with_fork, "3", "4");
	fflush(stdout);
	pid = vfork();
	if (!pid) {
		execl(self, self, "after-exec", "3", "4", (char *)NULL);
		_exit(126);
	}
	SAY(waitpid(pid, &status, 0) == pid);
	SAY(status);
	status = posix_spawn(&pid, self, NULL, NULL, argv, environ);
	SAY(waitpid(pid, &status, 0) == pid);
	SAY(status);
	read3("here 3 moved", 3);
	read3("here 4 did not", 4);
	SAY(execl("/srv/w/none", "none", (char *)NULL));
	read3("after a failed exec", 4);
	execl(self, self, "after-exec", "3", "4", (char *)NULL);
}

struct job {
	pthread_t thread;
	char name[16];
	long sum;
	bool own;
};

static void *work(void *arg)
{
	struct job *job = arg;
	char line[64];
	int fd;

	if (job->own && unshare(CLONE_FILES))
		job->sum = -1000000;
	for (int i = 0; i < 50; i++) {
		fd = open(job->name, O_RDWR | O_CREAT | O_APPEND, 0600);
		snprintf(line, sizeof(line), "%s %d\n", job->name, i);
		if (write(fd, line, strlen(line)) != (long)strlen(line))
			job->sum = -1000000;
		job->sum += pread(fd, line, sizeof(line), 8 * i);
		close(fd);
	}
	return NULL;
}

static void make_threads(bool own)
{
	struct job jobs[8] = { 0 };
	int i;

	for (i = 0; i < 8; i++) {
		snprintf(jobs[i].name, sizeof(jobs[i].name), "thread%d", i);
		jobs[i].own = own && i >= 6;
		pthread_create(&jobs[i].thread, NULL, work, &jobs[i]);
	}
	for (i = 0; i < 8; i++) {
		pthread_join(jobs[i].thread, NULL);
		printf("%s: %ld\n", jobs[i].name, jobs[i].sum);
	}
	SAY(open("numbers", O_RDONLY));
}

static void threads(void)
{
	make_threads(false);
}

static void threads_apart(void)
{
	make_threads(true);
}

static void *opens(void *arg)
{
	*(int *)arg = open("numbers", O_RDONLY);
	return NULL;
}

static void *opens_alone(void *arg)
{
	unshare(CLONE_FILES);
	return opens(arg);
}

static void *closes_alone(void *arg)
{
	*(int *)arg = syscall(SYS_close_range, 3, ~0U, 2);
	return NULL;
}

static void *goes_alone(void *arg)
{
	if (!unshare(CLONE_FS) && !chdir("dir")) {
		umask(0);
		*(int *)arg = open("a", O_RDONLY);
	}
	return NULL;
}

static void *goes(void *arg)
{
	*(int *)arg = chdir("dir");
	return NULL;
}

static void thread_tables(void)
{
	char buf[100];
	pthread_t thread;
	int fd;

	pthread_create(&thread, NULL, opens, &fd);
	pthread_join(thread, NULL);
	SAY(fd);
	read3("opened by a thread", fd);
	pthread_create(&thread, NULL, opens_alone, &fd);
	pthread_join(thread, NULL);
	SAY(fd);
	read3("opened in a table of its own", fd);
	SAY(open("numbers", O_RDONLY));
	pthread_create(&thread, NULL, closes_alone, &fd);
	pthread_join(thread, NULL);
	SAY(fd);
	read3("not closed here", 3);
	pthread_create(&thread, NULL, goes_alone, &fd);
	pthread_join(thread, NULL);
	SAY(fd);
	SAY(open("dir/a", O_RDONLY));
	SAY(umask(022));
	show("cwd", getcwd(buf, sizeof(buf)), 10);
	pthread_create(&thread, NULL, goes, &fd);
	pthread_join(thread, NULL);
	SAY(fd);
	show("cwd", getcwd(buf, sizeof(buf)), 10);
	SAY(open("a", O_RDONLY));
}

/* ---- limits ---- */

static void limits(void)
{
	struct rlimit lim = { 12, 12 };
	struct stat st;
	int fd;

	SAY(setrlimit(RLIMIT_NOFILE, &lim));
	do
		fd = SAY(open("numbers", O_RDONLY));
	while (fd >= 0);
	SAY(open("never", O_CREAT | O_WRONLY, 0600));
	SAY(creat("never", 0600));
	SAY(open("numbers", O_WRONLY | O_TRUNC));
	SAY(open("dir", O_TMPFILE | O_RDWR, 0600));
	SAY(dup(3));
	SAY(fcntl(3, F_DUPFD, 0));
	SAY(stat("never", &st));
	SAY(stat("numbers", &st));
	say_stat("numbers", &st);
	SAY(close(7));
	SAY(open("once", O_CREAT | O_WRONLY, 0600));
	SAY(open("never", O_CREAT | O_WRONLY, 0600));
	SAY(dup2(3, 12));
	SAY(dup2(3, 11));
	SAY(stat("once", &st));
	lim.rlim_cur = 3;
	SAY(setrlimit(RLIMIT_NOFILE, &lim));
	SAY(close(5));
	SAY(open("never", O_CREAT | O_WRONLY, 0600));
	read3("3 still reads", 3);
}

/* ---- maps ---- */

static void maps(void)
{
	const size_t page = sysconf(_SC_PAGESIZE);
	struct stat st;
	char *p, *q;
	int fd;

	SAY(fd = open("random", O_RDWR));
	SAY(fstat(fd, &st));
	p = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	q = malloc(st.st_size);
	SAY(pread(fd, q, st.st_size, 0) == st.st_size);
	SAY(memcmp(p, q, st.st_size));
	SAY(munmap(p, st.st_size));
	p = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, page);
	SAY(memcmp(p, q + page, page));
	memset(p, 'x', page);
	SAY(pread(fd, q, page, page) == (long)page);
	SAY(memcmp(p, q, page) != 0);
	SAY(munmap(p, page));
	p = mmap(NULL, st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	SAY(close(fd));
	SAY(memcmp(p + page, q, page));
	SAY(p[st.st_size]);
	SAY(munmap(p, st.st_size));
	SAY(fd = open("dir", O_RDONLY));
	SAY(mmap(NULL, page, PROT_READ, MAP_PRIVATE, fd, 0) == MAP_FAILED);
	printf("errno %d\n", errno);
	SAY(fd = open("random", O_WRONLY));
	SAY(mmap(NULL, page, PROT_READ, MAP_PRIVATE, fd, 0) == MAP_FAILED);
	printf("errno %d\n", errno);
	free(q);
}

/* ---- pointers that lead nowhere ---- */

static void pointers(void)
{
	const size_t page = sysconf(_SC_PAGESIZE);
	char *p = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *bad = p + page;
	struct iovec iov[2] = { { p, 4 }, { bad, 4 } };
	int fd, out;

	munmap(bad, page);
	SAY(fd = open("numbers", O_RDWR));
	SAY(out = open("out", O_RDWR | O_CREAT, 0600));
	SAY(open(bad, O_RDONLY));
	memset(p, 'a', page);
	SAY(open(bad - 3, O_RDONLY));
	SAY(mkdir(NULL, 0700));
	SAY(pread(fd, bad, 10, 0));
	SAY(write(out, bad, 10));
	SAY(syscall(SYS_newfstatat, AT_FDCWD, "numbers", bad, 0));
	SAY(syscall(SYS_fstat, fd, bad - 4));
	SAY(readlink("link", bad, 100));
	SAY(readv(fd, (struct iovec *)bad, 2));
	SAY(writev(out, (struct iovec *)(bad - 8), 2));
	iov[0].iov_base = bad;
	SAY(writev(out, iov, 2));
	SAY(syscall(SYS_getdents64, open("dir", O_RDONLY), bad, 100));
	SAY(rename("numbers", bad));
	SAY(symlink(bad, "x"));
	SAY(syscall(SYS_utimensat, AT_FDCWD, "numbers", bad, 0));
	SAY(setxattr("numbers", "trusted.a", bad, 5, 0));
	SAY(getxattr("numbers", bad, p, 5));
	SAY(syscall(SYS_getcwd, bad, 100));
	SAY(unlink("out"));
}

/* What cannot be delivered is not taken. */
static void pointers_read(void)
{
	const size_t page = sysconf(_SC_PAGESIZE);
	char *p = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *bad = p + page;
	struct iovec iov[2] = { { bad, 4 }, { p, 4 } };
	int fd;

	mprotect(bad, page, PROT_READ);
	SAY(fd = open("numbers", O_RDWR));
	SAY(read(fd, bad, 10));
	SAY(lseek(fd, 0, SEEK_CUR));
	SAY(readv(fd, iov, 2));
	SAY(lseek(fd, 0, SEEK_CUR));
	SAY(read(fd, p, 3));
	show("still at the beginning", p, 3);
	munmap(bad, page);
	SAY(read(fd, bad, 10));
	SAY(lseek(fd, 0, SEEK_CUR));
	SAY(read(fd, p, 3));
	show("where it was", p, 3);
	SAY(syscall(SYS_getdents64, fd = open("dir", O_RDONLY), bad, 100));
	SAY(syscall(SYS_getdents64, fd, p, 24) > 0);
}

static const struct {
	const char *name;
	void (*run)(void);
} parts[] = {
	{ "bytes", bytes },
	{ "names", names },
	{ "shared-offsets", shared_offsets },
	{ "duplicates", duplicates },
	{ "over-exec", over_exec },
	{ "threads", threads },
	{ "threads-apart", threads_apart },
	{ "thread-tables", thread_tables },
	{ "limits", limits },
	{ "maps", maps },
	{ "pointers", pointers },
	{ "pointers-read", pointers_read },
};

int main(int argc, char **argv)
{
	self = argv[0];
	if (argc > 1 && !strcmp(argv[1], "after-exec"))
		return after_exec(argv + 2);
	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
		if (argc == 2 && !strcmp(argv[1], parts[i].name)) {
			parts[i].run();
			return 0;
		}
	}
	fprintf(stderr, "usage: %s PART\n", argv[0]);
	return 2;
}
