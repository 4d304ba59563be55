/*
 * Frames: the rules of the protocol (HELLO first, known tasks, growing
 * sequence numbers), and what each frame does to the tasks of a session.
 *
 * A task's mailbox exists as soon as its SPAWN is seen, before its thread
 * does, so its first calls wait there. EXIT takes the worker from the tables
 * at once, so that the number can be used again, and puts it on the list of
 * the leaving until its thread is done.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "server/session.h"
#include "transport/frame.h"

/* A frame on its way: who takes it, and what is left to do. */
struct frame {
	struct worker *self;
	struct msg_head head;
	struct buf body; /* borrowed from session->buf */
	struct req *req;
	enum next next;
};

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

pid_t frames_tid(struct session *session, uint32_t task)
{
	struct worker *worker;
	pid_t tid;

	pthread_mutex_lock(&session->tasks_lock);
	worker = find(session, task);
	tid = worker ? worker_tid(worker) : 0;
	pthread_mutex_unlock(&session->tasks_lock);
	return tid;
}

static void add(struct session *session, struct worker *worker)
{
	struct worker **head = bucket(session, worker->task);

	pthread_mutex_lock(&session->tasks_lock);
	worker->next = *head;
	*head = worker;
	session->nworkers++;
	pthread_mutex_unlock(&session->tasks_lock);
}

/* Mail that is posted to worker, with the turn when lead is true. */
static void post(struct session *session, struct worker *worker,
		 struct mail *mail, bool lead)
{
	/* The turn goes first: the worker may be done before we are back. */
	if (lead)
		mail->turn = lead_pass(session, worker, mail->type);
	worker_post(worker, mail);
}

int frames_retire(struct session *session, struct worker *worker)
{
	struct worker **at = bucket(session, worker->task);
	struct mail *mail = calloc(1, sizeof(*mail));
	bool idle;

	if (!mail)
		return -ENOMEM;
	pthread_mutex_lock(&session->tasks_lock);
	while (*at != worker)
		at = &(*at)->next;
	*at = worker->next;
	worker->next = session->leaving;
	session->leaving = worker;
	pthread_mutex_unlock(&session->tasks_lock);
	mail->type = MSG_EXIT;
	idle = worker_is_idle(worker);
	worker_post(worker, mail);
	if (idle)
		return 0;
	session->kicks = 0;
	session->kicking = true;
	session_wake(session);
	return 0;
}

void frames_reap(struct session *session)
{
	struct worker **at = &session->leaving;
	struct worker *worker;

	pthread_mutex_lock(&session->tasks_lock);
	while ((worker = *at)) {
		if (worker_is_done(worker)) {
			*at = worker->next;
			worker_free(worker);
			session->nworkers--;
		} else {
			at = &worker->next;
		}
	}
	pthread_mutex_unlock(&session->tasks_lock);
}

bool frames_kick(struct session *session)
{
	struct worker *worker;
	bool again = false;
	size_t i;

	pthread_mutex_lock(&session->tasks_lock);
	for (i = 0; i < SESSION_BUCKETS; i++)
		for (worker = session->workers[i]; worker;
		     worker = worker->next)
			again |= worker_kick(worker);
	for (worker = session->leaving; worker; worker = worker->next)
		again |= worker_kick(worker);
	pthread_mutex_unlock(&session->tasks_lock);
	return again;
}

/* Each of the following returns NULL, or the rule that the frame breaks. */

static const char *on_hello(struct session *session, struct frame *frame)
{
	const struct hello *hello = &frame->head.hello;

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
			"the same rsc on both",
			hello->name);
		return "wrong table digest";
	}
	log_info("session: client %s (%s)", hello->name, hello->arch);
	session->greeted = true;
	return NULL;
}

/*
 * The thread of a parent makes its child's. No frame behind the SPAWN is taken
 * before that is done, or the child would copy what came later: so the parent
 * leads from there.
 */
static const char *on_spawn(struct session *session, struct frame *frame)
{
	const struct msg_head *head = &frame->head;
	struct worker *parent = NULL;
	struct worker *child;
	struct mail *mail;

	if (!head->task)
		return "SPAWN of task 0";
	if (find(session, head->task))
		return "SPAWN of a task that is there";
	if (head->parent && !(parent = find(session, head->parent)))
		return "SPAWN by an unknown parent";
	if (parent && !worker_has_room(parent))
		return "too many frames queued";
	frames_reap(session);
	if (session->nworkers >= SESSION_WORKERS_MAX)
		return "too many tasks";
	child = worker_new(session, head->task, parent, head->share);
	mail = calloc(1, sizeof(*mail));
	if (!child || !mail) {
		if (child)
			worker_free(child);
		free(mail);
		return "no memory";
	}
	add(session, child);
	if (parent == frame->self) {
		free(mail);
		worker_spawn(parent, child);
		return NULL;
	}
	mail->type = MSG_SPAWN;
	mail->child = child;
	frame->next = NEXT_AWAY;
	post(session, parent, mail, true);
	return NULL;
}

