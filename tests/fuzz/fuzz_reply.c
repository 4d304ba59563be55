/*
 * A frame with a CALL and a frame with what a hostile server answers to it:
 * refused, or what we would have written, and never more than was asked for.
 */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "call/wire.h"
#include "fuzz/target.h"
#include "transport/frame.h"

static void check_reply(const struct req *asked, const struct req *got)
{
	REQUIRE(got->ret >= -4095);
	REQUIRE(got->call->ret != RET_FD || got->ret <= INT_MAX);
	for (unsigned int i = 0; i < CALL_ARGS; i++) {
		const struct value *v = &got->val[i];

		REQUIRE(v->num == asked->val[i].num);
		REQUIRE(v->len <= asked->val[i].len);
		if (got->call->ret == RET_LEN && got->ret >= 0 &&
		    got->call->arg[i].kind == ARG_OUT)
			REQUIRE((uint64_t)got->ret <= asked->val[i].len);
	}
}

static void answer(const struct req *asked, const uint8_t *body, size_t len)
{
	struct arena arena = { 0 };
	struct req got = *asked;
	struct buf out = { 0 };
	struct msg_head head;
	const char *why = NULL;
	int err;

	err = wire_get_reply(body, len, &got, &arena, &why);
	REQUIRE(err == 0 || (err == -EPROTO && why));
	if (!err) {
		REQUIRE(!wire_get_head(body, len, &head, &why));
		REQUIRE(head.type == MSG_REPLY);
		check_reply(asked, &got);
		got.task = head.task;
		got.seq = head.seq;
		REQUIRE(!wire_put_reply(&out, &got));
		REQUIRE(out.len == FRAME_HEAD + len);
		REQUIRE(!memcmp(out.data + FRAME_HEAD, body, len));
	}
	buf_free(&out);
	arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf in = { (uint8_t *)(uintptr_t)data, size, size };
	struct arena arena = { 0 };
	const uint8_t *body;
	const char *why;
	struct req asked;
	size_t len;

	if (frame_next(&in, &body, &len) == 1 &&
	    !wire_get_call(body, len, &asked, &arena, &why)) {
		in.data += FRAME_HEAD + len;
		in.len -= FRAME_HEAD + len;
		if (frame_next(&in, &body, &len) == 1)
			answer(&asked, body, len);
	}
	arena_free(&arena);
	return 0;
}
