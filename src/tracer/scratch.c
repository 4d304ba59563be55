/* Memory in the program that is the tracer's. */
#include "tracer/scratch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>

#include "tracer/memory.h"
#include "tracer/tracee.h"

#define AREA_MIN (64u << 10)

uint64_t scratch_addr(const struct tracee *t)
{
	return t->program->area[t->scratch.area].addr;
}

void scratch_drop(struct tracee *t)
{
	if (t->scratch.area >= 0 && t->program)
		t->program->area[t->scratch.area].used = false;
	t->scratch.area = -1;
}

void scratch_end(struct tracee *t)
{
	int64_t ret = t->regs.ret;

	arch_put_args(t->pid, t->scratch.regs.arg);
	arch_set_ret(t->pid, ret);
	t->regs = t->scratch.regs;
	t->regs.ret = ret;
	scratch_drop(t);
}

/*
 * Is it still there? The program may have unmapped it; and another thread's may
 * have come between a fork and the word of it.
 */
static bool is_there(const struct tracee *t, const struct scratch_area *area)
{
	char byte;

	return !memory_read(t->pid, area->addr, &byte, 1) &&
	       !memory_read(t->pid, area->addr + area->len - 1, &byte, 1);
}

/* A free area that is large enough, or -1. */
static int find_area(const struct tracee *t, size_t size)
{
	struct program *program = t->program;

	for (int i = 0; i < (int)program->nareas; i++) {
		struct scratch_area *area = &program->area[i];

		if (area->used || !area->addr || area->len < size)
			continue;
		if (is_there(t, area))
			return i;
		area->addr = 0;
	}
	return -1;
}

/* A new one in use, without an address; -1: out of memory. */
static int add_area(struct program *program, size_t size)
{
	unsigned int n = program->nareas;
	struct scratch_area *more;

	more = realloc(program->area, (n + 1) * sizeof(*more));
	if (!more)
		return -1;
	program->area = more;
	more[n] = (struct scratch_area){
		0, ((size < AREA_MIN ? AREA_MIN : size) + 4095) & ~(size_t)4095,
		true
	};
	program->nareas++;
	return (int)n;
}

static void again(struct run *run, struct tracee *t)
{
	struct regs regs;

	if (arch_get(t->pid, &regs))
		return;
	if (regs.nr != t->scratch.regs.nr || regs.pc != t->scratch.regs.pc ||
	    memcmp(regs.arg, t->scratch.regs.arg, sizeof(regs.arg))) {
		scratch_drop(t);
		if (t->scratch.lost)
			t->scratch.lost(run, t);
		stop_seccomp(run, t);
		return;
	}
	t->regs = regs;
	t->scratch.ready(run, t);
}

static void mapped(struct run *run, struct tracee *t)
{
	int64_t ret = t->regs.ret;

	if (ret < 0) {
		t->regs.ret = -ENOMEM;
		scratch_end(t);
		if (t->scratch.lost)
			t->scratch.lost(run, t);
		finish_exit(run, t, -ENOMEM);
		return;
	}
	t->program->area[t->scratch.area].addr = (uint64_t)ret;
	arch_put_args(t->pid, t->scratch.regs.arg);
	arch_wait_again(t->pid, &t->scratch.regs);
	t->regs = t->scratch.regs;
	t->state = T_RUNNING;
	t->rejoin = true;
	t->then = again;
	ptrace(PTRACE_CONT, t->pid, 0, 0);
}

bool scratch_again(const struct tracee *t)
{
	return t->rejoin && t->then == again;
}

void scratch_get(struct run *run, struct tracee *t, size_t size,
		 void (*ready)(struct run *run, struct tracee *t),
		 void (*lost)(struct run *run, struct tracee *t))
{
	uint64_t arg[CALL_ARGS] = { 0,
				    0,
				    PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS,
				    (uint64_t)-1,
				    0 };
	struct scratch *s = &t->scratch;

	s->regs = t->regs;
	s->size = size;
	s->ready = ready;
	s->lost = lost;
	s->area = find_area(t, size);
	if (s->area >= 0) {
		t->program->area[s->area].used = true;
		ready(run, t);
		return;
	}
	s->area = add_area(t->program, size);
	if (s->area < 0) {
		if (lost)
			lost(run, t);
		finish_skip(run, t, -ENOMEM);
		return;
	}
	arg[1] = t->program->area[s->area].len;
	if (!arch_put_call(t->pid, SYS_mmap, arg))
		let_go_then(run, t, mapped);
}

void scratch_call(struct run *run, struct tracee *t, long nr,
		  const uint64_t *arg,
		  void (*then)(struct run *run, struct tracee *t))
{
	if (!arch_put_call(t->pid, nr, arg))
		let_go_then(run, t, then);
}
