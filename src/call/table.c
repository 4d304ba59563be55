/*
 * The call table, the legacy table and the structure table, and how to find a
 * row in them.
 */
#include "call/call.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <time.h>
#include <utime.h>

#include "arch/arch.h"
#include "call/types.h"
#include "call/wire.h"

#define NR_MAX 512
#define NAMES 1024 /* a power of two, more than twice the rows */
#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

/* Field lists: EACH(m, c, x, y, ...) is m(c, x) m(c, y) ... */
#define PARENS ()
#define EXPAND(...) EXPAND3(EXPAND3(EXPAND3(EXPAND3(__VA_ARGS__))))
#define EXPAND3(...) EXPAND2(EXPAND2(EXPAND2(EXPAND2(__VA_ARGS__))))
#define EXPAND2(...) EXPAND1(EXPAND1(EXPAND1(EXPAND1(__VA_ARGS__))))
#define EXPAND1(...) __VA_ARGS__
#define EACH(m, c, ...) EXPAND(EACH_NEXT(m, c, __VA_ARGS__))
#define EACH_NEXT(m, c, x, ...)                                                \
	m(c, x) __VA_OPT__(EACH_AGAIN PARENS(m, c, __VA_ARGS__))
#define EACH_AGAIN() EACH_NEXT

#define U(field) (field, false, false, FL_PLAIN)
#define S(field) (field, false, true, FL_PLAIN)
#define B(field) (field, true, false, FL_PLAIN)
#define O(field) (field, false, false, FL_OPEN)
#define FIELD(ctype, what) FIELD_OF(ctype, FIELD_WORDS what)
#define FIELD_WORDS(field, is_bytes, is_signed, set)                           \
	field, is_bytes, is_signed, set
#define FIELD_OF(...) FIELD_ROW(__VA_ARGS__)
#define FIELD_ROW(ctype, f, b, s, set)                                         \
	{ offsetof(ctype, f), sizeof(((ctype *)0)->f), b, s, set },

/* clang-format off */
#define STRUCT(type, ctype, ...)                                               \
	static const struct field fields_##type[] = {                          \
		EACH(FIELD, ctype, __VA_ARGS__)                                \
	};
/* clang-format on */
#include "call/types.def"
#undef STRUCT

