/*
 * A session: one client, one process.
 *
 * Theory of Operation. The main thread reads frames and puts each into the
 * mailbox of the worker that it names. A worker is the twin of a traced
 * thread: it runs its calls in order, in its own descriptor table and working
 * directory or in the ones it shares, as the traced thread does. SPAWN runs in
 * the parent's worker: the new thread unshares what it does not share before
 * the parent goes on, so the kernel copies the table just as fork does.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "arch/arch.h"
#include "base/io.h"
#include "base/log.h"
#include "call/wire.h"
#include "server/run.h"
#include "server/server.h"
#include "transport/frame.h"

#define WORKERS_MAX 4096
#define QUEUE_MAX 64
#define STACK_SIZE (256u << 10)

struct note {
	struct note *next;
	struct msg_head head;
	size_t len;
	uint8_t body[];
};

struct table {
	unsigned int refs;
	struct handles handles;
};

struct worker {
	struct worker *next;
	uint32_t task;
	uint32_t share;
	struct table *table;
	struct note *first;
	struct note **last;
	unsigned int queued;
	pthread_cond_t wake;
	pthread_t thread;
	pid_t tid;
	uint32_t running;	/* seq of the call under way, or 0 */
	uint32_t cancel;	/* seq to give up, or 0 */
	bool up;
	bool gone;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static struct worker *workers;
static unsigned int worker_count;
static uint64_t *counts;
static const struct server_opts *options;
static int out_fd;
static pthread_mutex_t out_lock = PTHREAD_MUTEX_INITIALIZER;

static struct worker *find(uint32_t task)
{
	struct worker *w;

	for (w = workers; w && (w->task != task || w->gone); w = w->next)
		;
	return w;
}

static void spawn_thread(struct worker *w, struct worker *parent);

static void send_reply(struct buf *buf, struct req *req)
{
	buf->len = 0;
	if (wire_put_reply(buf, req))
		_exit(1);
	pthread_mutex_lock(&out_lock);
	if (io_write_all(out_fd, buf->data, buf->len))
		_exit(0);
	pthread_mutex_unlock(&out_lock);
}

static void do_call(struct worker *w, struct note *note, struct buf *buf,
		    struct arena *arena)
{
	const char *why = "";
	struct req req;

	if (wire_get_call(note->body, note->len, &req, arena, &why)) {
		log_err("session ends: %s", why);
		_exit(1);
	}
	pthread_mutex_lock(&lock);
	w->running = req.seq;
	pthread_mutex_unlock(&lock);
	run_call(&req, &w->table->handles, options->read_only);
	pthread_mutex_lock(&lock);
	w->running = 0;
	counts[req.call->id]++;
	pthread_mutex_unlock(&lock);
	send_reply(buf, &req);
	arena_reset(arena);
}

static struct note *next_note(struct worker *w)
{
	struct note *note;

	pthread_mutex_lock(&lock);
	while (!w->first)
		pthread_cond_wait(&w->wake, &lock);
	note = w->first;
	w->first = note->next;
	if (!w->first)
		w->last = &w->first;
	w->queued--;
	pthread_mutex_unlock(&lock);
	return note;
}

static void retire(struct worker *w)
{
	struct worker **p;

	pthread_mutex_lock(&lock);
	for (p = &workers; *p != w; p = &(*p)->next)
		;
	*p = w->next;
	worker_count--;
	if (!--w->table->refs)
		free(w->table);
	while (w->first) {
		struct note *note = w->first;

		w->first = note->next;
		free(note);
	}
	pthread_cond_destroy(&w->wake);
	free(w);
	pthread_mutex_unlock(&lock);
}

static void *work(void *arg)
{
	struct arena arena = { 0 };
	struct buf buf = { 0 };
	struct worker *w = arg;
	int what = 0;
	bool on = true;

	if (!(w->share & SPAWN_FILES))
		what |= CLONE_FILES;
	if (!(w->share & SPAWN_FS))
		what |= CLONE_FS;
	if (what && unshare(what))
		log_err("unshare: %s", strerror(errno));
	pthread_mutex_lock(&lock);
	w->tid = (pid_t)syscall(SYS_gettid);
	w->up = true;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
	while (on) {
		struct note *note = next_note(w);
		struct worker *child;

		switch (note->head.type) {
		case MSG_CALL:
			do_call(w, note, &buf, &arena);
			break;
		case MSG_SPAWN:
			pthread_mutex_lock(&lock);
			child = find(note->head.task);
			pthread_mutex_unlock(&lock);
			if (child)
				spawn_thread(child, w);
			break;
		default:
			on = false;
			break;
		}
		free(note);
	}
	arena_free(&arena);
	buf_free(&buf);
	retire(w);
	return NULL;
}

/* Starts w's thread in the calling thread's context; returns when it stands. */
static void spawn_thread(struct worker *w, struct worker *parent)
{
	pthread_attr_t attr;
	int err;

	pthread_mutex_lock(&lock);
	if (parent && (w->share & SPAWN_FILES)) {
		w->table = parent->table;
		w->table->refs++;
	} else {
		w->table = calloc(1, sizeof(*w->table));
		if (!w->table)
			_exit(1);
		w->table->refs = 1;
		if (parent)
			w->table->handles = parent->table->handles;
	}
	pthread_mutex_unlock(&lock);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	err = pthread_create(&w->thread, &attr, work, w);
	pthread_attr_destroy(&attr);
	if (err) {
		log_err("session ends: no thread for a worker: %s",
			strerror(err));
		_exit(1);
	}
	pthread_mutex_lock(&lock);
	while (!w->up)
		pthread_cond_wait(&changed, &lock);
	pthread_mutex_unlock(&lock);
}

