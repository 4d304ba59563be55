/*
 * Placeholders: the local descriptors that stand for descriptors of the server.
 *
 * Theory of Operation. The program's filter hands PLACE_NR, a number that no
 * kernel knows, to a seccomp listener (seccomp_unotify(2)). When the server
 * has given a handle, the tracer makes a local object of the same kind, turns
 * the program's call into PLACE_NR and lets it go; the notification that comes
 * is answered with SECCOMP_ADDFD_FLAG_SEND: the kernel puts the object at the
 * lowest free number and the program sees that number, in one step and without
 * an exit stop. No register of the program is touched.
 *
 * A signal that comes before the notification was received ends the wait; it
 * is kept, the kernel makes the call again, and the signal follows when the
 * descriptor stands. So an open that happened is never reported as EINTR.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"
#include "call/types.h"
#include "tracer/memory.h"
#include "tracer/own_filter.h"
#include "tracer/rights.h"
#include "tracer/swap.h"
#include "tracer/tracee.h"

int placeholder_listener = -1;

int placeholder_take(struct run *run, pid_t pid)
{
	int there = -1;
	int pidfd;
	int err;

	err = memory_read(pid, (uintptr_t)&placeholder_listener, &there,
			  sizeof(there));
	if (err)
		return err;
	if (there < 0)
		return -EAGAIN;
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (pidfd < 0)
		return -errno;
	run->listener = (int)syscall(SYS_pidfd_getfd, pidfd, there, 0);
	err = run->listener < 0 ? -errno : 0;
	close(pidfd);
	return err;
}

/* A memfd, opened as the program opened it. */
static int make_memory(uint64_t flags)
{
	struct image img = { .memfd = memfd_create("rsc", MFD_CLOEXEC) };
	int fd;

	if (img.memfd < 0)
		return -errno;
	fd = image_open(&img, flags);
	close(img.memfd);
	return fd;
}

/* A description of the file's one memfd: mmap asks for the mode. */
static int make_file(struct remote *remote, uint64_t dev, uint64_t ino,
		     uint64_t flags)
{
	struct image *img;

	img = image_get(files_images, dev, ino, remote->path);
	if (!img)
		return -errno;
	remote->image = img;
	/* The call that opened it has cut it. */
	if (flags & O_TRUNC && img->handle >= 0)
		image_resize(img, 0);
	return image_open(img, flags);
}

/* What cannot be polled there must not be here. */
int placeholder_make(struct remote *remote, uint64_t dev, uint64_t ino,
		     uint64_t flags)
{
	remote->append = flags & O_APPEND;
	remote->names = flags & O_PATH;
	remote->mode = flags & O_ACCMODE;
	if (remote->object & OBJECT_POLLABLE)
		return level_make(&remote->level, remote->object, flags);
	if (remote->object == OBJECT_FILE)
		return make_file(remote, dev, ino, flags);
	return make_memory(flags);
}

/* The O_* flags of the call, as a register or in struct open_how. */
static uint64_t flags_of(const struct tracee *t)
{
	const struct kernel_open_how *how;
	const struct arg *arg;
	unsigned int i;

	for (i = 0; i < CALL_ARGS; i++) {
		arg = &t->call->arg[i];
		how = (const void *)t->req.val[i].data;
		if (arg->kind == ARG_FLAGS &&
		    (arg->type == FL_OPEN || arg->type == FL_SOCKET))
			return t->arg[i];
		if (arg->kind == ARG_STRUCT_IN && arg->type == ST_open_how)
			return how ? how->flags : O_RDWR;
	}
	/* A pidfd is never inherited. */
	return t->call->verdict == V_BY_PID ? O_RDWR | O_CLOEXEC : O_RDWR;
}

void placeholder_drop(struct run *run, struct tracee *t)
{
	if (t->new_handle >= 0)
		tell_close(run, t, t->new_handle);
	t->new_handle = -1;
	tracee_places(run, t, false);
	if (t->placeholder >= 0)
		close(t->placeholder);
	t->placeholder = -1;
	remote_unref(t->remote);
	t->remote = NULL;
	rights_drop(run, t);
	swap_drop(t);
}

static void go(struct tracee *t)
{
	arch_put_nr(t->pid, PLACE_NR);
	ptrace(PTRACE_CONT, t->pid, 0, 0);
}

void placeholder_begin(struct run *run, struct tracee *t)
{
	if (!own_filter_allows(t->own_filter, PLACE_NR, &t->regs)) {
		log_err("%s: the program's own seccomp filter keeps descriptors of the server out: EPERM",
			t->call->name);
		placeholder_drop(run, t);
		refuse_call(run, t, EPERM, "the program's own seccomp filter");
		return;
	}
	t->state = T_PLACING;
	tracee_places(run, t, true);
	t->then = NULL;
	go(t);
}

void placeholder_put(struct run *run, struct tracee *t)
{
	uint64_t flags = flags_of(t);

	if (t->req.ret < 0) {
		finish_skip(run, t, t->req.ret);
		return;
	}
	t->new_handle = (int)t->req.ret;
	t->remote = remote_new(t->req.object, t->path);
	if (t->remote)
		t->placeholder = placeholder_make(t->remote, t->req.dev,
						  t->req.ino, flags);
	if (t->placeholder < 0 || !t->remote) {
		int err = t->remote ? t->placeholder : -ENOMEM;

		log_err("%s: no placeholder can be made: %s", t->path,
			strerror(-err));
		placeholder_drop(run, t);
		finish_skip(run, t, err);
		return;
	}
	placeholder_begin(run, t);
}

void placeholder_give(struct run *run, struct tracee *t, int fd)
{
	t->placeholder = fd;
	placeholder_begin(run, t);
}

