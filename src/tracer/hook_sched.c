/* Calls that see or change where a thread may run: place.c must not show. */
#include "tracer/hooks.h"

void hook_sched(struct run *run, struct tracee *t)
{
	place_release(&run->place);
	by_pid(run, t);
}
