/* Sample calls and replies made from the call table. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "common/samples.h"

/* An address in the tracee; never followed. */
#define ADDRESS 0x7f0000001000u

bool sample_travels(const struct call *row)
{
	for (unsigned int i = 0; i < CALL_ARGS; i++)
		if (row->arg[i].kind == ARG_PTR)
			return false;
	return true;
}

uint64_t sample_random(uint64_t *state)
{
	/* splitmix64 */
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static void fill(uint8_t *data, size_t len, uint64_t seed)
{
	for (size_t i = 0; i < len; i++)
		data[i] = (uint8_t)sample_random(&seed);
}

static bool is_text(const struct arg *arg)
{
	return arg->kind == ARG_PATH || arg->kind == ARG_STR;
}

static bool is_msg(const struct arg *arg)
{
	return arg->kind == ARG_MSG_IN || arg->kind == ARG_MSG_OUT;
}

static bool is_out(const struct arg *arg)
{
	return arg->kind == ARG_OUT || arg->kind == ARG_OUT_ALL ||
	       arg->kind == ARG_OUT_AT || arg->kind == ARG_IOV_OUT ||
	       arg->kind == ARG_STRUCT_OUT || arg->kind == ARG_STRUCT_INOUT;
}

/* The kinds whose length argument says the same number of bytes. */
static bool says_length(const struct arg *arg)
{
	return arg->kind == ARG_IN || arg->kind == ARG_OUT ||
	       arg->kind == ARG_OUT_ALL || (is_msg(arg) && arg->len);
}

static void set_int(struct value *v, size_t num)
{
	int32_t num32 = (int32_t)num;

	if (v->data)
		memcpy(v->data, &num32, sizeof(num32));
}

static struct piece part_of(size_t len, bool room, struct arena *arena)
{
	struct piece part = { .len = (uint32_t)len, .given = true };

	if (room)
		return part;
	part.data = arena_alloc(arena, len + 1);
	if (!part.data)
		abort();
	fill(part.data, len, len);
	return part;
}

/* Small: two messages, the second without what it can be without. */
static void messages(struct value *v, const struct arg *arg, enum shape shape,
		     struct arena *arena)
{
	bool room = arg->kind == ARG_MSG_OUT;
	bool max = shape == SHAPE_MAX;
	size_t len = max ? VALUE_BYTES_MAX - MESSAGE_CONTROL_MAX : 5;

	v->num = ADDRESS;
	v->len = shape == SHAPE_ZERO && arg->len ? 0 : arg->len && !max ? 2 : 1;
	v->msg = arena_alloc(arena, 2 * sizeof(*v->msg));
	if (!v->msg)
		abort();
	memset(v->msg, 0, 2 * sizeof(*v->msg));
	v->msg[0].data = part_of(len, room, arena);
	v->msg[1].data = part_of(0, room, arena);
	if (shape == SHAPE_ZERO)
		return;
	v->msg[0].name = part_of(max ? MESSAGE_NAME_MAX : 5, room, arena);
	v->msg[0].control = part_of(max ? MESSAGE_CONTROL_MAX : 5, room, arena);
}

static size_t bytes_of(const struct arg *arg, enum shape shape)
{
	switch (shape) {
	case SHAPE_SMALL:
		return 5;
	case SHAPE_MAX:
		return is_text(arg) ? PATH_MAX - 1 : VALUE_BYTES_MAX;
	default:
		return 0;
	}
}

static uint64_t number(unsigned int kind, enum shape shape)
{
	static const int32_t small_int[SHAPE_COUNT] = { 3, 0, INT32_MIN,
							INT32_MAX };

	switch (kind) {
	case ARG_INT:
		return (uint64_t)(int64_t)small_int[shape];
	case ARG_FD:
		return shape == SHAPE_NULL ? 0 : (uint64_t)small_int[shape];
	case ARG_DIRFD:
		return shape == SHAPE_NULL ? (uint64_t)-100 :
					     (uint64_t)small_int[shape];
	default:
		return shape == SHAPE_SMALL ? 0241101 :
		       shape == SHAPE_MAX   ? UINT64_MAX :
					      0;
	}
}

static void contents(struct value *v, const struct arg *arg, enum shape shape,
		     struct arena *arena)
{
	size_t len = bytes_of(arg, shape);

	if (arg->kind == ARG_STRUCT_IN || arg->kind == ARG_STRUCT_INOUT)
		len = struct_table[arg->type].size;
	v->num = ADDRESS;
	v->data = arena_alloc(arena, len + 1);
	v->len = len;
	if (!v->data)
		abort();
	if (shape == SHAPE_MAX)
		memset(v->data, 0xff, len);
	else if (shape == SHAPE_SMALL)
		fill(v->data, len, arg->kind);
	for (size_t i = 0; is_text(arg) && i < len; i++)
		v->data[i] |= !v->data[i];
}

void sample_call(struct req *req, const struct call *row, enum shape shape,
		 struct arena *arena)
{
	bool null = shape == SHAPE_NULL;

	memset(req, 0, sizeof(*req));
	req->call = row;
	req->task = shape == SHAPE_MAX ? UINT32_MAX : row->id;
	req->seq = shape == SHAPE_MAX ? UINT32_MAX : 7;
	for (unsigned int i = 0; i < CALL_ARGS; i++) {
		const struct arg *arg = &row->arg[i];
		struct value *v = &req->val[i];

		if (arg->kind == ARG_NONE)
			break;
		if (arg->kind <= ARG_DIRFD)
			v->num = number(arg->kind, shape);
		else if (null)
			v->num = 0;
		else if (is_msg(arg))
			messages(v, arg, shape, arena);
		else if (!is_out(arg) || arg->kind == ARG_STRUCT_INOUT)
			contents(v, arg, shape, arena);
		else if (arg->kind == ARG_STRUCT_OUT)
			*v = (struct value){
				.num = ADDRESS,
				.len = struct_table[arg->type].size,
			};
		else
			*v = (struct value){
				.num = ADDRESS,
				.len = bytes_of(arg, shape),
			};
	}
	for (unsigned int i = 0; i < CALL_ARGS; i++)
		if (says_length(&row->arg[i]) && !null)
			req->val[row->arg[i].len].num = req->val[i].len;
		else if (row->arg[i].kind == ARG_OUT_AT)
			set_int(&req->val[row->arg[i].len], req->val[i].len);
}

/* What a result is bounded by, or NULL. */
static const struct value *bound(const struct req *req)
{
	for (unsigned int i = 0; i < CALL_ARGS; i++) {
		unsigned int kind = req->call->arg[i].kind;

		if (kind == ARG_IN || kind == ARG_IOV_IN || kind == ARG_OUT ||
		    kind == ARG_IOV_OUT)
			return &req->val[i];
	}
	return NULL;
}

/* How many messages of argument i were sent, or came. */
static size_t done(const struct req *req, unsigned int i)
{
	size_t len = req->val[i].len;

	if (!req->call->arg[i].len)
		return 1;
	return (uint64_t)req->ret < len ? (size_t)req->ret : len;
}

static void result_of_messages(struct req *req, unsigned int i, bool largest)
{
	struct value *v = &req->val[i];

	if (req->call->arg[i].len)
		req->ret = largest ? (int64_t)v->len : (int64_t)v->len / 2;
	else
		req->ret = (int64_t)v->msg->data.len;
	for (size_t k = 0; k < v->len; k++) {
		struct message *m = &v->msg[k];

		m->done = (int64_t)m->data.len;
		if (req->call->arg[i].kind == ARG_MSG_IN)
			continue;
		m->flags = largest ? UINT32_MAX : 0;
		m->name_full = largest ? UINT32_MAX : m->name.len;
		if (!largest)
			m->data.len /= 2;
		fill(m->name.data, m->name.len, k + 1);
		fill(m->data.data, m->data.len, k + 2);
		fill(m->control.data, m->control.len, k + 3);
	}
}

void sample_result(struct req *req, bool largest)
{
	const struct value *buffer = bound(req);

	if (!largest)
		req->ret = buffer && buffer->num ? (int64_t)buffer->len / 2 : 0;
	else if (req->call->ret == RET_FD)
		req->ret = INT32_MAX;
	else if (req->call->ret == RET_INT)
		req->ret = INT64_MAX;
	else
		req->ret = buffer && buffer->num ? (int64_t)buffer->len : 0;
	if (req->call->ret == RET_FD) {
		req->object = largest ? OBJECT_OTHER | OBJECT_POLLABLE :
					OBJECT_FILE;
		req->dev = largest ? UINT64_MAX : 0;
		req->ino = largest ? UINT64_MAX : 1;
	}
	for (unsigned int i = 0; i < CALL_ARGS; i++) {
		struct value *v = &req->val[i];

		if (is_msg(&req->call->arg[i]) && !v->num)
			req->ret = 0;
		else if (is_msg(&req->call->arg[i]))
			result_of_messages(req, i, largest);
		else if (is_out(&req->call->arg[i]) && v->num)
			fill(v->data, v->len, (uint64_t)req->ret + i);
	}
	for (unsigned int i = 0; i < CALL_ARGS; i++)
		if (req->call->arg[i].kind == ARG_OUT_AT)
			set_int(&req->val[req->call->arg[i].len],
				largest ? req->val[i].len + 1 :
					  req->val[i].len / 2);
}

static bool same_struct(unsigned int type, const uint8_t *a, const uint8_t *b)
{
	const struct struct_info *info = &struct_table[type];

	for (unsigned int i = 0; i < info->nfields; i++) {
		const struct field *f = &info->field[i];

		if (memcmp(a + f->offset, b + f->offset, f->size))
			return false;
	}
	return true;
}

static bool same_data(const struct arg *arg, const struct value *a,
		      const struct value *b, size_t len)
{
	if (!a->data || !b->data)
		return !a->data && !b->data;
	if (arg->kind == ARG_STRUCT_IN || arg->kind == ARG_STRUCT_INOUT ||
	    arg->kind == ARG_STRUCT_OUT)
		return same_struct(arg->type, a->data, b->data);
	return !memcmp(a->data, b->data, len);
}

static bool same_part(const struct piece *a, const struct piece *b, bool room)
{
	return a->given == b->given && a->len == b->len &&
	       (room || !a->given || !memcmp(a->data, b->data, a->len));
}

static bool same_messages(const struct arg *arg, const struct value *a,
			  const struct value *b, size_t count, bool reply)
{
	bool room = arg->kind == ARG_MSG_OUT && !reply;

	for (size_t k = 0; k < count; k++) {
		const struct message *x = &a->msg[k];
		const struct message *y = &b->msg[k];

		if (!same_part(&x->name, &y->name, room) ||
		    !same_part(&x->data, &y->data, room) ||
		    !same_part(&x->control, &y->control, room) ||
		    (reply && x->done != y->done) ||
		    x->name_full != y->name_full || x->flags != y->flags)
			return false;
	}
	return true;
}

bool sample_same_call(const struct req *a, const struct req *b)
{
	if (a->call != b->call || a->task != b->task || a->seq != b->seq)
		return false;
	for (unsigned int i = 0; i < CALL_ARGS; i++) {
		const struct arg *arg = &a->call->arg[i];
		const struct value *x = &a->val[i];
		const struct value *y = &b->val[i];

		if (arg->kind <= ARG_DIRFD ? x->num != y->num :
					     !x->num != !y->num)
			return false;
		if (x->len != y->len)
			return false;
		if (is_msg(arg)) {
			if (x->num && !same_messages(arg, x, y, x->len, false))
				return false;
			continue;
		}
		if (arg->kind > ARG_DIRFD &&
		    (!is_out(arg) || arg->kind == ARG_STRUCT_INOUT) &&
		    !same_data(arg, x, y, x->len))
			return false;
	}
	return true;
}

bool sample_same_reply(const struct req *a, const struct req *b)
{
	if (a->ret != b->ret)
		return false;
	if (a->call->ret == RET_FD && a->ret >= 0 &&
	    (a->object != b->object || a->dev != b->dev || a->ino != b->ino))
		return false;
	for (unsigned int i = 0; a->ret >= 0 && i < CALL_ARGS; i++) {
		const struct arg *arg = &a->call->arg[i];
		size_t len = a->val[i].len;

		if (is_msg(arg) && a->val[i].num &&
		    !same_messages(arg, &a->val[i], &b->val[i], done(a, i),
				   true))
			return false;
		if (!is_out(arg))
			continue;
		if (arg->kind == ARG_OUT_AT && a->val[arg->len].data) {
			int32_t full;

			memcpy(&full, a->val[arg->len].data, sizeof(full));
			if ((size_t)full < len)
				len = (size_t)full;
		}
		if ((arg->kind == ARG_OUT || arg->kind == ARG_IOV_OUT) &&
		    (uint64_t)a->ret < len)
			len = (size_t)a->ret;
		if (b->val[i].len != len ||
		    !same_data(arg, &a->val[i], &b->val[i], len))
			return false;
	}
	return true;
}
