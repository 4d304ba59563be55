/*
 * Memory in the program that is the tracer's, for what an argument of a call
 * that is put in points to. It is made by an mmap before the call, once for a
 * program, and stays.
 */
#ifndef RSC_SCRATCH_H
#define RSC_SCRATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arch/arch.h"

struct run;
struct tracee;

struct scratch_area {
	uint64_t addr;
	size_t len;
	bool used;
};

/* A tracee's use of an area. */
struct scratch {
	struct regs regs; /* of its call */
	size_t size;
	int area; /* of its program; -1: none */
	void (*ready)(struct run *run, struct tracee *t);
	void (*lost)(struct run *run, struct tracee *t);
};

/*
 * At the seccomp stop of a call: calls ready at this stop, or at that of the
 * same call made once more, when t has size bytes at scratch_addr(). A signal's
 * handler may make another call first: then lost is called, and that call is
 * treated as any other. Fails the call when there is no memory.
 */
void scratch_get(struct run *run, struct tracee *t, size_t size,
		 void (*ready)(struct run *run, struct tracee *t),
		 void (*lost)(struct run *run, struct tracee *t));
/* Is t's call to be made once more? */
bool scratch_again(const struct tracee *t);
uint64_t scratch_addr(const struct tracee *t);
/* Makes the canonical call nr with arg, whose exit stop calls then. */
void scratch_call(struct run *run, struct tracee *t, long nr,
		  const uint64_t *arg,
		  void (*then)(struct run *run, struct tracee *t));
/*
 * At that exit stop: the program's registers are as if it had made its own
 * call. The area is free.
 */
void scratch_end(struct tracee *t);
/* The same without the tracee: it has executed another program, or is dead. */
void scratch_drop(struct tracee *t);

#endif
