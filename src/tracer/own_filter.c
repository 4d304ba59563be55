/* The program's own seccomp filters. */
#include "tracer/own_filter.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "base/log.h"
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

/* SECCOMP_MODE_STRICT: four calls, none of which is put in. */
static struct own_filter *strict(void)
{
	struct own_filter *filter =
		calloc(1, sizeof(*filter) + sizeof(filter->code[0]));

	if (filter) {
		filter->len = 1;
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
	}
}

static bool is_prctl(const struct tracee *t)
{
	return !strcmp(t->call->name, "prctl");
}

static bool is_strict(const struct tracee *t)
{
	return is_prctl(t) ? t->arg[1] == SECCOMP_MODE_STRICT :
			     t->arg[0] == SECCOMP_SET_MODE_STRICT;
}

static void installed(struct run *run, struct tracee *t)
{
	uint64_t flags = is_prctl(t) ? 0 : t->arg[1];
	struct own_filter *filter;

	/* A thread that cannot be synchronised is named by its number. */
	if (t->regs.ret == 0 ||
	    (t->regs.ret > 0 && flags & SECCOMP_FILTER_FLAG_NEW_LISTENER)) {
		filter = is_strict(t) ? strict() : copy(t, t->arg[2]);
		if (!filter)
			filter = strict();
		if (filter)
			install(t, filter);
		if (flags & SECCOMP_FILTER_FLAG_TSYNC)
			synchronise(run, t);
	}
	finish_exit(run, t, t->regs.ret);
}

void hook_seccomp(struct run *run, struct tracee *t)
{
	if (!is_prctl(t) && t->arg[0] != SECCOMP_SET_MODE_STRICT &&
	    t->arg[0] != SECCOMP_SET_MODE_FILTER)
		let_go(run, t);
	else
		let_go_then(run, t, installed);
}
