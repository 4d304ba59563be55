/*
 * The codec over every row of the call table: what is encoded is decoded
 * again, every truncation is refused, and no change of a byte is taken for
 * something that would have been written in another way.
 */
#include <cbor.h>
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "call/flags.h"
#include "call/wire.h"
#include "common/samples.h"
#include "transport/frame.h"

/* Frames above this are truncated and changed at a choice of places. */
#define WHOLE_MAX 4500

static struct arena arena;
static struct arena scratch;
static struct buf out;
static struct buf again;
/* Changed frames that were taken: or the mutations proved nothing. */
static unsigned int taken;

static void setup(void)
{
	arena = (struct arena){ 0 };
	scratch = (struct arena){ 0 };
	out = (struct buf){ 0 };
	again = (struct buf){ 0 };
	taken = 0;
}

static void teardown(void)
{
	arena_free(&arena);
	arena_free(&scratch);
	buf_free(&out);
	buf_free(&again);
}

static const uint8_t *body_of(const struct buf *buf, size_t *len)
{
	const uint8_t *body;

	if (frame_next(buf, &body, len) != 1 || buf->len != FRAME_HEAD + *len)
		ck_abort_msg("not one whole frame");
	return body;
}

/* Encodes into out, emptied before. */
static const uint8_t *put_call(const struct req *req, size_t *len)
{
	out.len = 0;
	ck_assert_int_eq(wire_put_call(&out, req), 0);
	return body_of(&out, len);
}

static const uint8_t *put_reply(const struct req *req, size_t *len)
{
	out.len = 0;
	ck_assert_int_eq(wire_put_reply(&out, req), 0);
	return body_of(&out, len);
}

static int get_call(const uint8_t *body, size_t len, struct req *req)
{
	const char *why = NULL;
	int err;

	arena_reset(&scratch);
	err = wire_get_call(body, len, req, &scratch, &why);
	if (err != (why ? -EPROTO : 0))
		ck_abort_msg("%d with reason %s", err, why);
	return err;
}

static int get_reply(const uint8_t *body, size_t len, struct req *req)
{
	const char *why = NULL;
	int err;

	arena_reset(&scratch);
	err = wire_get_reply(body, len, req, &scratch, &why);
	if (err != (why ? -EPROTO : 0))
		ck_abort_msg("%d with reason %s", err, why);
	return err;
}

/* A request as the server has it after decoding, with a result. */
static void served(struct req *server, const struct req *asked, bool largest)
{
	const char *why = "";
	const uint8_t *body;
	size_t len;

	body = put_call(asked, &len);
	ck_assert_msg(!wire_get_call(body, len, server, &arena, &why), "%s: %s",
		      asked->call->name, why);
	sample_result(server, largest);
}

START_TEST(every_row_makes_the_trip_to_the_server)
{
	const struct call *row = &call_table[_i];
	struct req asked;
	struct req got;

	if (!sample_travels(row))
		return;
	for (unsigned int s = 0; s < SHAPE_COUNT; s++) {
		const char *why = "";
		const uint8_t *body;
		size_t len;

		sample_call(&asked, row, (enum shape)s, &arena);
		body = put_call(&asked, &len);
		ck_assert_msg(!wire_get_call(body, len, &got, &arena, &why),
			      "%s %u: %s", row->name, s, why);
		ck_assert_msg(sample_same_call(&asked, &got), "%s %u",
			      row->name, s);
	}
}
END_TEST

START_TEST(a_row_with_an_address_does_not_travel)
{
	const struct call *row = &call_table[_i];
	const char *why = NULL;
	struct req req = { .call = row };
	uint8_t frame[16] = { 0x84, 1, 1, 1 }; /* [1, 1, 1, id, null ...] */
	size_t n = call_nargs(row);
	size_t at;

	if (sample_travels(row))
		return;
	ck_assert_int_eq(wire_put_call(&out, &req), -ENOSYS);
	ck_assert_uint_eq(out.len, 0);
	frame[0] += (uint8_t)n;
	at = 4 + cbor_encode_uint(row->id, frame + 4, 9);
	memset(frame + at, 0xf6, n);
	ck_assert_int_eq(wire_get_call(frame, at + n, &req, &arena, &why),
			 -EPROTO);
	ck_assert_str_eq(why, "a call that does not travel");
}
END_TEST

