/*
 * Sockets: which side they are on, and what their calls need beyond the table.
 *
 * Theory of Operation. A socket is the server's when socket(2) is selected; it
 * stays it until it gets a local address (swap.c), and its calls go where it is.
 * An address is carried as it is, both architectures have the same layout; the
 * rules decide about it (names.c).
 */
#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>

#include "base/log.h"
#include "call/option.h"
#include "tracer/hooks.h"
#include "tracer/memory.h"
#include "tracer/names.h"
#include "tracer/rights.h"

#define TYPE_MASK 0xf /* linux/net.h: SOCK_TYPE_MASK */

static struct entry *socket_of(const struct tracee *t)
{
	return files_get(t->files, (int32_t)t->arg[0]);
}

/* A datagram is longer than a frame carries; it does not go in parts. */
static bool is_cut(const struct tracee *t)
{
	return t->more && socket_of(t)->remote->quiet;
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

/* Has the program room for an address and its length there? */
static bool has_room(const struct tracee *t, uint64_t name, uint64_t len)
{
	int32_t room;
	char byte;

	if (memory_read(t->pid, len, &room, sizeof(room)))
		return false;
	return room <= 0 || !memory_read(t->pid, name, &byte, 1);
}

/* Who has no room finds it out when the connection is made, and lost. */
static void accepted_nowhere(struct run *run, struct tracee *t)
{
	if (t->req.ret >= 0) {
		tell_close(run, t, (int)t->req.ret);
		t->req.ret = -EFAULT;
	}
	finish_skip(run, t, t->req.ret);
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
	t->if_remote = accepted;
	if (t->arg[1] && !has_room(t, t->arg[1], t->arg[2])) {
		t->if_remote = accepted_nowhere;
		t->arg[1] = 0;
	}
	if (!t->arg[1])
		t->arg[2] = 0;
	forward(run, t);
}

/* ---- names ---- */

static void send_name(struct run *run, struct tracee *t)
{
	ready_bind(run, t);
	ask(run, t, finish_reply);
}

/* bind, connect, sendto */
static void forward_name(struct run *run, struct tracee *t)
{
	int err;

	err = fetch(t);
	if (!err && is_cut(t))
		err = -EMSGSIZE;
	if (err)
		finish_skip(run, t, err);
	else
		names_route(run, t, send_name);
}

void hook_name(struct run *run, struct tracee *t)
{
	if (socket_of(t))
		forward_name(run, t);
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
	forward_name(run, t);
}

void hook_recvfrom(struct run *run, struct tracee *t)
{
	int32_t room;

	if (!socket_of(t)) {
		let_go(run, t);
		return;
	}
	/* What comes by a stream has no address to be written. */
	if (!socket_of(t)->remote->quiet &&
	    !memory_read(t->pid, t->arg[5], &room, sizeof(room)) &&
	    !has_room(t, t->arg[4], t->arg[5]))
		t->arg[4] = 0;
	if (!t->arg[4])
		t->arg[5] = 0;
	forward(run, t);
}

/* ---- options ---- */

/* An option of the same level that is known, or NULL. */
static const struct option *of_level(int level)
{
	for (size_t i = 0; i < option_count; i++)
		if (option_table[i].level == level)
			return &option_table[i];
	return NULL;
}

static void refuse_option(struct run *run, struct tracee *t, int err)
{
	refuse_unknown(run, t, t->call,
		       (uint64_t)(uint32_t)t->arg[1] << 32 |
			       (uint32_t)t->arg[2],
		       err);
}

/* Is it the level that the socket does not know, or the option? */
static void level_asked(struct run *run, struct tracee *t)
{
	if (t->req.ret == -EOPNOTSUPP)
		finish_skip(run, t, -EOPNOTSUPP);
	else
		refuse_option(run, t, ENOPROTOOPT);
}

static void ask_level(struct run *run, struct tracee *t,
		      const struct option *option)
{
	int32_t *len = arena_alloc(&t->arena, sizeof(*len));

	if (!len) {
		finish_skip(run, t, -ENOMEM);
		return;
	}
	*len = sizeof(*len);
	t->req = (struct req){ .call = t->call };
	t->req.val[0].num = (uint64_t)socket_of(t)->handle;
	t->req.val[1].num = t->arg[1];
	t->req.val[2].num = (uint64_t)option->name;
	t->req.val[3] = (struct value){ .num = 1, .len = sizeof(*len) };
	t->req.val[4] = (struct value){ .num = 1,
					.data = (uint8_t *)len,
					.len = sizeof(*len) };
	ask(run, t, level_asked);
}

/* The server names a task, the program knows a process. */
static void peer_answered(struct run *run, struct tracee *t)
{
	struct value *val = &t->req.val[3];
	struct tracee *peer;
	struct ucred cred;

	if (t->req.ret == 0 && val->data && val->len >= sizeof(cred)) {
		memcpy(&cred, val->data, sizeof(cred));
		if (cred.pid < -1) {
			peer = tracee_by_task(run, (uint32_t)(-1 - cred.pid));
			cred.pid = peer ? tree_group_number(run, peer) : 0;
			memcpy(val->data, &cred, sizeof(cred));
		}
	}
	finish_reply(run, t);
}

void hook_option(struct run *run, struct tracee *t)
{
	int level = (int)t->arg[1];
	int name = (int)t->arg[2];

	if (!socket_of(t)) {
		let_go(run, t);
		return;
	}
	if (option_find(level, name)) {
		if (level == SOL_SOCKET && name == SO_PEERCRED)
			t->if_remote = peer_answered;
		forward(run, t);
		return;
	}
	if (!strcmp(t->call->name, "getsockopt") && of_level(level))
		ask_level(run, t, of_level(level));
	else
		refuse_option(run, t,
			      !of_level(level) && !strcmp(t->call->name,
							  "getsockopt") ?
				      EOPNOTSUPP :
				      ENOPROTOOPT);
}

/* ---- SIOCGIFCONF ---- */

static void listed(struct run *run, struct tracee *t)
{
	const int32_t len = (int32_t)t->result;
	int64_t ret = t->result;

	t->call = call_by_name("ioctl");
	memcpy(t->arg, t->regs.arg, sizeof(t->arg));
	if (ret >= 0)
		ret = memory_write(t->pid, t->arg[2], &len, sizeof(len));
	finish_skip(run, t, ret);
}

void net_list(struct run *run, struct tracee *t)
{
	struct ifconf list;

	if (memory_read(t->pid, t->arg[2], &list, sizeof(list))) {
		finish_skip(run, t, -EFAULT);
		return;
	}
	if (list.ifc_len < 0 && list.ifc_buf) {
		finish_skip(run, t, -EINVAL);
		return;
	}
	t->call = call_by_name("rsc_ifconf");
	t->arg[1] = (uintptr_t)list.ifc_buf;
	t->arg[2] = list.ifc_buf ? (uint64_t)list.ifc_len : 0;
	t->if_done = listed;
	forward(run, t);
}

/* ---- messages ---- */

void hook_message(struct run *run, struct tracee *t)
{
	int err;

	if (!socket_of(t)) {
		rights_here(run, t);
		return;
	}
	err = fetch(t);
	if (!err && is_cut(t))
		err = -EMSGSIZE;
	if (err)
		finish_skip(run, t, err);
	else if (t->call->arg[1].kind == ARG_MSG_IN)
		names_route(run, t, rights_forward);
	else
		rights_forward(run, t);
}
