/*
 * What belongs to a program's memory: shared by what CLONE_VM makes (threads
 * and the child of a vfork), copied by fork, replaced by exec.
 */
#ifndef RSC_PROGRAM_H
#define RSC_PROGRAM_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tracer/running.h"
#include "tracer/scratch.h"

struct program {
	unsigned int refs;
	uint64_t loader_lo; /* text of this machine's PT_INTERP */
	uint64_t loader_hi;
	char *exe;	    /* owned: the server's name of it; NULL: local */
	char *script;	    /* owned: the local script that is run by it */
	char *script_given; /* owned: the same as the program names it */
	struct running_file *running; /* a reference: that file, or NULL */
	struct scratch_area *area;    /* owned: memory in it, the tracer's */
	unsigned int nareas;
	bool hidden; /* PR_SET_DUMPABLE, 0: the tracer may not be blind */
};

/* One with one reference, or NULL. */
struct program *program_new(void);
struct program *program_ref(struct program *program);
/* As fork makes it, or NULL. */
struct program *program_copy(const struct program *program);
void program_unref(struct program *program);

#endif
