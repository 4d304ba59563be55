/*
 * The keeper: reads and writes the files that are mapped here.
 *
 * Theory of Operation. Whoever needs the bytes of a mapped file, or is about
 * to change them by a call, queues a chore and waits at its stop for its turn;
 * everybody else goes on. One chore has its turn at a time, so a block that is
 * being read cannot become old by a write of the session meanwhile. A tracee
 * in its turn is never parked: what it waits for is a file.
 *
 * The keeper is a task of its own on the server, with a descriptor table that
 * no traced process shares: it holds the files after the program has closed
 * them or was killed, and its closes release no record lock. A file comes
 * into its table through the session's drawer (rsc_put, rsc_take) as the
 * program's own open file description, as a mapping holds one.
 *
 * When a tracee dies in its turn, the chore goes on to its end without it. If
 * the tracee was changing the file itself, what is here is read again.
 */
#include "tracer/keeper.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/log.h"
#include "call/wire.h"
#include "tracer/keeper_internal.h"
#include "tracer/tracee.h"

static struct tracee *new_task(struct run *run, const struct tracee *root,
			       uint32_t share)
{
	struct tracee *task = calloc(1, sizeof(*task));

	if (!task || tracee_name_task(run, task)) {
		free(task);
		return NULL;
	}
	tell_spawn(run, task, root->task, share);
	return task;
}

int keeper_init(struct run *run, struct tracee *root)
{
	struct keeper *k = &run->keeper;

	k->buf = malloc(KEEPER_STEP);
	k->task = new_task(run, root, 0);
	k->readers = new_task(run, root, 0);
	return k->buf && k->task && k->readers ? 0 : -ENOMEM;
}

struct tracee *keeper_twin(struct run *run)
{
	return new_task(run, run->keeper.task, SPAWN_FILES | SPAWN_FS);
}

/* ---- turns ---- */

static void begin(struct run *run, struct chore *c)
{
	if (c->t)
		c->then(run, c->t);
	else
		c->step(run, c);
}

void keeper_finish_chore(struct run *run, struct chore *c)
{
	struct keeper *k = &run->keeper;
	struct image *img = c->img;
	bool first = c == k->first;
	struct chore *next;

	LL_DELETE(k->first, c);
	next = first ? k->first : NULL;
	if (c->t)
		c->t->chore = NULL;
	free(c);
	/* Nobody maps it after all. */
	if (img->handle >= 0 && !img->maps && !img->idle)
		keeper_release(run, img);
	else
		image_unref(&k->images, img);
	if (next)
		begin(run, next);
}

void keeper_turn(struct run *run, struct tracee *t, struct image *img,
		 then_fn then)
{
	struct keeper *k = &run->keeper;
	struct chore *c = calloc(1, sizeof(*c));

	if (!c) {
		finish_skip(run, t, -ENOMEM);
		return;
	}
	c->t = t;
	c->img = image_ref(img);
	c->then = then;
	t->chore = c;
	t->state = T_ASKING;
	t->then = NULL;
	LL_APPEND(k->first, c);
	if (k->first == c)
		begin(run, c);
}

void keeper_settle(struct run *run, struct tracee *t, uint64_t dev,
		   uint64_t ino, then_fn then)
{
	struct image *img = image_find(&run->keeper.images, dev, ino);

	if (img && img->handle >= 0 && !img->maps && !img->idle)
		keeper_turn(run, t, img, then);
	else
		then(run, t);
}

/* A chore of the keeper's own. */
bool keeper_queue(struct run *run, struct image *img, int fd,
		  void (*step)(struct run *run, struct chore *c))
{
	struct chore *c = calloc(1, sizeof(*c));

	if (!c)
		return false;
	c->img = image_ref(img);
	c->fd = fd;
	c->step = step;
	LL_APPEND(run->keeper.first, c);
	if (run->keeper.first == c)
		begin(run, c);
	return true;
}

void keeper_end(struct run *run, struct tracee *t)
{
	if (t->chore)
		keeper_finish_chore(run, t->chore);
}

void keeper_forget(struct run *run, struct tracee *t)
{
	struct chore *c = t->chore;

	if (!c)
		return;
	t->chore = NULL;
	c->t = NULL;
	if (c->works)
		return;
	if (c == run->keeper.first && c->wrote)
		keeper_reread(run, c);
	else
		keeper_finish_chore(run, c);
}

/* The keeper's part is done. */
void keeper_done(struct run *run, struct chore *c, int64_t err)
{
	c->err = err;
	c->works = false;
	if (c->t)
		c->then(run, c->t);
	else if (c->after)
		c->after(run, c);
	else
		keeper_finish_chore(run, c);
}

/* ---- asking ---- */

static void next_step(struct run *run, struct tracee *task)
{
	struct chore *c = run->keeper.first;

	(void)task;
	c->step(run, c);
}

struct req *keeper_prepare(struct run *run, const struct chore *c,
			   const char *name)
{
	struct tracee *task = run->keeper.task;

	arena_reset(&task->arena);
	task->req = (struct req){ .call = call_by_name(name) };
	task->req.val[0].num = (uint64_t)c->img->handle;
	return &task->req;
}

/* Sends what was prepared; step has the answer in the task's request. */
void keeper_ask(struct run *run, struct chore *c,
		void (*step)(struct run *run, struct chore *c))
{
	c->works = true;
	c->step = step;
	ask(run, run->keeper.task, next_step);
}

const struct req *keeper_reply(const struct run *run)
{
	return &run->keeper.task->req;
}

void keeper_lost(struct run *run)
{
	struct tracee *task = run->keeper.task;

	if (!task || !task->outstanding)
		return;
	task->req.ret = -EIO;
	tracee_answered(run, task);
	next_step(run, task);
}

/* ---- the end of a file's mappings ---- */

static void dropped(struct run *run, struct chore *c)
{
	c->after = NULL;
	keeper_done(run, c, 0);
}

static void drop(struct run *run, struct chore *c)
{
	struct image *img = c->img;

	if (c->err)
		run->keeper.lost = true;
	if (img->maps || img->handle < 0 || img->idle ||
	    keeper_rest(run, img)) {
		dropped(run, c);
		return;
	}
	keeper_prepare(run, c, "close");
	img->handle = -1;
	img->writes = false;
	img->lost = false;
	run->keeper.images.live--;
	image_empty(&run->keeper.images, img);
	keeper_ask(run, c, dropped);
}

static void release(struct run *run, struct chore *c)
{
	if (c->img->maps || c->img->handle < 0) {
		keeper_finish_chore(run, c);
		return;
	}
	c->after = drop;
	c->at = 0;
	c->hi = UINT64_MAX;
	if (c->img->base < 0)
		drop(run, c);
	else
		keeper_write_back(run, c);
}

void keeper_fails(struct run *run, const struct image *img)
{
	log_err("out of memory: %s is not written back", img->path);
	run->keeper.lost = true;
}

void keeper_release(void *ctx, struct image *img)
{
	struct run *run = ctx;

	if (img->handle >= 0 && !keeper_queue(run, img, -1, release))
		keeper_fails(run, img);
	image_unref(&run->keeper.images, img);
}

void keeper_finish(struct run *run)
{
	while (run->keeper.first && !run->lost)
		take_replies(run);
	if (run->keeper.task) {
		tell_exit(run, run->keeper.task);
		tell_exit(run, run->keeper.readers);
		if (run->keeper.filler)
			tell_exit(run, run->keeper.filler);
	}
}
