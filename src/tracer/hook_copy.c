/*
 * sendfile, splice and their kin between descriptors of both sides.
 *
 * Theory of Operation. Between two descriptors of one side that side's kernel
 * does it. From a remote file to a local descriptor the bytes are put into the
 * file's placeholder and the program's own call then runs on it, so blocking,
 * signals and the local kernel's rules stay as they are. From a local
 * descriptor to a remote one the tracer reads what is there and forwards it as
 * a write; a pipe's bytes are taken out when they are written, and the program
 * itself waits for an empty one. One step moves at most STEP bytes; calls of this family may do less
 * than they were asked to.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
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

static bool entry_is_pipe(const struct entry *e)
{
	return (e->remote->object & ~(uint32_t)OBJECT_POLLABLE) == OBJECT_PIPE;
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

static bool is_pipe(int fd)
{
	struct stat st;

	return !fstat(fd, &st) && S_ISFIFO(st.st_mode);
}

/* Takes n bytes out of a pipe, which take() has left in it. */
static void discard(struct tracee *t, int64_t n)
{
	uint8_t *room = arena_alloc(&t->arena, (size_t)n);

	if (room && read(t->fill_fd, room, (size_t)n) != n)
		log_warn("somebody else read from the pipe that pid %d splices from",
			 t->pid);
}

static void pushed(struct run *run, struct tracee *t)
{
	const struct form *f = form_of(t);
	int64_t ret = t->req.ret;
	int err = 0;

	if (ret > 0 && off_address(t, f->out_off))
		err = add_to(t, off_address(t, f->out_off), ret);
	if (ret > 0 && is_pipe(t->fill_fd))
		discard(t, ret);
	else if (ret > 0 && off_address(t, f->in_off))
		err = err ? err : add_to(t, off_address(t, f->in_off), ret);
	else if (ret > 0)
		lseek(t->fill_fd, ret, SEEK_CUR);
	raise_for(t, ret);
	fail(run, t, err ? err : ret);
}

/*
 * What a pipe holds, which stays in it until it is known how much of it is
 * written: a signal may end the write. Bytes, or -errno.
 */
static ssize_t peek(struct tracee *t, uint8_t *data)
{
	ssize_t n;
	int fds[2];

	if (pipe2(fds, O_CLOEXEC))
		return -errno;
	n = tee(t->fill_fd, fds[1], step(t), SPLICE_F_NONBLOCK);
	n = n > 0 ? read(fds[0], data, (size_t)n) : n < 0 ? -errno : n;
	close(fds[0]);
	close(fds[1]);
	return n;
}

/* What is there to move, into v; bytes, or -errno. */
static ssize_t take(struct tracee *t, struct value *v)
{
	const struct form *f = form_of(t);
	uint64_t address = off_address(t, f->in_off);
	int64_t off = -1;
	ssize_t n;

	v->data = arena_alloc(&t->arena, STEP);
	if (!v->data)
		return -ENOMEM;
	if (f == &form_splice && is_pipe(t->fill_fd)) {
		n = address ? -ESPIPE : peek(t, v->data);
	} else {
		if (address && memory_read(t->pid, address, &off, sizeof(off)))
			return -EFAULT;
		if (off < 0)
			off = lseek(t->fill_fd, 0, SEEK_CUR);
		n = off < 0 ? -1 : pread(t->fill_fd, v->data, step(t), off);
		/* sendfile(2): not of what has no offset */
		if (n < 0)
			n = errno == ESPIPE ? -EINVAL : -errno;
	}
	if (n > 0)
		v->len = (size_t)n;
	return n;
}

static void waited(struct run *run, struct tracee *t)
{
	scratch_end(t);
	if (t->regs.ret > 0) {
		arch_wait_again(t->pid, &t->regs);
		let_go(run, t);
	} else if (t->regs.ret > -4096) {
		finish_exit(run, t, t->regs.ret);
	} else {
		arch_wait_interrupted(t->pid, &t->regs);
		let_go(run, t);
	}
}

/* The program waits for its pipe where signals reach it. */
static void wait_for_pipe(struct run *run, struct tracee *t)
{
	struct pollfd p = { .fd = (int)t->arg[form_splice.in],
			    .events = POLLIN };
	uint64_t arg[CALL_ARGS] = { scratch_addr(t), 1, 0, 0, 0, 0 };
	int err = memory_write(t->pid, arg[0], &p, sizeof(p));

	if (err) {
		scratch_drop(t);
		finish_skip(run, t, err);
		return;
	}
	scratch_call(run, t, call_nr(call_by_name("ppoll")), arg, waited);
}

/* splice(2) of a pipe that holds nothing yet. */
static bool waits(const struct tracee *t)
{
	return form_of(t) == &form_splice && is_pipe(t->fill_fd) &&
	       !(t->arg[5] & SPLICE_F_NONBLOCK) &&
	       !(files_flags(t->pid, (int32_t)t->arg[form_splice.in]) &
		 O_NONBLOCK);
}

/* A pipe there that has no room, and a call that does not wait for it. */
static bool is_full(const struct tracee *t, const struct entry *e)
{
	struct pollfd p = { .events = POLLOUT };
	bool full;

	if (form_of(t) != &form_splice || !(t->arg[5] & SPLICE_F_NONBLOCK) ||
	    !entry_is_pipe(e))
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
	n = is_full(t, e) ? -EAGAIN : take(t, &t->req.val[1]);
	if (n == -EAGAIN && waits(t)) {
		drop_copy(t);
		scratch_get(run, t, sizeof(struct pollfd), wait_for_pipe, NULL);
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
	if (entry_is_pipe(e))
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
	if (!entry_is_pipe(e)) {
		finish_skip(run, t, -EBADF);
		return;
	}
	t->call = call_by_name("writev");
	forward(run, t);
}
