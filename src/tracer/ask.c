/* Calls on the wire and their replies. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "call/wire.h"
#include "transport/frame.h"
#include "tracer/tracee.h"

#define READ_STEP (256u << 10)

static void send_out(struct run *run)
{
	int err;

	if (run->lost)
		return;
	err = io_write_all(run->channel.out, run->out.data, run->out.len);
	run->bytes_out += run->out.len;
	run->out.len = 0;
	if (err)
		link_lost(run, strerror(-err));
}

/* Its reply has not come. */
static bool waits(const struct tracee *t)
{
	return t->then &&
	       (t->state == T_ASKING || (t->state == T_PARKED && !t->answered));
}

static void answer(struct run *run, struct tracee *t)
{
	then_fn then = t->then;

	tracee_answered(run, t);
	if (t->state == T_PARKED) {
		park_answer(run, t);
		return;
	}
	t->then = NULL;
	then(run, t);
}

void ask(struct run *run, struct tracee *t, then_fn then)
{
	int err;

	ready_bind(run, t);
	t->req.task = t->task;
	t->req.seq = ++t->seq;
	t->state = T_ASKING;
	tracee_asks(run, t);
	t->then = then;
	if (run->lost) {
		t->req.ret = -EIO;
		answer(run, t);
		return;
	}
	run->out.len = 0;
	err = wire_put_call(&run->out, &t->req);
	if (err) {
		run->out.len = 0;
		t->req.ret = err;
		answer(run, t);
		return;
	}
	run->round_trips++;
	send_out(run);
}

void tell(struct run *run, struct tracee *t, const struct req *req)
{
	struct req copy = *req;

	copy.task = t->task;
	copy.seq = ++t->seq;
	run->out.len = 0;
	run->told++;
	if (!run->lost && !wire_put_call(&run->out, &copy))
		send_out(run);
}

void tell_last(struct run *run, struct tracee *t, const struct req *req)
{
	if (t->last.call)
		tell(run, t, &t->last);
	t->last = *req;
}

void tell_spawn(struct run *run, struct tracee *t, uint32_t parent,
		uint32_t share)
{
	run->out.len = 0;
	if (!run->lost && !wire_put_spawn(&run->out, t->task, parent, share))
		send_out(run);
}

void tell_exit(struct run *run, struct tracee *t)
{
	run->out.len = 0;
	if (!run->lost && !wire_put_exit(&run->out, t->task))
		send_out(run);
}

void tell_cancel(struct run *run, struct tracee *t)
{
	run->out.len = 0;
	if (!run->lost && !wire_put_cancel(&run->out, t->task, t->req.seq))
		send_out(run);
}

void tell_close(struct run *run, struct tracee *t, int handle)
{
	struct req req = { .call = call_by_name("close") };

	req.val[0].num = (uint64_t)handle;
	tell(run, t, &req);
}

bool close_is_quiet(const struct tracee *t, const struct entry *e)
{
	uint32_t object = e->remote->object;

	return e->remote->mode == O_RDONLY && !e->remote->locked &&
	       !t->files->locks &&
	       (object == OBJECT_FILE || object == OBJECT_DIR);
}

/* fcntl(2): closing any descriptor of a file ends the locks on it. */
static void tell_unlock(struct run *run, struct tracee *t, int handle)
{
	static struct flock lock = { .l_type = F_UNLCK };
	struct req req = { .call = call_by_name("F_SETLK") };

	req.val[0].num = (uint64_t)handle;
	req.val[1].num = req.call->request;
	req.val[2].num = 1;
	req.val[2].data = (uint8_t *)&lock;
	req.val[2].len = sizeof(lock);
	tell_last(run, t, &req);
}

bool close_number(struct run *run, struct tracee *t, long fd)
{
	struct req req = { .call = call_by_name("close") };
	struct entry *e = files_get(t->files, fd);
	bool seen;
	int handle;

	if (!e)
		return false;
	/* Of a description that stays open nothing is seen but the locks. */
	seen = !close_is_quiet(t, e) &&
	       (e->remote->refs == 1 || t->files->locks);
	if (t->files->locks && files_has_twin(t->files, fd))
		tell_unlock(run, t, e->handle);
	handle = files_drop(t->files, fd);
	req.val[0].num = (uint64_t)handle;
	if (handle >= 0)
		tell_last(run, t, &req);
	return seen;
}

static void settled(struct run *run, struct tracee *t)
{
	then_fn then = t->if_settled;

	t->if_settled = NULL;
	t->still = false;
	t->state = T_RUNNING;
	t->req = (struct req){ 0 };
	then(run, t);
}

void settle(struct run *run, struct tracee *t, bool seen, bool stays,
	    then_fn then)
{
	struct req last = t->last;

	t->last.call = NULL;
	if (last.call && seen) {
		t->req = last;
		t->if_settled = then;
		t->still = stays;
		ask(run, t, settled);
		return;
	}
	if (last.call)
		tell(run, t, &last);
	then(run, t);
}

void link_lost(struct run *run, const char *why)
{
	struct tracee *t;

	if (run->lost)
		return;
	run->lost = true;
	keeper_lost(run);
	log_err("the connection to the server is lost: %s; forwarded calls fail with EIO from now on",
		why);
again:
	for (t = run->tracees; t; t = t->by_pid.next) {
		if (!waits(t))
			continue;
		t->req.ret = -EIO;
		answer(run, t);
		goto again;
	}
	ready_lost(run);
}

