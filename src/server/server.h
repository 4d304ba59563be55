/*
 * The server: a listener that forks one session for each client, and the
 * session itself, which runs a client's calls on this machine.
 */
#ifndef RSC_SERVER_H
#define RSC_SERVER_H

#include <stdbool.h>

struct server_opts {
	const char *root;  /* directory that the client sees as /, or NULL */
	const char *count; /* file to append "name count" lines to, or NULL */
	bool read_only;	   /* whatever changes something is EROFS */
};

/* `rsc serve`: listens, or serves one session on stdio; exit status. */
int serve_main(int argc, char **argv);

/*
 * Runs one session on the channel in/out until it closes; the exit status of
 * the process, which is 0 when the client just closed the channel. The process
 * belongs to the session from then on: every other descriptor but 2 is closed,
 * 0 and 1 become /dev/null, opts->root becomes the root. The caller exits
 * afterwards, by _exit(2) when it is a forked child.
 */
int session_run(int in, int out, const struct server_opts *opts);

#endif
