/*
 * io_submit(2) with remote descriptors.
 *
 * Theory of Operation. Contexts are this kernel's: their events lie in memory
 * of the program, and who waits for them waits in this kernel. A transfer of a
 * remote descriptor is made on the server first, as the plain call that it is;
 * natively, too, most of them are done when io_submit returns. Then the
 * program's io_submit is made, and each such iocb says for this once something
 * that ends at once with the same result: to write so many bytes to /dev/zero.
 * The event comes as any other: who waits wakes up, an eventfd is rung. A
 * transfer that failed says something that fails, and the event gets its errno
 * in the program's ring. Polls are left to the placeholder.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tracer/hooks.h"
#include "tracer/memory.h"

#define RING_MAGIC 0xa10a10a1
#define NOWHERE 1 /* an address at which nothing is ever mapped */

static const char zero_name[16] = "/dev/zero";

_Static_assert(sizeof(struct iocb) == 64, "iocb");
_Static_assert(sizeof(struct io_event) == 32, "io_event");

/* The head of a context's ring: fs/aio.c. */
struct ring {
	uint32_t id;
	uint32_t nr;
	uint32_t head;
	uint32_t tail;
	uint32_t magic;
	uint32_t compat;
	uint32_t incompat;
	uint32_t header;
};

/* One iocb that says something else for this once. */
struct op {
	uint64_t addr; /* of the iocb; 0: it says what it said */
	struct iocb iocb;
	int64_t ret;
};

struct aio {
	struct regs regs;
	const struct call *call;
	uint64_t arg[CALL_ARGS];
	uint64_t iov; /* an iovec in scratch memory */
	uint64_t n;
	uint64_t i;
	int64_t ret; /* of io_submit */
	int zero;    /* the program's number for /dev/zero */
	struct op op[];
};

/* The rows that make a transfer, by its kind and where it goes. */
enum how { HOW_PLACE, HOW_STREAM, HOW_FLAGS, HOWS };

static const struct {
	bool vector;
	bool sync;
	const char *name[HOWS];
} rows[] = {
	[IOCB_CMD_PREAD] = { .name = { "pread64", "read", "preadv2" } },
	[IOCB_CMD_PWRITE] = { .name = { "pwrite64", "write", "pwritev2" } },
	[IOCB_CMD_FSYNC] = { .sync = true, .name = { "fsync" } },
	[IOCB_CMD_FDSYNC] = { .sync = true, .name = { "fdatasync" } },
	[IOCB_CMD_PREADV] = { true, false, { "preadv", "readv", "preadv2" } },
	[IOCB_CMD_PWRITEV] = { true,
			       false,
			       { "pwritev", "writev", "pwritev2" } },
};

static bool is_transfer(unsigned int opcode)
{
	return opcode < sizeof(rows) / sizeof(*rows) && rows[opcode].name[0];
}

void aio_drop(struct tracee *t)
{
	free(t->aio);
	t->aio = NULL;
	t->if_done = NULL;
	t->still = false;
}

/* The program's call again. */
static void restore(struct tracee *t)
{
	t->call = t->aio->call;
	memcpy(t->arg, t->aio->arg, sizeof(t->arg));
}

static void end(struct run *run, struct tracee *t, int64_t ret)
{
	restore(t);
	scratch_drop(t);
	aio_drop(t);
	finish_skip(run, t, ret);
}

/* At an exit stop: the call is made once more, whose stop calls then. */
static void once_more(struct tracee *t, then_fn then)
{
	arch_put_args(t->pid, t->aio->regs.arg);
	arch_wait_again(t->pid, &t->aio->regs);
	t->regs = t->aio->regs;
	t->state = T_RUNNING;
	t->rejoin = true;
	t->then = then;
	ptrace(PTRACE_CONT, t->pid, 0, 0);
}

/* ---- the program's own call, with other iocbs ---- */

static void closed(struct run *run, struct tracee *t)
{
	int64_t ret = t->aio->ret;

	arch_put_args(t->pid, t->aio->regs.arg);
	restore(t);
	scratch_drop(t);
	aio_drop(t);
	t->regs.ret = 0;
	arch_set_ret(t->pid, ret);
	t->regs.ret = ret;
	finish_exit(run, t, ret);
}

