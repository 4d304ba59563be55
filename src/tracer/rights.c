/* Descriptors in messages through remote sockets, and what is common. */
#include "tracer/rights.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "call/message.h"
#include "tracer/hooks.h"

#define NOT_THERE UINT32_MAX /* in place of k: the message is cut before it */

static bool is_rights(const struct control *at)
{
	return at->level == SOL_SOCKET && at->type == SCM_RIGHTS;
}

size_t rights_count(const struct piece *control)
{
	struct control at = control_begin(control->data, control->len);
	size_t n = 0;

	while (control_next(&at))
		if (is_rights(&at))
			n += at.len / sizeof(int32_t);
	return n;
}

void rights_collect(struct rights *r, const struct piece *control,
		    size_t message)
{
	struct control at = control_begin(control->data, control->len);
	struct right *right;

	while (control_next(&at)) {
		for (unsigned int k = 0;
		     is_rights(&at) && k < at.len / sizeof(int32_t); k++) {
			right = &r->right[r->n++];
			*right = (struct right){ .handle = -1, .place = -1 };
			right->at = at.data + k * sizeof(int32_t);
			right->head = at.data - sizeof(struct cmsghdr);
			right->k = k;
			right->message = message;
			memcpy(&right->fd, right->at, sizeof(right->fd));
		}
	}
}

struct rights *rights_begin(struct tracee *t, size_t n)
{
	struct rights *r =
		arena_alloc(&t->arena, sizeof(*r) + n * sizeof(r->right[0]));

	if (!r)
		return NULL;
	*r = (struct rights){ .req = t->req };
	t->rights = r;
	/* Nothing of it can be done twice. */
	t->still = true;
	return r;
}

/* Those of all messages of t->req; NULL when there is none, or no memory. */
static struct rights *begin_all(struct tracee *t, size_t count)
{
	const struct value *v = &t->req.val[1];
	struct rights *r;
	size_t n = 0;

	for (size_t k = 0; k < count; k++)
		n += rights_count(&v->msg[k].control);
	r = n ? rights_begin(t, n) : NULL;
	for (size_t k = 0; r && k < count; k++)
		rights_collect(r, &v->msg[k].control, k);
	return r;
}

static void set_number(struct right *right, int32_t number)
{
	memcpy(right->at, &number, sizeof(number));
}

static void end(struct tracee *t)
{
	t->rights = NULL;
	t->still = false;
}

void rights_drop(struct run *run, struct tracee *t)
{
	struct rights *r = t->rights;

	for (size_t i = 0; r && i < r->n; i++) {
		struct right *right = &r->right[i];

		if (right->handle >= 0)
			tell_close(run, t, right->handle);
		if (right->place >= 0)
			close(right->place);
		if (right->flight)
			flight_lost(run, t, right->flight);
		remote_unref(right->remote);
	}
	end(t);
}

static void fail(struct run *run, struct tracee *t, int64_t err)
{
	rights_drop(run, t);
	finish_skip(run, t, err);
}

/* ---- sending ---- */

static void sent(struct run *run, struct tracee *t)
{
	struct rights *r = t->rights;

	/* On their way, unless the call failed. */
	for (size_t i = 0; t->req.ret >= 0 && i < r->n; i++)
		r->right[i].flight = NULL;
	rights_drop(run, t);
	finish_reply(run, t);
}

static void next_token(struct run *run, struct tracee *t);

static void token_made(struct run *run, struct tracee *t)
{
	struct rights *r = t->rights;
	struct right *right = &r->right[r->at++];
	int place = right->place;

	if (t->req.ret < 0) {
		fail(run, t, t->req.ret);
		return;
	}
	right->handle = (int)t->req.ret;
	right->place = -1;
	right->flight = flight_add(run, t, place, NULL);
	if (!right->flight) {
		fail(run, t, -ENOMEM);
		return;
	}
	right->flight->dev = t->req.dev;
	right->flight->ino = t->req.ino;
	set_number(right, right->handle);
	next_token(run, t);
}

/* One of the rights cannot be sent: the kernel looks at the socket first. */
static int64_t cannot_send(const struct tracee *t, int64_t err)
{
	const struct entry *e = files_get(t->files, (int32_t)t->arg[0]);
	uint32_t kind;

	if (!e || e->remote->names)
		return -EBADF;
	kind = e->remote->object & ~(uint32_t)OBJECT_POLLABLE;
	return kind == OBJECT_SOCKET || kind == OBJECT_DGRAM ? err : -ENOTSOCK;
}

static void next_token(struct run *run, struct tracee *t)
{
	struct rights *r = t->rights;

	for (; r->at < r->n; r->at++) {
		struct right *right = &r->right[r->at];
		struct entry *e = files_get(t->files, right->fd);

		if (e && e->remote->names) {
			fail(run, t, cannot_send(t, -EBADF));
			return;
		}
		if (e) {
			set_number(right, e->handle);
			continue;
		}
		right->place = tracee_fd(t, right->fd);
		if (right->place < 0) {
			fail(run, t, cannot_send(t, right->place));
			return;
		}
		t->req = (struct req){ .call = call_by_name("rsc_token") };
		ask(run, t, token_made);
		return;
	}
	t->still = false;
	t->req = r->req;
	ready_bind(run, t);
	ask(run, t, sent);
}

/* ---- receiving ---- */

static void next_right(struct run *run, struct tracee *t);

