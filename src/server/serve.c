/* `rsc serve`: the listener, which forks a session for each client. */
#include "server/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "transport/channel.h"

#define EXIT_USAGE 125

struct listener {
	struct server_opts opts;
	struct channel_opts channel;
	const char *url;
	bool use_stdio;
	bool once;
	int ready;   /* descriptor to tell the bound URL, or -1 */
	int fd;	     /* owned */
	int signals; /* owned signalfd */
	unsigned int sessions;
	int status; /* of the last session */
};

static const char usage[] =
	"usage: rsc serve --listen URL | --stdio [OPTION...]\n"
	"Runs the system calls of clients on this machine.\n"
	"  --listen URL          tcp://HOST:PORT or unix://PATH\n"
	"  --stdio               serve one client on standard input and output\n"
	"  --root DIR            the directory that clients see as /\n"
	"  --read-only           whatever changes something fails with EROFS\n"
	"  --insecure-no-auth    let anybody who reaches the address in\n"
	"  --once                serve one client, then end\n"
	"  --ready-fd N          write the bound URL to descriptor N\n"
	"  --count FILE          append how often each call was run here\n"
	"  -v, --verbose         say more; twice: everything\n"
	"  -h, --help            this text\n";

enum option_id {
	OPT_LISTEN = 256,
	OPT_STDIO,
	OPT_ROOT,
	OPT_READ_ONLY,
	OPT_INSECURE,
	OPT_ONCE,
	OPT_READY,
	OPT_COUNT
};

static const struct option options[] = {
	{ "listen", required_argument, NULL, OPT_LISTEN },
	{ "stdio", no_argument, NULL, OPT_STDIO },
	{ "root", required_argument, NULL, OPT_ROOT },
	{ "read-only", no_argument, NULL, OPT_READ_ONLY },
	{ "insecure-no-auth", no_argument, NULL, OPT_INSECURE },
	{ "once", no_argument, NULL, OPT_ONCE },
	{ "ready-fd", required_argument, NULL, OPT_READY },
	{ "count", required_argument, NULL, OPT_COUNT },
	{ "verbose", no_argument, NULL, 'v' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static int parse_fd(const char *text)
{
	char *end;
	long fd = strtol(text, &end, 10);

	return *text && !*end && fd >= 0 && fd < 1 << 20 ? (int)fd : -1;
}

/* 0 to go on, else the exit status plus one. */
static int parse(struct listener *l, int argc, char **argv)
{
	int opt;

	optind = 1;
	while ((opt = getopt_long(argc, argv, "vh", options, NULL)) >= 0) {
		switch (opt) {
		case OPT_LISTEN:
			l->url = optarg;
			break;
		case OPT_STDIO:
			l->use_stdio = true;
			break;
		case OPT_ROOT:
			l->opts.root = optarg;
			break;
		case OPT_READ_ONLY:
			l->opts.read_only = true;
			break;
		case OPT_INSECURE:
			l->channel.insecure_no_auth = true;
			break;
		case OPT_ONCE:
			l->once = true;
			break;
		case OPT_READY:
			l->ready = parse_fd(optarg);
			if (l->ready >= 0)
				break;
			log_err("serve: --ready-fd %s: not a descriptor; give "
				"its number",
				optarg);
			return EXIT_USAGE + 1;
		case OPT_COUNT:
			l->opts.count = optarg;
			break;
		case 'v':
			if (log_level < LOG_DEBUG)
				log_level++;
			break;
		case 'h':
			fputs(usage, stdout);
			return 1;
		default:
			fputs(usage, stderr);
			return EXIT_USAGE + 1;
		}
	}
	if (optind < argc) {
		log_err("serve: unexpected argument %s; see rsc serve --help",
			argv[optind]);
		return EXIT_USAGE + 1;
	}
	if (!l->use_stdio == !l->url) {
		log_err("serve: give either --listen URL or --stdio, so that "
			"clients can reach the server; see rsc serve --help");
		return EXIT_USAGE + 1;
	}
	return 0;
}

/* The URL as bound: with the real port where 0 was asked for. */
static void bound_url(const struct listener *l, char *text, size_t size)
{
	struct sockaddr_storage addr = { 0 };
	struct sockaddr_in6 *in6 = (void *)&addr;
	struct sockaddr_in *in = (void *)&addr;
	socklen_t len = sizeof(addr);
	char host[INET6_ADDRSTRLEN];

	snprintf(text, size, "%s\n", l->url);
	if (getsockname(l->fd, (struct sockaddr *)&addr, &len) < 0)
		return;
	if (addr.ss_family == AF_INET &&
	    inet_ntop(AF_INET, &in->sin_addr, host, sizeof(host)))
		snprintf(text, size, "tcp://%s:%u\n", host,
			 ntohs(in->sin_port));
	if (addr.ss_family == AF_INET6 &&
	    inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof(host)))
		snprintf(text, size, "tcp://[%s]:%u\n", host,
			 ntohs(in6->sin6_port));
}

static void tell_ready(struct listener *l)
{
	char text[512];

	bound_url(l, text, sizeof(text));
	log_info("serve: listening at %.*s", (int)strcspn(text, "\n"), text);
	if (l->ready < 0)
		return;
	if (io_write_all(l->ready, text, strlen(text)))
		log_warn("serve: cannot write to --ready-fd %d", l->ready);
	close(l->ready);
	l->ready = -1;
}

static void __attribute__((noreturn))
end_session(const struct listener *l, int status)
{
	/* What looks for leaks at exit(3) needs /proc. */
	if (l->opts.root)
		_exit(status);
	exit(status);
}

static void __attribute__((noreturn))
serve_session(struct listener *l, struct channel *ch)
{
	sigset_t none;

	signal(SIGTERM, SIG_DFL);
	signal(SIGINT, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* Signals to the listener's group are the listener's to pass on. */
	setpgid(0, 0);
	end_session(l, session_run(ch->in, ch->out, &l->opts));
}

static void accept_one(struct listener *l)
{
	struct channel ch;
	pid_t pid;
	int err;

	err = channel_accept(l->fd, &ch);
	if (err) {
		if (err != -EAGAIN && err != -EINTR && err != -ECONNABORTED)
			log_warn("serve: accept: %s", strerror(-err));
		/* Out of descriptors: do not spin. */
		if (err == -EMFILE || err == -ENFILE || err == -ENOMEM)
			poll(NULL, 0, 100);
		return;
	}
	pid = fork();
	if (!pid)
		serve_session(l, &ch);
	channel_close(&ch);
	if (pid < 0) {
		log_err("serve: fork: %s; the client is sent away",
			strerror(errno));
		return;
	}
	l->sessions++;
	if (l->once) {
		close(l->fd);
		l->fd = -1;
	}
}

static void reap_sessions(struct listener *l)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		l->sessions--;
		l->status = WIFEXITED(status) ? WEXITSTATUS(status) : 1;
		log_info("serve: session %d ended: %s %d", pid,
			 WIFEXITED(status) ? "status" : "signal",
			 WIFEXITED(status) ? l->status : WTERMSIG(status));
	}
}

