/*
 * A worker: the thread that is the twin of one traced thread.
 *
 * Theory of Operation
 *
 * A worker takes the frames of its task from its mailbox in order, or from the
 * channel while it leads (lead.c), so what the tracee did one after the other
 * is done here one after the other. A SPAWN is mail of the parent: the parent's
 * own thread makes the child's, and the child calls unshare(2) before the
 * parent goes on. So the kernel copies or shares the descriptor table, the
 * working directory, the umask and the credentials exactly as it would have for
 * the tracee. The set of handles goes the same way as the table.
 *
 * A call is given up by a signal whose handler does nothing and which does not
 * restart calls. It is sent under worker.lock and only while the worker is
 * inside that very call, so it never reaches a later call; a signal that comes
 * before the kernel is entered has no effect, so the main thread sends it
 * again (worker_kick) until the worker has answered.
 *
 * Who frees a worker: the leader or the main thread, after its thread has set
 * done as the last thing that it does with it.
 */
#include <errno.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"
#include "server/session.h"

#define SIG_CANCEL SIGUSR2
#define KEPT_MAX (4u << 20) /* of a session */

static void on_cancel(int sig)
{
	(void)sig;
}

void worker_interrupt(pid_t tid)
{
	syscall(SYS_tgkill, getpid(), tid, SIG_CANCEL);
}

int worker_init(void)
{
	struct sigaction action = { .sa_handler = on_cancel };
	sigset_t set;

	sigemptyset(&action.sa_mask);
	if (sigaction(SIG_CANCEL, &action, NULL) < 0)
		return -errno;
	sigemptyset(&set);
	sigaddset(&set, SIG_CANCEL);
	return -pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

struct worker *worker_new(struct session *session, uint32_t task,
			  struct worker *parent, uint32_t share)
{
	struct worker *worker = calloc(1, sizeof(*worker));

	if (!worker)
		return NULL;
	worker->share = parent ? share : 0;
	worker->handles = worker->share & SPAWN_FILES ?
				  handles_share(parent->handles) :
				  handles_new();
	if (!worker->handles) {
		free(worker);
		return NULL;
	}
	worker->session = session;
	worker->task = task;
	pthread_mutex_init(&worker->lock, NULL);
	pthread_cond_init(&worker->changed, NULL);
	return worker;
}

static void mail_free(struct mail *mail)
{
	buf_free(&mail->body);
	free(mail);
}

void worker_free(struct worker *worker)
{
	struct mail *mail;

	while ((mail = worker->head)) {
		worker->head = mail->next;
		mail_free(mail);
	}
	handles_drop(worker->handles);
	pthread_cond_destroy(&worker->changed);
	pthread_mutex_destroy(&worker->lock);
	arena_free(&worker->arena);
	worker->session->kept -= worker->kept;
	free(worker);
}

static size_t mail_size(const struct mail *mail)
{
	return sizeof(*mail) + mail->body.len;
}

bool worker_has_room(struct worker *worker)
{
	bool room;

	pthread_mutex_lock(&worker->lock);
	room = worker->queued < WORKER_QUEUE_MAX;
	pthread_mutex_unlock(&worker->lock);
	return room;
}

void worker_post(struct worker *worker, struct mail *mail)
{
	mail->next = NULL;
	pthread_mutex_lock(&worker->lock);
	if (worker->tail)
		worker->tail->next = mail;
	else
		worker->head = mail;
	worker->tail = mail;
	worker->queued += mail_size(mail);
	if (mail->type == MSG_EXIT)
		worker->exiting = true;
	pthread_cond_signal(&worker->changed);
	pthread_mutex_unlock(&worker->lock);
}

static bool closes(const struct call *call)
{
	return !strcmp(call->name, "close");
}

void worker_begin(struct worker *worker, const struct call *call)
{
	pthread_mutex_lock(&worker->lock);
	worker->calls++;
	pthread_mutex_unlock(&worker->lock);
	if (closes(call))
		handles_closing(worker->handles, 1);
}

bool worker_is_idle(struct worker *worker)
{
	bool idle;

	pthread_mutex_lock(&worker->lock);
	idle = worker->tid && !worker->calls && !worker->head;
	pthread_mutex_unlock(&worker->lock);
	return idle;
}

pid_t worker_tid(struct worker *worker)
{
	pid_t tid;

	pthread_mutex_lock(&worker->lock);
	tid = worker->tid;
	pthread_mutex_unlock(&worker->lock);
	return tid;
}

static struct mail *next_mail(struct worker *worker)
{
	struct mail *mail;

	pthread_mutex_lock(&worker->lock);
	while (!worker->head)
		pthread_cond_wait(&worker->changed, &worker->lock);
	mail = worker->head;
	worker->head = mail->next;
	if (!worker->head)
		worker->tail = NULL;
	worker->queued -= mail_size(mail);
	pthread_mutex_unlock(&worker->lock);
	return mail;
}

/*
 * A call that is given up before it began is made all the same: the kernel says
 * what a signal does to it, and to most calls that is nothing.
 */
static void enter_call(struct worker *worker, uint32_t seq)
{
	pthread_mutex_lock(&worker->lock);
	worker->busy = true;
	worker->busy_seq = seq;
	pthread_mutex_unlock(&worker->lock);
}

/* True when the client still waits for the answer. */
static bool leave_call(struct worker *worker, uint32_t seq)
{
	bool answer;

	pthread_mutex_lock(&worker->lock);
	worker->busy = false;
	worker->calls--;
	if (worker->cancel && worker->cancel_seq <= seq)
		worker->cancel = false;
	answer = !worker->exiting;
	pthread_mutex_unlock(&worker->lock);
	return answer;
}

static void answer(struct worker *worker, const struct req *req)
{
	struct session *session = worker->session;
	const char *why = NULL;
	int err;

	pthread_mutex_lock(&session->out_lock);
	session->reply.len = 0;
	err = wire_put_reply(&session->reply, req);
	if (err)
		why = "a reply has no wire form";
	else
		err = ready_send(worker, req);
	pthread_mutex_unlock(&session->out_lock);
	if (err)
		session_fail(session, worker->task, why);
}

bool worker_decode(struct worker *worker, const struct msg_head *head,
		   const struct buf *body, struct req *req)
{
	struct arena *arena = &worker->arena;
	const char *why = "malformed call";
	int err;

	err = head ? wire_get_args(head, body->data, body->len, req, arena,
				   &why) :
		     wire_get_call(body->data, body->len, req, arena, &why);
	if (err)
		session_fail(worker->session, worker->task,
			     err == -ENOMEM ? "no memory" : why);
	return !err;
}

/* A few workers keep the memory of a long call for the next one. */
static void tidy(struct worker *worker)
{
	atomic_size_t *kept = &worker->session->kept;
	size_t others;

	*kept -= worker->kept;
	others = *kept;
	worker->kept =
		arena_reset_to(&worker->arena,
			       others < KEPT_MAX ? KEPT_MAX - others : 0);
	*kept += worker->kept;
}

void worker_run(struct worker *worker, struct req *req)
{
	enter_call(worker, req->seq);
	run_request(worker, req);
	if (closes(req->call))
		handles_closing(worker->handles, -1);
	worker->session->lead.running--;
	if (leave_call(worker, req->seq))
		answer(worker, req);
	else if (req->call->ret == RET_FD && req->ret >= 0 &&
		 handles_remove(worker->handles, (int)req->ret))
		close((int)req->ret); /* nobody will, if others share it */
	tidy(worker);
}

static void do_call(struct worker *worker, const struct mail *mail)
{
	struct req req;

	if (worker_decode(worker, NULL, &mail->body, &req))
		worker_run(worker, &req);
}

/*
 * A thread that is being made. It lies with the maker: a worker that has
 * begun may be done and freed before its maker looks again.
 */
struct birth {
	struct worker *worker;
	sem_t made;
	int err;
};

static void set_tid(struct worker *worker)
{
	pthread_mutex_lock(&worker->lock);
	worker->tid = gettid();
	pthread_mutex_unlock(&worker->lock);
}

static void set_done(struct worker *worker)
{
	pthread_mutex_lock(&worker->lock);
	worker->done = true;
	pthread_mutex_unlock(&worker->lock);
}

static int make_tables(const struct worker *worker)
{
	int flags = 0;

	if (!(worker->share & SPAWN_FILES))
		flags |= CLONE_FILES;
	if (!(worker->share & SPAWN_FS))
		flags |= CLONE_FS;
	if (flags && unshare(flags) < 0)
		return -errno;
	/* What calls of other tasks had open for a moment. */
	if (flags & CLONE_FILES)
		handles_sweep(worker->handles, worker->session->own);
	return 0;
}

static void *worker_main(void *arg)
{
	struct birth *birth = arg;
	struct worker *worker = birth->worker;
	struct mail *mail;
	unsigned int turn;
	enum msg type;
	int err;

	err = make_tables(worker);
	set_tid(worker);
	birth->err = err;
	sem_post(&birth->made);
	if (err)
		return NULL;
	do {
		mail = next_mail(worker);
		worker->current = mail;
		type = mail->type;
		if (type == MSG_SPAWN)
			worker_spawn(worker, mail->child);
		else if (type == MSG_CALL && !worker->session->ending)
			do_call(worker, mail);
		turn = mail->turn;
		worker->current = NULL;
		mail_free(mail);
		if (turn)
			lead_from(worker, turn);
	} while (type != MSG_EXIT);
	set_done(worker);
	return NULL;
}

static int start(struct worker *child)
{
	struct birth birth = { .worker = child };
	pthread_attr_t attr;
	pthread_t thread;
	int err;

	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, WORKER_STACK);
	sem_init(&birth.made, 0, 0);
	err = -pthread_create(&thread, &attr, worker_main, &birth);
	pthread_attr_destroy(&attr);
	if (!err) {
		while (sem_wait(&birth.made) < 0 && errno == EINTR)
			;
		err = birth.err;
	}
	sem_destroy(&birth.made);
	return err;
}

