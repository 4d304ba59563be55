/*
 * mmap, munmap, mremap and msync of remote files.
 *
 * The program's own call runs on the file's placeholder, which is filled
 * first. What a mapping has changed is written back before it goes, and at
 * msync; the keeper does both.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/log.h"
#include "tracer/hooks.h"
#include "tracer/lazy.h"

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif
#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

static uint64_t page_up(uint64_t n)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

	return n > UINT64_MAX - page ? UINT64_MAX : (n + page - 1) & -page;
}

static bool is_error(int64_t ret)
{
	return ret < 0 && ret >= -4095;
}

/* ---- writing back a range of addresses ---- */

static void flush_next(struct run *run, struct tracee *t);

static void flushed(struct run *run, struct tracee *t)
{
	if (t->chore->err)
		t->result = t->chore->err;
	keeper_end(run, t);
	flush_next(run, t);
}

static void flush_part(struct run *run, struct tracee *t)
{
	const struct map *part = &t->part;

	keeper_flush(run, t, part->at, part->at + (part->hi - part->lo),
		     t->map_sync, flushed);
}

static void flush_next(struct run *run, struct tracee *t)
{
	while (maps_next(t->maps, &t->map_at, t->map_lo, t->map_hi, &t->part)) {
		if (!t->part.writes)
			continue;
		keeper_turn(run, t, t->part.img, flush_part);
		return;
	}
	t->map_then(run, t);
}

void map_flush(struct run *run, struct tracee *t, uint64_t lo, uint64_t hi,
	       bool sync, then_fn then)
{
	t->map_at = 0;
	t->map_lo = lo;
	t->map_hi = hi;
	t->map_sync = sync;
	t->map_then = then;
	t->result = 0;
	flush_next(run, t);
}

/* Does the call's range, of two arguments, touch a mapping of a remote file? */
static bool touches(const struct tracee *t, uint64_t *lo, uint64_t *hi)
{
	struct map part;
	size_t i = 0;

	*lo = t->arg[0];
	*hi = t->arg[0] + page_up(t->arg[1]);
	if (*hi < *lo)
		*hi = UINT64_MAX;
	return maps_next(t->maps, &i, *lo, *hi, &part);
}

/* ---- mmap ---- */

/* The process cannot go on. */
static void end_process(struct tracee *t, const char *path, int err)
{
	log_err("the mapping of %s cannot be registered: %s: process %d is killed",
		path, strerror(-err), t->tgid);
	kill(t->tgid, SIGKILL);
}

static void mapped(struct run *run, struct tracee *t)
{
	struct map *part = &t->part;
	int64_t ret = t->regs.ret;
	int err = 0;

	if (t->chore->lazy)
		arch_put_args(t->pid, t->arg);
	if (!is_error(ret)) {
		part->lo = (uint64_t)ret;
		part->hi = part->lo + page_up(t->arg[1]);
		if (t->chore->lazy)
			err = lazy_register(run, t, part);
		if (err)
			end_process(t, part->img->path, err);
		/* It may lie where another one was. */
		if (maps_remove(t->maps, part->lo, part->hi, keeper_release,
				run) ||
		    maps_add(t->maps, part))
			log_err("out of memory: stores to the mapped file %s are lost",
				part->img->path);
	}
	finish_exit(run, t, ret);
}

/*
 * No page is made by the call itself. What cannot be written has to be private
 * to be registered: nobody sees that, as long as it is not written.
 */
static void put_lazy(struct tracee *t)
{
	struct entry *e = files_get(t->files, (int32_t)t->arg[4]);
	uint64_t arg[CALL_ARGS];

	memcpy(arg, t->arg, sizeof(arg));
	arg[3] &= ~(uint64_t)MAP_POPULATE;
	if (!e || e->remote->mode != O_RDWR)
		arg[3] = (arg[3] & ~(uint64_t)MAP_TYPE) | MAP_PRIVATE;
	arch_put_call(t->pid, t->regs.nr, arg);
}

static void map_ready(struct run *run, struct tracee *t)
{
	if (t->chore->err) {
		finish_skip(run, t, t->chore->err);
		return;
	}
	if (t->chore->lazy)
		put_lazy(t);
	let_go_then(run, t, mapped);
}

