/* `rsc serve`: the listener. */
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "server/server.h"
#include "transport/channel.h"

static const char usage[] =
	"usage: rsc serve --listen URL | --stdio [OPTION]...\n"
	"  --listen URL         tcp://HOST:PORT or unix://PATH\n"
	"  --stdio              one session on standard input and output\n"
	"  --root DIR           clients see DIR as their root\n"
	"  --read-only          nothing is changed here\n"
	"  --insecure-no-auth   allow tcp on loopback without authentication\n"
	"  --once               end after the first session\n"
	"  --ready-fd N         write the bound URL to N when listening\n"
	"  --count FILE         append how often each call ran\n"
	"  -v                   say more\n";

enum { OPT_LISTEN = 256, OPT_STDIO, OPT_ROOT, OPT_RO, OPT_INSECURE, OPT_ONCE,
       OPT_READY, OPT_COUNT, OPT_HELP };

static const struct option long_options[] = {
	{ "listen", required_argument, NULL, OPT_LISTEN },
	{ "stdio", no_argument, NULL, OPT_STDIO },
	{ "root", required_argument, NULL, OPT_ROOT },
	{ "read-only", no_argument, NULL, OPT_RO },
	{ "insecure-no-auth", no_argument, NULL, OPT_INSECURE },
	{ "once", no_argument, NULL, OPT_ONCE },
	{ "ready-fd", required_argument, NULL, OPT_READY },
	{ "count", required_argument, NULL, OPT_COUNT },
	{ "help", no_argument, NULL, OPT_HELP },
	{ 0 },
};

static volatile sig_atomic_t stop;

static void on_stop(int sig)
{
	stop = sig;
}

/* Tells the port that was really bound. */
static void say_ready(int ready, int fd, const char *url)
{
	struct sockaddr_in sa;
	socklen_t len = sizeof(sa);

	if (ready < 0)
		return;
	if (!getsockname(fd, (struct sockaddr *)&sa, &len) &&
	    sa.sin_family == AF_INET)
		dprintf(ready, "tcp://%s:%u\n", inet_ntoa(sa.sin_addr),
			ntohs(sa.sin_port));
	else
		dprintf(ready, "%s\n", url);
	close(ready);
}

static int serve(const char *url, bool insecure, bool once, int ready,
		 const struct server_opts *opts)
{
	struct sigaction act = { .sa_handler = on_stop };
	char err[512];
	int fd;

	fd = channel_listen(url, insecure, err, sizeof(err));
	if (fd < 0) {
		log_err("%s", err);
		return 125;
	}
	sigaction(SIGTERM, &act, NULL);
	sigaction(SIGINT, &act, NULL);
	say_ready(ready, fd, url);
	do {
		struct channel ch;
		pid_t pid;

		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		if (channel_accept(fd, &ch))
			continue;
		pid = fork();
		if (!pid) {
			close(fd);
			signal(SIGTERM, SIG_DFL);
			signal(SIGINT, SIG_IGN);
			_exit(session_run(ch.in, ch.out, opts));
		}
		if (pid < 0)
			log_err("fork: %s", strerror(errno));
		channel_close(&ch);
		if (once && pid > 0) {
			waitpid(pid, NULL, 0);
			break;
		}
	} while (!stop);
	if (!strncmp(url, "unix:", 5))
		unlink(url + (strncmp(url, "unix://", 7) ? 5 : 7));
	return 0;
}

int serve_main(int argc, char **argv)
{
	struct server_opts opts = { 0 };
	const char *url = NULL;
	bool insecure = false;
	bool stdio = false;
	bool once = false;
	int ready = -1;
	int opt;

	while ((opt = getopt_long(argc, argv, "v", long_options, NULL)) != -1) {
		switch (opt) {
		case OPT_LISTEN:
			url = optarg;
			break;
		case OPT_STDIO:
			stdio = true;
			break;
		case OPT_ROOT:
			opts.root = optarg;
			break;
		case OPT_RO:
			opts.read_only = true;
			break;
		case OPT_INSECURE:
			insecure = true;
			break;
		case OPT_ONCE:
			once = true;
			break;
		case OPT_READY:
			ready = atoi(optarg);
			break;
		case OPT_COUNT:
			opts.count = optarg;
			break;
		case 'v':
			log_level = LOG_INFO;
			break;
		case OPT_HELP:
			fputs(usage, stdout);
			return 0;
		default:
			fputs(usage, stderr);
			return 125;
		}
	}
	if (stdio)
		return session_run(0, 1, &opts);
	if (!url) {
		log_err("--listen URL or --stdio is needed");
		fputs(usage, stderr);
		return 125;
	}
	return serve(url, insecure, once, ready, &opts);
}
