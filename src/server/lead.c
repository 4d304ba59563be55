/*
 * The leader: who reads the channel.
 *
 * Theory of Operation
 *
 * A frame that one thread reads and another one carries out costs a wake-up,
 * which is more than most calls. So the worker that runs a call reads on when
 * it is done: as long as one task alone makes calls, its thread reads them,
 * runs them and answers. Frames of others go to their mailboxes, and the turn
 * goes along when nothing else runs.
 *
 * While the leader is inside a call nobody reads. Therefore the main thread
 * looks at the role every WATCH_MS as long as calls come, and takes it when
 * it finds the same call under way twice; the worker sees that when it returns
 * and waits for mail like any other. Where other tasks had to wait for that it
 * does not lead for some calls, twice as many each time, less when its calls
 * are quick again. When no calls come the main thread sleeps, and the leader
 * wakes it with its next call.
 *
 * The role is one word: who may touch the leader's state, and a turn that
 * never comes back, so that an exchange by somebody who was away too long
 * fails. ROLE_READS is changed by its worker only; ROLE_RUNS by its worker or
 * the main thread; ROLE_MAIN by the main thread, which gives it away.
 */
#include <errno.h>
#include <poll.h>
#include <sys/param.h>
#include <time.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "server/session.h"

#define READ_SIZE (64u << 10)
#define WATCH_MS 1
#define SPAWN_LOOKS 1000
#define CAUTION_MIN 16u
#define CAUTION_MAX 4096u

enum role { ROLE_MAIN, ROLE_READS, ROLE_RUNS, ROLE_MASK };

static enum role role_of(unsigned int turn)
{
	return turn & ROLE_MASK;
}

static unsigned int next_turn(unsigned int turn, enum role role)
{
	return (turn | ROLE_MASK) + 1 + role;
}

unsigned int lead_pass(struct session *session, struct worker *worker,
		       enum msg type)
{
	struct lead *lead = &session->lead;
	unsigned int turn = next_turn(lead->role, ROLE_RUNS);

	lead->worker = worker;
	lead->looks = type == MSG_SPAWN ? SPAWN_LOOKS : 1;
	lead->role = turn;
	if (!lead->watched && !atomic_exchange(&lead->watched, true))
		session_wake(session);
	return turn;
}

static void give_to_main(struct session *session)
{
	struct lead *lead = &session->lead;

	lead->role = next_turn(lead->role, ROLE_MAIN);
	session_wake(session);
}

/* Reads what is there: 0, or -errno; -ECONNRESET at the end. */
static int fill(struct session *session)
{
	struct pollfd pfd = { .fd = session->in, .events = POLLIN };
	struct buf *buf = &session->buf;
	ssize_t got;

	buf_consume(buf, session->used);
	session->used = 0;
	if (buf_reserve(buf, READ_SIZE))
		return -ENOMEM;
	got = io_read(session->in, buf->data + buf->len, READ_SIZE);
	if (got < 0 && errno == EAGAIN)
		poll(&pfd, 1, -1);
	if (got < 0)
		return errno == EINTR || errno == EAGAIN ? 0 : -errno;
	buf->len += got;
	return got ? 0 : -ECONNRESET;
}

/* Takes frames until the worker's own call is one of them, or others lead. */
static enum next read_on(struct worker *worker, struct req *req)
{
	struct session *session = worker->session;
	enum next next = NEXT_TAKE;

	while (next == NEXT_TAKE || next == NEXT_READ) {
		if (next == NEXT_READ)
			session->lead.err = fill(session);
		if (session->failed || session->lead.err)
			next = NEXT_MAIN;
		else
			next = frames_take(session, worker, req);
	}
	if (next == NEXT_MAIN)
		give_to_main(session);
	return next;
}

bool lead_may(struct worker *worker)
{
	if (!worker->wary)
		return true;
	worker->wary--;
	return false;
}

/* Leader: a call that worker led was slow. */
static void be_wary(struct worker *worker)
{
	worker->caution =
		MIN(MAX(worker->caution * 2, CAUTION_MIN), CAUTION_MAX);
	worker->wary = worker->caution;
}

