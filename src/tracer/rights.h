/*
 * Descriptors in messages (unix(7), SCM_RIGHTS).
 *
 * Theory of Operation. Between remote sockets and remote descriptors the
 * server's kernel does it: handles go in and handles come out, for which
 * placeholders are made. The rest are mixtures. A local descriptor that goes
 * through a remote socket is kept here (flight.h), and a token goes in its
 * place, an object of the server's whose identity is known again when it comes
 * out. A remote descriptor that goes through a local socket is its placeholder
 * there, known again by kcmp(2); its handle waits in the server's drawer. Who
 * is no tracee gets a token, or a placeholder, with which nothing can be done.
 */
#ifndef RSC_RIGHTS_H
#define RSC_RIGHTS_H

#include "call/control.h"
#include "tracer/flight.h"
#include "tracer/tracee.h"

struct right {
	uint8_t *at;	/* its number in the control message, a copy */
	uint8_t *head;	/* where that one begins */
	unsigned int k; /* which one it is of that one's */
	size_t message; /* in which it came */
	int32_t fd;	/* the number as it was */
	/* What it becomes: */
	int handle;	 /* remote, or of a token; else -1 */
	int place;	 /* owned: to be put in, or -1 */
	uint32_t object; /* enum object and its bit */
	uint64_t dev;	 /* and which one */
	uint64_t ino;
	struct remote *remote; /* a reference, or NULL */
	struct flight *flight; /* that is to end with the call's success */
};

/* The rights of a call; lies in its tracee's arena. */
struct rights {
	struct req req; /* the call itself */
	size_t n;
	size_t at; /* the next one to look at */
	struct right right[];
};

/* At the seccomp stop of a message call whose socket is remote: sends t->req. */
void rights_forward(struct run *run, struct tracee *t);
/* The same for a socket of this side. */
void rights_here(struct run *run, struct tracee *t);
/* The kernel asks for the descriptors that came with t's message. */
void rights_place(struct run *run, struct tracee *t, uint64_t id);
/* t's call comes to nothing: gives up what was prepared for it. */
void rights_drop(struct run *run, struct tracee *t);

/* Private to rights.c and rights_here.c. */

/* Room for n, and t->req kept in it; NULL: no memory. */
struct rights *rights_begin(struct tracee *t, size_t n);
/* How many descriptors there are in control messages. */
size_t rights_count(const struct piece *control);
/* Adds those of message number message. */
void rights_collect(struct rights *r, const struct piece *control,
		    size_t message);

#endif
