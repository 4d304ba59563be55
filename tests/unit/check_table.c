/*
 * The call table: every call of both architectures' headers has its one row,
 * and every row keeps the rules that its readers rely on.
 */
#include <check.h>
#include <asm/termbits.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/random.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>

#include "arch/arch.h"
#include "call/call.h"

#ifndef UNISTD_X86_64
#define UNISTD_X86_64 "/usr/include/x86_64-linux-gnu/asm/unistd_64.h"
#endif
#ifndef UNISTD_AARCH64
#define UNISTD_AARCH64 "/usr/aarch64-linux-gnu/include/asm-generic/unistd.h"
#endif

/* linux/fcntl.h since 6.12 */
#ifndef F_CREATED_QUERY
#define F_CREATED_QUERY 1028
#endif

#define NR_LIMIT 600

/* The call of a number in a header, or the row of a number in the table. */
struct names {
	char name[NR_LIMIT][48];
	unsigned int count;
};

static bool is_scalar(const struct arg *arg)
{
	return arg->kind == ARG_INT || arg->kind == ARG_UINT ||
	       arg->kind == ARG_FLAGS;
}

static bool has_len(const struct arg *arg)
{
	return arg->kind >= ARG_IN && arg->kind <= ARG_IOV_OUT;
}

static bool has_struct(const struct arg *arg)
{
	return arg->kind >= ARG_STRUCT_IN && arg->kind <= ARG_STRUCT_INOUT;
}

static bool has_kind(const struct call *call, enum arg_kind kind)
{
	int i;

	for (i = 0; i < CALL_ARGS; i++)
		if (call->arg[i].kind == kind)
			return true;
	return false;
}

/* A header's number whose name is no call of a 64-bit architecture. */
static bool is_no_call(const char *name, long nr)
{
	return (nr >= 403 && nr <= 423) || !strcmp(name, "syscalls") ||
	       !strcmp(name, "arch_specific_syscall") ||
	       !strcmp(name, "sync_file_range2");
}

/* "#define __NR_name 12" or asm-generic's "#define __NR3264_name 12". */
static void read_header(const char *path, struct names *names)
{
	char line[256];
	char word[48];
	FILE *file;
	long nr;

	memset(names, 0, sizeof(*names));
	file = fopen(path, "r");
	ck_assert_msg(file != NULL,
		      "%s is missing: install linux-libc-dev and "
		      "linux-libc-dev-arm64-cross",
		      path);
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "#define __NR_%47s %ld", word, &nr) != 2 &&
		    sscanf(line, "#define __NR3264_%47s %ld", word, &nr) != 2)
			continue;
		if (is_no_call(word, nr))
			continue;
		/* asm-generic's only name that differs on 64 bits */
		if (!strcmp(word, "fstatat"))
			strcpy(word, "newfstatat");
		ck_assert_msg(nr >= 0 && nr < NR_LIMIT, "%s %ld", word, nr);
		ck_assert_msg(!names->name[nr][0], "%ld twice", nr);
		strcpy(names->name[nr], word);
		names->count++;
	}
	fclose(file);
	ck_assert_uint_gt(names->count, 250);
}

static void add_row(struct names *names, int nr, const char *name)
{
	if (nr == CALL_NO_NR)
		return;
	ck_assert_msg(nr >= 0 && nr < NR_LIMIT, "%s has number %d", name, nr);
	ck_assert_msg(!names->name[nr][0], "%d is %s and %s", nr,
		      names->name[nr], name);
	strcpy(names->name[nr], name);
	names->count++;
}

/*
 * Newer headers than the ones the table was written with may know more calls:
 * those are missing rows, and a failure.
 */
static void compare(const struct names *header, const struct names *table,
		    const char *path)
{
	int nr;

	for (nr = 0; nr < NR_LIMIT; nr++)
		if (header->name[nr][0])
			ck_assert_msg(!strcmp(header->name[nr],
					      table->name[nr]),
				      "%d is %s in %s and \"%s\" in the table",
				      nr, header->name[nr], path,
				      table->name[nr]);
}

START_TEST(ids_are_sequential_so_that_they_are_unique)
{
	size_t i;

	for (i = 0; i < call_count; i++)
		ck_assert_uint_eq(call_table[i].id, i + 1);
	ck_assert_ptr_null(call_by_id(0));
	ck_assert_ptr_null(call_by_id(call_count + 1));
	ck_assert_ptr_eq(call_by_id(1), &call_table[0]);
}
END_TEST

