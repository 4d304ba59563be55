/*
 * Hooks of the calls on sockets: descriptors that close on exec, names in the
 * file system by way of the guard, options from the table.
 */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "call/control.h"
#include "call/option.h"
#include "server/run_internal.h"

#define PATH_AT offsetof(struct sockaddr_un, sun_path)
#define PATH_SIZE sizeof(((struct sockaddr_un *)0)->sun_path)

int64_t net_socket(struct run *run, bool *go_on)
{
	*go_on = true;
	run->reg[1] |= SOCK_CLOEXEC;
	return 0;
}

int64_t net_accept(struct run *run, bool *go_on)
{
	*go_on = true;
	run->reg[3] |= SOCK_CLOEXEC;
	return 0;
}

/* True when the address is a path; it is copied with its NUL. */
static bool is_path(const uint8_t *name, size_t len, char path[PATH_SIZE + 1])
{
	sa_family_t family;

	if (!name || len <= PATH_AT || len > sizeof(struct sockaddr_un))
		return false;
	memcpy(&family, name, sizeof(family));
	if (family != AF_UNIX || !name[PATH_AT])
		return false;
	memcpy(path, name + PATH_AT, len - PATH_AT);
	path[len - PATH_AT] = '\0';
	return true;
}

/*
 * A name that is too long for an address, as that of a socket which the program
 * named by its descriptor: it gets one of ours. The length, or -errno.
 */
