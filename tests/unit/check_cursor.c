/* The cursor: every item it takes, at the limits of its numbers. */
#include <cbor.h>
#include <check.h>
#include <string.h>

#include "call/cursor.h"

/* Where the width of a number's encoding changes. */
static const uint64_t edges[] = {
	0,	    1,
	23,	    24,
	UINT8_MAX,  UINT8_MAX + 1,
	UINT16_MAX, UINT16_MAX + 1,
	UINT32_MAX, 1ull << 32,
	INT64_MAX,  1ull << 63,
	UINT64_MAX,
};

#define EDGES ((int)(sizeof(edges) / sizeof(*edges)))

static struct cursor over(const uint8_t *data, size_t len)
{
	return (struct cursor){ data, data + len, NULL };
}

START_TEST(an_unsigned_number_at_an_edge)
{
	uint8_t b[9];
	size_t len = cbor_encode_uint(edges[_i], b, sizeof(b));
	struct cursor c = over(b, len);
	uint64_t got;

	ck_assert(cursor_uint(&c, UINT64_MAX, &got));
	ck_assert_uint_eq(got, edges[_i]);
	ck_assert(cursor_end(&c));

	c = over(b, len);
	ck_assert(cursor_uint(&c, edges[_i], &got));
	c = over(b, len);
	ck_assert(edges[_i] == 0 || !cursor_uint(&c, edges[_i] - 1, &got));
}
END_TEST

START_TEST(a_signed_number_at_an_edge)
{
	uint64_t n = edges[_i];
	uint8_t b[9];
	struct cursor c = over(b, cbor_encode_uint(n, b, sizeof(b)));
	int64_t got = 1;

	ck_assert_int_eq(cursor_int(&c, &got), n <= INT64_MAX);
	if (n <= INT64_MAX)
		ck_assert_int_eq(got, (int64_t)n);

	c = over(b, cbor_encode_negint(n, b, sizeof(b)));
	ck_assert_int_eq(cursor_int(&c, &got), n <= INT64_MAX);
	if (n <= INT64_MAX)
		ck_assert_int_eq(got, -1 - (int64_t)n);

	c = over(b, cbor_encode_negint(n, b, sizeof(b)));
	ck_assert(!cursor_uint(&c, UINT64_MAX, &n));
}
END_TEST

START_TEST(an_array_at_an_edge)
{
	uint8_t b[9];
	struct cursor c = over(b, cbor_encode_array_start(edges[_i], b, 9));
	size_t count;

	ck_assert(cursor_array(&c, &count));
	ck_assert_uint_eq(count, edges[_i]);
	ck_assert(cursor_end(&c));
}
END_TEST

START_TEST(bytes_point_into_the_frame)
{
	uint8_t b[300 + 3];
	size_t head = cbor_encode_bytestring_start(300, b, sizeof(b));
	struct cursor c = over(b, head + 300);
	const uint8_t *data;
	size_t len;

	ck_assert(cursor_bytes(&c, &data, &len));
	ck_assert_ptr_eq(data, b + head);
	ck_assert_uint_eq(len, 300);
	ck_assert(cursor_end(&c));

	c = over(b, head + 299);
	ck_assert(!cursor_bytes(&c, &data, &len));
	ck_assert_str_eq(c.why, "the frame ends inside its item");
}
END_TEST

START_TEST(bytes_as_long_as_the_address_space)
{
	for (unsigned int cut = 0; cut < 32; cut++) {
		uint8_t b[10] = { 0 };
		struct cursor c = over(b, sizeof(b));
		const uint8_t *data;
		size_t len;

		cbor_encode_bytestring_start(UINT64_MAX - cut, b, 9);
		ck_assert(!cursor_bytes(&c, &data, &len));
		ck_assert_str_eq(c.why, "the frame ends inside its item");
	}
}
END_TEST

START_TEST(empty_bytes_at_the_end)
{
	const uint8_t b[] = { 0x40 };
	struct cursor c = over(b, 1);
	const uint8_t *data;
	size_t len = 1;

	ck_assert(cursor_bytes(&c, &data, &len));
	ck_assert_uint_eq(len, 0);
	ck_assert(cursor_end(&c));
}
END_TEST

