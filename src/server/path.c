/*
 * The guard of paths. Every path of a call is resolved here first, by an
 * O_PATH open that does not follow magic links.
 *
 * Theory of Operation
 *
 * A session runs calls as threads of one process, so /proc/self is that
 * process, its memory, its channel. What a path means is asked of the kernel,
 * never of its spelling: open it with O_PATH, and if it lies on procfs go up
 * from there to the root of procfs. Where the directory of a process that runs
 * our executable is met on the way, or the way does not lead to that root (a
 * bind mount, another mount namespace), it is refused.
 *
 * Magic links (/proc/PID/fd/N, exe, cwd, root) lead to objects, not to paths,
 * so RESOLVE_NO_MAGICLINKS stops at them with ELOOP. The guard then walks the
 * path itself up to the link, refuses it if it is an rsc process's, and else
 * goes through that one link by its canonical name. The rest of the path is
 * resolved under the same rules.
 *
 * Descriptor tables belong to threads here, so our own are found below
 * /proc/thread-self. The handle on /proc is taken before a chroot.
 */
#include "server/path.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/log.h"

#define LINKS_MAX 40
#define PROC_ROOT_INO 1
#define MODE_BITS 07777
#define OPEN_BITS                                                              \
	(O_ACCMODE | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND |        \
	 O_NONBLOCK | O_SYNC | O_DSYNC | O_ASYNC | O_DIRECT | O_DIRECTORY |    \
	 O_NOFOLLOW | O_NOATIME | O_CLOEXEC | O_PATH | O_TMPFILE)
#define PATH_BITS (O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_PATH)

static int proc_fd = -1; /* /proc, or -1 where there is none */
static bool rooted;	 /* there is a root to be kept */
static dev_t exe_dev;
static ino_t exe_ino;

static int openat2_fd(int dirfd, const char *path, uint64_t flags,
		      uint64_t mode, uint64_t resolve)
{
	struct open_how how = {
		.flags = flags,
		.mode = mode,
		.resolve = resolve,
	};
	long fd = syscall(SYS_openat2, dirfd, path, &how, sizeof(how));

	return fd < 0 ? -errno : (int)fd;
}

int path_init(bool has_root)
{
	struct stat st;
	int fd;

	if (stat("/proc/self/exe", &st) < 0) {
		log_err("session: cannot look at /proc/self/exe: %s; mount "
			"/proc",
			strerror(errno));
		return -errno;
	}
	exe_dev = st.st_dev;
	exe_ino = st.st_ino;
	rooted = has_root;
	proc_fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (proc_fd < 0)
		return -errno;
	fd = openat2_fd(AT_FDCWD, "/", O_PATH | O_CLOEXEC, 0, 0);
	if (fd < 0) {
		log_err("session: openat2: %s; the server needs Linux 5.6",
			strerror(-fd));
		return fd;
	}
	close(fd);
	return 0;
}

void path_begin(struct place *place, int dirfd, const char *path)
{
	place->dirfd = dirfd;
	place->path = path;
	place->resolve = 0;
	place->magic = false;
	place->own = false;
	place->held = -1;
}

void path_end(struct place *place)
{
	if (place->held >= 0)
		close(place->held);
	place->held = -1;
}

static bool on_proc(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC;
}

/* The canonical name of an open object, NUL-terminated; 0 or -errno. */
static int name_of(int fd, char *text, size_t size)
{
	char name[32];
	ssize_t len;

	snprintf(name, sizeof(name), "thread-self/fd/%d", fd);
	len = readlinkat(proc_fd, name, text, size - 1);
	if (len < 0)
		return -errno;
	if ((size_t)len >= size - 1)
		return -ENAMETOOLONG;
	text[len] = '\0';
	return 0;
}

int path_begin_at(struct place *place, int fd, const char *rest, bool at)
{
	char text[PATH_MAX];
	int err;

	path_begin(place, fd, rest);
	if (at && *rest)
		return 0;
	if (at) {
		snprintf(place->text, sizeof(place->text), "thread-self/fd/%d",
			 fd);
		place->dirfd = proc_fd;
		place->magic = true;
	} else {
		err = name_of(fd, text, sizeof(text));
		if (err)
			return err;
		if (snprintf(place->text, sizeof(place->text), "%s%s%s", text,
			     *rest ? "/" : "",
			     rest) >= (int)sizeof(place->text))
			return -ENAMETOOLONG;
		place->dirfd = AT_FDCWD;
	}
	place->path = place->text;
	return 0;
}

