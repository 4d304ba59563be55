/*
 * Mapped files whose bytes come when they are touched: how they come.
 *
 * Who waits for a page is listed. A chore of the keeper reads the block of the
 * first of them, and more behind it where a file is read in a row; then all go
 * on whose block is there. What the tracer itself is about to touch is read out
 * of turn by a task of its own, which shares the keeper's handles: nobody else
 * is heard meanwhile.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/log.h"
#include "tracer/keeper_internal.h"
#include "tracer/lazy.h"
#include "tracer/tracee.h"

#define WINDOW_MAX KEEPER_STEP

static void free_fault(struct run *run, struct fault *fault)
{
	LL_DELETE(run->lazy.waiting, fault);
	image_unref(&run->keeper.images, fault->img);
	free(fault);
}

void lazy_forget(struct run *run, const struct faults *from)
{
	struct fault *next;
	struct fault *fault;

	LL_FOREACH_SAFE(run->lazy.waiting, fault, next)
	if (fault->from == from)
		free_fault(run, fault);
}

/* Everybody who waits for a block of [lo, hi), or one that is there, goes on. */
static void go_on(struct run *run, const struct image *img, uint64_t lo,
		  uint64_t hi, int err)
{
	struct fault *next;
	struct fault *fault;

	LL_FOREACH_SAFE(run->lazy.waiting, fault, next)
	{
		int bad = 0;

		if (fault->img != img)
			continue;
		if (image_has(img, fault->at))
			bad = image_touch(img, fault->at, fault->at + 1);
		else if (fault->at < img->size && err && fault->at >= lo &&
			 fault->at < hi)
			bad = err;
		else if (fault->at < img->size)
			continue;
		/* Behind the end of the file the kernel knows what to do. */
		lazy_answer(run, fault->from, fault->address, bad);
		free_fault(run, fault);
	}
}

static struct fault *first_of(const struct run *run, const struct image *img)
{
	struct fault *fault;

	LL_FOREACH(run->lazy.waiting, fault)
	if (fault->img == img)
		return fault;
	return NULL;
}

static void serve(struct run *run, struct chore *c);

static void served(struct run *run, struct chore *c)
{
	if (c->err)
		log_err("%s: a mapped page cannot be read: %s: SIGBUS",
			c->img->path, strerror((int)-c->err));
	go_on(run, c->img, c->lo, c->hi, (int)c->err);
	serve(run, c);
}

/* A file that is read in a row is read ahead. */
static uint64_t window(struct image *img, uint64_t at)
{
	if (at == img->next && img->window < WINDOW_MAX)
		img->window *= 2;
	else if (at != img->next)
		img->window = IMAGE_BLOCK;
	img->next = at + img->window;
	return img->window;
}

static void serve(struct run *run, struct chore *c)
{
	struct fault *fault;
	uint64_t at;

	go_on(run, c->img, 0, 0, 0);
	fault = first_of(run, c->img);
	if (!fault) {
		c->img->serving = false;
		c->after = NULL;
		keeper_done(run, c, 0);
		return;
	}
	c->after = served;
	if (c->img->handle < 0) {
		c->lo = 0;
		c->hi = UINT64_MAX;
		keeper_done(run, c, -EIO);
		return;
	}
	at = fault->at / IMAGE_BLOCK * IMAGE_BLOCK;
	keeper_fill(run, c, at, at + window(c->img, at));
}

void lazy_wanted(struct run *run, struct faults *from, uint64_t address,
		 struct image *img, uint64_t at)
{
	struct fault *fault = NULL;
	int err = 0;

	if (image_has(img, at))
		err = image_touch(img, at, at + 1);
	else
		fault = calloc(1, sizeof(*fault));
	if (!fault) {
		lazy_answer(run, from, address,
			    image_has(img, at) ? err : -ENOMEM);
		return;
	}
	*fault = (struct fault){ .from = from,
				 .img = image_ref(img),
				 .address = address,
				 .at = at };
	LL_APPEND(run->lazy.waiting, fault);
	if (img->serving)
		return;
	img->serving = true;
	if (keeper_queue(run, img, -1, serve))
		return;
	img->serving = false;
	go_on(run, img, 0, UINT64_MAX, -ENOMEM);
}

/* ---- out of turn ---- */

static struct tracee *filler(struct run *run)
{
	struct keeper *k = &run->keeper;

	if (!k->filler)
		k->filler = keeper_twin(run);
	return k->filler;
}

static int read_now(struct run *run, struct image *img, uint64_t lo,
		    uint64_t hi)
{
	struct tracee *task = filler(run);
	static uint8_t buf[KEEPER_STEP];
	struct req *req;
	size_t len;
	int err;

	if (!task || img->handle < 0)
		return -EIO;
	len = (size_t)((hi < img->size ? hi : img->size) - lo);
	arena_reset(&task->arena);
	req = &task->req;
	*req = (struct req){ .call = call_by_name("pread64") };
	req->val[0].num = (uint64_t)img->handle;
	req->val[1].num = 1;
	req->val[1].len = len;
	req->val[2].num = len;
	req->val[3].num = lo;
	err = ask_alone(run, task);
	if (!err && req->ret < 0)
		err = (int)req->ret;
	if (err)
		return err;
	memset(buf, 0, len);
	if (req->ret > 0)
		memcpy(buf, req->val[1].data, req->val[1].len);
	return image_fill(&run->keeper.images, img, lo, buf, len);
}

int lazy_need(struct run *run, struct image *img, uint64_t lo, uint64_t hi)
{
	uint64_t at = lo;
	int err = 0;

	while (!err) {
		uint64_t end = hi;

		if (!image_piece(img, &at, &end, KEEPER_STEP, false))
			break;
		err = read_now(run, img, at, end);
		at = end;
	}
	if (!err)
		err = image_touch(img, lo, hi);
	if (err)
		log_err("%s: a mapped page cannot be read: %s", img->path,
			strerror(-err));
	/* Others may wait for the same. */
	go_on(run, img, 0, 0, 0);
	return err;
}
