/* `rsc run`: options, the connection, and the end. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "call/wire.h"
#include "transport/frame.h"
#include "tracer/connect.h"
#include "tracer/select.h"
#include "tracer/tracee.h"

#define SILENCE_MS 3000

static const char usage_run[] =
	"usage: rsc run [OPTION]... [--] PROGRAM [ARGUMENT]...\n";
static const char usage_shell[] =
	"usage: rsc shell [OPTION]... [--] [ARGUMENT]...\n";
static const char usage_options[] =
	"  --server URL        ssh://[USER@]HOST[:PORT], tls://HOST:PORT,\n"
	"                      unix://PATH, vsock://CID:PORT, tcp://HOST:PORT,\n"
	"                      vsock-unix://PATH:PORT, exec:COMMAND, fd:N\n"
	"                      (default: $RSC_SERVER, else an embedded server)\n"
	"  --listen URL        wait for a server that connects to this machine, at\n"
	"                      tls://, unix://, vsock:// or tcp://\n"
	"  --allow-uid UID, --allow-cid CID, --insecure-no-auth\n"
	"                      which one; as for rsc serve\n"
	"  --ssh-command CMD   run CMD in the place of ssh\n"
	"                      (default: $RSC_SSH_COMMAND, else ssh)\n"
	"  --remote-rsc PATH   the rsc at the other end of ssh (default: rsc there, or\n"
	"                      one that is sent)\n"
	"  --key FILE          for tls: the key, of rsc keygen (default: $RSC_KEY)\n"
	"  --cert FILE, --cert-key FILE, --ca FILE\n"
	"                      or a certificate, its key, and who signs the server\n"
	"  --filter SET        calls that are forwarded (default %file,%desc)\n"
	"  --all               every call that can be forwarded\n"
	"  --local PATTERN, --remote PATTERN, --deny PATTERN, --missing PATTERN,\n"
	"  --map 'FROM=>TO', --rules FILE\n"
	"                      on which side a path is; first match wins, those of\n"
	"                      $RSC_RULES come last\n"
	"  --toolbox           the same: tools and the home are this machine's\n"
	"                      (rsc shell: --all, and this after all others)\n"
	"  --fds NUMBERS       high: remote descriptors from 512 on, calls on local\n"
	"                      ones run at full speed; lowest: as usual (default)\n"
	"  --coherence MODE    strict: who maps a file to write it has it alone on the\n"
	"                      server, else ENODEV (default); loose: whoever has it\n"
	"  --map-memory MIB    how much of the server's files may be mapped (1024)\n"
	"  --clock HOW         exact: each reading of real time asks the server\n"
	"                      (default); offset: one in a second does, the others\n"
	"                      are at most one way of the link behind (rsc shell)\n"
	"  --exec WHOSE        programs are run here; whose they are: local (default:\n"
	"                      this machine's, the server's where only it has them),\n"
	"                      auto (the server's, else this machine's), remote\n"
	"  --cwd DIR           the working directory on the server\n"
	"  -t                  print a line for each forwarded call, and each refused\n"
	"  -e EXPRESSION       the same, of some: trace=SET, status=failed|successful\n"
	"  -o FILE             print to FILE\n"
	"  -s N                at most N bytes of a string (default 32)\n"
	"  -T                  with the time that each took\n"
	"  -y                  with the paths of descriptors\n"
	"  -c                  print a summary at the end; --json as one object\n"
	"  --strict            the first call that is neither carried out nor made\n"
	"                      here ends the program (status 125)\n"
	"  -v                  say more\n"
	"  --help              this text\n";

enum {
	OPT_SERVER = RULES_OPTION + 1,
	OPT_LISTEN,
	OPT_ALLOW_UID,
	OPT_ALLOW_CID,
	OPT_INSECURE,
	OPT_SSH_COMMAND,
	OPT_REMOTE_RSC,
	OPT_KEY,
	OPT_CERT,
	OPT_CERT_KEY,
	OPT_CA,
	OPT_FILTER,
	OPT_ALL,
	OPT_CWD,
	OPT_JSON,
	OPT_FDS,
	OPT_CLOCK,
	OPT_COHERENCE,
	OPT_MAP_MEMORY,
	OPT_EXEC,
	OPT_STRICT,
	OPT_HELP
};

static const struct option options[] = {
	{ "server", required_argument, NULL, OPT_SERVER },
	{ "listen", required_argument, NULL, OPT_LISTEN },
	{ "allow-uid", required_argument, NULL, OPT_ALLOW_UID },
	{ "allow-cid", required_argument, NULL, OPT_ALLOW_CID },
	{ "insecure-no-auth", no_argument, NULL, OPT_INSECURE },
	{ "ssh-command", required_argument, NULL, OPT_SSH_COMMAND },
	{ "remote-rsc", required_argument, NULL, OPT_REMOTE_RSC },
	{ "key", required_argument, NULL, OPT_KEY },
	{ "cert", required_argument, NULL, OPT_CERT },
	{ "cert-key", required_argument, NULL, OPT_CERT_KEY },
	{ "ca", required_argument, NULL, OPT_CA },
	{ "filter", required_argument, NULL, OPT_FILTER },
	{ "all", no_argument, NULL, OPT_ALL },
	RULES_OPTIONS,
	{ "cwd", required_argument, NULL, OPT_CWD },
	{ "json", no_argument, NULL, OPT_JSON },
	{ "fds", required_argument, NULL, OPT_FDS },
	{ "clock", required_argument, NULL, OPT_CLOCK },
	{ "coherence", required_argument, NULL, OPT_COHERENCE },
	{ "map-memory", required_argument, NULL, OPT_MAP_MEMORY },
	{ "exec", required_argument, NULL, OPT_EXEC },
	{ "strict", no_argument, NULL, OPT_STRICT },
	{ "help", no_argument, NULL, OPT_HELP },
	{ 0 },
};

struct settings {
	bool shell;
	const char *server;
	const char *listen;
	struct channel_opts channel;
	const char *filter;
	const char *cwd;
};

/* -s */
static int parse_len(struct trace *trace, const char *text)
{
	char *end;

	errno = 0;
	trace->len = strtoul(text, &end, 10);
	if (*text >= '0' && *text <= '9' && !*end && !errno)
		return 0;
	log_err("-s %s: not a number of bytes", text);
	return -1;
}

