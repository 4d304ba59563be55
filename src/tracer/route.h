/*
 * Routes: ordered rules, first match wins, that say on which side a path or an
 * address of a socket is.
 */
#ifndef RSC_ROUTE_H
#define RSC_ROUTE_H

#include <stdbool.h>
#include <stddef.h>

#include "tracer/address.h"

enum side {
	SIDE_LOCAL,
	SIDE_REMOTE,
	SIDE_DENY,
	SIDE_MISSING,
	SIDE_OURS, /* of no rule: below /proc of the tree (proc.h) */
};

/* Who made a rule. */
enum rule_origin {
	RULE_GIVEN,
	RULE_TOOLBOX,
	RULE_BUILTIN,
};

struct route {
	enum side side;
	enum rule_origin origin;
	bool plain; /* pattern has no special characters but a last double star */
	bool net;   /* pattern is an address */
	struct address address;
	char *pattern; /* owned; `*` within a component, a last `**` below */
	char *to;      /* owned; of a map rule: the server's name */
};

struct routes {
	struct route *rule; /* owned */
	size_t count;
	bool strict; /* a rule must not be passed by by a link */
};

/*
 * Adds a rule: word is local, remote, deny, missing or map; pattern an
 * absolute path, for map "FROM=>TO", or but for map an address (address.h). 0,
 * -EINVAL or -ENOMEM.
 */
int routes_add(struct routes *routes, const char *word, const char *pattern);
/* Adds the rules that hold when no other rule matches. 0 or -ENOMEM. */
int routes_add_builtin(struct routes *routes);
/*
 * Adds the rules of --toolbox: tools, their settings and the user's home are
 * this machine's. 0, or -errno with a line on stderr.
 */
int routes_add_toolbox(struct routes *routes);
/* Reads a file of "word pattern" lines, # comments. 0 or -errno; *line. */
int routes_read(struct routes *routes, const char *file, unsigned int *line);
/* The same of a text that is not empty. */
int routes_read_text(struct routes *routes, const char *text,
		     unsigned int *line);
/*
 * The side of an absolute, normalised path; *rule is what decided (NULL: the
 * default, remote). mapped (PATH_MAX bytes, may be NULL) gets the server's
 * name of it.
 */
enum side routes_side(const struct routes *routes, const char *path,
		      char *mapped, const struct route **rule);
/* The same of an address; the default is remote. */
enum side routes_address(const struct routes *routes, const struct sockaddr *sa,
			 socklen_t len, const struct route **rule);
/* True when path, as written, goes through a name that a map rule gives. */
bool routes_pass_map(const struct routes *routes, const char *path);
/* True when path lies below what a map rule shows under another name. */
bool routes_shown(const struct routes *routes, const char *path);
/*
 * Joins base and path, removes `.`, `..` and double slashes, into out
 * (PATH_MAX bytes). 0 or -ENAMETOOLONG.
 */
int routes_normalise(const char *base, const char *path, char *out);
void routes_free(struct routes *routes);
const char *side_name(enum side side);

/* ---- rules.c: rules that the user gives ---- */

/* Options with rules, for getopt_long(3). */
#define RULES_OPTION 0x100
#define RULES_OPTIONS                                                          \
	{ "local", required_argument, NULL, RULES_OPTION },                    \
		{ "remote", required_argument, NULL, RULES_OPTION },           \
		{ "deny", required_argument, NULL, RULES_OPTION },             \
		{ "missing", required_argument, NULL, RULES_OPTION },          \
		{ "map", required_argument, NULL, RULES_OPTION },              \
		{ "toolbox", no_argument, NULL, RULES_OPTION },                \
	{                                                                      \
		"rules", required_argument, NULL, RULES_OPTION                 \
	}

/* One of them was given. 0, or -errno with a line on stderr. */
int rules_option(struct routes *routes, const char *name, const char *arg);
/* Adds the rules of $RSC_RULES. 0, or -errno with a line on stderr. */
int rules_environment(struct routes *routes);

/* ---- toolbox.c: whose shell it is ---- */

/* $SHELL, or that of the user's entry in passwd(5), or /bin/sh. */
const char *toolbox_shell(void);

/* `rsc explain PATH`, `rsc explain HOST:PORT`: which rule decides, and why. */
int explain_main(int argc, char **argv);

#endif
