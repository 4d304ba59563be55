/*
 * Signals of descriptors (fcntl(2): O_ASYNC, F_SETOWN, F_SETSIG): the local
 * kernel sends them.
 *
 * Theory of Operation. Who gets which signal is a matter of this machine, so
 * the requests are made on what stands for the descriptor. It is watched from
 * then on, edges included, and as it changes with the server's object, the
 * kernel sends SIGIO, and SIGURG for a socket's urgent data, as it does for any
 * local one. The server never hears of O_ASYNC; the tracer remembers it.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>

#include "tracer/hooks.h"
#include "tracer/memory.h"

#define EVERYTHING (EPOLLIN | EPOLLPRI | EPOLLOUT | EPOLLET)

static struct entry *entry_of(const struct tracee *t)
{
	return files_get(t->files, (int32_t)t->arg[0]);
}

static bool is_socket(const struct entry *e)
{
	uint32_t kind = e->remote->object & ~(uint32_t)OBJECT_POLLABLE;

	return kind == OBJECT_SOCKET || kind == OBJECT_DGRAM;
}

/* ---- O_ASYNC ---- */

/* The placeholder has what was asked for, or cannot. */
static void flag_set(struct run *run, struct tracee *t)
{
	struct entry *e = entry_of(t);

	arch_put_args(t->pid, t->regs.arg);
	if (e && t->regs.ret == 0)
		e->remote->async = t->arg[2] & O_ASYNC;
	finish_exit(run, t, t->regs.ret);
}

/* The server's object has the other flags: now the placeholder. */
static void set_flag(struct run *run, struct tracee *t)
{
	uint64_t arg[CALL_ARGS];

	if (t->req.ret < 0) {
		finish_skip(run, t, t->req.ret);
		return;
	}
	memcpy(arg, t->regs.arg, sizeof(arg));
	arg[2] = (t->arg[2] & O_ASYNC) | O_NONBLOCK;
	arch_put_call(t->pid, t->regs.nr, arg);
	let_go_then(run, t, flag_set);
}

static void forward_flags(struct run *run, struct tracee *t)
{
	t->if_remote = set_flag;
	by_fd(run, t);
}

static void show_flag(struct run *run, struct tracee *t)
{
	struct entry *e = entry_of(t);

	if (t->req.ret >= 0 && e && e->remote->async)
		t->req.ret |= O_ASYNC;
	finish_reply(run, t);
}

static bool set_flags(struct run *run, struct tracee *t, struct entry *e)
{
	bool on = t->arg[2] & O_ASYNC;

	if (on == e->remote->async || !(e->remote->object & OBJECT_POLLABLE))
		return false;
	t->call = call_by_request(t->call, F_SETFL);
	ready_want(run, t, EVERYTHING, forward_flags);
	return true;
}

/* ---- the calls ---- */

bool async_fcntl(struct run *run, struct tracee *t)
{
	struct entry *e = entry_of(t);

	switch ((int)t->arg[1]) {
	case F_SETFL:
		return set_flags(run, t, e);
	case F_GETFL:
		if (!e->remote->async)
			return false;
		t->call = call_by_request(t->call, F_GETFL);
		t->if_remote = show_flag;
		by_fd(run, t);
		return true;
	case F_SETOWN:
	case F_SETOWN_EX:
		/* SIGURG comes without O_ASYNC. */
		if (is_socket(e))
			ready_want(run, t, EPOLLPRI | EPOLLET, let_go);
		else
			let_go(run, t);
		return true;
	case F_GETOWN:
	case F_GETOWN_EX:
	case F_SETSIG:
	case F_GETSIG:
		let_go(run, t);
		return true;
	default:
		return false;
	}
}

static void ioctl_done(struct run *run, struct tracee *t)
{
	struct entry *e = entry_of(t);
	int on = 0;

	if (e && t->regs.ret == 0 &&
	    !memory_read(t->pid, t->arg[2], &on, sizeof(on)))
		e->remote->async = on;
	finish_exit(run, t, t->regs.ret);
}

static void let_go_noting(struct run *run, struct tracee *t)
{
	let_go_then(run, t, ioctl_done);
}

bool async_ioctl(struct run *run, struct tracee *t)
{
	struct entry *e = entry_of(t);

	switch ((uint32_t)t->arg[1]) {
	case FIOASYNC:
		if (!(e->remote->object & OBJECT_POLLABLE))
			return false;
		ready_want(run, t, EVERYTHING, let_go_noting);
		return true;
	case FIOSETOWN:
	case SIOCSPGRP:
		if (!is_socket(e))
			return false;
		ready_want(run, t, EPOLLPRI | EPOLLET, let_go);
		return true;
	case FIOGETOWN:
	case SIOCGPGRP:
		if (!is_socket(e))
			return false;
		let_go(run, t);
		return true;
	default:
		return false;
	}
}
