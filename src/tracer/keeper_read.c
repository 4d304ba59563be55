/* The keeper reads: what is mapped, and what was changed on the server. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "tracer/keeper_internal.h"
#include "tracer/lazy.h"
#include "tracer/tracee.h"

/* ---- reading ---- */

/* Of a file that is mapped: there is a bit for each of its blocks. */
#define SIZE_LIMIT (1ll << 42)

static void fill(struct run *run, struct chore *c);
static void begin_lazy(struct run *run, struct chore *c);
static void fill_grown(struct run *run, struct chore *c);

static void filled(struct run *run, struct chore *c)
{
	const struct req *req = keeper_reply(run);
	uint8_t *buf = run->keeper.buf;
	size_t n = 0;
	int err;

	if (req->ret < 0) {
		keeper_done(run, c, req->ret);
		return;
	}
	if (req->ret > 0) {
		n = req->val[1].len;
		memcpy(buf, req->val[1].data, n);
	}
	memset(buf + n, 0, c->len - n);
	err = image_fill(&run->keeper.images, c->img, c->at, buf, c->len);
	if (err) {
		keeper_done(run, c, err);
		return;
	}
	c->at += (c->len + IMAGE_BLOCK - 1) / IMAGE_BLOCK * IMAGE_BLOCK;
	fill(run, c);
}

/* The next piece to read, in whole blocks; false when all is here. */
static bool next_piece(const struct chore *c, uint64_t *lo, uint64_t *hi)
{
	*lo = c->at;
	*hi = c->hi < c->img->size ? c->hi : c->img->size;
	if (c->blocks == STRAYS)
		return image_strays(c->img, lo, hi, KEEPER_STEP);
	if (c->blocks != ALL)
		return image_piece(c->img, lo, hi, KEEPER_STEP,
				   c->blocks == KNOWN);
	*lo = *lo / IMAGE_BLOCK * IMAGE_BLOCK;
	if (*hi > *lo + KEEPER_STEP)
		*hi = *lo + KEEPER_STEP;
	return *lo < *hi;
}

static void hole_found(struct run *run, struct chore *c)
{
	int64_t ret = keeper_reply(run)->ret;

	/* A server that says nonsense, or cannot tell: no holes. */
	c->data = ret < 0 || (uint64_t)ret <= c->at ? UINT64_MAX :
						      (uint64_t)ret;
	fill(run, c);
}

static void ask_seek(struct run *run, struct chore *c, int whence,
		     void (*step)(struct run *run, struct chore *c))
{
	struct req *req = keeper_prepare(run, c, "rsc_seek");

	req->val[1].num = c->at;
	req->val[2].num = (uint64_t)whence;
	keeper_ask(run, c, step);
}

/* There are no bytes before this. */
static void data_found(struct run *run, struct chore *c)
{
	int64_t ret = keeper_reply(run)->ret;
	uint64_t at = c->hi < c->img->size ? c->hi : c->img->size;
	int err;

	if ((ret < 0 && ret != -ENXIO) || (ret >= 0 && (uint64_t)ret < c->at)) {
		c->data = UINT64_MAX;
		fill(run, c);
		return;
	}
	at = (at + IMAGE_BLOCK - 1) / IMAGE_BLOCK * IMAGE_BLOCK;
	if (ret >= 0 && (uint64_t)ret < at)
		at = (uint64_t)ret / IMAGE_BLOCK * IMAGE_BLOCK;
	if (at > c->at) {
		err = image_hole(&run->keeper.images, c->img, c->at, at);
		c->at = at;
		if (err)
			keeper_done(run, c, err);
		else
			fill(run, c);
		return;
	}
	c->at = (uint64_t)ret;
	ask_seek(run, c, SEEK_HOLE, hole_found);
}