static void reply_trip(const struct req *asked, const struct req *server)
{
	struct req got = *asked;
	const char *why = "";
	const uint8_t *body;
	size_t len;

	body = put_reply(server, &len);
	ck_assert_msg(!wire_get_reply(body, len, &got, &arena, &why),
		      "%s = %lld: %s", asked->call->name,
		      (long long)server->ret, why);
	ck_assert_msg(sample_same_reply(server, &got), "%s = %lld",
		      asked->call->name, (long long)server->ret);
	for (unsigned int i = 0; i < CALL_ARGS; i++)
		ck_assert_uint_eq(got.val[i].num, asked->val[i].num);
}

START_TEST(every_row_makes_the_trip_back)
{
	static const int errors[] = { -1, -EAGAIN, -4095 };
	const struct call *row = &call_table[_i];
	struct req server;
	struct req asked;

	if (!sample_travels(row))
		return;
	for (unsigned int s = 0; s < SHAPE_COUNT; s++) {
		sample_call(&asked, row, (enum shape)s, &arena);
		served(&server, &asked, false);
		reply_trip(&asked, &server);
		sample_result(&server, true);
		reply_trip(&asked, &server);
		for (unsigned int e = 0; e < 3; e++) {
			server.ret = errors[e];
			reply_trip(&asked, &server);
		}
	}
}
END_TEST

/* The next place to look at in a frame of len bytes. */
static size_t next_place(size_t at, size_t len)
{
	if (len <= WHOLE_MAX || at < 200 || at + 200 >= len)
		return at + 1;
	return at + 199 + at % 4001;
}

START_TEST(every_truncated_call_is_refused)
{
	for (size_t k = 0; k < call_count; k++) {
		for (unsigned int s = 0; s < SHAPE_COUNT; s++) {
			const uint8_t *body;
			struct req req;
			size_t len;

			if (!sample_travels(&call_table[k]))
				continue;
			arena_reset(&arena);
			sample_call(&req, &call_table[k], (enum shape)s,
				    &arena);
			body = put_call(&req, &len);
			for (size_t n = 0; n < len; n = next_place(n, len))
				if (!get_call(body, n, &req))
					ck_abort_msg("%s: %zu of %zu bytes",
						     call_table[k].name, n,
						     len);
		}
	}
}
END_TEST

static void truncate_reply(const struct req *asked, const struct req *server)
{
	const uint8_t *body;
	size_t len;

	body = put_reply(server, &len);
	for (size_t n = 0; n < len; n = next_place(n, len)) {
		struct req got = *asked;

		if (!get_reply(body, n, &got))
			ck_abort_msg("%s: %zu of %zu bytes", asked->call->name,
				     n, len);
	}
}

START_TEST(every_truncated_reply_is_refused)
{
	for (size_t k = 0; k < call_count; k++) {
		for (unsigned int s = 0; s < SHAPE_COUNT; s++) {
			struct req server;
			struct req asked;

			if (!sample_travels(&call_table[k]))
				continue;
			arena_reset(&arena);
			sample_call(&asked, &call_table[k], (enum shape)s,
				    &arena);
			served(&server, &asked, true);
			truncate_reply(&asked, &server);
			server.ret = -EIO;
			truncate_reply(&asked, &server);
		}
	}
}
END_TEST

/* The changed bytes are refused, or what every encoder would write. */
static void canonical(const uint8_t *body, size_t len, const char *name,
		      size_t at)
{
	const uint8_t *mine;
	size_t mine_len;

	mine = body_of(&again, &mine_len);
	taken++;
	if (mine_len != len || memcmp(mine, body, len))
		ck_abort_msg("%s: 0x%02x at %zu is taken for another frame",
			     name, body[at], at);
}

static void try_call(const uint8_t *body, size_t len, size_t at)
{
	struct req req;

	if (get_call(body, len, &req))
		return;
	again.len = 0;
	if (wire_put_call(&again, &req))
		ck_abort_msg("cannot be encoded again");
	canonical(body, len, req.call->name, at);
}

static void try_reply(const uint8_t *body, size_t len, size_t at,
		      const struct req *asked)
{
	struct msg_head head;
	const char *why;
	struct req req = *asked;

	/* The tracer looks at the head first, for task and seq. */
	if (get_reply(body, len, &req) || wire_get_head(body, len, &head, &why))
		return;
	req.task = head.task;
	req.seq = head.seq;
	again.len = 0;
	if (wire_put_reply(&again, &req))
		ck_abort_msg("cannot be encoded again");
	canonical(body, len, req.call->name, at);
}