/* One frame; 0 or -EPROTO with *why. */
static int take_frame(struct run *run, const uint8_t *body, size_t len,
		      const char **why)
{
	struct msg_head head;
	struct tracee *t;
	int err;

	err = wire_get_head(body, len, &head, why);
	if (err)
		return err;
	if (head.type == MSG_READY) {
		ready_event(run, &head.ready);
		return 0;
	}
	if (head.type != MSG_REPLY) {
		*why = "the server may send READY and replies only";
		return -EPROTO;
	}
	t = tracee_by_task(run, head.task);
	if (!t || !waits(t) || head.seq != t->req.seq) {
		if (t && head.seq > t->seq) {
			*why = "a reply to a call that was not made";
			return -EPROTO;
		}
		return 0; /* nobody waits for it (any more) */
	}
	err = wire_get_rest(&head, body, len, &t->req, &t->arena, why);
	/* The usual end stores them at once; who knows of others. */
	if (!err && (t->state != T_ASKING || t->then != finish_reply))
		err = wire_keep_reply(&t->req, &t->arena);
	if (err)
		return err;
	answer(run, t);
	return 0;
}

/* What ask_alone() has put aside comes behind what was there before. */
static int give_back(struct run *run)
{
	int err = buf_add(&run->in, run->late.data, run->late.len);

	run->late.len = 0;
	run->in_waits = true;
	return err;
}

static int take_frames(struct run *run)
{
	const char *why = "a frame of impossible length";
	size_t used = 0;
	size_t len;
	int got;

	for (;;) {
		struct buf rest = { run->in.data + used, run->in.len - used,
				    run->in.len - used };
		const uint8_t *body;

		got = frame_next(&rest, &body, &len);
		if (got <= 0)
			break;
		run->in_used = used + FRAME_HEAD + len;
		got = take_frame(run, body, len, &why);
		if (got < 0)
			break;
		used += FRAME_HEAD + len;
	}
	run->in_used = 0;
	buf_consume(&run->in, used);
	if (run->late.len && got >= 0)
		got = give_back(run);
	if (got < 0) {
		link_lost(run, why);
		return got;
	}
	return 0;
}

/* Reads once, without regard to blocking; 0 or -errno. */
static int receive(struct run *run, struct buf *in)
{
	ssize_t n;

	if (buf_reserve(in, READ_STEP))
		return -ENOMEM;
	do {
		n = io_read(run->channel.in, in->data + in->len, READ_STEP);
	} while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN)
		return 0;
	if (n <= 0)
		return n ? -errno : -ECONNRESET;
	in->len += (size_t)n;
	run->bytes_in += (size_t)n;
	return 0;
}

void take_replies(struct run *run)
{
	int err;

	run->told = 0;
	err = run->in_waits ? 0 : receive(run, &run->in);
	run->in_waits = false;
	if (err)
		link_lost(run, err == -ECONNRESET ? "closed by the server" :
						    strerror(-err));
	else
		take_frames(run);
}

static void nothing(struct run *run, struct tracee *t)
{
	(void)run;
	t->state = T_RUNNING;
}

int ask_now(struct run *run, struct tracee *t)
{
	ask(run, t, nothing);
	while (t->state == T_ASKING && !run->lost)
		take_replies(run);
	return run->lost ? -EIO : 0;
}

/* ---- one answer, out of turn ---- */

/* Takes the answer to task's call out of late: 1, 0 when it is not there. */
static int find_answer(struct run *run, struct tracee *task)
{
	const char *why = "a frame of impossible length";
	struct buf *late = &run->late;
	struct msg_head head;
	const uint8_t *body;
	size_t at = 0;
	size_t len;
	int got;

	for (;;) {
		struct buf rest = { late->data + at, late->len - at,
				    late->len - at };

		got = frame_next(&rest, &body, &len);
		if (got <= 0)
			return got;
		got = wire_get_head(body, len, &head, &why);
		if (got)
			return got;
		if (head.type == MSG_REPLY && head.task == task->task &&
		    head.seq == task->req.seq)
			break;
		at += FRAME_HEAD + len;
	}
	got = wire_get_rest(&head, body, len, &task->req, &task->arena, &why);
	if (!got)
		got = wire_keep_reply(&task->req, &task->arena);
	memmove(late->data + at, late->data + at + FRAME_HEAD + len,
		late->len - at - FRAME_HEAD - len);
	late->len -= FRAME_HEAD + len;
	return got ? got : 1;
}

int ask_alone(struct run *run, struct tracee *task)
{
	size_t used = run->in_used;
	int err = 0;
	int got = 0;

	ask(run, task, nothing);
	if (run->lost)
		return -EIO;
	/* The frame under way is still in use. */
	if (!run->late.len)
		err = buf_add(&run->late, run->in.data + used,
			      run->in.len - used);
	run->in.len = used;
	while (!err && !(got = find_answer(run, task)))
		err = receive(run, &run->late);
	err = err ? err : got < 0 ? got : 0;
	tracee_answered(run, task);
	task->state = T_RUNNING;
	task->then = NULL;
	if (err) {
		link_lost(run, strerror(-err));
		return -EIO;
	}
	if (!used)
		err = give_back(run);
	return err;
}
