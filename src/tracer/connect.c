/* How rsc run comes to its server. */
#include "tracer/connect.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "call/call.h"
#include "server/server.h"
#include "tracer/tracee.h"

/* A server of our own in a child, over a socketpair. */
static int embedded(struct channel *ch)
{
	struct server_opts opts = { 0 };
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return -errno;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (!pid) {
		close(pair[0]);
		setsid();
		_exit(session_run(pair[1], pair[1], &opts));
	}
	close(pair[1]);
	*ch = (struct channel){ pair[0], pair[0], pid, NULL };
	fputs("rsc: no server is named: calls go to an embedded server on this machine\n",
	      stderr);
	return 0;
}

/* What is set and not empty, or NULL. */
static const char *environment(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? value : NULL;
}

/* The first server that comes and is known. */
static int await_server(struct run *run, const struct channel_opts *opts)
{
	static char url[512];
	char err[512];
	int ret;
	int fd;

	fd = channel_listen(run->server_name, opts, err, sizeof(err));
	if (fd < 0) {
		log_err("%s", err);
		return -EIO;
	}
	channel_bound(fd, run->server_name, url, sizeof(url));
	fprintf(stderr, "rsc: waiting for a server at %s\n", url);
	run->server_name = url;
	for (;;) {
		ret = channel_accept(fd, &run->channel);
		if (ret == -EINTR || ret == -ECONNABORTED)
			continue;
		if (ret)
			break;
		ret = channel_admit(&run->channel, url, opts, err, sizeof(err));
		if (!ret)
			break;
		log_warn("a server is refused: %s", err);
		channel_close(&run->channel);
	}
	if (ret)
		log_err("accept at %s: %s", url, strerror(-ret));
	close(fd);
	if (!strncmp(url, "unix://", 7))
		unlink(url + 7);
	return ret;
}

int connect_server(struct run *run, const char *listen, const char *server,
		   const struct channel_opts *given)
{
	struct channel_opts opts = *given;
	char err[512];
	int failed;

	if (!opts.ssh_command)
		opts.ssh_command = environment("RSC_SSH_COMMAND");
	if (!opts.key && !opts.cert && !opts.cert_key && !opts.ca)
		opts.key = environment("RSC_KEY");
	opts.portable = environment("RSC_PORTABLE");
	opts.protocol = call_protocol();
	run->server_name = listen;
	if (listen)
		return await_server(run, &opts);
	run->server_name = server ? server : getenv("RSC_SERVER");
	if (!run->server_name || !*run->server_name) {
		run->server_name = "the embedded server";
		failed = embedded(&run->channel);
		if (failed)
			log_err("%s cannot be started: %s", run->server_name,
				strerror(-failed));
		return failed;
	}
	if (channel_connect(&run->channel, run->server_name, &opts, err,
			    sizeof(err))) {
		log_err("%s", err);
		return -EIO;
	}
	return 0;
}
