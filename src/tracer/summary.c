/* The summary at the end of a run: -c and --json. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "tracer/print.h"
#include "tracer/tracee.h"

static const char *const columns = "%6s %11s %11s %9s %9s %10s %s\n";
static const char dashes[] = "----------------";

/* How many of the unknown ones are not in the list. */
static uint64_t unlisted(const struct run *run)
{
	uint64_t n = run->unknown_calls + run->unknown_requests;

	for (unsigned int i = 0; i < run->nunknown; i++)
		n -= run->unknown[i].count;
	return n;
}

/* ---- --json ---- */

static void json_calls(struct buf *out, const struct run *run)
{
	const char *sep = "";

	for (size_t k = 0; k < call_count; k++) {
		const struct stats *s = &run->stats[call_table[k].id];

		if (!s->calls)
			continue;
		put(out,
		    "%s\"%s\":{\"calls\":%" PRIu64 ",\"errors\":%" PRIu64
		    ",\"bytes\":%" PRIu64 ",\"nsec\":%" PRIu64 "}",
		    sep, call_table[k].name, s->calls, s->errors, s->bytes,
		    s->nsec);
		sep = ",";
	}
}

static void json_refused(struct buf *out, const struct run *run)
{
	const struct refused *list = run->refused;
	const char *sep = "";

	for (unsigned int i = 0; i < run->nrefused; i++) {
		uint64_t count = 0;
		unsigned int first = 0;

		while (list[first].call != list[i].call)
			first++;
		if (first < i)
			continue;
		for (unsigned int k = i; k < run->nrefused; k++)
			if (list[k].call == list[i].call)
				count += list[k].count;
		put(out, "%s\"%s\":%" PRIu64, sep, list[i].call->name, count);
		sep = ",";
	}
}

static void json_unknown(struct buf *out, const struct run *run)
{
	for (unsigned int i = 0; i < run->nunknown; i++) {
		const struct unknown *u = &run->unknown[i];

		put(out,
		    "%s{\"%s\":\"%s\",\"number\":%" PRIu64 ",\"count\":%" PRIu64
		    "}",
		    i ? "," : "", u->of ? "request" : "kind",
		    u->of ? u->of->name : "call", u->number, u->count);
	}
}

static void put_json(struct buf *out, const struct run *run)
{
	put(out,
	    "{\"stops\":%" PRIu64 ",\"round_trips\":%" PRIu64
	    ",\"bytes_out\":%" PRIu64 ",\"bytes_in\":%" PRIu64
	    ",\"unknown_calls\":%" PRIu64 ",\"unknown_requests\":%" PRIu64
	    ",\"lost\":%s,\"calls\":{",
	    run->stops, run->round_trips, run->bytes_out, run->bytes_in,
	    run->unknown_calls, run->unknown_requests,
	    run->lost ? "true" : "false");
	json_calls(out, run);
	put(out, "},\"refused\":{");
	json_refused(out, run);
	put(out, "},\"unknown\":[");
	json_unknown(out, run);
	put(out, "]}\n");
}

/* ---- -c ---- */

static const struct run *sorted_run;

static int by_time(const void *a, const void *b)
{
	const struct call *const *x = a;
	const struct call *const *y = b;
	uint64_t tx = sorted_run->stats[(*x)->id].nsec;
	uint64_t ty = sorted_run->stats[(*y)->id].nsec;

	if (tx != ty)
		return tx < ty ? 1 : -1;
	return strcmp((*x)->name, (*y)->name);
}

static void put_row(struct buf *out, const struct stats *s, uint64_t nsec,
		    const char *name, const char *of)
{
	put(out, "%6.2f %11.6f %11" PRIu64 " %9" PRIu64 " ",
	    nsec ? 100.0 * (double)s->nsec / (double)nsec : 0.0,
	    (double)s->nsec / 1e9, s->calls ? s->nsec / s->calls / 1000 : 0,
	    s->calls);
	if (s->errors)
		put(out, "%9" PRIu64 " ", s->errors);
	else
		put(out, "%9s ", "");
	put(out, "%10" PRIu64 " %s%s%s%s\n", s->bytes, of ? of : "",
	    of ? "(" : "", name, of ? ")" : "");
}

static void put_table(struct buf *out, const struct run *run)
{
	const struct call **row = calloc(call_count, sizeof(*row));
	struct stats total = { 0 };
	size_t n = 0;

	if (!row)
		return;
	for (size_t k = 0; k < call_count; k++) {
		const struct stats *s = &run->stats[call_table[k].id];

		if (!s->calls)
			continue;
		row[n++] = &call_table[k];
		total.calls += s->calls;
		total.errors += s->errors;
		total.bytes += s->bytes;
		total.nsec += s->nsec;
	}
	sorted_run = run;
	qsort(row, n, sizeof(*row), by_time);
	put(out, columns, "% time", "seconds", "usecs/call", "calls", "errors",
	    "bytes", "syscall");
	put(out, columns, dashes + 10, dashes + 5, dashes + 5, dashes + 7,
	    dashes + 7, dashes + 6, dashes);
	for (size_t i = 0; i < n; i++)
		put_row(out, &run->stats[row[i]->id], total.nsec, row[i]->name,
			row[i]->of);
	put(out, columns, dashes + 10, dashes + 5, dashes + 5, dashes + 7,
	    dashes + 7, dashes + 6, dashes);
	put_row(out, &total, total.nsec, "total", NULL);
	free(row);
}

/* What did not happen, and why; lead begins each line. */
static void put_failures(struct buf *out, const struct run *run,
			 const char *lead)
{
	for (unsigned int i = 0; i < run->nrefused; i++) {
		const struct refused *r = &run->refused[i];

		put(out, "%srefused: %s, %" PRIu64 " times (%s: %s)\n", lead,
		    r->call->name, r->count, strerrorname_np(r->err), r->why);
	}
	for (unsigned int i = 0; i < run->nunknown; i++) {
		const struct unknown *u = &run->unknown[i];

		if (u->of)
			put(out,
			    "%sunknown: request %#" PRIx64 " of %s, %" PRIu64
			    " times\n",
			    lead, u->number, u->of->name, u->count);
		else
			put(out,
			    "%sunknown: call %" PRIu64 ", %" PRIu64
			    " times (ENOSYS)\n",
			    lead, u->number, u->count);
	}
	if (unlisted(run))
		put(out, "%sunknown: others, %" PRIu64 " times\n", lead,
		    unlisted(run));
}

void print_summary(struct run *run)
{
	struct buf *out = &run->trace.line;

	out->len = 0;
	if (run->json) {
		put_json(out, run);
	} else {
		put_table(out, run);
		put(out,
		    "%" PRIu64 " stops, %" PRIu64 " round trips, %" PRIu64
		    " bytes sent, %" PRIu64 " bytes received\n",
		    run->stops, run->round_trips, run->bytes_out,
		    run->bytes_in);
		put_failures(out, run, "");
	}
	io_write_all(run->trace.fd, out->data, out->len);
	out->len = 0;
}

void print_failures(struct run *run)
{
	struct buf *out = &run->trace.line;

	out->len = 0;
	put_failures(out, run, "rsc: ");
	io_write_all(STDERR_FILENO, out->data, out->len);
	out->len = 0;
}
