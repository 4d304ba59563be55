/* Messages out of their wire form, with every rule that they keep. */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "call/cursor.h"
#include "call/flags.h"
#include "call/message.h"
#include "call/wire_internal.h"

static bool get_text(struct cursor *c, char *to, size_t size)
{
	const uint8_t *data;
	size_t len;

	if (!cursor_bytes(c, &data, &len))
		return false;
	if (len >= size)
		return cursor_fail(c, "a text of HELLO is too long");
	for (size_t i = 0; i < len; i++)
		if (!wire_is_plain(data[i]))
			return cursor_fail(c, "a text of HELLO is not plain");
	memcpy(to, data, len);
	to[len] = 0;
	return true;
}

static bool get_hello(struct cursor *c, struct hello *h)
{
	const uint8_t *data;
	uint64_t v;
	size_t len;

	if (!cursor_bytes(c, &data, &len))
		return false;
	if (len != 3 || memcmp(data, "rsc", 3))
		return cursor_fail(c, "HELLO does not say rsc");
	if (!cursor_uint(c, UINT32_MAX, &v))
		return false;
	h->version = (uint32_t)v;
	return get_text(c, h->arch, sizeof(h->arch)) &&
	       cursor_uint(c, UINT64_MAX, &h->digest) &&
	       get_text(c, h->name, sizeof(h->name)) && cursor_end(c);
}

static bool get_u32(struct cursor *c, uint32_t *out)
{
	uint64_t v;

	if (!cursor_uint(c, UINT32_MAX, &v))
		return false;
	*out = (uint32_t)v;
	return true;
}

static bool get_ready(struct cursor *c, struct ready *ready)
{
	if (!get_u32(c, &ready->watch) || !get_u32(c, &ready->mask) ||
	    !get_u32(c, &ready->edge))
		return false;
	if (ready->mask & ~(uint32_t)READY_MASK)
		return cursor_fail(c, "READY of an unknown kind");
	if (ready->edge & ~(uint32_t)EDGE_MASK)
		return cursor_fail(c, "READY with an unknown edge");
	return cursor_end(c);
}

/* Reads to behind the head; *items is the array's length. */
static bool get_head(struct cursor *c, struct msg_head *head)
{
	static const unsigned char want[] = { 6, 0, 0, 4, 2, 3, 4 };
	uint64_t type;
	uint64_t id;

	memset(head, 0, sizeof(*head));
	if (!cursor_array(c, &head->items) ||
	    !cursor_uint(c, MSG_COUNT - 1, &type))
		return false;
	head->type = (enum msg)type;
	if (want[type] ? head->items != want[type] : head->items < 4)
		return cursor_fail(c, "a message of the wrong length");
	if (type == MSG_HELLO)
		return get_hello(c, &head->hello);
	if (type == MSG_READY)
		return get_ready(c, &head->ready);
	if (!get_u32(c, &head->task))
		return false;
	switch (head->type) {
	case MSG_CALL:
		if (!get_u32(c, &head->seq) || !cursor_uint(c, UINT16_MAX, &id))
			return false;
		head->call = call_by_id((unsigned int)id);
		if (!head->call)
			return cursor_fail(c, "a call that no row describes");
		if (!wire_travels(head->call))
			return cursor_fail(c, "a call that does not travel");
		if (head->items != 4 + call_nargs(head->call))
			return cursor_fail(c, "a call of the wrong length");
		return true;
	case MSG_REPLY:
		return get_u32(c, &head->seq);
	case MSG_SPAWN:
		if (!get_u32(c, &head->parent) || !get_u32(c, &head->share))
			return false;
		if (head->share & ~(uint32_t)(SPAWN_FILES | SPAWN_FS))
			return cursor_fail(c, "SPAWN shares what is unknown");
		return cursor_end(c);
	case MSG_CANCEL:
		return get_u32(c, &head->seq) && cursor_end(c);
	default:
		return cursor_end(c);
	}
}

int wire_get_head(const uint8_t *body, size_t len, struct msg_head *head,
		  const char **why)
{
	struct cursor c = { body, body + len, NULL };

	if (get_head(&c, head)) {
		head->size = (size_t)(c.at - body);
		return 0;
	}
	*why = c.why;
	return -EPROTO;
}

static bool fits(int64_t v, bool negative, const struct field *f)
{
	unsigned int bits = f->size * 8u;

	if (f->is_signed) {
		int64_t max = bits == 64 ? INT64_MAX :
					   ((int64_t)1 << (bits - 1)) - 1;

		return (negative || v >= 0) && v <= max && v >= -max - 1;
	}
	return !negative && (bits == 64 || (uint64_t)v < 1ull << bits);
}

