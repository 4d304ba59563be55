/*
 * A session: one client's channel, and the workers that run its calls.
 *
 * Theory of Operation
 *
 * The main thread is the dispatcher. It reads frames, checks that they keep
 * the rules of the protocol (HELLO first, known tasks, growing sequence
 * numbers) and puts each into the mailbox of the worker whose task it names;
 * it decodes no call and never waits for one. Replies are written by the
 * workers themselves, whole, under out_lock.
 *
 * A task's mailbox exists as soon as its SPAWN is seen, before its thread
 * does, so its first calls wait there. EXIT takes the worker from the tables
 * at once, so that the number can be used again, and puts it on the list of
 * the leaving until its thread is done; only the dispatcher frees workers.
 *
 * While calls are to be given up the dispatcher wakes every KICK_MS and
 * interrupts them again. A worker that cannot be interrupted is left to itself;
 * it goes with the process.
 *
 * A rule that the client breaks ends the session: the log says which one, the
 * channel is closed, all workers are told to leave. Workers cannot do that
 * themselves; session_fail wakes the dispatcher.
 */
#include "server/session.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "arch/arch.h"
#include "base/io.h"
#include "base/log.h"
#include "server/confine.h"
#include "transport/frame.h"

#define READ_SIZE (64u << 10)
#define KICK_MS 5
#define LEAVE_ROUNDS 40		/* of KICK_MS, when the session ends */

void session_fail(struct session *session, uint32_t task, const char *why)
{
	uint64_t one = 1;

	if (atomic_exchange(&session->failed, true))
		return;
	if (why)
		log_err("session: task %u: %s; the session ends", task, why);
	(void)!write(session->wake, &one, sizeof(one));
}

static struct worker **bucket(struct session *session, uint32_t task)
{
	return &session->workers[task % SESSION_BUCKETS];
}

static struct worker *find(struct session *session, uint32_t task)
{
	struct worker *worker = *bucket(session, task);

	while (worker && worker->task != task)
		worker = worker->next;
	return worker;
}

static void add(struct session *session, struct worker *worker)
{
	struct worker **head = bucket(session, worker->task);

	worker->next = *head;
	*head = worker;
	session->nworkers++;
}

/* EXIT: its number is free at once, its thread goes when its mail is done. */
static int retire(struct session *session, struct worker *worker)
{
	struct worker **at = bucket(session, worker->task);
	struct mail *mail = calloc(1, sizeof(*mail));

	if (!mail)
		return -ENOMEM;
	while (*at != worker)
		at = &(*at)->next;
	*at = worker->next;
	worker->next = session->leaving;
	session->leaving = worker;
	mail->type = MSG_EXIT;
	session->kicking = true;
	return worker_post(worker, mail);
}

static void reap(struct session *session)
{
	struct worker **at = &session->leaving;
	struct worker *worker;

	while ((worker = *at)) {
		if (worker_is_done(worker)) {
			*at = worker->next;
			worker_free(worker);
			session->nworkers--;
		} else {
			at = &worker->next;
		}
	}
}

/* Interrupts what is to be given up; true when it must be done again. */
static bool kick(struct session *session)
{
	struct worker *worker;
	bool again = false;
	size_t i;

	for (i = 0; i < SESSION_BUCKETS; i++)
		for (worker = session->workers[i]; worker;
		     worker = worker->next)
			again |= worker_kick(worker);
	for (worker = session->leaving; worker; worker = worker->next)
		again |= worker_kick(worker);
	return again;
}

/* Each of the following returns NULL, or the rule that the frame breaks. */

static const char *on_hello(struct session *session, const struct hello *hello)
{
	if (session->greeted)
		return "a second HELLO";
	if (hello->version != WIRE_VERSION) {
		log_err("session: client %s speaks version %u of the protocol, "
			"this server speaks %u; install the same rsc on both",
			hello->name, hello->version, WIRE_VERSION);
		return "wrong version";
	}
	if (hello->digest != call_digest()) {
		log_err("session: client %s has another call table; install "
			"the same rsc on both", hello->name);
		return "wrong table digest";
	}
	log_info("session: client %s (%s)", hello->name, hello->arch);
	session->greeted = true;
	return NULL;
}

static const char *on_spawn(struct session *session,
			    const struct msg_head *head)
{
	struct worker *parent = NULL;
	struct worker *child;
	struct mail *mail;

	if (!head->task)
		return "SPAWN of task 0";
	if (find(session, head->task))
		return "SPAWN of a task that is there";
	if (head->parent && !(parent = find(session, head->parent)))
		return "SPAWN by an unknown parent";
	if (session->nworkers >= SESSION_WORKERS_MAX)
		return "too many tasks";
	child = worker_new(session, head->task);
	if (!child)
		return "no memory";
	add(session, child);
	if (!parent) {
		if (!worker_start(child, NULL, 0))
			return NULL;
		child->done = true;
		return "cannot make the first worker";
	}
	mail = calloc(1, sizeof(*mail));
	if (!mail)
		return "no memory";
	mail->type = MSG_SPAWN;
	mail->share = head->share;
	mail->child = child;
	if (!worker_post(parent, mail))
		return NULL;
	free(mail);
	child->done = true;
	return "too many frames queued";
}

