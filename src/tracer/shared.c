/*
 * Calls by descriptor on files that are mapped: both ways to a file's bytes
 * show the same.
 *
 * Before a call that reads, what mappings have changed is written back. A call
 * that changes the file has the turn until the pages here have the change,
 * too. A call that was under way when the file was mapped is caught at its
 * end.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tracer/hooks.h"

#ifndef RWF_APPEND
#define RWF_APPEND 0x10
#endif

#define NONE (-1)

/* What a call does with the bytes of the descriptors in its arguments. */
static const struct {
	const char *name;
	int reads;  /* argument, or NONE */
	int writes; /* bytes of argument 1 go there */
	int changes;
} calls[] = {
	{ "read", 0, NONE, NONE },
	{ "pread64", 0, NONE, NONE },
	{ "readv", 0, NONE, NONE },
	{ "preadv", 0, NONE, NONE },
	{ "preadv2", 0, NONE, NONE },
	{ "write", NONE, 0, NONE },
	{ "pwrite64", NONE, 0, NONE },
	{ "writev", NONE, 0, NONE },
	{ "pwritev", NONE, 0, NONE },
	{ "pwritev2", NONE, 0, NONE },
	{ "copy_file_range", 0, NONE, 2 },
	{ "sendfile", 1, NONE, 0 },
	{ "splice", 0, NONE, 2 },
	{ "FICLONE", 2, NONE, 0 },
	{ "ftruncate", NONE, NONE, 0 },
	{ "fallocate", NONE, NONE, 0 },
	{ "fsync", 0, NONE, NONE },
	{ "fdatasync", 0, NONE, NONE },
	{ "sync_file_range", 0, NONE, NONE },
	{ "syncfs", 0, NONE, NONE },
	{ "truncate", NONE, NONE, NONE },
};

#define COUNT (sizeof(calls) / sizeof(*calls))

/* The index of a row, or COUNT. */
static size_t find(const struct call *call)
{
	static uint8_t by_id[1024];
	static bool ready;

	for (size_t i = 0; !ready && i < COUNT; i++)
		by_id[call_by_name(calls[i].name)->id] = (uint8_t)(i + 1);
	ready = true;
	return by_id[call->id] ? by_id[call->id] - 1u : COUNT;
}

/* The mapped file in an argument of t's call, or NULL. */
static struct image *image_of(struct tracee *t, int arg)
{
	struct entry *e;

	if (arg == NONE)
		return NULL;
	e = files_get(t->files, (int32_t)t->arg[arg]);
	if (!e || !e->remote->image || e->remote->image->handle < 0 ||
	    e->remote->image->idle)
		return NULL;
	return e->remote->image;
}

/* The mapped file that the call changes. */
static struct image *target(struct tracee *t, size_t i)
{
	return image_of(t, calls[i].writes != NONE ? calls[i].writes :
						     calls[i].changes);
}

/* ---- at the reply of a call that changes the file ---- */

static void end_reply(struct run *run, struct tracee *t)
{
	finish_reply(run, t);
}

static void read_again(struct run *run, struct tracee *t)
{
	keeper_refresh(run, t, end_reply);
}

static void changed(struct run *run, struct tracee *t)
{
	struct image *img = t->chore->img;
	uint64_t size = img->size;

	if (t->req.ret < 0) {
		finish_reply(run, t);
		return;
	}
	if (!strcmp(t->call->name, "ftruncate") &&
	    !image_resize(img, t->req.val[1].num)) {
		image_grow(img, size);
		finish_reply(run, t);
	} else {
		read_again(run, t);
	}
}

static void wrote_at(struct run *run, struct tracee *t, uint64_t at)
{
	const struct value *v = &t->req.val[1];

	if (!image_wrote(t->chore->img, at, v->data, (size_t)t->req.ret))
		finish_reply(run, t);
	else
		read_again(run, t);
}

/* A write without an offset has ended where the description is now. */
static void located(struct run *run, struct tracee *t)
{
	int64_t end = t->req.ret;

	t->req = *t->asked;
	if (end < t->req.ret)
		read_again(run, t);
	else
		wrote_at(run, t, (uint64_t)(end - t->req.ret));
}

