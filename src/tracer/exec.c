/* execve: whose program it is, and fetching one that the server has. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/log.h"
#include "tracer/abi.h"
#include "tracer/exec_image.h"
#include "tracer/memory.h"
#include "tracer/tracee.h"

#define FETCH_STEP (1u << 20)
#define FETCH_TRIES 3
#define REPLACED_MAX 100
#define BUSY_TRIES 3
#define KEY_SIZE (2 * PATH_MAX)

/* What an execve under way has found out. */
struct exec {
	struct exec_image to; /* what will be executed */
	int dirfd;
	int flags;
	char want[PATH_MAX];	/* the file looked for, as it was named */
	char name[PATH_MAX];	/* its absolute name */
	char program[PATH_MAX]; /* here, while its PT_INTERP is looked for */
	struct stat st;		/* of the file that is fetched */
	struct stat program_st; /* of the server's program */
	struct running_file *running; /* a reference: that, or NULL */
	struct cache_file file;
	uint64_t at; /* bytes that are fetched */
	int handle;  /* the server's, or -1 */
	unsigned int tries;
	unsigned int replaced;
	unsigned int busy; /* so often somebody had it open for writing */
	bool loader;	   /* it is a PT_INTERP */
};

struct exec_image *exec_image_of(struct tracee *t)
{
	return t->exec ? &t->exec->to : NULL;
}

static void look_for(struct run *run, struct tracee *t);

int exec_mode_by_name(const char *text)
{
	static const char *const names[] = { "local", "auto", "remote" };

	for (int i = 0; i < 3; i++)
		if (!strcmp(text, names[i]))
			return i;
	return -1;
}

void exec_drop(struct run *run, struct tracee *t)
{
	struct exec *e = t->exec;

	if (!e)
		return;
	if (e->handle >= 0)
		tell_close(run, t, e->handle);
	exec_image_free(&e->to);
	cache_abort(&e->file);
	running_unref(e->running);
	free(e);
	t->exec = NULL;
}

static void refuse(struct run *run, struct tracee *t, int err)
{
	exec_drop(run, t);
	finish_skip(run, t, err);
}

/* As the kernel makes the call, with the file that it names here. */
static void run_as_named(struct run *run, struct tracee *t)
{
	struct exec *e = t->exec;
	int err = abi_check_file(t->pid, e->dirfd, e->want);

	if (err) {
		refuse(run, t, err);
		return;
	}
	exec_drop(run, t);
	let_go(run, t);
}

/* ---- this machine's ---- */

/* True for a name in a directory where this machine keeps its programs. */
static bool is_program_dir(const char *name)
{
	static const char *const dirs[] = { "/usr/",	"/bin/",   "/sbin/",
					    "/lib/",	"/lib32/", "/lib64/",
					    "/libx32/", "/opt/" };
	const char *path = getenv("PATH");
	size_t len = (size_t)(strrchr(name, '/') - name);

	for (size_t i = 0; i < sizeof(dirs) / sizeof(*dirs); i++)
		if (!strncmp(name, dirs[i], strlen(dirs[i])))
			return true;
	for (; path && *path; path += strspn(path, ":")) {
		size_t n = strcspn(path, ":");

		if (path[0] == '/' && n == len && !strncmp(path, name, n))
			return true;
		path += n;
	}
	return false;
}

static bool is_here(const char *name)
{
	struct stat st;

	return !stat(name, &st) && S_ISREG(st.st_mode);
}

static void run_local(struct run *run, struct tracee *t)
{
	struct exec *e = t->exec;
	int err;

	/* The name says the same here, and is the one the program gave. */
	if (!e->to.nargs &&
	    (e->want[0] == '/' || !t->fs->remote || e->dirfd != AT_FDCWD)) {
		run_as_named(run, t);
		return;
	}
	err = abi_check_file(t->pid, AT_FDCWD, e->name);
	if (!err)
		err = exec_image_local(run, &e->to, e->name);
	if (err)
		refuse(run, t, err);
	else
		exec_image_put(run, t, &e->to);
}

/* ---- the server's ---- */

/* The kernel's own view of which version of which file it is. */
static void version_key(const struct run *run, const struct stat *st,
			char key[KEY_SIZE])
{
	snprintf(key, KEY_SIZE, "file %s %llx %llx %lld %lld.%09ld %lld.%09ld",
		 run->server_name, (unsigned long long)st->st_dev,
		 (unsigned long long)st->st_ino, (long long)st->st_size,
		 (long long)st->st_mtim.tv_sec, st->st_mtim.tv_nsec,
		 (long long)st->st_ctim.tv_sec, st->st_ctim.tv_nsec);
}

