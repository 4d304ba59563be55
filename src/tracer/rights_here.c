/* Descriptors in messages through sockets of this side. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "call/message.h"
#include "tracer/hooks.h"
#include "tracer/memory.h"
#include "tracer/rights.h"

/* The control messages of message k, as they are in the tracee now. */
static struct piece control_of(struct tracee *t, size_t k)
{
	struct piece control = { 0 };
	struct msghdr hdr;

	if (memory_read(t->pid, t->arg[1] + k * sizeof(struct mmsghdr), &hdr,
			sizeof(hdr)) ||
	    !hdr.msg_control || hdr.msg_controllen < sizeof(struct cmsghdr) ||
	    hdr.msg_controllen > MESSAGE_CONTROL_MAX)
		return control;
	control.data = arena_alloc(&t->arena, hdr.msg_controllen);
	if (!control.data || memory_read(t->pid, (uintptr_t)hdr.msg_control,
					 control.data, hdr.msg_controllen))
		return control;
	control.len = (uint32_t)hdr.msg_controllen;
	control.given = true;
	return control;
}

/* How many messages there are before the call. */
static size_t asked(const struct tracee *t)
{
	unsigned int len = t->call->arg[1].len;
	uint64_t n = len ? (uint32_t)t->arg[len] : 1;

	return n < MESSAGES_MAX ? n : MESSAGES_MAX;
}

/* Those of the first count messages; NULL when there is none, or no memory. */
static struct rights *begin_all(struct tracee *t, size_t count)
{
	struct piece *control =
		arena_alloc(&t->arena, (count + 1) * sizeof(*control));
	struct rights *r;
	size_t n = 0;

	for (size_t k = 0; control && k < count; k++) {
		control[k] = control_of(t, k);
		n += rights_count(&control[k]);
	}
	r = n ? rights_begin(t, n) : NULL;
	for (size_t k = 0; r && k < count; k++)
		rights_collect(r, &control[k], k);
	return r;
}

/* ---- sending ---- */

static void sent(struct run *run, struct tracee *t)
{
	struct rights *r = t->rights;

	for (size_t i = 0; t->regs.ret >= 0 && i < r->n; i++)
		r->right[i].flight = NULL;
	rights_drop(run, t);
	finish_exit(run, t, t->regs.ret);
}

static void next_put(struct run *run, struct tracee *t);

static void put_away(struct run *run, struct tracee *t)
{
	struct rights *r = t->rights;
	struct right *right = &r->right[r->at++];
	struct entry *e = files_get(t->files, right->fd);
	int fd = tracee_fd(t, right->fd);
	int64_t err = t->req.ret < 0 ? t->req.ret : !e ? -EBADF : fd;

	if (err >= 0) {
		right->flight = flight_add(run, t, fd, e->remote);
		err = right->flight ? 0 : -ENOMEM;
	} else if (fd >= 0) {
		close(fd);
	}
	if (err < 0) {
		log_err("descriptor %d of the server cannot be sent: %s",
			right->fd, strerror((int)-err));
		rights_drop(run, t);
		finish_skip(run, t, err);
		return;
	}
	right->flight->number = (uint32_t)t->req.ret;
	next_put(run, t);
}

static void next_put(struct run *run, struct tracee *t)
{
	struct rights *r = t->rights;

	for (; r->at < r->n; r->at++) {
		struct entry *e = files_get(t->files, r->right[r->at].fd);

		if (!e)
			continue;
		t->req = (struct req){ .call = call_by_name("rsc_put") };
		t->req.val[0].num = (uint64_t)e->handle;
		ask(run, t, put_away);
		return;
	}
	t->still = false;
	t->req = r->req;
	let_go_then(run, t, sent);
}

static bool has_remote(struct tracee *t, const struct rights *r)
{
	for (size_t i = 0; i < r->n; i++)
		if (files_get(t->files, r->right[i].fd))
			return true;
	return false;
}

/* ---- receiving ---- */

static void next_take(struct run *run, struct tracee *t);

static void taken(struct run *run, struct tracee *t)
{
	struct rights *r = t->rights;
	struct right *right = &r->right[r->at++];
	uint32_t number = (uint32_t)t->req.val[0].num;
	struct flight *flight = flight_by_number(run, number);

	if (t->req.ret < 0 || !flight) {
		log_err("descriptor %d was sent and did not arrive: %s",
			right->fd, strerror((int)-t->req.ret));
	} else if (files_set(t->files, right->fd, (int)t->req.ret,
			     flight->remote)) {
		tell_close(run, t, (int)t->req.ret);
	} else if (!(message_flags(t) & MSG_PEEK)) {
		flight_end(run, flight);
	}
	next_take(run, t);
}

static void next_take(struct run *run, struct tracee *t)
{
	struct rights *r = t->rights;
	struct flight *flight;

	for (; r->at < r->n; r->at++) {
		flight = flight_by_fd(run, t->pid, r->right[r->at].fd);
		if (!flight)
			continue;
		if (run->fds_high) {
			log_err("descriptor %d of the server came by a message and is no use with --fds=high; use --fds=lowest",
				r->right[r->at].fd);
			continue;
		}
		t->req = (struct req){ .call = call_by_name("rsc_take") };
		t->req.val[0].num = flight->number;
		t->req.val[1].num = message_flags(t) & MSG_PEEK;
		ask(run, t, taken);
		return;
	}
	t->req = r->req;
	rights_drop(run, t);
	finish_exit(run, t, t->regs.ret);
}

static void came(struct run *run, struct tracee *t)
{
	struct rights *r = NULL;

	if (t->regs.ret >= 0 && run->flights)
		r = begin_all(t, t->call->arg[1].len ? (size_t)t->regs.ret : 1);
	if (r)
		next_take(run, t);
	else
		finish_exit(run, t, t->regs.ret);
}

void rights_here(struct run *run, struct tracee *t)
{
	bool sends = t->call->arg[1].kind == ARG_MSG_IN;
	struct rights *r;

	if (!sends) {
		for (size_t k = 0; k < asked(t); k++) {
			if (!control_of(t, k).given)
				continue;
			let_go_then(run, t, came);
			return;
		}
		let_go(run, t);
		return;
	}
	r = t->files->cap ? begin_all(t, asked(t)) : NULL;
	if (r && has_remote(t, r)) {
		next_put(run, t);
		return;
	}
	if (r)
		rights_drop(run, t);
	let_go(run, t);
}
