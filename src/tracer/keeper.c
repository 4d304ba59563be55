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
#include <sys/stat.h>
#include <utlist.h>

#include "base/log.h"
#include "tracer/tracee.h"

#define STEP VALUE_BYTES_MAX
#define NOAPPEND 0x20 /* RWF_NOAPPEND, linux/fs.h since 6.9 */

static void watch_readers(struct run *run, int done);

static struct tracee *new_task(struct run *run, const struct tracee *root)
{
	struct tracee *task = calloc(1, sizeof(*task));

	if (!task || tracee_name_task(run, task)) {
		free(task);
		return NULL;
	}
	tell_spawn(run, task, root->task, 0);
	return task;
}

int keeper_init(struct run *run, struct tracee *root)
{
	struct keeper *k = &run->keeper;

	k->buf = malloc(STEP);
	k->task = new_task(run, root);
	k->readers = new_task(run, root);
	return k->buf && k->task && k->readers ? 0 : -ENOMEM;
}

/* ---- turns ---- */

static void begin(struct run *run, struct chore *c)
{
	if (c->t)
		c->then(run, c->t);
	else
		c->step(run, c);
}

static void end(struct run *run, struct chore *c)
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
	if (img->handle >= 0 && !img->maps)
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

/* A chore of the keeper's own. */
static void queue(struct run *run, struct image *img, int fd,
		  void (*step)(struct run *run, struct chore *c))
{
	struct chore *c = calloc(1, sizeof(*c));

	if (!c) {
		log_err("out of memory: %s is not written back", img->path);
		run->keeper.lost = true;
		return;
	}
	c->img = image_ref(img);
	c->fd = fd;
	c->step = step;
	LL_APPEND(run->keeper.first, c);
	if (run->keeper.first == c)
		begin(run, c);
}

void keeper_end(struct run *run, struct tracee *t)
{
	if (t->chore)
		end(run, t->chore);
}

static void refresh(struct run *run, struct chore *c);

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
		refresh(run, c);
	else
		end(run, c);
}

/* The keeper's part is done. */
static void done(struct run *run, struct chore *c, int64_t err)
{
	c->err = err;
	c->works = false;
	if (c->t)
		c->then(run, c->t);
	else if (c->after)
		c->after(run, c);
	else
		end(run, c);
}

/* ---- asking ---- */

static void next_step(struct run *run, struct tracee *task)
{
	struct chore *c = run->keeper.first;

	(void)task;
	c->step(run, c);
}

static struct req *prepare(struct run *run, const struct chore *c,
			   const char *name)
{
	struct tracee *task = run->keeper.task;

	arena_reset(&task->arena);
	task->req = (struct req){ .call = call_by_name(name) };
	task->req.val[0].num = (uint64_t)c->img->handle;
	return &task->req;
}

/* Sends what was prepared; step has the answer in the task's request. */
static void ask_then(struct run *run, struct chore *c,
		     void (*step)(struct run *run, struct chore *c))
{
	c->works = true;
	c->step = step;
	ask(run, run->keeper.task, next_step);
}

static const struct req *reply(const struct run *run)
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

/* ---- reading ---- */

static void fill(struct run *run, struct chore *c);

