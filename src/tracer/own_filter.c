/* The program's own seccomp filters. */
#include "tracer/own_filter.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "base/status.h"
#include "tracer/memory.h"
#include "tracer/tracee.h"

struct own_filter *own_filter_ref(struct own_filter *filter)
{
	if (filter)
		filter->refs++;
	return filter;
}

void own_filter_unref(struct own_filter *filter)
{
	struct own_filter *older;

	for (; filter && !--filter->refs; filter = older) {
		older = filter->older;
		free(filter);
	}
}

/* ---- asking: the classic BPF that seccomp takes (linux/filter.h) ---- */

struct machine {
	uint32_t acc;
	uint32_t index;
	uint32_t mem[BPF_MEMWORDS];
};

static uint32_t compute(uint16_t op, uint32_t a, uint32_t b)
{
	switch (op) {
	case BPF_ADD:
		return a + b;
	case BPF_SUB:
		return a - b;
	case BPF_MUL:
		return a * b;
	case BPF_DIV:
		return b ? a / b : 0;
	case BPF_OR:
		return a | b;
	case BPF_AND:
		return a & b;
	case BPF_LSH:
		return b < 32 ? a << b : 0;
	case BPF_RSH:
		return b < 32 ? a >> b : 0;
	case BPF_XOR:
		return a ^ b;
	default: /* BPF_NEG */
		return -a;
	}
}

static bool jumps(uint16_t op, uint32_t a, uint32_t b)
{
	switch (op) {
	case BPF_JEQ:
		return a == b;
	case BPF_JGT:
		return a > b;
	case BPF_JGE:
		return a >= b;
	default: /* BPF_JSET */
		return a & b;
	}
}

static uint32_t load(const struct machine *m, const struct sock_filter *in,
		     const struct seccomp_data *data)
{
	uint32_t value = 0;

	switch (BPF_MODE(in->code)) {
	case BPF_ABS:
		if (in->k <= sizeof(*data) - sizeof(value))
			memcpy(&value, (const char *)data + in->k,
			       sizeof(value));
		return value;
	case BPF_LEN:
		return sizeof(*data);
	case BPF_MEM:
		return in->k < BPF_MEMWORDS ? m->mem[in->k] : 0;
	default: /* BPF_IMM */
		return in->k;
	}
}

/*
 * What one filter says. The kernel has checked that it ends and jumps forward
 * within itself; a copy that does not says no.
 */
static uint32_t ask_one(const struct own_filter *filter,
			const struct seccomp_data *data)
{
	struct machine m = { 0 };

	for (size_t pc = 0; pc < filter->len; pc++) {
		const struct sock_filter *in = &filter->code[pc];
		uint32_t b = BPF_SRC(in->code) == BPF_X ? m.index : in->k;

		switch (BPF_CLASS(in->code)) {
		case BPF_LD:
			m.acc = load(&m, in, data);
			break;
		case BPF_LDX:
			m.index = load(&m, in, data);
			break;
		case BPF_ST:
		case BPF_STX:
			if (in->k < BPF_MEMWORDS)
				m.mem[in->k] = BPF_CLASS(in->code) == BPF_ST ?
						       m.acc :
						       m.index;
			break;
		case BPF_ALU:
			m.acc = compute(BPF_OP(in->code), m.acc, b);
			break;
		case BPF_JMP:
			if (BPF_OP(in->code) == BPF_JA)
				pc += in->k;
			else
				pc += jumps(BPF_OP(in->code), m.acc, b) ?
					      in->jt :
					      in->jf;
			break;
		case BPF_RET:
			return BPF_RVAL(in->code) == BPF_A ? m.acc : in->k;
		default: /* BPF_MISC */
			if (BPF_MISCOP(in->code) == BPF_TAX)
				m.index = m.acc;
			else
				m.acc = m.index;
		}
	}
	return SECCOMP_RET_KILL_PROCESS;
}

bool own_filter_allows(const struct own_filter *filter, long nr,
		       const struct regs *regs)
{
	struct seccomp_data data = {
		.nr = (int)nr,
		.arch = ARCH_AUDIT,
		.instruction_pointer = regs->pc,
	};
	uint32_t action;

	memcpy(data.args, regs->arg, sizeof(data.args));
	for (; filter; filter = filter->older) {
		action = ask_one(filter, &data) & SECCOMP_RET_ACTION_FULL;
		if (action != SECCOMP_RET_ALLOW && action != SECCOMP_RET_LOG)
			return false;
	}
	return true;
}

/* ---- copying ---- */

/* A copy that lets nothing pass: none of what strict mode has is put in. */
static struct own_filter *nothing(bool is_strict)
{
	struct own_filter *filter =
		calloc(1, sizeof(*filter) + sizeof(filter->code[0]));

	if (filter) {
		filter->len = 1;
		filter->strict = is_strict;
		filter->code[0] =
			(struct sock_filter)BPF_STMT(BPF_RET | BPF_K,
						     SECCOMP_RET_KILL_PROCESS);
	}
	return filter;
}

static struct own_filter *copy(struct tracee *t, uint64_t addr)
{
	struct own_filter *filter;
	struct sock_fprog prog;
	size_t size;