/* -o: not a descriptor that the program would have got. */
static int open_trace(struct trace *trace, const char *name)
{
	int fd;

	fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC,
		  0666);
	if (fd < 0) {
		log_err("-o %s: %s", name, strerror(errno));
		return -1;
	}
	if (trace->to_file)
		close(trace->fd);
	trace->fd = fd;
	trace->to_file = true;
	return 0;
}

/* --map-memory */
static int parse_map_memory(struct run *run, const char *text)
{
	unsigned long long mib;
	char *end;

	errno = 0;
	mib = strtoull(text, &end, 10);
	if (*text >= '0' && *text <= '9' && !*end && !errno &&
	    mib <= UINT64_MAX >> 20) {
		run->keeper.room = mib << 20;
		return 0;
	}
	log_err("--map-memory=%s: a number of MiB", text);
	return -EINVAL;
}

/* --coherence */
static int parse_coherence(struct run *run, const char *text)
{
	run->keeper.loose = !strcmp(text, "loose");
	if (run->keeper.loose || !strcmp(text, "strict"))
		return 0;
	log_err("--coherence=%s: strict or loose", text);
	return -EINVAL;
}

/* --clock */
static int parse_clock(struct run *run, const char *text)
{
	run->clock_offset = !strcmp(text, "offset");
	if (run->clock_offset || !strcmp(text, "exact"))
		return 0;
	log_err("--clock=%s: exact or offset", text);
	return -EINVAL;
}

