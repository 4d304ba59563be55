/* waitid by a pidfd, which is ready before the child can be waited for. */
#include "tracer/hooks.h"

/*
 * A dead child is its tracer's first, and its parent's when the tracer has
 * taken note; but its pidfd says at once that it is dead (pidfd_open(2)).
 */
void hook_waitid(struct run *run, struct tracee *t)
{
	take_deaths(run);
	let_go(run, t);
}
