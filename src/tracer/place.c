/*
 * On which CPUs tracer and tracee run.
 *
 * Theory of Operation. Tracer and tracee take turns at every stop. On two CPUs
 * each turn wakes an idle one, which costs several times the stop itself; on
 * one CPU it is a switch. The scheduler cannot know, so a tracee whose stops
 * come in a long row, with nobody else's between them, is tied to the tracer's
 * CPU and the tracer with it: both masks are set to this CPU. It is let go
 * when others come to stops, when it makes a child or dies, when its stops
 * become rare (the watcher sees that), and when somebody else wants the CPU.
 *
 * Whether that pays is measured, once, when a tracee qualifies for the first
 * time: a few wake-ups between two threads, tied and not.
 *
 * The program must not see it. Calls that read or change a mask or a policy
 * stop and let the tracee go first; a child gets its parent's own mask; a mask
 * that somebody else has changed meanwhile is not touched. What remains
 * visible is Cpus_allowed in /proc/PID/status while it is tied.
 *
 * The lock is between the tracer's thread and the watcher. A thread id stays
 * reserved until the tracer has reaped it, and place_stop hears of that first.
 */
#include "tracer/place.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"

#define ROW 64		  /* stops of one tracee, and then again */
#define ROW_MS 20	  /* within this time */
#define OTHERS_MAX 8	  /* stops of others between ROW of its own */
#define ROUNDS 24	  /* of a calibration */
#define PAYS 1.3	  /* apart costs this much of together */
#define CROWDED_SHARE 0.4 /* of the time spent in waiting for the CPU */
#define CROWDED_MS 500
#define PAUSE_MS 250 /* doubled each time that it did not pay */

static long long now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

void place_init(struct place *place)
{
	pthread_mutex_init(&place->lock, NULL);
	if (sched_getaffinity(0, sizeof(place->ours), &place->ours) ||
	    CPU_COUNT(&place->ours) < 2)
		place->verdict = PLACE_NEVER;
	else
		place->verdict = PLACE_UNKNOWN;
	place->tracer = gettid();
	place->pause = PAUSE_MS;
}

bool place_spins(const struct place *place)
{
	return place->verdict == PLACE_TOGETHER;
}

/* ---- calibration ---- */

struct duel {
	int there;
	int back;
	int cpu; /* -1: anywhere */
};

static int tie(pid_t tid, int cpu)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	return sched_setaffinity(tid, sizeof(one), &one) ? -errno : 0;
}

static void *echo(void *arg)
{
	struct duel *d = arg;
	uint64_t n = 0;

	if (d->cpu >= 0)
		tie(0, d->cpu);
	while (read(d->there, &n, sizeof(n)) == sizeof(n) && n == 1)
		if (write(d->back, &n, sizeof(n)) != sizeof(n))
			break;
	return NULL;
}

static bool turn(struct duel *d)
{
	uint64_t n = 1;

	return write(d->there, &n, sizeof(n)) == sizeof(n) &&
	       read(d->back, &n, sizeof(n)) == sizeof(n);
}

/* The shortest of a few rounds in ns, or -1. */
static long long duel(int cpu)
{
	struct duel d = { eventfd(0, EFD_CLOEXEC), eventfd(0, EFD_CLOEXEC),
			  cpu };
	long long begin = 0;
	uint64_t end = 2;
	pthread_t thread;
	bool ok;

	ok = d.there >= 0 && d.back >= 0 &&
	     !pthread_create(&thread, NULL, echo, &d);
	if (ok) {
		for (int i = -4; ok && i < ROUNDS; i++) {
			if (i == 0)
				begin = now_ns();
			ok = turn(&d);
		}
		begin = now_ns() - begin;
		ok = write(d.there, &end, sizeof(end)) == sizeof(end) && ok;
		pthread_join(thread, NULL);
	}
	close(d.there);
	close(d.back);
	return ok ? begin : -1;
}

