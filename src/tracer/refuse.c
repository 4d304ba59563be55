/* Calls that are neither carried out nor local: they are counted and named. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "tracer/print.h"
#include "tracer/tracee.h"

void note_unknown(struct run *run, const struct call *of, uint64_t number)
{
	struct unknown *u = run->unknown;

	if (of)
		run->unknown_requests++;
	else
		run->unknown_calls++;
	for (unsigned int i = 0; i < run->nunknown; i++, u++) {
		if (u->of == of && u->number == number) {
			u->count++;
			return;
		}
	}
	if (run->nunknown < UNKNOWN_MAX) {
		*u = (struct unknown){ of, number, 1 };
		run->nunknown++;
	}
}

void note_refused(struct run *run, const struct call *call, int err,
		  const char *why)
{
	struct refused *r = run->refused;

	for (unsigned int i = 0; i < run->nrefused; i++, r++) {
		if (r->call == call && r->why == why) {
			r->count++;
			return;
		}
	}
	if (run->nrefused < REFUSED_MAX) {
		*r = (struct refused){ call, why, 1, err };
		run->nrefused++;
	}
}

/* --strict: nobody of the program goes on. */
static void end_program(struct run *run, const char *what, const char *why)
{
	if (!run->broken)
		log_err("%s: %s; the program is ended, as --strict says", what,
			why);
	run->broken = true;
	for (struct tracee *t = run->tracees; t; t = t->by_pid.next)
		kill(t->pid, SIGKILL);
}

static void fail(struct run *run, struct tracee *t, int err, const char *what,
		 const char *why)
{
	if (run->strict) {
		end_program(run, what, why);
		return;
	}
	log_info("%s: %s: %s", what, strerrorname_np(err), why);
	finish_skip(run, t, -err);
}

void refuse_call(struct run *run, struct tracee *t, int err, const char *why)
{
	note_refused(run, t->call, err, why);
	fail(run, t, err, t->call->name, why);
}

void refuse_unknown(struct run *run, struct tracee *t, const struct call *of,
		    uint64_t number, int err)
{
	char what[96];

	note_unknown(run, of, number);
	if (of)
		snprintf(what, sizeof(what), "request %#" PRIx64 " of %s",
			 number, of->name);
	else
		snprintf(what, sizeof(what), "call %" PRIu64, number);
	fail(run, t, err, what, "rsc has no row for it");
}
