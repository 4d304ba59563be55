/*
 * A socket of the server's that turns out to belong here.
 *
 * Theory of Operation. Sockets are made before they have a name, and the name
 * decides on which side they are. When the rules say that it is this one, a
 * socket like the server's is made here, with the options that the program may
 * have set, and takes the place of the placeholder at each of its numbers, by
 * the kernel's listener (placeholder.c). Then the program makes its call again,
 * which is local now. Other processes that have the socket would keep the
 * server's, so with one of them that is refused.
 */
#include "tracer/swap.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

/* What the server is asked about the socket, in this order. */
static const struct {
	int level;
	int name;
	size_t len;
} questions[] = {
	{ SOL_SOCKET, SO_DOMAIN, 4 },
	{ SOL_SOCKET, SO_TYPE, 4 },
	{ SOL_SOCKET, SO_PROTOCOL, 4 },
#define MADE 3 /* by these the socket is made; the rest are set */
	{ SOL_SOCKET, SO_REUSEADDR, 4 },
	{ SOL_SOCKET, SO_REUSEPORT, 4 },
	{ SOL_SOCKET, SO_KEEPALIVE, 4 },
	{ SOL_SOCKET, SO_BROADCAST, 4 },
	{ SOL_SOCKET, SO_OOBINLINE, 4 },
	{ SOL_SOCKET, SO_PASSCRED, 4 },
	{ SOL_SOCKET, SO_LINGER, sizeof(struct linger) },
	{ SOL_SOCKET, SO_RCVTIMEO, sizeof(struct timeval) },
	{ SOL_SOCKET, SO_SNDTIMEO, sizeof(struct timeval) },
	{ IPPROTO_TCP, TCP_NODELAY, 4 },
	{ IPPROTO_TCP, TCP_KEEPIDLE, 4 },
	{ IPPROTO_TCP, TCP_KEEPINTVL, 4 },
	{ IPPROTO_TCP, TCP_KEEPCNT, 4 },
	{ IPPROTO_TCP, TCP_DEFER_ACCEPT, 4 },
	{ IPPROTO_IP, IP_TOS, 4 },
	{ IPPROTO_IP, IP_TTL, 4 },
	{ IPPROTO_IP, IP_PKTINFO, 4 },
	{ IPPROTO_IP, IP_RECVERR, 4 },
	{ IPPROTO_IP, IP_FREEBIND, 4 },
	{ IPPROTO_IPV6, IPV6_V6ONLY, 4 },
	{ IPPROTO_IPV6, IPV6_RECVPKTINFO, 4 },
	{ IPPROTO_IPV6, IPV6_RECVERR, 4 },
};

struct swap {
	struct remote *remote; /* its entry keeps it */
	size_t at;	       /* the next question */
	int is[MADE];
	int32_t room;
};

static bool others_have(const struct run *run, const struct tracee *t,
			const struct remote *remote)
{
	for (const struct tracee *o = run->tracees; o; o = o->by_pid.next)
		for (size_t i = 0; o->files != t->files && i < o->files->cap;
		     i++)
			if (o->files->ent[i].handle >= 0 &&
			    o->files->ent[i].remote == remote)
				return true;
	return false;
}

static void fail(struct run *run, struct tracee *t, int err)
{
	swap_drop(t);
	finish_skip(run, t, err);
}

static int handle_of(const struct tracee *t)
{
	struct entry *e = files_get(t->files, (int32_t)t->arg[0]);

	return e ? e->handle : -1;
}

static void next_question(struct run *run, struct tracee *t);

static void flags_came(struct run *run, struct tracee *t)
{
	if (t->req.ret >= 0)
		fcntl(t->placeholder, F_SETFL, t->req.ret & O_NONBLOCK);
	placeholder_begin(run, t);
}

static void option_came(struct run *run, struct tracee *t)
{
	struct value *v = &t->req.val[3];
	struct swap *swap = t->swap;
	size_t i = swap->at++;
	bool whole = t->req.ret >= 0 && v->len == questions[i].len;

	if (i < MADE && !whole) {
		fail(run, t, t->req.ret < 0 ? (int)t->req.ret : -EOPNOTSUPP);
		return;
	}
	if (i < MADE) {
		memcpy(&swap->is[i], v->data, sizeof(swap->is[i]));
	} else if (whole && t->placeholder >= 0) {
		/* What a family does not have was not asked for either. */
		if (setsockopt(t->placeholder, questions[i].level,
			       questions[i].name, v->data, (socklen_t)v->len))
			log_debug("option %d of level %d is lost: %s",
				  questions[i].name, questions[i].level,
				  strerror(errno));
	}
	if (i == MADE - 1) {
		t->placeholder = socket(swap->is[0], swap->is[1] | SOCK_CLOEXEC,
					swap->is[2]);
		if (t->placeholder < 0) {
			fail(run, t, -errno);
			return;
		}
	}
	next_question(run, t);
}

