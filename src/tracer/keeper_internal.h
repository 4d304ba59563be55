/* Private to keeper.c and its family: the steps of a chore. */
#ifndef RSC_KEEPER_INTERNAL_H
#define RSC_KEEPER_INTERNAL_H

#include <sys/stat.h>

#include "call/value.h"
#include "tracer/keeper.h"

#define KEEPER_STEP VALUE_BYTES_MAX /* what a call of the keeper moves */

typedef void (*step_fn)(struct run *run, struct chore *c);

/* A request of the keeper on the chore's file, to be completed. */
struct req *keeper_prepare(struct run *run, const struct chore *c,
			   const char *name);
/* Sends it; step finds the answer in keeper_reply(). */
void keeper_ask(struct run *run, struct chore *c, step_fn step);
const struct req *keeper_reply(const struct run *run);
/* The keeper's part is done, with err: whoever waits goes on. */
void keeper_done(struct run *run, struct chore *c, int64_t err);
/*
 * A chore of the keeper's own, for the readers of handle fd if it has any.
 * False when out of memory.
 */
bool keeper_queue(struct run *run, struct image *img, int fd, step_fn step);
/* There is no memory for one that was to write img back. */
void keeper_fails(struct run *run, const struct image *img);
/* The chore's turn is over; it is freed. */
void keeper_finish_chore(struct run *run, struct chore *c);

/* A task that shares the keeper's handles; NULL: none can be had. */
struct tracee *keeper_twin(struct run *run);

/* keeper_read.c: everything that is here is read again. */
void keeper_reread(struct run *run, struct chore *c);
/* What is missing of [lo, hi) is read; keeper_done() at the end. */
void keeper_fill(struct run *run, struct chore *c, uint64_t lo, uint64_t hi);

/* keeper_idle.c: files that are not mapped any more, and kept */

/* Is what is here of the image, since it was stamped, the file of st? */
bool keeper_is_known(const struct image *img, const struct stat *st);
/* The blocks that are read now are the file's of st. */
void keeper_stamp(const struct run *run, struct image *img,
		  const struct stat *st);
/* The last mapping is gone. False: it is not to be kept. */
bool keeper_rest(struct run *run, struct image *img);
/* It is mapped again. */
void keeper_wake(struct run *run, struct image *img);
/* None is kept any longer. */
void keeper_evict(struct run *run);
/* Asks for the server's time, once, and calls step. */
void keeper_ask_time(struct run *run, struct chore *c, step_fn step);

/* keeper_write.c */

/* Writes what is changed from c->at on to c->hi; keeper_done() at the end. */
void keeper_write_back(struct run *run, struct chore *c);
/*
 * Who waits on the server to read the file of handle done (-1: none) goes on;
 * waits for the next of them.
 */
void keeper_watch(struct run *run, int done);

#endif
