/*
 * Mapped files whose bytes come when they are touched: the userfaultfds.
 *
 * Theory of Operation. userfaultfd(2) is made by the process whose faults it
 * tells, so the program's first mmap of a large file makes it in place of its
 * own call, the tracer takes a copy, the program closes its own, then makes its
 * mmap. The kernel tells of what happens to registered mappings before the
 * thread that does it goes on: a fork gives a userfaultfd for the child, where
 * the same addresses are registered, mremap and munmap say which addresses. So
 * each userfaultfd has a list of what it covers (struct span) that is right
 * without a look at the program.
 *
 * The tracer's thread must not touch a page that is missing, for it would wait
 * for itself: memory_guard fetches it first, out of turn.
 *
 * UFFD_FEATURE_EVENT_FORK takes CAP_SYS_PTRACE. Without it, and wherever a
 * userfaultfd cannot be had, mappings are filled when they are made.
 */
#include "tracer/lazy.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <utlist.h>

#include "base/log.h"
#include "tracer/memory.h"
#include "tracer/own_filter.h"
#include "tracer/tracee.h"

#define EVENTS_MAX 16
#define NOWHERE 0x10000u /* the lowest address that can be mapped */

#define FEATURES                                                               \
	(UFFD_FEATURE_MISSING_SHMEM | UFFD_FEATURE_EVENT_FORK |                \
	 UFFD_FEATURE_EVENT_REMAP | UFFD_FEATURE_EVENT_UNMAP)

/* linux/userfaultfd.h since 6.6 */
struct poison {
	struct uffdio_range range;
	uint64_t mode;
	int64_t updated;
};
#define IOCTL_POISON _IOWR(UFFDIO, 0x08, struct poison)

/* Addresses that are registered. */
struct span {
	uint64_t lo;
	uint64_t hi;
	uint64_t at;	   /* place in the file of lo */
	struct image *img; /* a reference */
};

struct faults {
	struct faults *next;
	int fd;		   /* owned */
	struct span *span; /* owned */
	size_t n;
	struct faults *forked; /* of a fork: whose copy; nobody's child yet */
};

/* ---- spans ---- */

static int add_span(struct faults *f, const struct span *span)
{
	struct span *more = realloc(f->span, (f->n + 1) * sizeof(*more));

	if (!more)
		return -ENOMEM;
	f->span = more;
	f->span[f->n++] = *span;
	image_ref(span->img);
	return 0;
}

/* The part [lo, hi) of span i, when it has one. */
static bool cut(const struct faults *f, size_t i, uint64_t lo, uint64_t hi,
		struct span *part)
{
	*part = f->span[i];
	if (part->hi <= lo || part->lo >= hi)
		return false;
	if (part->lo < lo) {
		part->at += lo - part->lo;
		part->lo = lo;
	}
	if (part->hi > hi)
		part->hi = hi;
	return true;
}

static void remove_spans(struct run *run, struct faults *f, uint64_t lo,
			 uint64_t hi)
{
	struct span part;
	size_t i = 0;

	while (i < f->n) {
		struct span old = f->span[i];

		if (!cut(f, i, lo, hi, &part)) {
			i++;
			continue;
		}
		f->span[i] = f->span[--f->n];
		if (cut(&(struct faults){ .span = &old }, 0, 0, lo, &part))
			add_span(f, &part);
		if (cut(&(struct faults){ .span = &old }, 0, hi, UINT64_MAX,
			&part))
			add_span(f, &part);
		image_unref(&run->keeper.images, old.img);
	}
}

static void move_spans(struct run *run, struct faults *f, uint64_t from,
		       uint64_t to, uint64_t len)
{
	size_t n = f->n;
	struct span part;

	for (size_t i = 0; i < n; i++) {
		if (!cut(f, i, from, from + len, &part))
			continue;
		part.lo += to - from;
		part.hi += to - from;
		add_span(f, &part);
	}
	(void)run;
}

/* ---- userfaultfds ---- */

static uint64_t page_size(void)
{
	return (uint64_t)sysconf(_SC_PAGESIZE);
}

static bool guard(pid_t pid, uint64_t addr, size_t len);
static struct run *guarded; /* whose tracees guard() looks at */

static struct faults *add_faults(struct run *run, int fd)
{
	struct epoll_event event = { .events = EPOLLIN };
	struct faults *f = calloc(1, sizeof(*f));

	if (run->lazy.epoll <= 0)
		run->lazy.epoll = epoll_create1(EPOLL_CLOEXEC);
	event.data.ptr = f;
	if (!f || run->lazy.epoll < 0 ||
	    epoll_ctl(run->lazy.epoll, EPOLL_CTL_ADD, fd, &event)) {
		free(f);
		return NULL;
	}
	f->fd = fd;
	LL_PREPEND(run->lazy.all, f);
	run->lazy.n++;
	guarded = run;
	memory_guard = guard;
	return f;
}