static void placed(struct run *run, struct tracee *t, int fd)
{
	int handle = t->new_handle;

	close(t->placeholder);
	t->placeholder = -1;
	t->new_handle = -1;
	t->state = T_RUNNING;
	tracee_places(run, t, false);
	if (t->remote && files_set(t->files, fd, handle, t->remote)) {
		log_err("out of memory: descriptor %d is lost", fd);
		tell_close(run, t, handle);
	}
	remote_unref(t->remote);
	t->remote = NULL;
	account(run, t, fd);
	arena_reset(&t->arena);
	signal_release(t);
}

static void refuse(struct run *run, uint64_t id, int error)
{
	struct seccomp_notif_resp resp = { .id = id, .error = -error };

	ioctl(run->listener, SECCOMP_IOCTL_NOTIF_SEND, &resp);
}

static void answer(struct run *run, struct tracee *t, uint64_t id)
{
	struct seccomp_notif_addfd add = {
		.id = id,
		.flags = SECCOMP_ADDFD_FLAG_SEND,
		.srcfd = (uint32_t)t->placeholder,
		.newfd_flags = flags_of(t) & O_CLOEXEC,
	};
	int err;
	int fd;

	fd = 0;
	if (run->fds_high && t->remote) {
		fd = files_lowest(t->files, t->pid, FDS_HIGH);
		add.newfd = (uint32_t)fd;
		add.flags |= SECCOMP_ADDFD_FLAG_SETFD;
		errno = EMFILE;
	}
	/* It is there when the call returns, and does not end it any more. */
	signal_release(t);
	if (fd >= 0)
		fd = ioctl(run->listener, SECCOMP_IOCTL_NOTIF_ADDFD, &add);
	if (fd >= 0) {
		placed(run, t, fd);
		return;
	}
	err = errno;
	if (err == ENOENT) /* interrupted: it asks again; or killed */
		return;
	placeholder_drop(run, t);
	t->state = T_RUNNING;
	account(run, t, -err);
	arena_reset(&t->arena);
	refuse(run, id, err);
	signal_release(t);
}

void placeholder_event(struct run *run)
{
	struct seccomp_notif notif = { 0 };
	struct tracee *t;

	if (ioctl(run->listener, SECCOMP_IOCTL_NOTIF_RECV, &notif))
		return;
	t = tracee_find(run, (pid_t)notif.pid);
	if (t && t->state == T_PLACING && t->swap)
		swap_place(run, t, notif.id);
	else if (t && t->state == T_PLACING && t->rights)
		rights_place(run, t, notif.id);
	else if (t && t->state == T_PLACING)
		answer(run, t, notif.id);
	else
		refuse(run, notif.id, ENOSYS);
}

bool placeholder_stop(struct run *run, struct tracee *t, int event, int sig)
{
	if (event == PTRACE_EVENT_SECCOMP) {
		go(t); /* made again after an interruption */
		return true;
	}
	if (event || sig == (SIGTRAP | 0x80))
		return false;
	if (!signal_keep(run, t))
		return false;
	ptrace(PTRACE_CONT, t->pid, 0, 0);
	return true;
}

/* ---- signals that wait for the end of a call ---- */

/* What was sent as this signal, or NULL. */
static struct kept *find_sent(const struct run *run, struct tracee *t,
			      const siginfo_t *info)
{
	if (info->si_code != SI_TKILL ||
	    info->si_pid != (run->tree.own ? 0 : getpid()))
		return NULL;
	for (unsigned int i = 0; i < t->nkept; i++)
		if (t->kept[i].sent &&
		    t->kept[i].info.si_signo == info->si_signo)
			return &t->kept[i];
	return NULL;
}

bool signal_keep(struct run *run, struct tracee *t)
{
	siginfo_t info;
	struct kept *k;

	if (ptrace(PTRACE_GETSIGINFO, t->pid, 0, &info))
		return false;
	k = find_sent(run, t, &info);
	if (k) {
		k->sent = false;
		return true;
	}
	for (unsigned int i = 0; i < t->nkept; i++)
		if (t->kept[i].info.si_signo == info.si_signo &&
		    info.si_signo < SIGRTMIN)
			return true; /* pending once, as in the kernel */
	if (t->nkept == SIGNALS_KEPT)
		return false;
	t->kept[t->nkept++] = (struct kept){ info, false };
	return true;
}

void signal_send(struct tracee *t, const siginfo_t *info)
{
	bool queues = info->si_signo >= SIGRTMIN && t->nkept < SIGNALS_KEPT;
	struct kept *k = NULL;

	/* An older one is pending once, or came another way. */
	for (unsigned int i = 0; i < t->nkept && !k && !queues; i++)
		if (t->kept[i].sent &&
		    t->kept[i].info.si_signo == info->si_signo)
			k = &t->kept[i];
	if (!k && t->nkept < SIGNALS_KEPT)
		k = &t->kept[t->nkept++];
	if (k)
		*k = (struct kept){ *info, true };
	syscall(SYS_tgkill, t->tgid, t->pid, info->si_signo);
}

void signal_release(struct tracee *t)
{
	for (unsigned int i = 0; i < t->nkept; i++) {
		if (t->kept[i].sent)
			continue;
		t->kept[i].sent = true;
		syscall(SYS_tgkill, t->tgid, t->pid, t->kept[i].info.si_signo);
	}
}

void signal_restore(struct run *run, struct tracee *t)
{
	siginfo_t info;
	struct kept *k;

	if (!t->nkept || ptrace(PTRACE_GETSIGINFO, t->pid, 0, &info))
		return;
	k = find_sent(run, t, &info);
	if (!k)
		return;
	ptrace(PTRACE_SETSIGINFO, t->pid, 0, &k->info);
	*k = t->kept[--t->nkept];
}