static bool same_version(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino &&
	       a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
	       a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
	       a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* What the server has of it is here. */
static void put_image(struct run *run, struct tracee *t)
{
	exec_image_put(run, t, &t->exec->to);
}

static void start(struct run *run, struct tracee *t)
{
	struct exec *e = t->exec;

	running_begin(run, t, &e->program_st, &e->running, put_image);
}

/* The file looked for is in path, here. */
static void have_file(struct run *run, struct tracee *t, const char *path)
{
	struct exec *e = t->exec;
	int err;

	if (e->st.st_mode & (S_ISUID | S_ISGID))
		log_warn("%s: set-user-ID and set-group-ID are not honoured",
			 e->name);
	err = cache_note(&run->cache, path, e->name);
	if (!err && e->loader) {
		err = exec_image_loaded(run, &e->to, e->program, path);
		if (!err)
			start(run, t);
	} else if (!err) {
		e->program_st = e->st;
		err = exec_image_remote(&e->to, path, e->name, e->want);
		if (err > 0) {
			e->loader = err == EXEC_WANTS_LOADER;
			snprintf(e->program, PATH_MAX, "%s", path);
			e->dirfd = AT_FDCWD;
			e->flags = 0;
			look_for(run, t);
			return;
		}
		if (!err)
			err = exec_image_ready(run, &e->to, path);
		if (!err)
			start(run, t);
	}
	if (err)
		refuse(run, t, err);
}

static void fetch_more(struct run *run, struct tracee *t);

/* The name stands, or soon will, for another file, which may be whole. */
static bool is_another(const struct stat *a, const struct stat *b)
{
	return a->st_dev != b->st_dev || a->st_ino != b->st_ino ||
	       a->st_nlink != b->st_nlink;
}

static void fetched_whole(struct run *run, struct tracee *t)
{
	const struct stat *st = (const void *)t->req.val[1].data;
	struct exec *e = t->exec;
	char path[PATH_MAX];
	int err;

	if (t->req.ret < 0) {
		refuse(run, t, (int)t->req.ret);
		return;
	}
	if (!same_version(st, &e->st) || e->at != (uint64_t)st->st_size) {
		cache_abort(&e->file);
		tell_close(run, t, e->handle);
		e->handle = -1;
		if (is_another(st, &e->st))
			e->replaced++;
		else
			e->tries++; /* somebody writes to it */
		if (e->tries == FETCH_TRIES || e->replaced == REPLACED_MAX)
			refuse(run, t, -ETXTBSY);
		else
			look_for(run, t);
		return;
	}
	tell_close(run, t, e->handle);
	e->handle = -1;
	err = cache_commit(&run->cache, &e->file, path);
	if (err) {
		log_err("%s cannot be kept here: %s", e->name, strerror(-err));
		refuse(run, t, err);
		return;
	}
	have_file(run, t, path);
}

static void fetched(struct run *run, struct tracee *t)
{
	struct value *v = &t->req.val[1];
	struct exec *e = t->exec;
	int err;

	if (t->req.ret < 0) {
		refuse(run, t, (int)t->req.ret);
		return;
	}
	err = cache_add(&e->file, v->data, (size_t)t->req.ret);
	if (err) {
		log_err("%s cannot be kept here: %s", e->name, strerror(-err));
		refuse(run, t, err);
		return;
	}
	e->at += (uint64_t)t->req.ret;
	arena_reset(&t->arena);
	/* What grows without end is found to be another version too. */
	if (t->req.ret && e->at <= (uint64_t)e->st.st_size) {
		fetch_more(run, t);
		return;
	}
	t->req = (struct req){ .call = call_by_name("fstat") };
	t->req.val[0].num = (uint64_t)e->handle;
	t->req.val[1].num = 1;
	t->req.val[1].len = sizeof(struct stat);
	ask(run, t, fetched_whole);
}

static void fetch_more(struct run *run, struct tracee *t)
{
	t->req = (struct req){ .call = call_by_name("pread64") };
	t->req.val[0].num = (uint64_t)t->exec->handle;
	t->req.val[1].num = 1;
	t->req.val[1].len = FETCH_STEP;
	t->req.val[2].num = FETCH_STEP;
	t->req.val[3].num = t->exec->at;
	ask(run, t, fetched);
}

static void may_run(struct run *run, struct tracee *t)
{
	const struct statfs *fs = (const void *)t->req.val[1].data;
	struct exec *e = t->exec;
	char key[KEY_SIZE];
	int err;

	if (!t->req.ret && fs->f_flags & ST_NOEXEC)
		t->req.ret = -EACCES;
	if (t->req.ret < 0) {
		refuse(run, t, (int)t->req.ret);
		return;
	}
	version_key(run, &e->st, key);
	e->at = 0;
	err = cache_begin(&run->cache, key, &e->file);
	if (err) {
		log_err("%s cannot be kept here: %s", e->name, strerror(-err));
		refuse(run, t, err);
		return;
	}
	fetch_more(run, t);
}

static void opened(struct run *run, struct tracee *t)
{
	if (t->req.ret < 0) {
		if (t->req.ret == -EACCES)
			log_err("%s can be executed on the server but not read: it cannot be run here",
				t->exec->name);
		refuse(run, t, (int)t->req.ret);
		return;
	}
	t->exec->handle = (int)t->req.ret;
	t->req = (struct req){ .call = call_by_name("fstatfs") };
	t->req.val[0].num = (uint64_t)t->exec->handle;
	t->req.val[1].num = 1;
	t->req.val[1].len = sizeof(struct statfs);
	ask(run, t, may_run);
}

/* t->asked has the place of the file in its first two values. */
static void ask_place(struct run *run, struct tracee *t, const char *name,
		      then_fn then)
{
	struct req req = { .call = call_by_name(name) };
	int nofollow = t->exec->flags & AT_SYMLINK_NOFOLLOW;

	req.val[0] = t->asked->val[0];
	req.val[1] = t->asked->val[1];
	if (!strcmp(name, "openat")) {
		req.val[2].num = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC |
				 (nofollow ? O_NOFOLLOW : 0);
	} else if (!strcmp(name, "newfstatat")) {
		req.val[2].num = 1;
		req.val[2].len = sizeof(struct stat);
		req.val[3].num = (uint64_t)nofollow;
	} else if (!strcmp(name, "rsc_resolve")) {
		req.val[2].num = (uint64_t)nofollow;
		req.val[3].num = 1;
		req.val[3].len = PATH_MAX;
		req.val[4].num = PATH_MAX;
	} else {
		req.val[2].num = (uint64_t)nofollow;
	}
	t->req = req;
	ask(run, t, then);
}

/* Where links led to: what /proc/self/exe says. */
static void named(struct run *run, struct tracee *t)
{
	const struct value *name = &t->req.val[3];
	struct exec *e = t->exec;
	char path[PATH_MAX];
	char key[KEY_SIZE];
	int err;

	if (t->req.ret > 0 && name->data[0] == '/' &&
	    !name->data[t->req.ret - 1])
		snprintf(e->name, PATH_MAX, "%s", (const char *)name->data);
	version_key(run, &e->st, key);
	err = cache_find(&run->cache, key, path);
	if (!err)
		have_file(run, t, path);
	else if (err == -ENOENT)
		ask_place(run, t, "openat", opened);
	else
		refuse(run, t, err);
}

static void permitted(struct run *run, struct tracee *t);

static void ask_again(struct run *run, struct tracee *t)
{
	keeper_end(run, t);
	ask_place(run, t, "rsc_may_exec", permitted);
}

static void permitted(struct run *run, struct tracee *t)
{
	struct exec *e = t->exec;

	/* Closes may be under way for which nobody waits. */
	if (t->req.ret == -ETXTBSY && e->busy++ < BUSY_TRIES)
		keeper_settle(run, t, e->st.st_dev, e->st.st_ino, ask_again);
	else if (t->req.ret < 0)
		refuse(run, t, (int)t->req.ret);
	else
		ask_place(run, t, "rsc_resolve", named);
}

static void seen(struct run *run, struct tracee *t)
{
	const struct stat *st = (const void *)t->req.val[2].data;
	struct exec *e = t->exec;
	int64_t ret = t->req.ret;

	if ((ret == -ENOENT || ret == -ENOTDIR) && !e->loader &&
	    run->exec != EXEC_REMOTE && is_here(e->name)) {
		run_local(run, t);
		return;
	}
	if (!ret && S_ISLNK(st->st_mode))
		ret = -ELOOP;
	else if (!ret && !S_ISREG(st->st_mode))
		ret = -EACCES;
	if (ret) {
		refuse(run, t, (int)ret);
		return;
	}
	e->st = *st;
	/* Of the loader, too (fs/binfmt_elf.c). */
	ask_place(run, t, "rsc_may_exec", permitted);
}

/* The rules allow the place in t->req. */
static void find_version(struct run *run, struct tracee *t)
{
	struct req *place = arena_alloc(&t->arena, sizeof(*place));

	if (!place) {
		refuse(run, t, -ENOMEM);
		return;
	}
	*place = t->req;
	t->asked = place;
	ask_place(run, t, "newfstatat", seen);
}

/* ---- which of the two ---- */

static void look_for(struct run *run, struct tracee *t)
{
	const struct call *call = t->call;
	struct exec *e = t->exec;
	struct value *v = &t->req.val[1];
	uint64_t dirfd = t->arg[0];
	struct entry *dir;
	enum side side;
	int err = 0;

	memset(&t->req, 0, sizeof(t->req));
	t->req.call = call_by_name("newfstatat");
	v->num = 1;
	v->len = strlen(e->want);
	v->data = arena_alloc(&t->arena, v->len + 1);
	if (!v->data) {
		refuse(run, t, -ENOMEM);
		return;
	}
	memcpy(v->data, e->want, v->len + 1);
	e->name[0] = 0;
	/* The rules look at the call's own arguments. */
	t->call = t->req.call;
	t->arg[0] = (uint64_t)(int64_t)e->dirfd;
	side = path_side(run, t, 1, v, e->name, &err);
	t->call = call;
	t->arg[0] = dirfd;
	dir = files_get(t->files, e->dirfd);
	t->req.val[0].num = (uint64_t)(int64_t)(dir ? dir->handle : AT_FDCWD);
	t->if_allowed = find_version;
	if (err)
		refuse(run, t, err);
	else if (side == SIDE_DENY)
		refuse(run, t, -EACCES);
	else if (side == SIDE_MISSING)
		refuse(run, t, -ENOENT);
	else if ((side == SIDE_LOCAL || side == SIDE_OURS) && e->loader)
		refuse(run, t, -ENOENT);
	else if (side == SIDE_OURS)
		run_as_named(run, t);
	else if (side == SIDE_LOCAL)
		run_local(run, t);
	else if (run->exec == EXEC_LOCAL && !e->loader &&
		 is_program_dir(e->name) && is_here(e->name))
		run_local(run, t);
	else
		forward_checked(run, t);
}

bool exec_is_call(const struct tracee *t)
{
	return t->regs.nr == call_nr(call_by_name("execve")) ||
	       t->regs.nr == call_nr(call_by_name("execveat"));
}

void exec_hook(struct run *run, struct tracee *t)
{
	bool at = !strcmp(t->call->name, "execveat");
	struct exec *e;
	ssize_t n;

	exec_drop(run, t);
	e = t->exec = calloc(1, sizeof(*e));
	if (!e) {
		finish_skip(run, t, -ENOMEM);
		return;
	}
	e->handle = -1;
	e->file.fd = -1;
	e->dirfd = at ? (int32_t)t->arg[0] : AT_FDCWD;
	e->flags = at ? (int)t->arg[4] : 0;
	n = memory_read_str(t->pid, t->arg[at], e->want, PATH_MAX);
	if (n < 0 || (!n && !(e->flags & AT_EMPTY_PATH)) ||
	    e->flags & ~(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW)) {
		/* The kernel says what is wrong. */
		exec_drop(run, t);
		let_go(run, t);
		return;
	}
	memcpy(t->path, e->want, (size_t)n + 1);
	/* The program that rsc was told to run: this machine's, if it is here. */
	if (t->launching && run->exec == EXEC_LOCAL && is_here(e->want)) {
		run_as_named(run, t);
		return;
	}
	if (!run->selected[t->call->id] &&
	    !files_get(t->files, (int32_t)(at ? t->arg[0] : (uint64_t)-1))) {
		run_as_named(run, t);
		return;
	}
	if (!n && !files_get(t->files, e->dirfd)) {
		run_as_named(run, t);
		return;
	}
	exec_image_begin(t, &e->to, e->dirfd, e->want, at);
	if (!n) {
		const char *name = files_get(t->files, e->dirfd)->remote->path;

		snprintf(e->to.comm, sizeof(e->to.comm), "%s",
			 name ? exec_image_last_name(name) : "");
		snprintf(e->want, PATH_MAX, "/proc/self/fd/%d", e->dirfd);
		e->dirfd = AT_FDCWD;
		e->flags = 0;
	}
	look_for(run, t);
}

/* The line of a call whose memory is gone. */
static void account_exec(struct run *run, struct tracee *t)
{
	unsigned int at = t->call->arg[0].kind == ARG_DIRFD;
	struct value *v = &t->req.val[at];

	t->req.call = t->call;
	v->data = (uint8_t *)t->path;
	v->len = strlen(t->path);
	account(run, t, 0);
	t->req.call = NULL;
}

int exec_done(struct run *run, struct tracee *t, bool *here)
{
	struct program *program = program_new();
	bool scripts = true;
	int err = 0;

	if (!program)
		return -ENOMEM;
	if (t->exec) {
		scripts = !t->exec->to.nargs;
		account_exec(run, t);
		err = exec_image_done(t, &t->exec->to);
		program->running = running_ref(t->exec->running);
	}
	exec_drop(run, t);
	deadline_drop(run, t, false);
	scratch_drop(t);
	program_unref(t->program);
	t->program = program;
	if (!err)
		err = exec_image_note(run, t, program, scripts);
	*here = !program->exe;
	return err;
}