static struct worker *new_worker(const struct msg_head *head)
{
	struct worker *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->task = head->task;
	w->share = head->share;
	w->last = &w->first;
	pthread_cond_init(&w->wake, NULL);
	w->next = workers;
	workers = w;
	worker_count++;
	return w;
}

static const char *post(struct worker *w, const struct msg_head *head,
			const struct buf *frame)
{
	struct note *note;

	if (w->queued >= QUEUE_MAX)
		return "too many frames for one task";
	note = malloc(sizeof(*note) + frame->len);
	if (!note)
		return "out of memory";
	note->next = NULL;
	note->head = *head;
	note->len = frame->len;
	memcpy(note->body, frame->data, frame->len);
	*w->last = note;
	w->last = &note->next;
	w->queued++;
	pthread_cond_signal(&w->wake);
	return NULL;
}

/* Routes one frame; NULL or the rule that it breaks. Under the lock. */
static const char *route(const struct msg_head *head, const struct buf *frame,
			 struct worker **root)
{
	struct worker *w = find(head->task);
	struct worker *parent;

	*root = NULL;
	switch (head->type) {
	case MSG_SPAWN:
		parent = find(head->parent);
		if (w || !head->task)
			return "a task that exists is spawned";
		if (head->parent ? !parent : workers != NULL)
			return "a task is spawned of no parent";
		if (worker_count >= WORKERS_MAX)
			return "too many tasks";
		w = new_worker(head);
		if (!w)
			return "out of memory";
		if (parent)
			return post(parent, head, frame);
		w->share = 0;
		*root = w;
		return NULL;
	case MSG_CANCEL:
		if (w && w->running == head->seq)
			w->cancel = head->seq;
		return NULL;
	case MSG_CALL:
		return w ? post(w, head, frame) : "a call of an unknown task";
	case MSG_EXIT:
		if (!w)
			return "an unknown task ends";
		w->gone = true;
		w->cancel = w->running;
		return post(w, head, frame);
	default:
		return "a message that only a server sends";
	}
}

static void on_cancel_signal(int sig)
{
	(void)sig;
}

/*
 * Interrupts the workers whose call is to be given up, again and again until
 * they have: a signal between check and call is lost.
 */
static void *canceller(void *arg)
{
	struct timespec pause = { 0, 5000000 };

	(void)arg;
	for (;;) {
		nanosleep(&pause, NULL);
		pthread_mutex_lock(&lock);
		for (struct worker *w = workers; w; w = w->next) {
			if (!w->cancel)
				continue;
			if (w->running == w->cancel)
				syscall(SYS_tgkill, getpid(), w->tid, SIGUSR2);
			else
				w->cancel = 0;
		}
		pthread_mutex_unlock(&lock);
	}
	return NULL;
}

static int greet(int in, struct buf *frame)
{
	struct hello hello = { .version = WIRE_VERSION,
			       .arch = ARCH_NAME,
			       .digest = call_digest() };
	struct msg_head head;
	const char *why = "";
	struct buf buf = { 0 };
	int err;

	gethostname(hello.name, WIRE_NAME_MAX);
	err = frame_read(in, frame);
	if (!err)
		err = wire_get_head(frame->data, frame->len, &head, &why);
	if (err || head.type != MSG_HELLO) {
		log_err("session refused: no HELLO (%s)", why);
		return -EPROTO;
	}
	if (!wire_put_hello(&buf, &hello))
		err = io_write_all(out_fd, buf.data, buf.len);
	buf_free(&buf);
	if (head.hello.version != hello.version ||
	    head.hello.digest != hello.digest) {
		log_err("session refused: the client speaks another version");
		return -EPROTO;
	}
	return err;
}

static int enter_root(const char *root)
{
	if (!root)
		return 0;
	if (geteuid() && unshare(CLONE_NEWUSER))
		return -errno;
	if (chroot(root) || chdir("/"))
		return -errno;
	return 0;
}

static void write_counts(void)
{
	FILE *f;

	f = options->count ? fopen(options->count, "ae") : NULL;
	if (!f)
		return;
	for (size_t i = 0; i < call_count; i++)
		if (counts[call_table[i].id])
			fprintf(f, "%s %llu\n", call_table[i].name,
				(unsigned long long)counts[call_table[i].id]);
	fclose(f);
}

int session_run(int in, int out, const struct server_opts *opts)
{
	struct sigaction act = { .sa_handler = on_cancel_signal };
	struct buf frame = { 0 };
	struct msg_head head;
	const char *why = NULL;
	pthread_t thread;
	int err;

	options = opts;
	out_fd = out;
	counts = calloc(UINT16_MAX + 1, sizeof(*counts));
	if (!counts)
		return 1;
	prctl(PR_SET_NAME, "rsc-session");
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	sigaction(SIGUSR2, &act, NULL);
	err = enter_root(opts->root);
	if (err) {
		log_err("--root %s: %s", opts->root, strerror(-err));
		return 1;
	}
	if (greet(in, &frame) || pthread_create(&thread, NULL, canceller, NULL))
		return 1;
	while (!why && !frame_read(in, &frame)) {
		struct worker *root;

		if (wire_get_head(frame.data, frame.len, &head, &why))
			break;
		pthread_mutex_lock(&lock);
		why = route(&head, &frame, &root);
		pthread_mutex_unlock(&lock);
		if (root)
			spawn_thread(root, NULL);
	}
	if (why)
		log_err("session ends: %s", why);
	pthread_mutex_lock(&lock);
	write_counts();
	_exit(why ? 1 : 0);
}
