/*
 * The grammar of --filter, and the decisions of the seccomp filter made of it,
 * found by running its BPF over every number.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "tracer/select.h"
#include "tracer/tracee.h"

static bool *set;
static char err[512];

static void setup(void)
{
	set = calloc(SELECT_IDS, sizeof(*set));
	ck_assert_ptr_nonnull(set);
}

static void teardown(void)
{
	free(set);
}

static bool has(const char *name)
{
	const struct call *call = call_by_name(name);

	ck_assert_msg(call, "no row %s", name);
	return set[call->id];
}

static size_t size(void)
{
	size_t n = 0;

	for (size_t i = 0; i < SELECT_IDS; i++)
		n += set[i];
	return n;
}

/* Every row that can be forwarded. */
static size_t most(void)
{
	size_t n = 0;

	for (size_t i = 0; i < call_count; i++)
		n += select_can_forward(&call_table[i]);
	return n;
}

static void select_ok(const char *spec)
{
	int ret = select_calls(set, spec, true, err, sizeof(err));

	ck_assert_msg(ret == 0, "%s: %s", spec, err);
}

/* Refused, and the text holds each of the words. */
static void refused(const char *spec, const char *word, const char *advice)
{
	int ret = select_calls(set, spec, true, err, sizeof(err));

	ck_assert_msg(ret == -EINVAL, "%s was taken", spec);
	ck_assert_msg(strstr(err, word) && strstr(err, advice),
		      "%s: the error says '%s'", spec, err);
}

START_TEST(names)
{
	select_ok("read,lseek");
	ck_assert(has("read") && has("lseek") && !has("write"));
	ck_assert_uint_eq(size(), 2);
	select_ok("read,");
	ck_assert_uint_eq(size(), 1);
}
END_TEST

START_TEST(last_one_decides)
{
	select_ok("read");
	select_ok("write");
	ck_assert(has("write") && !has("read"));
}
END_TEST

START_TEST(all_and_none)
{
	select_ok("all");
	ck_assert_uint_eq(size(), most());
	select_ok("read,all");
	ck_assert_uint_eq(size(), most());
	select_ok("none");
	ck_assert_uint_eq(size(), 0);
	select_ok("!none");
	ck_assert_uint_eq(size(), most());
	select_ok("!all");
	ck_assert_uint_eq(size(), 0);
	/* strace takes none alone only. */
	refused("none,read", "none", "rsc syscalls");
}
END_TEST

START_TEST(inversion)
{
	select_ok("!read,uname");
	ck_assert(!has("read") && !has("uname") && has("write"));
	ck_assert_uint_eq(size(), most() - 2);
	select_ok("!!read");
	ck_assert(has("read"));
	ck_assert_uint_eq(size(), 1);
	/* Only in front of everything, as in strace. */
	refused("read,!write", "!write", "rsc syscalls");
	refused("!", "empty", "none");
	/* What cannot be forwarded may be taken out. */
	select_ok("!getpid,io_uring_setup");
	ck_assert_uint_eq(size(), most());
}
END_TEST

START_TEST(ignored_when_unknown)
{
	select_ok("?no_such_call,read");
	ck_assert_uint_eq(size(), 1);
	select_ok("?%no_such_set,?/no_such_call,??nor_this");
	ck_assert_uint_eq(size(), 0);
	refused("no_such_call", "no_such_call", "?no_such_call");
	refused("%no_such_set", "%no_such_set", "%desc");
	refused("/no_such_call", "/no_such_call", "rsc syscalls");
}
END_TEST

START_TEST(classes)
{
	for (size_t i = 0; i < call_count; i++) {
		const struct call *call = &call_table[i];

		select_ok("%file");
		ck_assert_msg(set[call->id] == (select_can_forward(call) &&
						(call->classes & C_FILE)),
			      "%s", call->name);
	}
	select_ok("file,desc");
	ck_assert(has("openat") && has("read") && !has("uname"));
	select_ok("%clock");
	ck_assert(has("time") && has("clock_gettime") && !has("read"));
	select_ok("%net,%creds,%stat,%process,%memory,%ipc,%network");
	ck_assert(has("getuid") && has("newfstatat") && has("mmap"));
	/* Newer sets have no spelling without their %. */
	refused("net", "net", "rsc syscalls");
	refused("clock", "clock", "rsc syscalls");
}
END_TEST

