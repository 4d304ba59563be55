/*
 * The seccomp filter: which calls stop.
 *
 * A call stops when it is selected, refused, or may concern a remote
 * descriptor; a number without a row stops too and is ENOSYS. Arguments narrow
 * that: what a rule lets through runs at native speed. The kernel compares all
 * 64 bits of an argument of which a call uses 32, so garbage in the upper half
 * costs a stop and never lets anything through.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tracer/tracee.h"
#include "tracer/vdso.h"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#define CLOCKS_MAX 16 /* clocks with a name: linux/time.h */

/* AT_FDCWD as 32-bit and as 64-bit code passes it. */
#define CWD_32 0xffffff9cull
#define CWD_64 0xffffffffffffff9cull

/* A number of the kernel's table, and the row that it is. */
struct number {
	int nr;
	const struct call *call;
	const struct legacy *old; /* NULL: its arguments are the row's */
};

/* Requirements on arguments, all of which must hold. */
struct rule {
	struct scmp_arg_cmp cmp[CALL_ARGS];
	unsigned int n;
};

/* Calls that hand descriptors over in memory: never let through by number. */
static const char *const carriers[] = { "sendmsg", "recvmsg", "sendmmsg",
					"recvmmsg" };

/* Descriptors in arguments that are no FD of the row: they are replaced. */
static const struct {
	const char *name;
	unsigned int arg;
} targets[] = {
	{ "dup2", 1 },
	{ "dup3", 1 },
	{ "close_range", 1 },
};

static bool is_descriptor(const struct call *call, unsigned int i)
{
	return call->arg[i].kind == ARG_FD || call->arg[i].kind == ARG_DIRFD;
}

/* Where the caller has argument i of the row, or -1: a constant. */
static int position(const struct number *n, unsigned int i)
{
	if (!n->old)
		return (int)i;
	return n->old->arg[i] >= LEGACY_ARG ? n->old->arg[i] - LEGACY_ARG : -1;
}

static bool takes_fd(const struct number *n)
{
	for (unsigned int i = 0; i < CALL_ARGS; i++)
		if (is_descriptor(n->call, i) && position(n, i) >= 0)
			return true;
	return false;
}

/*
 * Split calls that have to be seen whatever is selected: they change which
 * descriptors, processes and mappings there are.
 */
static bool is_watched(const struct call *call)
{
	if (call->classes & (C_PROCESS | C_MEMORY))
		return true;
	return (call->classes & C_DESC) &&
	       !(call->classes & (C_NETWORK | C_CLOCK));
}

/*
 * Sockets are remote when socket(2) is selected; those that hand descriptors
 * over are watched in any case.
 */
static bool may_be_remote(const struct run *run, const struct call *call)
{
	if (!(call->classes & C_NETWORK) || call->verdict == V_REFUSED ||
	    run->selected[call_by_name("socket")->id])
		return true;
	for (size_t k = 0; k < ARRAY_SIZE(carriers); k++)
		if (!strcmp(carriers[k], call->name))
			return true;
	return false;
}

static bool stops(const struct run *run, const struct number *n)
{
	bool selected = run->selected[n->call->id];

	if (!may_be_remote(run, n->call))
		return false;
	if (call_deadline(n->call) >= 0)
		return run->selected[call_by_name("clock_gettime")->id];
	switch ((enum verdict)n->call->verdict) {
	case V_LOCAL:
		return hook_of(n->call) != NULL;
	case V_BY_PID:
		return selected || hook_of(n->call) != NULL;
	case V_REFUSED:
	case V_BY_FD:
		return true;
	case V_REMOTE:
		return selected;
	case V_BY_PATH:
		return selected || takes_fd(n);
	case V_SPLIT:
		return hook_of(n->call) &&
		       (selected || takes_fd(n) || is_watched(n->call));
	}
	return true;
}

bool filter_stops(const struct run *run, const struct call *call)
{
	struct number n = { call_nr(call), call, NULL };

	return stops(run, &n);
}

static int allow(scmp_filter_ctx ctx, const struct number *n,
		 const struct rule *rule)
{
	return seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, n->nr, rule->n,
				      rule->cmp);
}

static void require(struct rule *rule, unsigned int arg, enum scmp_compare op,
		    uint64_t a, uint64_t b)
{
	rule->cmp[rule->n++] = (struct scmp_arg_cmp){ arg, op, a, b };
}

