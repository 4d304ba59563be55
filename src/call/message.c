/* The wire form of the messages of sendmsg(2) and its kin. */
#include <string.h>

#include "call/message.h"

#define CALL_ITEMS 3
#define REPLY_ITEMS 6

size_t message_count(const struct req *req, unsigned int i)
{
	if (!req->call->arg[i].len)
		return 1;
	return (uint64_t)req->ret < req->val[i].len ? (size_t)req->ret :
						      req->val[i].len;
}

/* ---- writing ---- */

static void put_part(struct out *o, const struct piece *part, bool room)
{
	if (!part->given)
		out_null(o);
	else if (room)
		out_uint(o, part->len);
	else
		out_bytes(o, part->data, part->len);
}

void message_put_call(struct out *o, const struct arg *arg,
		      const struct value *v)
{
	bool room = arg->kind == ARG_MSG_OUT;

	out_array(o, v->len);
	for (size_t k = 0; k < v->len; k++) {
		const struct message *m = &v->msg[k];

		out_array(o, CALL_ITEMS);
		put_part(o, &m->name, room);
		put_part(o, &m->data, room);
		put_part(o, &m->control, room);
	}
}

void message_put_reply(struct out *o, const struct req *req, unsigned int i)
{
	size_t count = message_count(req, i);

	out_array(o, count);
	for (size_t k = 0; k < count; k++) {
		const struct message *m = &req->val[i].msg[k];

		if (req->call->arg[i].kind == ARG_MSG_IN) {
			out_int(o, m->done);
			continue;
		}
		out_array(o, REPLY_ITEMS);
		put_part(o, &m->name, false);
		out_uint(o, m->name_full);
		put_part(o, &m->data, false);
		put_part(o, &m->control, false);
		out_uint(o, m->flags);
		out_int(o, m->done);
	}
}

/* ---- reading ---- */

static bool get_part(struct cursor *c, struct piece *part, bool room,
		     size_t max, struct arena *arena)
{
	struct item item;

	if (!cursor_next(c, &item))
		return false;
	if (item.kind == ITEM_NULL)
		return true;
	part->given = true;
	if (room ? item.kind != ITEM_INT || item.negative || item.num > max :
		   item.kind != ITEM_BYTES || item.len > max)
		return cursor_fail(c, "a part of a message out of range");
	part->len = (uint32_t)(room ? item.num : item.len);
	part->data = arena_alloc(arena, (size_t)part->len + 1);
	if (!part->data)
		return cursor_fail(c, "out of memory");
	if (!room)
		memcpy(part->data, item.data, item.len);
	return true;
}

static bool get_call(struct cursor *c, struct message *m, bool room,
		     size_t *left, struct arena *arena)
{
	size_t items;

	if (!cursor_array(c, &items))
		return false;
	if (items != CALL_ITEMS)
		return cursor_fail(c, "a message of the wrong length");
	if (!get_part(c, &m->name, room, MESSAGE_NAME_MAX, arena) ||
	    !get_part(c, &m->data, room, *left, arena))
		return false;
	if (!m->data.given)
		return cursor_fail(c, "a message without data");
	*left -= m->data.len;
	if (!get_part(c, &m->control, room, *left, arena))
		return false;
	*left -= m->control.len;
	return true;
}

bool message_get_call(struct cursor *c, const struct arg *arg,
		      const struct item *item, struct value *v,
		      struct arena *arena)
{
	size_t left = VALUE_BYTES_MAX;

	if (item->kind != ITEM_ARRAY || item->num > MESSAGES_MAX)
		return cursor_fail(c, "an array of messages");
	if (!arg->len && item->num != 1)
		return cursor_fail(c, "one message was expected");
	v->num = 1;
	v->len = item->num;
	v->msg = arena_alloc(arena, (v->len + 1) * sizeof(*v->msg));
	if (!v->msg)
		return cursor_fail(c, "out of memory");
	memset(v->msg, 0, v->len * sizeof(*v->msg));
	for (size_t k = 0; k < v->len; k++)
		if (!get_call(c, &v->msg[k], arg->kind == ARG_MSG_OUT, &left,
			      arena))
			return false;
	return true;
}

/* A part that came: not more than there is room for. */
static bool get_came(struct cursor *c, struct piece *part, struct arena *arena)
{
	struct piece came = { 0 };

	if (!get_part(c, &came, false, part->len, arena))
		return false;
	if (came.given != part->given)
		return cursor_fail(c, "a part that was not asked for");
	*part = came;
	return true;
}

static bool get_u32(struct cursor *c, uint32_t *out)
{
	uint64_t v;

	if (!cursor_uint(c, UINT32_MAX, &v))
		return false;
	*out = (uint32_t)v;
	return true;
}

static bool get_reply(struct cursor *c, struct message *m, struct arena *arena)
{
	size_t items;

	if (!cursor_array(c, &items))
		return false;
	if (items != REPLY_ITEMS)
		return cursor_fail(c, "a message of the wrong length");
	return get_came(c, &m->name, arena) && get_u32(c, &m->name_full) &&
	       get_came(c, &m->data, arena) &&
	       get_came(c, &m->control, arena) && get_u32(c, &m->flags) &&
	       cursor_int(c, &m->done);
}

static bool get_done(struct cursor *c, struct message *m)
{
	if (!cursor_int(c, &m->done))
		return false;
	if (m->done < 0 || (uint64_t)m->done > m->data.len)
		return cursor_fail(c, "a message of more than asked");
	return true;
}

bool message_get_reply(struct cursor *c, const struct item *item,
		       struct req *req, unsigned int i, struct arena *arena)
{
	size_t count = message_count(req, i);
	struct value *v = &req->val[i];
	struct message *came;

	if (item->kind != ITEM_ARRAY || item->num != count)
		return cursor_fail(c, "an array of messages");
	came = arena_alloc(arena, (count + 1) * sizeof(*came));
	if (!came)
		return cursor_fail(c, "out of memory");
	memcpy(came, v->msg, count * sizeof(*came));
	v->msg = came;
	for (size_t k = 0; k < count; k++) {
		struct message *m = &came[k];

		if (req->call->arg[i].kind == ARG_MSG_IN ?
			    !get_done(c, m) :
			    !get_reply(c, m, arena))
			return false;
		if (!req->call->arg[i].len && m->done != req->ret)
			return cursor_fail(c, "a message of another result");
	}
	return true;
}
