/*
 * The wire form of the messages of sendmsg(2) and its kin: in a CALL an array
 * of [name, data, control], bytes or, where they are to be received, room; in a
 * REPLY an array of what was done of each, or of what came:
 * [name, length of the whole name, data, control, flags, result].
 */
#ifndef RSC_MESSAGE_H
#define RSC_MESSAGE_H

#include "base/arena.h"
#include "call/cursor.h"
#include "call/out.h"
#include "call/value.h"

/* How many messages of argument i there are in a reply of req. */
size_t message_count(const struct req *req, unsigned int i);

void message_put_call(struct out *o, const struct arg *arg,
		      const struct value *v);
/*
 * Server: the messages that item begins, with room in arena for what is to be
 * received. All of them together are at most VALUE_BYTES_MAX.
 */
bool message_get_call(struct cursor *c, const struct arg *arg,
		      const struct item *item, struct value *v,
		      struct arena *arena);
void message_put_reply(struct out *o, const struct req *req, unsigned int i);
/* Tracer: what item begins, none of it longer than asked for. */
bool message_get_reply(struct cursor *c, const struct item *item,
		       struct req *req, unsigned int i, struct arena *arena);

#endif
