/* The options of sockets that travel, from options.def. */
#include "call/option.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>

/* linux/socket.h, where the C library has none of them */
#ifndef SOL_NETLINK
#define SOL_NETLINK 270
#endif
#ifndef SOL_PACKET
#define SOL_PACKET 263
#endif
#ifndef IPPROTO_UDPLITE
#define IPPROTO_UDPLITE 136
#endif

#define OPTION(lev, word, nr, kind)                                            \
	{ .level = lev, .name = nr, .form = kind, .text = #word },
const struct option option_table[] = {
#include "call/options.def"
};
#undef OPTION
const size_t option_count = sizeof(option_table) / sizeof(option_table[0]);

_Static_assert(sizeof(struct linger) == 8, "linger");
_Static_assert(sizeof(struct timeval) == 16, "timeval");
_Static_assert(sizeof(struct ucred) == 12, "ucred");

const struct option *option_find(int level, int name)
{
	for (size_t i = 0; i < option_count; i++)
		if (option_table[i].level == level &&
		    option_table[i].name == name)
			return &option_table[i];
	return NULL;
}
