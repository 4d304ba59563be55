/* The local copy of a remote file's pages. */
#include "tracer/image.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096u
#define SPAN IMAGE_BLOCK /* bytes that are compared at a time */

struct image *image_find(const struct images *images, uint64_t dev,
			 uint64_t ino)
{
	struct image_key key = { dev, ino };
	struct image *img;

	HASH_FIND(hh, images->table, &key, sizeof(key), img);
	return img;
}

struct image *image_get(struct images *images, uint64_t dev, uint64_t ino,
			const char *path)
{
	struct image_key key = { dev, ino };
	struct image *img = image_find(images, dev, ino);

	if (img)
		return image_ref(img);
	img = calloc(1, sizeof(*img));
	if (!img)
		return NULL;
	img->key = key;
	img->refs = 1;
	img->base = -1;
	img->handle = -1;
	img->next = UINT64_MAX;
	img->window = IMAGE_BLOCK;
	img->path = strdup(path ? path : "?");
	img->memfd = memfd_create("rsc", MFD_CLOEXEC);
	if (img->memfd < 0 || !img->path) {
		int err = errno;

		if (img->memfd >= 0)
			close(img->memfd);
		free(img->path);
		free(img);
		errno = err;
		return NULL;
	}
	HASH_ADD(hh, images->table, key, sizeof(key), img);
	return img;
}

struct image *image_ref(struct image *img)
{
	img->refs++;
	return img;
}

void image_unref(struct images *images, struct image *img)
{
	if (!img || --img->refs)
		return;
	image_empty(images, img);
	HASH_DELETE(hh, images->table, img);
	close(img->memfd);
	free(img->path);
	free(img);
}

