/*
 * What the user sees of the calls: a line for each, as strace(1) prints it,
 * and the summary at the end.
 *
 * A line is composed in memory and written at once, so that lines of the trace,
 * messages of rsc and output of the program are never mixed within a line.
 */
#ifndef RSC_PRINT_H
#define RSC_PRINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "call/value.h"

struct run;
struct tracee;

/* How a call ended, for -e status=. */
enum trace_status {
	TRACE_SUCCESSFUL = 1 << 0,
	TRACE_FAILED = 1 << 1,
	TRACE_UNFINISHED = 1 << 2, /* the program died in it */
	TRACE_ANY = TRACE_SUCCESSFUL | TRACE_FAILED | TRACE_UNFINISHED,
};

struct trace {
	bool on;	     /* -t */
	bool time;	     /* -T */
	bool paths;	     /* -y */
	bool *calls;	     /* owned: -e trace=, by wire id; NULL: all */
	unsigned int status; /* -e status=: enum trace_status bits */
	size_t len;	     /* -s */
	int fd;		     /* -o, or the standard error */
	bool to_file;	     /* -o */
	struct buf line;     /* being composed */
};

/* ---- print.c ---- */

/*
 * -e EXPRESSION: trace=SET, SET, status=WORDS. 0, or -EINVAL with err filled.
 */
int print_option(struct trace *trace, const char *text, char *err,
		 size_t errlen);
/* At the seccomp stop: -y keeps the names, which a close would take away. */
void print_begin(struct run *run, struct tracee *t);
/* The line of t's call, which the program sees return ret. */
void print_call(struct run *run, struct tracee *t, int64_t ret);
/* t dies: the line of the call that it is in, if it is in one. */
void print_unfinished(struct run *run, struct tracee *t);
/* What print_begin kept is given back. */
void print_end(struct tracee *t);

/* ---- print_value.c ---- */

/* Appends text, printf(3)'s way. */
void put(struct buf *out, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* Appends n bytes in quotes, escaped as strace does; "..." behind when cut. */
void put_bytes(struct buf *out, const uint8_t *data, size_t len, size_t max);
/* Appends the name of a descriptor in angle brackets. */
void put_name(struct buf *out, const char *name);
/* Appends the arguments of t's call, without parentheses. */
void put_args(struct buf *out, const struct trace *trace, struct tracee *t);
/*
 * print_net.c: appends argument i of a call on sockets, which is v; false when
 * it is like those of other calls.
 */
bool put_net(struct buf *out, const struct trace *trace, struct tracee *t,
	     unsigned int i, const struct value *v);
/* Appends the O_* names of flags. */
void put_open_flags(struct buf *out, uint64_t flags);

/* ---- refuse.c: calls that are neither carried out nor local ---- */

/* Numbers without a row, and reasons, that a run remembers one by one. */
#define UNKNOWN_MAX 32
#define REFUSED_MAX 128

/* A call, or a request of one, that has no row. */
struct unknown {
	const struct call *of; /* NULL: number is a call's */
	uint64_t number;
	uint64_t count;
};

/* A call that was not carried out. */
struct refused {
	const struct call *call;
	const char *why; /* static */
	uint64_t count;
	int err;
};

/* Counts it; of is NULL for a call. */
void note_unknown(struct run *run, const struct call *of, uint64_t number);
/* The same of a call that has a row; why is static. */
void note_refused(struct run *run, const struct call *call, int err,
		  const char *why);
/*
 * At the stop of a call that is not carried out: the program sees -err. It is
 * counted, and with --strict the program is ended instead. why is static.
 */
void refuse_call(struct run *run, struct tracee *t, int err, const char *why);
/* The same of what has no row. */
void refuse_unknown(struct run *run, struct tracee *t, const struct call *of,
		    uint64_t number, int err);

/* ---- summary.c ---- */

/* -c: the table, or with --json one object. */
void print_summary(struct run *run);
/* -v: the calls that were not carried out, to stderr. */
void print_failures(struct run *run);

#endif