/* The sessions are our only children. */
static void end_sessions(struct listener *l)
{
	char path[64];
	FILE *file;
	int pid;

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", getpid());
	file = fopen(path, "re");
	if (file) {
		while (fscanf(file, "%d", &pid) == 1)
			kill(pid, SIGTERM);
		fclose(file);
	}
	while (l->sessions && waitpid(-1, NULL, 0) > 0)
		l->sessions--;
}

static int serve_loop(struct listener *l)
{
	struct pollfd fds[2] = {
		{ .fd = l->signals, .events = POLLIN },
		{ .fd = l->fd, .events = POLLIN },
	};
	struct signalfd_siginfo info;

	for (;;) {
		fds[1].fd = l->fd;
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return 1;
		if (fds[0].revents) {
			if (read(l->signals, &info, sizeof(info)) !=
			    sizeof(info))
				return 1;
			if (info.ssi_signo != SIGCHLD) {
				end_sessions(l);
				return 0;
			}
			reap_sessions(l);
			if (l->fd < 0 && !l->sessions)
				return l->status;
		}
		if (l->fd >= 0 && fds[1].revents)
			accept_one(l);
	}
}

/* Said now, not to the first client. */
static int check_root(const char *root)
{
	int fd = root ? open(root, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;

	if (root && fd < 0) {
		log_err("serve: --root %s: %s; give a directory", root,
			strerror(errno));
		return -1;
	}
	if (root)
		close(fd);
	return 0;
}

static int block_signals(struct listener *l)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	l->signals = signalfd(-1, &set, SFD_CLOEXEC);
	return l->signals < 0 ? -errno : 0;
}

int serve_main(int argc, char **argv)
{
	struct listener l = { .ready = -1, .fd = -1, .signals = -1 };
	char err[512] = "";
	int status;

	status = parse(&l, argc, argv);
	if (status)
		return status - 1;
	if (check_root(l.opts.root))
		return EXIT_USAGE;
	if (l.use_stdio)
		end_session(&l,
			    session_run(STDIN_FILENO, STDOUT_FILENO, &l.opts));
	if (block_signals(&l)) {
		log_err("serve: signals: %s", strerror(errno));
		return EXIT_USAGE;
	}
	l.fd = channel_listen(l.url, &l.channel, err, sizeof(err));
	if (l.fd < 0) {
		log_err("serve: %s", err);
		return EXIT_USAGE;
	}
	tell_ready(&l);
	status = serve_loop(&l);
	if (l.fd >= 0)
		close(l.fd);
	if (!strncmp(l.url, "unix://", 7))
		unlink(l.url + 7);
	close(l.signals);
	return status;
}
