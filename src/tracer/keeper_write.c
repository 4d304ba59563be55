/* The keeper writes back what mappings have changed. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/log.h"
#include "tracer/keeper_internal.h"
#include "tracer/tracee.h"

#define NOAPPEND 0x20 /* RWF_NOAPPEND, linux/fs.h since 6.9 */

/* ---- writing back ---- */

static void synced(struct run *run, struct chore *c)
{
	keeper_done(run, c, keeper_reply(run)->ret);
}

/* As many changed bytes in a row as a call takes. */
static size_t gather(struct run *run, struct chore *c)
{
	uint8_t *buf = run->keeper.buf;
	uint64_t next = c->at;
	size_t len = 0;
	ssize_t n;

	do {
		n = image_dirty(c->img, &next, c->hi, buf + len,
				KEEPER_STEP - len);
		if (n <= 0 || (len && next != c->at + len))
			break;
		if (!len)
			c->at = next;
		len += (size_t)n;
		next += (size_t)n;
	} while (len < KEEPER_STEP && !(next % IMAGE_BLOCK));
	return len;
}

static void flushed(struct run *run, struct chore *c)
{
	int64_t ret = keeper_reply(run)->ret;

	if ((ret == -EOPNOTSUPP || ret == -EINVAL) && !run->keeper.no_flag) {
		run->keeper.no_flag = true;
		keeper_write_back(run, c);
		return;
	}
	if (ret <= 0 || (size_t)ret > c->len) {
		log_err("%s: stores to the mapped file do not reach the server: %s",
			c->img->path, strerror(ret < 0 ? (int)-ret : EIO));
		keeper_done(run, c, ret < 0 ? ret : -EIO);
		return;
	}
	image_clean(c->img, c->at, run->keeper.buf, (size_t)ret);
	c->at += (uint64_t)ret;
	keeper_write_back(run, c);
}

void keeper_write_back(struct run *run, struct chore *c)
{
	struct req *req;

	c->len = c->img->lost ? 0 : gather(run, c);
	if (!c->len && c->sync) {
		keeper_prepare(run, c, "fsync");
		keeper_ask(run, c, synced);
		return;
	}
	if (!c->len) {
		keeper_done(run, c, 0);
		return;
	}
	req = keeper_prepare(run, c,
			     run->keeper.no_flag ? "pwrite64" : "pwritev2");
	req->val[1].num = 1;
	req->val[1].data = run->keeper.buf;
	req->val[1].len = c->len;
	req->val[2].num = run->keeper.no_flag ? c->len : 1;
	req->val[3].num = c->at;
	req->val[5].num = run->keeper.no_flag ? 0 : NOAPPEND;
	keeper_ask(run, c, flushed);
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
		keeper_done(run, c, 0);
	else
		keeper_write_back(run, c);
}

/* ---- holes ---- */

/* Where there are no holes zeros are written, as any other store. */
static void filled(struct run *run, struct tracee *t)
{
	struct chore *c = t->chore;

	if (!c->err)
		c->err = image_punch(c->img, c->lo, c->hi, false);
	t->map_then(run, t);
}

static void punched(struct run *run, struct chore *c)
{
	int64_t ret = keeper_reply(run)->ret;

	if (ret == -EOPNOTSUPP) {
		c->then = filled;
		keeper_fill(run, c, c->lo, c->hi);
		return;
	}
	if (!ret)
		ret = image_punch(c->img, c->lo, c->hi, true);
	keeper_done(run, c, ret);
}

void keeper_punch(struct run *run, struct tracee *t, uint64_t lo, uint64_t hi,
		  then_fn then)
{
	struct chore *c = t->chore;
	struct req *req;

	c->then = then;
	t->map_then = then;
	c->lo = lo;
	c->hi = hi < c->img->size ? hi : c->img->size;
	if (c->img->handle < 0 || c->lo >= c->hi) {
		keeper_done(run, c, 0);
		return;
	}
	req = keeper_prepare(run, c, "fallocate");
	req->val[1].num = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
	req->val[2].num = lo;
	req->val[3].num = hi - lo;
	keeper_ask(run, c, punched);
}

/* ---- readers on the server ---- */

static void readers_go_on(struct run *run, struct chore *c)
{
	keeper_watch(run, c->fd);
	keeper_finish_chore(run, c);
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
		keeper_write_back(run, c);
}

static void recalled(struct run *run, struct tracee *task)
{
	struct image *img;
	int64_t fd = task->req.ret;

	for (img = run->keeper.images.table; img; img = img->hh.next)
		if (fd >= 0 && img->handle == fd)
			break;
	if (img) {
		if (!keeper_queue(run, img, (int)fd, write_back))
			keeper_fails(run, img);
		return;
	}
	/* It was let go meanwhile, and nobody waits. */
	if (fd >= 0 || fd == -EINTR)
		keeper_watch(run, fd < 0 ? -1 : (int)fd);
}

/* Readers of the file of handle done go on; waits for the next. */
void keeper_watch(struct run *run, int done)
{
	struct tracee *task = run->keeper.readers;

	if (run->lost || (done == -1 && task->outstanding))
		return;
	task->req = (struct req){ .call = call_by_name("rsc_recall") };
	task->req.val[0].num = (uint64_t)(int64_t)done;
	ask(run, task, recalled);
}
