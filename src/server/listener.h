/*
 * The listener: takes connections, finds out who they are, and forks a session
 * for each; holds the limits of all of them together.
 */
#ifndef RSC_LISTENER_H
#define RSC_LISTENER_H

#include <stdint.h>

#include "server/server.h"
#include "transport/channel.h"

/* The defaults; rsc-serve(8) names them. */
#define LISTENER_SESSIONS 64
#define LISTENER_PENDING 16
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define LISTENER_MEMORY_MIB                                                    \
	0 /* what a sanitizer reserves is beyond any limit */
#else
#define LISTENER_MEMORY_MIB 2048
#endif

struct client;

struct listener {
	struct server_opts opts;
	struct channel_opts channel;
	const char *url;
	bool dial; /* url is connected to, not listened at */
	bool once;
	int ready;		   /* descriptor to tell the bound URL, or -1 */
	unsigned int max_sessions; /* of clients that are known */
	unsigned int max_pending;  /* of those that are not yet */
	unsigned int memory_mib;   /* that a session may have; 0: any */

	/* listener.c's own */
	int fd;		    /* owned */
	int signals;	    /* owned signalfd */
	int news[2];	    /* owned pipe: pids of clients that are known now */
	unsigned int n;	    /* of clients, the oldest first, */
	unsigned int known; /* so many of them known */
	struct client *clients; /* owned */
	int status;		/* of the last session */
	bool done;		/* dial: the one of --once was there */
	int64_t next;		/* dial: when to try again, ms, */
	unsigned int pause;	/* and how long after that, ms */
};

/* Until a signal ends it, or the one client of --once; the exit status. */
int listener_run(struct listener *l);
/* One client on standard input and output; does not return. */
void listener_stdio(struct listener *l) __attribute__((noreturn));

#endif
