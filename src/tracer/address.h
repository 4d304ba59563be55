/*
 * Addresses in rules: HOST:PORT with HOST a number of IPv4, one of IPv6 in
 * brackets, either with /BITS, or *; PORT a number, FROM-TO or *. @NAME is an
 * abstract name of a unix socket, with the wildcards of paths.
 */
#ifndef RSC_ADDRESS_H
#define RSC_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct address {
	int family; /* AF_INET, AF_INET6; AF_UNSPEC: both; AF_UNIX: @NAME */
	uint8_t host[16];
	unsigned int bits; /* of host that must be equal */
	uint16_t from;	   /* ports */
	uint16_t to;
};

/* False when text is none. */
bool address_parse(struct address *address, const char *text);
/* text is what address was parsed from. */
bool address_matches(const struct address *address, const char *text,
		     const struct sockaddr *sa, socklen_t len);

/* The one that text names: no *, /BITS or FROM-TO. False: it names none. */
bool address_make(const char *text, struct sockaddr_storage *sa,
		  socklen_t *len);

#endif
