/* The names of sockets' peers, and their own: what the rules say of them. */
#ifndef RSC_NAMES_H
#define RSC_NAMES_H

#include "tracer/tracee.h"

/*
 * The names in t->req, which is fetched, are given to the rules. send goes on
 * when all of them are the server's; otherwise the call ends, or the socket
 * becomes this machine's.
 */
void names_route(struct run *run, struct tracee *t, then_fn send);

#endif