START_TEST(expressions)
{
	select_ok("/^(read|write)v?$");
	ck_assert(has("read") && has("readv") && has("writev"));
	ck_assert_uint_eq(size(), 4);
	/* Elders have names too, and unforwardable ones do no harm. */
	select_ok("/^creat$");
	ck_assert(has("openat"));
	select_ok("/^e");
	ck_assert(has("epoll_ctl") && !has("eventfd2"));
	refused("/(", "/(", "regex(7)");
	refused("/^getpid$", "getpid", "leave it out");
}
END_TEST

/* Old name, canonical name, later edition: one thing. */
static const char *const kin[][3] = {
	{ "open", "openat", "openat2" },
	{ "creat", "openat", "openat2" },
	{ "openat", "openat", "openat2" },
	{ "stat", "newfstatat", "statx" },
	{ "lstat", "newfstatat", "statx" },
	{ "newfstatat", "newfstatat", "statx" },
	{ "statx", "newfstatat", "statx" },
	{ "access", "faccessat", "faccessat2" },
	{ "chmod", "fchmodat", "fchmodat2" },
	{ "rename", "renameat", "renameat2" },
	{ "renameat", "renameat", "renameat2" },
	{ "getdents", "getdents", "getdents64" },
	{ "pread", "pread64", "pread64" },
	{ "preadv", "preadv", "preadv2" },
	{ "dup", "dup2", "dup3" },
	{ "accept", "accept", "accept4" },
	{ "unlink", "unlinkat", "unlinkat" },
};

START_TEST(families)
{
	const char *const *row = kin[_i];

	select_ok(row[0]);
	for (int i = 1; i < 3; i++)
		ck_assert_msg(has(row[i]) ==
				      select_can_forward(call_by_name(row[i])),
			      "%s does not select %s", row[0], row[i]);
	ck_assert(!has("uname") && !has("read") && !has("fstat"));
	ck_assert_uint_le(size(), 4);
}
END_TEST

START_TEST(numbers_and_abis)
{
	char spec[32];
	char first[512];

	snprintf(spec, sizeof(spec), "%d", call_nr(call_by_name("read")));
	select_ok(spec);
	ck_assert(has("read"));
	ck_assert_uint_eq(size(), 1);
	refused("9999", "9999", "rsc syscalls");
	refused("0x1", "0x1", "rsc syscalls");
	select_ok("read@64");
	ck_assert(has("read"));
	refused("read@32", "read@32", "@64");
	memcpy(first, err, sizeof(first));
	refused("read@x32", "read@x32", "@64");
	ck_assert_str_ne(first, err);
}
END_TEST

/* Every row, by its name: selected, or refused with its reason. */
START_TEST(every_row)
{
	const struct call *call = &call_table[_i];

	if (select_can_forward(call)) {
		select_ok(call->name);
		ck_assert(set[call->id]);
		return;
	}
	refused(call->name, call->name, "leave it out");
	if (call->why)
		ck_assert_msg(strstr(err, call->why), "%s", err);
	/* A tracing set may name it. */
	ck_assert_int_eq(select_calls(set, call->name, false, err, sizeof(err)),
			 0);
	ck_assert(set[call->id]);
}
END_TEST

START_TEST(empty)
{
	refused("", "empty", "none");
	refused(",", "empty", "none");
}
END_TEST

/* ---- the filter ---- */

#define NUMBERS 1024
#define CODE_MAX 4096

static struct sock_filter code[CODE_MAX];
static size_t code_len;
static struct run run;