static void close_zero(struct run *run, struct tracee *t)
{
	uint64_t arg[CALL_ARGS] = { (uint64_t)t->aio->zero };

	scratch_call(run, t, call_nr(call_by_name("close")), arg, closed);
}

/* The events of what failed get their errno. */
static void tell_errors(struct tracee *t)
{
	const uint64_t ctx = t->aio->arg[0];
	struct io_event event;
	struct ring ring;

	if (memory_read(t->pid, ctx, &ring, sizeof(ring)) || !ring.nr)
		return;
	for (uint32_t at = ring.head; at % ring.nr != ring.tail % ring.nr;
	     at++) {
		uint64_t addr = ctx + ring.header +
				(uint64_t)(at % ring.nr) * sizeof(event);

		if (memory_read(t->pid, addr, &event, sizeof(event)))
			return;
		for (uint64_t i = 0; i < t->aio->n; i++) {
			const struct op *op = &t->aio->op[i];

			if (!op->addr || op->ret >= 0 || op->addr != event.obj)
				continue;
			event.res = op->ret;
			memory_write(t->pid, addr, &event, sizeof(event));
		}
	}
}

static void submitted(struct run *run, struct tracee *t)
{
	struct aio *aio = t->aio;

	(void)run;
	aio->ret = t->regs.ret;
	tell_errors(t);
	for (uint64_t i = 0; i < aio->n; i++)
		if (aio->op[i].addr)
			memory_write(t->pid, aio->op[i].addr, &aio->op[i].iocb,
				     sizeof(struct iocb));
	once_more(t, close_zero);
}

/* What ends at once as op did. */
static int put_op(struct tracee *t, const struct op *op)
{
	struct iocb iocb = op->iocb;

	iocb.aio_fildes = (uint32_t)t->aio->zero;
	iocb.aio_flags &= ~(uint32_t)IOCB_FLAG_IOPRIO;
	iocb.aio_rw_flags = 0;
	iocb.aio_offset = 0;
	iocb.aio_lio_opcode = op->ret < 0 ? IOCB_CMD_PREAD : IOCB_CMD_PWRITE;
	iocb.aio_buf = op->ret < 0 ? NOWHERE : 0;
	iocb.aio_nbytes = op->ret < 0 ? 1 : (uint64_t)op->ret;
	return memory_write(t->pid, op->addr, &iocb, sizeof(iocb));
}

static void submit(struct run *run, struct tracee *t)
{
	struct aio *aio = t->aio;
	uint64_t arg[CALL_ARGS];

	memcpy(arg, aio->arg, sizeof(arg));
	arg[1] = aio->n;
	for (uint64_t i = 0; i < aio->n; i++)
		if (aio->op[i].addr && put_op(t, &aio->op[i]))
			arg[1] = i < arg[1] ? i : arg[1];
	scratch_call(run, t, aio->regs.nr, arg, submitted);
}

static void opened(struct run *run, struct tracee *t)
{
	int64_t ret = t->regs.ret;

	(void)run;
	if (ret < 0) {
		t->aio->ret = ret == -ENFILE || ret == -EMFILE ? -EAGAIN : ret;
		closed(run, t);
		return;
	}
	t->aio->zero = (int)ret;
	once_more(t, submit);
}

/* Every transfer is done. */
static void hand_in(struct run *run, struct tracee *t)
{
	uint64_t arg[CALL_ARGS] = { (uint64_t)AT_FDCWD, scratch_addr(t),
				    O_RDWR | O_CLOEXEC };
	bool any = false;

	restore(t);
	for (uint64_t i = 0; i < t->aio->n; i++)
		any = any || t->aio->op[i].addr;
	if (!any) {
		scratch_drop(t);
		aio_drop(t);
		let_go(run, t);
		return;
	}
	if (memory_write(t->pid, scratch_addr(t), zero_name, sizeof(zero_name)))
		end(run, t, -EFAULT);
	else
		scratch_call(run, t, call_nr(call_by_name("openat")), arg,
			     opened);
}

