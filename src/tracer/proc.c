/*
 * The program's own processes below /proc.
 *
 * Theory of Operation. A path call asks proc_path() before the routes. A name
 * below the directory of a process of the tree is taken apart there: links
 * that lead to the server (cwd, root, a remote descriptor) are replaced by
 * what they lead to, what is the same for all processes of a machine (mounts,
 * net) is asked of the server, and the rest is a file of this kernel, under
 * the tree's own numbers. The tracer makes calls on those itself and hands an
 * opened file over as a placeholder is; so it does not matter how the name was
 * spelled, or whether a /proc of those numbers is mounted anywhere.
 */
#include "tracer/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "tracer/tracee.h"

/* A name below the directory of a process, taken apart. */
struct part {
	pid_t number;	    /* the process, or the thread after task/ */
	struct tracee *who; /* NULL: it is dead */
	char dir[64];	    /* "N" or "N/task/N" */
	char name[64];	    /* what comes first in it, or "" */
	const char *rest;   /* after that, without the slash */
};

int proc_read(const struct run *run, const char *path, struct buf *text)
{
	ssize_t n;
	int err = 0;
	int fd;

	fd = openat(run->tree.proc, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	do {
		err = buf_reserve(text, 4096);
		n = err ? 0 : read(fd, text->data + text->len, 4095);
		if (n > 0)
			text->len += (size_t)n;
	} while (n > 0);
	if (n < 0)
		err = -errno;
	if (!err)
		text->data[text->len] = 0;
	close(fd);
	return err;
}

bool proc_base(struct run *run, struct tracee *t, int fd, char *base)
{
	/* A /proc that is mounted nowhere does not say what it is. */
	size_t head = run->tree.own ? strlen("/proc") : 0;
	char name[64];
	struct stat st;
	ssize_t n;

	snprintf(name, sizeof(name), "/proc/%d/fd/%d", t->pid, fd);
	if (fd < 0 || stat(name, &st) || st.st_dev != run->tree.dev ||
	    !S_ISDIR(st.st_mode))
		return false;
	memcpy(base, "/proc", head);
	n = readlink(name, base + head, PATH_MAX - 1 - head);
	if (n < 0)
		return false;
	base[head + (size_t)n] = 0;
	return !strncmp(base, "/proc/", 6);
}

/* ---- taking a name apart ---- */

/* The part of path up to the next slash; path goes behind it. */
static bool next_part(const char **path, char *part, size_t size)
{
	size_t len = strcspn(*path, "/");

	if (len >= size)
		return false;
	memcpy(part, *path, len);
	part[len] = 0;
	*path += len + ((*path)[len] == '/');
	return true;
}

/* The number that a directory of /proc is called, or 0. */
static pid_t to_number(const char *text)
{
	char *end;
	long n;

	if (text[0] < '1' || text[0] > '9')
		return 0;
	n = strtol(text, &end, 10);
	return *end || n > INT_MAX ? 0 : (pid_t)n;
}

/* The other names of what lies below /proc/self/fd. */
static void other_names(char *name, bool follow)
{
	static const struct {
		const char *from;
		const char *to;
	} names[] = {
		{ "/dev/stdin", "/proc/self/fd/0" },
		{ "/dev/stdout", "/proc/self/fd/1" },
		{ "/dev/stderr", "/proc/self/fd/2" },
		{ "/dev/fd", "/proc/self/fd" },
	};
	char to[PATH_MAX];

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		size_t len = strlen(names[i].from);

		if (strncmp(name, names[i].from, len) ||
		    (name[len] ? name[len] != '/' : !follow))
			continue;
		if (snprintf(to, sizeof(to), "%s%s", names[i].to, name + len) <
		    (int)sizeof(to))
			strcpy(name, to);
		return;
	}
}

static bool take_apart(struct run *run, struct tracee *t, const char *name,
		       struct part *p)
{
	struct tracee *thread = NULL;
	const char *at;

