/* Control messages: every length that another may write into them. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "call/control.h"

/* The last len bytes before memory that is not there. */
static uint8_t *edge(size_t len)
{
	static uint8_t *page;
	size_t size = (size_t)sysconf(_SC_PAGESIZE);

	if (!page) {
		page = mmap(NULL, 2 * size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		ck_assert_ptr_ne(page, MAP_FAILED);
		ck_assert_int_eq(mprotect(page + size, size, PROT_NONE), 0);
	}
	return page + size - len;
}

static void put(uint8_t *at, size_t len, int level, int type)
{
	struct cmsghdr head = { .cmsg_len = len };

	head.cmsg_level = level;
	head.cmsg_type = type;
	memcpy(at, &head, sizeof(head));
}

START_TEST(two_are_found_one_after_the_other)
{
	uint8_t *buf = edge(CMSG_SPACE(5) + CMSG_LEN(4));
	struct control c = control_begin(buf, CMSG_SPACE(5) + CMSG_LEN(4));

	put(buf, CMSG_LEN(5), 1, 2);
	memcpy(buf + 16, "first", 5);
	put(buf + CMSG_SPACE(5), CMSG_LEN(4), 3, 4);
	memcpy(buf + CMSG_SPACE(5) + 16, "last", 4);
	ck_assert(control_next(&c));
	ck_assert_int_eq(c.level, 1);
	ck_assert_int_eq(c.type, 2);
	ck_assert_uint_eq(c.len, 5);
	ck_assert_mem_eq(c.data, "first", 5);
	ck_assert(control_next(&c));
	ck_assert_int_eq(c.level, 3);
	ck_assert_int_eq(c.type, 4);
	ck_assert_mem_eq(c.data, "last", 4);
	ck_assert(!control_next(&c));
	ck_assert(!c.bad);
}
END_TEST

START_TEST(a_length_that_cannot_be_is_bad)
{
	static const size_t lens[] = { 0,	   1,	     15,
				       33,	   4096,     INT32_MAX,
				       UINT32_MAX, SIZE_MAX, SIZE_MAX - 7 };
	uint8_t *buf = edge(32);
	struct control c = control_begin(buf, 32);

	put(buf, lens[_i], 1, 1);
	ck_assert(!control_next(&c));
	ck_assert(c.bad);
}
END_TEST

/* Nothing of it is there, or its padding is not. */
START_TEST(the_end_is_kept)
{
	for (size_t len = 0; len < 64; len++) {
		uint8_t *buf = edge(len);
		struct control c = control_begin(buf, len);
		unsigned int n = 0;

		memset(buf, 0, len);
		for (size_t at = 0; at + 16 <= len; at += 24)
			put(buf + at, len - at < 17 ? 16 : 17, 1, 1);
		while (control_next(&c)) {
			ck_assert(c.data >= buf);
			ck_assert_uint_le(c.len, (size_t)(buf + len - c.data));
			n++;
		}
		ck_assert(!c.bad);
		ck_assert_uint_eq(n, len < 16 ? 0 : (len - 16) / 24 + 1);
	}
	ck_assert(!control_next(&(struct control){ 0 }));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("control");
	TCase *tcase = tcase_create("control");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, two_are_found_one_after_the_other);
	tcase_add_loop_test(tcase, a_length_that_cannot_be_is_bad, 0, 9);
	tcase_add_test(tcase, the_end_is_kept);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
