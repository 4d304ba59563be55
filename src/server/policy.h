/*
 * What the server must know of a row beyond the table: whether it changes
 * something, whether it follows a link at the end, and which split rows may
 * run here.
 */
#ifndef RSC_POLICY_H
#define RSC_POLICY_H

#include "call/call.h"

enum policy_bits {
	P_MODIFIES = 1,		/* EROFS for a --read-only server */
	P_NOFOLLOW = 2,		/* never follows a link at the end of a path */
	P_FOLLOW_BIT = 4,	/* follows only when .bit is in argument .flags */
	P_NOFOLLOW_BIT = 8,	/* does not follow when .bit is in .flags */
	P_SPLIT = 16,		/* a split row that may run here */
};

struct policy {
	const char *name;
	uint8_t bits;		/* enum policy_bits */
	uint8_t flags;		/* index of the flags argument */
	uint32_t bit;
};

/* The policy of a row; one without any bits where nothing is special. */
const struct policy *policy_of(const struct call *call);

#endif
