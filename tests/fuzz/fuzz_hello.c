/* The body of a HELLO, SPAWN, EXIT, CANCEL or READY: refused, or canonical. */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "call/wire.h"
#include "fuzz/target.h"
#include "transport/frame.h"

static void check_text(const char *text, size_t size)
{
	size_t len = strnlen(text, size);

	REQUIRE(len < size);
	for (size_t i = 0; i < len; i++)
		REQUIRE(isascii(text[i]) && isprint(text[i]));
}

static int put(struct buf *out, const struct msg_head *head)
{
	switch (head->type) {
	case MSG_HELLO:
		check_text(head->hello.arch, sizeof(head->hello.arch));
		check_text(head->hello.name, sizeof(head->hello.name));
		return wire_put_hello(out, &head->hello);
	case MSG_SPAWN:
		return wire_put_spawn(out, head->task, head->parent,
				      head->share);
	case MSG_EXIT:
		return wire_put_exit(out, head->task);
	case MSG_CANCEL:
		return wire_put_cancel(out, head->task, head->seq);
	case MSG_READY:
		return wire_put_ready(out, &head->ready);
	default:
		return 1;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf out = { 0 };
	struct msg_head head;
	const char *why = NULL;
	int err;

	err = wire_get_head(data, size, &head, &why);
	REQUIRE(err == 0 || (err == -EPROTO && why));
	if (!err) {
		err = put(&out, &head);
		REQUIRE(err >= 0);
		if (!err) {
			REQUIRE(out.len == FRAME_HEAD + size);
			REQUIRE(!memcmp(out.data + FRAME_HEAD, data, size));
		}
	}
	buf_free(&out);
	return 0;
}
