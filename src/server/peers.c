/*
 * Who is at the other end of a unix socket. To the kernel all processes of a
 * session are one, so SO_PEERCRED names the session; here stands which of them
 * made a connection, and which one listens. sock_diag(7) knows the ends.
 */
#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "server/run_internal.h"

/* The oldest are forgotten: who asks does so when a connection is new. */
#define CONNECTIONS 1024
#define LISTENERS 64

struct listener {
	uint32_t task;
	socklen_t len;
	struct sockaddr_un name;
};

/* Of the session, which is a process. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct connection {
	uint32_t ino;
	uint32_t task;
} connections[CONNECTIONS];
static struct listener listeners[LISTENERS];
static unsigned int nconnections;
static unsigned int nlisteners;

static bool is_unix(int fd)
{
	socklen_t len = sizeof(int);
	int domain = 0;

	return !getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) &&
	       domain == AF_UNIX;
}

static uint32_t ino_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) ? 0 : (uint32_t)st.st_ino;
}

/* The first task of the process: it is there as long as the process is. */
static uint32_t first_of(const struct worker *me)
{
	struct session *session = me->session;
	uint32_t task = me->task;
	const struct worker *w;

	pthread_mutex_lock(&session->tasks_lock);
	for (size_t i = 0; i < SESSION_BUCKETS; i++)
		for (w = session->workers[i]; w; w = w->next)
			if (w->handles == me->handles && w->task < task)
				task = w->task;
	pthread_mutex_unlock(&session->tasks_lock);
	return task;
}

static void note_connection(int fd, uint32_t task)
{
	struct connection new = { .ino = ino_of(fd), .task = task };

	pthread_mutex_lock(&lock);
	connections[nconnections++ % CONNECTIONS] = new;
	pthread_mutex_unlock(&lock);
}

static void note_listener(int fd, uint32_t task)
{
	struct listener new = { .task = task, .len = sizeof(new.name) };

	if (getsockname(fd, (struct sockaddr *)&new.name, &new.len))
		return;
	pthread_mutex_lock(&lock);
	listeners[nlisteners++ % LISTENERS] = new;
	pthread_mutex_unlock(&lock);
}

/* ---- the other end ---- */

/* The peer in a message of sock_diag(7), or 0. */
static uint32_t peer_in(struct nlmsghdr *msg, size_t size)
{
	struct rtattr *attr;
	uint32_t ino = 0;
	size_t room;

	if (!NLMSG_OK(msg, size) || msg->nlmsg_type != SOCK_DIAG_BY_FAMILY ||
	    msg->nlmsg_len < NLMSG_LENGTH(sizeof(struct unix_diag_msg)))
		return 0;
	attr = (void *)((struct unix_diag_msg *)NLMSG_DATA(msg) + 1);
	room = msg->nlmsg_len - NLMSG_LENGTH(sizeof(struct unix_diag_msg));
	for (; RTA_OK(attr, room); attr = RTA_NEXT(attr, room))
		if (attr->rta_type == UNIX_DIAG_PEER)
			memcpy(&ino, RTA_DATA(attr), sizeof(ino));
	return ino;
}

/* The inode of what fd is connected to, or 0. */
static uint32_t peer_of(int fd)
{
	struct {
		struct nlmsghdr head;
		struct unix_diag_req body;
	} ask = {
		.head = { .nlmsg_len = sizeof(ask),
			  .nlmsg_type = SOCK_DIAG_BY_FAMILY,
			  .nlmsg_flags = NLM_F_REQUEST },
		.body = { .sdiag_family = AF_UNIX,
			  .udiag_ino = ino_of(fd),
			  .udiag_show = UDIAG_SHOW_PEER,
			  .udiag_cookie = { ~0U, ~0U } },
	};
	union {
		struct nlmsghdr head;
		char room[1024];
	} answer;
	uint32_t ino = 0;
	ssize_t n;
	int diag;

	diag = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	if (diag < 0)
		return 0;
	n = send(diag, &ask, sizeof(ask), 0);
	if (n == sizeof(ask))
		n = recv(diag, &answer, sizeof(answer), 0);
	if (n > 0)
		ino = peer_in(&answer.head, (size_t)n);
	close(diag);
	return ino;
}

/* The task at the other end, or 0: none that is remembered. */
static uint32_t task_at(int fd)
{
	struct sockaddr_un name;
	socklen_t len = sizeof(name);
	uint32_t ino = peer_of(fd);
	uint32_t task = 0;
	unsigned int i;

	/* A listener's are its own. */
	if (getpeername(fd, (struct sockaddr *)&name, &len) &&
	    getsockname(fd, (struct sockaddr *)&name, &len))
		return 0;
	pthread_mutex_lock(&lock);
	for (i = 0; i < CONNECTIONS && i < nconnections && !task && ino; i++)
		if (connections[(nconnections - 1 - i) % CONNECTIONS].ino ==
		    ino)
			task = connections[(nconnections - 1 - i) % CONNECTIONS]
				       .task;
	/* It is the one that was accepted: the credentials are a listener's. */
	for (i = 0; i < LISTENERS && i < nlisteners && !task; i++) {
		const struct listener *l =
			&listeners[(nlisteners - 1 - i) % LISTENERS];

		if (l->len == len && !memcmp(&l->name, &name, len))
			task = l->task;
	}
	pthread_mutex_unlock(&lock);
	return task;
}

static void name_peer(struct run *run)
{
	struct value *val = &run->req->val[3];
	struct ucred cred;
	uint32_t task;

	if ((int)run->reg[1] != SOL_SOCKET || (int)run->reg[2] != SO_PEERCRED ||
	    !val->data || val->len < sizeof(cred))
		return;
	memcpy(&cred, val->data, sizeof(cred));
	if (cred.pid != getpid())
		return;
	task = task_at((int)run->reg[0]);
	if (!task)
		return;
	cred.pid = WIRE_PEER_TASK(task);
	memcpy(val->data, &cred, sizeof(cred));
}

void peers_note(struct run *run)
{
	const char *name = run->req->call->name;
	int fd = (int)run->reg[0];

	if (!(run->req->call->classes & C_NETWORK))
		return;
	if (!strcmp(name, "getsockopt"))
		name_peer(run);
	else if (!strcmp(name, "connect") && is_unix(fd))
		note_connection(fd, first_of(run->worker));
	else if (!strcmp(name, "listen") && is_unix(fd))
		note_listener(fd, first_of(run->worker));
}
