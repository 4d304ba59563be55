/*
 * A session: one client's channel, and the workers that run its calls.
 *
 * Theory of Operation
 *
 * A session is one process. Each task of the client has a worker, a thread
 * that runs its calls (worker.c). One thread at a time, the leader, reads
 * frames (lead.c) and carries them out or puts them into the mailbox of the
 * worker whose task they name (frames.c). Replies are written by the workers
 * themselves, whole, under out_lock.
 *
 * While calls are to be given up the main thread wakes every KICK_MS and
 * interrupts them again. A worker that cannot be interrupted is left to itself;
 * it goes with the process.
 *
 * A rule that the client breaks ends the session: the log says which one, the
 * channel is closed, all workers are told to leave. Workers cannot do that
 * themselves; session_fail wakes the main thread.
 *
 * SIGTERM, SIGINT and SIGHUP end a session in the same way.
 */
#include "server/session.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "arch/arch.h"
#include "base/io.h"
#include "base/log.h"
#include "server/confine.h"
#include "transport/frame.h"

#define OWN_MAX 64	     /* no descriptor of ours has that number */
#define MMAP_MIN (128 << 10) /* so much is given back at once */
#define LEAVE_ROUNDS 40	     /* of KICK_MS, when the session ends */

void session_wake(struct session *session)
{
	uint64_t one = 1;

	(void)!write(session->wake, &one, sizeof(one));
}

void session_fail(struct session *session, uint32_t task, const char *why)
{
	int none = 0;

	if (!atomic_compare_exchange_strong(&session->failed, &none,
					    why ? EPROTO : ECONNRESET))
		return;
	if (why)
		log_err("session: task %u: %s; the session ends", task, why);
	session_wake(session);
}

static int send_hello(struct session *session)
{
	struct hello hello = {
		.version = WIRE_VERSION,
		.arch = ARCH_NAME,
		.digest = call_digest(),
	};
	struct buf out = { 0 };
	int err;

	if (gethostname(hello.name, WIRE_NAME_MAX) < 0)
		hello.name[0] = '\0';
	err = wire_put_hello(&out, &hello);
	if (!err)
		err = io_write_all(session->out, out.data, out.len);
	buf_free(&out);
	return err;
}

/* Tells every worker to leave and waits a little; true when all are gone. */
static bool leave(struct session *session)
{
	unsigned int round;
	size_t i;

	session->ending = true;
	for (i = 0; i < SESSION_BUCKETS; i++)
		while (session->workers[i])
			if (frames_retire(session, session->workers[i]))
				return false;
	for (round = 0; round < LEAVE_ROUNDS; round++) {
		frames_reap(session);
		if (!session->leaving)
			return true;
		frames_kick(session);
		poll(NULL, 0, round ? KICK_MS : 1);
	}
	log_info("session: %u workers cannot be interrupted",
		 session->nworkers);
	return false;
}

static void write_counts(const struct session *session, int fd)
{
	struct buf text = { 0 };
	char line[64];
	unsigned int n;
	size_t i;
	int len;

	for (i = 0; i < call_count; i++) {
		n = session->count[i];
		if (!n)
			continue;
		len = snprintf(line, sizeof(line), "%s %u\n",
			       call_table[i].name, n);
		if (buf_add(&text, line, len))
			break;
	}
	if (text.len && io_write_all(fd, text.data, text.len))
		log_warn("session: cannot write the counts");
	buf_free(&text);
}

/* What is open before the first worker begins. */
static int note_own(struct session *session)
{
	int err = 0;
	int fd;

	session->own = handles_new();
	if (!session->own)
		return -ENOMEM;
	for (fd = 0; !err && fd < OWN_MAX; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			err = handles_add(session->own, fd);
	return err;
}

/* Before threads begin, which inherit the mask. -errno or a descriptor. */
static int block_signals(void)
{
	sigset_t set;
	int fd;

	/* That of a lease, which is held for a moment, says nothing. */
	sigemptyset(&set);
	sigaddset(&set, SIGIO);
	sigprocmask(SIG_BLOCK, &set, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

static int set_up(struct session *session, int in, int out, int *count_fd)
{
	int err;

	*count_fd = -1;
	/* Else what many threads free would be kept for each of them. */
	mallopt(M_MMAP_THRESHOLD, MMAP_MIN);
	if (session->opts->count) {
		*count_fd = open(session->opts->count,
				 O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC |
					 O_NOCTTY,
				 0666);
		if (*count_fd < 0) {
			err = -errno;
			log_err("session: cannot open %s for the counts: %s",
				session->opts->count, strerror(-err));
			return err;
		}
	}
	err = confine(&in, &out, count_fd, session->opts);
	if (err)
		return err;
	session->in = in;
	session->out = out;
	session->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	session->count = calloc(call_count, sizeof(*session->count));
	session->refused = calloc(call_count, sizeof(*session->refused));
	if (session->wake < 0 || !session->count || !session->refused)
		return -ENOMEM;
	pthread_mutex_init(&session->out_lock, NULL);
	pthread_mutex_init(&session->tasks_lock, NULL);
	running_init(&session->running);
	err = worker_init();
	if (!err)
		err = drawer_init(&session->drawer);
	if (!err)
		err = hold_init(&session->hold);
	return err ? err : ready_init(session);
}

/*
 * Is the beginning of a frame all that is left? Where a reply could not be
 * written there may be whole ones.
 */
static bool ends_inside(const struct session *session)
{
	struct buf rest = session->buf;
	const uint8_t *body;
	size_t len;

	rest.data += session->used;
	rest.len -= session->used;
	rest.cap -= session->used;
	return rest.len && frame_next(&rest, &body, &len) <= 0;
}

/* The exit status, with a line where the end was no ordinary one. */
static int status_of(const struct session *session, int err, int signals)
{
	struct signalfd_siginfo info;

	if (err == -EINTR &&
	    read(signals, &info, sizeof(info)) == sizeof(info)) {
		log_info("session: ended by signal %u", info.ssi_signo);
		return 128 + info.ssi_signo;
	}
	if (err == -ECONNRESET && !ends_inside(session))
		return 0;
	if (err == -ECONNRESET)
		log_err("session: the channel closed inside a frame");
	else if (err != -EPROTO)
		log_err("session: channel: %s", strerror(-err));
	return 1;
}

int session_run(int in, int out, const struct server_opts *opts)
{
	/* What finds leaks follows this, and threads that stay use it. */
	static struct session *session;
	int count_fd;
	int signals;
	int status;
	int err;

	session = calloc(1, sizeof(*session));
	if (!session)
		return 1;
	session->opts = opts;
	err = set_up(session, in, out, &count_fd);
	signals = err ? err : block_signals();
	err = signals < 0 ? signals : note_own(session);
	if (err) {
		log_err("session: cannot begin: %s", strerror(-err));
		return 1;
	}
	err = send_hello(session);
	if (!err)
		err = lead_serve(session, signals);
	status = status_of(session, err, signals);
	/* Threads that stay may use the session: it goes with the process. */
	leave(session);
	if (count_fd >= 0)
		write_counts(session, count_fd);
	close(session->in);
	if (session->out != session->in)
		close(session->out);
	return status;
}
