/*
 * Between the tracee's messages (sendmsg(2), sendmmsg(2) and the other way
 * round) and the values of a request.
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

#include "call/message.h"
#include "tracer/fetch.h"
#include "tracer/memory.h"

_Static_assert(sizeof(struct msghdr) == 56, "msghdr");
_Static_assert(sizeof(struct mmsghdr) == 64, "mmsghdr");

#define DATA_MAX (VALUE_BYTES_MAX - MESSAGE_CONTROL_MAX)

/* Where message k of argument i stands in the tracee. */
static uint64_t header_at(const struct tracee *t, unsigned int i, size_t k)
{
	return t->arg[i] + k * sizeof(struct mmsghdr);
}

static int fetch_piece(struct tracee *t, struct piece *p, const void *at,
		       size_t len)
{
	p->given = true;
	p->len = (uint32_t)len;
	p->data = arena_alloc(&t->arena, len + 1);
	if (!p->data)
		return -ENOMEM;
	return memory_read(t->pid, (uintptr_t)at, p->data, len);
}

static int fetch_name(struct tracee *t, struct message *m,
		      const struct msghdr *hdr, bool room)
{
	int len = (int)hdr->msg_namelen;

	if (!hdr->msg_name)
		return 0;
	if (len < 0)
		return -EINVAL;
	if ((size_t)len > MESSAGE_NAME_MAX)
		len = MESSAGE_NAME_MAX;
	if (!room)
		return len ? fetch_piece(t, &m->name, hdr->msg_name,
					 (size_t)len) :
			     0;
	m->name = (struct piece){ .len = (uint32_t)len, .given = true };
	return 0;
}

static int fetch_control(struct tracee *t, struct message *m,
			 const struct msghdr *hdr, bool room)
{
	size_t len = hdr->msg_controllen;

	/* The parts of a long message have it once. */
	if (!len || t->at)
		return 0;
	if (!room)
		return len > MESSAGE_CONTROL_MAX ?
			       -ENOBUFS :
			       fetch_piece(t, &m->control, hdr->msg_control,
					   len);
	if (len > MESSAGE_CONTROL_MAX)
		len = MESSAGE_CONTROL_MAX;
	if (hdr->msg_control)
		m->control =
			(struct piece){ .len = (uint32_t)len, .given = true };
	return 0;
}

static int fetch_data(struct tracee *t, struct message *m,
		      const struct msghdr *hdr, bool room, size_t max)
{
	struct value v = { .num = (uintptr_t)hdr->msg_iov };
	struct iovec *iov;
	int err;

	if (hdr->msg_iovlen > MESSAGES_MAX)
		return -EMSGSIZE;
	if (room)
		err = fetch_iov(t, v.num, hdr->msg_iovlen, max, &iov, &v.len);
	else
		err = fetch_gather(t, &v, hdr->msg_iovlen, max);
	m->data.given = true;
	m->data.data = v.data;
	m->data.len = (uint32_t)v.len;
	return err;
}

static int fetch_message(struct tracee *t, struct message *m, uint64_t addr,
			 bool room, size_t *left)
{
	struct msghdr hdr;
	int err;

	err = memory_read(t->pid, addr, &hdr, sizeof(hdr));
	if (!err)
		err = fetch_name(t, m, &hdr, room);
	if (!err)
		err = fetch_data(t, m, &hdr, room,
				 *left < DATA_MAX ? *left : DATA_MAX);
	if (err)
		return err;
	*left -= m->data.len;
	err = fetch_control(t, m, &hdr, room);
	if (err || m->control.len > *left)
		return err ? err : -ENOBUFS;
	*left -= m->control.len;
	return 0;
}

/*
 * Several messages are as many as fit into a frame, and end before one that is
 * wrong: the calls may do less than they were asked to.
 */
int messages_fetch(struct tracee *t, unsigned int i)
{
	const struct arg *arg = &t->call->arg[i];
	uint64_t *asked = &t->req.val[arg->len].num;
	struct value *v = &t->req.val[i];
	bool room = arg->kind == ARG_MSG_OUT;
	size_t left = VALUE_BYTES_MAX;
	size_t count = 1;
	int err = 0;

	if (arg->len)
		count = (uint32_t)*asked < MESSAGES_MAX ? (uint32_t)*asked :
							  MESSAGES_MAX;
	v->msg = arena_alloc(&t->arena, (count + 1) * sizeof(*v->msg));
	if (!v->msg)
		return -ENOMEM;
	memset(v->msg, 0, (count + 1) * sizeof(*v->msg));
	for (v->len = 0; v->len < count; v->len++) {
		err = fetch_message(t, &v->msg[v->len], header_at(t, i, v->len),
				    room, &left);
		if (err || (arg->len && t->more && v->len))
			break;
	}
	/* Only a message that is sent goes on. */
	t->more = t->more && !arg->len && !room;
	if (arg->len)
		*asked = v->len;
	/* A NULL that has nothing to point to is no address. */
	v->num = v->num ? v->num : 1;
	return v->len || !count ? 0 : err;
}

static int put_at(struct tracee *t, uint64_t addr, size_t offset,
		  const void *data, size_t len)
{
	return memory_write(t->pid, addr + offset, data, len);
}

#define PUT(addr, type, field, value)                                          \
	put_at(t, addr, offsetof(struct type, field), &(value), sizeof(value))

/* What came, into the places that its header says. */
static int store_message(struct tracee *t, const struct message *m,
			 uint64_t addr)
{
	uint32_t flags = m->flags | (message_flags(t) & MSG_CMSG_CLOEXEC);
	uint64_t control = m->control.given ? m->control.len : 0;
	struct value v = { .data = m->data.data, .len = m->data.len };
	struct msghdr hdr;
	ssize_t n = 0;
	int err;

	err = memory_read(t->pid, addr, &hdr, sizeof(hdr));
	if (err)
		return err;
	v.num = (uintptr_t)hdr.msg_iov;
	if (v.len)
		n = store_scatter(t, &v, hdr.msg_iovlen);
	if (n != (ssize_t)v.len)
		return -EFAULT;
	if (m->name.given) {
		err = memory_write(t->pid, (uintptr_t)hdr.msg_name,
				   m->name.data, m->name.len);
		if (!err)
			err = PUT(addr, msghdr, msg_namelen, m->name_full);
	}
	if (!err && control)
		err = memory_write(t->pid, (uintptr_t)hdr.msg_control,
				   m->control.data, m->control.len);
	if (!err)
		err = PUT(addr, msghdr, msg_controllen, control);
	if (!err)
		err = PUT(addr, msghdr, msg_flags, flags);
	return err;
}

int64_t messages_store(struct tracee *t, unsigned int i)
{
	const struct arg *arg = &t->call->arg[i];
	const struct value *v = &t->req.val[i];
	size_t count = message_count(&t->req, i);

	for (size_t k = 0; k < count; k++) {
		uint64_t addr = header_at(t, i, k);
		uint32_t done = (uint32_t)v->msg[k].done;
		int err = 0;

		if (arg->kind == ARG_MSG_OUT)
			err = store_message(t, &v->msg[k], addr);
		if (!err && arg->len)
			err = PUT(addr, mmsghdr, msg_len, done);
		if (err)
			return k ? (int64_t)k : err;
	}
	return t->req.ret;
}

uint32_t message_flags(const struct tracee *t)
{
	for (unsigned int i = 0; i < CALL_ARGS; i++)
		if (t->call->arg[i].kind == ARG_FLAGS)
			return (uint32_t)t->arg[i];
	return 0;
}