/*
 * What is locked is wanted at once, and where other threads may look before the
 * mapping is registered it has to be there.
 */
static bool may_wait(const struct tracee *t)
{
	return t->maps->faults && !(t->arg[3] & MAP_LOCKED) &&
	       !(t->arg[3] & (MAP_FIXED | MAP_FIXED_NOREPLACE) &&
		 t->maps->refs > 1);
}

static void map_turn(struct run *run, struct tracee *t)
{
	uint64_t off = t->arg[5];

	t->chore->lazy = may_wait(t);
	keeper_map(run, t, (int32_t)t->arg[4], off, off + page_up(t->arg[1]),
		   t->part.writes, map_ready);
}

/* The descriptor may be another one since the call was looked at. */
static void map_begin(struct run *run, struct tracee *t)
{
	struct entry *e = files_get(t->files, (int32_t)t->arg[4]);

	if (!e || !e->remote->image) {
		finish_skip(run, t, -EBADF);
		return;
	}
	t->part.img = e->remote->image;
	keeper_turn(run, t, t->part.img, map_turn);
}

/* The kernel refuses it, whatever the file is. */
static bool is_wrong(const struct tracee *t, const struct remote *remote)
{
	bool shared = (t->arg[3] & MAP_TYPE) != MAP_PRIVATE;
	uint64_t off = t->arg[5];

	if (!t->arg[1] || off != page_up(off) || off + page_up(t->arg[1]) < off)
		return true;
	return remote->mode == O_WRONLY ||
	       (shared && t->arg[2] & PROT_WRITE && remote->mode != O_RDWR);
}

void hook_mmap(struct run *run, struct tracee *t)
{
	struct entry *e = files_get(t->files, (int32_t)t->arg[4]);
	bool shared = (t->arg[3] & MAP_TYPE) != MAP_PRIVATE;
	bool writes;

	if (t->arg[3] & MAP_ANONYMOUS || !e) {
		let_go(run, t);
		return;
	}
	snprintf(t->path, sizeof(t->path), "%s",
		 e->remote->path ? e->remote->path : "?");
	if (!e->remote->image || e->remote->names) {
		finish_skip(run, t, e->remote->names ? -EBADF : -ENODEV);
		return;
	}
	if (is_wrong(t, e->remote)) {
		let_go(run, t);
		return;
	}
	/* mprotect(2) may come later. */
	writes = shared && e->remote->mode == O_RDWR;
	t->part = (struct map){ .at = t->arg[5],
				.img = e->remote->image,
				.writes = writes };
	if (!t->maps)
		t->maps = maps_new();
	if (!t->maps)
		finish_skip(run, t, -ENOMEM);
	else if (t->arg[1] > LAZY_MIN)
		lazy_prepare(run, t, map_begin);
	else
		map_begin(run, t);
}

/* ---- munmap, msync ---- */

static void unmapped(struct run *run, struct tracee *t)
{
	if (!t->regs.ret)
		maps_remove(t->maps, t->map_lo, t->map_hi, keeper_release, run);
	finish_exit(run, t, t->regs.ret);
}

static void unmap(struct run *run, struct tracee *t)
{
	let_go_then(run, t, unmapped);
}

void hook_munmap(struct run *run, struct tracee *t)
{
	uint64_t lo;
	uint64_t hi;

	if (touches(t, &lo, &hi))
		map_flush(run, t, lo, hi, false, unmap);
	else
		let_go(run, t);
}

static void msynced(struct run *run, struct tracee *t)
{
	if (t->result)
		finish_skip(run, t, t->result);
	else
		let_go(run, t);
}

void hook_msync(struct run *run, struct tracee *t)
{
	uint64_t lo;
	uint64_t hi;

	if (touches(t, &lo, &hi))
		map_flush(run, t, lo, hi, t->arg[2] & MS_SYNC, msynced);
	else
		let_go(run, t);
}

/* ---- mremap ---- */

static bool grows(const struct tracee *t)
{
	return page_up(t->arg[2]) > page_up(t->arg[1]);
}

