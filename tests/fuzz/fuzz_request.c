/* The body of a CALL: refused with a reason, or what we would have written. */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "call/wire.h"
#include "fuzz/target.h"
#include "transport/frame.h"

static void check_value(const struct arg *arg, const struct value *v)
{
	switch ((enum arg_kind)arg->kind) {
	case ARG_PATH:
	case ARG_STR:
		REQUIRE(v->len < PATH_MAX);
		REQUIRE(!v->data || strlen((char *)v->data) == v->len);
		break;
	case ARG_STRUCT_IN:
	case ARG_STRUCT_OUT:
	case ARG_STRUCT_INOUT:
		REQUIRE(!v->data || v->len == struct_table[arg->type].size);
		break;
	case ARG_PTR:
		REQUIRE(!"an address travelled");
		break;
	default:
		REQUIRE(v->len <= VALUE_BYTES_MAX);
		REQUIRE(arg->kind <= ARG_DIRFD || !v->num == !v->data);
		break;
	}
	/* All of it can be written to. */
	if (v->data && v->len) {
		volatile uint8_t *last = v->data + v->len - 1;

		*last = *last;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena arena = { 0 };
	struct buf out = { 0 };
	const char *why = NULL;
	struct req req;
	int err;

	err = wire_get_call(data, size, &req, &arena, &why);
	REQUIRE(err == 0 || (err == -EPROTO && why));
	if (!err) {
		for (unsigned int i = 0; i < CALL_ARGS; i++)
			check_value(&req.call->arg[i], &req.val[i]);
		REQUIRE(!wire_put_call(&out, &req));
		REQUIRE(out.len == FRAME_HEAD + size);
		REQUIRE(!memcmp(out.data + FRAME_HEAD, data, size));
	}
	buf_free(&out);
	arena_free(&arena);
	return 0;
}