static void fill(struct run *run, struct chore *c)
{
	uint64_t lo;
	uint64_t hi;
	struct req *req;

	if (!next_piece(c, &lo, &hi)) {
		if (c->blocks == STRAYS)
			begin_lazy(run, c);
		else if (c->grown)
			fill_grown(run, c);
		else
			keeper_done(run, c, 0);
		return;
	}
	if (c->blocks == MISSING && lo >= c->data &&
	    c->img->size - lo > KEEPER_STEP) {
		c->at = lo;
		ask_seek(run, c, SEEK_DATA, data_found);
		return;
	}
	if (c->blocks != KNOWN && run->keeper.idle &&
	    run->keeper.images.bytes + (hi - lo) > run->keeper.room)
		keeper_evict(run);
	if (c->blocks != KNOWN &&
	    !image_make_room(&run->keeper.images, hi - lo, run->keeper.room)) {
		log_err("mmap: %s: more than %llu MiB of remote files are mapped: ENODEV; --map-memory allows more",
			c->img->path,
			(unsigned long long)run->keeper.room >> 20);
		keeper_done(run, c, -ENODEV);
		return;
	}
	if (hi > c->img->size)
		hi = c->img->size;
	c->at = lo;
	c->len = hi - lo;
	req = keeper_prepare(run, c, "pread64");
	req->val[1].num = 1;
	req->val[1].len = c->len;
	req->val[2].num = c->len;
	req->val[3].num = lo;
	keeper_ask(run, c, filled);
}

void keeper_fill(struct run *run, struct chore *c, uint64_t lo, uint64_t hi)
{
	c->lo = lo;
	c->hi = hi;
	c->at = lo;
	c->data = 0;
	c->blocks = MISSING;
	fill(run, c);
}

/* What is mapped at once has to be here also when the file becomes longer. */
static void fill_grown(struct run *run, struct chore *c)
{
	uint64_t from = c->grown;

	c->grown = 0;
	keeper_fill(run, c, from, c->img->reach);
}

/*
 * What is here shows that what is mapped lazily is missing; where it may be old
 * it is read again.
 */
static void begin_lazy(struct run *run, struct chore *c)
{
	bool old = c->img->maps && c->img->base < 0 && !c->known;

	c->img->lazy = true;
	c->at = c->lo;
	c->hi = c->end;
	c->blocks = KNOWN;
	if (old)
		fill(run, c);
	else
		keeper_done(run, c, 0);
}

/* The bytes of the mapping, now or when they are wanted. */
static void bring(struct run *run, struct chore *c)
{
	struct image *img = c->img;

	c->lazy = c->lazy &&
		  (img->lazy || image_misses(img, c->lo, c->hi, LAZY_MIN));
	if (!c->lazy) {
		img->filled = true;
		if (img->reach < c->hi)
			img->reach = c->hi;
		fill(run, c);
		return;
	}
	/* No page may be here whose block is said to be missing. */
	c->end = c->hi;
	c->at = 0;
	c->hi = UINT64_MAX;
	c->blocks = STRAYS;
	fill(run, c);
}

/* Which blocks are to be read, now that the attributes are known. */
static void compare(struct run *run, struct chore *c, const struct stat *st)
{
	struct image *img = c->img;

	c->known = keeper_is_known(img, st);
	if (c->known) {
		c->blocks = MISSING;
	} else if (img->maps) {
		/* Those that are not read now are as they were. */
		img->stamped = false;
	} else {
		image_forget(&run->keeper.images, img);
		keeper_stamp(run, img, st);
		c->blocks = MISSING;
	}
}

/* The size is in the reply; its pages follow. */
static void sized(struct run *run, struct chore *c)
{
	const struct stat *st = (const void *)keeper_reply(run)->val[1].data;
	int err = (int)keeper_reply(run)->ret;
	uint64_t size = c->img->size;

	if (!err && (!st || st->st_size < 0))
		err = -EIO;
	if (!err && st->st_size > SIZE_LIMIT)
		err = -ENODEV;
	if (!err && c->blocks == ALL)
		compare(run, c, st);
	if (!err)
		err = image_resize(c->img, (uint64_t)st->st_size);
	if (!err && c->writes) {
		c->blocks = MISSING;
		err = image_begin_writes(&run->keeper.images, c->img);
	}
	if (err) {
		keeper_done(run, c, err);
		return;
	}
	if (c->blocks != KNOWN) {
		bring(run, c);
		return;
	}
	if (c->img->size > size && c->img->reach > size)
		c->grown = size ? size : 1;
	fill(run, c);
}