START_TEST(names_are_unique)
{
	size_t i;

	for (i = 0; i < call_count; i++) {
		ck_assert_msg(call_by_name(call_table[i].name) ==
				      &call_table[i],
			      "%s stands twice", call_table[i].name);
	}
	for (i = 0; i < legacy_count; i++)
		ck_assert_msg(!call_by_name(legacy_table[i].name),
			      "%s is legacy and canonical",
			      legacy_table[i].name);
	ck_assert_ptr_null(call_by_name("no_such_call"));
}
END_TEST

START_TEST(every_call_of_the_x86_64_header_has_its_one_row)
{
	static struct names header;
	static struct names table;
	size_t i;

	memset(&table, 0, sizeof(table));
	for (i = 0; i < call_count; i++)
		add_row(&table, call_table[i].nr_x86_64, call_table[i].name);
	for (i = 0; i < legacy_count; i++)
		add_row(&table, legacy_table[i].nr_x86_64,
			legacy_table[i].name);
	read_header(UNISTD_X86_64, &header);
	compare(&header, &table, UNISTD_X86_64);
}
END_TEST

START_TEST(every_call_of_the_aarch64_header_has_its_one_row)
{
	static struct names header;
	static struct names table;
	size_t i;

	memset(&table, 0, sizeof(table));
	for (i = 0; i < call_count; i++)
		add_row(&table, call_table[i].nr_aarch64, call_table[i].name);
	read_header(UNISTD_AARCH64, &header);
	compare(&header, &table, UNISTD_AARCH64);
}
END_TEST

START_TEST(newer_calls_have_one_number_on_both_architectures)
{
	const struct call *call;
	size_t i;

	for (i = 0; i < call_count; i++) {
		call = &call_table[i];
		ck_assert_msg(call->of || !strncmp(call->name, "rsc_", 4) ||
				      call->nr_x86_64 != CALL_NO_NR ||
				      call->nr_aarch64 != CALL_NO_NR,
			      "%s has no number", call->name);
		if (call->nr_x86_64 >= 424 || call->nr_aarch64 >= 424)
			ck_assert_msg(call->nr_x86_64 == call->nr_aarch64, "%s",
				      call->name);
	}
}
END_TEST

START_TEST(numbers_lead_to_their_rows)
{
	const struct legacy *legacy;
	unsigned int rows = 0;
	const struct call *call;
	unsigned int want = 0;
	size_t i;
	long nr;

	for (i = 0; i < call_count; i++) {
		nr = call_nr(&call_table[i]);
		if (nr == CALL_NO_NR || call_table[i].of)
			continue;
		want++;
		ck_assert_ptr_eq(call_by_nr(nr), &call_table[i]);
	}
	for (nr = -2; nr < NR_LIMIT + 5000; nr++) {
		call = call_by_nr(nr);
		legacy = legacy_by_nr(nr);
		ck_assert_msg(!call || !legacy, "%ld has two rows", nr);
		rows += call != NULL;
		if (legacy)
			ck_assert_int_eq(legacy->nr_x86_64, nr);
	}
	ck_assert_uint_eq(rows, want);
	for (i = 0; i < legacy_count; i++) {
		legacy = legacy_by_nr(legacy_table[i].nr_x86_64);
		ck_assert(ARCH_HAS_LEGACY ? legacy == &legacy_table[i] :
					    legacy == NULL);
	}
}
END_TEST

#define CALL(...)
#define VARIANT(id, word, call, nr, ...) { #word, (uint32_t)(word), nr },
#define OPTION VARIANT
static const struct {
	const char *name;
	uint32_t header;
	uint32_t table;
} requests[] = {
#include "call/calls.def"
};
#undef CALL
#undef VARIANT
#undef OPTION

START_TEST(requests_have_the_numbers_of_the_headers)
{
	size_t i;

	for (i = 0; i < sizeof(requests) / sizeof(*requests); i++)
		ck_assert_msg(requests[i].header == requests[i].table,
			      "%s is 0x%x", requests[i].name,
			      requests[i].header);
}
END_TEST