static void calibrate(struct place *place)
{
	sigset_t all;
	sigset_t old;
	long long together = -1;
	long long apart;
	int cpu;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	apart = duel(-1);
	cpu = sched_getcpu();
	if (apart > 0 && cpu >= 0 && !tie(0, cpu)) {
		together = duel(cpu);
		sched_setaffinity(0, sizeof(place->ours), &place->ours);
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	log_debug("a wake-up costs %lld ns on one CPU, %lld ns on two",
		  together / ROUNDS / 2, apart / ROUNDS / 2);
	if (together > 0 && (double)apart > PAYS * (double)together)
		place->verdict = PLACE_TOGETHER;
}

/* ---- tying ---- */

/*
 * Gives tid its mask back. The kernel keeps the wish apart from what the cpuset
 * permits, and who had none must have none again.
 */
static int restore(pid_t tid, const cpu_set_t *mask)
{
	cpu_set_t now;

	memset(&now, 0xff, sizeof(now));
	if (sched_setaffinity(tid, sizeof(now), &now))
		return -errno;
	if (!sched_getaffinity(tid, sizeof(now), &now) && CPU_EQUAL(&now, mask))
		return 0;
	return sched_setaffinity(tid, sizeof(*mask), mask) ? -errno : 0;
}

static bool is_tied(pid_t tid, int cpu)
{
	cpu_set_t now;

	return !sched_getaffinity(tid, sizeof(now), &now) &&
	       CPU_COUNT(&now) == 1 && CPU_ISSET(cpu, &now);
}

static void loosen_tracer(struct place *place)
{
	if (is_tied(place->tracer, place->cpu))
		restore(place->tracer, &place->ours);
	atomic_store(&place->tied, 0);
}

/* With the lock. */
static void let_loose(struct place *place)
{
	pid_t tid = atomic_load(&place->tied);

	if (!tid)
		return;
	if (is_tied(tid, place->cpu) && restore(tid, &place->theirs) == -ESRCH)
		return; /* it has another id: the tracer's event comes */
	loosen_tracer(place);
}

static bool is_ordinary(pid_t tid)
{
	int policy = sched_getscheduler(tid);

	return policy == SCHED_OTHER || policy == SCHED_BATCH;
}

static bool tie_both(struct place *place, pid_t tid)
{
	bool done = false;
	cpu_set_t both;
	int cpu;

	pthread_mutex_lock(&place->lock);
	cpu = sched_getcpu();
	if (cpu < 0 || !is_ordinary(tid) || !is_ordinary(0) ||
	    sched_getaffinity(tid, sizeof(place->theirs), &place->theirs) ||
	    sched_getaffinity(0, sizeof(place->ours), &place->ours))
		goto out;
	CPU_AND(&both, &place->theirs, &place->ours);
	if (CPU_COUNT(&both) < 2 || !CPU_ISSET(cpu, &both) || tie(tid, cpu))
		goto out;
	if (tie(0, cpu)) {
		restore(tid, &place->theirs);
		goto out;
	}
	place->cpu = cpu;
	place->measured = false;
	place->others = 0;
	place->crowded = false;
	atomic_store(&place->tied, tid);
	done = true;
	log_debug("thread %d shares CPU %d with the tracer", tid, cpu);
out:
	pthread_mutex_unlock(&place->lock);
	return done;
}

void place_release(struct place *place)
{
	if (!atomic_load(&place->tied))
		return;
	pthread_mutex_lock(&place->lock);
	let_loose(place);
	pthread_mutex_unlock(&place->lock);
}

/* What ends a tie at a stop, besides the stops of others. */
static void on_event(struct place *place, pid_t tid, int status)
{
	pid_t tied = atomic_load(&place->tied);
	unsigned long old = 0;

	switch (status >> 16) {
	case PTRACE_EVENT_EXEC:
		/* A thread that executes takes its leader's id. */
		if (!ptrace(PTRACE_GETEVENTMSG, tid, 0, &old) &&
		    (pid_t)old == tied)
			atomic_store(&place->tied, tid);
		place_release(place);
		return;
	case PTRACE_EVENT_EXIT:
		if (tid == tied)
			place_release(place);
		return;
	default:
		return;
	}
}

/* tid is dead: its number may be another's from now on. */
static void on_death(struct place *place, pid_t tid)
{
	pthread_mutex_lock(&place->lock);
	if (atomic_load(&place->tied) == tid)
		loosen_tracer(place);
	pthread_mutex_unlock(&place->lock);
	if (place->last == tid)
		place->last = 0;
}

static bool a_row(struct place *place, pid_t tid)
{
	long long now = now_ns() / 1000000;
	bool dense = now - place->since <= ROW_MS;

	place->in_a_row = 0;
	place->others = 0;
	place->since = now;
	if (!dense || now < place->not_before || atomic_load(&place->tied))
		return false;
	if (place->crowded) {
		place->crowded = false;
		place->not_before = now + CROWDED_MS;
		return false;
	}
	if (place->verdict == PLACE_UNKNOWN) {
		calibrate(place);
		place->not_before = now + place->pause;
		place->pause *= 2;
	}
	return place->verdict == PLACE_TOGETHER && tie_both(place, tid);
}

bool place_stop(struct place *place, pid_t tid, int status)
{
	if (place->verdict == PLACE_NEVER)
		return false;
	if (!WIFSTOPPED(status)) {
		on_death(place, tid);
		return false;
	}
	if (atomic_load_explicit(&place->tied, memory_order_relaxed)) {
		if (status >> 16)
			on_event(place, tid, status);
		if (tid != atomic_load(&place->tied) &&
		    ++place->others > OTHERS_MAX)
			place_release(place);
	}
	if (tid != place->last) {
		place->last = tid;
		place->in_a_row = 0;
		return false;
	}
	return ++place->in_a_row >= ROW && a_row(place, tid);
}

void place_child(struct place *place, pid_t parent, pid_t child)
{
	cpu_set_t theirs;
	cpu_set_t now;

	if (place->verdict != PLACE_TOGETHER)
		return;
	place_release(place);
	if (sched_getaffinity(parent, sizeof(theirs), &theirs) ||
	    sched_getaffinity(child, sizeof(now), &now) ||
	    CPU_EQUAL(&theirs, &now))
		return;
	restore(child, &theirs);
}

/* ---- the watcher's part ---- */

/* ns that a thread was runnable and did not run (CONFIG_SCHED_INFO). */
static unsigned long long waited(pid_t tid)
{
	unsigned long long ns = 0;
	char name[64];
	FILE *f;

	snprintf(name, sizeof(name), "/proc/%d/schedstat", tid);
	f = fopen(name, "re");
	if (!f)
		return 0;
	if (fscanf(f, "%*u %llu", &ns) != 1)
		ns = 0;
	fclose(f);
	return ns;
}

void place_tick(struct place *place, long long wall)
{
	unsigned long long delay;
	pid_t tid;

	pthread_mutex_lock(&place->lock);
	tid = atomic_load(&place->tied);
	if (tid) {
		delay = waited(tid) + waited(place->tracer);
		if (place->measured && (double)(delay - place->delay) >
					       CROWDED_SHARE * (double)wall) {
			place->crowded = true;
			let_loose(place);
		}
		place->delay = delay;
		place->measured = true;
	}
	pthread_mutex_unlock(&place->lock);
}
