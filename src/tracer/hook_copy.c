/*
 * sendfile, splice and their kin between descriptors of both sides.
 *
 * Theory of Operation. Between two descriptors of one side that side's kernel
 * does it. From a remote file to a local descriptor the bytes are put into the
 * file's placeholder and the program's own call then runs on it, so blocking,
 * signals and the local kernel's rules stay as they are. From a local
 * descriptor to a remote one the tracer looks at what is there, forwards it as
 * a write, and takes away what was written. From a remote pipe or socket to a
 * local pipe it forwards a read of what the pipe has room for. Where there is
 * nothing, or no room, the program waits for it in a ppoll of this kernel and
 * makes its call again. One step moves at most STEP bytes; calls of this family
 * may do less than they were asked to.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"
#include "tracer/hooks.h"
#include "tracer/memory.h"
#include "tracer/scratch.h"

#define STEP (1u << 20)

/* Where the parts of a copy stand among its arguments; -1: not there. */
struct form {
	int in;
	int in_off;
	int out;
	int out_off;
	int count;
	int flags;
};

static const struct form form_sendfile = { 1, 2, 0, -1, 3, -1 };
static const struct form form_splice = { 0, 1, 2, 3, 4, 5 };

static const struct form *form_of(const struct tracee *t)
{
	return !strcmp(t->call->name, "sendfile") ? &form_sendfile :
						    &form_splice;
}

static uint64_t off_address(const struct tracee *t, int arg)
{
	return arg < 0 ? 0 : t->arg[arg];
}

static uint64_t step(const struct tracee *t)
{
	uint64_t count = t->arg[form_of(t)->count];

	return count < STEP ? count : STEP;
}

static void request(struct tracee *t, const char *name, int handle)
{
	t->req = (struct req){ .call = call_by_name(name) };
	t->req.val[0].num = (uint64_t)handle;
}

static void drop_copy(struct tracee *t)
{
	image_pull_end(files_images, t->pulled);
	t->pulled = NULL;
	if (t->fill_fd >= 0)
		close(t->fill_fd);
	t->fill_fd = -1;
}

static void fail(struct run *run, struct tracee *t, int64_t err)
{
	drop_copy(t);
	finish_skip(run, t, err);
}

/* ---- from a remote file, through its placeholder ---- */

static void pulled_settled(struct run *run, struct tracee *t)
{
	finish_exit(run, t, t->result);
}

static void pulled_done(struct run *run, struct tracee *t)
{
	const struct form *f = form_of(t);
	struct entry *e = files_get(t->files, (int32_t)t->arg[f->in]);
	int64_t ret = t->regs.ret;
	struct req seek = { .call = call_by_name("lseek") };

	arch_put_args(t->pid, t->arg);
	t->result = ret;
	drop_copy(t);
	if (e && ret > 0 && !off_address(t, f->in_off)) {
		seek.val[0].num = (uint64_t)e->handle;
		seek.val[1].num = t->fill_at + (uint64_t)ret;
		seek.val[2].num = SEEK_SET;
		tell_last(run, t, &seek);
	}
	settle(run, t, true, true, pulled_settled);
}

/* The bytes that came, as pages of the placeholder. */
static int pull_bytes(struct run *run, struct tracee *t)
{
	const struct value *v = &t->req.val[1];

	/* Who waits for a page must not see a part of one. */
	if (t->pulled->lazy)
		return lazy_need(run, t->pulled, t->fill_at,
				 t->fill_at + v->len);
	return image_pull(t->pulled, t->fill_at, v->data, v->len);
}

static void pulled(struct run *run, struct tracee *t)
{
	const struct form *f = form_of(t);
	struct value *v = &t->req.val[1];
	uint64_t arg[CALL_ARGS];
	int fd;

	if (t->req.ret <= 0) {
		fail(run, t, t->req.ret);
		return;
	}
	fd = tracee_fd(t, (int32_t)t->arg[f->in]);
	if (fd < 0 || pull_bytes(run, t) ||
	    (!off_address(t, f->in_off) &&
	     lseek(fd, (off_t)t->fill_at, SEEK_SET) < 0)) {
		if (fd >= 0)
			close(fd);
		fail(run, t, -EIO);
		return;
	}
	close(fd);
	memcpy(arg, t->arg, sizeof(arg));
	arg[f->count] = v->len;
	arch_put_call(t->pid, t->regs.nr, arg);
	let_go_then(run, t, pulled_done);
}

static void pull_from(struct run *run, struct tracee *t)
{
	struct entry *e = files_get(t->files, (int32_t)t->arg[form_of(t)->in]);

	request(t, "pread64", e->handle);
	t->req.val[1].num = 1;
	t->req.val[1].len = step(t);
	t->req.val[2].num = step(t);
	t->req.val[3].num = t->fill_at;
	ask(run, t, pulled);
}

