/*
 * Descriptors in flight: sent in a message and not yet received, where one
 * side's kernel alone cannot bring them there.
 */
#ifndef RSC_FLIGHT_H
#define RSC_FLIGHT_H

#include <stdint.h>
#include <sys/types.h>

struct remote;
struct run;
struct tracee;

struct flight {
	struct flight *next;
	int fd; /* owned: the local descriptor, or the placeholder */
	/* A remote one, through a socket of this side: */
	struct remote *remote; /* a reference */
	uint32_t number;       /* of the handle in the server's drawer */
	/* A local one, through the server's: */
	uint64_t dev; /* of its token there */
	uint64_t ino;
};

/*
 * One more, after which the oldest may be given up; takes over fd, and a
 * reference of its own to what it stands for. NULL: no memory, fd is closed.
 */
struct flight *flight_add(struct run *run, struct tracee *t, int fd,
			  struct remote *remote);
/* The one that is descriptor fd of pid, or NULL. */
struct flight *flight_by_fd(const struct run *run, pid_t pid, int fd);
/* The one whose token this is, or NULL. */
struct flight *flight_by_token(const struct run *run, uint64_t dev,
			       uint64_t ino);
/* The one that the drawer has under number, or NULL. */
struct flight *flight_by_number(const struct run *run, uint32_t number);
/* It has arrived. */
void flight_end(struct run *run, struct flight *flight);
/* It will not: the server, told by t, gives it up as well. */
void flight_lost(struct run *run, struct tracee *t, struct flight *flight);

#endif
