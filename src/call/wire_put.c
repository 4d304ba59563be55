/* Messages into their wire form: docs/PROTOCOL.md. */
#include <errno.h>
#include <string.h>

#include "call/flags.h"
#include "call/message.h"
#include "call/out.h"
#include "call/wire_internal.h"
#include "transport/frame.h"

/* ---- frames ---- */

static int begin(struct out *o, struct buf *buf, size_t *mark, size_t items)
{
	o->buf = buf;
	o->err = frame_begin(buf, mark);
	out_array(o, items);
	return o->err;
}

static int end(struct out *o, size_t mark)
{
	if (!o->err)
		o->err = frame_end(o->buf, mark);
	if (o->err)
		o->buf->len = mark;
	return o->err;
}

/* Text that goes to a terminal: printable ASCII only. */
bool wire_is_plain(uint8_t c)
{
	return c >= 0x20 && c < 0x7f;
}

/* At most a host name; what is not plain in it becomes a question mark. */
static void put_text(struct out *o, const char *text)
{
	char plain[WIRE_NAME_MAX];
	size_t len;

	for (len = 0; len < sizeof(plain) && text[len]; len++)
		plain[len] = wire_is_plain((uint8_t)text[len]) ? text[len] :
								 '?';
	out_bytes(o, plain, len);
}

int wire_put_hello(struct buf *buf, const struct hello *hello)
{
	struct out o;
	size_t mark;

	begin(&o, buf, &mark, 6);
	out_uint(&o, MSG_HELLO);
	out_bytes(&o, "rsc", 3);
	out_uint(&o, hello->version);
	put_text(&o, hello->arch);
	out_uint(&o, hello->digest);
	put_text(&o, hello->name);
	return end(&o, mark);
}

static int put_numbers(struct buf *buf, size_t n, const uint32_t *number)
{
	struct out o;
	size_t mark;

	begin(&o, buf, &mark, n);
	for (size_t i = 0; i < n; i++)
		out_uint(&o, number[i]);
	return end(&o, mark);
}

int wire_put_spawn(struct buf *buf, uint32_t task, uint32_t parent,
		   uint32_t share)
{
	uint32_t n[] = { MSG_SPAWN, task, parent, share };

	return put_numbers(buf, 4, n);
}

int wire_put_exit(struct buf *buf, uint32_t task)
{
	uint32_t n[] = { MSG_EXIT, task };

	return put_numbers(buf, 2, n);
}

int wire_put_cancel(struct buf *buf, uint32_t task, uint32_t seq)
{
	uint32_t n[] = { MSG_CANCEL, task, seq };

	return put_numbers(buf, 3, n);
}

int wire_put_ready(struct buf *buf, const struct ready *ready)
{
	uint32_t n[] = { MSG_READY, ready->watch, ready->mask, ready->edge };

	return put_numbers(buf, 4, n);
}

static void put_arg(struct out *o, const struct arg *arg, const struct value *v)
{
	switch ((enum arg_kind)arg->kind) {
	case ARG_NONE:
	case ARG_PTR:
		return;
	case ARG_INT:
	case ARG_FD:
	case ARG_DIRFD:
		out_int(o, (int32_t)v->num);
		return;
	case ARG_UINT:
		out_uint(o, v->num);
		return;
	case ARG_FLAGS:
		out_uint(o, flags_to_wire(arg->type, v->num));
		return;
	case ARG_PATH:
	case ARG_STR:
	case ARG_IN:
	case ARG_IOV_IN:
		if (v->data)
			out_bytes(o, v->data, v->len);
		else
			out_null(o);
		return;
	case ARG_OUT:
	case ARG_OUT_ALL:
	case ARG_OUT_AT:
	case ARG_IOV_OUT:
		if (v->num)
			out_uint(o, v->len);
		else
			out_null(o);
		return;
	case ARG_STRUCT_IN:
	case ARG_STRUCT_INOUT:
		if (v->data)
			out_struct(o, arg->type, v->data);
		else
			out_null(o);
		return;
	case ARG_STRUCT_OUT:
		if (v->num)
			out_true(o);
		else
			out_null(o);
		return;
	case ARG_MSG_IN:
	case ARG_MSG_OUT:
		if (v->msg)
			message_put_call(o, arg, v);
		else
			out_null(o);
		return;
	}
}

