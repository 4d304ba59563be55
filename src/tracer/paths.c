/* On which side a path is: rules, /proc, links, and names that lie here. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "tracer/memory.h"
#include "tracer/tracee.h"

/* Puts another name in for the program's path. */
static int rename_path(struct tracee *t, struct value *v, const char *name)
{
	v->len = strlen(name);
	v->data = arena_alloc(&t->arena, v->len + 1);
	if (!v->data)
		return -ENOMEM;
	memcpy(v->data, name, v->len + 1);
	return 0;
}

/* Does the call take a link at the end of its path for what it is? */
static bool takes_link(const struct tracee *t)
{
	uint64_t flags = t->arg[2];

	if (t->call->ret != RET_FD || t->call->arg[1].kind != ARG_PATH)
		return !call_follows(t->call, t->arg);
	if (t->call->arg[2].kind == ARG_STRUCT_IN &&
	    memory_read(t->pid, t->arg[2], &flags, sizeof(flags)))
		flags = 0;
	return flags & O_NOFOLLOW ||
	       (flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL);
}

#define NAMES_MAX 8

/* This machine's script that the program runs. */
static bool is_script(const struct tracee *t, const char *given,
		      const char *name)
{
	return t->program->script && (!strcmp(name, t->program->script) ||
				      !strcmp(given, t->program->script_given));
}

/*
 * The side of name, which may lead below /proc of the tree. literal: it is
 * what the program wrote.
 */
static enum side name_side(struct run *run, struct tracee *t, struct value *v,
			   bool literal, char *name, int *err)
{
	bool follow = !takes_link(t) || (v->len && v->data[v->len - 1] == '/');
	bool other = t->fs->ours && !literal;
	const struct route *rule = NULL;
	enum side side = SIDE_REMOTE;
	char mapped[PATH_MAX];
	char before[PATH_MAX];
	enum proc_side found;

	for (int i = 0; i < NAMES_MAX; i++) {
		side = routes_side(&run->routes, name, mapped, &rule);
		if (rule && rule->origin != RULE_BUILTIN)
			break;
		strcpy(before, name);
		found = proc_path(run, t, name, literal, follow);
		if (found != PROC_NONE && !i)
			*err = proc_resolve(t, (char *)v->data, before, follow);
		if (*err)
			return SIDE_REMOTE;
		switch (found) {
		case PROC_NONE:
			goto out;
		case PROC_SELF:
			return SIDE_LOCAL;
		case PROC_OURS:
			return SIDE_OURS;
		case PROC_THERE:
			*err = rename_path(t, v, t->place->path);
			return SIDE_REMOTE;
		case PROC_GONE:
			return SIDE_MISSING;
		case PROC_ELSEWHERE:
			literal = false;
			other = true;
			break;
		}
	}
out:
	if (other || (rule && rule->to) ||
	    routes_pass_map(&run->routes, (char *)v->data))
		*err = rename_path(t, v, mapped);
	return side;
}

/* What lies below a descriptor is where the path leads from there. */
static bool is_below_fd(const char *path)
{
	static const char *const dirs[] = { "/proc/self/fd/", "/dev/fd/",
					    "/proc/thread-self/fd/" };

	for (size_t i = 0; i < sizeof(dirs) / sizeof(*dirs); i++) {
		size_t len = strlen(dirs[i]);
		size_t digits;

		if (strncmp(path, dirs[i], len))
			continue;
		digits = strspn(path + len, "0123456789");
		return digits && path[len + digits] == '/';
	}
	return false;
}

enum side path_side(struct run *run, struct tracee *t, unsigned int i,
		    struct value *v, char *name, int *err)
{
	bool at = i > 0 && t->call->arg[i - 1].kind == ARG_DIRFD;
	char proc[PATH_MAX];
	bool relative = v->data[0] != '/';
	const char *base = "/";
	struct entry *e;
	int32_t dirfd;

	if (relative) {
		dirfd = at ? (int32_t)t->arg[i - 1] : -100;
		e = files_get(t->files, dirfd);
		if (dirfd == -100) {
			if (!t->fs->remote)
				return SIDE_LOCAL;
			base = t->fs->cwd;
		} else if (e) {
			if (!e->remote->path)
				return SIDE_REMOTE;
			base = e->remote->path;
		} else if (v->len && proc_base(run, t, dirfd, proc)) {
			base = proc;
		} else {
			return SIDE_LOCAL;
		}
	}
	*err = *base ? routes_normalise(base, (char *)v->data, name) :
		       -ENAMETOOLONG;
	/* A directory may lie deeper than a name can be long. */
	if (*err == -ENAMETOOLONG && relative && !run->routes.strict) {
		*err = 0;
		*name = 0;
	}
	if (*err || !*name)
		return SIDE_REMOTE;
	if (is_script(t, (char *)v->data, name)) {
		strcpy(name, t->program->script);
		return SIDE_LOCAL;
	}
	if (is_below_fd((char *)v->data))
		strcpy(name, (char *)v->data);
	return name_side(run, t, v, v->data[0] == '/', name, err);
}