START_TEST(requests_lead_to_their_rows)
{
	const struct call *call;
	const struct call *of;
	size_t i;

	for (i = 0; i < call_count; i++) {
		call = &call_table[i];
		if (!call->of)
			continue;
		of = call_by_name(call->of);
		ck_assert_msg(of && !of->of, "%s is made with %s", call->name,
			      call->of);
		ck_assert_ptr_eq(call_by_request(of, call->request), call);
		ck_assert_int_eq(call_nr(call), call_nr(of));
	}
	of = call_by_name("ioctl");
	ck_assert_ptr_null(call_by_request(of, 0x12345678));
}
END_TEST

START_TEST(a_length_is_a_scalar_argument_of_the_row)
{
	const struct call *call = &call_table[_i];
	int i;

	for (i = 0; i < CALL_ARGS; i++) {
		if (!has_len(&call->arg[i]))
			continue;
		ck_assert_msg(call->arg[i].len < CALL_ARGS, "%s", call->name);
		ck_assert_msg(call->arg[i].len != i, "%s", call->name);
		ck_assert_msg(is_scalar(&call->arg[call->arg[i].len]),
			      "%s: argument %d", call->name, i);
	}
}
END_TEST

START_TEST(arguments_have_no_gap_and_a_known_type)
{
	const struct call *call = &call_table[_i];
	unsigned int i;

	for (i = call_nargs(call); i < CALL_ARGS; i++)
		ck_assert_msg(call->arg[i].kind == ARG_NONE, "%s", call->name);
	for (i = 0; i < CALL_ARGS; i++) {
		if (has_struct(&call->arg[i]))
			ck_assert_msg(call->arg[i].type > ST_NONE &&
					      call->arg[i].type < ST_COUNT,
				      "%s", call->name);
		if (call->arg[i].kind == ARG_FLAGS)
			ck_assert_msg(call->arg[i].type != FL_NONE, "%s",
				      call->name);
	}
}
END_TEST

START_TEST(a_row_has_what_its_verdict_needs)
{
	const struct call *call = &call_table[_i];

	ck_assert_msg((call->verdict == V_REFUSED) == (call->err > 0),
		      "%s: an errno belongs to a refusal", call->name);
	if (call->verdict >= V_LOCAL)
		ck_assert_msg(call->why && *call->why, "%s has no reason",
			      call->name);
	else
		ck_assert_msg(!has_kind(call, ARG_PTR),
			      "%s: a pointer cannot travel", call->name);
	if (call->verdict == V_BY_FD)
		ck_assert_msg(has_kind(call, ARG_FD), "%s", call->name);
	if (call->verdict == V_BY_PATH)
		ck_assert_msg(has_kind(call, ARG_PATH), "%s", call->name);
	ck_assert_msg(call->classes, "%s is in no class", call->name);
}
END_TEST

/* Rows that the server carries out, at least in part. */
static bool runs(const struct call *call)
{
	return call->verdict < V_LOCAL || call->traits & T_RUNS;
}

/*
 * A call that gives bytes or a number back is made for what it gives. What
 * passes through a descriptor was allowed when that was opened.
 */
static bool gives(const struct call *call)
{
	return call->ret != RET_INT || !call_nargs(call) ||
	       has_kind(call, ARG_OUT) || has_kind(call, ARG_OUT_ALL) ||
	       has_kind(call, ARG_IOV_OUT) || has_kind(call, ARG_STRUCT_OUT) ||
	       has_kind(call, ARG_STRUCT_INOUT) || has_kind(call, ARG_MSG_OUT);
}