/* The filter of a selection. */
static void compile(const char *spec, bool high)
{
	ssize_t n;
	int fd;

	select_ok(spec);
	run.selected = set;
	run.fds_high = high;
	fd = memfd_create("filter", MFD_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(filter_export(&run, fd), 0);
	n = pread(fd, code, sizeof(code), 0);
	ck_assert_int_gt(n, 0);
	ck_assert_uint_lt((size_t)n, sizeof(code));
	code_len = (size_t)n / sizeof(*code);
	close(fd);
}

static bool jumps(uint16_t op, uint32_t acc, uint32_t k)
{
	switch (op) {
	case BPF_JEQ:
		return acc == k;
	case BPF_JGT:
		return acc > k;
	case BPF_JGE:
		return acc >= k;
	case BPF_JSET:
		return acc & k;
	default:
		ck_abort_msg("an unknown jump %#x", op);
	}
	return false;
}

/* What the kernel does with the call: as seccomp_run_filters() has it. */
static uint32_t decide_in(uint32_t arch, long nr, const uint64_t arg[6])
{
	struct seccomp_data data = { .nr = (int)nr, .arch = arch };
	uint32_t acc = 0;

	if (arg)
		memcpy(data.args, arg, sizeof(data.args));
	for (size_t pc = 0; pc < code_len; pc++) {
		const struct sock_filter *in = &code[pc];

		switch (BPF_CLASS(in->code)) {
		case BPF_LD:
			ck_assert_uint_le(in->k + 4, sizeof(data));
			memcpy(&acc, (char *)&data + in->k, 4);
			break;
		case BPF_ALU:
			ck_assert_uint_eq(BPF_OP(in->code), BPF_AND);
			acc &= in->k;
			break;
		case BPF_JMP:
			if (BPF_OP(in->code) == BPF_JA)
				pc += in->k;
			else
				pc += jumps(BPF_OP(in->code), acc, in->k) ?
					      in->jt :
					      in->jf;
			break;
		case BPF_RET:
			return in->k;
		default:
			ck_abort_msg("an unknown instruction %#x", in->code);
		}
	}
	ck_abort_msg("the filter has no end");
	return 0;
}

static uint32_t decide(long nr, const uint64_t arg[6])
{
	return decide_in(ARCH_AUDIT, nr, arg);
}

static uint32_t decide_fd(const char *name, unsigned int i, uint64_t fd)
{
	uint64_t arg[6] = { 0 };

	arg[i] = fd;
	return decide(call_nr(call_by_name(name)), arg);
}

static uint32_t decide_2fd(const char *name, uint64_t a, unsigned int i,
			   uint64_t b)
{
	uint64_t arg[6] = { a };

	arg[i] = b;
	return decide(call_nr(call_by_name(name)), arg);
}

/* True when the caller of nr itself passes a descriptor. */
static bool passes_fd(const struct call *call, const struct legacy *old)
{
	for (unsigned int i = 0; i < CALL_ARGS; i++)
		if ((call->arg[i].kind == ARG_FD ||
		     call->arg[i].kind == ARG_DIRFD) &&
		    (!old || old->arg[i] >= LEGACY_ARG))
			return true;
	return false;
}

/* What a number has to do when all its arguments are zero. */
static uint32_t expected(long nr)
{
	const struct legacy *old = legacy_by_nr(nr);
	const struct call *call = old ? call_by_name(old->to) : call_by_nr(nr);

	if (!call || call->verdict == V_REFUSED)
		return SECCOMP_RET_TRACE;
	/* Without arguments a futex and a sleep wait for no real time. */
	if (call_deadline(call) >= 0)
		return set[call_by_name("clock_gettime")->id] &&
				       strcmp(call->name, "futex") &&
				       strcmp(call->name, "clock_nanosleep") ?
			       SECCOMP_RET_TRACE :
			       SECCOMP_RET_ALLOW;
	/* Advice 0 takes nothing out of a file. */
	if (call->verdict == V_LOCAL || strstr(call->name, "madvise"))
		return SECCOMP_RET_ALLOW;
	/* On the caller itself; where that may run is looked after. */
	if (call->verdict == V_BY_PID)
		return strncmp(call->name, "sched_set", 9) &&
				       strcmp(call->name, "sched_getaffinity") ?
			       SECCOMP_RET_ALLOW :
			       SECCOMP_RET_TRACE;
	if (call->verdict == V_SPLIT && !hook_of(call))
		return SECCOMP_RET_ALLOW;
	/* No socket is remote when none is made there. */
	if (call->classes & C_NETWORK && !set[call_by_name("socket")->id] &&
	    !strstr(call->name, "msg"))
		return SECCOMP_RET_ALLOW;
	if (passes_fd(call, old) || set[call->id])
		return SECCOMP_RET_TRACE;
	/* Neither selected nor a descriptor: no stop, but where it is split. */
	if (call->verdict == V_SPLIT &&
	    (call->classes & (C_PROCESS | C_DESC | C_MEMORY)) &&
	    !(call->classes & (C_NETWORK | C_CLOCK)))
		return SECCOMP_RET_TRACE;
	return SECCOMP_RET_ALLOW;
}

static const char *const specs[] = {
	"%file,%desc",		 "none",   "all",
	"open,read,write,close", "%clock", "!%file"
};

START_TEST(every_number)
{
	compile(specs[_i], false);
	for (long nr = 0; nr < NUMBERS; nr++)
		ck_assert_msg(decide(nr, NULL) == expected(nr),
			      "%s: call %ld is %#x and has to be %#x",
			      specs[_i], nr, decide(nr, NULL), expected(nr));
	ck_assert_uint_eq(decide(PLACE_NR, NULL), SECCOMP_RET_USER_NOTIF);
}
END_TEST

/* Whatever is selected, another table's numbers never reach the kernel. */
START_TEST(other_abis)
{
	compile(specs[_i], true);
	for (long nr = 0; nr < NUMBERS; nr++) {
		uint32_t enosys = SECCOMP_RET_ERRNO | ENOSYS;

#ifdef __x86_64__
		ck_assert_uint_eq(decide(nr | 0x40000000, NULL), enosys);
#endif
		ck_assert_uint_eq(decide_in(AUDIT_ARCH_I386, nr, NULL), enosys);
		ck_assert_uint_eq(decide_in(AUDIT_ARCH_ARM, nr, NULL), enosys);
	}
}
END_TEST

START_TEST(working_directory)
{
	static const uint64_t cwd[] = { (uint32_t)AT_FDCWD,
					(uint64_t)AT_FDCWD };

	for (int i = 0; i < 2; i++) {
		compile("none", false);
		ck_assert_uint_eq(decide_fd("openat", 0, cwd[i]),
				  SECCOMP_RET_ALLOW);
		ck_assert_uint_eq(decide_2fd("renameat2", cwd[i], 2, cwd[i]),
				  SECCOMP_RET_ALLOW);
		ck_assert_uint_eq(decide_2fd("renameat2", cwd[i], 2, 3),
				  SECCOMP_RET_TRACE);
		ck_assert_uint_eq(decide_fd("openat", 0, 3), SECCOMP_RET_TRACE);
		compile("open", false);
		ck_assert_uint_eq(decide_fd("openat", 0, cwd[i]),
				  SECCOMP_RET_TRACE);
	}
}
END_TEST

START_TEST(processes)
{
	static const char *const calls[] = { "kill", "tgkill", "sched_getparam",
					     "prlimit64", "pidfd_open" };

	compile("all", false);
	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++) {
		ck_assert_uint_eq(decide_fd(calls[i], 0, 7), SECCOMP_RET_TRACE);
		ck_assert_uint_eq(decide_fd(calls[i], 0, 0), SECCOMP_RET_ALLOW);
		ck_assert_uint_eq(decide_fd(calls[i], 0, UINT32_MAX),
				  SECCOMP_RET_TRACE);
	}
	ck_assert_uint_eq(decide_fd("getpriority", 1, 7), SECCOMP_RET_TRACE);
	ck_assert_uint_eq(decide_fd("getpriority", 0, 7), SECCOMP_RET_ALLOW);
	compile("%file,%desc", false);
	ck_assert_uint_eq(decide_fd("kill", 0, 7), SECCOMP_RET_ALLOW);
}
END_TEST

