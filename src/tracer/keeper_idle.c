/*
 * Files that were mapped and may be again soon: programs, their libraries and
 * locales.
 *
 * Theory of Operation. Every program that starts maps the same files. So the
 * keeper holds a few of them open, with their pages here, after the last mapping
 * is gone; the next mapping asks for the attributes alone. The pages are the
 * file's as long as its size, its time of modification and its time of change
 * are what they were, if these are older than what two changes may have in
 * common. Only files below the directories of programs are kept: what is open
 * cannot be unmounted, and what is removed keeps its place on the disk.
 */
#include <string.h>
#include <time.h>
#include <utlist.h>

#include "tracer/keeper_internal.h"
#include "tracer/tracee.h"

#define IDLE_FILES 128
#define IDLE_BYTES (64u << 20)
#define SETTLED 2 /* seconds, since a change; more than any clock's tick */

static bool is_programs(const char *path)
{
	static const char *const dirs[] = { "/usr/",	       "/lib/",
					    "/lib32/",	       "/lib64/",
					    "/bin/",	       "/sbin/",
					    "/etc/ld.so.cache" };

	for (size_t i = 0; i < sizeof(dirs) / sizeof(*dirs); i++)
		if (!strncmp(path, dirs[i], strlen(dirs[i])))
			return true;
	return false;
}

static bool is_same(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

bool keeper_is_known(const struct image *img, const struct stat *st)
{
	return img->stamped && img->size == (uint64_t)st->st_size &&
	       is_same(&img->changed, &st->st_ctim) &&
	       is_same(&img->modified, &st->st_mtim);
}

void keeper_stamp(const struct run *run, struct image *img,
		  const struct stat *st)
{
	struct timespec now;
	int64_t there;

	clock_gettime(CLOCK_MONOTONIC, &now);
	there = run->keeper.real + now.tv_sec;
	img->changed = st->st_ctim;
	img->modified = st->st_mtim;
	img->stamped = st->st_ctim.tv_sec < there - SETTLED &&
		       st->st_mtim.tv_sec < there - SETTLED;
}

/* ---- the server's time ---- */

static void time_came(struct run *run, struct chore *c)
{
	const struct req *req = keeper_reply(run);
	const struct timespec *there = (const void *)req->val[1].data;
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	run->keeper.timed = true;
	/* Without it nothing is old enough. */
	run->keeper.real = INT32_MIN;
	if (!req->ret && there && there->tv_sec >= 0)
		run->keeper.real = there->tv_sec - now.tv_sec;
	run->keeper.next(run, c);
}

void keeper_ask_time(struct run *run, struct chore *c, step_fn step)
{
	struct req *req = keeper_prepare(run, c, "clock_gettime");

	run->keeper.next = step;
	req->val[0].num = CLOCK_REALTIME;
	req->val[1].num = 1;
	req->val[1].len = sizeof(struct timespec);
	keeper_ask(run, c, time_came);
}

/* ---- the list ---- */

static void forget(struct run *run, struct image *img)
{
	struct keeper *k = &run->keeper;

	tell_close(run, k->task, img->handle);
	img->handle = -1;
	k->images.live--;
	image_empty(&k->images, img);
	image_unref(&k->images, img);
}

void keeper_wake(struct run *run, struct image *img)
{
	struct keeper *k = &run->keeper;

	if (!img->idle)
		return;
	img->idle = false;
	DL_DELETE2(k->idle, img, idle_prev, idle_next);
	k->nidle--;
	image_unref(&k->images, img);
}

static void evict(struct run *run, struct image *img)
{
	image_ref(img);
	keeper_wake(run, img);
	forget(run, img);
}

static uint64_t idle_bytes(const struct keeper *k)
{
	const struct image *img;
	uint64_t bytes = 0;

	for (img = k->idle; img; img = img->idle_next)
		bytes += img->bytes;
	return bytes;
}

bool keeper_rest(struct run *run, struct image *img)
{
	struct keeper *k = &run->keeper;

	if (!img->stamped || img->base >= 0 || img->writes || img->held ||
	    img->serving || img->pulls || run->lost ||
	    img->bytes > IDLE_BYTES || !is_programs(img->path))
		return false;
	img->idle = true;
	image_ref(img);
	DL_APPEND2(k->idle, img, idle_prev, idle_next);
	k->nidle++;
	while (k->nidle > IDLE_FILES || idle_bytes(k) > IDLE_BYTES)
		evict(run, k->idle);
	return true;
}

void keeper_evict(struct run *run)
{
	while (run->keeper.idle)
		evict(run, run->keeper.idle);
}