static bool get_struct(struct cursor *c, const struct item *item,
		       unsigned int type, uint8_t *data)
{
	const struct struct_info *info = &struct_table[type];

	if (item->kind != ITEM_ARRAY || item->num != info->nfields)
		return cursor_fail(c, "a structure of the wrong length");
	for (unsigned int i = 0; i < info->nfields; i++) {
		const struct field *f = &info->field[i];
		uint8_t *at = data + f->offset;
		struct item in;
		int64_t v;

		if (!cursor_next(c, &in))
			return false;
		if (f->bytes) {
			if (in.kind != ITEM_BYTES || in.len != f->size)
				return cursor_fail(c, "a field of bytes");
			memcpy(at, in.data, in.len);
			continue;
		}
		if (!item_int(&in, &v) || !fits(v, in.negative, f))
			return cursor_fail(c, "a field out of range");
		v = (int64_t)flags_from_wire(f->set, (uint64_t)v);
		switch (f->size) {
		case 1:
			memcpy(at, &(uint8_t){ (uint8_t)v }, 1);
			break;
		case 2:
			memcpy(at, &(uint16_t){ (uint16_t)v }, 2);
			break;
		case 4:
			memcpy(at, &(uint32_t){ (uint32_t)v }, 4);
			break;
		default:
			memcpy(at, &v, 8);
			break;
		}
	}
	return true;
}

static bool room_as_it_is(struct cursor *c, struct value *v, size_t len,
			  struct arena *arena)
{
	v->num = 1;
	v->len = len;
	v->data = arena_take(arena, len + 1);
	return v->data ? true : cursor_fail(c, "out of memory");
}

static bool room(struct cursor *c, struct value *v, size_t len,
		 struct arena *arena)
{
	if (!room_as_it_is(c, v, len, arena))
		return false;
	memset(v->data, 0, len + 1);
	return true;
}

static bool get_scalar(struct cursor *c, const struct arg *arg,
		       const struct item *item, struct value *v)
{
	int64_t num;

	if (!item_int(item, &num))
		return cursor_fail(c, "an integer argument");
	if (arg->kind == ARG_UINT || arg->kind == ARG_FLAGS) {
		if (item->negative)
			return cursor_fail(c, "a negative argument");
		v->num = arg->kind == ARG_FLAGS ?
				 flags_from_wire(arg->type, item->num) :
				 item->num;
		return true;
	}
	if (num > INT32_MAX || num < INT32_MIN ||
	    (!item->negative && item->num > INT32_MAX))
		return cursor_fail(c, "an argument out of range");
	v->num = (uint64_t)num;
	return true;
}

static bool get_in(struct cursor *c, const struct arg *arg,
		   const struct item *item, struct value *v,
		   struct arena *arena)
{
	bool text = arg->kind == ARG_PATH || arg->kind == ARG_STR;

	if (item->kind != ITEM_BYTES)
		return cursor_fail(c, "an argument of bytes");
	if (item->len > (text ? PATH_MAX - 1 : VALUE_BYTES_MAX))
		return cursor_fail(c, "an argument that is too long");
	if (text && memchr(item->data, 0, item->len))
		return cursor_fail(c, "a NUL inside a string");
	if (!room(c, v, item->len, arena))
		return false;
	memcpy(v->data, item->data, item->len);
	return true;
}

static bool get_arg(struct cursor *c, const struct arg *arg, struct value *v,
		    struct arena *arena)
{
	struct item item;
	bool fill;

	if (!cursor_next(c, &item))
		return false;
	if (arg->kind > ARG_DIRFD && item.kind == ITEM_NULL)
		return true;
	switch ((enum arg_kind)arg->kind) {
	case ARG_INT:
	case ARG_UINT:
	case ARG_FLAGS:
	case ARG_FD:
	case ARG_DIRFD:
		return get_scalar(c, arg, &item, v);
	case ARG_PATH:
	case ARG_STR:
	case ARG_IN:
	case ARG_IOV_IN:
		return get_in(c, arg, &item, v, arena);
	case ARG_OUT:
	case ARG_OUT_ALL:
	case ARG_OUT_AT:
	case ARG_IOV_OUT:
		/* What the call does not fill stays here: any content. */
		fill = arg->kind == ARG_OUT_ALL || arg->kind == ARG_OUT_AT;
		if (item.kind != ITEM_INT || item.negative ||
		    item.num > VALUE_BYTES_MAX)
			return cursor_fail(c, "a capacity out of range");
		return fill ? room(c, v, item.num, arena) :
			      room_as_it_is(c, v, item.num, arena);
	case ARG_STRUCT_OUT:
		if (item.kind != ITEM_TRUE)
			return cursor_fail(c, "true or null was expected");
		return room(c, v, struct_table[arg->type].size, arena);
	case ARG_STRUCT_IN:
	case ARG_STRUCT_INOUT:
		return room(c, v, struct_table[arg->type].size, arena) &&
		       get_struct(c, &item, arg->type, v->data);
	case ARG_MSG_IN:
	case ARG_MSG_OUT:
		return message_get_call(c, arg, &item, v, arena);
	default:
		return cursor_fail(c, "an argument that cannot travel");
	}
}