/* ---- strict rules: what links on the server lead to ---- */

static void resolve_next(struct run *run, struct tracee *t);

int path_allowed(struct run *run, struct tracee *t, char mapped[PATH_MAX])
{
	char *name = (char *)t->req.val[3].data;
	size_t len = (size_t)t->req.ret;
	const struct route *rule;
	enum side side;

	/* The call itself will say what is wrong with it. */
	if (t->req.ret <= 0 || !name || name[0] != '/' || name[len - 1])
		return 0;
	side = routes_side(&run->routes, name, mapped, &rule);
	if ((side == SIDE_DENY || side == SIDE_MISSING) &&
	    !routes_shown(&run->routes, name))
		return side == SIDE_DENY ? -EACCES : -ENOENT;
	return rule && rule->to;
}

void path_ask(struct run *run, struct tracee *t, int dirfd,
	      const struct value *path, then_fn then)
{
	t->req = (struct req){ .call = call_by_name("rsc_resolve") };
	t->req.val[0].num = (uint64_t)dirfd;
	t->req.val[1] = *path;
	t->req.val[2].num = takes_link(t) ? AT_SYMLINK_NOFOLLOW : 0;
	t->req.val[3].num = 1;
	t->req.val[3].len = PATH_MAX;
	t->req.val[4].num = PATH_MAX;
	ask(run, t, then);
}

static void allowed(struct run *run, struct tracee *t)
{
	if (t->if_allowed)
		t->if_allowed(run, t);
	else
		forward(run, t);
}

/* The answer for path t->path_arg: do the rules allow where it leads? */
static void resolved(struct run *run, struct tracee *t)
{
	char mapped[PATH_MAX];
	struct value *v = &t->asked->val[t->path_arg];
	int err;

	t->path_arg++;
	err = path_allowed(run, t, mapped);
	if (err > 0)
		err = rename_path(t, v, mapped);
	if (err < 0)
		finish_skip(run, t, err);
	else
		resolve_next(run, t);
}

static void resolve_next(struct run *run, struct tracee *t)
{
	/* execve asks of its file by another call. */
	const struct call *other = t->exec ? t->asked->call : NULL;
	const struct arg *arg = other ? other->arg : t->call->arg;
	struct entry *e = NULL;
	int dirfd = AT_FDCWD;
	unsigned int i;

	for (i = t->path_arg; i < CALL_ARGS; i++)
		if (arg[i].kind == ARG_PATH && t->asked->val[i].len)
			break;
	if (i == CALL_ARGS) {
		t->req = *t->asked;
		allowed(run, t);
		return;
	}
	t->path_arg = i;
	if (i && arg[i - 1].kind == ARG_DIRFD && other)
		dirfd = (int)t->asked->val[i - 1].num;
	else if (i && arg[i - 1].kind == ARG_DIRFD)
		e = files_get(t->files, (int32_t)t->arg[i - 1]);
	path_ask(run, t, e ? e->handle : dirfd, &t->asked->val[i], resolved);
}

void forward_checked(struct run *run, struct tracee *t)
{
	if (!run->routes.strict) {
		allowed(run, t);
		return;
	}
	t->asked = arena_alloc(&t->arena, sizeof(*t->asked));
	if (!t->asked) {
		finish_skip(run, t, -ENOMEM);
		return;
	}
	*t->asked = t->req;
	t->path_arg = 0;
	resolve_next(run, t);
}

static bool in_loader(const struct tracee *t)
{
	return t->regs.pc >= t->program->loader_lo &&
	       t->regs.pc < t->program->loader_hi;
}

/* ---- relative paths of the server's directories that are local ---- */

static void renamed_done(struct run *run, struct tracee *t)
{
	scratch_end(t);
	if (t->if_local)
		t->if_local(run, t);
	else
		finish_exit(run, t, t->regs.ret);
}

/* With scratch memory: this kernel knows the directory by its name only. */
static void put_names(struct run *run, struct tracee *t)
{
	uint64_t addr = scratch_addr(t);
	uint64_t arg[CALL_ARGS];
	int err = 0;

	memcpy(arg, t->arg, sizeof(arg));
	for (unsigned int i = 0; i < CALL_ARGS && !err; i++) {
		size_t len;

		if (!t->renamed[i])
			continue;
		len = strlen(t->renamed[i]) + 1;
		err = memory_write(t->pid, addr, t->renamed[i], len);
		arg[i] = addr;
		addr += len;
	}
	if (err) {
		scratch_drop(t);
		finish_skip(run, t, err);
		return;
	}
	scratch_call(run, t, call_nr(t->call), arg, renamed_done);
}

static void rename_here(struct run *run, struct tracee *t)
{
	size_t size = 0;

	for (unsigned int i = 0; i < CALL_ARGS; i++)
		if (t->renamed[i])
			size += strlen(t->renamed[i]) + 1;
	scratch_get(run, t, size, put_names, NULL);
}

