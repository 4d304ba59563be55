/* Memory that lives as long as one stop or one request, freed at once. */
#ifndef RSC_ARENA_H
#define RSC_ARENA_H

#include <stddef.h>

struct arena_block;
struct arena {
	struct arena_block *head; /* owned */
};

/* size bytes, zeroed, aligned for any type; NULL when out of memory. */
void *arena_alloc(struct arena *arena, size_t size);
/* The same with any content. */
void *arena_take(struct arena *arena, size_t size);
/* Frees everything; the arena can be used again. One block is kept. */
void arena_reset(struct arena *arena);
/* The same, but the kept block may have so many bytes; how many it has. */
size_t arena_reset_to(struct arena *arena, size_t most);
/* Frees everything, also the kept block. */
void arena_free(struct arena *arena);

#endif