const struct struct_info struct_table[ST_COUNT] = {
#define STRUCT(type, ctype, ...)                                               \
	[ST_##type] = { #type, sizeof(ctype), ARRAY_SIZE(fields_##type),       \
			fields_##type },
#include "call/types.def"
#undef STRUCT
};

#undef U
#undef S
#undef B
#undef O

_Static_assert(sizeof(struct kernel_statx) == 256, "statx");
_Static_assert(offsetof(struct kernel_statx, stx_rdev_major) == 128, "statx");
_Static_assert(offsetof(struct kernel_statx, stx_subvol) == 160, "statx");
_Static_assert(sizeof(struct statfs) == 120, "statfs");
_Static_assert(sizeof(struct kernel_cap_sets) == 24, "capset");
_Static_assert(sizeof(struct timespec) == 16, "timespec");
_Static_assert(sizeof(struct kernel_timespec2) == 32, "timespec2");
_Static_assert(sizeof(struct timeval) == 16, "timeval");
_Static_assert(sizeof(struct timezone) == 8, "timezone");
_Static_assert(sizeof(struct flock) == 32, "flock");
_Static_assert(sizeof(struct sysinfo) == 112, "sysinfo");
_Static_assert(sizeof(struct kernel_utsname) == 390, "utsname");
_Static_assert(sizeof(struct kernel_open_how) == 24, "open_how");
_Static_assert(sizeof(struct kernel_termios) == 36, "termios");
_Static_assert(sizeof(struct kernel_termios2) == 44, "termios2");
_Static_assert(sizeof(struct kernel_winsize) == 8, "winsize");
_Static_assert(sizeof(struct rlimit) == 16, "rlimit");
_Static_assert(sizeof(struct timex) == 208, "timex");
_Static_assert(sizeof(struct kernel_siginfo) == 128, "siginfo");
_Static_assert(offsetof(struct kernel_siginfo, value) == 24, "siginfo");
_Static_assert(sizeof(struct kernel_sched_attr) == 56, "sched_attr");
_Static_assert(sizeof(struct kernel_file_handle) == 136, "file_handle");
_Static_assert(sizeof(struct kernel_ustat) == 32, "ustat");

/* The words of calls.def. */
/* clang-format off */
#define NO CALL_NO_NR
#define NONE { .kind = ARG_NONE }
#define INT { .kind = ARG_INT }
#define UINT { .kind = ARG_UINT }
#define WHENCE { .kind = ARG_INT, .type = IN_WHENCE }
#define PID { .kind = ARG_INT, .type = IN_PID }
#define TARGET { .kind = ARG_INT, .type = IN_TARGET }
#define WHO { .kind = ARG_INT, .type = IN_WHO }
#define SIGNED { .kind = ARG_UINT, .type = UI_SIGNED }
#define MODE { .kind = ARG_UINT, .type = UI_MODE }
#define ACCESS { .kind = ARG_UINT, .type = UI_ACCESS }
#define OFFSET { .kind = ARG_UINT, .type = UI_OFFSET }
#define FLAGS { .kind = ARG_FLAGS, .type = FL_PLAIN }
#define FLAGS_LINK(rule, mask)                                                 \
	{ .kind = ARG_FLAGS, .type = FL_AT, .link = rule, .bit = mask }
#define FLAGS_FOLLOW(mask) FLAGS_LINK(LINK_IF_SET, mask)
#define FLAGS_NOFOLLOW(mask) FLAGS_LINK(LINK_IF_CLEAR, mask)
#define FLAGS_WATCH                                                            \
	{ .kind = ARG_FLAGS, .type = FL_PLAIN, .link = LINK_IF_CLEAR,          \
	  .bit = IN_DONT_FOLLOW }
#define FLAGS_UNLINK { .kind = ARG_FLAGS, .type = FL_UNLINK }
#define FLAGS_RENAME { .kind = ARG_FLAGS, .type = FL_RENAME }
#define FLAGS_LOCK { .kind = ARG_FLAGS, .type = FL_LOCK }
#define FLAGS_SOCKET { .kind = ARG_FLAGS, .type = FL_SOCKET }
#define FLAGS_MSG { .kind = ARG_FLAGS, .type = FL_MSG }
#define FLAGS_OPEN { .kind = ARG_FLAGS, .type = FL_OPEN }
#define FD { .kind = ARG_FD }
#define DIRFD { .kind = ARG_DIRFD }
#define PATH { .kind = ARG_PATH }
#define STR { .kind = ARG_STR }
#define IN(n) { .kind = ARG_IN, .len = (n) }
#define OUT(n) { .kind = ARG_OUT, .len = (n) }
#define OUT_ALL(n) { .kind = ARG_OUT_ALL, .len = (n) }
#define IOV_IN(n) { .kind = ARG_IOV_IN, .len = (n) }
#define IOV_OUT(n) { .kind = ARG_IOV_OUT, .len = (n) }
#define STRUCT_IN(t) { .kind = ARG_STRUCT_IN, .type = ST_##t }
#define STRUCT_OUT(t) { .kind = ARG_STRUCT_OUT, .type = ST_##t }
#define STRUCT_INOUT(t) { .kind = ARG_STRUCT_INOUT, .type = ST_##t }
#define FAMILY { .kind = ARG_INT, .type = IN_FAMILY }
#define LEVEL { .kind = ARG_INT, .type = IN_LEVEL }
#define OPTNAME { .kind = ARG_INT, .type = IN_OPTION }
#define HOW { .kind = ARG_INT, .type = IN_HOW }
#define ADDRESS(n) { .kind = ARG_IN, .len = (n), .type = BY_ADDRESS }
#define ADDRESS_AT(n) { .kind = ARG_OUT_AT, .len = (n), .type = BY_ADDRESS }
#define OPTVAL(n) { .kind = ARG_IN, .len = (n), .type = BY_OPTION }
#define OPTVAL_AT(n) { .kind = ARG_OUT_AT, .len = (n), .type = BY_OPTION }
#define OUT_AT(n) { .kind = ARG_OUT_AT, .len = (n) }
#define MSG_IN { .kind = ARG_MSG_IN }
#define MSG_OUT { .kind = ARG_MSG_OUT }
#define MSGS_IN(n) { .kind = ARG_MSG_IN, .len = (n) }
#define MSGS_OUT(n) { .kind = ARG_MSG_OUT, .len = (n) }
#define PTR { .kind = ARG_PTR }
#define DEADLINE { .kind = ARG_PTR, .type = PT_DEADLINE }
#define MODIFIES T_MODIFIES
#define NOFOLLOW T_NOFOLLOW
#define RUNS T_RUNS
#define BOTH T_BOTH
#define LOCKS T_LOCKS
#define TRAITS (T_MODIFIES | T_NOFOLLOW | T_RUNS | T_BOTH | T_LOCKS)
/* clang-format on */

#define CALL(nr_wire, word, nr_x86, nr_arm, verd, kind, error, sets, reason,   \
	     ...)                                                              \
	{                                                                      \
		.id = nr_wire,                                                 \
		.verdict = verd,                                               \
		.ret = kind,                                                   \
		.classes = (sets) & ~TRAITS,                                   \
		.traits = (sets)&TRAITS,                                       \
		.nr_x86_64 = nr_x86,                                           \
		.nr_aarch64 = nr_arm,                                          \
		.err = error,                                                  \
		.name = #word,                                                 \
		.why = reason,                                                 \
		.arg = { __VA_ARGS__ },                                        \
	},