/* Calls made for an effect that is no change of the machine. */
static const char *const harmless[] = {
	/* on the caller's own descriptors, credentials, directory, mask */
	"close",
	"lseek",
	"chdir",
	"fchdir",
	"umask",
	"setuid",
	"setgid",
	"setreuid",
	"setregid",
	"setresuid",
	"setresgid",
	"setfsuid",
	"setfsgid",
	"setgroups",
	"capset",
	"PR_GET_KEEPCAPS",
	"PR_SET_KEEPCAPS",
	"PR_CAPBSET_READ",
	"PR_CAPBSET_DROP",
	"PR_GET_SECUREBITS",
	"PR_SET_SECUREBITS",
	"PR_CAP_AMBIENT",
	"inotify_add_watch",
	"inotify_rm_watch",
	"F_SETFL",
	"F_SETPIPE_SZ",
	"F_GETPIPE_SZ",
	"F_GET_SEALS",
	"F_GETLEASE",
	"F_NOTIFY",
	"F_CREATED_QUERY",
	"FIONBIO",
	"rsc_watch",
	/* on a socket of the caller's; a bind that makes a file is refused */
	"bind",
	"listen",
	"connect",
	"shutdown",
	"setsockopt",
	/* through one that was made for it */
	"sendmsg",
	"rsc_put",
	"rsc_drop",
	"rsc_hold",
	"rsc_recall",
	"rsc_running",
	"rsc_seek",
	"sendmmsg",
	/* on a cache or a lock */
	"fadvise64",
	"readahead",
	"fsync",
	"fdatasync",
	"sync_file_range",
	"syncfs",
	"flock",
	"F_SETLK",
	"F_SETLKW",
	"F_OFD_SETLK",
	"F_OFD_SETLKW",
	"F_SET_RW_HINT",
	"F_SET_FILE_RW_HINT",
	"BLKFLSBUF",
	/* none: the result is the answer */
	"faccessat",
	"faccessat2",
	"rsc_may_exec",
	"getpgid",
	"getsid",
	"getpriority",
	"ioprio_get",
	"sched_getscheduler",
	/* through a descriptor that was opened for writing */
	"tee",
};

static bool is_harmless(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(harmless) / sizeof(*harmless); i++)
		if (!strcmp(harmless[i], name))
			return true;
	return false;
}

START_TEST(a_row_that_is_made_for_its_effect_is_marked_or_harmless)
{
	const struct call *call = &call_table[_i];
	bool modifies = call->traits & T_MODIFIES;

	if (!runs(call)) {
		ck_assert_msg(!call->traits, "%s never runs on a server",
			      call->name);
		return;
	}
	ck_assert_msg(modifies + gives(call) + is_harmless(call->name) == 1,
		      "%s: it modifies (%d), or gives something back (%d), or "
		      "is harmless (%d)",
		      call->name, modifies, gives(call),
		      is_harmless(call->name));
}
END_TEST

START_TEST(what_runs_in_part_is_split)
{
	const struct call *call = &call_table[_i];

	if (call->traits & T_RUNS)
		ck_assert_msg(call->verdict == V_SPLIT, "%s", call->name);
}
END_TEST

START_TEST(a_row_has_one_rule_for_a_link_at_the_end)
{
	const struct call *call = &call_table[_i];
	int rules = !!(call->traits & T_NOFOLLOW);
	int i;

	for (i = 0; i < CALL_ARGS; i++) {
		if (call->arg[i].link == LINK_NONE)
			continue;
		rules++;
		ck_assert_msg(call->arg[i].kind == ARG_FLAGS, "%s", call->name);
		ck_assert_msg(call->arg[i].bit, "%s", call->name);
	}
	/* The address of a socket may be a path. */
	ck_assert_msg(rules <= (has_kind(call, ARG_PATH) ||
				(call->classes & C_NETWORK &&
				 has_kind(call, ARG_IN))),
		      "%s", call->name);
}
END_TEST

START_TEST(a_flag_decides_whether_a_link_is_followed)
{
	uint64_t reg[CALL_ARGS] = { 0 };

	ck_assert(call_follows(call_by_name("newfstatat"), reg));
	reg[3] = AT_SYMLINK_NOFOLLOW;
	ck_assert(!call_follows(call_by_name("newfstatat"), reg));
	ck_assert(!call_follows(call_by_name("linkat"), reg));
	reg[4] = AT_SYMLINK_FOLLOW;
	ck_assert(call_follows(call_by_name("linkat"), reg));
	ck_assert(call_follows(call_by_name("getxattr"), reg));
	ck_assert(!call_follows(call_by_name("lgetxattr"), reg));
}
END_TEST

START_TEST(a_dirfd_is_followed_by_its_path)
{
	const struct call *call = &call_table[_i];
	int i;

	for (i = 0; i < CALL_ARGS; i++)
		if (call->arg[i].kind == ARG_DIRFD)
			ck_assert_msg(i + 1 < CALL_ARGS &&
					      call->arg[i + 1].kind == ARG_PATH,
				      "%s", call->name);
}
END_TEST

START_TEST(a_length_that_comes_back_has_its_one_buffer)
{
	const struct call *call = &call_table[_i];
	int buffers = 0;
	int i;

	if ((call->ret != RET_LEN && call->ret != RET_SIZE) ||
	    call->verdict >= V_LOCAL)
		return;
	for (i = 0; i < CALL_ARGS; i++)
		buffers += has_len(&call->arg[i]);
	ck_assert_msg(buffers == 1, "%s has %d buffers", call->name, buffers);
}
END_TEST