START_TEST(local_forms)
{
	uint64_t map
		[6] = { [3] = MAP_PRIVATE | MAP_ANONYMOUS, [4] = (uint32_t)-1 };
	long mmap_nr = call_nr(call_by_name("mmap"));

	compile("all", false);
	ck_assert_uint_eq(decide(mmap_nr, map), SECCOMP_RET_ALLOW);
	map[3] = MAP_PRIVATE;
	map[4] = 3;
	ck_assert_uint_eq(decide(mmap_nr, map), SECCOMP_RET_TRACE);
	ck_assert_uint_eq(decide_fd("madvise", 2, MADV_DONTNEED),
			  SECCOMP_RET_ALLOW);
	ck_assert_uint_eq(decide_fd("madvise", 2, MADV_REMOVE),
			  SECCOMP_RET_TRACE);
	ck_assert_uint_eq(decide_fd("madvise", 2, MADV_HUGEPAGE),
			  SECCOMP_RET_ALLOW);
	ck_assert_uint_eq(decide_fd("clock_gettime", 0, CLOCK_MONOTONIC),
			  SECCOMP_RET_ALLOW);
	ck_assert_uint_eq(decide_fd("clock_gettime", 0,
				    CLOCK_PROCESS_CPUTIME_ID),
			  SECCOMP_RET_ALLOW);
	ck_assert_uint_eq(decide_fd("clock_gettime", 0, CLOCK_REALTIME),
			  SECCOMP_RET_TRACE);
	ck_assert_uint_eq(decide_fd("clock_gettime", 0, CLOCK_REALTIME_COARSE),
			  SECCOMP_RET_TRACE);
	ck_assert_uint_eq(decide_fd("clock_getres", 0, CLOCK_TAI),
			  SECCOMP_RET_TRACE);
	compile("none", false);
	ck_assert_uint_eq(decide_fd("clock_gettime", 0, CLOCK_REALTIME),
			  SECCOMP_RET_ALLOW);
}
END_TEST

