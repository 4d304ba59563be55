/*
 * A channel: two descriptors and perhaps a child, opened by URL.
 *
 *   tls://HOST:PORT   tcp://HOST:PORT   unix://PATH   
 *   ssh://[USER@]HOST[:PORT]   vsock://CID:PORT   vsock-unix://PATH:PORT
 *   stdio:   exec:COMMAND   fd:N or fd:IN,OUT
 *
 * Only opening depends on the scheme; one table of schemes.
 */
#ifndef RSC_CHANNEL_H
#define RSC_CHANNEL_H

#include <stdbool.h>
#include <sys/types.h>

struct channel {
	int in;		  /* owned; CLOEXEC; may equal out */
	int out;	  /* owned */
	pid_t child;	  /* of exec: and ssh:, else 0 */
	const char *name; /* of the child, for messages, or NULL */
};

#define LOGIN_MS 10000
#define ALLOW_MAX 64

/* Who is let in, by number. */
struct allow {
	unsigned int n;
	unsigned int id[ALLOW_MAX];
};

/* What a URL does not say; all zero is a sensible default. */
struct channel_opts {
	const char *ssh_command; /* sh(1) runs it in the place of ssh */
	const char *remote_rsc;	 /* the rsc on the far side of ssh */
	const char *protocol;	 /* what that has to speak; call_protocol() */
	const char *portable;	 /* where rsc-portable-ARCH lies, or NULL */
	bool insecure_no_auth;	 /* listen without authentication */
	const char *key;	 /* tls: a file of keys (key.h); or */
	const char *cert;	 /* a certificate, PEM, */
	const char *cert_key;	 /* its key, and */
	const char *ca;		 /* who signs for the other side */
	unsigned int login_ms;	 /* to say who one is; 0: LOGIN_MS */
	struct allow uids;	 /* unix: none: our own and root */
	struct allow cids;	 /* vsock */
};

/* Adds a decimal number; -EINVAL when it is none, -ENOSPC at ALLOW_MAX. */
int channel_allow(struct allow *list, const char *text);

/* Is url well-formed? Nothing is tried. 0 or -errno, err as below. */
int channel_check(const char *url, char *err, size_t errlen);
/*
 * Connects to url. 0 or -errno; err (size errlen) says what was tried, why
 * it failed and what to do next. opts may be NULL.
 *
 * ssh:// returns when a server is being started there. Until then ssh asks at
 * the terminal for what it needs; SIGINT does not reach it.
 */
int channel_connect(struct channel *ch, const char *url,
		    const struct channel_opts *opts, char *err, size_t errlen);
/*
 * Closes both descriptors and reaps the child, which gets a few seconds to end
 * by itself, then SIGTERM and SIGKILL, each with a line.
 */
void channel_close(struct channel *ch);

/*
 * Listens at url (tcp, tls, unix, vsock). What would let anybody in is refused
 * with -EPERM, and nothing is bound: tcp that is not both loopback and
 * insecure_no_auth, tls without a key or certificates, vsock without cids.
 * A unix socket gets mode 0600; one that nobody answers at is replaced, any
 * other file is left alone. Returns the listening fd or -errno.
 */
int channel_listen(const char *url, const struct channel_opts *opts, char *err,
		   size_t errlen);
/* Accepts one connection of a listening fd into ch; 0 or -errno. */
int channel_accept(int fd, struct channel *ch);
/*
 * Finds out who is at the other end of what was accepted at url, which can take
 * login_ms. 0, then text says who, or -errno, then it says why not. ch may have
 * become another one, and is to be closed in both cases.
 */
int channel_admit(struct channel *ch, const char *url,
		  const struct channel_opts *opts, char *text, size_t size);
/* The url that fd is bound to: with the real port where 0 was asked for. */
void channel_bound(int fd, const char *url, char *text, size_t size);

/*
 * For a server that connects to its client: may it do so at all? 0 or -errno as
 * above; the client has to be one that can be known, as with listen.
 */
int channel_may_dial(const char *url, const struct channel_opts *opts,
		     char *err, size_t errlen);
/* Connects, as channel_connect, and refuses who is not to be let in. */
int channel_dial(struct channel *ch, const char *url,
		 const struct channel_opts *opts, char *err, size_t errlen);

#endif