static void filled(struct run *run, struct chore *c)
{
	const struct req *req = reply(run);
	uint8_t *buf = run->keeper.buf;
	size_t n = 0;
	int err;

	if (req->ret < 0) {
		done(run, c, req->ret);
		return;
	}
	if (req->ret > 0) {
		n = req->val[1].len;
		memcpy(buf, req->val[1].data, n);
	}
	memset(buf + n, 0, c->len - n);
	err = image_fill(&run->keeper.images, c->img, c->at, buf, c->len);
	if (err) {
		done(run, c, err);
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
	if (c->blocks != ALL)
		return image_piece(c->img, lo, hi, STEP, c->blocks == KNOWN);
	*lo = *lo / IMAGE_BLOCK * IMAGE_BLOCK;
	if (*hi > *lo + STEP)
		*hi = *lo + STEP;
	return *lo < *hi;
}

static void hole_found(struct run *run, struct chore *c)
{
	int64_t ret = reply(run)->ret;

	c->data = ret < 0 ? UINT64_MAX : (uint64_t)ret;
	fill(run, c);
}

static void ask_seek(struct run *run, struct chore *c, int whence,
		     void (*step)(struct run *run, struct chore *c))
{
	struct req *req = prepare(run, c, "rsc_seek");

	req->val[1].num = c->at;
	req->val[2].num = (uint64_t)whence;
	ask_then(run, c, step);
}

/* There are no bytes before this. */
static void data_found(struct run *run, struct chore *c)
{
	int64_t ret = reply(run)->ret;
	uint64_t at = c->hi < c->img->size ? c->hi : c->img->size;
	int err;

	if (ret < 0 && ret != -ENXIO) {
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
			done(run, c, err);
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
		done(run, c, 0);
		return;
	}
	if (c->blocks == MISSING && lo >= c->data && c->img->size - lo > STEP) {
		c->at = lo;
		ask_seek(run, c, SEEK_DATA, data_found);
		return;
	}
	if (c->blocks != KNOWN &&
	    run->keeper.images.bytes + (hi - lo) > run->keeper.room) {
		log_err("mmap: %s: more than %llu MiB of remote files are mapped: ENODEV; --map-memory allows more",
			c->img->path,
			(unsigned long long)run->keeper.room >> 20);
		done(run, c, -ENODEV);
		return;
	}
	if (hi > c->img->size)
		hi = c->img->size;
	c->at = lo;
	c->len = hi - lo;
	req = prepare(run, c, "pread64");
	req->val[1].num = 1;
	req->val[1].len = c->len;
	req->val[2].num = c->len;
	req->val[3].num = lo;
	ask_then(run, c, filled);
}

/* The size is in the reply; its pages follow. */
static void sized(struct run *run, struct chore *c)
{
	const struct stat *st = (const void *)reply(run)->val[1].data;
	int err = (int)reply(run)->ret;

	if (!err && (!st || st->st_size < 0))
		err = -EIO;
	if (!err)
		err = image_resize(c->img, (uint64_t)st->st_size);
	if (!err && c->writes) {
		c->blocks = MISSING;
		err = image_begin_writes(&run->keeper.images, c->img);
	}
	if (err)
		done(run, c, err);
	else
		fill(run, c);
}

static void ask_size(struct run *run, struct chore *c)
{
	struct req *req = prepare(run, c, "fstat");

	req->val[1].num = 1;
	req->val[1].len = sizeof(struct stat);
	ask_then(run, c, sized);
}

static void refresh(struct run *run, struct chore *c)
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
	refresh(run, t->chore);
}

/* ---- mapping ---- */

static void ready(struct run *run, struct chore *c)
{
	/* Where a mapping can be written, what is here is what counts. */
	if (c->img->base >= 0) {
		c->blocks = MISSING;
		fill(run, c);
		return;
	}
	c->blocks = c->img->maps ? ALL : MISSING;
	if (!c->img->maps)
		image_forget(&run->keeper.images, c->img);
	ask_size(run, c);
}

static void held(struct run *run, struct chore *c)
{
	int64_t ret = reply(run)->ret;

	if (!ret) {
		c->img->held = true;
		watch_readers(run, -1);
		ready(run, c);
		return;
	}
	log_err(ret == -EBUSY ?
			"mmap: %s: others on the server can write it, so a shared writable mapping cannot be: ENODEV; --coherence=loose allows it" :
			"mmap: %s: the server cannot keep others from writing it, so a shared writable mapping cannot be: ENODEV; --coherence=loose allows it",
		c->img->path);
	done(run, c, -ENODEV);
}

/* A mapping that can be written is for who has the file alone. */
static void hold(struct run *run, struct chore *c)
{
	if (!c->writes || c->img->held || run->keeper.loose) {
		ready(run, c);
		return;
	}
	prepare(run, c, "rsc_hold");
	ask_then(run, c, held);
}

static void taken(struct run *run, struct chore *c)
{
	const struct req *req = reply(run);
	struct image *img = c->img;

	if (req->ret >= 0 &&
	    (req->dev != img->key.dev || req->ino != img->key.ino)) {
		tell_close(run, run->keeper.task, (int)req->ret);
		done(run, c, -EIO);
		return;
	}
	if (req->ret < 0) {
		done(run, c, req->ret);
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
		done(run, c, t->req.ret);
		return;
	}
	req = prepare(run, c, "rsc_take");
	req->val[0].num = (uint64_t)t->req.ret;
	ask_then(run, c, taken);
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
	if (c->img->handle >= 0 && (c->img->writes || !writes)) {
		hold(run, c);
		return;
	}
	if (!e || e->remote->image != c->img) {
		done(run, c, -EBADF);
		return;
	}
	t->req = (struct req){ .call = call_by_name("rsc_put") };
	t->req.val[0].num = (uint64_t)e->handle;
	ask(run, t, was_put);
}

/* ---- writing back ---- */

static void flush(struct run *run, struct chore *c);

static void synced(struct run *run, struct chore *c)
{
	done(run, c, reply(run)->ret);
}

/* As many changed bytes in a row as a call takes. */
static size_t gather(struct run *run, struct chore *c)
{
	uint8_t *buf = run->keeper.buf;
	uint64_t next = c->at;
	size_t len = 0;
	ssize_t n;

	do {
		n = image_dirty(c->img, &next, c->hi, buf + len, STEP - len);
		if (n <= 0 || (len && next != c->at + len))
			break;
		if (!len)
			c->at = next;
		len += (size_t)n;
		next += (size_t)n;
	} while (len < STEP && !(next % IMAGE_BLOCK));
	return len;
}