	if (strncmp(name, "/proc/", 6))
		return false;
	p->rest = name + 6;
	if (!next_part(&p->rest, p->name, sizeof(p->name)))
		return false;
	p->number = to_number(p->name);
	if (!strcmp(p->name, "thread-self"))
		thread = t;
	if (thread || !strcmp(p->name, "self"))
		p->number = tree_group_number(run, t);
	else if (!p->number || !tree_has(run, p->number))
		return false;
	p->who = tree_find(run, p->number);
	at = p->rest;
	if (!thread && next_part(&at, p->name, sizeof(p->name)) &&
	    !strcmp(p->name, "task") && next_part(&at, p->name, 16)) {
		thread = tree_find(run, to_number(p->name));
		if (thread)
			p->rest = at;
	}
	if (thread) {
		p->who = thread;
		snprintf(p->dir, sizeof(p->dir), "%d/task/%d", p->number,
			 tree_number(run, thread));
		p->number = tree_number(run, thread);
	} else {
		snprintf(p->dir, sizeof(p->dir), "%d", p->number);
	}
	return next_part(&p->rest, p->name, sizeof(p->name));
}

/* ---- what is below the directory of a process ---- */

/* The place is for proc_run(); link is what it says when it is read. */
static enum proc_side ours(struct tracee *t, const struct part *p,
			   const char *link)
{
	size_t size = sizeof(p->dir) + sizeof(p->name) + strlen(p->rest) + 3;
	struct proc_place *place = arena_alloc(&t->arena, sizeof(*place));
	char *path = arena_alloc(&t->arena, size);

	if (!place || !path)
		return PROC_GONE;
	snprintf(path, size, "%s%s%s%s%s", p->dir, *p->name ? "/" : "", p->name,
		 *p->rest ? "/" : "", p->rest);
	place->path = path;
	place->link = link;
	place->who = p->who;
	place->fd = -1;
	t->place = place;
	return PROC_OURS;
}

/* /proc/self itself, which is a link. */
static enum proc_side self_link(struct run *run, struct tracee *t,
				const char *name)
{
	struct part p = { .who = t, .rest = "" };
	char *link = arena_alloc(&t->arena, 64);
	pid_t number = tree_group_number(run, t);

	if (!link)
		return PROC_GONE;
	snprintf(p.dir, sizeof(p.dir), "%.63s", name);
	if (!strcmp(name, "self"))
		snprintf(link, 64, "%d", number);
	else
		snprintf(link, 64, "%d/task/%d", number, tree_number(run, t));
	return ours(t, &p, link);
}

/* text is base and rest below it; false when it is too long. */
static bool join(char text[PATH_MAX], const char *base, const char *rest)
{
	return snprintf(text, PATH_MAX, "%s%s%s", base, *rest ? "/" : "",
			rest) < PATH_MAX;
}

/* name becomes that of rest below base. */
static enum proc_side elsewhere(char *name, const char *base, const char *rest)
{
	char text[PATH_MAX];

	if (!join(text, base, rest))
		return PROC_GONE;
	strcpy(name, text);
	return PROC_ELSEWHERE;
}

/* The server knows rest below base. */
static enum proc_side there(struct tracee *t, const char *base,
			    const char *rest)
{
	struct proc_place *place = arena_alloc(&t->arena, sizeof(*place));
	char *path = arena_alloc(&t->arena, PATH_MAX);

	if (!place || !path || !join(path, base, rest))
		return PROC_GONE;
	place->path = path;
	t->place = place;
	return PROC_THERE;
}

static enum proc_side below_cwd(struct tracee *t, const struct part *p,
				char *name, bool follow)
{
	if (!p->who || !p->who->fs || !p->who->fs->remote || !*p->who->fs->cwd)
		return ours(t, p, NULL);
	if (!follow)
		return ours(t, p, p->who->fs->cwd);
	return elsewhere(name, p->who->fs->cwd, p->rest);
}

static enum proc_side below_root(struct tracee *t, const struct part *p,
				 char *name, bool follow)
{
	if (!follow)
		return ours(t, p, NULL);
	return *p->rest ? elsewhere(name, "", p->rest) :
			  elsewhere(name, "/", "");
}

/* The executable: of a program of the server, its file there. */
static enum proc_side below_exe(struct tracee *t, const struct part *p,
				char *name, bool follow)
{
	const char *exe = p->who && p->who->program ? p->who->program->exe :
						      NULL;

	if (!exe || *p->rest)
		return ours(t, p, NULL);
	return follow ? elsewhere(name, exe, "") : ours(t, p, exe);
}