START_TEST(high_descriptors)
{
	/* Garbage in the half that the kernel ignores: a stop, never more. */
	static const uint64_t high[] = { 512, 100000, UINT32_MAX,
					 UINT64_C(1) << 32 };

	compile("%file,%desc", true);
	for (uint64_t fd = 0; fd < FDS_HIGH; fd += 73) {
		ck_assert_uint_eq(decide_fd("read", 0, fd), SECCOMP_RET_ALLOW);
		ck_assert_uint_eq(decide_fd("mmap", 4, fd), SECCOMP_RET_ALLOW);
		ck_assert_uint_eq(decide_fd("fstat", 0, fd), SECCOMP_RET_ALLOW);
		ck_assert_uint_eq(decide_2fd("sendfile", fd, 1, 511),
				  SECCOMP_RET_ALLOW);
		ck_assert_uint_eq(decide_2fd("dup2", fd, 1, 511),
				  SECCOMP_RET_ALLOW);
		ck_assert_uint_eq(decide_2fd("close_range", fd, 1, 511),
				  SECCOMP_RET_ALLOW);
		/* What is selected by path still stops. */
		ck_assert_uint_eq(decide_fd("openat", 0, fd),
				  SECCOMP_RET_TRACE);
	}
	for (size_t i = 0; i < sizeof(high) / sizeof(*high); i++) {
		ck_assert_uint_eq(decide_fd("read", 0, high[i]),
				  SECCOMP_RET_TRACE);
		ck_assert_uint_eq(decide_fd("mmap", 4, high[i]),
				  SECCOMP_RET_TRACE);
		ck_assert_uint_eq(decide_2fd("sendfile", 1, 1, high[i]),
				  SECCOMP_RET_TRACE);
		ck_assert_uint_eq(decide_2fd("sendfile", high[i], 1, 1),
				  SECCOMP_RET_TRACE);
		ck_assert_uint_eq(decide_2fd("dup2", 1, 1, high[i]),
				  SECCOMP_RET_TRACE);
		ck_assert_uint_eq(decide_2fd("close_range", 1, 1, high[i]),
				  SECCOMP_RET_TRACE);
	}
	compile("none", true);
	ck_assert_uint_eq(decide_fd("openat", 0, 3), SECCOMP_RET_ALLOW);
	ck_assert_uint_eq(decide_fd("openat", 0, 600), SECCOMP_RET_TRACE);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("filter");
	TCase *grammar = tcase_create("grammar");
	TCase *bpf = tcase_create("bpf");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(grammar, setup, teardown);
	tcase_add_test(grammar, names);
	tcase_add_test(grammar, last_one_decides);
	tcase_add_test(grammar, all_and_none);
	tcase_add_test(grammar, inversion);
	tcase_add_test(grammar, ignored_when_unknown);
	tcase_add_test(grammar, classes);
	tcase_add_test(grammar, expressions);
	tcase_add_loop_test(grammar, families, 0,
			    (int)(sizeof(kin) / sizeof(*kin)));
	tcase_add_test(grammar, numbers_and_abis);
	tcase_add_loop_test(grammar, every_row, 0, (int)call_count);
	tcase_add_test(grammar, empty);
	suite_add_tcase(suite, grammar);
	tcase_add_checked_fixture(bpf, setup, teardown);
	tcase_add_loop_test(bpf, every_number, 0,
			    (int)(sizeof(specs) / sizeof(*specs)));
	tcase_add_loop_test(bpf, other_abis, 0,
			    (int)(sizeof(specs) / sizeof(*specs)));
	tcase_add_test(bpf, working_directory);
	tcase_add_test(bpf, processes);
	tcase_add_test(bpf, local_forms);
	tcase_add_test(bpf, high_descriptors);
	suite_add_tcase(suite, bpf);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