static void next_question(struct run *run, struct tracee *t)
{
	struct swap *swap = t->swap;
	size_t i = swap->at;

	t->req = (struct req){ .call = call_by_name("F_GETFL") };
	t->req.val[0].num = (uint64_t)handle_of(t);
	t->req.val[1].num = F_GETFL;
	if (i == ARRAY_SIZE(questions)) {
		ask(run, t, flags_came);
		return;
	}
	t->req.call = call_by_name("getsockopt");
	swap->room = (int32_t)questions[i].len;
	t->req.val[1].num = (uint64_t)questions[i].level;
	t->req.val[2].num = (uint64_t)questions[i].name;
	t->req.val[3].num = 1;
	t->req.val[3].len = questions[i].len;
	t->req.val[4].num = 1;
	t->req.val[4].data = (uint8_t *)&swap->room;
	t->req.val[4].len = sizeof(swap->room);
	ask(run, t, option_came);
}

void swap_begin(struct run *run, struct tracee *t)
{
	struct entry *e = files_get(t->files, (int32_t)t->arg[0]);

	if (others_have(run, t, e->remote)) {
		log_err("%s: the address is this machine's, and another process has the same socket, which is the server's: EOPNOTSUPP; leave the address to the server",
			t->call->name);
		refuse_call(run, t, EOPNOTSUPP,
			    "a socket of the server that several processes have");
		return;
	}
	t->swap = arena_alloc(&t->arena, sizeof(*t->swap));
	if (!t->swap) {
		finish_skip(run, t, -ENOMEM);
		return;
	}
	*t->swap = (struct swap){ .remote = e->remote };
	t->still = true;
	next_question(run, t);
}

void swap_drop(struct tracee *t)
{
	if (!t->swap)
		return;
	if (t->placeholder >= 0)
		close(t->placeholder);
	t->placeholder = -1;
	t->swap = NULL;
	t->still = false;
}

/* ---- putting in ---- */

static bool closes_on_exec(const struct tracee *t, size_t fd)
{
	char name[64];
	char line[128];
	unsigned int flags = 0;
	FILE *f;

	snprintf(name, sizeof(name), "/proc/%d/fdinfo/%zu", t->pid, fd);
	f = fopen(name, "re");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "flags: %o", &flags) == 1)
			break;
	if (f)
		fclose(f);
	return flags & O_CLOEXEC;
}

/* At the stop of the call that is made again. */
static void swapped(struct run *run, struct tracee *t)
{
	let_go(run, t);
}

void swap_place(struct run *run, struct tracee *t, uint64_t id)
{
	struct seccomp_notif_resp resp = { .id = id };
	const struct remote *remote = t->swap->remote;
	struct files *files = t->files;
	int handle;

	for (size_t fd = 0; fd < files->cap; fd++) {
		struct seccomp_notif_addfd add = {
			.id = id,
			.flags = SECCOMP_ADDFD_FLAG_SETFD,
			.srcfd = (uint32_t)t->placeholder,
			.newfd = (uint32_t)fd,
		};

		if (files->ent[fd].handle < 0 ||
		    files->ent[fd].remote != remote)
			continue;
		if (closes_on_exec(t, fd))
			add.newfd_flags = O_CLOEXEC;
		if (ioctl(run->listener, SECCOMP_IOCTL_NOTIF_ADDFD, &add) < 0) {
			if (errno == ENOENT)
				return; /* it asks again, or is killed */
			log_err("descriptor %zu does not become this machine's: %s",
				fd, strerror(errno));
		}
	}
	for (size_t fd = 0; fd < files->cap; fd++) {
		if (files->ent[fd].handle < 0 ||
		    files->ent[fd].remote != remote)
			continue;
		handle = files_drop(files, (long)fd);
		if (handle >= 0)
			tell_close(run, t, handle);
	}
	swap_drop(t);
	tracee_places(run, t, false);
	/* As one that was parked and has its answer: it makes its call again. */
	t->state = T_PARKED;
	t->answered = true;
	t->signal = 0;
	t->req.ret = 0;
	t->then = swapped;
	ptrace(PTRACE_INTERRUPT, t->pid, 0, 0);
	ioctl(run->listener, SECCOMP_IOCTL_NOTIF_SEND, &resp);
}
