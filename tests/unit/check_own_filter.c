/* Filters of the program: what they say of a call that is to be put in. */
#include <check.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "arch/arch.h"
#include "tracer/own_filter.h"

#define NR offsetof(struct seccomp_data, nr)
#define ARG0 offsetof(struct seccomp_data, args)
#define LOAD(at) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, at)
#define SAY(action) BPF_STMT(BPF_RET | BPF_K, action)
#define IF(value, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, yes, no)

static struct regs regs;

static struct own_filter *make(const struct sock_filter *code, size_t len,
			       struct own_filter *older)
{
	struct own_filter *f = calloc(1, sizeof(*f) + len * sizeof(*code));

	ck_assert_ptr_nonnull(f);
	f->refs = 1;
	f->older = older;
	f->len = (unsigned int)len;
	memcpy(f->code, code, len * sizeof(*code));
	return f;
}

#define MAKE(older, ...)                                                       \
	make((const struct sock_filter[]){ __VA_ARGS__ },                      \
	     sizeof((struct sock_filter[]){ __VA_ARGS__ }) /                   \
		     sizeof(struct sock_filter),                               \
	     older)

START_TEST(without_one_all_passes)
{
	ck_assert(own_filter_allows(NULL, SYS_read, &regs));
}
END_TEST

START_TEST(a_list_lets_pass_what_is_in_it)
{
	struct own_filter *f = MAKE(NULL, LOAD(NR), IF(SYS_read, 1, 0),
				    SAY(SECCOMP_RET_KILL_PROCESS),
				    SAY(SECCOMP_RET_ALLOW));

	ck_assert(own_filter_allows(f, SYS_read, &regs));
	ck_assert(!own_filter_allows(f, SYS_write, &regs));
	own_filter_unref(f);
}
END_TEST

START_TEST(each_of_several_is_asked)
{
	struct own_filter *f;

	f = MAKE(NULL, LOAD(NR), IF(SYS_read, 0, 1), SAY(SECCOMP_RET_ERRNO | 1),
		 SAY(SECCOMP_RET_ALLOW));
	f = MAKE(f, LOAD(NR), IF(SYS_write, 0, 1), SAY(SECCOMP_RET_TRAP),
		 SAY(SECCOMP_RET_LOG));
	ck_assert(!own_filter_allows(f, SYS_read, &regs));
	ck_assert(!own_filter_allows(f, SYS_write, &regs));
	ck_assert(own_filter_allows(f, SYS_close, &regs));
	own_filter_ref(f);
	own_filter_unref(f);
	ck_assert(own_filter_allows(f, SYS_close, &regs));
	own_filter_unref(f);
}
END_TEST

START_TEST(arguments_and_arithmetic_count)
{
	struct own_filter *f =
		MAKE(NULL, BPF_STMT(BPF_LD | BPF_IMM, 5), BPF_STMT(BPF_ST, 3),
		     LOAD(ARG0), BPF_STMT(BPF_LDX | BPF_MEM, 3),
		     BPF_STMT(BPF_ALU | BPF_ADD | BPF_X, 0),
		     BPF_STMT(BPF_ALU | BPF_LSH | BPF_K, 1),
		     BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, 20, 0, 1),
		     SAY(SECCOMP_RET_ERRNO), BPF_STMT(BPF_LD | BPF_LEN, 0),
		     IF(sizeof(struct seccomp_data), 1, 0),
		     SAY(SECCOMP_RET_KILL_THREAD), SAY(SECCOMP_RET_ALLOW));

	regs.arg[0] = 5; /* (5 + 5) * 2 */
	ck_assert(own_filter_allows(f, SYS_read, &regs));
	regs.arg[0] = 6;
	ck_assert(!own_filter_allows(f, SYS_read, &regs));
	own_filter_unref(f);
	regs.arg[0] = 0;
}
END_TEST

/* A program that changes the memory while it is copied is its own loss. */
START_TEST(what_the_kernel_would_refuse_says_no)
{
	static const struct sock_filter code[][2] = {
		{ LOAD(NR), LOAD(NR) },
		{ BPF_STMT(BPF_JMP | BPF_JA, UINT32_MAX), SAY(0x7fff0000) },
		{ IF(0, 255, 255), SAY(SECCOMP_RET_ALLOW) },
		{ BPF_STMT(BPF_ST, UINT32_MAX), LOAD(UINT32_MAX) },
		{ BPF_STMT(BPF_LD | BPF_MEM, 16),
		  BPF_STMT(BPF_RET | BPF_A, 0) },
		{ BPF_STMT(BPF_ALU | BPF_DIV | BPF_K, 0),
		  BPF_STMT(BPF_STX, 4096) },
	};
	struct own_filter *f = make(code[_i], 2, NULL);

	ck_assert(!own_filter_allows(f, SYS_read, &regs));
	own_filter_unref(f);
	f = make(code[_i], 0, NULL);
	ck_assert(!own_filter_allows(f, SYS_read, &regs));
	own_filter_unref(f);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("own_filter");
	TCase *tcase = tcase_create("own_filter");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, without_one_all_passes);
	tcase_add_test(tcase, a_list_lets_pass_what_is_in_it);
	tcase_add_test(tcase, each_of_several_is_asked);
	tcase_add_test(tcase, arguments_and_arithmetic_count);
	tcase_add_loop_test(tcase, what_the_kernel_would_refuse_says_no, 0, 6);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