void worker_spawn(struct worker *parent, struct worker *child)
{
	int err = 0;

	if (parent && !(child->share & SPAWN_FILES)) {
		handles_settle(parent->handles);
		err = handles_copy(child->handles, parent->handles);
	}
	if (!err)
		err = start(child);
	if (!err)
		return;
	log_err("session: cannot make a worker for task %u: %s", child->task,
		strerror(-err));
	session_fail(child->session, child->task, "out of resources");
	set_done(child);
}

void worker_cancel(struct worker *worker, uint32_t seq)
{
	pthread_mutex_lock(&worker->lock);
	if (worker->calls) {
		worker->cancel = true;
		worker->cancel_seq = seq;
	}
	pthread_mutex_unlock(&worker->lock);
	worker_kick(worker);
}

bool worker_kick(struct worker *worker)
{
	bool again;

	pthread_mutex_lock(&worker->lock);
	again = worker->cancel || worker->exiting;
	if (worker->busy &&
	    (worker->exiting ||
	     (worker->cancel && worker->cancel_seq == worker->busy_seq)))
		worker_interrupt(worker->tid);
	pthread_mutex_unlock(&worker->lock);
	return again;
}

bool worker_is_done(struct worker *worker)
{
	bool done;

	pthread_mutex_lock(&worker->lock);
	done = worker->done;
	pthread_mutex_unlock(&worker->lock);
	return done;
}
