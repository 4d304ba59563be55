/* Handles: which descriptors of a table are the client's. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "server/session.h"

struct handles *handles_new(struct handles *from)
{
	struct handles *handles = calloc(1, sizeof(*handles));

	if (!handles)
		return NULL;
	pthread_mutex_init(&handles->lock, NULL);
	handles->users = 1;
	if (!from)
		return handles;
	pthread_mutex_lock(&from->lock);
	if (from->words) {
		handles->bits = malloc(from->words * sizeof(*from->bits));
		if (handles->bits) {
			handles->words = from->words;
			memcpy(handles->bits, from->bits,
			       from->words * sizeof(*from->bits));
		}
	}
	if (handles->words != from->words) {
		pthread_mutex_unlock(&from->lock);
		handles_drop(handles);
		return NULL;
	}
	pthread_mutex_unlock(&from->lock);
	return handles;
}

struct handles *handles_share(struct handles *handles)
{
	pthread_mutex_lock(&handles->lock);
	handles->users++;
	pthread_mutex_unlock(&handles->lock);
	return handles;
}

void handles_drop(struct handles *handles)
{
	unsigned int users;

	if (!handles)
		return;
	pthread_mutex_lock(&handles->lock);
	users = --handles->users;
	pthread_mutex_unlock(&handles->lock);
	if (users)
		return;
	pthread_mutex_destroy(&handles->lock);
	free(handles->bits);
	free(handles);
}

static uint64_t bit(int fd)
{
	return UINT64_C(1) << (fd % 64);
}

bool handles_has(struct handles *handles, int fd)
{
	bool has;

	if (fd < 0)
		return false;
	pthread_mutex_lock(&handles->lock);
	has = (size_t)fd / 64 < handles->words &&
	      handles->bits[fd / 64] & bit(fd);
	pthread_mutex_unlock(&handles->lock);
	return has;
}

int handles_add(struct handles *handles, int fd)
{
	size_t words = (size_t)fd / 64 + 1;
	uint64_t *bits;
	int err = 0;

	pthread_mutex_lock(&handles->lock);
	if (words > handles->words) {
		bits = realloc(handles->bits, words * 2 * sizeof(*bits));
		if (bits) {
			memset(bits + handles->words, 0,
			       (words * 2 - handles->words) * sizeof(*bits));
			handles->bits = bits;
			handles->words = words * 2;
		} else {
			err = -ENOMEM;
		}
	}
	if (!err)
		handles->bits[fd / 64] |= bit(fd);
	pthread_mutex_unlock(&handles->lock);
	return err;
}

bool handles_remove(struct handles *handles, int fd)
{
	bool had = false;

	if (fd < 0)
		return false;
	pthread_mutex_lock(&handles->lock);
	if ((size_t)fd / 64 < handles->words) {
		had = handles->bits[fd / 64] & bit(fd);
		handles->bits[fd / 64] &= ~bit(fd);
	}
	pthread_mutex_unlock(&handles->lock);
	return had;
}