static void flushed(struct run *run, struct chore *c)
{
	int64_t ret = reply(run)->ret;

	if ((ret == -EOPNOTSUPP || ret == -EINVAL) && !run->keeper.no_flag) {
		run->keeper.no_flag = true;
		flush(run, c);
		return;
	}
	if (ret <= 0 || (size_t)ret > c->len) {
		log_err("%s: stores to the mapped file do not reach the server: %s",
			c->img->path, strerror(ret < 0 ? (int)-ret : EIO));
		done(run, c, ret < 0 ? ret : -EIO);
		return;
	}
	image_clean(c->img, c->at, run->keeper.buf, (size_t)ret);
	c->at += (uint64_t)ret;
	flush(run, c);
}

static void flush(struct run *run, struct chore *c)
{
	struct req *req;

	c->len = c->img->lost ? 0 : gather(run, c);
	if (!c->len && c->sync) {
		prepare(run, c, "fsync");
		ask_then(run, c, synced);
		return;
	}
	if (!c->len) {
		done(run, c, 0);
		return;
	}
	req = prepare(run, c, run->keeper.no_flag ? "pwrite64" : "pwritev2");
	req->val[1].num = 1;
	req->val[1].data = run->keeper.buf;
	req->val[1].len = c->len;
	req->val[2].num = run->keeper.no_flag ? c->len : 1;
	req->val[3].num = c->at;
	req->val[5].num = run->keeper.no_flag ? 0 : NOAPPEND;
	ask_then(run, c, flushed);
}

void keeper_flush(struct run *run, struct tracee *t, uint64_t lo, uint64_t hi,
		  bool sync, then_fn then)
{
	struct chore *c = t->chore;

	c->then = then;
	c->at = lo;
	c->lo = lo;
	c->hi = hi;
	c->sync = sync;
	if (c->img->base < 0)
		done(run, c, 0);
	else
		flush(run, c);
}

/* ---- the end of a file's mappings ---- */

static void dropped(struct run *run, struct chore *c)
{
	c->after = NULL;
	done(run, c, 0);
}

static void drop(struct run *run, struct chore *c)
{
	struct image *img = c->img;

	if (c->err)
		run->keeper.lost = true;
	if (img->maps || img->handle < 0) {
		dropped(run, c);
		return;
	}
	prepare(run, c, "close");
	img->handle = -1;
	img->writes = false;
	img->lost = false;
	run->keeper.images.live--;
	image_empty(&run->keeper.images, img);
	ask_then(run, c, dropped);
}

static void readers_go_on(struct run *run, struct chore *c)
{
	watch_readers(run, c->fd);
	end(run, c);
}

/* Somebody on the server waits to read the file: what is changed goes there. */
static void write_back(struct run *run, struct chore *c)
{
	c->after = readers_go_on;
	c->at = 0;
	c->hi = UINT64_MAX;
	if (c->img->handle < 0 || c->img->base < 0)
		readers_go_on(run, c);
	else
		flush(run, c);
}

static void recalled(struct run *run, struct tracee *task)
{
	struct image *img;
	int64_t fd = task->req.ret;

	for (img = run->keeper.images.table; img; img = img->hh.next)
		if (fd >= 0 && img->handle == fd)
			break;
	if (img) {
		queue(run, img, (int)fd, write_back);
		return;
	}
	/* It was let go meanwhile, and nobody waits. */
	if (fd >= 0 || fd == -EINTR)
		watch_readers(run, fd < 0 ? -1 : (int)fd);
}

/* Readers of the file of handle done go on; waits for the next. */
static void watch_readers(struct run *run, int done)
{
	struct tracee *task = run->keeper.readers;

	if (run->lost || (done == -1 && task->outstanding))
		return;
	task->req = (struct req){ .call = call_by_name("rsc_recall") };
	task->req.val[0].num = (uint64_t)(int64_t)done;
	ask(run, task, recalled);
}

static void release(struct run *run, struct chore *c)
{
	if (c->img->maps || c->img->handle < 0) {
		end(run, c);
		return;
	}
	c->after = drop;
	c->at = 0;
	c->hi = UINT64_MAX;
	if (c->img->base < 0)
		drop(run, c);
	else
		flush(run, c);
}

void keeper_release(void *ctx, struct image *img)
{
	struct run *run = ctx;

	if (img->handle >= 0)
		queue(run, img, -1, release);
	image_unref(&run->keeper.images, img);
}

void keeper_finish(struct run *run)
{
	while (run->keeper.first && !run->lost)
		take_replies(run);
	if (run->keeper.task) {
		tell_exit(run, run->keeper.task);
		tell_exit(run, run->keeper.readers);
	}
}