/* ---- the transfers ---- */

static void next(struct run *run, struct tracee *t);

/*
 * The rest is not submitted: the first errno is the call's when nothing was
 * before it.
 */
static void stop_here(struct run *run, struct tracee *t, int64_t err)
{
	t->aio->n = t->aio->i;
	if (t->aio->n)
		hand_in(run, t);
	else
		end(run, t, err);
}

/* Does io_submit itself say it, rather than the event? */
static bool is_refusal(const struct op *op)
{
	return op->ret == -EBADF || op->ret == -EOPNOTSUPP ||
	       (op->ret == -EINVAL && rows[op->iocb.aio_lio_opcode].sync);
}

static void transferred(struct run *run, struct tracee *t)
{
	struct op *op = &t->aio->op[t->aio->i];

	op->ret = t->result;
	arena_reset(&t->arena);
	if (is_refusal(op)) {
		op->addr = 0;
		stop_here(run, t, op->ret);
		return;
	}
	t->aio->i++;
	next(run, t);
}

static enum how how_of(const struct iocb *iocb, const struct entry *e)
{
	uint32_t object = e->remote->object & ~(uint32_t)OBJECT_POLLABLE;

	if (iocb->aio_rw_flags && !rows[iocb->aio_lio_opcode].sync)
		return HOW_FLAGS;
	return object == OBJECT_PIPE || object == OBJECT_SOCKET ||
			       object == OBJECT_DGRAM ?
		       HOW_STREAM :
		       HOW_PLACE;
}

/* The arguments of the call that makes the transfer; 0 or -errno. */
static int set_args(struct tracee *t, const struct iocb *iocb, enum how how)
{
	struct iovec iov = { (void *)(uintptr_t)iocb->aio_buf,
			     iocb->aio_nbytes };
	bool one = how == HOW_FLAGS && !rows[iocb->aio_lio_opcode].vector;

	memset(t->arg, 0, sizeof(t->arg));
	t->arg[0] = iocb->aio_fildes;
	if (rows[iocb->aio_lio_opcode].sync)
		return 0;
	t->arg[1] = one ? t->aio->iov : iocb->aio_buf;
	t->arg[2] = one ? 1 : iocb->aio_nbytes;
	t->arg[3] = (uint64_t)iocb->aio_offset;
	if (how == HOW_FLAGS)
		t->arg[5] = (uint64_t)iocb->aio_rw_flags;
	return one ? memory_write(t->pid, t->aio->iov, &iov, sizeof(iov)) : 0;
}

static void transfer(struct run *run, struct tracee *t, const struct entry *e)
{
	const struct iocb *iocb = &t->aio->op[t->aio->i].iocb;
	enum how how = how_of(iocb, e);

	/* As at a stop of its own. */
	t->call = call_by_name(rows[iocb->aio_lio_opcode].name[how]);
	memset(&t->req, 0, sizeof(t->req));
	t->at = 0;
	t->more = false;
	t->size_left = UINT64_MAX;
	t->if_remote = NULL;
	t->shared = false;
	t->if_done = transferred;
	if (set_args(t, iocb, how))
		finish_skip(run, t, -EFAULT);
	else
		forward(run, t);
}

/* What the kernel refuses before it looks at the descriptor, or of a sync. */
static bool is_wrong(const struct iocb *iocb)
{
	if (iocb->aio_reserved2 || (int64_t)iocb->aio_nbytes < 0)
		return true;
	if (rows[iocb->aio_lio_opcode].sync)
		return iocb->aio_buf || iocb->aio_offset || iocb->aio_nbytes ||
		       iocb->aio_rw_flags;
	return iocb->aio_offset < 0;
}

/* Directories have no transfers, which their descriptors let through. */
static int refusal_of(const struct iocb *iocb, const struct entry *e)
{
	uint32_t object = e->remote->object & ~(uint32_t)OBJECT_POLLABLE;
	bool writes = iocb->aio_lio_opcode == IOCB_CMD_PWRITE ||
		      iocb->aio_lio_opcode == IOCB_CMD_PWRITEV;

	if (!is_transfer(iocb->aio_lio_opcode) || is_wrong(iocb))
		return -EINVAL;
	if (object != OBJECT_DIR || rows[iocb->aio_lio_opcode].sync)
		return 0;
	return writes ? -EBADF : -EINVAL;
}

