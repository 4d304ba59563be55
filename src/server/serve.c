/* `rsc serve`: the listener, which forks a session for each client. */
#include "server/server.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "server/listener.h"

#define EXIT_USAGE 125

static const char usage[] =
	"usage: rsc serve --listen URL | --connect URL | --stdio [OPTION...]\n"
	"Runs the system calls of clients on this machine.\n"
	"  --listen URL          tls://HOST:PORT, unix://PATH, vsock://CID:PORT,\n"
	"                        tcp://HOST:PORT\n"
	"  --connect URL         connect to a client, again and again\n"
	"  --stdio               serve one client on standard input and output\n"
	"  --root DIR            the directory that clients see as /\n"
	"  --read-only           whatever changes something fails with EROFS\n"
	"  --key FILE            for tls: the keys of clients, of rsc keygen\n"
	"  --cert FILE, --cert-key FILE, --ca FILE\n"
	"                        or a certificate, its key, and who signs clients\n"
	"  --allow-uid UID       for unix: who may connect (this user and root)\n"
	"  --allow-cid CID       for vsock: which machine may connect\n"
	"  --max-sessions N      so many clients (64)\n"
	"  --max-pending N       so many of whom nobody knows yet who they are (16)\n"
	"  --login-time SECONDS  how long they have to say it (10)\n"
	"  --max-memory MIB      that a session may have; 0: any (2048)\n"
	"  --insecure-no-auth    let anybody who reaches the address in\n"
	"  --once                serve one client, then end\n"
	"  --ready-fd N          write the bound URL to descriptor N\n"
	"  --count FILE          append how often each call was run here\n"
	"  -v, --verbose         say more; twice: everything\n"
	"  -h, --help            this text\n";

enum option_id {
	OPT_LISTEN = 256,
	OPT_CONNECT,
	OPT_STDIO,
	OPT_ROOT,
	OPT_READ_ONLY,
	OPT_KEY,
	OPT_CERT,
	OPT_CERT_KEY,
	OPT_CA,
	OPT_ALLOW_UID,
	OPT_ALLOW_CID,
	OPT_MAX_SESSIONS,
	OPT_MAX_PENDING,
	OPT_LOGIN_TIME,
	OPT_MAX_MEMORY,
	OPT_INSECURE,
	OPT_ONCE,
	OPT_READY,
	OPT_COUNT
};

static const struct option options[] = {
	{ "listen", required_argument, NULL, OPT_LISTEN },
	{ "connect", required_argument, NULL, OPT_CONNECT },
	{ "stdio", no_argument, NULL, OPT_STDIO },
	{ "root", required_argument, NULL, OPT_ROOT },
	{ "read-only", no_argument, NULL, OPT_READ_ONLY },
	{ "key", required_argument, NULL, OPT_KEY },
	{ "cert", required_argument, NULL, OPT_CERT },
	{ "cert-key", required_argument, NULL, OPT_CERT_KEY },
	{ "ca", required_argument, NULL, OPT_CA },
	{ "allow-uid", required_argument, NULL, OPT_ALLOW_UID },
	{ "allow-cid", required_argument, NULL, OPT_ALLOW_CID },
	{ "max-sessions", required_argument, NULL, OPT_MAX_SESSIONS },
	{ "max-pending", required_argument, NULL, OPT_MAX_PENDING },
	{ "login-time", required_argument, NULL, OPT_LOGIN_TIME },
	{ "max-memory", required_argument, NULL, OPT_MAX_MEMORY },
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

/* A number of at most max, or -1 with a line. */
static long number(const char *option, const char *text, long max)
{
	char *end;
	long n = strtol(text, &end, 10);

	if (*text >= '0' && *text <= '9' && !*end && n <= max)
		return n;
	log_err("serve: %s %s: not a number up to %ld", option, text, max);
	return -1;
}

static int allow(struct allow *list, const char *option, const char *text)
{
	int err = channel_allow(list, text);

	if (err)
		log_err("serve: %s %s: not a number, or too many of them",
			option, text);
	return err;
}

static int limit(struct listener *l, int opt, const char *text)
{
	const struct {
		int opt;
		const char *name;
		unsigned int *value;
		unsigned int unit;
		long min;
		long max;
	} limits[] = {
		{ OPT_MAX_SESSIONS, "--max-sessions", &l->max_sessions, 1, 1,
		  100000 },
		{ OPT_MAX_PENDING, "--max-pending", &l->max_pending, 1, 1,
		  100000 },
		{ OPT_LOGIN_TIME, "--login-time", &l->channel.login_ms, 1000, 1,
		  3600 },
		{ OPT_MAX_MEMORY, "--max-memory", &l->memory_mib, 1, 0,
		  1 << 24 },
	};
	const size_t n = sizeof(limits) / sizeof(*limits);
	size_t i = 0;
	long value;

	while (i < n && limits[i].opt != opt)
		i++;
	value = number(limits[i].name, text, limits[i].max);
	if (value >= 0 && value < limits[i].min)
		log_err("serve: %s %s: at least %ld", limits[i].name, text,
			limits[i].min);
	if (value < limits[i].min)
		return -1;
	*limits[i].value = (unsigned int)value * limits[i].unit;
	return 0;
}

/* 0 to go on, else the exit status plus one. */
static int parse(struct listener *l, bool *use_stdio, int argc, char **argv)
{
	bool both = false;
	int opt;

	optind = 1;
	while ((opt = getopt_long(argc, argv, "vh", options, NULL)) >= 0) {
		switch (opt) {
		case OPT_LISTEN:
		case OPT_CONNECT:
			both = both || l->url;
			l->url = optarg;
			l->dial = opt == OPT_CONNECT;
			break;
		case OPT_STDIO:
			*use_stdio = true;
			break;
		case OPT_ROOT:
			l->opts.root = optarg;
			break;
		case OPT_READ_ONLY:
			l->opts.read_only = true;
			break;
		case OPT_KEY:
			l->channel.key = optarg;
			break;
		case OPT_CERT:
			l->channel.cert = optarg;
			break;
		case OPT_CERT_KEY:
			l->channel.cert_key = optarg;
			break;
		case OPT_CA:
			l->channel.ca = optarg;
			break;
		case OPT_ALLOW_UID:
			if (allow(&l->channel.uids, "--allow-uid", optarg))
				return EXIT_USAGE + 1;
			break;
		case OPT_ALLOW_CID:
			if (allow(&l->channel.cids, "--allow-cid", optarg))
				return EXIT_USAGE + 1;
			break;
		case OPT_MAX_SESSIONS:
		case OPT_MAX_PENDING:
		case OPT_LOGIN_TIME:
		case OPT_MAX_MEMORY:
			if (limit(l, opt, optarg))
				return EXIT_USAGE + 1;
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
	if (*use_stdio == !!l->url || both) {
		log_err("serve: give either --listen URL, --connect URL or "
			"--stdio, so that clients can reach the server; see "
			"rsc serve --help");
		return EXIT_USAGE + 1;
	}
	return 0;
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

int serve_main(int argc, char **argv)
{
	struct listener l = {
		.ready = -1,
		.fd = -1,
		.signals = -1,
		.news = { -1, -1 },
		.max_sessions = LISTENER_SESSIONS,
		.max_pending = LISTENER_PENDING,
		.memory_mib = LISTENER_MEMORY_MIB,
	};
	bool use_stdio = false;
	int status;

	status = parse(&l, &use_stdio, argc, argv);
	if (status)
		return status - 1;
	if (check_root(l.opts.root))
		return EXIT_USAGE;
	if (use_stdio)
		listener_stdio(&l);
	return listener_run(&l);
}