/* Every first byte, with what may follow: taken, or refused with a reason. */
START_TEST(every_first_byte_is_taken_or_has_a_reason)
{
	uint8_t b[300] = { 0 };
	struct cursor c;
	struct item item;
	bool may;

	b[0] = (uint8_t)_i;
	memset(b + 1, 0x7f, 9);
	c = over(b, sizeof(b));
	/* Numbers, bytes and arrays of a definite length; true; null. */
	may = (_i >> 5 <= 2 || _i >> 5 == 4) && (_i & 31) < 28;
	may = may || _i == 0xf5 || _i == 0xf6;
	/* 0x7f7f bytes and more are not there. */
	if (_i >> 5 == 2 && (_i & 31) > 24)
		may = false;
	ck_assert_int_eq(cursor_next(&c, &item), may);
	ck_assert_int_eq(!c.why, may);
	ck_assert(c.at >= b && c.at <= b + sizeof(b));
	ck_assert(may || c.at == b);
}
END_TEST

START_TEST(a_wide_number_is_refused)
{
	static const uint8_t majors[] = { 0x00, 0x20, 0x40, 0x80 };
	static const uint64_t least[] = { 24, 256, 65536, 1ull << 32 };

	for (unsigned int m = 0; m < 4; m++) {
		for (unsigned int w = 0; w < 4; w++) {
			uint8_t b[1 + 8 + 65536] = { 0 };
			uint64_t n = least[w] - 1;
			struct cursor c;
			struct item item;

			b[0] = majors[m] | (uint8_t)(24 + w);
			for (unsigned int i = 0; i < 1u << w; i++)
				b[(1u << w) - i] = (uint8_t)(n >> 8 * i);
			c = over(b, sizeof(b));
			ck_assert(!cursor_next(&c, &item));
			/* That many bytes would not fit anyway. */
			if (majors[m] == 0x40 && w == 3)
				continue;
			ck_assert_str_eq(c.why,
					 "a number in more bytes than it needs");
		}
	}
}
END_TEST

START_TEST(the_first_broken_rule_stays)
{
	const uint8_t b[] = { 0xf4, 0x01, 0xff };
	struct cursor c = over(b, sizeof(b));
	struct item item;
	const char *why;
	uint64_t v;

	ck_assert(!cursor_next(&c, &item));
	why = c.why;
	ck_assert_str_eq(why, "an item of a kind that is not allowed");
	ck_assert(!cursor_uint(&c, 9, &v));
	ck_assert(!cursor_end(&c));
	ck_assert(!cursor_fail(&c, "another"));
	ck_assert_ptr_eq(c.why, why);
}
END_TEST

START_TEST(an_item_of_another_kind_is_refused)
{
	static const struct {
		uint8_t byte;
		bool is_int, is_bytes, is_array;
	} kinds[] = {
		{ 0x05, true, false, false },  { 0x25, true, false, false },
		{ 0x40, false, true, false },  { 0x85, false, false, true },
		{ 0xf5, false, false, false }, { 0xf6, false, false, false },
	};

	for (unsigned int i = 0; i < 6; i++) {
		const uint8_t *b = &kinds[i].byte;
		struct cursor c = over(b, 1);
		const uint8_t *data;
		int64_t num;
		size_t len;

		ck_assert_int_eq(cursor_int(&c, &num), kinds[i].is_int);
		c = over(b, 1);
		ck_assert_int_eq(cursor_bytes(&c, &data, &len),
				 kinds[i].is_bytes);
		c = over(b, 1);
		ck_assert_int_eq(cursor_array(&c, &len), kinds[i].is_array);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cursor");
	TCase *tc = tcase_create("items");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tc, an_unsigned_number_at_an_edge, 0, EDGES);
	tcase_add_loop_test(tc, a_signed_number_at_an_edge, 0, EDGES);
	tcase_add_loop_test(tc, an_array_at_an_edge, 0, EDGES);
	tcase_add_test(tc, bytes_point_into_the_frame);
	tcase_add_test(tc, bytes_as_long_as_the_address_space);
	tcase_add_test(tc, empty_bytes_at_the_end);
	tcase_add_loop_test(tc, every_first_byte_is_taken_or_has_a_reason, 0,
			    256);
	tcase_add_test(tc, a_wide_number_is_refused);
	tcase_add_test(tc, the_first_broken_rule_stays);
	tcase_add_test(tc, an_item_of_another_kind_is_refused);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	/* Thousands of rows, no state: a process for each is only slow. */
	srunner_set_fork_status(runner, CK_NOFORK);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
