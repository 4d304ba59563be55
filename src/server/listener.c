/*
 * The listener.
 *
 * Theory of Operation
 *
 * Each connection gets a process at once. It is pending until it has shown who
 * it is (channel_admit) and has said something; then it writes its pid into the
 * pipe of news and becomes a session. Both take only so long. When too many are
 * pending nobody is accepted until one is known or gone, or the oldest has had
 * its second and has to go, so that those who say nothing keep nobody out. When
 * there are too many sessions the new one has to go.
 *
 * A server that connects to its client is the same with one client at most: a
 * process tries, and when it has ended the next one does. The pause doubles
 * from a second to a minute, with some chance in it, as long as nobody was
 * known.
 */
#include "server/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"

#define EXIT_USAGE 125
#define PATIENCE_MS 1000 /* with the oldest of too many */
#define PAUSE_MIN_MS 1000
#define PAUSE_MAX_MS 60000

struct client {
	pid_t pid;
	bool known;
	int64_t since; /* ms */
};

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void tell_ready(struct listener *l)
{
	char text[512];

	channel_bound(l->fd, l->url, text, sizeof(text) - 1);
	log_info("serve: listening at %s", text);
	if (l->ready < 0)
		return;
	strcat(text, "\n");
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

/* What a session may have in all; threads and their stacks are in it. */
static void limit_memory(const struct listener *l)
{
	struct rlimit limit;

	limit.rlim_cur = limit.rlim_max = (rlim_t)l->memory_mib << 20;
	if (l->memory_mib && setrlimit(RLIMIT_DATA, &limit) < 0)
		log_warn("serve: the memory of a session cannot be limited: %s",
			 strerror(errno));
}

void listener_stdio(struct listener *l)
{
	limit_memory(l);
	end_session(l, session_run(STDIN_FILENO, STDOUT_FILENO, &l->opts));
}

/* Who is there has to say something, too. */
static bool says_something(const struct listener *l, const struct channel *ch)
{
	struct pollfd p = { .fd = ch->in, .events = POLLIN };
	unsigned int limit = l->channel.login_ms;

	return poll(&p, 1, (int)(limit ? limit : LOGIN_MS)) > 0;
}

static void __attribute__((noreturn))
serve_client(struct listener *l, struct channel *ch)
{
	pid_t pid = getpid();
	char who[512] = "";
	sigset_t none;

	signal(SIGTERM, SIG_DFL);
	signal(SIGINT, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* Signals to the listener's group are the listener's to pass on. */
	setpgid(0, 0);
	if (l->fd >= 0)
		close(l->fd);
	limit_memory(l);
	if (l->dial &&
	    channel_dial(ch, l->url, &l->channel, who, sizeof(who))) {
		log_warn("serve: %s; it is tried again", who);
		end_session(l, 1);
	}
	if (!l->dial &&
	    channel_admit(ch, l->url, &l->channel, who, sizeof(who))) {
		log_warn("serve: a client is refused: %s", who);
		end_session(l, 1);
	}
	if (!says_something(l, ch)) {
		log_warn("serve: a client (%s) says nothing and is sent away",
			 l->dial ? l->url : who);
		end_session(l, 1);
	}
	log_info("serve: session %d is that of %s", pid,
		 l->dial ? l->url : who);
	if (write(l->news[1], &pid, sizeof(pid)) != sizeof(pid))
		end_session(l, 1);
	end_session(l, session_run(ch->in, ch->out, &l->opts));
}

static void forget(struct listener *l, unsigned int i)
{
	l->known -= l->clients[i].known;
	memmove(&l->clients[i], &l->clients[i + 1],
		(--l->n - i) * sizeof(*l->clients));
}

/* The oldest of those who have not shown who they are. */
static void drop_pending(struct listener *l)
{
	for (unsigned int i = 0; i < l->n; i++) {
		if (l->clients[i].known)
			continue;
		log_warn("serve: %u clients are not known yet: the first of them is sent away",
			 l->max_pending);
		kill(l->clients[i].pid, SIGKILL);
		/* It is reaped like others. */
		forget(l, i);
		return;
	}
}

/* How long nobody is to be accepted, in ms; 0: now, -1: until news. */
static int door_closed(const struct listener *l)
{
	int64_t left = PATIENCE_MS - now_ms();
	unsigned int i;

	if (l->dial && !l->n) {
		left = l->next - now_ms();
		return left > 0 ? (int)left : 0;
	}
	if (l->fd < 0 || (l->once && l->n))
		return -1;
	if (l->n - l->known < l->max_pending)
		return 0;
	for (i = 0; l->clients[i].known; i++)
		;
	left += l->clients[i].since;
	return left > 0 ? (int)left : 0;
}

static void take_client(struct listener *l, struct channel *ch)
{
	pid_t pid;

	if (l->known >= l->max_sessions) {
		log_warn("serve: there are %u sessions: a client is sent away",
			 l->known);
		return;
	}
	if (l->n - l->known >= l->max_pending)
		drop_pending(l);
	pid = fork();
	if (!pid)
		serve_client(l, ch);
	if (pid < 0) {
		log_err("serve: fork: %s; the client is sent away",
			strerror(errno));
		return;
	}
	l->clients[l->n++] = (struct client){ pid, false, now_ms() };
}

/* Somebody was known: begin with short pauses again. */
static void plan_next(struct listener *l, bool known)
{
	unsigned int chance = 0;

	if (known || !l->pause)
		l->pause = PAUSE_MIN_MS;
	if (getrandom(&chance, sizeof(chance), GRND_NONBLOCK) < 0)
		chance = (unsigned int)getpid();
	chance = l->pause / 2 + chance % l->pause;
	l->next = now_ms() + chance;
	log_debug("serve: the next try is in %u ms", chance);
	l->pause = l->pause < PAUSE_MAX_MS / 2 ? 2 * l->pause : PAUSE_MAX_MS;
}

static void dial(struct listener *l)
{
	struct channel none = { -1, -1, 0, NULL };

	plan_next(l, false);
	take_client(l, &none);
}

static void accept_one(struct listener *l)
{
	struct channel ch;
	int err;

	err = channel_accept(l->fd, &ch);
	if (!err) {
		take_client(l, &ch);
		channel_close(&ch);
		return;
	}
	if (err != -EAGAIN && err != -EINTR && err != -ECONNABORTED)
		log_warn("serve: accept: %s", strerror(-err));
	/* Out of descriptors: do not spin. */
	if (err == -EMFILE || err == -ENFILE || err == -ENOMEM)
		poll(NULL, 0, 100);
}

/* The one of --once is there: nobody else is let in. */
static void close_door(struct listener *l)
{
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
}

static void take_news(struct listener *l)
{
	pid_t pid;

	while (read(l->news[0], &pid, sizeof(pid)) == sizeof(pid)) {
		for (unsigned int i = 0; i < l->n; i++) {
			if (l->clients[i].pid != pid || l->clients[i].known)
				continue;
			l->clients[i].known = true;
			l->known++;
			if (l->once)
				close_door(l);
		}
	}
}

static void reap_sessions(struct listener *l)
{
	unsigned int i;
	int status;
	pid_t pid;

	take_news(l);
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (i = 0; i < l->n && l->clients[i].pid != pid; i++)
			;
		if (i == l->n)
			continue;
		l->status = WIFEXITED(status) ? WEXITSTATUS(status) : 1;
		if (l->dial && l->clients[i].known) {
			plan_next(l, true);
			l->done = l->once;
		}
		forget(l, i);
		log_info("serve: session %d ended: %s %d", pid,
			 WIFEXITED(status) ? "status" : "signal",
			 WIFEXITED(status) ? l->status : WTERMSIG(status));
	}
}

static void end_sessions(struct listener *l)
{
	for (unsigned int i = 0; i < l->n; i++)
		kill(l->clients[i].pid, SIGTERM);
	for (unsigned int i = 0; i < l->n; i++)
		waitpid(l->clients[i].pid, NULL, 0);
}

static int serve_loop(struct listener *l)
{
	struct pollfd fds[3] = {
		{ .fd = l->signals, .events = POLLIN },
		{ .fd = l->news[0], .events = POLLIN },
		{ .events = POLLIN },
	};
	struct signalfd_siginfo info;
	int closed;

	for (;;) {
		closed = door_closed(l);
		fds[2].fd = closed ? -1 : l->fd;
		if (poll(fds, 3, closed || l->dial ? closed : -1) < 0 &&
		    errno != EINTR)
			return 1;
		if (fds[1].revents)
			take_news(l);
		if (fds[0].revents) {
			if (read(l->signals, &info, sizeof(info)) !=
			    sizeof(info))
				return 1;
			if (info.ssi_signo != SIGCHLD) {
				end_sessions(l);
				return 0;
			}
			reap_sessions(l);
			if (!l->n && (l->dial ? l->done : l->fd < 0))
				return l->status;
		}
		if (fds[2].fd >= 0 && fds[2].revents)
			accept_one(l);
		if (l->dial && !door_closed(l))
			dial(l);
	}
}

static int set_up(struct listener *l)
{
	sigset_t set;

	l->clients = calloc(l->max_sessions + l->max_pending + 1,
			    sizeof(*l->clients));
	if (!l->clients || pipe2(l->news, O_CLOEXEC | O_NONBLOCK))
		return -ENOMEM;
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	l->signals = signalfd(-1, &set, SFD_CLOEXEC);
	return l->signals < 0 ? -errno : 0;
}

int listener_run(struct listener *l)
{
	char err[512] = "";
	int status = EXIT_USAGE;
	int ret;

	if (l->dial)
		ret = channel_may_dial(l->url, &l->channel, err, sizeof(err));
	else
		ret = l->fd =
			channel_listen(l->url, &l->channel, err, sizeof(err));
	if (ret < 0) {
		log_err("serve: %s", err);
		return EXIT_USAGE;
	}
	if (set_up(l)) {
		log_err("serve: signals: %s", strerror(errno));
	} else {
		if (!l->dial)
			tell_ready(l);
		status = serve_loop(l);
		close(l->signals);
	}
	close_door(l);
	if (!l->dial && !strncmp(l->url, "unix://", 7))
		unlink(l->url + 7);
	free(l->clients);
	return status;
}
