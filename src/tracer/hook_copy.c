/*
 * sendfile, splice and their kin between descriptors of both sides.
 *
 * Theory of Operation. Between two descriptors of one side that side's kernel
 * does it. From a remote file to a local descriptor the bytes are put into the
 * file's placeholder and the program's own call then runs on it, so blocking,
 * signals and the local kernel's rules stay as they are. From a local
 * descriptor to a remote one the tracer reads what is there and forwards it as
 * a write. One step moves at most STEP bytes; calls of this family may do less
 * than they were asked to.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"
#include "tracer/hooks.h"
#include "tracer/memory.h"

#define STEP (1u << 20)

/* Where the parts of a copy stand among its arguments; -1: not there. */
struct form {
	int in;
	int in_off;
	int out;
	int out_off;
	int count;
};

static const struct form form_sendfile = { 1, 2, 0, -1, 3 };
static const struct form form_splice = { 0, 1, 2, 3, 4 };

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

static void pulled_done(struct run *run, struct tracee *t)
{
	const struct form *f = form_of(t);
	struct entry *e = files_get(t->files, (int32_t)t->arg[f->in]);
	int64_t ret = t->regs.ret;
	struct req seek = { .call = call_by_name("lseek") };

	arch_put_args(t->pid, t->arg);
	if (e && ret > 0 && !off_address(t, f->in_off)) {
		seek.val[0].num = (uint64_t)e->handle;
		seek.val[1].num = t->fill_at + (uint64_t)ret;
		seek.val[2].num = SEEK_SET;
		tell(run, t, &seek);
	}
	drop_copy(t);
	finish_exit(run, t, ret);
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
	if (fd < 0 || image_pull(t->pulled, t->fill_at, v->data, v->len) ||
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

static void pull(struct run *run, struct tracee *t, struct entry *e)
{
	struct image *img = e->remote->image;

	if (!img) {
		log_info("%s from a remote pipe or socket to this side: EINVAL",
			 t->call->name);
		finish_skip(run, t, -EINVAL);
		return;
	}
	/* What a mapping has changed comes first. */
	if (img->base >= 0)
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

static void pushed(struct run *run, struct tracee *t)
{
	const struct form *f = form_of(t);
	int64_t ret = t->req.ret;
	int err = 0;

	/* What came out of a pipe cannot be put back: write all of it. */
	if (ret > 0 && is_stream(t->fill_fd) &&
	    (size_t)ret < t->req.val[1].len) {
		t->at += (uint64_t)ret;
		t->req.val[1].data += ret;
		t->req.val[1].len -= (size_t)ret;
		t->req.val[2].num = t->req.val[1].len;
		t->req.val[3].num += (uint64_t)ret;
		ask(run, t, pushed);
		return;
	}
	ret = whole_result(t, ret);
	if (ret > 0 && off_address(t, f->out_off))
		err = add_to(t, off_address(t, f->out_off), ret);
	if (ret > 0 && !err && off_address(t, f->in_off))
		err = add_to(t, off_address(t, f->in_off), ret);
	else if (ret > 0 && !is_stream(t->fill_fd))
		lseek(t->fill_fd, ret, SEEK_CUR);
	raise_for(t, ret);
	fail(run, t, err ? err : ret);
}

/* What is there to move, into v; bytes, or -errno. */
static ssize_t take(struct tracee *t, struct value *v)
{
	const struct form *f = form_of(t);
	uint64_t address = off_address(t, f->in_off);
	struct pollfd ready = { .fd = t->fill_fd, .events = POLLIN };
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
		poll(&ready, 1, 0);
		if (!ready.revents)
			return -EAGAIN;
		n = read(t->fill_fd, v->data, step(t));
	} else {
		if (off < 0)
			off = lseek(t->fill_fd, 0, SEEK_CUR);
		n = pread(t->fill_fd, v->data, step(t), off);
	}
	if (n > 0)
		v->len = (size_t)n;
	return n < 0 ? -errno : n;
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
	n = take(t, &t->req.val[1]);
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
	if ((e->remote->object & ~(uint32_t)OBJECT_POLLABLE) == OBJECT_PIPE)
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
	if ((e->remote->object & ~(uint32_t)OBJECT_POLLABLE) != OBJECT_PIPE) {
		finish_skip(run, t, -EBADF);
		return;
	}
	t->call = call_by_name("writev");
	forward(run, t);
}