static void wrote(struct run *run, struct tracee *t)
{
	bool placed = t->call->arg[3].type == UI_OFFSET &&
		      (int64_t)t->req.val[3].num != -1;
	bool append = t->call->arg[5].kind == ARG_FLAGS &&
		      t->req.val[5].num & RWF_APPEND;
	struct entry *e = files_get(t->files, (int32_t)t->arg[0]);

	if (t->req.ret <= 0) {
		finish_reply(run, t);
		return;
	}
	t->asked = arena_alloc(&t->arena, sizeof(*t->asked));
	if (!e || !t->asked || (placed && (append || e->remote->append))) {
		read_again(run, t);
		return;
	}
	if (placed) {
		wrote_at(run, t, t->req.val[3].num);
		return;
	}
	*t->asked = t->req;
	t->req = (struct req){ .call = call_by_name("lseek") };
	t->req.val[0].num = (uint64_t)e->handle;
	t->req.val[2].num = SEEK_CUR;
	ask(run, t, located);
}

/* ---- truncate(2): which file it was is not known ---- */

static void look_next(struct run *run, struct tracee *t);

static void looked(struct run *run, struct tracee *t)
{
	t->chore->img->stale = false;
	keeper_end(run, t);
	look_next(run, t);
}

static void look(struct run *run, struct tracee *t)
{
	keeper_refresh(run, t, looked);
}

static void look_next(struct run *run, struct tracee *t)
{
	struct image *img;

	for (img = run->keeper.images.table; img; img = img->hh.next) {
		if (!img->stale || img->handle < 0 || img->idle)
			continue;
		keeper_turn(run, t, img, look);
		return;
	}
	finish_reply(run, t);
}

static void cut(struct run *run, struct tracee *t)
{
	struct image *img;

	for (img = run->keeper.images.table; img; img = img->hh.next)
		img->stale = t->req.ret == 0;
	look_next(run, t);
}

/* ---- before the call ---- */

static void in_turn(struct run *run, struct tracee *t)
{
	size_t i = find(t->call);

	t->chore->wrote = true;
	t->if_remote = calls[i].writes != NONE ? wrote : changed;
	forward(run, t);
}

static void go_on(struct run *run, struct tracee *t)
{
	struct image *img = target(t, find(t->call));

	t->shared = true;
	if (img)
		keeper_turn(run, t, img, in_turn);
	else
		forward(run, t);
}

static void flushed(struct run *run, struct tracee *t)
{
	int64_t err = t->chore->err;

	/* A sync says what became of the bytes. */
	if (err && t->call->ret == RET_INT) {
		finish_skip(run, t, err);
		return;
	}
	keeper_end(run, t);
	go_on(run, t);
}

static void flush_turn(struct run *run, struct tracee *t)
{
	bool placed = t->call->arg[3].type == UI_OFFSET &&
		      t->call->arg[1].kind == ARG_OUT &&
		      (int64_t)t->arg[3] >= 0;
	uint64_t lo = placed ? t->arg[3] : 0;
	uint64_t hi = placed ? lo + t->arg[2] : UINT64_MAX;

	keeper_flush(run, t, lo, hi < lo ? UINT64_MAX : hi, false, flushed);
}

bool shared_stops(struct run *run, struct tracee *t)
{
	struct image *img;
	size_t i;

	if (!run->keeper.images.live || t->shared || t->chore)
		return false;
	i = find(t->call);
	if (i == COUNT)
		return false;
	img = image_of(t, calls[i].reads);
	if (img && img->base >= 0) {
		keeper_turn(run, t, img, flush_turn);
		return true;
	}
	if (!strcmp(t->call->name, "truncate"))
		t->if_remote = cut;
	if (!target(t, i))
		return false;
	go_on(run, t);
	return true;
}

/* ---- a call that was under way when the file was mapped ---- */

bool shared_is_late(const struct run *run, struct tracee *t)
{
	size_t i;

	if (!run->keeper.images.live || t->chore || t->req.ret < 0)
		return false;
	i = find(t->call);
	return i < COUNT && target(t, i);
}

static void late_done(struct run *run, struct tracee *t)
{
	raise_for(t, t->result);
	finish_skip(run, t, t->result);
}

static void late(struct run *run, struct tracee *t)
{
	keeper_refresh(run, t, late_done);
}

bool shared_late(struct run *run, struct tracee *t, int64_t ret)
{
	if (!shared_is_late(run, t))
		return false;
	t->result = ret;
	keeper_turn(run, t, target(t, find(t->call)), late);
	return true;
}
