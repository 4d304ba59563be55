/*
 * What the tracer waits for: stops, replies and requests for placeholders.
 *
 * Theory of Operation. The kernel has no single wait for ptrace stops and
 * descriptors. The general way, SIGCHLD by a signalfd in poll(2) beside the
 * channel and the listener, costs more than a whole stop. So there are two
 * cheaper ones, for times when only one thing is to be expected:
 *
 * - No tracee waits for a reply or a placeholder: waitpid(2) sleeps. What comes
 *   unasked in this time (the link is lost, a program makes PLACE_NR itself) is
 *   seen by a second thread, the watcher, which interrupts waitpid, again and
 *   again until the tracer has left it. It looks only when TICK_MS went by
 *   without a stop, and then sleeps until there is something, so neither a busy
 *   nor an idle program pays for it. It is started when stops first come in a
 *   row; before, the general way is taken.
 * - Every tracee has asked and stands still: only a reply can come, for the
 *   millisecond until somebody is parked. Who is killed meanwhile is noticed
 *   when it cannot be parked.
 *
 * SIGCHLD stays pending through both, so the signalfd is emptied before the
 * last look at the stops. Stops come before replies, for a tracee that is let
 * go soon runs again, but not more than STOPS_IN_A_ROW.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tracer/tracee.h"

#define STOPS_IN_A_ROW 16
#define TICK_MS 10
#define BUSY_STOPS 32 /* within TICK_MS: the watcher is worth it */
#define SIG_WAKE SIGALRM
#define TOLD_MAX 64 /* replies to nobody: the channel is looked at */
#define SPIN_NSEC 50000
#define SPIN_CREDIT 64 /* a reply in time earns 1, at most this */
#define SPIN_LOSS 16   /* one that is late costs this */
#define SPIN_PAUSE 256 /* replies after the last credit is gone */

int wait_init(struct run *run)
{
	static const struct timeval slow = { 0, 1000 };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	run->sigchld = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	run->wait.stale = true;
	run->wait.kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	place_init(&run->place);
	/* A pipe cannot; then poll(2) watches the time. */
	run->wait.timed = !setsockopt(run->channel.in, SOL_SOCKET, SO_RCVTIMEO,
				      &slow, sizeof(slow));
	return run->sigchld < 0 || run->wait.kick < 0 ? -errno : 0;
}

/* ---- the watcher ---- */

/* Until something comes that the tracer does not see in waitpid. */
static void watch_channel(struct run *run)
{
	struct pollfd p[3] = {
		{ .fd = atomic_load(&run->wait.lost) ? -1 : run->wait.in,
		  .events = POLLIN },
		{ .fd = run->listener, .events = POLLIN },
		{ .fd = run->wait.kick, .events = POLLIN },
	};
	uint64_t n;

	poll(p, 3, -1);
	if (p[2].revents && read(run->wait.kick, &n, sizeof(n)) < 0)
		return;
	if ((p[0].revents || p[1].revents) && atomic_load(&run->wait.sleeps))
		syscall(SYS_tgkill, getpid(), run->wait.tid, SIG_WAKE);
}

static void *watcher(void *arg)
{
	struct run *run = arg;
	unsigned int seen = 0;
	unsigned int stops;

	for (;;) {
		poll(NULL, 0, TICK_MS);
		stops = atomic_load(&run->wait.stops);
		if (stops != seen) {
			place_tick(&run->place, TICK_MS * 1000000);
		} else {
			place_release(&run->place);
			watch_channel(run);
		}
		seen = stops;
	}
	return NULL;
}

static void on_wake(int sig)
{
	(void)sig;
}