static const char *own_call(struct session *session, struct frame *frame)
{
	struct worker *self = frame->self;

	if (!worker_decode(self, &frame->head, &frame->body, frame->req))
		return NULL;
	worker_begin(self, frame->req->call);
	frame->next = NEXT_RUN;
	session->lead.running++;
	return NULL;
}

static const char *on_call(struct session *session, struct frame *frame)
{
	const struct msg_head *head = &frame->head;
	struct worker *worker = find(session, head->task);
	struct mail *mail;
	bool lead;

	if (!worker)
		return "CALL of an unknown task";
	if (worker->called && head->seq <= worker->last_seq)
		return "CALL whose sequence number does not grow";
	worker->called = true;
	worker->last_seq = head->seq;
	if (worker == frame->self)
		return own_call(session, frame);
	if (!worker_has_room(worker))
		return "too many frames queued";
	mail = calloc(1, sizeof(*mail));
	if (!mail)
		return "no memory";
	mail->type = MSG_CALL;
	mail->seq = head->seq;
	if (buf_add(&mail->body, frame->body.data, frame->body.len)) {
		free(mail);
		return "no memory";
	}
	lead = !session->lead.running && worker_is_idle(worker) &&
	       lead_may(worker);
	if (lead)
		frame->next = NEXT_AWAY;
	session->lead.running++;
	worker_begin(worker, head->call);
	post(session, worker, mail, lead);
	return NULL;
}

static const char *on_exit_task(struct session *session, struct frame *frame)
{
	struct worker *worker = find(session, frame->head.task);

	if (!worker)
		return "EXIT of an unknown task";
	if (worker == frame->self)
		frame->next = NEXT_MAIN;
	return frames_retire(session, worker) ? "no memory" : NULL;
}

static const char *on_cancel(struct session *session, struct frame *frame)
{
	const struct msg_head *head = &frame->head;
	struct worker *worker = find(session, head->task);

	if (!worker)
		return "CANCEL of an unknown task";
	if (!worker->called || head->seq > worker->last_seq)
		return "CANCEL of a call that was not made";
	worker_cancel(worker, head->seq);
	session->kicks = 0;
	session->kicking = true;
	session_wake(session);
	return NULL;
}

static const char *on_reply(struct session *session, struct frame *frame)
{
	(void)session;
	(void)frame;
	return "a frame that only a server sends";
}

static const char *(*const on_frame[])(struct session *session,
				       struct frame *frame) = {
	[MSG_HELLO] = on_hello,	   [MSG_CALL] = on_call,
	[MSG_REPLY] = on_reply,	   [MSG_SPAWN] = on_spawn,
	[MSG_EXIT] = on_exit_task, [MSG_CANCEL] = on_cancel,
	[MSG_READY] = on_reply,
};

_Static_assert(sizeof(on_frame) / sizeof(*on_frame) == MSG_COUNT,
	       "a rule for every message");

enum next frames_take(struct session *session, struct worker *self,
		      struct req *req)
{
	struct frame frame = { .self = self, .req = req, .next = NEXT_TAKE };
	struct buf rest = session->buf;
	const char *why = "malformed frame";
	const uint8_t *body;
	size_t len;
	int got;

	rest.data += session->used;
	rest.len -= session->used;
	got = frame_next(&rest, &body, &len);
	if (!got)
		return NEXT_READ;
	if (got < 0) {
		session_fail(session, 0,
			     got == -EMSGSIZE ? "a frame over the limit" :
						"an empty frame");
		return NEXT_MAIN;
	}
	if (wire_get_head(body, len, &frame.head, &why)) {
		session_fail(session, frame.head.task, why);
		return NEXT_MAIN;
	}
	/* Only the main thread has the tables that a root begins with. */
	if (self && frame.head.type == MSG_SPAWN && !frame.head.parent)
		return NEXT_MAIN;
	/* Who is given the turn reads on behind this frame at once. */
	session->used += FRAME_HEAD + len;
	frame.body = (struct buf){ .data = (uint8_t *)body, .len = len };
	if (frame.head.type != MSG_HELLO && !session->greeted)
		why = "a frame before HELLO";
	else
		why = on_frame[frame.head.type](session, &frame);
	if (!why)
		return session->failed && frame.next == NEXT_TAKE ? NEXT_MAIN :
								    frame.next;
	session_fail(session, frame.head.task, why);
	return NEXT_MAIN;
}