static void drop_faults(struct run *run, struct faults *f)
{
	struct faults *other;
	struct tracee *t;

	lazy_forget(run, f);
	LL_FOREACH(run->lazy.all, other)
	if (other->forked == f)
		other->forked = NULL;
	for (t = run->tracees; t; t = t->by_pid.next)
		if (t->maps && t->maps->faults == f)
			t->maps->faults = NULL;
	remove_spans(run, f, 0, UINT64_MAX);
	LL_DELETE(run->lazy.all, f);
	run->lazy.n--;
	close(f->fd);
	free(f->span);
	free(f);
	if (!run->lazy.n)
		memory_guard = NULL;
}

/* An operation on an address that is not registered: what is wrong? */
static bool is_gone(const struct faults *f)
{
	struct uffdio_zeropage zero = { .range = { NOWHERE, page_size() } };

	for (size_t i = 0; i < f->n; i++) {
		if (zero.range.start < f->span[i].lo ||
		    zero.range.start >= f->span[i].hi)
			continue;
		zero.range.start = f->span[i].hi;
		i = (size_t)-1;
	}
	return ioctl(f->fd, UFFDIO_ZEROPAGE, &zero) && errno == ESRCH;
}

void lazy_sweep(struct run *run)
{
	struct faults *next;
	struct faults *f;

	LL_FOREACH_SAFE(run->lazy.all, f, next)
	if (is_gone(f))
		drop_faults(run, f);
}

/* ---- making one ---- */

static void make_again(struct tracee *t, then_fn then)
{
	arch_put_args(t->pid, t->inject.regs.arg);
	arch_wait_again(t->pid, &t->inject.regs);
	t->regs = t->inject.regs;
	t->state = T_RUNNING;
	t->rejoin = true;
	t->then = then;
	ptrace(PTRACE_CONT, t->pid, 0, 0);
}

static void again(struct run *run, struct tracee *t);

static void closed(struct run *run, struct tracee *t)
{
	(void)run;
	make_again(t, again);
}

/* The same call once more, or that of a handler which has come between. */
static void again(struct run *run, struct tracee *t)
{
	uint64_t arg[CALL_ARGS] = { (uint64_t)t->inject.fd };
	struct regs regs;

	if (arch_get(t->pid, &regs))
		return;
	if (regs.nr != t->inject.regs.nr || regs.pc != t->inject.regs.pc ||
	    memcmp(regs.arg, t->inject.regs.arg, sizeof(regs.arg))) {
		stop_seccomp(run, t);
		return;
	}
	t->regs = regs;
	if (t->inject.fd < 0) {
		t->inject.then(run, t);
		return;
	}
	t->inject.fd = -1;
	if (!arch_put_call(t->pid, SYS_close, arg))
		let_go_then(run, t, closed);
}

static void made(struct run *run, struct tracee *t)
{
	struct uffdio_api api = { .api = UFFD_API, .features = FEATURES };
	int64_t ret = t->regs.ret;
	int fd = -1;

	if (ret >= 0) {
		t->inject.fd = (int)ret;
		fd = tracee_fd(t, (int)ret);
	}
	if (fd >= 0 && !ioctl(fd, UFFDIO_API, &api))
		t->maps->faults = add_faults(run, fd);
	if (!t->maps->faults) {
		log_info("mapped files are filled at once: userfaultfd: %s",
			 strerror(ret < 0 ? (int)-ret : errno));
		t->maps->eager = true;
		if (fd >= 0)
			close(fd);
	}
	make_again(t, again);
}

void lazy_prepare(struct run *run, struct tracee *t, then_fn then)
{
	uint64_t arg[CALL_ARGS] = { O_CLOEXEC | O_NONBLOCK };

	if (t->maps->faults || t->maps->eager ||
	    !own_filter_allows(t->own_filter, SYS_userfaultfd, &t->regs) ||
	    !own_filter_allows(t->own_filter, SYS_close, &t->regs)) {
		then(run, t);
		return;
	}
	t->inject.regs = t->regs;
	t->inject.fd = -1;
	t->inject.then = then;
	if (!arch_put_call(t->pid, SYS_userfaultfd, arg))
		let_go_then(run, t, made);
}

/* ---- mappings ---- */

bool lazy_covers(const struct tracee *t, uint64_t address)
{
	const struct faults *f = t->maps ? t->maps->faults : NULL;

	for (size_t i = 0; f && i < f->n; i++)
		if (address >= f->span[i].lo && address < f->span[i].hi)
			return true;
	return false;
}