static void polled(struct run *run, struct tracee *t)
{
	t->aio->i++;
	next(run, t);
}

static void next(struct run *run, struct tracee *t)
{
	struct aio *aio = t->aio;

	for (; aio->i < aio->n; aio->i++) {
		struct op *op = &aio->op[aio->i];
		const struct entry *e;
		uint64_t addr;
		int err;

		/* The kernel finds what is wrong with an iocb, and stops. */
		if (memory_read(t->pid, aio->arg[2] + aio->i * sizeof(addr),
				&addr, sizeof(addr)) ||
		    memory_read(t->pid, addr, &op->iocb, sizeof(op->iocb))) {
			stop_here(run, t, -EFAULT);
			return;
		}
		e = files_get(t->files, (int32_t)op->iocb.aio_fildes);
		if (!e && files_is_open(t->pid, (int32_t)op->iocb.aio_fildes))
			continue;
		if (!e) {
			stop_here(run, t, -EBADF);
			return;
		}
		if (op->iocb.aio_lio_opcode == IOCB_CMD_POLL) {
			t->arg[0] = op->iocb.aio_fildes;
			ready_want(run, t, (uint32_t)op->iocb.aio_buf, polled);
			return;
		}
		err = refusal_of(&op->iocb, e);
		if (err) {
			stop_here(run, t, err);
			return;
		}
		op->addr = addr;
		op->iocb.aio_key = 0; /* the kernel's word at submission */
		transfer(run, t, e);
		return;
	}
	hand_in(run, t);
}

static void begin(struct run *run, struct tracee *t)
{
	t->aio->iov = scratch_addr(t) + sizeof(zero_name);
	t->still = true;
	next(run, t);
}

static void lost(struct run *run, struct tracee *t)
{
	(void)run;
	aio_drop(t);
}

/* ---- the call ---- */

static bool any_remote(const struct tracee *t, uint64_t n)
{
	struct iocb iocb;
	uint64_t addr;

	for (uint64_t i = 0; i < n; i++) {
		if (memory_read(t->pid, t->arg[2] + i * sizeof(addr), &addr,
				sizeof(addr)) ||
		    memory_read(t->pid, addr, &iocb, sizeof(iocb)))
			return false;
		if (files_get(t->files, (int32_t)iocb.aio_fildes))
			return true;
	}
	return false;
}

/* How many more the context takes now, or -errno. */
static int64_t room(const struct tracee *t)
{
	struct ring ring;
	int64_t done;

	if (memory_read(t->pid, t->arg[0], &ring, sizeof(ring)) ||
	    ring.magic != RING_MAGIC || ring.nr < 2)
		return -EINVAL;
	done = ((int64_t)ring.tail - ring.head + ring.nr) % ring.nr;
	return done + 1 < ring.nr ? ring.nr - 1 - done : -EAGAIN;
}

void hook_io_submit(struct run *run, struct tracee *t)
{
	int64_t n = (int64_t)t->arg[1];
	int64_t space = room(t);

	if (!t->files->cap || n <= 0 || space == -EINVAL ||
	    !any_remote(t, (uint64_t)(space < 0 || n < space ? n : space))) {
		let_go(run, t);
		return;
	}
	if (space > 0 && n > space)
		n = space;
	t->aio = space < 0 ? NULL :
			     calloc(1, sizeof(*t->aio) +
					       (size_t)n * sizeof(struct op));
	if (!t->aio) {
		finish_skip(run, t, -EAGAIN);
		return;
	}
	t->aio->regs = t->regs;
	t->aio->call = t->call;
	memcpy(t->aio->arg, t->arg, sizeof(t->arg));
	t->aio->n = (uint64_t)n;
	scratch_get(run, t, sizeof(zero_name) + sizeof(struct iovec), begin,
		    lost);
}