/* A buffer is as long as the call says it is; a negative length has none. */
static bool lengths_agree(struct cursor *c, const struct req *req)
{
	const struct arg *row = req->call->arg;

	for (unsigned int i = 0; i < CALL_ARGS; i++) {
		const struct value *v = &req->val[i];
		uint64_t want = req->val[row[i].len].num;

		if (row[i].kind == ARG_OUT_AT)
			want = wire_int_at(req, i, VALUE_BYTES_MAX);
		else if (row[i].kind != ARG_IN && row[i].kind != ARG_OUT &&
			 row[i].kind != ARG_OUT_ALL &&
			 !(wire_is_msg(&row[i]) && row[i].len))
			continue;
		else if (row[row[i].len].kind == ARG_INT && (int64_t)want < 0)
			want = 0;
		if (v->num && v->len != want)
			return cursor_fail(c, "a length that does not agree");
	}
	return true;
}

int wire_get_call(const uint8_t *body, size_t len, struct req *req,
		  struct arena *arena, const char **why)
{
	struct msg_head head;
	int err;

	err = wire_get_head(body, len, &head, why);
	return err ? err : wire_get_args(&head, body, len, req, arena, why);
}

int wire_get_args(const struct msg_head *head, const uint8_t *body, size_t len,
		  struct req *req, struct arena *arena, const char **why)
{
	struct cursor c = { body + head->size, body + len, NULL };
	bool ok;

	memset(req, 0, sizeof(*req));
	ok = head->type == MSG_CALL || cursor_fail(&c, "a CALL was expected");
	if (ok) {
		req->call = head->call;
		req->task = head->task;
		req->seq = head->seq;
	}
	for (unsigned int i = 0; ok && i < head->items - 4; i++)
		ok = get_arg(&c, &req->call->arg[i], &req->val[i], arena);
	ok = ok && cursor_end(&c) && lengths_agree(&c, req);
	if (ok)
		return 0;
	*why = c.why;
	return -EPROTO;
}

/* The result cannot say more bytes than there were. */
static bool ret_agrees(struct cursor *c, const struct req *req)
{
	const struct call *call = req->call;

	if (req->ret < -4095)
		return cursor_fail(c, "an errno out of range");
	if (call->ret == RET_FD && req->ret > INT_MAX)
		return cursor_fail(c, "a handle out of range");
	if (req->ret < 0)
		return true;
	for (unsigned int i = 0; i < CALL_ARGS; i++)
		if (wire_is_msg(&call->arg[i]) && call->arg[i].len &&
		    (uint64_t)req->ret > req->val[i].len)
			return cursor_fail(c, "more messages than asked");
	if (call->ret != RET_LEN && call->ret != RET_SIZE)
		return true;
	for (unsigned int i = 0; i < CALL_ARGS; i++) {
		unsigned int kind = call->arg[i].kind;
		size_t len = req->val[i].len;

		if (kind != ARG_IN && kind != ARG_IOV_IN && kind != ARG_OUT &&
		    kind != ARG_IOV_OUT)
			continue;
		if ((uint64_t)req->ret <= len)
			return true;
		if (call->ret == RET_SIZE && !len)
			return true;
		return cursor_fail(c, "a result of more than asked");
	}
	return true;
}

static bool get_object(struct cursor *c, struct req *req)
{
	uint64_t v;

	if (!cursor_uint(c, OBJECT_POLLABLE * 2 - 1, &v))
		return false;
	if ((v & ~(uint64_t)OBJECT_POLLABLE) >= OBJECT_KINDS)
		return cursor_fail(c, "an object of unknown kind");
	req->object = (uint32_t)v;
	return cursor_uint(c, UINT64_MAX, &req->dev) &&
	       cursor_uint(c, UINT64_MAX, &req->ino);
}

