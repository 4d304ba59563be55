/* Memory that is freed at once. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

/* AddressSanitizer sees what lies between and behind the allocations. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WATCHED 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define WATCHED 1
#endif
#ifdef WATCHED
#include <sanitizer/asan_interface.h>
#define GAP 16u
#define HIDE(p, n) ASAN_POISON_MEMORY_REGION(p, n)
#define SHOW(p, n) ASAN_UNPOISON_MEMORY_REGION(p, n)
#else
#define GAP 0u
#define HIDE(p, n) ((void)(p))
#define SHOW(p, n) ((void)(p))
#endif

#define BLOCK_SIZE (64u << 10)
#define ALIGN 16u

struct arena_block {
	struct arena_block *next;
	size_t used;
	size_t size;
	_Alignas(ALIGN) unsigned char data[];
};

void *arena_take(struct arena *arena, size_t size)
{
	struct arena_block *b = arena->head;
	size_t step;
	void *p;

	if (size > SIZE_MAX / 2)
		return NULL;
	step = ((size + ALIGN - 1) & ~(size_t)(ALIGN - 1)) + GAP;
	if (!b || b->size - b->used < step) {
		size_t room = step > BLOCK_SIZE ? step : BLOCK_SIZE;

		b = malloc(sizeof(*b) + room);
		if (!b)
			return NULL;
		HIDE(b->data, room);
		b->next = arena->head;
		b->used = 0;
		b->size = room;
		arena->head = b;
	}
	p = b->data + b->used;
	b->used += step;
	SHOW(p, size);
	return p;
}

void *arena_alloc(struct arena *arena, size_t size)
{
	void *p = arena_take(arena, size);

	return p ? memset(p, 0, size) : NULL;
}

size_t arena_reset_to(struct arena *arena, size_t most)
{
	struct arena_block *keep = NULL;
	struct arena_block *b;

	if (most < BLOCK_SIZE)
		most = BLOCK_SIZE;
	while ((b = arena->head)) {
		arena->head = b->next;
		if (b->size > most || (keep && b->size <= keep->size)) {
			free(b);
			continue;
		}
		free(keep);
		keep = b;
	}
	arena->head = keep;
	if (!keep)
		return 0;
	HIDE(keep->data, keep->used);
	keep->next = NULL;
	keep->used = 0;
	return keep->size;
}

void arena_reset(struct arena *arena)
{
	arena_reset_to(arena, 0);
}

void arena_free(struct arena *arena)
{
	while (arena->head) {
		struct arena_block *b = arena->head;

		arena->head = b->next;
		free(b);
	}
}
