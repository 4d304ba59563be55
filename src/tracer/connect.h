/* How rsc run comes to its server. */
#ifndef RSC_CONNECT_H
#define RSC_CONNECT_H

struct channel_opts;
struct run;

/*
 * Opens run->channel and names it: the first server that comes to listen, or
 * server, or what the environment names, or one in a child of ours; the first of
 * these that is not NULL. What opts leave open is the environment's. 0 or
 * -errno, with a line.
 */
int connect_server(struct run *run, const char *listen, const char *server,
		   const struct channel_opts *opts);

#endif
