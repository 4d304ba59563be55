/* Memory that is freed at once. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

#define BLOCK_SIZE (64u << 10)
#define ALIGN 16u

struct arena_block {
	struct arena_block *next;
	size_t used;
	size_t size;
	_Alignas(ALIGN) unsigned char data[];
};

void *arena_alloc(struct arena *arena, size_t size)
{
	struct arena_block *b = arena->head;
	void *p;

	if (size > SIZE_MAX / 2)
		return NULL;
	size = (size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
	if (!b || b->size - b->used < size) {
		size_t room = size > BLOCK_SIZE ? size : BLOCK_SIZE;

		b = malloc(sizeof(*b) + room);
		if (!b)
			return NULL;
		b->next = arena->head;
		b->used = 0;
		b->size = room;
		arena->head = b;
	}
	p = b->data + b->used;
	b->used += size;
	memset(p, 0, size);
	return p;
}

void arena_reset(struct arena *arena)
{
	while (arena->head && arena->head->next) {
		struct arena_block *b = arena->head;

		arena->head = b->next;
		free(b);
	}
	if (arena->head && arena->head->size > BLOCK_SIZE)
		arena_free(arena);
	else if (arena->head)
		arena->head->used = 0;
}

void arena_free(struct arena *arena)
{
	while (arena->head) {
		struct arena_block *b = arena->head;

		arena->head = b->next;
		free(b);
	}
}
