/* Handles: which descriptors of a table are the client's. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>
#include <unistd.h>

#include "server/run_internal.h"

/* With the lock of from. */
static int copy_watches(struct handles *handles, const struct handles *from)
{
	if (!from->nwatch)
		return 0;
	handles->watch = malloc(from->nwatch * sizeof(*from->watch));
	if (!handles->watch)
		return -ENOMEM;
	handles->nwatch = from->nwatch;
	handles->ready = from->ready;
	memcpy(handles->watch, from->watch,
	       from->nwatch * sizeof(*from->watch));
	for (size_t i = 0; i < from->nwatch; i++)
		if (from->watch[i])
			ready_ref(from->ready, from->watch[i]);
	return 0;
}

struct handles *handles_new(void)
{
	struct handles *handles = calloc(1, sizeof(*handles));

	if (!handles)
		return NULL;
	pthread_mutex_init(&handles->lock, NULL);
	pthread_cond_init(&handles->settled, NULL);
	handles->users = 1;
	return handles;
}

int handles_copy(struct handles *to, struct handles *from)
{
	int err = 0;

	pthread_mutex_lock(&from->lock);
	if (from->words) {
		to->bits = malloc(from->words * sizeof(*from->bits));
		if (to->bits) {
			to->words = from->words;
			memcpy(to->bits, from->bits,
			       from->words * sizeof(*from->bits));
		} else {
			err = -ENOMEM;
		}
	}
	if (!err)
		err = copy_watches(to, from);
	pthread_mutex_unlock(&from->lock);
	return err;
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
	pthread_cond_destroy(&handles->settled);
	pthread_mutex_destroy(&handles->lock);
	for (size_t i = 0; i < handles->nwatch; i++)
		if (handles->watch[i])
			ready_unref(handles->ready, handles->watch[i]);
	free(handles->watch);
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
	if ((size_t)fd < handles->nwatch && handles->watch[fd]) {
		ready_unref(handles->ready, handles->watch[fd]);
		handles->watch[fd] = 0;
	}
	pthread_mutex_unlock(&handles->lock);
	return had;
}

static bool keeps(const struct handles *handles, int fd)
{
	return (size_t)fd / 64 < handles->words &&
	       handles->bits[fd / 64] & bit(fd);
}

void handles_sweep(const struct handles *handles, const struct handles *own)
{
	size_t words = MAX(handles->words, own->words);
	int from = 0;
	int fd;

	for (fd = 0; fd < (int)words * 64; fd++) {
		if (!keeps(handles, fd) && !keeps(own, fd))
			continue;
		if (from < fd)
			close_range(from, fd - 1, 0);
		from = fd + 1;
	}
	close_range(from, ~0u, 0);
}

void handles_closing(struct handles *handles, int more)
{
	pthread_mutex_lock(&handles->lock);
	handles->closing += more;
	if (!handles->closing)
		pthread_cond_broadcast(&handles->settled);
	pthread_mutex_unlock(&handles->lock);
}

void handles_settle(struct handles *handles)
{
	pthread_mutex_lock(&handles->lock);
	while (handles->closing)
		pthread_cond_wait(&handles->settled, &handles->lock);
	pthread_mutex_unlock(&handles->lock);
}

uint32_t handles_watch(struct handles *handles, int fd)
{
	uint32_t id = 0;

	pthread_mutex_lock(&handles->lock);
	if (fd >= 0 && (size_t)fd < handles->nwatch)
		id = handles->watch[fd];
	pthread_mutex_unlock(&handles->lock);
	return id;
}

/* With the lock: room for the watch of fd. */
static int reserve_watch(struct handles *handles, int fd)
{
	size_t n = ((size_t)fd + 64) & ~(size_t)63;
	uint32_t *watch;

	if ((size_t)fd < handles->nwatch)
		return 0;
	watch = realloc(handles->watch, n * sizeof(*watch));
	if (!watch)
		return -ENOMEM;
	memset(watch + handles->nwatch, 0,
	       (n - handles->nwatch) * sizeof(*watch));
	handles->watch = watch;
	handles->nwatch = n;
	return 0;
}

int handles_set_watch(struct handles *handles, struct ready_state *ready,
		      int fd, uint32_t id)
{
	int err;

	pthread_mutex_lock(&handles->lock);
	err = reserve_watch(handles, fd);
	if (!err && handles->watch[fd] != id) {
		ready_ref(ready, id);
		if (handles->watch[fd])
			ready_unref(ready, handles->watch[fd]);
		handles->ready = ready;
		handles->watch[fd] = id;
	}
	pthread_mutex_unlock(&handles->lock);
	return err;
}

int64_t handles_info(struct run *run, bool *go_on)
{
	struct value *v = &run->req->val[1];
	char name[64];
	ssize_t n;
	int fd;

	*go_on = false;
	snprintf(name, sizeof(name), "thread-self/fdinfo/%d", (int)run->reg[0]);
	fd = openat(path_proc(), name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = v->data ? read(fd, v->data, v->len) : -1;
	close(fd);
	return n < 0 ? -EIO : n;
}
