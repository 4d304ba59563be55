/*
 * A channel: two descriptors and perhaps a child, opened by URL.
 *
 *   tcp://HOST:PORT   unix://PATH   stdio:   exec:COMMAND   fd:N or fd:IN,OUT
 *
 * Only opening depends on the scheme; one table of schemes.
 */
#ifndef RSC_CHANNEL_H
#define RSC_CHANNEL_H

#include <stdbool.h>
#include <sys/types.h>

struct channel {
	int in;	     /* owned; CLOEXEC; may equal out */
	int out;     /* owned */
	pid_t child; /* of exec:, else 0 */
};

/* Is url well-formed? Nothing is tried. 0 or -errno, err as below. */
int channel_check(const char *url, char *err, size_t errlen);
/*
 * Connects to url. 0 or -errno; err (size errlen) says what was tried, why
 * it failed and what to do next.
 */
int channel_connect(struct channel *ch, const char *url, char *err,
		    size_t errlen);
/*
 * Closes both descriptors and reaps the child, which gets a few seconds to end
 * by itself, then SIGTERM and SIGKILL, each with a line.
 */
void channel_close(struct channel *ch);

/*
 * Listens at url (tcp, unix). tcp without authentication is refused unless
 * the address is loopback and insecure_no_auth is set; nothing is bound then.
 * A unix socket gets mode 0600; one that nobody answers at is replaced, any
 * other file is left alone. Returns the listening fd or -errno.
 */
int channel_listen(const char *url, bool insecure_no_auth, char *err,
		   size_t errlen);
/* Accepts one connection of a listening fd into ch; 0 or -errno. */
int channel_accept(int fd, struct channel *ch);

#endif
