/*
 * Which descriptor numbers of a tracee stand for descriptors of the server.
 *
 * A struct files mirrors one descriptor table of the kernel (files_struct):
 * tracees made with CLONE_FILES share it, fork copies it. Only remote numbers
 * have an entry; at each stands a placeholder that the local kernel allocated.
 * The server's context has the same table, so a copied entry keeps its handle.
 * What an open file description is (struct remote) is shared by all numbers
 * that dup and fork make of it.
 */
#ifndef RSC_FILES_H
#define RSC_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <uthash.h>

#include "tracer/level.h"

struct image;
struct images;

struct remote {
	unsigned int refs;
	uint32_t object;     /* enum object and its bit */
	bool append;	     /* opened with O_APPEND */
	bool names;	     /* opened with O_PATH */
	bool quiet;	     /* a socket whose EPIPE raises no SIGPIPE */
	uint8_t mode;	     /* O_ACCMODE of the open */
	bool locked;	     /* a lock may end when it is closed */
	struct image *image; /* a reference; NULL: no regular file */
	pid_t listed;	     /* of /proc: the last process of the tree given */
	bool async;	     /* O_ASYNC is set */
	pid_t notifies;	     /* whom a lease or F_NOTIFY signals by default */
	char *path;	     /* owned: as opened, absolute; NULL: unknown */
	struct level level;  /* of one that can be polled */
	/* ready.c's: */
	UT_hash_handle hh;
	struct remote **watched; /* where it is found by watch, or NULL */
	uint32_t watch;		 /* its name on the wire */
	uint32_t want;		 /* enum watch_want: what the server tells */
	uint32_t fresh;		 /* of level.mask: not yet told to a poll */
};

struct entry {
	int handle;	       /* the server's number; -1: no entry */
	bool bound;	       /* the server has the watch at the handle */
	struct remote *remote; /* a reference */
};

struct files {
	unsigned int refs;
	struct entry *ent; /* owned, indexed by descriptor number */
	size_t cap;
	bool locks; /* somebody may hold record locks by it */
};

/* The table that the images of descriptions are in. */
extern struct images *files_images;

/*
 * A description with one reference; path is copied. NULL when out of memory.
 */
struct remote *remote_new(uint32_t object, const char *path);
void remote_unref(struct remote *remote);

struct files *files_new(void);
struct files *files_ref(struct files *files);
/* A copy, as fork makes it. NULL when out of memory. */
struct files *files_copy(const struct files *files);
void files_unref(struct files *files);

/* The entry of fd, or NULL when fd is not remote. */
struct entry *files_get(struct files *files, long fd);
/* fd stands for handle from now on; takes a reference. 0 or -ENOMEM. */
int files_set(struct files *files, int fd, int handle, struct remote *remote);
/* True when another number stands for the handle of fd, too. */
bool files_has_twin(struct files *files, long fd);
/*
 * Forgets fd. Returns the handle if no other number stands for it (it is to
 * be closed on the server), else -1.
 */
int files_drop(struct files *files, long fd);
/*
 * The lowest free number of pid's from min on; -EMFILE when its RLIMIT_NOFILE
 * leaves none.
 */
int files_lowest(const struct files *files, pid_t pid, int min);
struct rlimit;
/*
 * limit.c: the soft limit of pid, of which the tracer may not be allowed to ask:
 * RLIMIT_NOFILE or RLIMIT_FSIZE. 0 or -errno.
 */
int limit_get(pid_t pid, int resource, struct rlimit *limit);
/* True when pid still has fd open. */
bool files_is_open(pid_t pid, int fd);
/* True when it is a directory's; a pipe's, or a fifo's. */
bool files_is_dir(pid_t pid, int fd);
bool files_is_pipe(pid_t pid, int fd);
/* Its O_* flags, O_CLOEXEC among them, or -EBADF. */
int files_flags(pid_t pid, int fd);

#endif