/* No argument of the row is an address. */
bool wire_travels(const struct call *call)
{
	for (unsigned int i = 0; i < CALL_ARGS; i++)
		if (call->arg[i].kind == ARG_PTR)
			return false;
	return true;
}

int wire_put_call(struct buf *buf, const struct req *req)
{
	unsigned int n = call_nargs(req->call);
	struct out o;
	size_t mark;

	if (!wire_travels(req->call))
		return -ENOSYS;
	begin(&o, buf, &mark, 4 + n);
	out_uint(&o, MSG_CALL);
	out_uint(&o, req->task);
	out_uint(&o, req->seq);
	out_uint(&o, req->call->id);
	for (unsigned int i = 0; i < n; i++)
		put_arg(&o, &req->call->arg[i], &req->val[i]);
	return end(&o, mark);
}

bool wire_is_msg(const struct arg *arg)
{
	return arg->kind == ARG_MSG_IN || arg->kind == ARG_MSG_OUT;
}

bool wire_is_out(const struct arg *arg)
{
	return arg->kind == ARG_OUT || arg->kind == ARG_OUT_ALL ||
	       arg->kind == ARG_OUT_AT || arg->kind == ARG_IOV_OUT ||
	       arg->kind == ARG_STRUCT_OUT || arg->kind == ARG_STRUCT_INOUT ||
	       wire_is_msg(arg);
}

/* The int behind the pointer that is the length of argument i, cut to max. */
size_t wire_int_at(const struct req *req, unsigned int i, size_t max)
{
	const struct value *v = &req->val[req->call->arg[i].len];
	int32_t len = 0;

	if (v->data)
		memcpy(&len, v->data, sizeof(len));
	return len < 0 ? 0 : (size_t)len < max ? (size_t)len : max;
}

/* How many bytes of an output buffer hold something. */
size_t wire_valid(const struct req *req, unsigned int i)
{
	size_t cap = req->val[i].len;

	if (req->call->arg[i].kind == ARG_OUT_ALL)
		return cap;
	if (req->call->arg[i].kind == ARG_OUT_AT)
		return wire_int_at(req, i, cap);
	return (uint64_t)req->ret < cap ? (size_t)req->ret : cap;
}

int wire_put_reply(struct buf *buf, const struct req *req)
{
	bool object = req->call->ret == RET_FD && req->ret >= 0;
	unsigned int outs = 0;
	struct out o;
	size_t mark;

	for (unsigned int i = 0; req->ret >= 0 && i < CALL_ARGS; i++)
		outs += wire_is_out(&req->call->arg[i]);
	begin(&o, buf, &mark, 4 + (object ? 3 : 0) + outs);
	out_uint(&o, MSG_REPLY);
	out_uint(&o, req->task);
	out_uint(&o, req->seq);
	if (req->call->ret == RET_FLAGS && req->ret >= 0)
		out_uint(&o, flags_to_wire(FL_OPEN, (uint64_t)req->ret));
	else
		out_int(&o, req->ret);
	if (object) {
		out_uint(&o, req->object);
		out_uint(&o, req->dev);
		out_uint(&o, req->ino);
	}
	for (unsigned int i = 0; outs && i < CALL_ARGS; i++) {
		const struct arg *arg = &req->call->arg[i];
		const struct value *v = &req->val[i];

		if (!wire_is_out(arg))
			continue;
		if (!v->num)
			out_null(&o);
		else if (wire_is_msg(arg))
			message_put_reply(&o, req, i);
		else if (arg->kind == ARG_STRUCT_OUT ||
			 arg->kind == ARG_STRUCT_INOUT)
			out_struct(&o, arg->type, v->data);
		else
			out_bytes(&o, v->data, wire_valid(req, i));
	}
	return end(&o, mark);
}
