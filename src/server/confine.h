/* What a session does to its own process before it serves anybody. */
#ifndef RSC_CONFINE_H
#define RSC_CONFINE_H

#include "server/server.h"

/*
 * Keeps in, out and extra (or -1), moved to other numbers above 2, and
 * descriptor 2; closes all others, makes 0 and 1 /dev/null, ignores the
 * signals that calls raise, names the process and enters opts->root. 0 or
 * -errno, with a line in the log. No thread may run yet.
 */
int confine(int *in, int *out, int *extra, const struct server_opts *opts);

#endif
