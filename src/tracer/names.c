/*
 * The names of sockets' peers, and their own: what the rules say of them.
 *
 * Theory of Operation. The path of a unix socket is a path: it is asked where
 * it lies, mapped names are put in, and where a rule must not be passed by by a
 * link the server says where it leads. Other addresses have rules of their own.
 * Several messages of one call are sent up to the first that cannot be.
 */
#include "tracer/names.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/un.h>

#include "tracer/swap.h"

#define PATH_AT offsetof(struct sockaddr_un, sun_path)
#define PATH_SIZE sizeof(((struct sockaddr_un *)0)->sun_path)
#define IS_LOCAL 1

struct name {
	uint8_t *data;
	size_t len;
};

static bool has_messages(const struct tracee *t)
{
	return t->call->arg[1].kind == ARG_MSG_IN;
}

/* bind, connect, sendto: an address, and behind it its length. */
static unsigned int name_arg(const struct tracee *t)
{
	return call_nargs(t->call) - 2;
}

static size_t count(const struct tracee *t, const struct req *req)
{
	return has_messages(t) ? req->val[1].len : 1;
}

static struct name get(const struct tracee *t, const struct req *req, size_t k)
{
	const struct value *v = &req->val[name_arg(t)];
	const struct message *m;

	if (!has_messages(t))
		return (struct name){ v->data, v->len };
	m = &req->val[1].msg[k];
	return m->name.given ? (struct name){ m->name.data, m->name.len } :
			       (struct name){ NULL, 0 };
}

static void set(const struct tracee *t, struct req *req, size_t k,
		const struct name *name)
{
	unsigned int i = name_arg(t);

	if (has_messages(t)) {
		req->val[1].msg[k].name.data = name->data;
		req->val[1].msg[k].name.len = (uint32_t)name->len;
	} else {
		req->val[i].data = name->data;
		req->val[i].len = name->len;
		req->val[i + 1].num = name->len;
	}
}

/* True when a name is a path; it is copied with its NUL. */
static bool is_path(const struct name *name, char path[PATH_SIZE + 1])
{
	sa_family_t family;

	if (!name->data || name->len <= PATH_AT ||
	    name->len > sizeof(struct sockaddr_un))
		return false;
	memcpy(&family, name->data, sizeof(family));
	if (family != AF_UNIX || !name->data[PATH_AT])
		return false;
	memcpy(path, name->data + PATH_AT, name->len - PATH_AT);
	path[name->len - PATH_AT] = '\0';
	return true;
}

static int make(struct tracee *t, const char *path, struct name *name)
{
	sa_family_t family = AF_UNIX;
	size_t len = strlen(path);

	if (len >= PATH_SIZE)
		return -ENAMETOOLONG;
	name->len = PATH_AT + len + 1;
	name->data = arena_alloc(&t->arena, name->len);
	if (!name->data)
		return -ENOMEM;
	memcpy(name->data, &family, sizeof(family));
	memcpy(name->data + PATH_AT, path, len + 1);
	return 0;
}

/* ---- where they are ---- */

/* What follows of a side: 0, IS_LOCAL, or -errno. */
static int verdict_of(enum side side, int missing)
{
	switch (side) {
	case SIDE_DENY:
		return -EACCES;
	case SIDE_MISSING:
		return missing;
	case SIDE_LOCAL:
	case SIDE_OURS:
		return IS_LOCAL;
	default:
		return 0;
	}
}

static int route_address(struct run *run, const struct name *name)
{
	struct sockaddr_storage sa = { 0 };
	const struct route *rule;

	if (!name->data || name->len < sizeof(sa_family_t) ||
	    name->len > sizeof(sa))
		return 0;
	memcpy(&sa, name->data, name->len);
	return verdict_of(routes_address(&run->routes, (void *)&sa,
					 (socklen_t)name->len, &rule),
			  -ECONNREFUSED);
}

/* 0, IS_LOCAL or -errno; *name is what the server calls it. */
static int route(struct run *run, struct tracee *t, struct name *name)
{
	unsigned int i = has_messages(t) ? 1 : name_arg(t);
	char path[PATH_SIZE + 1];
	char full[PATH_MAX];
	struct value v = { .num = 1, .data = (uint8_t *)path };
	enum side side;
	int err = 0;

	if (!is_path(name, path))
		return route_address(run, name);
	v.len = strlen(path);
	side = path_side(run, t, i, &v, full, &err);
	if (!err)
		err = verdict_of(side, -ENOENT);
	if (err || v.data == (uint8_t *)path)
		return err;
	return make(t, (char *)v.data, name);
}

/* ---- where links lead ---- */

static void next_link(struct run *run, struct tracee *t);

static void led_to(struct run *run, struct tracee *t)
{
	size_t k = t->path_arg++;
	char mapped[PATH_MAX];
	struct name name;
	int err;

	err = path_allowed(run, t, mapped);
	if (err > 0) {
		err = make(t, mapped, &name);
		if (!err)
			set(t, t->asked, k, &name);
	}
	if (err < 0)
		finish_skip(run, t, err);
	else
		next_link(run, t);
}

static void next_link(struct run *run, struct tracee *t)
{
	char path[PATH_SIZE + 1];
	struct value v = { .num = 1 };
	struct name name;

	for (; t->path_arg < count(t, t->asked); t->path_arg++) {
		name = get(t, t->asked, t->path_arg);
		if (!is_path(&name, path))
			continue;
		v.len = strlen(path);
		v.data = arena_alloc(&t->arena, v.len + 1);
		if (!v.data) {
			finish_skip(run, t, -ENOMEM);
			return;
		}
		memcpy(v.data, path, v.len + 1);
		path_ask(run, t, AT_FDCWD, &v, led_to);
		return;
	}
	t->req = *t->asked;
	t->if_allowed(run, t);
}

void names_route(struct run *run, struct tracee *t, then_fn send)
{
	struct name name;
	int err;

	for (size_t k = 0; k < count(t, &t->req); k++) {
		name = get(t, &t->req, k);
		if (!name.data)
			continue;
		err = route(run, t, &name);
		if (!err) {
			if (name.data != get(t, &t->req, k).data)
				set(t, &t->req, k, &name);
		} else if (k) {
			t->req.val[t->call->arg[1].len].num = k;
			t->req.val[1].len = k;
		} else if (err == IS_LOCAL) {
			swap_begin(run, t);
			return;
		} else {
			finish_skip(run, t, err);
			return;
		}
	}
	if (!run->routes.strict) {
		send(run, t);
		return;
	}
	t->asked = arena_alloc(&t->arena, sizeof(*t->asked));
	if (!t->asked) {
		finish_skip(run, t, -ENOMEM);
		return;
	}
	*t->asked = t->req;
	t->path_arg = 0;
	t->if_allowed = send;
	next_link(run, t);
}