void lead_from(struct worker *worker, unsigned int turn)
{
	struct session *session = worker->session;
	struct lead *lead = &session->lead;
	struct req req;

	while (atomic_compare_exchange_strong(&lead->role, &turn,
					      next_turn(turn, ROLE_READS))) {
		lead->tid = worker->tid;
		if (worker->caution)
			worker->caution--;
		if (read_on(worker, &req) != NEXT_RUN)
			return;
		if (!lead_may(worker)) {
			give_to_main(session);
			worker_run(worker, &req);
			return;
		}
		turn = lead_pass(session, worker, MSG_CALL);
		worker_run(worker, &req);
	}
}

/* Takes the role from a worker that runs in this turn. */
static bool take_from(struct session *session, unsigned int turn)
{
	return role_of(turn) == ROLE_RUNS &&
	       atomic_compare_exchange_strong(&session->lead.role, &turn,
					      next_turn(turn, ROLE_MAIN));
}

/* Looks at the role again; last is what it was before. */
static unsigned int watch(struct session *session, unsigned int last)
{
	struct lead *lead = &session->lead;
	unsigned int turn = lead->role;

	if (role_of(turn) == ROLE_MAIN)
		lead->watched = true;
	if (turn != last)
		return turn;
	if (role_of(turn) == ROLE_READS) {
		lead->watched = false;
		/* A call that began meanwhile relied on us. */
		if (lead->role != turn)
			lead->watched = true;
	} else if (lead->looks > 1) {
		lead->looks--;
	} else if (take_from(session, turn)) {
		if (session->nworkers > 1)
			be_wary(lead->worker);
		turn = lead->role;
	}
	return turn;
}

/* Takes the role, whoever has it. */
static void reclaim(struct session *session)
{
	struct lead *lead = &session->lead;
	unsigned int turn;

	if (!session->failed)
		session->failed = ECONNRESET;
	while (role_of(turn = lead->role) != ROLE_MAIN) {
		if (take_from(session, turn))
			return;
		worker_interrupt(lead->tid);
		poll(NULL, 0, 1);
	}
}

/* The main thread leads: what has come, and what fds says has come. */
static int serve_frames(struct session *session, bool ready)
{
	int err = session->lead.err;
	enum next next;

	while (!err && !session->failed) {
		next = frames_take(session, NULL, NULL);
		if (next == NEXT_READ && ready)
			err = fill(session);
		else if (next != NEXT_TAKE)
			break;
		if (next == NEXT_READ)
			ready = false;
	}
	return err;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/*
 * Interrupts what is to be given up: soon again, in case it had not entered the
 * kernel, and less often what resists for long. How many ms to wait until the
 * next time, or -1. *next is when that is.
 */
static int kick(struct session *session, int64_t *next)
{
	unsigned int round;
	int64_t left;

	if (!atomic_exchange(&session->kicking, false))
		return -1;
	left = *next - now_ms();
	if (left <= 0) {
		if (!frames_kick(session))
			return kick(session, next);
		round = session->kicks++;
		left = round < 5 ? 1 : round < 200 ? KICK_MS : 200 * KICK_MS;
		*next = now_ms() + left;
	}
	session->kicking = true;
	return left;
}

int lead_serve(struct session *session, int signals)
{
	struct pollfd fds[] = {
		{ .fd = session->wake, .events = POLLIN },
		{ .fd = signals, .events = POLLIN },
		{ .fd = session->in, .events = POLLIN },
	};
	int64_t next_kick = 0;
	unsigned int last = 0;
	bool leads = true;
	uint64_t count;
	int wait;
	int err;

	for (;;) {
		err = 0;
		if (role_of(session->lead.role) == ROLE_MAIN)
			err = serve_frames(session, fds[2].revents);
		if (!err)
			err = -session->failed;
		if (!err && fds[1].revents)
			err = -EINTR;
		if (err)
			break;
		last = watch(session, last);
		frames_reap(session);
		fds[2].fd = role_of(last) == ROLE_MAIN ? session->in : -1;
		wait = kick(session, &next_kick);
		/* The role may come with frames that are read already. */
		if (role_of(last) == ROLE_MAIN && !leads)
			wait = 0;
		else if (role_of(last) != ROLE_MAIN && session->lead.watched)
			wait = WATCH_MS;
		leads = role_of(last) == ROLE_MAIN;
		if (poll(fds, 3, wait) < 0) {
			if (errno != EINTR)
				return -errno;
			fds[1].revents = 0;
			fds[2].revents = 0;
			continue;
		}
		if (!fds[0].revents)
			continue;
		(void)!read(session->wake, &count, sizeof(count));
		next_kick = 0;
	}
	reclaim(session);
	return err;
}
