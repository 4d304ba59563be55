/* Where remote files are mapped in an address space. */
#include "tracer/maps.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct maps *maps_new(void)
{
	struct maps *maps = calloc(1, sizeof(*maps));

	if (maps)
		maps->refs = 1;
	return maps;
}

static void ignore(void *ctx, struct image *img)
{
	(void)ctx;
	(void)img;
}

struct maps *maps_copy(const struct maps *maps)
{
	struct maps *copy = maps_new();

	for (size_t i = 0; copy && i < maps->n; i++) {
		if (!maps_add(copy, &maps->map[i]))
			continue;
		maps_unref(copy, ignore, NULL);
		return NULL;
	}
	return copy;
}

static void drop(struct image *img, maps_gone_fn gone, void *ctx)
{
	/* gone takes over the reference of the last one. */
	if (--img->maps)
		img->refs--;
	else
		gone(ctx, img);
}

void maps_unref(struct maps *maps, maps_gone_fn gone, void *ctx)
{
	if (!maps || --maps->refs)
		return;
	for (size_t i = 0; i < maps->n; i++)
		drop(maps->map[i].img, gone, ctx);
	free(maps->map);
	free(maps);
}

int maps_add(struct maps *maps, const struct map *map)
{
	struct map *more;

	if (maps->n == maps->cap) {
		size_t cap = maps->cap ? maps->cap * 2 : 8;

		more = realloc(maps->map, cap * sizeof(*more));
		if (!more)
			return -ENOMEM;
		maps->map = more;
		maps->cap = cap;
	}
	maps->map[maps->n++] = *map;
	image_ref(map->img)->maps++;
	return 0;
}

int maps_remove(struct maps *maps, uint64_t lo, uint64_t hi, maps_gone_fn gone,
		void *ctx)
{
	int err = 0;

	for (size_t i = 0; i < maps->n; i++) {
		struct map *m = &maps->map[i];
		struct map rest = *m;

		if (m->hi <= lo || m->lo >= hi)
			continue;
		if (m->lo < lo && m->hi > hi) {
			rest.lo = hi;
			rest.at += hi - m->lo;
			m->hi = lo;
			err = maps_add(maps, &rest);
		} else if (m->lo < lo) {
			m->hi = lo;
		} else if (m->hi > hi) {
			m->at += hi - m->lo;
			m->lo = hi;
		} else {
			*m = maps->map[--maps->n];
			i--;
			drop(rest.img, gone, ctx);
		}
	}
	return err;
}

bool maps_next(const struct maps *maps, size_t *i, uint64_t lo, uint64_t hi,
	       struct map *part)
{
	while (maps && *i < maps->n) {
		const struct map *m = &maps->map[(*i)++];

		if (m->hi <= lo || m->lo >= hi)
			continue;
		*part = *m;
		if (part->lo < lo) {
			part->at += lo - part->lo;
			part->lo = lo;
		}
		if (part->hi > hi)
			part->hi = hi;
		return true;
	}
	return false;
}
