/* The strace-like line of a call, and the summary. */
#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tracer/tracee.h"

static void print_bytes(struct run *run, const struct value *v)
{
	size_t n = v->len < run->trace_len ? v->len : run->trace_len;

	fputc('"', run->trace_out);
	for (size_t i = 0; i < n; i++) {
		unsigned char c = v->data[i];

		if (c == '"' || c == '\\')
			fprintf(run->trace_out, "\\%c", c);
		else if (c == '\n')
			fputs("\\n", run->trace_out);
		else if (isprint(c))
			fputc(c, run->trace_out);
		else
			fprintf(run->trace_out, "\\%03o", c);
	}
	fprintf(run->trace_out, "\"%s", n < v->len ? "..." : "");
}

static void print_arg(struct run *run, struct tracee *t, unsigned int i)
{
	const struct value *v = &t->req.val[i];

	switch ((enum arg_kind)t->call->arg[i].kind) {
	case ARG_INT:
	case ARG_FD:
		fprintf(run->trace_out, "%d", (int32_t)t->arg[i]);
		return;
	case ARG_DIRFD:
		if ((int32_t)t->arg[i] == -100)
			fputs("AT_FDCWD", run->trace_out);
		else
			fprintf(run->trace_out, "%d", (int32_t)t->arg[i]);
		return;
	case ARG_UINT:
		fprintf(run->trace_out, "%" PRIu64, t->arg[i]);
		return;
	case ARG_PATH:
	case ARG_STR:
	case ARG_IN:
	case ARG_OUT:
	case ARG_OUT_ALL:
	case ARG_IOV_IN:
	case ARG_IOV_OUT:
		if (v->data) {
			print_bytes(run, v);
			return;
		}
		break;
	default:
		break;
	}
	if (t->arg[i])
		fprintf(run->trace_out, "%#" PRIx64, t->arg[i]);
	else
		fputs(t->call->arg[i].kind == ARG_FLAGS ? "0" : "NULL",
		      run->trace_out);
}

void print_call(struct run *run, struct tracee *t, int64_t ret,
		const char *side)
{
	struct timespec now;

	fprintf(run->trace_out, "[%d] ", t->pid);
	if (!t->call) {
		fprintf(run->trace_out, "syscall_%ld(...)", t->regs.nr);
	} else {
		fprintf(run->trace_out, "%s(", t->call->name);
		for (unsigned int i = 0; i < call_nargs(t->call); i++) {
			if (i)
				fputs(", ", run->trace_out);
			print_arg(run, t, i);
		}
		fputc(')', run->trace_out);
	}
	if (ret < 0 && ret >= -4095)
		fprintf(run->trace_out, " = -1 %s (%s)",
			strerrorname_np((int)-ret), strerror((int)-ret));
	else
		fprintf(run->trace_out, " = %" PRId64, ret);
	fprintf(run->trace_out, " <%s", side);
	if (run->trace_time) {
		clock_gettime(CLOCK_MONOTONIC, &now);
		fprintf(run->trace_out, ", %.6f",
			(double)(now.tv_sec - t->start.tv_sec) +
				(double)(now.tv_nsec - t->start.tv_nsec) / 1e9);
	}
	fputs(">\n", run->trace_out);
}

static void print_json(const struct run *run)
{
	const char *sep = "";

	fprintf(run->trace_out,
		"{\"stops\":%" PRIu64 ",\"round_trips\":%" PRIu64
		",\"bytes_out\":%" PRIu64 ",\"bytes_in\":%" PRIu64
		",\"unknown_calls\":%" PRIu64 ",\"calls\":{",
		run->stops, run->round_trips, run->bytes_out, run->bytes_in,
		run->unknown_calls);
	for (size_t k = 0; k < call_count; k++) {
		const struct stats *s = &run->stats[call_table[k].id];

		if (!s->calls)
			continue;
		fprintf(run->trace_out,
			"%s\"%s\":{\"calls\":%" PRIu64 ",\"errors\":%" PRIu64
			",\"bytes\":%" PRIu64 ",\"nsec\":%" PRIu64 "}",
			sep, call_table[k].name, s->calls, s->errors, s->bytes,
			s->nsec);
		sep = ",";
	}
	fputs("}}\n", run->trace_out);
}

void print_summary(const struct run *run)
{
	if (run->json) {
		print_json(run);
		return;
	}
	fprintf(run->trace_out, "%-20s %10s %10s %12s %12s\n", "call", "calls",
		"errors", "bytes", "usecs");
	for (size_t k = 0; k < call_count; k++) {
		const struct stats *s = &run->stats[call_table[k].id];

		if (s->calls)
			fprintf(run->trace_out,
				"%-20s %10" PRIu64 " %10" PRIu64 " %12" PRIu64
				" %12" PRIu64 "\n",
				call_table[k].name, s->calls, s->errors,
				s->bytes, s->nsec / 1000);
	}
	fprintf(run->trace_out,
		"%" PRIu64 " stops, %" PRIu64 " round trips, %" PRIu64
		" bytes sent, %" PRIu64 " bytes received\n",
		run->stops, run->round_trips, run->bytes_out, run->bytes_in);
}