START_TEST(a_legacy_call_fits_the_call_it_becomes)
{
	const struct legacy *legacy = &legacy_table[_i];
	const struct call *to = call_by_name(legacy->to);
	unsigned int i;

	ck_assert_msg(to != NULL, "%s: no %s", legacy->name, legacy->to);
	ck_assert_int_ne(call_nr(to), CALL_NO_NR);
	for (i = 0; i < CALL_ARGS; i++)
		if (legacy->arg[i] >= LEGACY_ARG)
			ck_assert_msg(legacy->arg[i] < LEGACY_ARG + CALL_ARGS &&
					      i < call_nargs(to),
				      "%s: argument %u", legacy->name, i);
	for (i = call_nargs(to); i < CALL_ARGS; i++)
		ck_assert_int_eq(legacy->arg[i], 0);
}
END_TEST

START_TEST(fields_lie_apart_inside_their_structure)
{
	const struct struct_info *info = &struct_table[_i];
	const struct field *field;
	uint8_t used[1024] = { 0 };
	unsigned int byte;
	int i;

	ck_assert_ptr_nonnull(info->name);
	ck_assert_uint_gt(info->nfields, 0);
	ck_assert_uint_le(info->size, sizeof(used));
	for (i = 0; i < info->nfields; i++) {
		field = &info->field[i];
		ck_assert_msg(field->offset + field->size <= info->size,
			      "%s: field %d", info->name, i);
		if (!field->bytes)
			ck_assert_msg(field->size == 1 || field->size == 2 ||
					      field->size == 4 ||
					      field->size == 8,
				      "%s: field %d", info->name, i);
		for (byte = 0; byte < field->size; byte++)
			ck_assert_msg(!used[field->offset + byte]++,
				      "%s: field %d overlaps", info->name, i);
	}
}
END_TEST

START_TEST(the_digest_stays_the_same)
{
	ck_assert(call_digest() == call_digest());
	ck_assert(call_digest() != 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("table");
	TCase *rows = tcase_create("rows");
	SRunner *runner;
	int failed;

	tcase_add_test(rows, ids_are_sequential_so_that_they_are_unique);
	tcase_add_test(rows, names_are_unique);
	tcase_add_test(rows, every_call_of_the_x86_64_header_has_its_one_row);
	tcase_add_test(rows, every_call_of_the_aarch64_header_has_its_one_row);
	tcase_add_test(rows, newer_calls_have_one_number_on_both_architectures);
	tcase_add_test(rows, numbers_lead_to_their_rows);
	tcase_add_test(rows, requests_lead_to_their_rows);
	tcase_add_test(rows, requests_have_the_numbers_of_the_headers);
	tcase_add_loop_test(rows, a_length_is_a_scalar_argument_of_the_row, 0,
			    call_count);
	tcase_add_loop_test(rows, arguments_have_no_gap_and_a_known_type, 0,
			    call_count);
	tcase_add_loop_test(rows, a_row_has_what_its_verdict_needs, 0,
			    call_count);
	tcase_add_loop_test(
		rows, a_row_that_is_made_for_its_effect_is_marked_or_harmless,
		0, call_count);
	tcase_add_loop_test(rows, what_runs_in_part_is_split, 0, call_count);
	tcase_add_loop_test(rows, a_row_has_one_rule_for_a_link_at_the_end, 0,
			    call_count);
	tcase_add_test(rows, a_flag_decides_whether_a_link_is_followed);
	tcase_add_loop_test(rows, a_dirfd_is_followed_by_its_path, 0,
			    call_count);
	tcase_add_loop_test(rows, a_length_that_comes_back_has_its_one_buffer,
			    0, call_count);
	tcase_add_loop_test(rows, a_legacy_call_fits_the_call_it_becomes, 0,
			    legacy_count);
	tcase_add_loop_test(rows, fields_lie_apart_inside_their_structure,
			    ST_NONE + 1, ST_COUNT);
	tcase_add_test(rows, the_digest_stays_the_same);
	suite_add_tcase(suite, rows);

	runner = srunner_create(suite);
	/* Thousands of rows, no state: a process for each is only slow. */
	srunner_set_fork_status(runner, CK_NOFORK);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