void path_begin_own(struct place *place, const char *name)
{
	path_begin(place, proc_fd, place->text);
	snprintf(place->text, sizeof(place->text), "self/%s", name);
	place->magic = true;
	place->own = true;
}

/*
 * The directory on procfs in which fd, no directory itself, is named by the
 * last part of text: a descriptor or -EACCES. The name is a hint, as it may
 * be one of another mount namespace: what it leads to must be fd.
 */
static int parent_of(int fd, const char *text)
{
	const char *base = strrchr(text, '/');
	char head[PATH_MAX];
	struct stat above;
	struct stat found;
	struct stat own;
	int dir;

	if (text[0] != '/' || fstat(fd, &own) < 0)
		return -EACCES;
	snprintf(head, sizeof(head), "%.*s/", (int)(base - text), text);
	dir = open(head, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return -EACCES;
	if (fstat(dir, &above) == 0 && above.st_dev == own.st_dev &&
	    fstatat(dir, base + 1, &found, AT_SYMLINK_NOFOLLOW) == 0 &&
	    found.st_dev == own.st_dev && found.st_ino == own.st_ino)
		return dir;
	close(dir);
	return -EACCES;
}

/* Is dir the directory of a process, or thread, that runs our executable? */
static bool is_rsc(int dir)
{
	struct stat st;

	return fstatat(dir, "exe", &st, 0) == 0 && st.st_dev == exe_dev &&
	       st.st_ino == exe_ino;
}

int path_guard_pid(pid_t pid)
{
	char name[16];
	int err = 0;
	int dir;

	if (pid <= 0)
		return -EPERM;
	snprintf(name, sizeof(name), "%d", pid);
	dir = openat(proc_fd, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return 0; /* the call itself says what is wrong */
	if (is_rsc(dir))
		err = -EPERM;
	close(dir);
	return err;
}

int path_proc(void)
{
	return proc_fd;
}

/* The last n parts of a name. */
static const char *tail(const char *text, unsigned int n)
{
	const char *at = text + strlen(text);

	for (; n; n--)
		while (at > text && *--at != '/')
			;
	return *at == '/' ? at + 1 : at;
}

/* /proc/net and /proc/mounts lead below /proc/self; they are the machine's. */
static bool is_public(const char *rest, const char *asked)
{
	const char *part;
	size_t len;

	if (strcmp(rest, "mounts") && strcmp(rest, "net") &&
	    strncmp(rest, "net/", 4))
		return false;
	for (part = asked; *part; part += len) {
		part += strspn(part, "/");
		len = strcspn(part, "/");
		if (len && strspn(part, "0123456789") == len)
			return false;
		if (len >= 4 && !strncmp(part + len - 4, "self", 4))
			return false;
	}
	return true;
}

/*
 * Goes up from dir, which it closes, to the root of procfs; 0 or -EACCES.
 * depth: how many parts of text, the object's name, lie below dir.
 */
static int check_above(int dir, const char *text, unsigned int depth,
		       const char *asked, bool stat_only)
{
	struct stat st;
	dev_t dev = 0;
	int err = 0;
	int up;

	for (;; depth++) {
		/* Who leaves procfs before its root came by a bind mount. */
		if (fstat(dir, &st) < 0 || (dev && st.st_dev != dev)) {
			err = -EACCES;
			break;
		}
		dev = st.st_dev;
		if (is_rsc(dir)) {
			if (!(depth ? is_public(tail(text, depth), asked) :
				      stat_only))
				err = -EACCES;
			break;
		}
		if (st.st_ino == PROC_ROOT_INO)
			break;
		up = openat(dir, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
		close(dir);
		if (up < 0)
			return -EACCES;
		dir = up;
	}
	close(dir);
	return err;
}

/* Others' look-ups below /proc/PID/net take the entry that fd has away. */
static void strip_deleted(char *text)
{
	static const char suffix[] = " (deleted)";
	size_t len = strlen(text);

	if (len > sizeof(suffix) - 1 &&
	    !strcmp(text + len - (sizeof(suffix) - 1), suffix))
		text[len - (sizeof(suffix) - 1)] = '\0';
}

/* May the client have what fd stands for? 0 or -EACCES. */
static int check(int fd, const char *asked, bool stat_only)
{
	char text[PATH_MAX];
	unsigned int depth = 0;
	int dir;

	if (!on_proc(fd))
		return 0;
	if (name_of(fd, text, sizeof(text)))
		return -EACCES;
	strip_deleted(text);
	dir = openat(fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0) {
		dir = parent_of(fd, text);
		depth = 1;
	}
	if (dir < 0)
		return -EACCES;
	return check_above(dir, text, depth, asked, stat_only);
}

/* A scoped resolution meets no magic link: the kernel says EXDEV itself. */
static uint64_t no_magic(uint64_t resolve)
{
	return resolve & (RESOLVE_BENEATH | RESOLVE_IN_ROOT) ?
		       0 :
		       RESOLVE_NO_MAGICLINKS;
}

static int walk(const struct place *place, const char *path, bool nofollow)
{
	return openat2_fd(place->dirfd, path,
			  O_PATH | O_CLOEXEC | (nofollow ? O_NOFOLLOW : 0), 0,
			  place->resolve | no_magic(place->resolve));
}

/* Does the path end in ELOOP whatever links there are? */
static bool is_loop(const struct place *place, bool nofollow)
{
	int fd;

	fd = openat2_fd(place->dirfd, place->path,
			O_PATH | O_CLOEXEC | (nofollow ? O_NOFOLLOW : 0), 0, 0);
	if (fd >= 0)
		close(fd);
	return fd == -ELOOP;
}

static void hold(struct place *place, int fd)
{
	path_end(place);
	place->held = fd;
	place->dirfd = fd;
}

/* fd is a magic link and rest follows it: 1, 0 at the end, or -errno. */
static int through_magic(struct place *place, int fd, const char *rest)
{
	char text[PATH_MAX];
	int target;
	int err;

	err = rooted ? -EACCES : check(fd, "/self", false);
	if (!err)
		err = name_of(fd, text, sizeof(text));
	if (err)
		return -EACCES;
	if (!*rest) {
		strcpy(place->text, text);
		place->path = place->text;
		place->dirfd = AT_FDCWD;
		place->magic = true;
		return 0;
	}
	target = open(text, O_PATH | O_CLOEXEC);
	if (target < 0)
		return -errno;
	hold(place, target);
	memmove(place->text, rest, strlen(rest) + 1);
	place->path = place->text;
	return 1;
}

/* fd is a plain link in the directory head that leads to a magic one. */
static int through_link(struct place *place, int fd, const char *head,
			const char *rest)
{
	char text[PATH_MAX];
	char target[PATH_MAX];
	ssize_t len;
	int dir;

	len = readlinkat(fd, "", target, sizeof(target) - 1);
	if (len < 0)
		return -errno;
	target[len] = '\0';
	if (snprintf(text, sizeof(text), "%s%s%s", target, *rest ? "/" : "",
		     rest) >= (int)sizeof(text))
		return -ENAMETOOLONG;
	if (target[0] != '/') {
		dir = walk(place, head, false);
		if (dir < 0)
			return dir;
		hold(place, dir);
	}
	strcpy(place->text, text);
	place->path = place->text;
	return 1;
}

/*
 * The path ends in ELOOP: takes it past the first link that does. 1: resolve
 * what is left, 0: there is nothing to check, or -errno.
 */
static int step(struct place *place)
{
	char path[PATH_MAX];
	char head[PATH_MAX];
	const char *rest;
	char *start = path;
	char *end;
	char was;
	int err;
	int fd;

	if (strlen(place->path) >= sizeof(path))
		return -ENAMETOOLONG;
	strcpy(path, place->path);
	for (;;) {
		start += strspn(start, "/");
		end = strchrnul(start, '/');
		if (end == start)
			return -ELOOP;
		was = *end;
		*end = '\0';
		fd = walk(place, path, false);
		if (fd == -ELOOP)
			break;
		if (fd < 0)
			return fd;
		close(fd);
		*end = was;
		start = end;
	}
	fd = walk(place, path, true);
	if (fd < 0)
		return fd;
	rest = was ? end + 1 + strspn(end + 1, "/") : "";
	snprintf(head, sizeof(head), "%.*s", (int)(start - path), path);
	if (!head[0])
		strcpy(head, ".");
	if (on_proc(fd))
		err = through_magic(place, fd, rest);
	else
		err = through_link(place, fd, head, rest);
	close(fd);
	return err;
}

int path_guard(struct place *place, bool nofollow, bool stat_only)
{
	const char *asked = place->path;
	int links;
	int err;
	int fd;

	/* A client's own descriptor was checked when it came to be. */
	if (place->magic)
		return 0;
	for (links = 0; links < LINKS_MAX; links++) {
		fd = walk(place, place->path, nofollow);
		if (fd >= 0) {
			err = check(fd, asked, stat_only);
			close(fd);
			return err;
		}
		/* Who restricts the resolution goes through no magic link. */
		if (fd != -ELOOP || place->resolve)
			return 0;
		/* Too many links of any kind are too many. */
		if (is_loop(place, nofollow))
			return -ELOOP;
		err = step(place);
		if (err <= 0)
			return err;
		asked = "self";
	}
	return -ELOOP;
}

struct open_how path_how(uint64_t flags, uint64_t mode)
{
	struct open_how how = { .flags = flags & OPEN_BITS };

	if (flags & O_PATH)
		how.flags &= PATH_BITS;
	else if (flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE)
		how.mode = mode & MODE_BITS;
	return how;
}

int path_open(struct place *place, const struct open_how *how)
{
	bool nofollow = how->flags & O_NOFOLLOW ||
			(how->flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL);
	uint64_t flags = how->flags | O_CLOEXEC;
	const char *path = place->path;
	uint64_t resolve = how->resolve;
	int err;
	int fd;

	if (place->own && flags & (O_PATH | O_ACCMODE))
		return -EACCES;
	if (!(flags & O_PATH))
		flags |= O_NOCTTY;
	place->resolve = how->resolve & ~(uint64_t)RESOLVE_CACHED;
	err = path_guard(place, nofollow, false);
	if (err)
		return err;
	if (!place->magic)
		resolve |= no_magic(resolve);
	fd = openat2_fd(place->dirfd, place->path, flags, how->mode, resolve);
	/* Somebody may have exchanged a link since it was checked. */
	err = fd < 0 ? fd : place->own ? 0 : check(fd, path, false);
	if (err && fd >= 0)
		close(fd);
	return err ? err : fd;
}

/* Appends the last component to a directory's name. */
static int name_below(int dir, const char *last, char *text, size_t size)
{
	int err = name_of(dir, text, size);
	size_t len;

	if (err)
		return err;
	len = strlen(text);
	if (len == 1)
		len = 0;
	if (len + strlen(last) + 2 > size)
		return -ENAMETOOLONG;
	text[len] = '/';
	strcpy(text + len + 1, last);
	return 0;
}

/* Nothing is at place: goes where a dangling link leads (1), or names it. */
static int resolve_missing(struct place *place, bool nofollow, char *text,
			   size_t size)
{
	char path[PATH_MAX];
	char target[PATH_MAX];
	ssize_t len = -1;
	char *last;
	int dir;
	int err;

	if (snprintf(path, sizeof(path), "%s", place->path) >=
	    (int)sizeof(path))
		return -ENAMETOOLONG;
	last = strrchr(path, '/');
	if (last)
		*last++ = '\0';
	dir = walk(place, !last ? "." : *path ? path : "/", false);
	if (dir < 0)
		return dir;
	last = last ? last : path;
	if (!nofollow)
		len = readlinkat(dir, last, target, sizeof(target) - 1);
	if (len < 0) {
		err = name_below(dir, last, text, size);
		close(dir);
		return err;
	}
	target[len] = '\0';
	hold(place, dir);
	strcpy(place->text, target);
	place->path = place->text;
	return 1;
}

int path_resolve(struct place *place, bool nofollow, char *text, size_t size)
{
	int links;
	int err;
	int fd;

	for (links = 0; links < LINKS_MAX; links++) {
		fd = walk(place, place->path, nofollow);
		if (fd >= 0) {
			err = check(fd, "self", false);
			if (!err)
				err = name_of(fd, text, size);
			close(fd);
			return err ? err : (int)strlen(text);
		}
		if (fd != -ENOENT)
			return fd;
		err = resolve_missing(place, nofollow, text, size);
		if (err <= 0)
			return err ? err : (int)strlen(text);
	}
	return -ELOOP;
}