/* Every value in a byte of small frames, every bit of the large ones. */
static void mutate(size_t len, const struct req *asked)
{
	uint8_t *body = out.data + FRAME_HEAD;
	unsigned int step = len < 160 ? 1 : 37;

	for (size_t at = 0; at < len; at = next_place(at, len)) {
		uint8_t was = body[at];

		for (unsigned int x = 1; x < 256; x += step) {
			body[at] = was ^ (uint8_t)x;
			if (asked)
				try_reply(body, len, at, asked);
			else
				try_call(body, len, at);
		}
		body[at] = was;
	}
}

/* The shapes whose frames are small enough for every place of theirs. */
static const enum shape small[] = { SHAPE_SMALL, SHAPE_ZERO, SHAPE_NULL };

START_TEST(a_changed_byte_of_a_call_is_refused_or_canonical)
{
	for (size_t k = 0; k < call_count; k++) {
		for (unsigned int s = 0; s < 3; s++) {
			struct req req;
			size_t len;

			if (!sample_travels(&call_table[k]))
				continue;
			arena_reset(&arena);
			sample_call(&req, &call_table[k], small[s], &arena);
			put_call(&req, &len);
			mutate(len, NULL);
		}
	}
	ck_assert_uint_gt(taken, 1000);
}
END_TEST

START_TEST(a_changed_byte_of_a_reply_is_refused_or_canonical)
{
	for (size_t k = 0; k < call_count; k++) {
		for (unsigned int s = 0; s < 3; s++) {
			struct req server;
			struct req asked;
			size_t len;

			if (!sample_travels(&call_table[k]))
				continue;
			arena_reset(&arena);
			sample_call(&asked, &call_table[k], small[s], &arena);
			served(&server, &asked, false);
			put_reply(&server, &len);
			mutate(len, &asked);
		}
	}
	ck_assert_uint_gt(taken, 1000);
}
END_TEST

START_TEST(a_changed_byte_of_a_large_frame_does_no_harm)
{
	static const char *const names[] = { "write", "openat", "renameat2",
					     "sendto" };

	for (unsigned int k = 0; k < 4; k++) {
		struct req req;
		size_t len;

		arena_reset(&arena);
		sample_call(&req, call_by_name(names[k]), SHAPE_MAX, &arena);
		put_call(&req, &len);
		for (size_t at = 0; at < 40; at++) {
			out.data[FRAME_HEAD + at] ^= 1;
			try_call(out.data + FRAME_HEAD, len, at);
			out.data[FRAME_HEAD + at] ^= 1;
		}
	}
}
END_TEST

START_TEST(the_short_messages_make_the_trip)
{
	struct hello hello = { WIRE_VERSION, "x86_64", UINT64_MAX, "box" };
	struct ready ready = { UINT32_MAX, READY_MASK, EDGE_MASK };
	struct msg_head head;
	const char *why;
	const uint8_t *body;
	size_t len;

	memset(hello.name, 'n', WIRE_NAME_MAX);
	ck_assert_int_eq(wire_put_hello(&out, &hello), 0);
	body = body_of(&out, &len);
	ck_assert_int_eq(wire_get_head(body, len, &head, &why), 0);
	ck_assert_int_eq(head.type, MSG_HELLO);
	ck_assert_uint_eq(head.hello.version, WIRE_VERSION);
	ck_assert_uint_eq(head.hello.digest, UINT64_MAX);
	ck_assert_str_eq(head.hello.arch, "x86_64");
	ck_assert_str_eq(head.hello.name, hello.name);

	out.len = 0;
	ck_assert_int_eq(wire_put_spawn(&out, 9, UINT32_MAX, 3), 0);
	body = body_of(&out, &len);
	ck_assert_int_eq(wire_get_head(body, len, &head, &why), 0);
	ck_assert_int_eq(head.type, MSG_SPAWN);
	ck_assert_uint_eq(head.task, 9);
	ck_assert_uint_eq(head.parent, UINT32_MAX);
	ck_assert_uint_eq(head.share, SPAWN_FILES | SPAWN_FS);

	out.len = 0;
	ck_assert_int_eq(wire_put_exit(&out, 70000), 0);
	body = body_of(&out, &len);
	ck_assert_int_eq(wire_get_head(body, len, &head, &why), 0);
	ck_assert_int_eq(head.type, MSG_EXIT);
	ck_assert_uint_eq(head.task, 70000);

	out.len = 0;
	ck_assert_int_eq(wire_put_cancel(&out, 1, 2), 0);
	body = body_of(&out, &len);
	ck_assert_int_eq(wire_get_head(body, len, &head, &why), 0);
	ck_assert_int_eq(head.type, MSG_CANCEL);
	ck_assert_uint_eq(head.task, 1);
	ck_assert_uint_eq(head.seq, 2);

	out.len = 0;
	ck_assert_int_eq(wire_put_ready(&out, &ready), 0);
	body = body_of(&out, &len);
	ck_assert_int_eq(wire_get_head(body, len, &head, &why), 0);
	ck_assert_int_eq(head.type, MSG_READY);
	ck_assert_mem_eq(&head.ready, &ready, sizeof(ready));
}
END_TEST