int lazy_extend(struct run *run, struct tracee *t, const struct map *map)
{
	struct span span = { map->lo, map->hi, map->at, map->img };

	remove_spans(run, t->maps->faults, map->lo, map->hi);
	return add_span(t->maps->faults, &span);
}

int lazy_register(struct run *run, struct tracee *t, const struct map *map)
{
	struct uffdio_register reg = {
		.range = { map->lo, map->hi - map->lo },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	int err;

	if (ioctl(t->maps->faults->fd, UFFDIO_REGISTER, &reg))
		return -errno;
	/* Pages that the mmap itself has made (mlockall(2)) hold nothing. */
	err = image_drop_strays(map->img, map->at,
				map->at + (map->hi - map->lo));
	return err ? err : lazy_extend(run, t, map);
}

void lazy_fork(struct run *run, const struct tracee *parent, struct tracee *t)
{
	struct faults *found = NULL;
	struct faults *f;

	if (!parent->maps || !parent->maps->faults || !t->maps ||
	    t->maps == parent->maps)
		return;
	LL_FOREACH(run->lazy.all, f)
	{
		if (f->forked != parent->maps->faults || is_gone(f))
			continue;
		/* Two threads forked at once: whose is whose is not told. */
		if (found)
			return;
		found = f;
	}
	if (!found)
		return;
	found->forked = NULL;
	t->maps->faults = found;
}

/* ---- what the kernel tells ---- */

/* An older kernel cannot raise SIGBUS for a page. */
static void end_process(const struct run *run, const struct faults *f)
{
	struct tracee *t;

	for (t = run->tracees; t; t = t->by_pid.next)
		if (t->maps && t->maps->faults == f)
			kill(t->tgid, SIGKILL);
}

void lazy_answer(const struct run *run, const struct faults *from,
		 uint64_t address, int err)
{
	struct uffdio_range page = { address & -page_size(), page_size() };
	struct poison poison = { .range = page };

	if (err && ioctl(from->fd, IOCTL_POISON, &poison) && errno == EINVAL) {
		/* It must not go on: it would read zeros. */
		end_process(run, from);
		return;
	}
	ioctl(from->fd, UFFDIO_WAKE, &page);
}

static void on_fault(struct run *run, struct faults *f, uint64_t address)
{
	for (size_t i = f->n; i-- > 0;) {
		const struct span *span = &f->span[i];

		if (address < span->lo || address >= span->hi)
			continue;
		lazy_wanted(run, f, address, span->img,
			    span->at + (address - span->lo));
		return;
	}
	lazy_answer(run, f, address, -EFAULT);
}

static void on_fork(struct run *run, struct faults *parent, int fd)
{
	struct faults *f = add_faults(run, fd);
	int err = f ? 0 : -ENOMEM;

	for (size_t i = 0; !err && i < parent->n; i++)
		err = add_span(f, &parent->span[i]);
	if (f)
		f->forked = parent;
	/* Open, so that the child waits; it will be killed. */
	if (err)
		log_err("out of memory: a child of the program cannot read what it maps");
}

static void on_message(struct run *run, struct faults *f,
		       const struct uffd_msg *msg)
{
	switch (msg->event) {
	case UFFD_EVENT_PAGEFAULT:
		on_fault(run, f, msg->arg.pagefault.address);
		return;
	case UFFD_EVENT_FORK:
		on_fork(run, f, (int)msg->arg.fork.ufd);
		return;
	case UFFD_EVENT_REMAP:
		move_spans(run, f, msg->arg.remap.from, msg->arg.remap.to,
			   msg->arg.remap.len);
		return;
	case UFFD_EVENT_UNMAP:
		remove_spans(run, f, msg->arg.remove.start,
			     msg->arg.remove.end);
		return;
	default:
		return;
	}
}

void lazy_event(struct run *run)
{
	struct epoll_event event[EVENTS_MAX];
	struct uffd_msg msg;
	int n;

	n = epoll_wait(run->lazy.epoll, event, EVENTS_MAX, 0);
	for (int i = 0; i < n; i++) {
		struct faults *f = event[i].data.ptr;

		if (read(f->fd, &msg, sizeof(msg)) == sizeof(msg))
			on_message(run, f, &msg);
	}
}

/* ---- the tracer's own use of the program's memory ---- */

/* False when it must not be touched. */
static bool guard(pid_t pid, uint64_t addr, size_t len)
{
	struct tracee *t = tracee_find(guarded, pid);
	struct map part;
	size_t i = 0;

	if (addr + len < addr)
		return false;
	while (t && maps_next(t->maps, &i, addr, addr + len, &part))
		if (part.img->lazy && lazy_need(guarded, part.img, part.at,
						part.at + (part.hi - part.lo)))
			return false;
	return true;
}
