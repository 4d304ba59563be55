/*
 * The local copy of a remote file's pages: one image for each file of the
 * server in the session, however often it is open.
 *
 * The image is a memfd. Every placeholder of the file is an open file
 * description of it, so whoever maps the file shares its pages. Only blocks
 * that were asked for hold the file's bytes (have); the rest is nothing. While
 * a mapping can be written, base holds what the server has: where the two
 * differ the page is dirty.
 */
#ifndef RSC_IMAGE_H
#define RSC_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>
#include <uthash.h>

#define IMAGE_BLOCK (64u << 10)

struct image_key {
	uint64_t dev;
	uint64_t ino;
};

struct image {
	UT_hash_handle hh;
	struct image_key key;
	unsigned int refs;  /* descriptions, mappings, work under way */
	int memfd;	    /* owned */
	int base;	    /* owned memfd; -1: no mapping can be written */
	int handle;	    /* the keeper's, on the server; -1: none */
	bool writes;	    /* that handle can be written */
	bool held;	    /* nobody else on the server can write it */
	bool lost;	    /* the server has given it to somebody else */
	bool stale;	    /* its size may be another one */
	bool lazy;	    /* mappings wait for pages that are missing */
	bool filled;	    /* there were mappings that do not */
	bool serving;	    /* somebody waits, and a chore reads */
	unsigned int maps;  /* mappings in the session */
	unsigned int pulls; /* copies under way that use the pages */
	uint64_t size;	    /* of the file, while there are mappings */
	uint64_t bytes;	    /* of blocks that are here and hold something */
	uint64_t *have;	    /* owned: bits, by block */
	size_t words;
	uint64_t reach;	 /* where the last of those ends, in the file */
	uint64_t next;	 /* a fault there is one in a row */
	uint64_t window; /* bytes that it brings */
	uint64_t hand;	 /* where image_make_room() goes on */
	char *path;	 /* owned: for messages */
	/* keeper_idle.c's: */
	struct image *idle_prev; /* in keeper.idle */
	struct image *idle_next;
	struct timespec changed; /* the file, when the blocks were read */
	struct timespec modified;
	bool stamped; /* by these it is seen whether it was changed since */
	bool idle;    /* not mapped, and kept */
};

struct images {
	struct image *table;
	unsigned int live; /* that have a handle */
	uint64_t bytes;	   /* of blocks that are held here */
};

/*
 * The image of a file with one more reference; path is what messages call it.
 * NULL and errno when it cannot be made.
 */
struct image *image_get(struct images *images, uint64_t dev, uint64_t ino,
			const char *path);
/* The same without a reference; NULL: there is none. */
struct image *image_find(const struct images *images, uint64_t dev,
			 uint64_t ino);
struct image *image_ref(struct image *img);
void image_unref(struct images *images, struct image *img);
/* A description of its own with the access mode of flags; -errno. */
int image_open(const struct image *img, uint64_t flags);

/* The file has this size: pages beyond raise SIGBUS. 0 or -errno. */
int image_resize(struct image *img, uint64_t size);
/*
 * The first piece of [lo, hi) whose blocks are all here, or all missing: at
 * most max bytes in whole blocks. False when there is none.
 */
bool image_piece(const struct image *img, uint64_t *lo, uint64_t *hi,
		 size_t max, bool here);
/* Is the block of this byte here? */
bool image_has(const struct image *img, uint64_t at);
/* Are there more than max bytes of [lo, hi) that are not here? */
bool image_misses(const struct image *img, uint64_t lo, uint64_t hi,
		  uint64_t max);
/* As image_piece(): blocks that are missing, and have pages nevertheless. */
bool image_strays(const struct image *img, uint64_t *lo, uint64_t *hi,
		  size_t max);
/* No such pages in [lo, hi); 0 or -errno. */
int image_drop_strays(struct image *img, uint64_t lo, uint64_t hi);
/* Bytes of blocks that are here have pages: zeros may have none. 0 or -errno. */
int image_touch(const struct image *img, uint64_t lo, uint64_t hi);
/* The file has become longer, in the session: what is new is zeros. */
void image_grow(struct image *img, uint64_t from);
/* Gives up pages that can be read again, until len bytes have room. */
bool image_make_room(struct images *images, uint64_t len, uint64_t room);
/* No block is here any more; the pages stay as they are. */
void image_forget(struct images *images, struct image *img);
/*
 * The server's bytes of [at, at + len), from a block's start on. What the
 * program has changed stays. 0 or -errno.
 */
int image_fill(struct images *images, struct image *img, uint64_t at,
	       const uint8_t *data, size_t len);
/* [lo, hi), whole blocks, is a hole in the file. 0 or -errno. */
int image_hole(struct images *images, struct image *img, uint64_t lo,
	       uint64_t hi);
/* What a call has written to the file: it is on both sides now. */
int image_wrote(struct image *img, uint64_t at, const uint8_t *data,
		size_t len);
/* From now on a mapping can be written. 0 or -errno. */
int image_begin_writes(struct images *images, struct image *img);
/*
 * The first run of bytes in [*at, hi) that the program has changed, at most
 * size bytes of it, into data. Returns how many and where in *at; 0: none.
 */
ssize_t image_dirty(const struct image *img, uint64_t *at, uint64_t hi,
		    uint8_t *data, size_t size);
/*
 * [lo, hi) is zeros here; both: in the file, too, so that no block of it is
 * missing any more. 0 or -errno.
 */
int image_punch(struct image *img, uint64_t lo, uint64_t hi, bool both);
/* The server has these bytes now. 0 or -errno. */
int image_clean(struct image *img, uint64_t at, const uint8_t *data,
		size_t len);
/*
 * The pages are used for a copy: a reference with which bytes of the file may
 * be put there, until its end.
 */
struct image *image_pull_begin(struct image *img);
int image_pull(struct image *img, uint64_t at, const uint8_t *data, size_t len);
void image_pull_end(struct images *images, struct image *img);
/* No mapping is left: gives the memory back. */
void image_empty(struct images *images, struct image *img);

#endif
