/*
 * Mapped files whose bytes come when they are touched (userfaultfd(2)).
 *
 * An address space that maps such a file has an open userfaultfd here, with
 * which each of its mappings is registered before its thread goes on. Who
 * touches a page that is not there waits in the kernel until the keeper has
 * read its block.
 */
#ifndef RSC_LAZY_H
#define RSC_LAZY_H

#include <stdbool.h>
#include <stdint.h>

#include "arch/arch.h"
#include "tracer/image.h"

struct run;
struct tracee;
struct faults;
struct map;

/* A mapping that misses more of its file than this is filled lazily. */
#define LAZY_MIN (1u << 20)

struct lazy {
	struct faults *all;    /* owned list: the userfaultfds */
	int epoll;	       /* owned, or 0: of them; there is none */
	unsigned int n;	       /* of them */
	bool never;	       /* this machine does not permit it */
	struct fault *waiting; /* owned list: who waits for a page */
};

/* What a tracee makes in place of its mmap; lazy.c's. */
struct inject {
	struct regs regs; /* of its call */
	int fd;		  /* in the tracee, to be closed; or -1 */
	void (*then)(struct run *run, struct tracee *t);
};

/*
 * At the seccomp stop of a call: calls then at this stop, or at that of the
 * same call made once more, when t's address space has a userfaultfd or cannot
 * have one.
 */
void lazy_prepare(struct run *run, struct tracee *t,
		  void (*then)(struct run *run, struct tracee *t));
/*
 * The mapping, which was just made, waits for its pages from now on. 0 or
 * -errno.
 */
int lazy_register(struct run *run, struct tracee *t, const struct map *map);
/* Is the address in a mapping that t registered? */
bool lazy_covers(const struct tracee *t, uint64_t address);
/* A registered mapping has grown in its place or was moved: it is this now. */
int lazy_extend(struct run *run, struct tracee *t, const struct map *map);
/* t is the child of a fork: its copies of mappings wait as its parent's do. */
void lazy_fork(struct run *run, const struct tracee *parent, struct tracee *t);
/* Something has happened to a mapping. */
void lazy_event(struct run *run);
/* An address space may be gone. */
void lazy_sweep(struct run *run);
/*
 * Bytes [lo, hi) of the file are here when this returns, as pages of the image:
 * the tracer is about to use them and must not wait for itself. 0 or -errno.
 */
int lazy_need(struct run *run, struct image *img, uint64_t lo, uint64_t hi);

/* lazy.c and lazy_fill.c */

struct fault {
	struct fault *next;
	struct faults *from;
	struct image *img; /* a reference */
	uint64_t address;
	uint64_t at; /* place in the file */
};

/* The thread that waits goes on; with err it gets SIGBUS. */
void lazy_answer(const struct run *run, const struct faults *from,
		 uint64_t address, int err);
/* A thread waits for a page. */
void lazy_wanted(struct run *run, struct faults *from, uint64_t address,
		 struct image *img, uint64_t at);
/* from is about to be closed: nobody waits there any more. */
void lazy_forget(struct run *run, const struct faults *from);

#endif
