/*
 * Absolute times of the real-time clock, which is the server's: this kernel
 * waits for them, so it gets what its own clock will say then.
 *
 * The program's memory holds the other time until the call ends, and the call
 * may be a long one: who else waits for the same timespec is counted, so that
 * it is translated once.
 */
#include <errno.h>
#include <linux/futex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>
#include <utlist.h>

#include "tracer/hooks.h"
#include "tracer/memory.h"
#include "tracer/vdso.h"

#define SECOND 1000000000LL

/* A timespec of a program that holds another time now. */
struct deadline {
	struct deadline *prev;
	struct deadline *next;
	struct program *program; /* a reference */
	uint64_t addr;
	unsigned int waiters;
	struct timespec theirs; /* as the program wrote it */
	struct timespec ours;
};

/* ---- which calls ---- */

static int clock_of_file(const struct tracee *t, int fd)
{
	char line[128];
	char name[64];
	int clock = -1;
	FILE *f;

	snprintf(name, sizeof(name), "/proc/%d/fdinfo/%d", t->pid, fd);
	f = fopen(name, "re");
	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "clockid: %d", &clock) == 1)
			break;
	fclose(f);
	return clock;
}

/* timer_create(2); proc_pid_timers(5) */
static int clock_of_timer(const struct tracee *t, int timer)
{
	char line[128];
	char name[64];
	int clock = -1;
	int id = -1;
	FILE *f;

	snprintf(name, sizeof(name), "/proc/%d/timers", t->tgid);
	f = fopen(name, "re");
	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f)) {
		sscanf(line, "ID: %d", &id);
		if (id == timer && sscanf(line, "ClockID: %d", &clock) == 1)
			break;
	}
	fclose(f);
	return clock;
}

static bool futex_is_real(const struct tracee *t)
{
	int op = (int)t->arg[1];

	switch (op & FUTEX_CMD_MASK) {
	case FUTEX_LOCK_PI:
		return true;
	case FUTEX_WAIT_BITSET:
	case FUTEX_WAIT_REQUEUE_PI:
	case FUTEX_LOCK_PI2:
		return op & FUTEX_CLOCK_REALTIME;
	default:
		return false;
	}
}

static bool sleep_is_real(const struct tracee *t)
{
	return t->arg[1] & TIMER_ABSTIME && clock_is_remote((int)t->arg[0]);
}

static bool timer_is_real(const struct tracee *t)
{
	return t->arg[1] & TIMER_ABSTIME &&
	       clock_is_remote(clock_of_timer(t, (int)t->arg[0]));
}

static bool timerfd_is_real(const struct tracee *t)
{
	return t->arg[1] & TIMER_ABSTIME &&
	       clock_is_remote(clock_of_file(t, (int)t->arg[0]));
}

static bool wait_is_real(const struct tracee *t)
{
	return clock_is_remote((int)t->arg[5]);
}

static bool waitv_is_real(const struct tracee *t)
{
	return clock_is_remote((int)t->arg[4]);
}

/* The others are absolute and real always. */
static const struct {
	const char *name;
	bool (*is_real)(const struct tracee *t);
} calls[] = {
	{ "clock_nanosleep", sleep_is_real },
	{ "futex", futex_is_real },
	{ "futex_wait", wait_is_real },
	{ "futex_waitv", waitv_is_real },
	{ "timer_settime", timer_is_real },
	{ "timerfd_settime", timerfd_is_real },
};

static bool is_real(const struct tracee *t)
{
	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++)
		if (!strcmp(calls[i].name, t->call->name))
			return calls[i].is_real(t);
	return true;
}

/* Where the time is; 0: there is none. */
static uint64_t time_addr(const struct tracee *t)
{
	int i = call_deadline(t->call);

	if (i < 0 || !t->arg[i])
		return 0;
	/* A timer's first time comes after its interval. */
	return t->arg[i] + (t->call->arg[i].kind == ARG_STRUCT_IN ?
				    sizeof(struct timespec) :
				    0);
}

/* ---- the other time ---- */

static bool same(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

/* Who put ts there; NULL: the program did. */
static struct deadline *find(const struct run *run, const struct tracee *t,
			     uint64_t addr, const struct timespec *ts)
{
	struct deadline *d;

	DL_FOREACH(run->deadlines, d)
	if (d->program == t->program && d->addr == addr && same(&d->ours, ts))
		return d;
	return NULL;
}

void deadline_drop(struct run *run, struct tracee *t, bool put_back)
{
	struct deadline *d = t->deadline;
	struct timespec ts;

	t->deadline = NULL;
	if (!d || --d->waiters)
		return;
	/* The program may have written another one meanwhile. */
	if (put_back && !memory_read(t->pid, d->addr, &ts, sizeof(ts)) &&
	    same(&ts, &d->ours))
		memory_force(t->pid, d->addr, &d->theirs, sizeof(d->theirs));
	DL_DELETE(run->deadlines, d);
	program_unref(d->program);
	free(d);
}

static void ended(struct run *run, struct tracee *t)
{
	deadline_drop(run, t, true);
	finish_exit(run, t, t->regs.ret);
}

/* Our clock's reading at the time that the program means. */
static bool translate(const struct run *run, struct timespec *ts)
{
	__int128 ns;

	if (ts->tv_sec < 0 || ts->tv_nsec < 0 || ts->tv_nsec >= SECOND ||
	    (!ts->tv_sec && !ts->tv_nsec))
		return false;
	ns = (__int128)ts->tv_sec * SECOND + ts->tv_nsec - run->real.ahead;
	/* Zero would disarm a timer. */
	if (ns < 1)
		ns = 1;
	if (ns / SECOND > INT64_MAX / SECOND)
		return false;
	ts->tv_sec = (time_t)(ns / SECOND);
	ts->tv_nsec = (long)(ns % SECOND);
	return true;
}

static void wait_for_it(struct run *run, struct tracee *t)
{
	uint64_t addr = time_addr(t);
	struct timespec ts;
	struct deadline *d;

	if (memory_read(t->pid, addr, &ts, sizeof(ts))) {
		let_go(run, t);
		return;
	}
	d = find(run, t, addr, &ts);
	if (d) {
		d->waiters++;
		t->deadline = d;
		let_go_then(run, t, ended);
		return;
	}
	if (!run->real.ahead) {
		let_go(run, t);
		return;
	}
	d = calloc(1, sizeof(*d));
	if (!d) {
		finish_skip(run, t, -ENOMEM);
		return;
	}
	d->theirs = ts;
	if (!translate(run, &ts) ||
	    memory_force(t->pid, addr, &ts, sizeof(ts))) {
		free(d);
		let_go(run, t);
		return;
	}
	d->ours = ts;
	d->program = program_ref(t->program);
	d->addr = addr;
	d->waiters = 1;
	DL_APPEND(run->deadlines, d);
	t->deadline = d;
	let_go_then(run, t, ended);
}

void hook_deadline(struct run *run, struct tracee *t)
{
	if (!time_addr(t) || !is_real(t))
		let_go(run, t);
	else
		clock_ask(run, t, wait_for_it);
}
