/*
 * Sockets: which side they are on, and what their calls need beyond the table.
 *
 * Theory of Operation. A socket is the server's when socket(2) is selected; it
 * stays it until it gets a local address (swap.c), and its calls go where it is.
 * An address is carried as it is, both architectures have the same layout; but
 * the name of a unix socket is a path, so the rules decide about it as about
 * any other. What may be an address of this machine is decided by rules too;
 * without any it is the server's.
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/log.h"
#include "call/option.h"
#include "tracer/hooks.h"
#include "tracer/memory.h"
#include "tracer/rights.h"
#include "tracer/swap.h"

#define PATH_AT offsetof(struct sockaddr_un, sun_path)
#define PATH_SIZE sizeof(((struct sockaddr_un *)0)->sun_path)
#define IS_LOCAL 1
#define TYPE_MASK 0xf /* linux/net.h: SOCK_TYPE_MASK */

static struct entry *socket_of(const struct tracee *t)
{
	return files_get(t->files, (int32_t)t->arg[0]);
}

/* ---- making ---- */

static void made(struct run *run, struct tracee *t)
{
	int type = (int)t->arg[1] & TYPE_MASK;

	placeholder_put(run, t);
	if (t->remote)
		t->remote->quiet = type != SOCK_STREAM;
}

void hook_socket(struct run *run, struct tracee *t)
{
	if (!run->selected[t->call->id]) {
		let_go(run, t);
		return;
	}
	t->if_remote = made;
	forward(run, t);
}

/* Its address goes to the program before the descriptor is there. */
static void accepted(struct run *run, struct tracee *t)
{
	struct entry *e = socket_of(t);
	int64_t ret = store(t);

	if (ret < 0 && t->req.ret >= 0) {
		tell_close(run, t, (int)t->req.ret);
		t->req.ret = ret;
	}
	placeholder_put(run, t);
	if (t->remote && e)
		t->remote->quiet = e->remote->quiet;
}

void hook_accept(struct run *run, struct tracee *t)
{
	if (!socket_of(t)) {
		let_go(run, t);
		return;
	}
	if (!strcmp(t->call->name, "accept")) {
		t->call = call_by_name("accept4");
		t->arg[3] = 0;
	}
	if (!t->arg[1])
		t->arg[2] = 0;
	t->if_remote = accepted;
	forward(run, t);
}

/* ---- names ---- */

/* True when an address is a path; it is copied with its NUL. */
static bool is_path(const uint8_t *name, size_t len, char path[PATH_SIZE + 1])
{
	sa_family_t family;

	if (!name || len <= PATH_AT || len > sizeof(struct sockaddr_un))
		return false;
	memcpy(&family, name, sizeof(family));
	if (family != AF_UNIX || !name[PATH_AT])
		return false;
	memcpy(path, name + PATH_AT, len - PATH_AT);
	path[len - PATH_AT] = '\0';
	return true;
}

/* Puts path into an address. */
static int make_name(struct tracee *t, const struct value *path, uint8_t **name,
		     size_t *len)
{
	if (path->len >= PATH_SIZE)
		return -ENAMETOOLONG;
	*len = PATH_AT + path->len + 1;
	*name = arena_alloc(&t->arena, *len);
	if (!*name)
		return -ENOMEM;
	*(sa_family_t *)(void *)*name = AF_UNIX;
	memcpy(*name + PATH_AT, path->data, path->len + 1);
	return 0;
}

/* What follows of a side: 0, IS_LOCAL, or an errno. */
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

static int route_address(struct run *run, const uint8_t *name, size_t len)
{
	struct sockaddr_storage sa = { 0 };
	const struct route *rule;

	if (len < sizeof(sa_family_t) || len > sizeof(sa))
		return 0;
	memcpy(&sa, name, len);
	return verdict_of(routes_address(&run->routes, (void *)&sa,
					 (socklen_t)len, &rule),
			  -ECONNREFUSED);
}

/*
 * The name of a remote socket's peer, or its own, as the rules have it: 0, or
 * IS_LOCAL, or -errno.
 */