/* A descriptor, which may stand for one of the server's. */
static enum proc_side below_fd(struct run *run, struct tracee *t,
			       const struct part *p, char *name, bool literal,
			       bool follow)
{
	const char *rest = p->rest;
	char *link = NULL;
	struct entry *e;
	char number[16];
	char base[32];

	if (!*rest || !next_part(&rest, number, sizeof(number)))
		return ours(t, p, NULL);
	follow = follow || *rest;
	e = p->who && p->who->files ? files_get(p->who->files, atoi(number)) :
				      NULL;
	if (!e && literal && follow && p->who && p->who->tgid == t->tgid)
		return PROC_SELF;
	if (!e && !follow && p->who) {
		link = arena_alloc(&t->arena, PATH_MAX);
		if (!link || !proc_base(run, p->who, atoi(number), link))
			link = NULL;
	}
	if (!e)
		return ours(t, p, link);
	if (p->who->files == t->files) {
		snprintf(base, sizeof(base), "/proc/self/fd/%d", e->handle);
		if (e->remote->path && follow)
			elsewhere(name, e->remote->path, rest);
		return there(t, base, rest);
	}
	if (!e->remote->path)
		return PROC_GONE;
	if (!follow)
		return ours(t, p, e->remote->path);
	return elsewhere(name, e->remote->path, rest);
}

/* What the server says of a descriptor of its own, if that is the caller's. */
static enum proc_side below_fdinfo(struct tracee *t, const struct part *p)
{
	const char *rest = p->rest;
	enum proc_side side = ours(t, p, NULL);
	char number[16];

	if (side == PROC_OURS && p->who && p->who->files == t->files &&
	    next_part(&rest, number, sizeof(number)) && !*rest)
		t->place->fd =
			files_get(t->files, atoi(number)) ? atoi(number) : -1;
	return side;
}

/* Of all processes of a machine; those here are in no other mount namespace. */
static const char *const shared[] = { "mounts", "mountinfo", "mountstats" };

enum proc_side proc_path(struct run *run, struct tracee *t, char *name,
			 bool literal, bool follow)
{
	char text[PATH_MAX];
	struct part p;

	strcpy(text, name);
	other_names(text, follow);
	/* Numbers are the tree's: the kernel's own /proc may have others. */
	literal = literal && (!strncmp(text, "/proc/self/", 11) ||
			      !strncmp(text, "/proc/thread-self/", 18));
	if (!follow &&
	    (!strcmp(text, "/proc/self") || !strcmp(text, "/proc/thread-self")))
		return self_link(run, t, text + strlen("/proc/"));
	if (!take_apart(run, t, text, &p))
		return PROC_NONE;
	if (!strcmp(p.name, "cwd"))
		return below_cwd(t, &p, name, follow || *p.rest);
	if (!strcmp(p.name, "root"))
		return below_root(t, &p, name, follow || *p.rest);
	if (!strcmp(p.name, "fd"))
		return below_fd(run, t, &p, name, literal, follow);
	if (!strcmp(p.name, "exe"))
		return below_exe(t, &p, name, follow);
	if (!strcmp(p.name, "net"))
		return there(t, "/proc/net", p.rest);
	for (size_t i = 0; i < sizeof(shared) / sizeof(*shared); i++)
		if (!strcmp(p.name, shared[i]) && !*p.rest)
			return there(t, "/proc/self", p.name);
	if (!strcmp(p.name, "fdinfo") && *p.rest)
		return below_fdinfo(t, &p);
	return ours(t, &p, NULL);
}

/* ---- calls on what is ours ---- */

/* Its flags; -errno where they cannot be had. */
static int how_to_open(const struct tracee *t, struct open_how *how)
{
	const struct open_how *asked = (const void *)t->req.val[2].data;

	*how = (struct open_how){ 0 };
	if (strcmp(t->call->name, "openat2")) {
		how->flags = (uint32_t)t->arg[2];
		return 0;
	}
	if (!asked)
		return -EFAULT;
	*how = *asked;
	how->resolve &= ~(uint64_t)(RESOLVE_BENEATH | RESOLVE_IN_ROOT);
	return 0;
}

static bool only_reads(const struct open_how *how)
{
	return (how->flags & O_ACCMODE) == O_RDONLY &&
	       !(how->flags & (O_PATH | O_DIRECTORY | O_CREAT | O_TRUNC));
}