static void remapped(struct run *run, struct tracee *t)
{
	uint64_t to = (uint64_t)t->regs.ret;
	uint64_t from = t->arg[0];
	struct map part = t->part;
	int err = 0;

	if (is_error(t->regs.ret)) {
		finish_exit(run, t, t->regs.ret);
		return;
	}
	part.lo = to;
	part.hi = to + page_up(t->arg[2]);
	if (grows(t) && t->chore->lazy)
		err = lazy_extend(run, t, &part);
	else if (grows(t) && part.img->lazy)
		err = image_touch(part.img, part.at,
				  part.at + (part.hi - part.lo));
	if (err)
		end_process(t, part.img->path, err);
	/* It must not be without a mapping in between. */
	image_ref(part.img)->maps++;
	if (to == from || !(t->arg[3] & MREMAP_DONTUNMAP))
		maps_remove(t->maps, from, from + page_up(t->arg[1]),
			    keeper_release, run);
	maps_remove(t->maps, part.lo, part.hi, keeper_release, run);
	if (maps_add(t->maps, &part))
		log_err("out of memory: stores to the mapped file %s are lost",
			part.img->path);
	part.img->maps--;
	part.img->refs--;
	finish_exit(run, t, t->regs.ret);
}

static void remap_ready(struct run *run, struct tracee *t)
{
	if (t->chore->err)
		finish_skip(run, t, t->chore->err);
	else
		let_go_then(run, t, remapped);
}

static void remap_turn(struct run *run, struct tracee *t)
{
	/* What it has now waits, or is here; what is new can wait as that. */
	t->chore->lazy = t->part.img->lazy &&
			 (!grows(t) || lazy_covers(t, t->part.lo));
	keeper_map(run, t, -1, t->part.at, t->part.at + page_up(t->arg[2]),
		   t->part.writes, remap_ready);
}

static void remap(struct run *run, struct tracee *t)
{
	size_t i = 0;

	if (maps_next(t->maps, &i, t->arg[0], t->arg[0] + 1, &t->part))
		keeper_turn(run, t, t->part.img, remap_turn);
	else
		let_go(run, t);
}

void hook_mremap(struct run *run, struct tracee *t)
{
	uint64_t lo;
	uint64_t hi;

	if (touches(t, &lo, &hi) || t->maps)
		map_flush(run, t, lo, hi, false, remap);
	else
		let_go(run, t);
}

/* ---- holes ---- */

static void punch_next(struct run *run, struct tracee *t);

static void punched(struct run *run, struct tracee *t)
{
	if (t->chore->err)
		t->result = t->chore->err;
	keeper_end(run, t);
	punch_next(run, t);
}

static void punch_turn(struct run *run, struct tracee *t)
{
	const struct map *part = &t->part;

	keeper_punch(run, t, part->at, part->at + (part->hi - part->lo),
		     punched);
}

/* What is taken out here is taken out of the file. */
static void punch_next(struct run *run, struct tracee *t)
{
	while (maps_next(t->maps, &t->map_at, t->map_lo, t->map_hi, &t->part)) {
		if (!t->part.writes)
			continue;
		keeper_turn(run, t, t->part.img, punch_turn);
		return;
	}
	t->state = T_RUNNING;
	finish_exit(run, t, t->result);
}

static void removed(struct run *run, struct tracee *t)
{
	t->result = t->regs.ret;
	t->map_at = 0;
	if (t->regs.ret)
		finish_exit(run, t, t->regs.ret);
	else
		punch_next(run, t);
}

/* MADV_REMOVE, which older kernels do not know there. */
void hook_process_madvise(struct run *run, struct tracee *t)
{
	if ((int)t->arg[3] == MADV_REMOVE)
		finish_skip(run, t, -EINVAL);
	else
		let_go(run, t);
}

/* MADV_REMOVE only; the filter lets the rest pass. */
void hook_madvise(struct run *run, struct tracee *t)
{
	if ((int)t->arg[2] == MADV_REMOVE && touches(t, &t->map_lo, &t->map_hi))
		let_go_then(run, t, removed);
	else
		let_go(run, t);
}

/* It is out of use since Linux 3.16, and would make a mapping unseen. */
void hook_remap_pages(struct run *run, struct tracee *t)
{
	uint64_t lo;
	uint64_t hi;

	if (touches(t, &lo, &hi))
		finish_skip(run, t, -EINVAL);
	else
		let_go(run, t);
}