static void pull_at(struct run *run, struct tracee *t)
{
	if (t->req.ret < 0) {
		fail(run, t, t->req.ret);
		return;
	}
	t->fill_at = (uint64_t)t->req.ret;
	pull_from(run, t);
}

static void pull_start(struct run *run, struct tracee *t)
{
	struct entry *e = files_get(t->files, (int32_t)t->arg[form_of(t)->in]);
	uint64_t address = off_address(t, form_of(t)->in_off);
	int err;

	keeper_end(run, t);
	if (!e || !e->remote->image) {
		fail(run, t, -EBADF);
		return;
	}
	t->pulled = image_pull_begin(e->remote->image);
	if (address) {
		err = memory_read(t->pid, address, &t->fill_at,
				  sizeof(t->fill_at));
		if (err)
			fail(run, t, err);
		else
			pull_from(run, t);
		return;
	}
	request(t, "lseek", e->handle);
	t->req.val[2].num = SEEK_CUR;
	ask(run, t, pull_at);
}

static void pull_turn(struct run *run, struct tracee *t)
{
	keeper_flush(run, t, 0, UINT64_MAX, false, pull_start);
}

/* ---- the wait of a call that would block here ---- */

#define ERESTARTSYS 512

static void waited(struct run *run, struct tracee *t)
{
	int64_t ret = t->regs.ret;

	scratch_end(t);
	if (ret > 0) {
		t->regs = t->scratch.regs;
		arch_wait_again(t->pid, &t->regs);
		let_go(run, t);
		return;
	}
	/* A signal: its handler decides whether the call is made again. */
	arch_put_nr(t->pid, t->scratch.regs.nr);
	finish_exit(run, t, -ERESTARTSYS);
}

static void wait_here(struct run *run, struct tracee *t)
{
	uint64_t arg[CALL_ARGS] = { scratch_addr(t), 1 };
	int err;

	err = memory_write(t->pid, arg[0], &t->wait_for, sizeof(t->wait_for));
	if (err) {
		scratch_drop(t);
		finish_skip(run, t, err);
		return;
	}
	scratch_call(run, t, call_nr(call_by_name("ppoll")), arg, waited);
}

static bool is_remote_pipe(const struct entry *e)
{
	return (e->remote->object & ~(uint32_t)OBJECT_POLLABLE) == OBJECT_PIPE;
}

static bool may_not_wait(const struct tracee *t)
{
	int flags = form_of(t)->flags;

	return flags >= 0 && t->arg[flags] & SPLICE_F_NONBLOCK;
}

/* Until the program's descriptor fd is ready; then it calls once more. */
static void wait_for(struct run *run, struct tracee *t, int fd, short events)
{
	drop_copy(t);
	if (may_not_wait(t) || files_flags(t->pid, fd) & O_NONBLOCK) {
		finish_skip(run, t, -EAGAIN);
		return;
	}
	t->wait_for = (struct pollfd){ .fd = fd, .events = events };
	scratch_get(run, t, sizeof(t->wait_for), wait_here, NULL);
}

/* ---- from a remote pipe or socket to a pipe ---- */

static void drained(struct run *run, struct tracee *t)
{
	struct value *v = &t->req.val[1];
	int64_t ret = t->req.ret;
	ssize_t n;

	if (ret > 0) {
		n = write(t->fill_fd, v->data, (size_t)ret);
		if (n < ret)
			log_err("%s: %lld bytes found no room in a pipe that "
				"others write to as well",
				t->call->name,
				(long long)(ret - (n < 0 ? 0 : n)));
		ret = n < 0 ? -errno : n;
	}
	raise_for(t, ret);
	fail(run, t, ret);
}

/* Bytes that a pipe takes without blocking, or -EPIPE. */
static int64_t room_of(int fd)
{
	struct pollfd ready = { .fd = fd, .events = POLLOUT };
	int used;

	poll(&ready, 1, 0);
	if (ready.revents & POLLERR)
		return -EPIPE;
	if (!(ready.revents & POLLOUT))
		return 0;
	if (ioctl(fd, FIONREAD, &used) || used)
		return PIPE_BUF;
	return fcntl(fd, F_GETPIPE_SZ);
}