START_TEST(flags_of_open_move_between_architectures)
{
	static const struct {
		const char *name;
		uint64_t x86_64;
		uint64_t aarch64;
	} flags[] = {
		{ "O_DIRECT", 0040000, 0200000 },
		{ "O_LARGEFILE", 0100000, 0400000 },
		{ "O_DIRECTORY", 0200000, 0040000 },
		{ "O_NOFOLLOW", 0400000, 0100000 },
		{ "O_TMPFILE", 020200000, 020040000 },
		{ "what musl passes to open a file", 02100000, 02400000 },
		{ "all four", 0740000, 0740000 },
		{ "the rest", ~UINT64_C(0740000), ~UINT64_C(0740000) },
		{ "none", 0, 0 },
	};

	for (unsigned int i = 0; i < sizeof(flags) / sizeof(*flags); i++) {
		uint64_t x = flags[i].x86_64;
		uint64_t a = flags[i].aarch64;

		ck_assert_msg(flags_between(FL_OPEN, x, FLAGS_GENERIC,
					    FLAGS_AARCH64) == a,
			      "%s to aarch64", flags[i].name);
		ck_assert_msg(flags_between(FL_OPEN, a, FLAGS_AARCH64,
					    FLAGS_GENERIC) == x,
			      "%s to x86_64", flags[i].name);
		ck_assert_uint_eq(flags_between(FL_OPEN, x, FLAGS_GENERIC,
						FLAGS_GENERIC),
				  x);
		ck_assert_uint_eq(flags_between(FL_PLAIN, x, FLAGS_GENERIC,
						FLAGS_AARCH64),
				  x);
	}
}
END_TEST

START_TEST(flags_of_open_travel_in_the_numbers_of_asm_generic)
{
	uint64_t here = O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_RDWR;
	uint64_t wire = 0200000 | 0400000 | 02000000 | 2;

	ck_assert_uint_eq(flags_to_wire(FL_OPEN, here), wire);
	ck_assert_uint_eq(flags_from_wire(FL_OPEN, wire), here);
	ck_assert_uint_eq(flags_to_wire(FL_OPEN, O_DIRECT), 0040000);
	ck_assert_uint_eq(flags_from_wire(FL_OPEN, 0040000), O_DIRECT);
	ck_assert_uint_eq(flags_to_wire(FL_PLAIN, here), here);
}
END_TEST

START_TEST(frames_stand_behind_each_other)
{
	struct buf rest;
	const uint8_t *body;
	struct msg_head head;
	const char *why;
	size_t len;

	ck_assert_int_eq(wire_put_exit(&out, 1), 0);
	ck_assert_int_eq(wire_put_exit(&out, 2), 0);
	ck_assert_int_eq(frame_next(&out, &body, &len), 1);
	rest = out;
	rest.data += FRAME_HEAD + len;
	rest.len -= FRAME_HEAD + len;
	body = body_of(&rest, &len);
	ck_assert_int_eq(wire_get_head(body, len, &head, &why), 0);
	ck_assert_uint_eq(head.task, 2);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("wire");
	TCase *tc = tcase_create("codec");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, every_row_makes_the_trip_to_the_server, 0,
			    (int)call_count);
	tcase_add_loop_test(tc, every_row_makes_the_trip_back, 0,
			    (int)call_count);
	tcase_add_loop_test(tc, a_row_with_an_address_does_not_travel, 0,
			    (int)call_count);
	tcase_add_test(tc, every_truncated_call_is_refused);
	tcase_add_test(tc, every_truncated_reply_is_refused);
	tcase_add_test(tc, a_changed_byte_of_a_call_is_refused_or_canonical);
	tcase_add_test(tc, a_changed_byte_of_a_reply_is_refused_or_canonical);
	tcase_add_test(tc, a_changed_byte_of_a_large_frame_does_no_harm);
	tcase_add_test(tc, the_short_messages_make_the_trip);
	tcase_add_test(tc, flags_of_open_move_between_architectures);
	tcase_add_test(tc, flags_of_open_travel_in_the_numbers_of_asm_generic);
	tcase_add_test(tc, frames_stand_behind_each_other);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	/* Thousands of rows, no state: a process for each is only slow. */
	srunner_set_fork_status(runner, CK_NOFORK);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