#define REQUEST(nr_wire, word, call, nr, verd, kind, sets, ...)                \
	{                                                                      \
		.id = nr_wire,                                                 \
		.verdict = verd,                                               \
		.ret = kind,                                                   \
		.classes = (sets) & ~TRAITS,                                   \
		.traits = (sets)&TRAITS,                                       \
		.nr_x86_64 = NO,                                               \
		.nr_aarch64 = NO,                                              \
		.name = word,                                                  \
		.of = call,                                                    \
		.request = nr,                                                 \
		.arg = { __VA_ARGS__ },                                        \
	},
#define VARIANT(nr_wire, word, call, nr, kind, sets, ...)                      \
	REQUEST(nr_wire, #word, #call, nr, V_BY_FD, kind, sets, __VA_ARGS__)
#define OPTION(nr_wire, word, call, nr, ...)                                   \
	REQUEST(nr_wire, #word, #call, nr, V_REMOTE, RET_INT, C_CREDS | BOTH,  \
		__VA_ARGS__)
const struct call call_table[] = {
#include "call/calls.def"
};
#undef CALL
#undef VARIANT
#undef OPTION
#undef REQUEST
const size_t call_count = ARRAY_SIZE(call_table);

#define ARG(n) (LEGACY_ARG + (n))
#define LEGACY(nr, word, target, ...) { nr, #word, #target, { __VA_ARGS__ } },
const struct legacy legacy_table[] = {
#include "call/legacy.def"
};
#undef LEGACY
const size_t legacy_count = ARRAY_SIZE(legacy_table);

_Static_assert(ARRAY_SIZE(call_table) * 2 <= NAMES, "room for names");

/* Rows by number and by name, plus one; 0 is no row. Filled once. */
static uint16_t call_index[NR_MAX];
static uint16_t name_index[NAMES];
static uint16_t legacy_index[NR_MAX];
static pthread_once_t index_once = PTHREAD_ONCE_INIT;

/* The slot of a row with that name, or the free one where it would be. */
static uint16_t *name_slot(const char *name)
{
	uint32_t hash = 2166136261u;
	const char *c;
	uint16_t *slot;

	for (c = name; *c; c++)
		hash = (hash ^ (unsigned char)*c) * 16777619u;
	do {
		slot = &name_index[hash++ % NAMES];
	} while (*slot && strcmp(call_table[*slot - 1].name, name));
	return slot;
}

static void index_fill(void)
{
	size_t i;
	int nr;

	for (i = 0; i < call_count; i++) {
		*name_slot(call_table[i].name) = i + 1;
		nr = ARCH_NR(&call_table[i]);
		if (nr >= 0 && nr < NR_MAX)
			call_index[nr] = i + 1;
	}
	for (i = 0; ARCH_HAS_LEGACY && i < legacy_count; i++)
		legacy_index[legacy_table[i].nr_x86_64] = i + 1;
}

const struct call *call_by_id(unsigned int id)
{
	/* Wire ids are sequential from 1, which check_table proves. */
	if (id < 1 || id > call_count)
		return NULL;
	return &call_table[id - 1];
}

int call_deadline(const struct call *call)
{
	for (int i = 0; i < CALL_ARGS; i++) {
		const struct arg *arg = &call->arg[i];

		if ((arg->kind == ARG_PTR && arg->type == PT_DEADLINE) ||
		    (arg->kind == ARG_STRUCT_IN && arg->type == ST_itimerspec))
			return i;
	}
	return -1;
}

const struct call *call_by_name(const char *name)
{
	uint16_t row;

	pthread_once(&index_once, index_fill);
	row = *name_slot(name);
	return row ? &call_table[row - 1] : NULL;
}

const struct call *call_by_nr(long nr)
{
	pthread_once(&index_once, index_fill);
	if (nr < 0 || nr >= NR_MAX || !call_index[nr])
		return NULL;
	return &call_table[call_index[nr] - 1];
}

const struct legacy *legacy_by_nr(long nr)
{
	pthread_once(&index_once, index_fill);
	if (nr < 0 || nr >= NR_MAX || !legacy_index[nr])
		return NULL;
	return &legacy_table[legacy_index[nr] - 1];
}

const struct call *call_by_request(const struct call *call, uint32_t request)
{
	size_t i;

	for (i = call_count; i > 0; i--)
		if (call_table[i - 1].of &&
		    call_table[i - 1].request == request &&
		    !strcmp(call_table[i - 1].of, call->name))
			return &call_table[i - 1];
	return NULL;
}

unsigned int call_request_arg(const struct call *call)
{
	return call->arg[0].kind == ARG_FD;
}

int call_nr(const struct call *call)
{
	return ARCH_NR(call->of ? call_by_name(call->of) : call);
}

bool call_follows(const struct call *call, const uint64_t *reg)
{
	bool set;
	int i;

	for (i = 0; i < CALL_ARGS; i++) {
		if (call->arg[i].link == LINK_NONE)
			continue;
		set = reg[i] & call->arg[i].bit;
		return call->arg[i].link == LINK_IF_SET ? set : !set;
	}
	return !(call->traits & T_NOFOLLOW);
}

unsigned int call_nargs(const struct call *call)
{
	unsigned int n = 0;

	while (n < CALL_ARGS && call->arg[n].kind != ARG_NONE)
		n++;
	return n;
}

/* FNV-1a, one number at a time so that byte order does not matter. */
static uint64_t hash_num(uint64_t hash, uint64_t num)
{
	int i;

	for (i = 0; i < 8; i++, num >>= 8)
		hash = (hash ^ (num & 0xff)) * UINT64_C(0x100000001b3);
	return hash;
}

static uint64_t hash_str(uint64_t hash, const char *str)
{
	do
		hash = hash_num(hash, (unsigned char)*str);
	while (*str++);
	return hash;
}

static uint64_t hash_call(uint64_t hash, const struct call *call)
{
	int i;

	hash = hash_str(hash_num(hash, call->id), call->name);
	hash = hash_num(hash_num(hash, call->verdict), call->ret);
	hash = hash_num(hash, call->request);
	for (i = 0; i < CALL_ARGS; i++) {
		hash = hash_num(hash, call->arg[i].kind);
		hash = hash_num(hash, call->arg[i].len);
		hash = hash_num(hash, call->arg[i].type);
	}
	return hash;
}

/* Integers of any width travel alike; only the width of bytes is wire. */
static uint64_t hash_struct(uint64_t hash, const struct struct_info *info)
{
	const struct field *field = info->field;
	const struct field *end = field + info->nfields;

	hash = hash_num(hash_str(hash, info->name), info->nfields);
	for (; field < end; field++) {
		hash = hash_num(hash, field->bytes ? field->size : 0);
		hash = hash_num(hash, field->is_signed);
		hash = hash_num(hash, field->set);
	}
	return hash;
}

uint64_t call_digest(void)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);
	size_t i;

	for (i = 0; i < call_count; i++)
		hash = hash_call(hash, &call_table[i]);
	for (i = ST_NONE + 1; i < ST_COUNT; i++)
		hash = hash_struct(hash, &struct_table[i]);
	return hash;
}

const char *call_protocol(void)
{
	static char word[40];

	snprintf(word, sizeof(word), "%d-%016llx", WIRE_VERSION,
		 (unsigned long long)call_digest());
	return word;
}
