/*
 * ssh://[USER@]HOST[:PORT]: the user's own ssh, with a server at its end.
 *
 * Theory of Operation
 *
 * One ssh is started, and one command is run there: a script for sh(1). It
 * looks for an rsc of our protocol and says with a line what it found:
 *
 *   rsc-ssh run          the server is started; frames follow
 *   rsc-ssh none ARCH    there is no rsc
 *   rsc-ssh other ARCH   there is one of another protocol
 *
 * After the last two it reads a length and so many bytes, a program, which it
 * puts into a new directory of its own; then comes "run", or
 *
 *   rsc-ssh nowhere      no directory takes a program
 *   rsc-ssh short        not all of it came
 *
 * Lines that are none of these are what login scripts print, and are skipped.
 * The script holds no single quote, exclamation mark or line end, so that every
 * login shell, csh(1) and fish(1) too, hands it to sh(1) as it is.
 *
 * The program removes its directory before it does anything else (portable.c);
 * until then the script does, whatever ends it but SIGKILL.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "transport/channel_internal.h"

#define LINE 256
#define NOISE_MAX (64 << 10) /* of login scripts */
#define ARCH_MAX 32
#define WORD "rsc-ssh "

struct target {
	char user[HOST_MAX]; /* or "" */
	char host[HOST_MAX];
	char port[8]; /* or "" */
};

static const char script[] =
	"exec sh -c '"
	"r=%s; w=none; case \"$($r --version 2>/dev/null)\" in "
	"*\" protocol %s \"*) echo; echo " WORD "run; exec $r serve --stdio;; "
	"?*) w=other;; esac; "
	"echo; echo " WORD
	"$w $(uname -m); read -r n || exit 0; umask 077; d=; "
	"trap \"rm -rf \\\"\\$d\\\"\" EXIT; trap \"exit 1\" HUP INT TERM PIPE; "
	"for t in $XDG_RUNTIME_DIR /dev/shm /tmp /var/tmp $HOME; do "
	"d=$t/.rsc-%016" PRIx64 "; if mkdir \"$d\"; then "
	"if true >\"$d/rsc\" && chmod 700 \"$d/rsc\" && \"$d/rsc\"; "
	"then break; fi; rm -rf \"$d\"; fi; d=; done 2>/dev/null; "
	"if [ -z \"$d\" ]; then echo " WORD "nowhere; exit 1; fi; "
	"head -c $n >\"$d/rsc\"; "
	"if [ $(wc -c <\"$d/rsc\") -ne $n ]; "
	"then echo " WORD "short; exit 1; fi; "
	"echo " WORD "run; exec \"$d/rsc\" --remove-self serve --stdio'";

static bool of_name(const char *text, const char *more)
{
	for (; *text; text++)
		if (!isascii(*text) ||
		    (!isalnum(*text) && !strchr(more, *text)))
			return false;
	return true;
}

/* A part of the URL: not empty, not too long, no option. */
static int take(char *to, const char *from, size_t len, const char *more)
{
	if (!len || len >= HOST_MAX || *from == '-')
		return -EINVAL;
	memcpy(to, from, len);
	to[len] = '\0';
	return of_name(to, more) ? 0 : -EINVAL;
}

static int take_port(struct target *to, const char *port)
{
	if (strlen(port) >= sizeof(to->port) ||
	    channel_number(port, port + strlen(port), 65535) <= 0)
		return -EINVAL;
	strcpy(to->port, port);
	return 0;
}

/* [USER@]HOST[:PORT], where HOST may be an address in brackets. */
static int parse(const char *where, struct target *to)
{
	const char *at = strrchr(where, '@');
	const char *end;
	int err = 0;

	*to = (struct target){ 0 };
	if (at) {
		err = take(to->user, where, (size_t)(at - where), "._-+");
		where = at + 1;
	}
	if (*where == '[') {
		end = strchr(++where, ']');
		if (!end || (end[1] && end[1] != ':'))
			return -EINVAL;
		if (!err)
			err = take(to->host, where, (size_t)(end - where),
				   ".:_-%");
		end++;
	} else {
		end = strchrnul(where, ':');
		if (!err)
			err = take(to->host, where, (size_t)(end - where),
				   "._-");
	}
	if (!err && *end)
		err = take_port(to, end + 1);
	return err;
}

int ssh_check(const char *url, const char *where, struct why *why)
{
	struct target to;

	if (parse(where, &to))
		return channel_fail(why, -EINVAL, "open", url,
				    "ssh://[USER@]HOST[:PORT] is expected");
	return 0;
}

/*
 * ssh has to have the terminal, to ask for what it needs, but what is typed
 * later is for the program: it ignores the signals that keys make. It ends
 * with us.
 */