int image_open(const struct image *img, uint64_t flags)
{
	int mode = (int)(flags & O_ACCMODE);
	char name[64];
	int fd;

	snprintf(name, sizeof(name), "/proc/self/fd/%d", img->memfd);
	fd = open(name, (mode == O_ACCMODE ? O_RDWR : mode) | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* ---- blocks ---- */

static bool has(const struct image *img, uint64_t block)
{
	return block / 64 < img->words &&
	       img->have[block / 64] >> block % 64 & 1;
}

/* The block is here; it takes len bytes. */
static int note(struct images *images, struct image *img, uint64_t block,
		size_t len)
{
	size_t words = block / 64 + 1;
	uint64_t *bits;

	if (words > img->words) {
		bits = realloc(img->have, words * 2 * sizeof(*bits));
		if (!bits)
			return -ENOMEM;
		memset(bits + img->words, 0,
		       (words * 2 - img->words) * sizeof(*bits));
		img->have = bits;
		img->words = words * 2;
	}
	if (!has(img, block)) {
		images->bytes += len;
		img->bytes += len;
	}
	img->have[block / 64] |= UINT64_C(1) << block % 64;
	return 0;
}

void image_forget(struct images *images, struct image *img)
{
	images->bytes -= img->bytes;
	img->bytes = 0;
	free(img->have);
	img->have = NULL;
	img->words = 0;
	img->stamped = false;
}

bool image_piece(const struct image *img, uint64_t *lo, uint64_t *hi,
		 size_t max, bool here)
{
	uint64_t end = *hi < img->size ? *hi : img->size;
	uint64_t b = *lo / IMAGE_BLOCK;

	while (b * IMAGE_BLOCK < end && has(img, b) != here)
		b++;
	if (b * IMAGE_BLOCK >= end)
		return false;
	*lo = b * IMAGE_BLOCK;
	*hi = *lo;
	while (*hi < end && *hi - *lo < max && has(img, b) == here) {
		*hi += IMAGE_BLOCK;
		b++;
	}
	return true;
}

bool image_has(const struct image *img, uint64_t at)
{
	return has(img, at / IMAGE_BLOCK);
}

bool image_misses(const struct image *img, uint64_t lo, uint64_t hi,
		  uint64_t max)
{
	uint64_t missing = 0;

	if (hi > img->size)
		hi = img->size;
	for (uint64_t at = lo / IMAGE_BLOCK * IMAGE_BLOCK;
	     at < hi && missing <= max; at += IMAGE_BLOCK)
		if (!image_has(img, at))
			missing += IMAGE_BLOCK;
	return missing > max;
}

/* ---- bytes ---- */

static int put(int fd, uint64_t at, const uint8_t *data, size_t len)
{
	while (len) {
		ssize_t n = pwrite(fd, data, len, (off_t)at);

		if (n <= 0)
			return n ? -errno : -EIO;
		at += (uint64_t)n;
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

/* len bytes; what the file does not have is zero. */
static void get(int fd, uint64_t at, uint8_t *data, size_t len)
{
	ssize_t n = pread(fd, data, len, (off_t)at);

	if (n < 0)
		n = 0;
	memset(data + n, 0, len - (size_t)n);
}

int image_resize(struct image *img, uint64_t size)
{
	if (ftruncate(img->memfd, (off_t)size) ||
	    (img->base >= 0 && ftruncate(img->base, (off_t)size)))
		return -errno;
	img->size = size;
	return 0;
}

/*
 * Puts what the server has where the program has not changed it, in place: the
 * pages are mapped. Without known, nothing here is the program's.
 */
static int merge(struct image *img, uint64_t at, const uint8_t *data,
		 size_t len, bool known)
{
	static uint8_t mine[SPAN];
	static uint8_t theirs[SPAN];
	size_t i = 0;
	size_t from;
	int err = 0;

	get(img->memfd, at, mine, len);
	if (known && img->base >= 0)
		get(img->base, at, theirs, len);
	else
		memcpy(theirs, mine, len);
	while (i < len && !err) {
		while (i < len && (mine[i] == data[i] || mine[i] != theirs[i]))
			i++;
		from = i;
		while (i < len && mine[i] != data[i] && mine[i] == theirs[i])
			i++;
		err = put(img->memfd, at + from, data + from, i - from);
	}
	return err;
}

static bool is_zero(const uint8_t *data, size_t len)
{
	return !len || (!data[0] && !memcmp(data, data + 1, len - 1));
}

static int punch(int fd, uint64_t lo, uint64_t hi)
{
	return fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			 (off_t)lo, (off_t)(hi - lo)) ?
		       -errno :
		       0;
}

/* A block that is new here: pages of zeros take no memory. */
static int put_new(int fd, uint64_t at, const uint8_t *data, size_t len)
{
	int err = 0;

	err = punch(fd, at, at + IMAGE_BLOCK);
	for (size_t i = 0; i < len && !err; i += PAGE) {
		size_t n = len - i < PAGE ? len - i : PAGE;

		if (!is_zero(data + i, n))
			err = put(fd, at + i, data + i, n);
	}
	return err;
}

/*
 * A block that is new in a file that is mapped lazily: who waits for a page
 * sees it as soon as it is there, so it is put there whole. Zeros are not.
 */
static int put_pages(struct image *img, uint64_t at, const uint8_t *data,
		     size_t len)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	int err = 0;

	if (img->base >= 0)
		err = put_new(img->base, at, data, len);
	for (size_t i = 0; i < len && !err; i += page) {
		size_t n = len - i < page ? len - i : page;

		if (!is_zero(data + i, n))
			err = put(img->memfd, at + i, data + i, n);
	}
	return err;
}

int image_fill(struct images *images, struct image *img, uint64_t at,
	       const uint8_t *data, size_t len)
{
	int err = 0;

	for (size_t i = 0; i < len && !err; i += IMAGE_BLOCK) {
		size_t n = len - i < IMAGE_BLOCK ? len - i : IMAGE_BLOCK;
		uint64_t b = (at + i) / IMAGE_BLOCK;
		bool known = has(img, b);

		if (!known && img->lazy) {
			err = put_pages(img, at + i, data + i, n);
			if (!err)
				err = note(images, img, b, IMAGE_BLOCK);
			continue;
		}
		if (known || img->maps)
			err = merge(img, at + i, data + i, n, known);
		else
			err = put_new(img->memfd, at + i, data + i, n);
		if (!err && img->base >= 0)
			err = put_new(img->base, at + i, data + i, n);
		if (!err)
			err = note(images, img, b, IMAGE_BLOCK);
	}
	return err;
}

int image_hole(struct images *images, struct image *img, uint64_t lo,
	       uint64_t hi)
{
	static const uint8_t zeros[IMAGE_BLOCK];
	int err = 0;

	/* What is mapped is changed in place. */
	for (uint64_t at = lo; img->maps && at < hi && !err; at += IMAGE_BLOCK)
		err = merge(img, at, zeros, IMAGE_BLOCK, false);
	if (!err && !img->maps)
		err = punch(img->memfd, lo, hi);
	if (!err && img->base >= 0)
		err = punch(img->base, lo, hi);
	for (uint64_t at = lo; at < hi && !err; at += IMAGE_BLOCK)
		err = note(images, img, at / IMAGE_BLOCK, 0);
	return err;
}

void image_grow(struct image *img, uint64_t from)
{
	struct images none = { 0 };

	/* Of others' files more is not known. */
	if (img->base < 0)
		return;
	for (uint64_t b = (from + IMAGE_BLOCK - 1) / IMAGE_BLOCK;
	     b * IMAGE_BLOCK < img->size; b++)
		if (note(&none, img, b, 0))
			return;
}

int image_wrote(struct image *img, uint64_t at, const uint8_t *data, size_t len)
{
	uint64_t size = img->size;
	int err = 0;

	if (at + len > size) {
		err = image_resize(img, at + len);
		image_grow(img, size);
	}
	while (len && !err) {
		size_t n = IMAGE_BLOCK - at % IMAGE_BLOCK;

		if (n > len)
			n = len;
		/* What is not here will come with the rest of its page. */
		if (!img->lazy || image_has(img, at)) {
			err = put(img->memfd, at, data, n);
			if (!err && img->base >= 0)
				err = put(img->base, at, data, n);
		}
		at += n;
		data += n;
		len -= n;
	}
	return err;
}

int image_clean(struct image *img, uint64_t at, const uint8_t *data, size_t len)
{
	return img->base < 0 ? 0 : put(img->base, at, data, len);
}

int image_punch(struct image *img, uint64_t lo, uint64_t hi, bool both)
{
	struct images none = { 0 };
	int err;

	err = punch(img->memfd, lo, hi);
	if (err || !both)
		return err;
	if (img->base >= 0)
		err = punch(img->base, lo, hi);
	for (uint64_t b = (lo + IMAGE_BLOCK - 1) / IMAGE_BLOCK;
	     !err && (b + 1) * IMAGE_BLOCK <= hi; b++)
		if (!has(img, b))
			err = note(&none, img, b, 0);
	return err;
}

int image_begin_writes(struct images *images, struct image *img)
{
	if (img->base >= 0)
		return 0;
	img->base = memfd_create("rsc-base", MFD_CLOEXEC);
	if (img->base < 0)
		return -errno;
	if (ftruncate(img->base, (off_t)img->size))
		return -errno;
	/*
	 * Blocks from before may be old; they are asked for again, and the
	 * same bytes go to both.
	 */
	image_forget(images, img);
	return 0;
}

void image_empty(struct images *images, struct image *img)
{
	image_forget(images, img);
	if (img->base >= 0)
		close(img->base);
	img->base = -1;
	img->held = false;
	img->lazy = false;
	img->filled = false;
	img->reach = 0;
	img->next = UINT64_MAX;
	img->window = IMAGE_BLOCK;
	if (!img->pulls && ftruncate(img->memfd, 0))
		return;
	img->size = 0;
}

/* ---- what is lazily here ---- */

bool image_strays(const struct image *img, uint64_t *lo, uint64_t *hi,
		  size_t max)
{
	uint64_t end = *hi < img->size ? *hi : img->size;
	uint64_t at = *lo / IMAGE_BLOCK * IMAGE_BLOCK;

	while (at < end) {
		off_t data = lseek(img->memfd, (off_t)at, SEEK_DATA);

		if (data < 0 || (uint64_t)data >= end)
			return false;
		at = (uint64_t)data / IMAGE_BLOCK * IMAGE_BLOCK;
		while (at < end && image_has(img, at))
			at += IMAGE_BLOCK;
		if (at <= (uint64_t)data && at < end) {
			*lo = at;
			*hi = at + (max < IMAGE_BLOCK ? max : IMAGE_BLOCK);
			return true;
		}
	}
	return false;
}

int image_drop_strays(struct image *img, uint64_t lo, uint64_t hi)
{
	uint64_t at = lo;
	uint64_t end = hi;
	int err = 0;

	while (!err && image_strays(img, &at, &end, IMAGE_BLOCK)) {
		err = punch(img->memfd, at, end);
		at = end;
		end = hi;
	}
	return err;
}

int image_touch(const struct image *img, uint64_t lo, uint64_t hi)
{
	lo = lo / PAGE * PAGE;
	hi = (hi + PAGE - 1) / PAGE * PAGE;
	if (hi > (img->size + PAGE - 1) / PAGE * PAGE)
		hi = (img->size + PAGE - 1) / PAGE * PAGE;
	if (lo >= hi)
		return 0;
	return fallocate(img->memfd, FALLOC_FL_KEEP_SIZE, (off_t)lo,
			 (off_t)(hi - lo)) ?
		       -errno :
		       0;
}

/* Blocks from the hand on, once around; what nobody can have changed. */
static void give_up(struct images *images, struct image *img, uint64_t len,
		    uint64_t room)
{
	uint64_t n = img->words * 64;

	for (uint64_t i = 0; i < n && images->bytes + len > room; i++) {
		uint64_t b = img->hand++ % n;

		if (!has(img, b) ||
		    punch(img->memfd, b * IMAGE_BLOCK, (b + 1) * IMAGE_BLOCK))
			continue;
		img->have[b / 64] &= ~(UINT64_C(1) << b % 64);
		images->bytes -= IMAGE_BLOCK;
		img->bytes -= IMAGE_BLOCK;
	}
}

bool image_make_room(struct images *images, uint64_t len, uint64_t room)
{
	struct image *img;

	for (img = images->table; img; img = img->hh.next)
		if (images->bytes + len > room && img->lazy && !img->filled &&
		    img->base < 0 && !img->pulls)
			give_up(images, img, len, room);
	return images->bytes + len <= room;
}

/* ---- copies ---- */

struct image *image_pull_begin(struct image *img)
{
	img->pulls++;
	return image_ref(img);
}

int image_pull(struct image *img, uint64_t at, const uint8_t *data, size_t len)
{
	int err = 0;

	while (len && !err) {
		size_t n = IMAGE_BLOCK - at % IMAGE_BLOCK;

		if (n > len)
			n = len;
		/* Where a mapping can be written, it is what counts. */
		if (img->base < 0 || !has(img, at / IMAGE_BLOCK))
			err = put(img->memfd, at, data, n);
		at += n;
		data += n;
		len -= n;
	}
	return err;
}

void image_pull_end(struct images *images, struct image *img)
{
	if (!img)
		return;
	/* Whole pages, because a pipe may hold one. */
	if (!--img->pulls && img->handle < 0)
		image_empty(images, img);
	image_unref(images, img);
}

/* ---- what the program has changed ---- */

/* Where the first byte from at on lies that is not in a hole of both. */
static uint64_t skip_hole(const struct image *img, uint64_t at)
{
	off_t mine = lseek(img->memfd, (off_t)at, SEEK_DATA);
	off_t theirs = lseek(img->base, (off_t)at, SEEK_DATA);

	if (mine < 0 && theirs < 0)
		return UINT64_MAX;
	if (mine < 0 || (theirs >= 0 && theirs < mine))
		return (uint64_t)theirs;
	return (uint64_t)mine;
}

/* The first byte from i on that differs, or len. */
static size_t differs(const uint8_t *a, const uint8_t *b, size_t i, size_t len)
{
	while (i < len) {
		size_t n = len - i < PAGE ? len - i : PAGE;

		if (memcmp(a + i, b + i, n))
			break;
		i += n;
	}
	while (i < len && a[i] == b[i])
		i++;
	return i;
}

/*
 * Where the run that begins at i ends: behind the last changed byte of the
 * last of the changed pages in a row.
 */
static size_t run_end(const uint8_t *a, const uint8_t *b, size_t i, size_t len)
{
	size_t end = i + 1;

	for (size_t page = i / PAGE * PAGE; page < len; page += PAGE) {
		size_t to = len - page < PAGE ? len : page + PAGE;
		size_t last = to;

		while (last > page && last > i && a[last - 1] == b[last - 1])
			last--;
		if (last <= page || last <= i)
			break;
		end = last;
	}
	return end;
}

ssize_t image_dirty(const struct image *img, uint64_t *at, uint64_t hi,
		    uint8_t *data, size_t size)
{
	static uint8_t mine[SPAN];
	static uint8_t theirs[SPAN];
	uint64_t pos = *at;
	uint64_t data_at = 0;

	if (hi > img->size)
		hi = img->size;
	while (img->base >= 0 && pos < hi) {
		uint64_t block = pos / IMAGE_BLOCK * IMAGE_BLOCK;
		size_t len = SPAN;
		size_t from = pos - block;
		size_t to;

		if (hi - block < len)
			len = hi - block;
		pos = block + SPAN;
		if (!has(img, block / IMAGE_BLOCK))
			continue;
		data_at = data_at <= block ? skip_hole(img, block) : data_at;
		if (data_at >= hi)
			break;
		if (data_at >= block + len) {
			pos = data_at / IMAGE_BLOCK * IMAGE_BLOCK;
			continue;
		}
		get(img->memfd, block, mine, len);
		get(img->base, block, theirs, len);
		from = differs(mine, theirs, from, len);
		if (from == len)
			continue;
		to = run_end(mine, theirs, from, len);
		if (to - from > size)
			to = from + size;
		memcpy(data, mine + from, to - from);
		*at = block + from;
		return (ssize_t)(to - from);
	}
	*at = hi;
	return 0;
}
