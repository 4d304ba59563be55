/*
 * The program's own seccomp filters (seccomp(2)). The kernel asks them about
 * every call, also about those that the tracer puts in: so it asks them first.
 */
#ifndef RSC_OWN_FILTER_H
#define RSC_OWN_FILTER_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stdint.h>

struct regs;
struct run;
struct tracee;

struct own_filter {
	unsigned int refs;
	struct own_filter *older; /* a reference, or NULL */
	unsigned int len;
	bool strict; /* stands for SECCOMP_MODE_STRICT */
	struct sock_filter code[];
};

struct own_filter *own_filter_ref(struct own_filter *filter);
void own_filter_unref(struct own_filter *filter);
/* True when all of them let call nr pass with these registers. */
bool own_filter_allows(const struct own_filter *filter, long nr,
		       const struct regs *regs);

/*
 * True when t is in strict mode and its call is none that it has: t is being
 * killed.
 */
bool own_filter_kills(struct tracee *t);

/* prctl(PR_SET_SECCOMP, ...) and seccomp(2): what is installed is copied. */
void hook_seccomp(struct run *run, struct tracee *t);

#endif