static const char *on_call(struct session *session,
			   const struct msg_head *head, const uint8_t *body,
			   size_t len)
{
	struct worker *worker = find(session, head->task);
	struct mail *mail;

	if (!worker)
		return "CALL of an unknown task";
	if (worker->called && head->seq <= worker->last_seq)
		return "CALL whose sequence number does not grow";
	worker->called = true;
	worker->last_seq = head->seq;
	mail = calloc(1, sizeof(*mail));
	if (!mail)
		return "no memory";
	mail->type = MSG_CALL;
	mail->seq = head->seq;
	if (buf_add(&mail->body, body, len)) {
		free(mail);
		return "no memory";
	}
	if (!worker_post(worker, mail))
		return NULL;
	buf_free(&mail->body);
	free(mail);
	return "too many frames queued";
}

static const char *on_exit_task(struct session *session, uint32_t task)
{
	struct worker *worker = find(session, task);

	if (!worker)
		return "EXIT of an unknown task";
	return retire(session, worker) ? "no memory" : NULL;
}

static const char *on_cancel(struct session *session,
			     const struct msg_head *head)
{
	struct worker *worker = find(session, head->task);

	if (!worker)
		return "CANCEL of an unknown task";
	if (!worker->called || head->seq > worker->last_seq)
		return "CANCEL of a call that was not made";
	worker_cancel(worker, head->seq);
	session->kicking = true;
	return NULL;
}

static void on_frame(struct session *session, const uint8_t *body, size_t len)
{
	struct msg_head head = { 0 };
	const char *why = "malformed frame";

	if (wire_get_head(body, len, &head, &why)) {
		session_fail(session, head.task, why);
		return;
	}
	if (head.type != MSG_HELLO && !session->greeted) {
		session_fail(session, head.task, "a frame before HELLO");
		return;
	}
	switch (head.type) {
	case MSG_HELLO:
		why = on_hello(session, &head.hello);
		break;
	case MSG_CALL:
		why = on_call(session, &head, body, len);
		break;
	case MSG_SPAWN:
		why = on_spawn(session, &head);
		break;
	case MSG_EXIT:
		why = on_exit_task(session, head.task);
		break;
	case MSG_CANCEL:
		why = on_cancel(session, &head);
		break;
	case MSG_REPLY:
	default:
		why = "a frame that only a server sends";
		break;
	}
	if (why)
		session_fail(session, head.task, why);
}

/* Dispatches every whole frame that has come; the rest stays. */
static void on_bytes(struct session *session)
{
	struct buf rest = session->buf;
	const uint8_t *body;
	size_t used = 0;
	size_t len;
	int got = 0;

	while (!session->failed && (got = frame_next(&rest, &body, &len)) > 0) {
		on_frame(session, body, len);
		rest.data += FRAME_HEAD + len;
		rest.len -= FRAME_HEAD + len;
		rest.cap -= FRAME_HEAD + len;
		used += FRAME_HEAD + len;
	}
	if (got == -EMSGSIZE)
		session_fail(session, 0, "a frame over the limit");
	else if (got < 0)
		session_fail(session, 0, "an empty frame");
	buf_consume(&session->buf, used);
}

/* Reads what is there: 0, or -errno; -ECONNRESET at the end. */
static int fill(struct session *session)
{
	ssize_t got;

	if (buf_reserve(&session->buf, READ_SIZE))
		return -ENOMEM;
	got = read(session->in, session->buf.data + session->buf.len,
		   READ_SIZE);
	if (got < 0)
		return errno == EINTR || errno == EAGAIN ? 0 : -errno;
	session->buf.len += got;
	return got ? 0 : -ECONNRESET;
}

static int dispatch(struct session *session)
{
	struct pollfd fds[2] = {
		{ .fd = session->in, .events = POLLIN },
		{ .fd = session->wake, .events = POLLIN },
	};
	unsigned int rounds = 0;
	int wait;
	int err;

	while (!session->failed) {
		/* What resists for a second is tried less often. */
		wait = rounds < 200 ? KICK_MS : 200 * KICK_MS;
		if (poll(fds, 2, session->kicking ? wait : -1) < 0 && errno != EINTR)
			return -errno;
		if (fds[0].revents) {
			err = fill(session);
			if (err)
				return err;
			rounds = 0;
			on_bytes(session);
		} else if (session->kicking) {
			rounds++;
			session->kicking = kick(session);
		}
		reap(session);
	}
	return -EPROTO;
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
			if (retire(session, session->workers[i]))
				return false;
	for (round = 0; round < LEAVE_ROUNDS; round++) {
		reap(session);
		if (!session->leaving)
			return true;
		kick(session);
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

static int set_up(struct session *session, int in, int out, int *count_fd)
{
	int err;

	*count_fd = -1;
	if (session->opts->count) {
		*count_fd = open(session->opts->count, O_WRONLY | O_CREAT |
				 O_APPEND | O_CLOEXEC | O_NOCTTY, 0666);
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
	return worker_init();
}

int session_run(int in, int out, const struct server_opts *opts)
{
	struct session *session = calloc(1, sizeof(*session));
	int count_fd;
	int err;

	if (!session)
		return 1;
	session->opts = opts;
	err = set_up(session, in, out, &count_fd);
	if (err) {
		log_err("session: cannot begin: %s", strerror(-err));
		return 1;
	}
	err = send_hello(session);
	if (!err)
		err = dispatch(session);
	if (err == -ECONNRESET && session->buf.len)
		log_err("session: the channel closed inside a frame");
	else if (err && err != -ECONNRESET && err != -EPROTO)
		log_err("session: channel: %s", strerror(-err));
	/* Threads that stay may use the session: it goes with the process. */
	leave(session);
	if (count_fd >= 0)
		write_counts(session, count_fd);
	close(session->in);
	if (session->out != session->in)
		close(session->out);
	return err == -ECONNRESET && !session->buf.len ? 0 : 1;
}
