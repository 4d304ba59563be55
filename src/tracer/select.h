/*
 * Sets of calls as strace(1) writes them: `[!]...name,?name,%class,/regex`,
 * `all`, `none`, numbers, `name@64`.
 *
 * A name stands for its family: x86_64's elders and the later editions of a
 * call mean one thing, so `open` is open, creat, openat and openat2. Families
 * follow from legacy.def and from the names themselves.
 */
#ifndef RSC_SELECT_H
#define RSC_SELECT_H

#include <stdbool.h>
#include <stddef.h>

#include "call/call.h"

#define SELECT_IDS (UINT16_MAX + 1)

/*
 * Sets set[id] for every row that spec names and clears the others; set has
 * SELECT_IDS items. With forwarded only rows that can be forwarded are set, and
 * to name another one is an error. 0, or -EINVAL with err filled (a sentence
 * that names the word and says what to do), or -ENOMEM.
 */
int select_calls(bool *set, const char *spec, bool forwarded, char *err,
		 size_t errlen);
/* True when the row can be forwarded at all. */
bool select_can_forward(const struct call *call);

#endif