static int route_name(struct run *run, struct tracee *t, unsigned int i,
		      uint8_t **name, size_t *len)
{
	char path[PATH_SIZE + 1];
	char full[PATH_MAX];
	struct value v = { .num = 1, .data = (uint8_t *)path };
	enum side side;
	int err = 0;

	if (!is_path(*name, *len, path))
		return route_address(run, *name, *len);
	v.len = strlen(path);
	side = path_side(run, t, i, &v, full, &err);
	if (!err)
		err = verdict_of(side, -ENOENT);
	if (err || v.data == (uint8_t *)path)
		return err;
	return make_name(t, &v, name, len);
}

/* The call does not go to the server. */
static void not_there(struct run *run, struct tracee *t, int err)
{
	if (err == IS_LOCAL)
		swap_begin(run, t);
	else
		finish_skip(run, t, err);
}

/* bind, connect, sendto: argument i is an address, its length follows. */
static void forward_name(struct run *run, struct tracee *t, unsigned int i)
{
	struct value *v = &t->req.val[i];
	int err;

	err = fetch(t);
	if (!err && v->data)
		err = route_name(run, t, i, &v->data, &v->len);
	if (err) {
		not_there(run, t, err);
		return;
	}
	if (v->data && (int64_t)t->req.val[i + 1].num >= 0)
		t->req.val[i + 1].num = v->len;
	ready_bind(run, t);
	ask(run, t, finish_reply);
}

void hook_name(struct run *run, struct tracee *t)
{
	if (socket_of(t))
		forward_name(run, t, 1);
	else
		let_go(run, t);
}

/* ---- data ---- */

void hook_sendto(struct run *run, struct tracee *t)
{
	if (!socket_of(t)) {
		let_go(run, t);
		return;
	}
	if (!t->arg[4])
		t->arg[5] = 0;
	forward_name(run, t, 4);
}

void hook_recvfrom(struct run *run, struct tracee *t)
{
	if (!socket_of(t)) {
		let_go(run, t);
		return;
	}
	if (!t->arg[4])
		t->arg[5] = 0;
	forward(run, t);
}

/* ---- options ---- */

void hook_option(struct run *run, struct tracee *t)
{
	int level = (int)t->arg[1];
	int name = (int)t->arg[2];

	if (!socket_of(t)) {
		let_go(run, t);
		return;
	}
	if (option_find(level, name)) {
		forward(run, t);
		return;
	}
	note_unknown(run, t->call,
		     (uint64_t)(uint32_t)level << 32 | (uint32_t)name);
	log_info("%s of level %d, option %d on a remote socket: ENOPROTOOPT",
		 t->call->name, level, name);
	finish_skip(run, t, -ENOPROTOOPT);
}

/* ---- messages ---- */

static int translate(struct run *run, struct tracee *t, struct message *m)
{
	size_t len = m->name.len;
	int err;

	if (m->name.given) {
		err = route_name(run, t, 1, &m->name.data, &len);
		if (err)
			return err;
		m->name.len = (uint32_t)len;
	}
	return 0;
}

/* Several are sent up to the first that cannot be. */
static int translate_all(struct run *run, struct tracee *t)
{
	const struct arg *arg = &t->call->arg[1];
	struct value *v = &t->req.val[1];
	int err;

	for (size_t k = 0; k < v->len; k++) {
		err = translate(run, t, &v->msg[k]);
		if (err && !k)
			return err;
		if (err)
			t->req.val[arg->len].num = v->len = k;
	}
	return 0;
}

void hook_message(struct run *run, struct tracee *t)
{
	struct entry *e = socket_of(t);
	int err;

	if (!e) {
		rights_here(run, t);
		return;
	}
	err = fetch(t);
	if (!err && t->more && e->remote->quiet)
		err = -EMSGSIZE;
	if (!err && t->call->arg[1].kind == ARG_MSG_IN)
		err = translate_all(run, t);
	if (err)
		not_there(run, t, err);
	else
		rights_forward(run, t);
}
