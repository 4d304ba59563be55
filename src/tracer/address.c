/* Addresses in rules. */
#include "tracer/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fnmatch.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#define HOST_MAX 64

/* The bytes and the family of a host, or false. */
static bool parse_host(struct address *a, const char *text, size_t len)
{
	bool bracket = len > 1 && text[0] == '[' && text[len - 1] == ']';
	char host[HOST_MAX];

	if (len == 1 && *text == '*') {
		a->family = AF_UNSPEC;
		return true;
	}
	text += bracket;
	len -= 2 * bracket;
	if (len >= sizeof(host))
		return false;
	memcpy(host, text, len);
	host[len] = '\0';
	a->family = bracket ? AF_INET6 : AF_INET;
	a->bits = bracket ? 128 : 32;
	return inet_pton(a->family, host, a->host) == 1;
}

/* A number up to max at *text, which is moved behind it. */
static bool parse_number(const char **text, unsigned int max, unsigned int *n)
{
	unsigned long value;
	char *end;

	if (**text < '0' || **text > '9')
		return false;
	errno = 0;
	value = strtoul(*text, &end, 10);
	if (errno || value > max)
		return false;
	*text = end;
	*n = (unsigned int)value;
	return true;
}

static bool parse_ports(struct address *a, const char *text)
{
	unsigned int from = 0;
	unsigned int to = UINT16_MAX;

	if (strcmp(text, "*")) {
		if (!parse_number(&text, UINT16_MAX, &from))
			return false;
		to = from;
		if (*text == '-' &&
		    (text++, !parse_number(&text, UINT16_MAX, &to)))
			return false;
		if (*text || to < from)
			return false;
	}
	a->from = (uint16_t)from;
	a->to = (uint16_t)to;
	return true;
}

bool address_parse(struct address *a, const char *text)
{
	const char *colon = strrchr(text, ':');
	const char *slash;
	const char *end;
	unsigned int bits;

	*a = (struct address){ .family = AF_UNIX };
	if (*text == '@')
		return text[1];
	if (!colon || colon == text)
		return false;
	end = colon;
	slash = memchr(text, '/', (size_t)(colon - text));
	if (!parse_host(a, text, (size_t)((slash ? slash : end) - text)))
		return false;
	if (slash) {
		slash++;
		if (!a->bits || !parse_number(&slash, a->bits, &bits) ||
		    slash != colon)
			return false;
		a->bits = bits;
	}
	return parse_ports(a, colon + 1);
}

static bool same_bits(const uint8_t *a, const uint8_t *b, unsigned int bits)
{
	unsigned int rest = bits % 8;

	if (memcmp(a, b, bits / 8))
		return false;
	return !rest || !((a[bits / 8] ^ b[bits / 8]) >> (8 - rest));
}

static bool matches_name(const char *text, const struct sockaddr_un *un,
			 socklen_t len)
{
	size_t size = len - offsetof(struct sockaddr_un, sun_path);
	char name[sizeof(un->sun_path) + 1];

	if (len <= offsetof(struct sockaddr_un, sun_path) + 1 ||
	    len > sizeof(*un) || un->sun_path[0])
		return false;
	memcpy(name, un->sun_path + 1, size - 1);
	name[size - 1] = '\0';
	return !fnmatch(text + 1, name, 0);
}

bool address_matches(const struct address *a, const char *text,
		     const struct sockaddr *sa, socklen_t len)
{
	const struct sockaddr_in6 *in6 = (const void *)sa;
	const struct sockaddr_in *in = (const void *)sa;
	const uint8_t *host;
	int family = sa->sa_family;
	uint16_t port;

	if (family == AF_UNIX)
		return a->family == AF_UNIX &&
		       matches_name(text, (const void *)sa, len);
	if (a->family == AF_UNIX)
		return false;
	if (family == AF_INET && len >= sizeof(*in)) {
		host = (const uint8_t *)&in->sin_addr;
		port = ntohs(in->sin_port);
	} else if (family == AF_INET6 &&
		   len >= offsetof(struct sockaddr_in6, sin6_scope_id)) {
		host = in6->sin6_addr.s6_addr;
		port = ntohs(in6->sin6_port);
		if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr)) {
			family = AF_INET;
			host += 12;
		}
	} else {
		return false;
	}
	if (port < a->from || port > a->to)
		return false;
	return a->family == AF_UNSPEC ||
	       (a->family == family && same_bits(a->host, host, a->bits));
}

bool address_make(const char *text, struct sockaddr_storage *sa, socklen_t *len)
{
	struct sockaddr_in6 *in6 = (void *)sa;
	struct sockaddr_un *un = (void *)sa;
	struct sockaddr_in *in = (void *)sa;
	struct address a;

	if (!address_parse(&a, text))
		return false;
	memset(sa, 0, sizeof(*sa));
	sa->ss_family = (sa_family_t)a.family;
	if (a.family == AF_UNIX) {
		if (strlen(text) > sizeof(un->sun_path))
			return false;
		memcpy(un->sun_path + 1, text + 1, strlen(text) - 1);
		*len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
				   strlen(text));
		return true;
	}
	if (a.from != a.to || a.family == AF_UNSPEC ||
	    a.bits != (a.family == AF_INET ? 32 : 128))
		return false;
	if (a.family == AF_INET) {
		in->sin_port = htons(a.from);
		memcpy(&in->sin_addr, a.host, sizeof(in->sin_addr));
		*len = sizeof(*in);
	} else {
		in6->sin6_port = htons(a.from);
		memcpy(&in6->sin6_addr, a.host, sizeof(in6->sin6_addr));
		*len = sizeof(*in6);
	}
	return true;
}