static void ask_size(struct run *run, struct chore *c)
{
	struct req *req;

	if (!run->keeper.timed) {
		keeper_ask_time(run, c, ask_size);
		return;
	}
	req = keeper_prepare(run, c, "fstat");
	req->val[1].num = 1;
	req->val[1].len = sizeof(struct stat);
	keeper_ask(run, c, sized);
}

void keeper_reread(struct run *run, struct chore *c)
{
	c->at = 0;
	c->lo = 0;
	c->hi = UINT64_MAX;
	c->blocks = KNOWN;
	c->writes = false;
	c->wrote = false;
	ask_size(run, c);
}

void keeper_refresh(struct run *run, struct tracee *t, then_fn then)
{
	t->chore->then = then;
	keeper_reread(run, t->chore);
}

/* ---- mapping ---- */

static void ready(struct run *run, struct chore *c)
{
	/* Where a mapping can be written, what is here is what counts. */
	if (c->img->base >= 0) {
		c->blocks = MISSING;
		bring(run, c);
		return;
	}
	c->blocks = ALL;
	ask_size(run, c);
}

static void held(struct run *run, struct chore *c)
{
	int64_t ret = keeper_reply(run)->ret;

	if (!ret) {
		c->img->held = true;
		keeper_watch(run, -1);
		ready(run, c);
		return;
	}
	log_err(ret == -EBUSY ?
			"mmap: %s: others on the server can write it, so a shared writable mapping cannot be: ENODEV; --coherence=loose allows it" :
			"mmap: %s: the server cannot keep others from writing it, so a shared writable mapping cannot be: ENODEV; --coherence=loose allows it",
		c->img->path);
	keeper_done(run, c, -ENODEV);
}

/* A mapping that can be written is for who has the file alone. */
static void hold(struct run *run, struct chore *c)
{
	if (!c->writes || c->img->held || run->keeper.loose) {
		ready(run, c);
		return;
	}
	keeper_prepare(run, c, "rsc_hold");
	keeper_ask(run, c, held);
}

static void taken(struct run *run, struct chore *c)
{
	const struct req *req = keeper_reply(run);
	struct image *img = c->img;

	if (req->ret >= 0 &&
	    (req->dev != img->key.dev || req->ino != img->key.ino)) {
		tell_close(run, run->keeper.task, (int)req->ret);
		keeper_done(run, c, -EIO);
		return;
	}
	if (req->ret < 0) {
		keeper_done(run, c, req->ret);
		return;
	}
	if (img->handle >= 0)
		tell_close(run, run->keeper.task, img->handle);
	else
		run->keeper.images.live++;
	img->handle = (int)req->ret;
	img->writes = c->writes;
	img->held = false;
	hold(run, c);
}

/* t has put the file into the drawer. */
static void was_put(struct run *run, struct tracee *t)
{
	struct chore *c = t->chore;
	struct req *req;

	if (t->req.ret < 0) {
		keeper_done(run, c, t->req.ret);
		return;
	}
	req = keeper_prepare(run, c, "rsc_take");
	req->val[0].num = (uint64_t)t->req.ret;
	keeper_ask(run, c, taken);
}

void keeper_map(struct run *run, struct tracee *t, int fd, uint64_t lo,
		uint64_t hi, bool writes, then_fn then)
{
	struct entry *e = files_get(t->files, fd);
	struct chore *c = t->chore;

	c->then = then;
	c->lo = lo;
	c->hi = hi;
	c->at = lo;
	c->writes = writes;
	keeper_wake(run, c->img);
	if (c->img->handle >= 0 && (c->img->writes || !writes)) {
		hold(run, c);
		return;
	}
	if (!e || e->remote->image != c->img) {
		keeper_done(run, c, -EBADF);
		return;
	}
	t->req = (struct req){ .call = call_by_name("rsc_put") };
	t->req.val[0].num = (uint64_t)e->handle;
	ask(run, t, was_put);
}