/* A path call that is not selected stops for a directory's descriptor only. */
static int allow_cwd(scmp_filter_ctx ctx, const struct run *run,
		     const struct number *n)
{
	static const uint64_t cwd[] = { CWD_32, CWD_64 };
	int err = 0;

	if (n->call->verdict != V_BY_PATH || run->selected[n->call->id])
		return 0;
	for (size_t k = 0; !err && k < ARRAY_SIZE(cwd); k++) {
		struct rule rule = { .n = 0 };

		for (unsigned int i = 0; i < CALL_ARGS; i++) {
			if (n->call->arg[i].kind == ARG_FD)
				return 0;
			if (n->call->arg[i].kind == ARG_DIRFD &&
			    position(n, i) >= 0)
				require(&rule, (unsigned int)position(n, i),
					SCMP_CMP_EQ, cwd[k], 0);
		}
		err = allow(ctx, n, &rule);
	}
	return err;
}

/* --fds=high: remote descriptors begin at FDS_HIGH. */
static int allow_low(scmp_filter_ctx ctx, const struct run *run,
		     const struct number *n)
{
	const struct call *call = n->call;
	struct rule rule = { .n = 0 };

	if (!run->fds_high || call->verdict == V_REFUSED ||
	    (call->verdict == V_BY_PATH && run->selected[call->id]))
		return 0;
	for (size_t k = 0; k < ARRAY_SIZE(carriers); k++)
		if (!strcmp(carriers[k], call->name))
			return 0;
	for (unsigned int i = 0; i < CALL_ARGS; i++)
		if (is_descriptor(call, i) && position(n, i) >= 0)
			require(&rule, (unsigned int)position(n, i),
				SCMP_CMP_LT, FDS_HIGH, 0);
	for (size_t k = 0; k < ARRAY_SIZE(targets); k++)
		if (!strcmp(targets[k].name, call->name))
			require(&rule, targets[k].arg, SCMP_CMP_LT, FDS_HIGH,
				0);
	return rule.n ? allow(ctx, n, &rule) : 0;
}

/* A call on the caller itself is made here, and nobody has to be asked. */
static int allow_self(scmp_filter_ctx ctx, const struct number *n)
{
	struct rule rule = { .n = 0 };

	if (n->call->verdict != V_BY_PID || hook_of(n->call))
		return 0;
	for (unsigned int i = 0; i < CALL_ARGS; i++) {
		if (n->call->arg[i].kind != ARG_INT ||
		    n->call->arg[i].type < IN_PID)
			continue;
		require(&rule, i, SCMP_CMP_EQ, 0, 0);
		return allow(ctx, n, &rule);
	}
	return 0;
}

/* What waits for no real time. */
static int allow_futex(scmp_filter_ctx ctx, const struct number *n)
{
	int err = 0;

	for (uint64_t op = 0; !err && op <= FUTEX_LOCK_PI2; op++) {
		struct rule rule = { .n = 0 };

		if (op == FUTEX_LOCK_PI)
			continue;
		require(&rule, 1, SCMP_CMP_MASKED_EQ,
			FUTEX_CLOCK_REALTIME | (uint32_t)~FUTEX_PRIVATE_FLAG,
			op);
		err = allow(ctx, n, &rule);
	}
	return err;
}

/* All but MADV_REMOVE. */
static int allow_advice(scmp_filter_ctx ctx, const struct number *n,
			unsigned int arg)
{
	struct rule less = { .n = 0 };
	struct rule more = { .n = 0 };
	int err;

	require(&less, arg, SCMP_CMP_LT, MADV_REMOVE, 0);
	require(&more, arg, SCMP_CMP_GT, MADV_REMOVE, 0);
	err = allow(ctx, n, &less);
	return err ? err : allow(ctx, n, &more);
}

