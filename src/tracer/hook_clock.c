/* Clocks: real time is the server's, the others are this kernel's. */
#include <time.h>

#include "tracer/hooks.h"
#include "tracer/vdso.h"

void hook_clock(struct run *run, struct tracee *t)
{
	if (run->selected[t->call->id] && clock_is_remote((int)t->arg[0]))
		forward(run, t);
	else
		let_go(run, t);
}