/* --fds: the numbers of remote descriptors. */
static int parse_fds(struct run *run, const char *text)
{
	struct rlimit lim;

	run->fds_high = !strcmp(text, "high");
	if (!run->fds_high && strcmp(text, "lowest")) {
		log_err("--fds=%s: write high or lowest", text);
		return -1;
	}
	if (run->fds_high && !getrlimit(RLIMIT_NOFILE, &lim) &&
	    lim.rlim_cur <= FDS_HIGH) {
		log_err("--fds=high: remote descriptors begin at %d and RLIMIT_NOFILE is %llu; raise it with `ulimit -n %d`",
			FDS_HIGH, (unsigned long long)lim.rlim_cur,
			2 * FDS_HIGH);
		return -1;
	}
	return 0;
}

/* --exec: whose programs are run. */
static int parse_exec(struct run *run, const char *text)
{
	int mode = exec_mode_by_name(text);

	if (mode < 0) {
		log_err("--exec=%s: write local, auto or remote", text);
		return -1;
	}
	run->exec = (enum exec_mode)mode;
	return 0;
}

static void print_usage(const struct settings *set, FILE *f)
{
	fputs(set->shell ? usage_shell : usage_run, f);
	fputs(usage_options, f);
}

static int bad_number(const char *option, const char *text)
{
	log_err("%s %s: not a number, or too many of them", option, text);
	return -1;
}

/* Index of the program's name in argv, or -1 (a line was printed). */
static int parse(struct run *run, struct settings *set, int argc, char **argv)
{
	char err[512];
	int index;
	int opt;

	optind = 1;
	while ((opt = getopt_long(argc, argv, "+te:o:s:Tycv", options,
				  &index)) != -1) {
		switch (opt) {
		case OPT_SERVER:
			set->server = optarg;
			break;
		case OPT_LISTEN:
			set->listen = optarg;
			break;
		case OPT_ALLOW_UID:
			if (channel_allow(&set->channel.uids, optarg))
				return bad_number("--allow-uid", optarg);
			break;
		case OPT_ALLOW_CID:
			if (channel_allow(&set->channel.cids, optarg))
				return bad_number("--allow-cid", optarg);
			break;
		case OPT_INSECURE:
			set->channel.insecure_no_auth = true;
			break;
		case OPT_SSH_COMMAND:
			set->channel.ssh_command = optarg;
			break;
		case OPT_REMOTE_RSC:
			set->channel.remote_rsc = optarg;
			break;
		case OPT_KEY:
			set->channel.key = optarg;
			break;
		case OPT_CERT:
			set->channel.cert = optarg;
			break;
		case OPT_CERT_KEY:
			set->channel.cert_key = optarg;
			break;
		case OPT_CA:
			set->channel.ca = optarg;
			break;
		case OPT_FILTER:
			set->filter = optarg;
			break;
		case OPT_ALL:
			set->filter = "all";
			break;
		case RULES_OPTION:
			if (rules_option(&run->routes, options[index].name,
					 optarg))
				return -1;
			break;
		case OPT_CWD:
			set->cwd = optarg;
			break;
		case OPT_JSON:
			run->json = true;
			run->summary = true;
			break;
		case OPT_FDS:
			if (parse_fds(run, optarg))
				return -1;
			break;
		case OPT_MAP_MEMORY:
			if (parse_map_memory(run, optarg))
				return -1;
			break;
		case OPT_CLOCK:
			if (parse_clock(run, optarg))
				return -1;
			break;
		case OPT_COHERENCE:
			if (parse_coherence(run, optarg))
				return -1;
			break;
		case OPT_EXEC:
			if (parse_exec(run, optarg))
				return -1;
			break;
		case OPT_STRICT:
			run->strict = true;
			break;
		case OPT_HELP:
			print_usage(set, stdout);
			exit(0);
		case 't':
			run->trace.on = true;
			break;
		case 'e':
			if (print_option(&run->trace, optarg, err,
					 sizeof(err))) {
				log_err("-e %s: %s", optarg, err);
				return -1;
			}
			break;
		case 'T':
			run->trace.time = true;
			break;
		case 'y':
			run->trace.paths = true;
			break;
		case 's':
			if (parse_len(&run->trace, optarg))
				return -1;
			break;
		case 'c':
			run->summary = true;
			break;
		case 'v':
			log_level = log_level < LOG_DEBUG ? log_level + 1 :
							    LOG_DEBUG;
			break;
		case 'o':
			if (open_trace(&run->trace, optarg))
				return -1;
			break;
		default:
			print_usage(set, stderr);
			return -1;
		}
	}
	if (optind == argc && !set->shell) {
		log_err("no program is named");
		print_usage(set, stderr);
		return -1;
	}
	return optind;
}

