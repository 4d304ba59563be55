/*
 * A client for the server's tests: a session in a child over a socketpair,
 * driven frame by frame. Every wait is bounded; what fails aborts the test.
 */
#ifndef RSC_TEST_CLIENT_H
#define RSC_TEST_CLIENT_H

#include <sys/types.h>

#include "base/arena.h"
#include "call/wire.h"
#include "server/server.h"

#define CLIENT_CALLS 128

struct client {
	int fd;	   /* owned */
	int log;   /* owned: a file that is the session's standard error */
	pid_t pid; /* of the session */
	struct buf in;
	struct buf out;
	struct arena arena;
	uint32_t seq;	     /* of the last call */
	struct req req;	     /* the last call, with its reply */
	struct ready ready;  /* the last READY */
	unsigned int nready; /* how many have come */
	unsigned int nposted;
	struct req posted[CLIENT_CALLS]; /* not yet waited for */
	bool come[CLIENT_CALLS];	 /* the reply of that call */
	char text[8192];		 /* what the session logged */
};

/* Arguments. */
#define NUM(v) ((struct value){ .num = (uint64_t)(v) })
#define NIL ((struct value){ 0 })
#define TEXT(s) value_text(s)
#define BYTES(p, n) ((struct value){ .num = 1, .data = (void *)(p), .len = n })
#define ROOM(n) ((struct value){ .num = 1, .len = n })
#define HERE NUM(-100) /* AT_FDCWD */

struct value value_text(const char *text);

/* Forks a session; set_up runs in it first, unless NULL. No frame is sent. */
void client_fork(struct client *c, const struct server_opts *opts,
		 void (*set_up)(void *arg), void *arg);
/* The same, greeted, and with task 1. */
void client_start(struct client *c, const struct server_opts *opts);
/* Closes the channel; the exit status of the session, its log in c->text. */
int client_stop(struct client *c);
/* Waits for the session to end by itself; as client_stop. */
int client_end(struct client *c);

void client_send(struct client *c, const void *data, size_t len);
/* HELLO with this version, and a table digest that is wrong by off. */
void client_hello(struct client *c, uint32_t version, uint64_t off);
void client_spawn(struct client *c, uint32_t task, uint32_t parent,
		  uint32_t share);
void client_exit(struct client *c, uint32_t task);
void client_cancel(struct client *c, uint32_t task, uint32_t seq);

/* Sends a call and returns its number. */
uint32_t client_post(struct client *c, uint32_t task, const char *name,
		     const struct value *val);
/* Waits for the reply of that number; the result, the call in c->req. */
int64_t client_wait(struct client *c, uint32_t seq);
/* True when n READY have come, the last of them within ms. */
bool client_has_ready(struct client *c, unsigned int n, int ms);
/* True when the reply of that number comes within ms. */
bool client_has_answer(struct client *c, uint32_t seq, int ms);

#define POST(c, task, name, ...)                                               \
	client_post(c, task, name,                                             \
		    (const struct value[CALL_ARGS]){ __VA_ARGS__ })
#define CALL(c, task, name, ...)                                               \
	client_wait(c, POST(c, task, name, __VA_ARGS__))

/* openat relative to the working directory. */
int64_t client_open(struct client *c, uint32_t task, const char *path,
		    int flags);
/* Waits until a thread of the session is inside this system call. */
void client_until_in(struct client *c, const char *name);
/* Entries of a folder of the session in /proc. */
unsigned int client_count(const struct client *c, const char *folder);

#endif