static int short_name(struct place *place, char name[PATH_SIZE])
{
	int fd = open(place->path, O_PATH | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	path_end(place);
	place->held = fd;
	return snprintf(name, PATH_SIZE, "/proc/thread-self/fd/%d", fd);
}

/*
 * Replaces an address that is a path by an equal one that was checked, and that
 * holds until the place ends; 0 or -errno. make: a file is to be made there.
 */
static int guard(struct run *run, struct place *place, uint8_t **name,
		 size_t *len, bool make)
{
	const size_t given = *len;
	char path[PATH_SIZE + 1];
	struct sockaddr_un *un;
	int err;

	if (!is_path(*name, *len, path))
		return 0;
	if (make && !run_may_change(run))
		return -EROFS;
	err = run_begin(run, place, AT_FDCWD, path, false);
	if (!err)
		err = path_guard(place, make, false);
	if (err)
		return err;
	if (place->held >= 0)
		/* Through a magic link, and the call takes no directory. */
		return -EACCES;
	*len = strlen(place->path);
	if (*len > PATH_SIZE && make)
		return -ENAMETOOLONG;
	un = arena_alloc(&run->worker->arena, sizeof(*un));
	if (!un)
		return -ENOMEM;
	memset(un, 0, sizeof(*un));
	un->sun_family = AF_UNIX;
	if (*len > PATH_SIZE) {
		err = short_name(place, un->sun_path);
		if (err < 0)
			return err;
		*len = (size_t)err;
	} else {
		memcpy(un->sun_path, place->path, *len);
	}
	if (*len < PATH_SIZE)
		(*len)++;
	*len += PATH_AT;
	/* Other kinds of sockets look at the length first. */
	if (*len < given && given <= sizeof(*un))
		*len = given;
	*name = (uint8_t *)un;
	return 0;
}

/* bind, connect, sendto */
int64_t net_address(struct run *run, bool *go_on)
{
	const struct call *call = run->req->call;
	unsigned int i = call_nargs(call) - 2;
	unsigned int len = call->arg[i].len;
	uint8_t *name = (uint8_t *)(uintptr_t)run->reg[i];
	size_t size = run->req->val[i].len;
	int err;

	err = guard(run, &run->place[i], &name, &size,
		    !strcmp(call->name, "bind"));
	*go_on = !err;
	if (err || name == run->req->val[i].data)
		return err;
	run->reg[i] = (uintptr_t)name;
	run->reg[len] = size;
	return 0;
}

int64_t net_option(struct run *run, bool *go_on)
{
	*go_on = option_find((int)run->reg[1], (int)run->reg[2]) != NULL;
	return -ENOPROTOOPT;
}

int64_t net_interfaces(struct run *run, bool *go_on)
{
	const struct value *v = &run->req->val[1];
	struct ifconf list = { .ifc_len = (int)v->len,
			       .ifc_buf = (char *)v->data };

	*go_on = false;
	if (ioctl((int)run->reg[0], SIOCGIFCONF, &list) < 0)
		return -errno;
	return list.ifc_len;
}

/* ---- messages ---- */

/* May these control messages be sent? Theirs is ours, as far as it goes. */
static int64_t check_control(struct run *run, struct piece *control)
{
	struct control at = control_begin(control->data, control->len);
	pid_t pid = getpid();
	int32_t fd;

	while (control_next(&at)) {
		if (at.level != SOL_SOCKET)
			continue;
		for (size_t i = 0; at.type == SCM_RIGHTS && i < at.len / 4;
		     i++) {
			memcpy(&fd, at.data + 4 * i, sizeof(fd));
			if (!run_owns(run, fd))
				return -EBADF;
		}
		/* A client's processes are this one, for who asks. */
		if (at.type == SCM_CREDENTIALS && at.len >= sizeof(pid))
			memcpy(at.data, &pid, sizeof(pid));
	}
	return at.bad ? -EINVAL : 0;
}

/* Descriptors that came become handles. */
static void take_control(struct run *run, const struct piece *control)
{
	struct control at = control_begin(control->data, control->len);
	int32_t fd;

	while (control_next(&at)) {
		if (at.level != SOL_SOCKET || at.type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < at.len / 4; i++) {
			memcpy(&fd, at.data + 4 * i, sizeof(fd));
			if (handles_add(run->worker->handles, fd))
				close(fd);
		}
	}
}

/*
 * The header of a message; 0 or -errno. *held: a descriptor that the name
 * needs until it is sent, or -1.
 */
static int64_t begin_message(struct run *run, struct message *m, bool sends,
			     struct msghdr *hdr, struct iovec *iov, int *held)
{
	uint8_t *name = m->name.data;
	size_t len = m->name.len;
	struct place place;
	int64_t err = 0;

	path_begin(&place, AT_FDCWD, "");
	if (sends && m->name.given)
		err = guard(run, &place, &name, &len, false);
	*held = place.held;
	if (!err && sends && m->control.given)
		err = check_control(run, &m->control);
	*iov = (struct iovec){ m->data.data, m->data.len };
	*hdr = (struct msghdr){
		.msg_name = m->name.given ? name : NULL,
		.msg_namelen = m->name.given ? (socklen_t)len : 0,
		.msg_iov = iov,
		.msg_iovlen = 1,
		.msg_control = m->control.given ? m->control.data : NULL,
		.msg_controllen = m->control.given ? m->control.len : 0,
	};
	return err;
}

static uint32_t least(uint64_t a, uint32_t b)
{
	return a < b ? (uint32_t)a : b;
}

static void end_message(struct run *run, struct message *m, bool sends,
			const struct mmsghdr *mm, int64_t done)
{
	const struct msghdr *hdr = &mm->msg_hdr;

	m->done = done;
	if (sends)
		return;
	m->name_full = hdr->msg_namelen;
	m->name.len = least(hdr->msg_namelen, m->name.len);
	m->data.len = least((uint64_t)done, m->data.len);
	m->control.len = least(hdr->msg_controllen, m->control.len);
	/* The kernel gives back what it was asked with; that was our wish. */
	m->flags = (uint32_t)hdr->msg_flags & ~(uint32_t)MSG_CMSG_CLOEXEC;
	if (m->control.given)
		take_control(run, &m->control);
}

static void release(const int *held, size_t count)
{
	for (size_t k = 0; k < count; k++)
		if (held[k] >= 0)
			close(held[k]);
}

int64_t net_messages(struct run *run, bool *go_on)
{
	const struct arg *arg = &run->req->call->arg[1];
	bool sends = arg->kind == ARG_MSG_IN;
	struct value *v = &run->req->val[1];
	struct arena *arena = &run->worker->arena;
	struct mmsghdr *mm = arena_alloc(arena, (v->len + 1) * sizeof(*mm));
	struct iovec *iov = arena_alloc(arena, (v->len + 1) * sizeof(*iov));
	int *held = arena_alloc(arena, (v->len + 1) * sizeof(*held));
	size_t count = arg->len ? v->len : 1;
	int64_t ret;

	*go_on = false;
	if (!v->msg)
		return -EFAULT;
	if (!mm || !iov || !held)
		return -ENOMEM;
	for (size_t k = 0; k < count; k++) {
		ret = begin_message(run, &v->msg[k], sends, &mm[k].msg_hdr,
				    &iov[k], &held[k]);
		if (!ret)
			continue;
		release(&held[k], 1);
		/* What comes before it is sent. */
		if (!k)
			return ret;
		count = k;
	}
	run->reg[1] = (uintptr_t)mm;
	if (arg->len)
		run->reg[arg->len] = count;
	if (!sends)
		run->reg[arg->len ? 3 : 2] |= MSG_CMSG_CLOEXEC;
	ret = run_make(run);
	release(held, count);
	if (ret < 0)
		return ret;
	for (size_t k = 0; k < (arg->len ? (size_t)ret : 1); k++)
		end_message(run, &v->msg[k], sends, &mm[k],
			    arg->len ? mm[k].msg_len : ret);
	return ret;
}
