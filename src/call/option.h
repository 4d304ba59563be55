/*
 * Which options of sockets travel, and what their values are (getsockopt(2)).
 * Both sides ask: the tracer before it sends, the server before it calls.
 */
#ifndef RSC_OPTION_H
#define RSC_OPTION_H

#include <stddef.h>

/* What a value is. The kernel takes some of them shorter or longer. */
enum option_form {
	OPT_INT,
	OPT_U64,
	OPT_LINGER,  /* struct linger */
	OPT_TIMEVAL, /* struct timeval */
	OPT_UCRED,   /* struct ucred: of the server's processes */
	OPT_STR,
	OPT_BYTES, /* integers and addresses, alike on both architectures */
	OPT_FORMS
};

struct option {
	int level;
	int name;
	enum option_form form;
	const char *text; /* its name */
};

/* Sorted by nothing; option_count of them. Static, never freed. */
extern const struct option option_table[];
extern const size_t option_count;

/* NULL: such an option does not travel. */
const struct option *option_find(int level, int name);

#endif
