/*
 * Where remote files are mapped in an address space.
 *
 * A struct maps mirrors what mmap, munmap and mremap made of remote files;
 * tracees made with CLONE_VM share it, fork copies it. It never knows less
 * than there is: a mapping that something else was put over stays listed.
 */
#ifndef RSC_MAPS_H
#define RSC_MAPS_H

#include "tracer/image.h"

struct map {
	uint64_t lo; /* addresses */
	uint64_t hi;
	uint64_t at;	   /* place in the file of lo */
	struct image *img; /* a reference */
	bool writes;	   /* stores reach the file */
};

struct maps {
	unsigned int refs;
	struct map *map; /* owned */
	size_t n;
	size_t cap;
	struct faults *faults; /* lazy.c's, of this address space; or NULL */
	bool eager;	       /* it cannot have one */
};

struct maps *maps_new(void);
/* A copy, as fork makes it. NULL when out of memory. */
struct maps *maps_copy(const struct maps *maps);
/* Whoever lost its last mapping here is told by gone. */
typedef void (*maps_gone_fn)(void *ctx, struct image *img);
void maps_unref(struct maps *maps, maps_gone_fn gone, void *ctx);
/* 0 or -ENOMEM; takes a reference of img. */
int maps_add(struct maps *maps, const struct map *map);
/* Nothing of [lo, hi) is mapped any more; 0 or -ENOMEM. */
int maps_remove(struct maps *maps, uint64_t lo, uint64_t hi, maps_gone_fn gone,
		void *ctx);
/*
 * The part in [lo, hi) of the first mapping from index *i on that has one;
 * *i is behind it then. False when there is none.
 */
bool maps_next(const struct maps *maps, size_t *i, uint64_t lo, uint64_t hi,
	       struct map *part);

#endif