static int64_t open_file(struct run *run, struct tracee *t,
			 struct open_how *how)
{
	long fd;

	how->flags |= O_CLOEXEC | O_NOCTTY;
	fd = syscall(SYS_openat2, run->tree.proc, t->place->path, how,
		     sizeof(*how));
	return fd < 0 ? -errno : fd;
}

static int64_t say_link(struct tracee *t, const char *link)
{
	struct value *v = &t->req.val[2];
	size_t len = strlen(link);

	if ((int32_t)t->arg[3] <= 0)
		return -EINVAL;
	v->data = (uint8_t *)(uintptr_t)link;
	v->len = len < v->len ? len : v->len;
	return (int64_t)v->len;
}

/* The registers of the call as the tracer makes it; 0 or -errno. */
static int our_args(struct run *run, struct tracee *t, uint64_t reg[CALL_ARGS])
{
	for (unsigned int i = 0; i < CALL_ARGS; i++) {
		const struct arg *arg = &t->call->arg[i];
		struct value *v = &t->req.val[i];
		char *path;

		reg[i] = v->num;
		switch ((enum arg_kind)arg->kind) {
		case ARG_PATH:
			path = arena_alloc(&t->arena, PATH_MAX);
			if (!path)
				return -ENOMEM;
			snprintf(path, PATH_MAX, "/proc/self/fd/%d/%s",
				 run->tree.proc, t->place->path);
			reg[i] = (uintptr_t)path;
			break;
		case ARG_OUT:
		case ARG_OUT_ALL:
		case ARG_STRUCT_OUT:
			if (!v->num)
				break;
			v->data = arena_alloc(&t->arena, v->len + 1);
			if (!v->data)
				return -ENOMEM;
			reg[i] = (uintptr_t)v->data;
			break;
		case ARG_STR:
		case ARG_IN:
		case ARG_STRUCT_IN:
		case ARG_STRUCT_INOUT:
			reg[i] = (uintptr_t)v->data;
			break;
		case ARG_FD:
		case ARG_PTR:
		case ARG_IOV_IN:
		case ARG_IOV_OUT:
			return -ENOSYS;
		default:
			break;
		}
	}
	return 0;
}

static int64_t make_call(struct run *run, struct tracee *t)
{
	uint64_t reg[CALL_ARGS];
	long ret;
	int err;

	err = our_args(run, t, reg);
	if (err)
		return err;
	ret = syscall(call_nr(t->call), reg[0], reg[1], reg[2], reg[3], reg[4],
		      reg[5]);
	if (ret < 0)
		return -errno;
	for (unsigned int i = 0; i < CALL_ARGS; i++)
		if (t->call->arg[i].kind == ARG_OUT &&
		    (size_t)ret < t->req.val[i].len)
			t->req.val[i].len = (size_t)ret;
	return ret;
}

int proc_is_dir(struct run *run, struct tracee *t)
{
	struct stat st;

	if (fstatat(run->tree.proc, t->place->path, &st, 0))
		return -errno;
	return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
}

/* Nobody can hand a descriptor of O_PATH over: the program opens it. */
static void open_by_name(struct run *run, struct tracee *t)
{
	char name[PATH_MAX];

	snprintf(name, sizeof(name), "/proc/%d/fd/%d/%s", getpid(),
		 run->tree.proc, t->place->path);
	let_go_named(run, t, 1, name);
}

void proc_run(struct run *run, struct tracee *t)
{
	struct open_how how;
	int64_t ret;
	int err;

	ret = fetch(t);
	if (!ret && t->call->ret == RET_FD) {
		ret = how_to_open(t, &how);
		if (!ret && how.flags & O_PATH) {
			open_by_name(run, t);
			return;
		}
		if (!ret && only_reads(&how) && proc_is_composed(t->place)) {
			proc_compose(run, t);
			return;
		}
		if (!ret)
			ret = open_file(run, t, &how);
		if (ret >= 0) {
			placeholder_give(run, t, (int)ret);
			return;
		}
	} else if (!ret) {
		if (t->place->link && !strcmp(t->call->name, "readlinkat"))
			ret = say_link(t, t->place->link);
		else
			ret = make_call(run, t);
		t->req.ret = ret;
		err = store(t);
		ret = err ? err : ret;
	}
	finish_skip(run, t, ret);
}