/* Path argument i is name on this machine. */
static int name_here(struct tracee *t, unsigned int i, const char *name)
{
	size_t size = CALL_ARGS * sizeof(*t->renamed);

	if (!t->renamed) {
		t->renamed = arena_alloc(&t->arena, size);
		if (!t->renamed)
			return -ENOMEM;
		memset(t->renamed, 0, size);
	}
	t->renamed[i] = arena_alloc(&t->arena, strlen(name) + 1);
	if (!t->renamed[i])
		return -ENOMEM;
	strcpy(t->renamed[i], name);
	return 0;
}

void let_go_named(struct run *run, struct tracee *t, unsigned int i,
		  const char *name)
{
	int err = name_here(t, i, name);

	if (err)
		finish_skip(run, t, err);
	else
		rename_here(run, t);
}

/*
 * The paths lie on two machines, which is as two file systems; but a number
 * that is no directory's is the error of both.
 */
static int apart(const struct tracee *t)
{
	for (unsigned int i = 0; i + 1 < CALL_ARGS; i++) {
		int32_t fd = (int32_t)t->arg[i];
		char first = '/';

		if (t->call->arg[i].kind != ARG_DIRFD || fd == AT_FDCWD ||
		    files_get(t->files, fd) ||
		    memory_read(t->pid, t->arg[i + 1], &first, 1) ||
		    first == '/')
			continue;
		if (!files_is_open(t->pid, fd))
			return -EBADF;
		if (!files_is_dir(t->pid, fd) && first)
			return -ENOTDIR;
	}
	return -EXDEV;
}

/* The side of path argument i, which is read; it is name here. */
static enum side read_path(struct run *run, struct tracee *t, unsigned int i,
			   char *name, int *err)
{
	struct value *v = &t->req.val[i];
	char *text = arena_alloc(&t->arena, PATH_MAX);
	ssize_t n = -ENOMEM;

	if (text)
		n = memory_read_str(t->pid, t->arg[i], text, PATH_MAX);
	if (n < 0) {
		*err = (int)n;
		return SIDE_LOCAL;
	}
	v->num = t->arg[i];
	v->data = (uint8_t *)text;
	v->len = (size_t)n;
	*name = 0;
	t->path_len = (size_t)n;
	return path_side(run, t, i, v, name, err);
}

void by_path(struct run *run, struct tracee *t)
{
	enum side side = SIDE_LOCAL;
	char name[PATH_MAX];
	bool first = true;
	bool none = false;
	int err = 0;

	if (in_loader(t)) {
		let_go(run, t);
		return;
	}
	for (unsigned int i = 0; i < CALL_ARGS && !err; i++) {
		struct value *v = &t->req.val[i];
		enum side here;

		if (t->call->arg[i].kind != ARG_PATH)
			continue;
		v->num = t->arg[i];
		if (!v->num) {
			none = true;
			/* utimensat(fd, NULL, ...): the descriptor decides. */
			here = i && files_get(t->files,
					      (int32_t)t->arg[i - 1]) ?
				       SIDE_REMOTE :
				       SIDE_LOCAL;
		} else {
			here = read_path(run, t, i, name, &err);
			if (err)
				break;
			if (here == SIDE_LOCAL && *v->data != '/' && *name)
				err = name_here(t, i, name);
			if (first)
				strcpy(t->path, name);
		}
		if (first)
			side = here;
		else if (side != here)
			err = none ? -EFAULT : apart(t);
		first = false;
	}
	if (err)
		finish_skip(run, t, err);
	else if (side == SIDE_LOCAL && t->renamed)
		rename_here(run, t);
	else if (side == SIDE_LOCAL && t->if_local)
		let_go_then(run, t, t->if_local);
	else if (side == SIDE_LOCAL)
		let_go(run, t);
	else if (side == SIDE_OURS)
		(t->if_ours ? t->if_ours : proc_run)(run, t);
	else if (side == SIDE_DENY)
		finish_skip(run, t, -EACCES);
	else if (side == SIDE_MISSING)
		finish_skip(run, t, -ENOENT);
	else
		forward_checked(run, t);
}

/* A call on a remote descriptor that names a file too. */
bool names_path(const struct tracee *t)
{
	for (unsigned int i = 0; i < CALL_ARGS; i++)
		if (t->call->arg[i].kind == ARG_PATH)
			return t->arg[i] != 0;
	return false;
}

/* The descriptor can only be told of what is on its side. */
void with_path(struct run *run, struct tracee *t)
{
	char name[PATH_MAX];
	enum side side;
	unsigned int i = 0;
	int err = 0;

	while (t->call->arg[i].kind != ARG_PATH)
		i++;
	side = read_path(run, t, i, name, &err);
	if (!err && side == SIDE_DENY)
		err = -EACCES;
	else if (!err && side != SIDE_REMOTE)
		err = -ENOENT;
	if (err)
		finish_skip(run, t, err);
	else
		forward_checked(run, t);
}
