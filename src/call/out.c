/* Writing the items of a message (RFC 8949), in deterministic form. */
#include <cbor.h>
#include <string.h>

#include "call/flags.h"
#include "call/out.h"

static void put_raw(struct out *o, const void *data, size_t len)
{
	if (!o->err)
		o->err = buf_add(o->buf, data, len);
}

void out_uint(struct out *o, uint64_t v)
{
	unsigned char b[9];

	put_raw(o, b, cbor_encode_uint(v, b, sizeof(b)));
}

void out_int(struct out *o, int64_t v)
{
	unsigned char b[9];

	if (v >= 0)
		out_uint(o, (uint64_t)v);
	else
		put_raw(o, b,
			cbor_encode_negint((uint64_t)(-1 - v), b, sizeof(b)));
}

void out_array(struct out *o, size_t n)
{
	unsigned char b[9];

	put_raw(o, b, cbor_encode_array_start(n, b, sizeof(b)));
}

void out_bytes(struct out *o, const void *data, size_t len)
{
	unsigned char b[9];

	put_raw(o, b, cbor_encode_bytestring_start(len, b, sizeof(b)));
	put_raw(o, data, len);
}

void out_null(struct out *o)
{
	unsigned char b[1];

	put_raw(o, b, cbor_encode_null(b, sizeof(b)));
}

void out_true(struct out *o)
{
	unsigned char b[1];

	put_raw(o, b, cbor_encode_bool(true, b, sizeof(b)));
}

static uint64_t load(const uint8_t *at, const struct field *f)
{
	uint8_t u8;
	uint16_t u16;
	uint32_t u32;
	uint64_t u64;

	switch (f->size) {
	case 1:
		memcpy(&u8, at, 1);
		return f->is_signed ? (uint64_t)(int8_t)u8 : u8;
	case 2:
		memcpy(&u16, at, 2);
		return f->is_signed ? (uint64_t)(int16_t)u16 : u16;
	case 4:
		memcpy(&u32, at, 4);
		return f->is_signed ? (uint64_t)(int32_t)u32 : u32;
	default:
		memcpy(&u64, at, 8);
		return u64;
	}
}

void out_struct(struct out *o, unsigned int type, const uint8_t *data)
{
	const struct struct_info *info = &struct_table[type];

	out_array(o, info->nfields);
	for (unsigned int i = 0; i < info->nfields; i++) {
		const struct field *f = &info->field[i];

		if (f->bytes)
			out_bytes(o, data + f->offset, f->size);
		else if (f->is_signed)
			out_int(o, (int64_t)load(data + f->offset, f));
		else
			out_uint(o, flags_to_wire(f->set,
						  load(data + f->offset, f)));
	}
}
