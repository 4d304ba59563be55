/*
 * TLS between two rsc: version 1.3 only, both sides known to each other, by a
 * pre-shared key (with a fresh Diffie-Hellman, RFC 8446) or by certificates. No
 * early data, no tickets; the machine's openssl.cnf is not asked.
 */
#ifndef RSC_TLS_H
#define RSC_TLS_H

#include <stdbool.h>
#include <stddef.h>

struct channel_opts;

/*
 * Do opts name what one of the two ways needs, and can it be read? 0 or -errno;
 * text says what is missing.
 */
int tls_ready(const struct channel_opts *opts, char *text, size_t size);
/*
 * Puts a process of its own between a connection and fd: the relay, which alone
 * has the keys. Returns its pid when the handshake is over and each side knows
 * the other, fd then carries the plain bytes; or -errno. sock stays open here.
 * host is the server's name when we are the client, else NULL. text says who
 * the other is, or why it failed.
 */
int tls_start(int sock, int *fd, const char *host,
	      const struct channel_opts *opts, char *text, size_t size);

#endif
