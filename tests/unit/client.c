/* A client for the server's tests: frames over a socketpair. */
#include "client.h"

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "arch/arch.h"
#include "base/io.h"
#include "transport/frame.h"

#define PATIENCE_MS 20000

struct value value_text(const char *text)
{
	return (struct value){ .num = 1,
			       .data = (uint8_t *)(uintptr_t)text,
			       .len = strlen(text) };
}

void client_fork(struct client *c, const struct server_opts *opts,
		 void (*set_up)(void *arg), void *arg)
{
	int pair[2];

	memset(c, 0, sizeof(*c));
	ck_assert(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
	c->log = memfd_create("log", MFD_CLOEXEC);
	ck_assert_int_ge(c->log, 0);
	c->pid = fork();
	ck_assert_int_ge(c->pid, 0);
	if (!c->pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(c->log, 2);
		if (set_up)
			set_up(arg);
		_exit(session_run(pair[1], pair[1], opts));
	}
	signal(SIGPIPE, SIG_IGN);
	close(pair[1]);
	c->fd = pair[0];
}

/* Reads once; false at the end of the channel or after ms. */
static bool receive(struct client *c, int ms)
{
	struct pollfd pfd = { .fd = c->fd, .events = POLLIN };
	ssize_t got;

	if (poll(&pfd, 1, ms) != 1)
		return false;
	ck_assert(!buf_reserve(&c->in, 1 << 16));
	got = read(c->fd, c->in.data + c->in.len, 1 << 16);
	if (got <= 0)
		return false;
	c->in.len += got;
	return true;
}

static void take_reply(struct client *c, const uint8_t *body, size_t len)
{
	const char *why = NULL;
	struct msg_head head;
	unsigned int i;

	ck_assert_msg(!wire_get_head(body, len, &head, &why), "%s", why);
	if (head.type == MSG_HELLO)
		return;
	if (head.type == MSG_READY) {
		c->ready = head.ready;
		c->nready++;
		return;
	}
	ck_assert_int_eq(head.type, MSG_REPLY);
	for (i = 0; i < c->nposted; i++)
		if (c->posted[i].task == head.task &&
		    c->posted[i].seq == head.seq)
			break;
	ck_assert_msg(i < c->nposted, "a reply that nobody waits for");
	ck_assert_msg(!c->come[i], "a second reply");
	c->come[i] = true;
	ck_assert_msg(!wire_get_reply(body, len, &c->posted[i], &c->arena,
				      &why),
		      "%s", why);
}

/* Takes one frame within ms; false when none comes. */
static bool take_frame(struct client *c, int ms)
{
	const uint8_t *body;
	size_t len;
	int got;

	while (!(got = frame_next(&c->in, &body, &len)))
		if (!receive(c, ms))
			return false;
	ck_assert_int_eq(got, 1);
	take_reply(c, body, len);
	buf_consume(&c->in, FRAME_HEAD + len);
	return true;
}

void client_start(struct client *c, const struct server_opts *opts)
{
	client_fork(c, opts, NULL, NULL);
	ck_assert(take_frame(c, PATIENCE_MS));
	client_hello(c, WIRE_VERSION, 0);
	client_spawn(c, 1, 0, 0);
}

static int end(struct client *c)
{
	ssize_t len;
	int status;

	ck_assert_int_eq(waitpid(c->pid, &status, 0), c->pid);
	len = pread(c->log, c->text, sizeof(c->text) - 1, 0);
	c->text[len > 0 ? len : 0] = '\0';
	close(c->log);
	close(c->fd);
	buf_free(&c->in);
	buf_free(&c->out);
	arena_free(&c->arena);
	ck_assert_msg(WIFEXITED(status), "signal %d: %s", WTERMSIG(status),
		      c->text);
	return WEXITSTATUS(status);
}

int client_stop(struct client *c)
{
	shutdown(c->fd, SHUT_WR);
	return client_end(c);
}

int client_end(struct client *c)
{
	struct pollfd pfd = { .fd = c->fd, .events = POLLRDHUP };

	if (poll(&pfd, 1, PATIENCE_MS) != 1) {
		kill(c->pid, SIGKILL);
		ck_abort_msg("the session does not end");
	}
	return end(c);
}

void client_send(struct client *c, const void *data, size_t len)
{
	int err = io_write_all(c->fd, data, len);

	/* A session that ended takes no more; the test will see that. */
	ck_assert_msg(!err || err == -EPIPE || err == -ECONNRESET, "%s",
		      strerror(-err));
}

static void flush(struct client *c)
{
	client_send(c, c->out.data, c->out.len);
	c->out.len = 0;
}

void client_hello(struct client *c, uint32_t version, uint64_t off)
{
	struct hello hello = {
		.version = version,
		.arch = ARCH_NAME,
		.digest = call_digest() + off,
		.name = "test",
	};

	ck_assert(!wire_put_hello(&c->out, &hello));
	flush(c);
}

void client_spawn(struct client *c, uint32_t task, uint32_t parent,
		  uint32_t share)
{
	ck_assert(!wire_put_spawn(&c->out, task, parent, share));
	flush(c);
}

void client_exit(struct client *c, uint32_t task)
{
	ck_assert(!wire_put_exit(&c->out, task));
	flush(c);
}

void client_cancel(struct client *c, uint32_t task, uint32_t seq)
{
	ck_assert(!wire_put_cancel(&c->out, task, seq));
	flush(c);
}

uint32_t client_post(struct client *c, uint32_t task, const char *name,
		     const struct value *val)
{
	struct req *req = &c->posted[c->nposted];

	ck_assert_uint_lt(c->nposted, CLIENT_CALLS);
	*req = (struct req){ .call = call_by_name(name), .task = task };
	ck_assert_msg(req->call != NULL, "no row %s", name);
	req->seq = ++c->seq;
	memcpy(req->val, val, sizeof(req->val));
	c->come[c->nposted++] = false;
	ck_assert_msg(!wire_put_call(&c->out, req), "%s", name);
	flush(c);
	return c->seq;
}

bool client_has_ready(struct client *c, unsigned int n, int ms)
{
	while (c->nready < n)
		if (!take_frame(c, ms))
			return false;
	return true;
}

static unsigned int place_of(const struct client *c, uint32_t seq)
{
	unsigned int i;

	for (i = 0; i < c->nposted; i++)
		if (c->posted[i].seq == seq)
			return i;
	ck_abort_msg("call %u is not under way", seq);
}

bool client_has_answer(struct client *c, uint32_t seq, int ms)
{
	unsigned int i = place_of(c, seq);

	while (!c->come[i])
		if (!take_frame(c, ms))
			return false;
	return true;
}

int64_t client_wait(struct client *c, uint32_t seq)
{
	unsigned int i = place_of(c, seq);

	ck_assert_msg(client_has_answer(c, seq, PATIENCE_MS), "no reply");
	c->req = c->posted[i];
	c->nposted--;
	c->posted[i] = c->posted[c->nposted];
	c->come[i] = c->come[c->nposted];
	return c->req.ret;
}

int64_t client_open(struct client *c, uint32_t task, const char *path,
		    int flags)
{
	return CALL(c, task, "openat", HERE, TEXT(path), NUM(flags), NUM(0666));
}

static bool is_in(const struct client *c, const char *tid, int nr)
{
	char path[320];
	char text[32] = "";
	ssize_t len;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/task/%s/syscall", c->pid, tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	len = read(fd, text, sizeof(text) - 1);
	close(fd);
	return len > 0 && text[0] >= '0' && text[0] <= '9' && atoi(text) == nr;
}

void client_until_in(struct client *c, const char *name)
{
	const struct timespec tick = { .tv_nsec = 1000000 };
	int nr = call_nr(call_by_name(name));
	struct dirent *entry;
	char path[64];
	bool found = false;
	int round;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", c->pid);
	for (round = 0; !found; round++) {
		ck_assert_msg(round < PATIENCE_MS, "nobody is in %s", name);
		nanosleep(&tick, NULL);
		dir = opendir(path);
		ck_assert_ptr_nonnull(dir);
		while (!found && (entry = readdir(dir)))
			found = entry->d_name[0] != '.' &&
				is_in(c, entry->d_name, nr);
		closedir(dir);
	}
}

unsigned int client_count(const struct client *c, const char *folder)
{
	unsigned int count = 0;
	struct dirent *entry;
	char path[64];
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/%s", c->pid, folder);
	dir = opendir(path);
	ck_assert_msg(dir != NULL, "%s: %s", path, strerror(errno));
	while ((entry = readdir(dir)))
		count += entry->d_name[0] != '.';
	closedir(dir);
	return count;
}
