/*
 * Writes frames for tests/docs/cddl.py: `frames pairs`, for each row of the
 * call table its name, calls of every shape and their replies; `frames
 * broken`, messages that are no messages, which the codec refuses, too.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "call/wire.h"
#include "common/samples.h"
#include "transport/frame.h"

/* Rows behind these are left out at their largest: a MiB for each buffer. */
#define LARGE_ROWS 20
#define LARGE_FRAME (64u << 10)

static const char *const broken[] = {
	"80",			       /* an empty array */
	"04",			       /* a number */
	"f6",			       /* null */
	"8204",			       /* it ends inside */
	"820401 00",		       /* bytes behind the item */
	"821804 01",		       /* a number not in its shortest form */
	"82041801",		       /* likewise */
	"9f0401ff",		       /* an array of indefinite length */
	"a10401",		       /* a map */
	"c1820401",		       /* a tag */
	"8204f93c00",		       /* a float */
	"820420",		       /* a negative task */
	"82041b0000000100000000",      /* a task over 32 bits */
	"820701",		       /* an unknown message */
	"83060101",		       /* READY without an edge */
	"840601182000",		       /* READY of a kind that there is not */
	"8406010108",		       /* READY with an unknown edge */
	"83040101",		       /* EXIT with a sequence number */
	"820501",		       /* CANCEL without one */
	"8403010004",		       /* SPAWN that shares something unknown */
	"86006372736301 4178 00 4178", /* HELLO in text strings */
	"860043727378 01 4178 00 4178", /* HELLO of something else */
	"84010101 19270f",		/* a call that is not there */
	"8601010101 05 1864",		/* read without one argument */
	"880101010105186400 00",	/* read with one more */
};

static void fail(const char *what, const char *why)
{
	fprintf(stderr, "FAIL frames: %s: %s\n", what, why);
	exit(1);
}

static void put(const void *data, size_t len)
{
	if (fwrite(data, 1, len, stdout) != len)
		fail("write", strerror(errno));
}

static void put_frame(const void *body, size_t len)
{
	uint32_t be = htonl((uint32_t)len);

	put(&be, sizeof(be));
	put(body, len);
}

static void put_pair(const char *name, const struct buf *call,
		     const struct req *server)
{
	struct buf reply = { 0 };

	if (wire_put_reply(&reply, server))
		fail(name, "no reply");
	put_frame(name, strlen(name));
	put(call->data, call->len);
	put(reply.data, reply.len);
	buf_free(&reply);
}

static void put_row(const struct call *row, enum shape shape)
{
	struct arena arena = { 0 };
	struct buf call = { 0 };
	const char *why = "";
	struct req server;
	struct req asked;

	sample_call(&asked, row, shape, &arena);
	if (wire_put_call(&call, &asked))
		fail(row->name, "no call");
	if (wire_get_call(call.data + FRAME_HEAD, call.len - FRAME_HEAD,
			  &server, &arena, &why))
		fail(row->name, why);
	if (shape != SHAPE_MAX || row->id <= LARGE_ROWS ||
	    call.len < LARGE_FRAME) {
		sample_result(&server, false);
		put_pair(row->name, &call, &server);
		sample_result(&server, true);
		put_pair(row->name, &call, &server);
		server.ret = -ENOENT;
		put_pair(row->name, &call, &server);
	}
	buf_free(&call);
	arena_free(&arena);
}

static void put_broken(const char *hex)
{
	uint8_t body[64];
	struct msg_head head;
	const char *why = NULL;
	unsigned int byte;
	size_t len = 0;

	for (; *hex; hex += 2) {
		hex += *hex == ' ';
		if (sscanf(hex, "%2x", &byte) != 1)
			fail(hex, "no hexadecimal number");
		body[len++] = (uint8_t)byte;
	}
	if (!wire_get_head(body, len, &head, &why))
		fail(hex, "the codec takes it");
	put_frame(body, len);
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "pairs")) {
		for (size_t i = 0; i < call_count; i++)
			for (int s = 0; s < SHAPE_COUNT; s++)
				if (sample_travels(&call_table[i]))
					put_row(&call_table[i], (enum shape)s);
	} else if (argc == 2 && !strcmp(argv[1], "broken")) {
		for (size_t i = 0; i < sizeof(broken) / sizeof(*broken); i++)
			put_broken(broken[i]);
	} else {
		fputs("usage: frames pairs|broken\n", stderr);
		return 2;
	}
	if (fflush(stdout))
		fail("write", strerror(errno));
	return 0;
}