static void __attribute__((noreturn))
run_ssh(int fd, int status, const struct target *to, const char *command,
	const struct channel_opts *opts)
{
	const char *argv[12] = { "ssh" };
	char line[4096];
	int n = 1;
	int err;

	if (opts->ssh_command) {
		snprintf(line, sizeof(line), "%s \"$@\"", opts->ssh_command);
		argv[0] = "/bin/sh";
		argv[n++] = "-c";
		argv[n++] = line;
		argv[n++] = "ssh";
	}
	argv[n++] = "-T";
	if (*to->port) {
		argv[n++] = "-p";
		argv[n++] = to->port;
	}
	if (*to->user) {
		argv[n++] = "-l";
		argv[n++] = to->user;
	}
	argv[n++] = to->host;
	argv[n] = command;
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	channel_child(fd);
	signal(SIGINT, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	signal(SIGTSTP, SIG_IGN);
	execvp(argv[0], (char *const *)argv);
	err = errno;
	(void)!write(status, &err, sizeof(err));
	_exit(127);
}

/* Starts ssh; 0 or -errno of the start. */
static int start(struct channel *ch, const struct target *to,
		 const char *command, const struct channel_opts *opts)
{
	struct channel far = { -1, -1, 0, NULL };
	int status[2] = { -1, -1 };
	int pair[2];
	int err = 0;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return -errno;
	err = channel_copies(&far, pair[0], pair[1]);
	close(pair[0]);
	close(pair[1]);
	if (err)
		return err;
	if (pipe2(status, O_CLOEXEC))
		goto failed;
	*ch = (struct channel){ far.in, far.in, fork(), "ssh" };
	if (!ch->child)
		run_ssh(far.out, status[1], to, command, opts);
	if (ch->child < 0)
		goto failed;
	close(far.out);
	close(status[1]);
	/* Nothing comes when ssh runs. */
	if (read(status[0], &err, sizeof(err)) == sizeof(err)) {
		err = -err;
		channel_close(ch);
	}
	close(status[0]);
	return err;
failed:
	err = -errno;
	close(far.in);
	close(far.out);
	if (status[0] >= 0) {
		close(status[0]);
		close(status[1]);
	}
	return err;
}

/* What follows "rsc-ssh " in the next line that has it; 0 or -errno. */
static int answer(const struct channel *ch, char *line)
{
	size_t noise = 0;
	size_t len = 0;
	char *word;
	char c;
	int err;

	for (;;) {
		err = io_read_all(ch->in, &c, 1);
		if (err)
			return err;
		if (++noise > NOISE_MAX)
			return -EPROTO;
		if (c != '\n') {
			if (len < LINE - 1)
				line[len++] = c;
			continue;
		}
		line[len] = '\0';
		len = 0;
		word = strstr(line, WORD);
		if (!word)
			continue;
		word += strlen(WORD);
		memmove(line, word, strlen(word) + 1);
		return 0;
	}
}

/* The connection ended instead of an answer: what its end says. */
static int ended(struct channel *ch, const char *url, struct why *why)
{
	char text[160];
	int status;

	close(ch->in);
	status = channel_reap(ch);
	*ch = (struct channel){ -1, -1, 0, NULL };
	if (WIFEXITED(status) && WEXITSTATUS(status) == 255)
		return channel_fail(
			why, -ECONNREFUSED, "connect to", url,
			"ssh cannot connect or log in; its message is above");
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return channel_fail(
			why, -ENOENT, "connect to", url,
			"no such command: ssh here (--ssh-command names it), or sh there");
	snprintf(text, sizeof(text),
		 "ssh ended with %s %d before a server was started there",
		 WIFEXITED(status) ? "status" : "signal",
		 WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
	return channel_fail(why, -ECONNRESET, "connect to", url, text);
}

/* The file rsc-portable-ARCH, open, and its size; or -errno. */
static int portable(const char *arch, const struct channel_opts *opts,
		    off_t *size)
{
	const char *const places[] = { "", "/../lib/rsc" };
	char name[PATH_MAX + 64];
	char dir[PATH_MAX] = "";
	struct stat st;
	int fd = -1;

	if (opts->portable) {
		snprintf(name, sizeof(name), "%s/rsc-portable-%s",
			 opts->portable, arch);
		fd = open(name, O_RDONLY | O_CLOEXEC);
	} else if (readlink("/proc/self/exe", dir, sizeof(dir) - 1) > 0 &&
		   strrchr(dir, '/')) {
		*strrchr(dir, '/') = '\0';
		for (int i = 0; fd < 0 && i < 2; i++) {
			snprintf(name, sizeof(name), "%s%s/rsc-portable-%s",
				 dir, places[i], arch);
			fd = open(name, O_RDONLY | O_CLOEXEC);
		}
	}
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size <= 0) {
		close(fd);
		return -EINVAL;
	}
	*size = st.st_size;
	return fd;
}

static int send_file(const struct channel *ch, int fd, off_t size)
{
	char block[64 << 10];
	ssize_t n;
	int err;

	n = snprintf(block, sizeof(block), "%lld\n", (long long)size);
	err = io_write_all(ch->out, block, (size_t)n);
	while (!err && size > 0) {
		n = io_read(fd, block, sizeof(block));
		if (n <= 0)
			return n ? (int)n : -EIO;
		if (n > size)
			n = (ssize_t)size;
		size -= n;
		err = io_write_all(ch->out, block, (size_t)n);
	}
	return err;
}

/*
 * There is no rsc, or another one: sends ours. line is what was said; on
 * success it is what was said next.
 */
static int push(struct channel *ch, const char *url, char *line,
		const struct channel_opts *opts, struct why *why)
{
	bool other = !strncmp(line, "other ", 6);
	const char *found = other ? "the rsc there speaks another protocol" :
				    "no rsc is there";
	const char *arch = strchr(line, ' ') + 1;
	char text[LINE + 256];
	off_t size = 0;
	int err;
	int fd;

	if (!*arch || strlen(arch) > ARCH_MAX || !of_name(arch, "_"))
		return channel_fail(why, -EPROTO, "connect to", url,
				    "the machine has no name for its kind");
	fd = opts->remote_rsc ? -ENOENT : portable(arch, opts, &size);
	if (fd < 0) {
		snprintf(text, sizeof(text), "%s; install this rsc there%s%s%s",
			 found,
			 opts->remote_rsc ? ", or leave --remote-rsc out" :
					    ", or here rsc-portable-",
			 opts->remote_rsc ? "" : arch,
			 opts->remote_rsc ? "" : " beside rsc");
		return channel_fail(why, other ? -EPROTO : -ENOENT,
				    "connect to", url, text);
	}
	log_info("%s: %s; rsc-portable-%s is sent", url, found, arch);
	err = send_file(ch, fd, size);
	close(fd);
	/* Why it took no more comes all the same. */
	if (err == -EPIPE || err == -ECONNRESET)
		err = 0;
	return err ? err : answer(ch, line);
}

static int greet(struct channel *ch, const char *url,
		 const struct channel_opts *opts, struct why *why)
{
	char line[LINE];
	int err;

	why->text[0] = '\0';
	err = answer(ch, line);
	if (!err && (!strncmp(line, "none ", 5) || !strncmp(line, "other ", 6)))
		err = push(ch, url, line, opts, why);
	if (!err && !strcmp(line, "run"))
		return 0;
	if (err == -ECONNRESET && !why->text[0])
		return ended(ch, url, why);
	if (!err && !strcmp(line, "nowhere"))
		err = channel_fail(
			why, -EACCES, "connect to", url,
			"no rsc is there, and no directory that programs can be put into and run from ($XDG_RUNTIME_DIR, /dev/shm, /tmp, /var/tmp, $HOME)");
	if (!err && !strcmp(line, "short"))
		err = channel_fail(
			why, -ENOSPC, "connect to", url,
			"no rsc is there, and it could not be stored: is the disk full?");
	if (!why->text[0])
		err = channel_fail(why, err ? err : -EPROTO, "connect to", url,
				   "what answers there is no rsc");
	channel_close(ch);
	return err;
}

int ssh_open(struct channel *ch, const char *url, const char *where,
	     const struct channel_opts *opts, struct why *why)
{
	const char *rsc = opts->remote_rsc ? opts->remote_rsc : "rsc";
	char command[sizeof(script) + 512];
	struct target to;
	uint64_t name;
	int err;

	/* Both become words of the script. */
	if (!*rsc || *rsc == '-' || strlen(rsc) > 255 ||
	    !of_name(rsc, "/._+~-"))
		return channel_fail(
			why, -EINVAL, "open", url,
			"--remote-rsc takes a path of letters, digits and /._+~- only");
	if (parse(where, &to)) /* ssh_check has said why */
		return -EINVAL;
	if (getrandom(&name, sizeof(name), 0) != sizeof(name))
		return channel_fail(why, -errno, "open", url, strerror(errno));
	snprintf(command, sizeof(command), script, rsc,
		 opts->protocol ? opts->protocol : "none", name);
	err = start(ch, &to, command, opts);
	if (err == -ENOENT)
		return channel_fail(
			why, err, "connect to", url,
			"there is no ssh here; install openssh-client, or name another with --ssh-command");
	if (err)
		return channel_fail(why, err, "connect to", url,
				    strerror(-err));
	return greet(ch, url, opts, why);
}