/* F_GETFL: what stands for it is opened alike. */
static void looked_at(struct run *run, struct tracee *t)
{
	struct rights *r = t->rights;
	struct right *right = &r->right[r->at++];
	uint64_t flags = t->req.ret < 0 ? O_RDWR : (uint64_t)t->req.ret;

	right->remote = remote_new(right->object, NULL);
	if (right->remote) {
		right->remote->locked = true;
		right->remote->quiet =
			(right->object & ~(uint32_t)OBJECT_POLLABLE) ==
			OBJECT_DGRAM;
		right->place = placeholder_make(right->remote, right->dev,
						right->ino, flags);
	}
	next_right(run, t);
}

static void adopted(struct run *run, struct tracee *t)
{
	struct rights *r = t->rights;
	struct right *right = &r->right[r->at];
	struct flight *flight = NULL;

	if (t->req.ret >= 0)
		flight = flight_by_token(run, t->req.dev, t->req.ino);
	if (t->req.ret < 0) {
		right->handle = -1;
		r->at++;
		next_right(run, t);
	} else if (flight) {
		tell_close(run, t, right->handle);
		right->handle = -1;
		right->place = fcntl(flight->fd, F_DUPFD_CLOEXEC, 0);
		if (!(message_flags(t) & MSG_PEEK))
			flight_end(run, flight);
		r->at++;
		next_right(run, t);
	} else {
		right->object = t->req.object;
		right->dev = t->req.dev;
		right->ino = t->req.ino;
		t->req = (struct req){ .call = call_by_name("F_GETFL") };
		t->req.val[0].num = (uint64_t)right->handle;
		t->req.val[1].num = F_GETFL;
		ask(run, t, looked_at);
	}
}

static void next_right(struct run *run, struct tracee *t)
{
	struct rights *r = t->rights;

	if (r->at < r->n) {
		r->right[r->at].handle = r->right[r->at].fd;
		t->req = (struct req){ .call = call_by_name("rsc_adopt") };
		t->req.val[0].num = (uint64_t)r->right[r->at].handle;
		ask(run, t, adopted);
		return;
	}
	t->req = r->req;
	placeholder_begin(run, t);
}

static void came(struct run *run, struct tracee *t)
{
	struct rights *r = NULL;

	if (t->req.ret >= 0)
		r = begin_all(t, message_count(&t->req, 1));
	if (r)
		next_right(run, t);
	else
		finish_reply(run, t);
}

void rights_forward(struct run *run, struct tracee *t)
{
	const struct value *v = &t->req.val[1];
	bool asks = false;

	if (t->call->arg[1].kind == ARG_MSG_IN) {
		if (begin_all(t, v->len)) {
			next_token(run, t);
			return;
		}
	} else {
		for (size_t k = 0; k < v->len; k++)
			asks |= v->msg[k].control.given;
	}
	ready_bind(run, t);
	ask(run, t, asks ? came : finish_reply);
}

/* ---- putting in ---- */

/* What there was no place for: as the kernel cuts it. */
static void cut(struct run *run, struct tracee *t, size_t from)
{
	struct rights *r = t->rights;
	struct right *first = &r->right[from];
	struct message *m = &t->req.val[1].msg[first->message];
	unsigned int k = first->k;
	struct cmsghdr head;

	for (size_t i = from; i < r->n; i++) {
		struct right *right = &r->right[i];

		if (right->message != first->message)
			break;
		if (right->handle >= 0)
			tell_close(run, t, right->handle);
		right->handle = -1;
		right->k = NOT_THERE;
	}
	m->flags |= MSG_CTRUNC;
	m->control.len = (uint32_t)(first->head - m->control.data);
	if (!k)
		return;
	memcpy(&head, first->head, sizeof(head));
	head.cmsg_len = CMSG_LEN(k * sizeof(int32_t));
	memcpy(first->head, &head, sizeof(head));
	m->control.len += (uint32_t)head.cmsg_len;
}

/* Its number in the program, or -errno. */
static int put_in(struct run *run, struct tracee *t, const struct right *right,
		  uint64_t id)
{
	struct seccomp_notif_addfd add = {
		.id = id,
		.srcfd = (uint32_t)right->place,
		.newfd_flags = message_flags(t) & MSG_CMSG_CLOEXEC ? O_CLOEXEC :
								     0,
	};
	int fd;

	if (right->place < 0)
		return -EMFILE;
	if (run->fds_high && right->remote) {
		fd = files_lowest(t->files, t->pid, FDS_HIGH);
		if (fd < 0)
			return fd;
		add.newfd = (uint32_t)fd;
		add.flags = SECCOMP_ADDFD_FLAG_SETFD;
	}
	fd = ioctl(run->listener, SECCOMP_IOCTL_NOTIF_ADDFD, &add);
	return fd < 0 ? -errno : fd;
}

void rights_place(struct run *run, struct tracee *t, uint64_t id)
{
	struct seccomp_notif_resp resp = { .id = id };
	struct rights *r = t->rights;
	int64_t ret;
	int fd;

	for (size_t i = 0; i < r->n; i++) {
		struct right *right = &r->right[i];

		if (right->k == NOT_THERE)
			continue;
		fd = put_in(run, t, right, id);
		if (fd == -ENOENT) /* it is being killed */
			return;
		if (fd >= 0 && right->remote)
			fd = files_set(t->files, fd, right->handle,
				       right->remote) ?
				     -ENOMEM :
				     fd;
		if (fd < 0) {
			cut(run, t, i);
			continue;
		}
		set_number(right, fd);
		right->handle = -1;
	}
	ret = store(t);
	rights_drop(run, t);
	t->state = T_RUNNING;
	tracee_places(run, t, false);
	account(run, t, ret);
	arena_reset(&t->arena);
	if (ret < 0)
		resp.error = (int)ret;
	else
		resp.val = ret;
	ioctl(run->listener, SECCOMP_IOCTL_NOTIF_SEND, &resp);
	signal_release(t);
}