/* A description of its own of the tracee's pipe, so that nothing blocks. */
static int pipe_end(const struct tracee *t, int fd)
{
	char name[64];

	snprintf(name, sizeof(name), "/proc/%d/fd/%d", t->pid, fd);
	return open(name, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
}

static void drain_from(struct run *run, struct tracee *t)
{
	struct entry *e = files_get(t->files, (int32_t)t->arg[form_of(t)->in]);

	if (!e) {
		fail(run, t, -EBADF);
		return;
	}
	request(t, "read", e->handle);
	t->req.val[1].num = 1;
	t->req.val[1].len = (size_t)t->fill_at;
	t->req.val[2].num = t->fill_at;
	ask(run, t, drained);
}

/* The pipe's reader must not wait: is there anything? */
static void drain_some(struct run *run, struct tracee *t)
{
	int there = 0;

	if (t->req.ret >= 0 && t->req.val[2].len == sizeof(there))
		memcpy(&there, t->req.val[2].data, sizeof(there));
	if (there)
		drain_from(run, t);
	else
		fail(run, t, t->req.ret < 0 ? t->req.ret : -EAGAIN);
}

static void drain(struct run *run, struct tracee *t, struct entry *e)
{
	const struct form *f = form_of(t);
	int out = (int)t->arg[f->out];
	int64_t room;

	if (!files_is_pipe(t->pid, out)) {
		log_info("%s from a remote pipe or socket to this side: EINVAL",
			 t->call->name);
		finish_skip(run, t, -EINVAL);
		return;
	}
	if (off_address(t, f->in_off) || off_address(t, f->out_off)) {
		finish_skip(run, t, -ESPIPE);
		return;
	}
	t->fill_fd = pipe_end(t, out);
	room = t->fill_fd < 0 ? -errno : room_of(t->fill_fd);
	if (!room) {
		wait_for(run, t, out, POLLOUT);
		return;
	}
	if (room < 0) {
		room = room == -ENXIO ? -EPIPE : room;
		raise_for(t, room);
		fail(run, t, room);
		return;
	}
	if (step(t) < (uint64_t)room)
		room = (int64_t)step(t);
	t->fill_at = (uint64_t)room;
	if (!is_remote_pipe(e) || !may_not_wait(t)) {
		drain_from(run, t);
		return;
	}
	request(t, "FIONREAD", e->handle);
	t->req.val[1].num = FIONREAD;
	t->req.val[2].num = 1;
	t->req.val[2].len = sizeof(int);
	ask(run, t, drain_some);
}

static void pull(struct run *run, struct tracee *t, struct entry *e)
{
	struct image *img = e->remote->image;

	if (!img)
		drain(run, t, e);
	/* What a mapping has changed comes first. */
	else if (img->base >= 0)
		keeper_turn(run, t, img, pull_turn);
	else
		pull_start(run, t);
}

/* ---- to a remote descriptor ---- */

static bool is_stream(int fd)
{
	return lseek(fd, 0, SEEK_CUR) < 0 && errno == ESPIPE;
}

static int add_to(struct tracee *t, uint64_t address, int64_t n)
{
	int64_t off;
	int err;

	err = memory_read(t->pid, address, &off, sizeof(off));
	if (err)
		return err;
	off += n;
	return memory_write(t->pid, address, &off, sizeof(off));
}

/* Takes what was written out of the pipe or socket where it was looked at. */
static void discard(struct tracee *t, size_t n)
{
	struct pollfd ready = { .fd = t->fill_fd, .events = POLLIN };
	uint8_t *drop = arena_alloc(&t->arena, n);

	while (drop && n && poll(&ready, 1, 0) > 0) {
		ssize_t got = read(t->fill_fd, drop, n);

		if (got <= 0)
			break;
		n -= (size_t)got;
	}
}

static void pushed(struct run *run, struct tracee *t)
{
	const struct form *f = form_of(t);
	int64_t ret = t->req.ret;
	int err = 0;

	if (ret > 0 && off_address(t, f->out_off))
		err = add_to(t, off_address(t, f->out_off), ret);
	if (ret > 0 && !err && off_address(t, f->in_off))
		err = add_to(t, off_address(t, f->in_off), ret);
	else if (ret > 0 && is_stream(t->fill_fd))
		discard(t, (size_t)ret);
	else if (ret > 0)
		lseek(t->fill_fd, ret, SEEK_CUR);
	raise_for(t, ret);
	fail(run, t, err ? err : ret);
}

/* What is in a pipe, which keeps it; bytes, or -1 and errno. */
static ssize_t peek_pipe(int fd, uint8_t *data, size_t size)
{
	ssize_t n = -1;
	int end[2];

	if (pipe2(end, O_CLOEXEC))
		return -1;
	n = tee(fd, end[1], size, SPLICE_F_NONBLOCK);
	if (n > 0)
		n = read(end[0], data, (size_t)n);
	close(end[0]);
	close(end[1]);
	return n;
}

/* The same of a pipe or socket. */
static ssize_t peek(int fd, uint8_t *data, size_t size)
{
	ssize_t n = recv(fd, data, size, MSG_PEEK | MSG_DONTWAIT);

	if (n < 0 && errno == ENOTSOCK)
		n = peek_pipe(fd, data, size);
	return n;
}

/* What is there to move, into v; bytes, or -errno. */
static ssize_t take(struct tracee *t, const struct entry *e, struct value *v)
{
	const struct form *f = form_of(t);
	uint64_t address = off_address(t, f->in_off);
	int64_t off = -1;
	ssize_t n;

	v->data = arena_alloc(&t->arena, STEP);
	if (!v->data)
		return -ENOMEM;
	if (address && memory_read(t->pid, address, &off, sizeof(off)))
		return -EFAULT;
	if (is_stream(t->fill_fd)) {
		if (address)
			return -ESPIPE;
		if (f == &form_sendfile && !is_remote_pipe(e))
			return -EINVAL;
		n = peek(t->fill_fd, v->data, step(t));
	} else {
		if (off < 0)
			off = lseek(t->fill_fd, 0, SEEK_CUR);
		n = pread(t->fill_fd, v->data, step(t), off);
	}
	if (n > 0)
		v->len = (size_t)n;
	return n < 0 ? -errno : n;
}

/* A pipe there that has no room, and a call that does not wait for it. */
static bool is_full(const struct tracee *t, const struct entry *e)
{
	struct pollfd p = { .events = POLLOUT };
	bool full;

	if (!may_not_wait(t) || !is_remote_pipe(e))
		return false;
	p.fd = tracee_fd(t, (int32_t)t->arg[form_splice.out]);
	full = p.fd >= 0 && !poll(&p, 1, 0);
	if (p.fd >= 0)
		close(p.fd);
	return full;
}

static void push(struct run *run, struct tracee *t, struct entry *e)
{
	const struct form *f = form_of(t);
	uint64_t address = off_address(t, f->out_off);
	int64_t off = 0;
	ssize_t n;

	t->fill_fd = tracee_fd(t, (int32_t)t->arg[f->in]);
	if (t->fill_fd < 0) {
		fail(run, t, t->fill_fd == -EBADF ? -EBADF : -EIO);
		return;
	}
	request(t, address ? "pwrite64" : "write", e->handle);
	if (address && memory_read(t->pid, address, &off, sizeof(off))) {
		fail(run, t, -EFAULT);
		return;
	}
	n = is_full(t, e) ? -EAGAIN : take(t, e, &t->req.val[1]);
	if (n == -EAGAIN) {
		wait_for(run, t, (int)t->arg[f->in], POLLIN);
		return;
	}
	if (n <= 0) {
		fail(run, t, n);
		return;
	}
	t->req.val[1].num = 1;
	t->req.val[2].num = (uint64_t)n;
	t->req.val[3].num = (uint64_t)off;
	ask(run, t, pushed);
}

/* ---- the hooks ---- */

/* splice(2): one of the two has to be a pipe. */
static bool has_pipe(const struct tracee *t, const struct entry *e)
{
	if (is_remote_pipe(e))
		return true;
	return files_is_pipe(t->pid, (int32_t)t->arg[form_splice.in]) ||
	       files_is_pipe(t->pid, (int32_t)t->arg[form_splice.out]);
}

/* True when fd is open, and not for the other direction only. */
static bool opened_for(const struct tracee *t, int fd, int other)
{
	int flags = files_flags(t->pid, fd);

	return flags >= 0 && !(flags & O_PATH) && (flags & O_ACCMODE) != other;
}

void hook_copy(struct run *run, struct tracee *t)
{
	const struct form *f = form_of(t);
	struct entry *in = files_get(t->files, (int32_t)t->arg[f->in]);
	struct entry *out = files_get(t->files, (int32_t)t->arg[f->out]);

	if (!in == !out)
		by_fd(run, t);
	else if (!opened_for(t, (int32_t)t->arg[f->in], O_WRONLY) ||
		 !opened_for(t, (int32_t)t->arg[f->out], O_RDONLY))
		finish_skip(run, t, -EBADF);
	else if ((out && out->remote->append) ||
		 (f == &form_splice && !has_pipe(t, in ? in : out)))
		finish_skip(run, t, -EINVAL);
	else if (in)
		pull(run, t, in);
	else
		push(run, t, out);
}

/* The pages are given as bytes, which is all that can be seen of it there. */
void hook_vmsplice(struct run *run, struct tracee *t)
{
	struct entry *e = files_get(t->files, (int32_t)t->arg[0]);

	if (!e) {
		let_go(run, t);
		return;
	}
	if (!is_remote_pipe(e)) {
		finish_skip(run, t, -EBADF);
		return;
	}
	t->call = call_by_name("writev");
	forward(run, t);
}
