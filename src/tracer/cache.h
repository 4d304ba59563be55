/*
 * Files of the server that are kept here between runs, so that programs which
 * only the server has can be executed: below $XDG_CACHE_HOME/rsc/programs (XDG
 * Base Directory Specification), else .cache in the home directory of the user
 * who runs rsc (that of passwd(5): $HOME is the program's), else a folder of
 * this run's.
 *
 * A file is kept under a key that names a version of it, as KEY/SHA-256. It is
 * trusted after its contents were found to have that sum, once in a run.
 */
#ifndef RSC_CACHE_H
#define RSC_CACHE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What may lie there; the files used least recently go first. What was used in
 * the last minute, or by this run, stays.
 */
#define CACHE_LIMIT (1024ull << 20)

struct kept_file;

/* All zero: nothing was looked for. */
struct cache {
	char dir[PATH_MAX];
	bool shared;		 /* other users may execute what is there */
	bool own;		 /* the folder goes with this run */
	uint64_t limit;		 /* 0: CACHE_LIMIT */
	char *before;		 /* owned: one that goes too, or NULL */
	struct kept_file *known; /* hash by path: what is trusted */
};

/* A file that is being written. Closed by cache_commit or cache_abort. */
struct cache_file {
	int fd;		     /* owned, or -1 */
	void *sum;	     /* owned */
	char dir[PATH_MAX];  /* of its key */
	char name[PATH_MAX]; /* while it is written */
};

/*
 * The file under key: its path is written to path. -ENOENT when there is none
 * (or it was changed by somebody), or the errno of the folder.
 */
int cache_find(struct cache *cache, const char *key, char path[PATH_MAX]);
/* Begins a file under key; 0 or -errno. */
int cache_begin(struct cache *cache, const char *key, struct cache_file *file);
int cache_add(struct cache_file *file, const void *data, size_t len);
/* It is whole: the same as cache_find from now on. */
int cache_commit(struct cache *cache, struct cache_file *file,
		 char path[PATH_MAX]);
void cache_abort(struct cache_file *file);
/*
 * A path of at least len bytes to the file at path (absolute) that ends in
 * name; 0 or -errno.
 */
int cache_name(struct cache *cache, const char *path, const char *name,
	       size_t len, char out[PATH_MAX]);
/* The file at path is the server's file named name. 0 or -ENOMEM. */
int cache_note(struct cache *cache, const char *path, const char *name);
/* That name, or NULL: path is no file of the server. */
const char *cache_noted(const struct cache *cache, const char *path);
/*
 * From now on what is kept can be executed by every user of this machine: the
 * program has become another one, who cannot enter this user's folders.
 */
void cache_share(struct cache *cache);
/* Frees what is held in memory, removes the run's own folder. */
void cache_close(struct cache *cache);

#endif