static void start_watcher(struct run *run)
{
	/* Only now: the program inherits what is ignored. */
	struct sigaction action = { .sa_handler = on_wake };
	pthread_attr_t attr;
	pthread_t thread;
	sigset_t all;
	sigset_t old;

	run->wait.tid = gettid();
	run->wait.in = run->channel.in;
	sigaction(SIG_WAKE, &action, NULL);
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	run->wait.watched = !pthread_create(&thread, &attr, watcher, run);
	pthread_attr_destroy(&attr);
	sigdelset(&old, SIG_WAKE);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

/* ---- the ways to wait ---- */

static long long now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static enum event stopped(struct run *run, pid_t pid, int status)
{
	static const uint64_t one = 1;
	struct waiting *w = &run->wait;
	unsigned int stops;
	long long now;

	/* Nobody else writes it: no locked instruction is needed. */
	stops = atomic_load_explicit(&w->stops, memory_order_relaxed) + 1;
	atomic_store_explicit(&w->stops, stops, memory_order_relaxed);
	if (w->watched) {
		if (place_stop(&run->place, pid, status))
			(void)!write(w->kick, &one, sizeof(one));
		return EVENT_STOP;
	}
	if (stops % BUSY_STOPS)
		return EVENT_STOP;
	now = now_ns();
	if (now - w->since < TICK_MS * 1000000)
		start_watcher(run);
	w->since = now;
	return EVENT_STOP;
}

static enum event wait_stop(struct run *run, pid_t *pid, int *status,
			    int options)
{
	/* waitpid(3) that is no cancellation point: io.h */
	*pid = (pid_t)syscall(SYS_wait4, -1, status, __WALL | options, NULL);
	if (*pid > 0)
		return stopped(run, *pid, *status);
	return *pid == 0 || errno == EINTR ? EVENT_NONE : EVENT_END;
}

static enum event sleep_for_stop(struct run *run, pid_t *pid, int *status)
{
	enum event event;

	run->wait.stale = true;
	atomic_store_explicit(&run->wait.sleeps, true, memory_order_relaxed);
	event = wait_stop(run, pid, status, 0);
	atomic_store_explicit(&run->wait.sleeps, false, memory_order_relaxed);
	run->wait.woken = event == EVENT_NONE;
	return event;
}

/* True when the channel can be read within timeout ms. */
static bool channel_ready(struct run *run, int timeout)
{
	struct pollfd p = { .fd = run->channel.in, .events = POLLIN };

	return poll(&p, 1, timeout) > 0;
}

/* Nothing but a reply can come, for timeout ms. */
static bool reply_comes(struct run *run, int timeout)
{
	/* Reading waits as well, in one call. */
	return run->wait.timed || channel_ready(run, timeout);
}

/*
 * True when a reply came while it was waited for actively. Where that fails
 * often it is left out for a while.
 */
static bool spin(struct run *run)
{
	struct waiting *w = &run->wait;
	long long end;

	if (!place_spins(&run->place) || ++w->credit < 0)
		return false;
	end = now_ns() + SPIN_NSEC;
	do {
		if (channel_ready(run, 0)) {
			if (w->credit > SPIN_CREDIT)
				w->credit = SPIN_CREDIT;
			return true;
		}
	} while (now_ns() < end);
	w->credit -= SPIN_LOSS;
	if (w->credit < 0)
		w->credit = -SPIN_PAUSE;
	return false;
}

static void empty_sigchld(struct run *run)
{
	struct signalfd_siginfo info;

	if (!run->wait.stale)
		return;
	run->wait.stale = false;
	while (read(run->sigchld, &info, sizeof(info)) < 0 && errno == EINTR)
		;
}

static enum event wait_all(struct run *run, int timeout)
{
	struct pollfd p[4] = {
		{ .fd = run->sigchld, .events = POLLIN },
		{ .fd = run->lost ? -1 : run->channel.in, .events = POLLIN },
		{ .fd = run->listener, .events = POLLIN },
		{ .fd = run->lazy.n ? run->lazy.epoll : -1, .events = POLLIN },
	};

	run->wait.woken = false;
	if (run->lost)
		atomic_store(&run->wait.lost, true);
	if (poll(p, 4, timeout) <= 0)
		return EVENT_NONE;
	if (p[3].revents)
		return EVENT_FAULT;
	if (p[0].revents)
		run->wait.stale = true;
	if (p[2].revents & POLLIN)
		return EVENT_PLACE;
	return p[1].revents ? EVENT_REPLY : EVENT_NONE;
}

/* Looks at everything, then waits for everything. */
static enum event look(struct run *run, pid_t *pid, int *status, int timeout)
{
	enum event event = EVENT_NONE;

	if (run->wait.woken || ++run->wait.in_a_row > STOPS_IN_A_ROW) {
		run->wait.in_a_row = 0;
		event = wait_all(run, 0);
	}
	if (event != EVENT_NONE)
		return event;
	empty_sigchld(run);
	event = wait_stop(run, pid, status, WNOHANG);
	if (event != EVENT_NONE)
		return event;
	run->wait.in_a_row = 0;
	return wait_all(run, timeout);
}

enum event wait_event(struct run *run, pid_t *pid, int *status)
{
	enum event event;
	int timeout;

	if (run->in_waits)
		return EVENT_REPLY;
	do {
		timeout = park_slow(run);
		if (run->wait.watched && !run->wait.woken && !run->watched &&
		    !run->outstanding && !run->placing && !run->lazy.n &&
		    run->told < TOLD_MAX)
			event = sleep_for_stop(run, pid, status);
		else if (timeout == PARK_SOON && run->nasking == run->ntracees)
			event = spin(run) || reply_comes(run, timeout) ?
					EVENT_REPLY :
					EVENT_NONE;
		else
			event = look(run, pid, status, timeout);
	} while (event == EVENT_NONE);
	return event;
}
