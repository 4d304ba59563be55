/* A cursor over CBOR, on libcbor's streaming decoder. */
#include <cbor.h>
#include <string.h>

#include "call/cursor.h"

struct take {
	struct item item;
	bool ok;
};

static void take_uint(struct take *t, uint64_t v)
{
	t->item = (struct item){ .kind = ITEM_INT, .num = v };
	t->ok = true;
}

static void take_negint(struct take *t, uint64_t v)
{
	take_uint(t, v);
	t->item.negative = true;
}

#define INTEGER(bits)                                                          \
	static void on_uint##bits(void *t, uint##bits##_t v)                   \
	{                                                                      \
		take_uint(t, v);                                               \
	}                                                                      \
	static void on_negint##bits(void *t, uint##bits##_t v)                 \
	{                                                                      \
		take_negint(t, v);                                             \
	}
INTEGER(8)
INTEGER(16)
INTEGER(32)
INTEGER(64)

static void on_bytes(void *ctx, cbor_data data, size_t len)
{
	struct take *t = ctx;

	t->item = (struct item){ .kind = ITEM_BYTES, .data = data, .len = len };
	t->ok = true;
}

static void on_array(void *ctx, size_t count)
{
	struct take *t = ctx;

	t->item = (struct item){ .kind = ITEM_ARRAY, .num = count };
	t->ok = true;
}

static void on_null(void *ctx)
{
	struct take *t = ctx;

	t->item = (struct item){ .kind = ITEM_NULL };
	t->ok = true;
}

static void on_bool(void *ctx, bool value)
{
	struct take *t = ctx;

	t->item = (struct item){ .kind = ITEM_TRUE };
	t->ok = value;
}

/* What leaves take.ok as it is, is not allowed. */
static const struct cbor_callbacks callbacks = {
	.uint8 = on_uint8,
	.uint16 = on_uint16,
	.uint32 = on_uint32,
	.uint64 = on_uint64,
	.negint8 = on_negint8,
	.negint16 = on_negint16,
	.negint32 = on_negint32,
	.negint64 = on_negint64,
	.byte_string_start = cbor_null_byte_string_start_callback,
	.byte_string = on_bytes,
	.string = cbor_null_string_callback,
	.string_start = cbor_null_string_start_callback,
	.indef_array_start = cbor_null_indef_array_start_callback,
	.array_start = on_array,
	.indef_map_start = cbor_null_indef_map_start_callback,
	.map_start = cbor_null_map_start_callback,
	.tag = cbor_null_tag_callback,
	.float2 = cbor_null_float2_callback,
	.float4 = cbor_null_float4_callback,
	.float8 = cbor_null_float8_callback,
	.undefined = cbor_null_undefined_callback,
	.null = on_null,
	.boolean = on_bool,
	.indef_break = cbor_null_indef_break_callback,
};

bool cursor_fail(struct cursor *c, const char *why)
{
	if (!c->why)
		c->why = why;
	return false;
}

/* An integer in more bytes than it needs. */
static bool minimal(const uint8_t *at, uint64_t num)
{
	switch (at[0] & 31) {
	case 24:
		return num > 23;
	case 25:
		return num > UINT8_MAX;
	case 26:
		return num > UINT16_MAX;
	case 27:
		return num > UINT32_MAX;
	default:
		return true;
	}
}

bool cursor_next(struct cursor *c, struct item *item)
{
	struct take take = { .ok = false };
	struct cbor_decoder_result res;
	uint64_t head;

	if (c->why)
		return false;
	if (c->at >= c->end)
		return cursor_fail(c, "the frame ends inside its item");
	res = cbor_stream_decode(c->at, (size_t)(c->end - c->at), &callbacks,
				 &take);
	if (res.status == CBOR_DECODER_NEDATA)
		return cursor_fail(c, "the frame ends inside its item");
	if (res.status != CBOR_DECODER_FINISHED || !take.ok ||
	    res.read > (size_t)(c->end - c->at))
		return cursor_fail(c, "an item of a kind that is not allowed");
	head = take.item.kind == ITEM_BYTES ? take.item.len : take.item.num;
	if (take.item.kind <= ITEM_ARRAY && !minimal(c->at, head))
		return cursor_fail(c, "a number in more bytes than it needs");
	c->at += res.read;
	*item = take.item;
	return true;
}

bool cursor_array(struct cursor *c, size_t *count)
{
	struct item item;

	if (!cursor_next(c, &item))
		return false;
	if (item.kind != ITEM_ARRAY)
		return cursor_fail(c, "an array was expected");
	*count = item.num;
	return true;
}

bool item_int(const struct item *item, int64_t *value)
{
	if (item->kind != ITEM_INT)
		return false;
	if (item->negative && item->num > INT64_MAX)
		return false;
	*value = item->negative ? -1 - (int64_t)item->num : (int64_t)item->num;
	return true;
}

bool cursor_uint(struct cursor *c, uint64_t max, uint64_t *value)
{
	struct item item;

	if (!cursor_next(c, &item))
		return false;
	if (item.kind != ITEM_INT || item.negative || item.num > max)
		return cursor_fail(c, "an integer in range was expected");
	*value = item.num;
	return true;
}

bool cursor_int(struct cursor *c, int64_t *value)
{
	struct item item;

	if (!cursor_next(c, &item))
		return false;
	if (!item_int(&item, value) || (!item.negative && *value < 0))
		return cursor_fail(c, "an integer in range was expected");
	return true;
}

bool cursor_bytes(struct cursor *c, const uint8_t **data, size_t *len)
{
	struct item item;

	if (!cursor_next(c, &item))
		return false;
	if (item.kind != ITEM_BYTES)
		return cursor_fail(c, "bytes were expected");
	*data = item.data;
	*len = item.len;
	return true;
}

bool cursor_end(struct cursor *c)
{
	if (c->why)
		return false;
	if (c->at != c->end)
		return cursor_fail(c, "bytes behind the item");
	return true;
}
