/*
 * Clocks: real time is the server's, the others are this kernel's.
 *
 * What the server's clock said last is kept, with the time since by this
 * machine's monotonic clock added. Absolute deadlines are translated by it; and
 * with --clock=offset it is what a program reads, without a round trip each:
 * never ahead of the server's clock, so that a file is not made before the time
 * that was read before, and behind it by one way of the link at most.
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "tracer/hooks.h"
#include "tracer/vdso.h"

#define SECOND 1000000000LL
#define FRESH SECOND			  /* how long an offset holds */
#define TIME_MAX (INT64_MAX / 4 / SECOND) /* so that they can be added */

int64_t clock_now(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * SECOND + ts.tv_nsec;
}

/* What we do not know better than this is no difference. */
static void told(struct run *run, struct tracee *t)
{
	const struct timespec *ts = (const void *)t->req.val[1].data;
	int64_t sent = t->start.tv_sec * SECOND + t->start.tv_nsec;
	struct real_time *real = &run->real;
	int64_t at = clock_now(CLOCK_MONOTONIC);
	int64_t way = at - sent;
	int64_t time;

	if (t->req.ret < 0) {
		finish_skip(run, t, t->req.ret);
		return;
	}
	if (ts->tv_sec < 0 || ts->tv_sec > TIME_MAX || ts->tv_nsec < 0 ||
	    ts->tv_nsec >= SECOND) {
		finish_skip(run, t, -EOVERFLOW);
		return;
	}
	time = ts->tv_sec * SECOND + ts->tv_nsec;
	real->ahead = time + way / 2 - clock_now(CLOCK_REALTIME);
	if (real->ahead <= way && real->ahead >= -way)
		real->ahead = 0;
	/* A shorter way than this one has told it better; a step is one. */
	if (!real->at || time - (real->time + at - real->at) > 0 ||
	    real->time + at - real->at - time > way)
		real->time = time;
	else
		real->time += at - real->at;
	real->at = at;
	t->if_told(run, t);
}

void clock_ask(struct run *run, struct tracee *t, then_fn then)
{
	if (run->real.at && clock_now(CLOCK_MONOTONIC) - run->real.at < FRESH) {
		then(run, t);
		return;
	}
	t->if_told = then;
	t->req = (struct req){ .call = call_by_name("clock_gettime") };
	t->req.val[0].num = CLOCK_REALTIME;
	t->req.val[1].num = 1;
	t->req.val[1].len = sizeof(struct timespec);
	ask(run, t, told);
}

/* ---- reading ---- */

/* Fills argument i, if the program gave one, and ends the call. */
static void give(struct run *run, struct tracee *t, unsigned int i,
		 const void *data, size_t len, int64_t ret)
{
	int err = fetch(t);
	struct value *v = &t->req.val[i];

	if (err) {
		finish_skip(run, t, err);
		return;
	}
	t->req.ret = ret;
	if (v->num) {
		v->data = arena_alloc(&t->arena, len);
		v->len = len;
		if (v->data)
			memcpy(v->data, data, len);
		else
			t->req.ret = -ENOMEM;
	}
	finish_reply(run, t);
}

static void read_here(struct run *run, struct tracee *t)
{
	int64_t ns = run->real.time + clock_now(CLOCK_MONOTONIC) - run->real.at;
	struct timespec ts = { ns / SECOND, ns % SECOND };
	struct timeval tv = { ts.tv_sec, ts.tv_nsec / 1000 };
	int64_t sec = ts.tv_sec;

	if (!strcmp(t->call->name, "clock_gettime"))
		give(run, t, 1, &ts, sizeof(ts), 0);
	else if (!strcmp(t->call->name, "gettimeofday"))
		give(run, t, 0, &tv, sizeof(tv), 0);
	else
		give(run, t, 0, &sec, sizeof(sec), sec);
}

/* Does the offset say what this call asks? */
static bool by_offset(const struct run *run, const struct tracee *t)
{
	if (!run->clock_offset)
		return false;
	if (!strcmp(t->call->name, "clock_gettime"))
		return t->arg[0] == CLOCK_REALTIME ||
		       t->arg[0] == CLOCK_REALTIME_COARSE;
	if (!strcmp(t->call->name, "gettimeofday"))
		return !t->arg[1]; /* the zone is the server's */
	return !strcmp(t->call->name, "time");
}

void hook_clock(struct run *run, struct tracee *t)
{
	bool is_clock = t->call->arg[0].kind == ARG_INT;

	if (!run->selected[t->call->id] ||
	    (is_clock && !clock_is_remote((int)t->arg[0])))
		let_go(run, t);
	else if (by_offset(run, t))
		clock_ask(run, t, read_here);
	else
		forward(run, t);
}