	if (memory_read(t->pid, addr, &prog, sizeof(prog)))
		return NULL;
	size = prog.len * sizeof(filter->code[0]);
	filter = calloc(1, sizeof(*filter) + size);
	if (!filter)
		return NULL;
	filter->len = prog.len;
	if (memory_read(t->pid, (uintptr_t)prog.filter, filter->code, size)) {
		free(filter);
		return NULL;
	}
	return filter;
}

/* Takes over a reference. */
static void install(struct tracee *t, struct own_filter *filter)
{
	filter->refs++;
	filter->older = t->own_filter;
	t->own_filter = filter;
}

/* With SECCOMP_FILTER_FLAG_TSYNC the other threads have what t has. */
static void synchronise(struct run *run, const struct tracee *t)
{
	for (struct tracee *o = run->tracees; o; o = o->by_pid.next) {
		if (o == t || o->tgid != t->tgid)
			continue;
		own_filter_unref(o->own_filter);
		o->own_filter = own_filter_ref(t->own_filter);
		o->no_new_privs |= t->no_new_privs;
	}
}

static bool is_prctl(const struct tracee *t)
{
	return !strcmp(t->call->name, "prctl");
}

static void installed(struct run *run, struct tracee *t)
{
	uint64_t flags = is_prctl(t) ? 0 : t->arg[1];
	struct own_filter *filter;

	/* A thread that cannot be synchronised is named by its number. */
	if (t->regs.ret == 0 ||
	    (t->regs.ret > 0 && flags & SECCOMP_FILTER_FLAG_NEW_LISTENER)) {
		filter = copy(t, t->arg[2]);
		if (!filter)
			filter = nothing(false);
		if (filter)
			install(t, filter);
		if (flags & SECCOMP_FILTER_FLAG_TSYNC)
			synchronise(run, t);
	}
	finish_exit(run, t, t->regs.ret);
}

/* ---- strict mode, which this kernel has for threads without a filter ---- */

#define NR_OFFSET offsetof(struct seccomp_data, nr)
#define HAS(call)                                                              \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1),                       \
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

/* seccomp(2): what is none of these stops, and own_filter_kills() sees it. */
static const struct sock_filter strict_code[] = {
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, NR_OFFSET),
	HAS(SYS_read),
	HAS(SYS_write),
	HAS(SYS_exit),
	HAS(SYS_rt_sigreturn),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE),
};

static const long strict_calls[] = { SYS_read, SYS_write, SYS_exit,
				     SYS_rt_sigreturn };

bool own_filter_kills(struct tracee *t)
{
	if (!t->own_filter || !t->own_filter->strict)
		return false;
	for (size_t i = 0; i < sizeof(strict_calls) / sizeof(long); i++)
		if (strict_calls[i] == t->regs.nr)
			return false;
	kill(t->pid, SIGKILL);
	return true;
}

static void made_strict(struct run *run, struct tracee *t)
{
	struct own_filter *filter;

	scratch_end(t);
	filter = t->regs.ret ? NULL : nothing(true);
	if (filter)
		install(t, filter);
	finish_exit(run, t, t->regs.ret);
}

static void put_strict(struct run *run, struct tracee *t)
{
	uint64_t addr = scratch_addr(t);
	uint64_t arg[CALL_ARGS] = { SECCOMP_SET_MODE_FILTER, 0, addr };
	struct sock_fprog prog = {
		sizeof(strict_code) / sizeof(*strict_code),
		(void *)(uintptr_t)(addr + sizeof(prog)),
	};

	if (memory_write(t->pid, addr, &prog, sizeof(prog)) ||
	    memory_write(t->pid, addr + sizeof(prog), strict_code,
			 sizeof(strict_code))) {
		scratch_drop(t);
		finish_skip(run, t, -EFAULT);
		return;
	}
	scratch_call(run, t, SYS_seccomp, arg, made_strict);
}

static void set_strict(struct run *run, struct tracee *t)
{
	if (t->own_filter)
		finish_skip(run, t, -EINVAL);
	else
		scratch_get(run, t,
			    sizeof(struct sock_fprog) + sizeof(strict_code),
			    put_strict, NULL);
}

/*
 * prctl(2), seccomp(2): who gets no new privileges may, and who has them. The
 * kernel looks at the program first. 0 or -errno.
 */
static int may_filter(const struct tracee *t)
{
	struct sock_fprog prog;

	if (t->no_new_privs || status_capable(t->pid, CAP_SYS_ADMIN))
		return 0;
	if (memory_read(t->pid, t->arg[2], &prog, sizeof(prog)))
		return -EFAULT;
	return prog.len && prog.len <= BPF_MAXINSNS ? -EACCES : -EINVAL;
}

void hook_seccomp(struct run *run, struct tracee *t)
{
	uint64_t mode = t->arg[is_prctl(t) ? 1 : 0];

	if (is_prctl(t) ?
		    mode == SECCOMP_MODE_STRICT :
		    mode == SECCOMP_SET_MODE_STRICT && !t->arg[1] && !t->arg[2])
		set_strict(run, t);
	else if (mode !=
		 (is_prctl(t) ? SECCOMP_MODE_FILTER : SECCOMP_SET_MODE_FILTER))
		let_go(run, t);
	else if (may_filter(t))
		finish_skip(run, t, may_filter(t));
	else
		let_go_then(run, t, installed);
}
