/*
 * A stream of frames, in pieces of the size that the first byte says: it
 * yields the same frames as in one piece, and every head is taken or refused.
 */
#include <errno.h>
#include <string.h>

#include "call/wire.h"
#include "fuzz/target.h"
#include "transport/frame.h"

/* What a stream came to. */
struct outcome {
	unsigned int frames;
	unsigned int heads;
	size_t bytes;
	int end; /* 0 or the error of frame_next */
};

static void look(const uint8_t *body, size_t len, struct outcome *out)
{
	struct msg_head head;
	const char *why = NULL;
	int err;

	err = wire_get_head(body, len, &head, &why);
	REQUIRE(err == 0 || (err == -EPROTO && why));
	REQUIRE(err || head.type < MSG_COUNT);
	REQUIRE(err || head.type != MSG_CALL || head.call);
	out->heads += !err;
	out->frames++;
	out->bytes += len;
}

static struct outcome take(const uint8_t *data, size_t size, size_t step)
{
	struct outcome out = { 0 };
	struct buf in = { 0 };

	for (size_t at = 0; at < size && !out.end; at += step) {
		size_t n = size - at < step ? size - at : step;
		const uint8_t *body;
		size_t len;

		REQUIRE(!buf_add(&in, data + at, n));
		while ((out.end = frame_next(&in, &body, &len)) == 1) {
			REQUIRE(len > 0 && len <= FRAME_MAX);
			look(body, len, &out);
			buf_consume(&in, FRAME_HEAD + len);
		}
		REQUIRE(out.end == 0 || out.end == -EPROTO ||
			out.end == -EMSGSIZE);
	}
	buf_free(&in);
	return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct outcome pieces;
	struct outcome whole;

	if (size < 2)
		return 0;
	whole = take(data + 1, size - 1, size);
	pieces = take(data + 1, size - 1, 1 + data[0] % 16);
	REQUIRE(whole.frames == pieces.frames && whole.heads == pieces.heads);
	REQUIRE(whole.bytes == pieces.bytes && whole.end == pieces.end);
	return 0;
}