/* Whoever connected may be asked for a password: there is no end to it. */
static void await_hello(const struct run *run)
{
	struct pollfd p = { .fd = run->channel.in, .events = POLLIN };

	if (!poll(&p, 1, SILENCE_MS))
		log_warn("%s is silent: still waiting for it to say who it is",
			 run->server_name);
}

static int greet(struct run *run)
{
	struct hello hello = { .version = WIRE_VERSION,
			       .arch = ARCH_NAME,
			       .digest = call_digest() };
	struct msg_head head;
	const char *why = "closed before it said who it is";
	int err;

	gethostname(hello.name, WIRE_NAME_MAX);
	run->out.len = 0;
	err = wire_put_hello(&run->out, &hello);
	if (!err && write(run->channel.out, run->out.data, run->out.len) !=
			    (ssize_t)run->out.len)
		err = -EIO;
	if (!err)
		await_hello(run);
	if (!err)
		err = frame_read(run->channel.in, &run->in);
	if (!err)
		err = wire_get_head(run->in.data, run->in.len, &head, &why);
	if (err || head.type != MSG_HELLO) {
		log_err("%s is no rsc server, or refuses: %s", run->server_name,
			why);
		return -EPROTO;
	}
	if (head.hello.version != WIRE_VERSION ||
	    head.hello.digest != call_digest()) {
		log_err("%s speaks another version of the protocol: use the same rsc on both sides",
			run->server_name);
		return -EPROTO;
	}
	run->in.len = 0;
	run->world_name = strdup(head.hello.name);
	return 0;
}

/* How the server counts its processes. */
static int ask_world(struct run *run, struct tracee *t)
{
	t->req = (struct req){ .call = call_by_name("rsc_world") };
	t->req.val[0].num = 1;
	t->req.val[0].len = sizeof(struct kernel_world);
	if (ask_now(run, t))
		return -EIO;
	if (!t->req.ret && t->req.val[0].data)
		tree_compare(run, (void *)t->req.val[0].data);
	return 0;
}

/* The root's twin, its working directory. */
static int root_context(struct run *run, const struct settings *set)
{
	struct tracee *t = tracee_new(run, 0);
	char here[PATH_MAX];
	const char *try[2];
	mode_t mask;

	if (!t)
		return -ENOMEM;
	t->files = files_new();
	t->fs = calloc(1, sizeof(*t->fs));
	t->program = program_new();
	if (!t->files || !t->fs || !t->program || !getcwd(here, sizeof(here)))
		return -ENOMEM;
	t->fs->refs = 1;
	if (tracee_name_task(run, t))
		return -ENOMEM;
	tell_spawn(run, t, 0, 0);
	files_images = &run->keeper.images;
	if (keeper_init(run, t))
		return -ENOMEM;
	mask = umask(0);
	umask(mask);
	t->req = (struct req){ .call = call_by_name("umask") };
	t->req.val[0].num = mask;
	tell(run, t, &t->req);
	if (tree_is_wanted(run) && ask_world(run, t))
		return -EIO;
	if (!run->selected[call_by_name("chdir")->id])
		return 0;
	try[0] = set->cwd ? set->cwd : here;
	try[1] = "/";
	for (int i = 0; i < 2; i++) {
		t->req = (struct req){ .call = call_by_name("chdir") };
		t->req.val[0].num = 1;
		t->req.val[0].data = (uint8_t *)(uintptr_t)try[i];
		t->req.val[0].len = strlen(try[i]);
		if (ask_now(run, t))
			return -EIO;
		if (t->req.ret == 0) {
			t->fs->remote = true;
			return routes_normalise("/", try[i], t->fs->cwd);
		}
		if (i == 0 && set->cwd) {
			log_err("--cwd %s: %s", set->cwd,
				strerror((int)-t->req.ret));
			return -EINVAL;
		}
		log_warn("the server has no directory %s: the program starts in / there",
			 try[i]);
	}
	return -ENOENT;
}

