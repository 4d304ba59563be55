/* What the schemes of channels share: the way a refusal is told, and rows. */
#ifndef RSC_CHANNEL_INTERNAL_H
#define RSC_CHANNEL_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "transport/channel.h"

#define BACKLOG 64
#define HOST_MAX 256

/* Where the sentence goes that says why something failed. */
struct why {
	char *text;
	size_t size;
};

/* A scheme; url is whole, rest what follows its prefix and was checked. */
struct scheme {
	const char *prefix;
	int (*check)(const char *url, const char *rest, struct why *why);
	int (*open)(struct channel *ch, const char *url, const char *rest,
		    const struct channel_opts *opts, struct why *why);
	int (*listen)(const char *url, const char *rest,
		      const struct channel_opts *opts, struct why *why);
	/* Who is it? Refuses with why, which else says who; NULL: anybody. */
	int (*admit)(struct channel *ch, const struct channel_opts *opts,
		     struct why *why);
	/* Can who is connected to be known? With a reason; NULL: never. */
	int (*may_dial)(const char *url, const struct channel_opts *opts,
			struct why *why);
	/* Is it who may? As admit; NULL: whoever was connected to. */
	int (*known)(struct channel *ch, const struct channel_opts *opts,
		     struct why *why);
};

/* Writes "WHAT URL: TEXT" to why; returns err. */
int channel_fail(struct why *why, int err, const char *what, const char *url,
		 const char *text);
/* One descriptor for both directions; 0. */
int channel_both(struct channel *ch, int fd);
/* Copies of two descriptors, above the standard ones. 0 or -errno. */
int channel_copies(struct channel *ch, int in, int out);
/* A decimal number up to max and nothing else before end; or -EINVAL. */
int channel_number(const char *text, const char *end, unsigned int max);
/* Is id on the list? */
bool channel_allowed(const struct allow *list, unsigned int id);
/*
 * In a child: a signal state as after login, and fd as standard input and
 * output.
 */
void channel_child(int fd);
/* Waits for the child of a channel, with signals if it does not end. */
int channel_reap(struct channel *ch);

int tcp_check(const char *url, const char *where, struct why *why);
int tcp_connect(struct channel *ch, const char *url, const char *where,
		const struct channel_opts *opts, struct why *why);
int tcp_listen(const char *url, const char *where,
	       const struct channel_opts *opts, struct why *why);
/* HOST:PORT or [HOST]:PORT into its parts. 0 or -EINVAL. */
int tcp_split(const char *where, char *host, size_t size, const char **port);
/* A connected socket, or -errno with why. */
int tcp_dial(const char *url, const char *where, struct why *why);
/*
 * A listening socket; -errno with why, or just -EPERM when the address is not
 * loopback and may not be exposed.
 */
int tcp_bind(const char *url, const char *where, bool exposed, struct why *why);
int tcp_may_dial(const char *url, const struct channel_opts *opts,
		 struct why *why);
/* Is the other end this machine? */
int tcp_known(struct channel *ch, const struct channel_opts *opts,
	      struct why *why);
/* What every connection gets; does nothing to other sockets. */
void tcp_settings(int fd);

int tls_connect(struct channel *ch, const char *url, const char *where,
		const struct channel_opts *opts, struct why *why);
int tls_listen(const char *url, const char *where,
	       const struct channel_opts *opts, struct why *why);
int tls_admit(struct channel *ch, const struct channel_opts *opts,
	      struct why *why);

int unix_check(const char *url, const char *path, struct why *why);
int unix_connect(struct channel *ch, const char *url, const char *path,
		 const struct channel_opts *opts, struct why *why);
int unix_listen(const char *url, const char *path,
		const struct channel_opts *opts, struct why *why);

int tls_may_dial(const char *url, const struct channel_opts *opts,
		 struct why *why);

int unix_may_dial(const char *url, const struct channel_opts *opts,
		  struct why *why);
int unix_admit(struct channel *ch, const struct channel_opts *opts,
	       struct why *why);

int vsock_check(const char *url, const char *where, struct why *why);
int vsock_connect(struct channel *ch, const char *url, const char *where,
		  const struct channel_opts *opts, struct why *why);
int vsock_listen(const char *url, const char *where,
		 const struct channel_opts *opts, struct why *why);
int vsock_admit(struct channel *ch, const struct channel_opts *opts,
		struct why *why);
int vsock_may_dial(const char *url, const struct channel_opts *opts,
		   struct why *why);
int vsock_unix_check(const char *url, const char *where, struct why *why);
int vsock_unix_connect(struct channel *ch, const char *url, const char *where,
		       const struct channel_opts *opts, struct why *why);

int stdio_check(const char *url, const char *rest, struct why *why);
int stdio_open(struct channel *ch, const char *url, const char *rest,
	       const struct channel_opts *opts, struct why *why);
int fd_check(const char *url, const char *rest, struct why *why);
int fd_open(struct channel *ch, const char *url, const char *rest,
	    const struct channel_opts *opts, struct why *why);
int exec_check(const char *url, const char *command, struct why *why);
int exec_open(struct channel *ch, const char *url, const char *command,
	      const struct channel_opts *opts, struct why *why);

int ssh_check(const char *url, const char *where, struct why *why);
int ssh_open(struct channel *ch, const char *url, const char *where,
	     const struct channel_opts *opts, struct why *why);

#endif
