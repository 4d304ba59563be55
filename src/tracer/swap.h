/* A socket of the server's that turns out to belong here. */
#ifndef RSC_SWAP_H
#define RSC_SWAP_H

#include "tracer/tracee.h"

/*
 * At the seccomp stop of a call that gives the remote socket arg[0] a local
 * address: the socket is this machine's from then on, and the call is made.
 */
void swap_begin(struct run *run, struct tracee *t);
/* The kernel asks for the local socket. */
void swap_place(struct run *run, struct tracee *t, uint64_t id);
/* t dies, or it failed. */
void swap_drop(struct tracee *t);

#endif