/* A core of rsc would take the place of the program's own. */
static int end_by_signal(int status)
{
	struct rlimit none = { 0, 0 };
	int sig = WTERMSIG(status);
	sigset_t set;

	if (WCOREDUMP(status))
		log_err("the program left a core");
	setrlimit(RLIMIT_CORE, &none);
	signal(sig, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, sig);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	kill(getpid(), sig);
	return 128 + sig;
}

/* Ends as the program ended. */
static int finish(struct run *run)
{
	if (run->summary)
		print_summary(run);
	else if (log_level >= LOG_INFO)
		print_failures(run);
	if (run->lost || run->broken || run->keeper.lost || !run->exited)
		return 125;
	if (WIFEXITED(run->status))
		return WEXITSTATUS(run->status);
	return end_by_signal(run->status);
}

/* RSC_SERVER_NAME, for a prompt: nothing that a shell could expand. */
static void name_server(const struct run *run)
{
	const char *name = run->world_name ? run->world_name : "";
	size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789"
				  "ABCDEFGHIJKLMNOPQRSTUVWXYZ._-");

	setenv("RSC_SERVER_NAME", len && !name[len] ? name : "server", 1);
}

static int run_or_shell(int argc, char **argv, bool shell)
{
	static struct run run = { .trace = { .fd = STDERR_FILENO,
					     .len = 32,
					     .status = TRACE_ANY },
				  .listener = -1,
				  .keeper.room = KEEPER_ROOM };
	struct settings set = {
		.shell = shell,
		.filter = shell ? "all" : "%file,%desc",
		.cwd = shell ? "/" : NULL,
	};
	char **program;
	sigset_t block;
	char err[512];
	int failed;
	int first;

	run.selected = calloc(SELECT_IDS, sizeof(*run.selected));
	run.stats = calloc(SELECT_IDS, sizeof(*run.stats));
	if (!run.selected || !run.stats)
		return 125;
	run.clock_offset = shell;
	first = parse(&run, &set, argc, argv);
	if (first < 0 || rules_environment(&run.routes) ||
	    (shell && routes_add_toolbox(&run.routes)) ||
	    routes_add_builtin(&run.routes))
		return 125;
	program = argv + first;
	if (shell)
		*--program = (char *)(uintptr_t)toolbox_shell();
	if (select_calls(run.selected, set.filter, true, err, sizeof(err))) {
		log_err("--filter: %s", err);
		return 125;
	}
	if (tree_init(&run)) {
		log_err("/proc cannot be opened: %s; mount it",
			strerror(errno));
		return 125;
	}
	/* A server that goes away is an error of a write, and has a line. */
	sigemptyset(&block);
	sigaddset(&block, SIGPIPE);
	sigprocmask(SIG_BLOCK, &block, NULL);
	if (connect_server(&run, set.listen, set.server, &set.channel) ||
	    greet(&run) || root_context(&run, &set))
		return 125;
	if (shell)
		name_server(&run);
	/*
	 * The terminal's signals reach the program by itself; the tracer ends
	 * when the program does.
	 */
	sigaddset(&block, SIGCHLD);
	sigaddset(&block, SIGINT);
	sigaddset(&block, SIGQUIT);
	sigaddset(&block, SIGTSTP);
	sigprocmask(SIG_BLOCK, &block, NULL);
	failed = wait_init(&run);
	if (failed)
		log_err("signals and events cannot be had: %s",
			strerror(-failed));
	if (failed || launch(&run, program))
		return 125;
	loop(&run);
	keeper_finish(&run);
	tree_end(&run);
	channel_close(&run.channel);
	cache_close(&run.cache);
	/* What came meanwhile was the program's. */
	signal(SIGINT, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	signal(SIGTSTP, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	sigprocmask(SIG_UNBLOCK, &block, NULL);
	return finish(&run);
}

int run_main(int argc, char **argv)
{
	return run_or_shell(argc, argv, false);
}

int shell_main(int argc, char **argv)
{
	return run_or_shell(argc, argv, true);
}