/*
 * What is looked at when the whole reply is read, or is shorter: TCP counts
 * what it drops for MSG_TRUNC.
 */
static bool came_right(const struct req *req, unsigned int i, size_t len)
{
	if (req->call->arg[i].kind == ARG_OUT_AT)
		return len <= req->val[i].len;
	if (req->call->ret == RET_TRUNC)
		return len <= wire_valid(req, i);
	return len == wire_valid(req, i);
}

/* Bytes that came are as many as the int behind their length says. */
static bool came_whole(struct cursor *c, const struct req *req,
		       const struct req *asked)
{
	for (unsigned int i = 0; i < CALL_ARGS; i++) {
		size_t room = asked->val[i].len;

		if (req->call->arg[i].kind == ARG_OUT_AT && req->val[i].num &&
		    req->val[i].len != wire_int_at(req, i, room))
			return cursor_fail(c, "an output of another length");
	}
	return true;
}

static bool get_out(struct cursor *c, struct req *req, unsigned int i,
		    struct arena *arena)
{
	const struct arg *arg = &req->call->arg[i];
	struct value *v = &req->val[i];
	uint64_t address = v->num;
	struct item item;

	if (!cursor_next(c, &item))
		return false;
	if (item.kind == ITEM_NULL)
		return address ? cursor_fail(c, "an output is missing") : true;
	if (!address)
		return cursor_fail(c, "an output that was not asked for");
	if (wire_is_msg(arg))
		return message_get_reply(c, &item, req, i, arena);
	if (arg->kind == ARG_STRUCT_OUT || arg->kind == ARG_STRUCT_INOUT) {
		if (!room(c, v, struct_table[arg->type].size, arena) ||
		    !get_struct(c, &item, arg->type, v->data))
			return false;
	} else {
		if (item.kind != ITEM_BYTES || !came_right(req, i, item.len))
			return cursor_fail(c, "an output of another length");
		v->data = (uint8_t *)(uintptr_t)item.data;
		v->len = item.len;
	}
	v->num = address;
	return true;
}

int wire_get_reply(const uint8_t *body, size_t len, struct req *req,
		   struct arena *arena, const char **why)
{
	struct msg_head head;
	int err;

	err = wire_get_head(body, len, &head, why);
	return err ? err : wire_get_rest(&head, body, len, req, arena, why);
}

int wire_get_rest(const struct msg_head *head, const uint8_t *body, size_t len,
		  struct req *req, struct arena *arena, const char **why)
{
	struct cursor c = { body + head->size, body + len, NULL };
	struct req asked = *req;
	bool object;
	size_t outs = 0;
	bool ok;

	ok = head->type == MSG_REPLY || cursor_fail(&c, "a REPLY was expected");
	ok = ok && cursor_int(&c, &req->ret) && ret_agrees(&c, req);
	if (ok && req->call->ret == RET_FLAGS && req->ret >= 0)
		req->ret =
			(int64_t)flags_from_wire(FL_OPEN, (uint64_t)req->ret);
	for (unsigned int i = 0; ok && req->ret >= 0 && i < CALL_ARGS; i++)
		outs += wire_is_out(&req->call->arg[i]);
	object = ok && req->ret >= 0 && req->call->ret == RET_FD;
	if (ok && head->items != 4 + (object ? 3 : 0) + outs)
		ok = cursor_fail(&c, "a reply of the wrong length");
	if (ok && object)
		ok = get_object(&c, req);
	for (unsigned int i = 0; ok && outs && i < CALL_ARGS; i++)
		if (wire_is_out(&req->call->arg[i]))
			ok = get_out(&c, req, i, arena);
	ok = ok && (!outs || came_whole(&c, req, &asked)) && cursor_end(&c);
	if (ok)
		return 0;
	*why = c.why;
	return -EPROTO;
}

int wire_keep_reply(struct req *req, struct arena *arena)
{
	for (unsigned int i = 0; req->ret >= 0 && i < CALL_ARGS; i++) {
		struct value *v = &req->val[i];
		unsigned int kind = req->call->arg[i].kind;
		uint8_t *copy;

		if (!v->num || !v->data ||
		    (kind != ARG_OUT && kind != ARG_OUT_ALL &&
		     kind != ARG_OUT_AT && kind != ARG_IOV_OUT))
			continue;
		copy = arena_take(arena, v->len + 1);
		if (!copy)
			return -ENOMEM;
		memcpy(copy, v->data, v->len);
		copy[v->len] = 0;
		v->data = copy;
	}
	return 0;
}