/* Memory of no file, or that keeps its bytes; clocks of this kernel. */
static int allow_local_forms(scmp_filter_ctx ctx, const struct number *n)
{
	struct rule rule = { .n = 0 };
	int err = 0;

	if (!strcmp(n->call->name, "mmap")) {
		require(&rule, 3, SCMP_CMP_MASKED_EQ, MAP_ANONYMOUS,
			MAP_ANONYMOUS);
		return allow(ctx, n, &rule);
	}
	if (!strcmp(n->call->name, "madvise"))
		return allow_advice(ctx, n, 2);
	if (!strcmp(n->call->name, "process_madvise"))
		return allow_advice(ctx, n, 3);
	if (!strcmp(n->call->name, "clock_nanosleep")) {
		require(&rule, 1, SCMP_CMP_MASKED_EQ, TIMER_ABSTIME, 0);
		return allow(ctx, n, &rule);
	}
	if (!strcmp(n->call->name, "futex"))
		return allow_futex(ctx, n);
	if (!strcmp(n->call->name, "waitid")) {
		require(&rule, 0, SCMP_CMP_LT, P_PIDFD, 0);
		return allow(ctx, n, &rule);
	}
	if (strcmp(n->call->name, "clock_gettime") &&
	    strcmp(n->call->name, "clock_getres"))
		return 0;
	for (int clock = 0; !err && clock < CLOCKS_MAX; clock++) {
		if (clock_is_remote(clock))
			continue;
		rule.n = 0;
		require(&rule, 0, SCMP_CMP_EQ, (uint64_t)clock, 0);
		err = allow(ctx, n, &rule);
	}
	return err;
}

static int add_number(scmp_filter_ctx ctx, const struct run *run,
		      const struct number *n)
{
	static const struct rule always;
	int err;

	if (!stops(run, n))
		return allow(ctx, n, &always);
	err = allow_cwd(ctx, run, n);
	if (!err)
		err = allow_low(ctx, run, n);
	if (!err)
		err = allow_self(ctx, n);
	if (!err)
		err = allow_local_forms(ctx, n);
	return err;
}

static int add_numbers(scmp_filter_ctx ctx, const struct run *run)
{
	int err = 0;

	for (size_t k = 0; !err && k < call_count; k++) {
		struct number n = { call_nr(&call_table[k]), &call_table[k],
				    NULL };

		if (n.nr >= 0 && !n.call->of)
			err = add_number(ctx, run, &n);
	}
	for (size_t k = 0; ARCH_HAS_LEGACY && !err && k < legacy_count; k++) {
		struct number n = { legacy_table[k].nr_x86_64,
				    call_by_name(legacy_table[k].to),
				    &legacy_table[k] };

		err = add_number(ctx, run, &n);
	}
	return err;
}

static int build(const struct run *run, scmp_filter_ctx *out)
{
	scmp_filter_ctx ctx;
	int err;

	ctx = seccomp_init(SCMP_ACT_TRACE(0));
	if (!ctx)
		return -ENOMEM;
	err = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH,
			       SCMP_ACT_ERRNO(ENOSYS));
	if (!err)
		err = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (!err)
		err = add_numbers(ctx, run);
	if (!err)
		err = seccomp_rule_add(ctx, SCMP_ACT_NOTIFY, PLACE_NR, 0);
	if (err)
		seccomp_release(ctx);
	else
		*out = ctx;
	return err;
}

int filter_export(const struct run *run, int fd)
{
	scmp_filter_ctx ctx;
	int err;

	err = build(run, &ctx);
	if (err)
		return err;
	err = seccomp_export_bpf(ctx, fd);
	seccomp_release(ctx);
	return err;
}

static int install(struct sock_fprog *prog)
{
	unsigned int flags = SECCOMP_FILTER_FLAG_NEW_LISTENER |
			     SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
	long fd;

	fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, prog);
	if (fd < 0 && errno == EACCES &&
	    !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, prog);
	if (fd < 0)
		return -errno;
	placeholder_listener = (int)fd;
	return 0;
}

/*
 * As seccomp_load(3), but a received notification is not interrupted, and
 * no_new_privs is set only where the kernel asks for it.
 */
int filter_load(const struct run *run)
{
	struct sock_fprog prog;
	struct stat st;
	void *code;
	int err;
	int fd;

	fd = memfd_create("filter", MFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	err = filter_export(run, fd);
	if (!err && fstat(fd, &st))
		err = -errno;
	code = err ? MAP_FAILED :
		     mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd,
			  0);
	if (!err && code == MAP_FAILED)
		err = -errno;
	close(fd);
	if (err)
		return err;
	prog.len = (unsigned short)((size_t)st.st_size /
				    sizeof(struct sock_filter));
	prog.filter = code;
	err = install(&prog);
	munmap(code, (size_t)st.st_size);
	return err;
}
