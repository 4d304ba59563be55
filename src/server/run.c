/*
 * Runs the call of a request: checks that the row may run here, maps the
 * arguments, and makes the system call with the values in place. The few
 * irregular rows have a hook in the table below.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <unistd.h>

#include "base/log.h"
#include "call/world.h"
#include "server/run_internal.h"

_Static_assert(AT_FDCWD == -100, "AT_FDCWD on the wire");
_Static_assert(sizeof(long) == 8, "registers are 64 bits");

static uint32_t socket_kind(int fd)
{
	socklen_t len = sizeof(int);
	int type = 0;

	getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len);
	return type == SOCK_STREAM || type == SOCK_SEQPACKET ? OBJECT_SOCKET :
							       OBJECT_DGRAM;
}

static uint32_t object_of(int fd, struct req *req)
{
	uint32_t object = OBJECT_OTHER;
	struct stat st = { 0 };

	if (fstat(fd, &st))
		st.st_mode = 0;
	req->dev = st.st_dev;
	req->ino = st.st_ino;
	if (S_ISREG(st.st_mode))
		object = OBJECT_FILE;
	else if (S_ISDIR(st.st_mode))
		object = OBJECT_DIR;
	else if (S_ISFIFO(st.st_mode))
		object = OBJECT_PIPE;
	else if (S_ISSOCK(st.st_mode))
		object = socket_kind(fd);
	if (object == OBJECT_DIR)
		return object;
	if (ready_may_watch(fd, object == OBJECT_FILE))
		object |= OBJECT_POLLABLE;
	return object;
}

/* A new descriptor becomes a handle. */
int64_t run_new_handle(struct run *run, int64_t fd)
{
	int err;

	if (fd < 0)
		return fd;
	run->req->object = object_of((int)fd, run->req);
	err = handles_add(run->worker->handles, fd);
	if (!err)
		return fd;
	close(fd);
	return err;
}

int64_t run_make(const struct run *run)
{
	const uint64_t *reg = run->reg;
	long ret;

	errno = 0;
	ret = syscall(call_nr(run->req->call), reg[0], reg[1], reg[2], reg[3],
		      reg[4], reg[5]);
	return ret == -1 && errno ? -errno : ret;
}

/* Hooks, each before the generic call: a result, or GO_ON in *go_on. */

static int64_t do_open(struct run *run, int64_t dirfd,
		       const struct open_how *how)
{
	const struct value *path = &run->req->val[1];
	struct place *place = &run->place[1];
	int err;

	if (dirfd == -EBADF)
		return dirfd;
	if (!path->data)
		return -EFAULT;
	if (!run_may_change(run) && !(how->flags & O_PATH) &&
	    ((how->flags & O_ACCMODE) != O_RDONLY ||
	     how->flags & (O_CREAT | O_TRUNC)))
		return -EROFS;
	if (running_keeps(run, (int)dirfd, (const char *)path->data, how))
		return -ETXTBSY;
	err = run_begin(run, place, dirfd, (const char *)path->data, true);
	return err ? err : run_new_handle(run, path_open(place, how));
}

static int64_t do_openat(struct run *run, bool *go_on)
{
	const struct value *val = run->req->val;
	struct open_how how = path_how(val[2].num, val[3].num);

	*go_on = false;
	return do_open(run, run_dirfd(run, 0), &how);
}

/* The tracer knows what the program's size means; this is ours. */
static int64_t do_openat2(struct run *run, bool *go_on)
{
	const struct value *val = run->req->val;
	int64_t dirfd = run_dirfd(run, 0);
	struct open_how how;

	*go_on = false;
	if (val[3].num != sizeof(how))
		return val[3].num < sizeof(how) ? -EINVAL : -E2BIG;
	if (!val[2].data)
		return -EFAULT;
	memcpy(&how, val[2].data, sizeof(how));
	/* Here a path that begins with / begins in the directory. */
	if (how.resolve & RESOLVE_IN_ROOT) {
		dirfd = run_fd(&val[0]);
		if (dirfd != AT_FDCWD && !run_owns(run, dirfd))
			return -EBADF;
	}
	return do_open(run, dirfd, &how);
}

static int64_t do_resolve(struct run *run, bool *go_on)
{
	struct value *val = run->req->val;
	int64_t dirfd = run_dirfd(run, 0);
	int ret;

	*go_on = false;
	if (dirfd == -EBADF)
		return dirfd;
	if (!val[1].data || !val[3].data || val[3].len < PATH_MAX)
		return -EINVAL;
	ret = run_begin(run, &run->place[1], dirfd, (const char *)val[1].data,
			true);
	if (ret)
		return ret;
	ret = path_resolve(&run->place[1], val[2].num & AT_SYMLINK_NOFOLLOW,
			   (char *)val[3].data, val[3].len);
	return ret < 0 ? ret : ret + 1;
}

static int64_t do_close(struct run *run, bool *go_on)
{
	int fd = run_fd(&run->req->val[0]);

	*go_on = false;
	/* First the name, or the number could be somebody's new handle. */
	if (!handles_remove(run->worker->handles, fd))
		return -EBADF;
	hold_release(run->worker, fd);
	return close(fd) < 0 ? -errno : 0;
}

/* ---- descriptors that processes send to each other (rights.c there) ---- */

/* One that came in a message is a handle already: what is it? */
static int64_t do_adopt(struct run *run, bool *go_on)
{
	int fd = run_fd(&run->req->val[0]);

	*go_on = false;
	if (!run_owns(run, fd))
		return -EBADF;
	run->req->object = object_of(fd, run->req);
	return fd;
}

/* Stands for a descriptor that the server does not have. */
static int64_t do_token(struct run *run, bool *go_on)
{
	int fd = memfd_create("rsc-token", MFD_CLOEXEC);

	*go_on = false;
	return run_new_handle(run, fd < 0 ? -errno : fd);
}

static int64_t do_put(struct run *run, bool *go_on)
{
	int fd = run_fd(&run->req->val[0]);

	*go_on = false;
	if (!run_owns(run, fd))
		return -EBADF;
	return drawer_put(&run->worker->session->drawer, fd);
}

static int64_t do_take(struct run *run, bool *go_on)
{
	const struct value *val = run->req->val;

	*go_on = false;
	return run_new_handle(run, drawer_take(&run->worker->session->drawer,
					       (uint32_t)val[0].num,
					       val[1].num & MSG_PEEK));
}

static int64_t do_drop(struct run *run, bool *go_on)
{
	*go_on = false;
	return drawer_drop(&run->worker->session->drawer,
			   (uint32_t)run->req->val[0].num);
}

/* SIGIO would reach the session. */
static int64_t do_setfl(struct run *run, bool *go_on)
{
	*go_on = true;
	run->reg[2] &= ~(uint64_t)O_ASYNC;
	return 0;
}

static int64_t do_inotify_init1(struct run *run, bool *go_on)
{
	*go_on = true;
	run->reg[0] |= O_CLOEXEC;
	return 0;
}

static int64_t do_watch(struct run *run, bool *go_on)
{
	const uint64_t *reg = run->reg;

	*go_on = false;
	if (reg[1] > UINT32_MAX || reg[2] > UINT32_MAX)
		return -EINVAL;
	return ready_watch(run->worker, (int)reg[0], (uint32_t)reg[1],
			   (uint32_t)reg[2]);
}

/* The clock and the kernel's log are changed by some of their commands. */

static int64_t do_adjtimex(struct run *run, bool *go_on)
{
	bool clock = call_nargs(run->req->call) == 2;
	const struct value *val = &run->req->val[clock];
	const struct timex *timex = (const void *)val->data;

	*go_on = !timex || run_may_change(run) || timex->modes == 0 ||
		 timex->modes == ADJ_OFFSET_SS_READ;
	return -EROFS;
}

/* Limits of another process; to read them changes nothing. */
static int64_t do_prlimit64(struct run *run, bool *go_on)
{
	*go_on = !run->req->val[2].data || run_may_change(run);
	return -EROFS;
}

static int64_t do_world(struct run *run, bool *go_on)
{
	struct value *val = &run->req->val[0];

	*go_on = false;
	return val->data ? world_tell((struct kernel_world *)val->data,
				      path_proc()) :
			   -EFAULT;
}

/* What the first argument of sysfs(2) makes of the others. */
enum { SYSFS_INDEX = 1, SYSFS_NAME, SYSFS_COUNT };

static int64_t do_sysfs(struct run *run, bool *go_on)
{
	const int nr = call_nr(run->req->call);
	const struct value *val = run->req->val;
	int what = (int)run->reg[0];
	long ret;

	*go_on = false;
	if (nr == CALL_NO_NR)
		return -ENOSYS;
	if (what == SYSFS_NAME && !val[3].data)
		return -EFAULT;
	ret = syscall(nr, what, what == SYSFS_INDEX ? run->reg[1] : run->reg[2],
		      what == SYSFS_NAME ? val[3].data : NULL);
	return ret < 0 ? -errno : ret;
}

static int64_t do_syslog(struct run *run, bool *go_on)
{
	enum { OPEN = 1, READ, READ_ALL, SIZE_UNREAD = 9, SIZE_BUFFER };
	int type = (int)run->reg[0];

	*go_on = run_may_change(run) || (type >= OPEN && type <= READ_ALL) ||
		 type == SIZE_UNREAD || type == SIZE_BUFFER;
	return -EROFS;
}

static const struct hook {
	const char *name;
	bool mapped; /* after the arguments were checked and mapped */
	int64_t (*hook)(struct run *run, bool *go_on);
} hooks[] = {
	{ "openat", false, do_openat },
	{ "openat2", false, do_openat2 },
	{ "close", false, do_close },
	{ "rsc_exec", false, creds_exec },
	{ "rsc_adopt", false, do_adopt },
	{ "rsc_drop", false, do_drop },
	{ "rsc_put", false, do_put },
	{ "rsc_resolve", false, do_resolve },
	{ "rsc_take", false, do_take },
	{ "rsc_token", false, do_token },
	{ "rsc_hold", true, mapped_hold },
	{ "rsc_seek", true, mapped_seek },
	{ "rsc_recall", false, mapped_recall },
	{ "rsc_watch", true, do_watch },
	{ "rsc_running", false, running_note },
	{ "rsc_may_exec", true, running_may_exec },
	{ "truncate", true, running_truncate },
	{ "F_GETLK", true, locks_get },
	{ "F_OFD_GETLK", true, locks_get },
	{ "F_SETFL", true, do_setfl },
	{ "capget", true, creds_capget },
	{ "getgroups", true, creds_getgroups },
	{ "setgroups", true, creds_setgroups },
	{ "inotify_init1", true, do_inotify_init1 },
	{ "socket", true, net_socket },
	{ "accept4", true, net_accept },
	{ "name_to_handle_at", true, file_handle_name },
	{ "open_by_handle_at", true, file_handle_open },
	{ "bind", true, net_address },
	{ "connect", true, net_address },
	{ "sendto", true, net_address },
	{ "getsockopt", true, net_option },
	{ "setsockopt", true, net_option },
	{ "sendmsg", true, net_messages },
	{ "sendmmsg", true, net_messages },
	{ "recvmsg", true, net_messages },
	{ "recvmmsg", true, net_messages },
	{ "adjtimex", true, do_adjtimex },
	{ "clock_adjtime", true, do_adjtimex },
	{ "syslog", true, do_syslog },
	{ "prlimit64", true, do_prlimit64 },
	{ "rsc_world", false, do_world },
	{ "rsc_status", true, creds_status },
	{ "rsc_fdinfo", true, handles_info },
	{ "sysfs", true, do_sysfs },
	{ "rsc_ifconf", true, net_interfaces },
};

#define IDS 1024 /* wire ids are below */
static const struct hook *hook_by_id[IDS];

static void sort_hooks(void)
{
	for (size_t i = 0; i < sizeof(hooks) / sizeof(*hooks); i++) {
		const struct call *call = call_by_name(hooks[i].name);

		assert(call && call->id < IDS && !hook_by_id[call->id]);
		hook_by_id[call->id] = &hooks[i];
	}
}

/* Runs the hook of a row, if it has one for this moment. */
static int64_t run_hook(struct run *run, bool mapped, bool *go_on)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	unsigned int id = run->req->call->id;
	const struct hook *hook;

	pthread_once(&once, sort_hooks);
	hook = id < IDS ? hook_by_id[id] : NULL;
	*go_on = true;
	return hook && hook->mapped == mapped ? hook->hook(run, go_on) : 0;
}

/* May the row run here at all? 0 or -errno. */
static int admit(const struct run *run)
{
	const struct call *call = run->req->call;
	struct session *session = run->worker->session;
	unsigned int i;
	bool may;

	may = call->verdict < V_LOCAL ||
	      (call->verdict == V_SPLIT && call->traits & T_RUNS);
	for (i = 0; may && i < CALL_ARGS; i++)
		may = call->arg[i].kind != ARG_PTR;
	if (!may || (call_nr(call) == CALL_NO_NR && !(call->traits & T_RUNS))) {
		if (!atomic_exchange(&session->refused[call - call_table],
				     true))
			log_warn("session: %s may not run on the server: "
				 "ENOSYS",
				 call->name);
		return -ENOSYS;
	}
	i = call_request_arg(call);
	if (call->of && (uint32_t)run->req->val[i].num != call->request)
		return -EINVAL;
	if (call->traits & T_MODIFIES && !run_may_change(run))
		return -EROFS;
	return 0;
}

static int64_t run_call(struct run *run)
{
	int64_t ret;
	bool go_on;

	ret = admit(run);
	if (ret)
		return ret;
	atomic_fetch_add(&run->worker->session
				  ->count[run->req->call - call_table],
			 1);
	ret = run_hook(run, false, &go_on);
	if (!go_on)
		return ret;
	ret = run_map_args(run);
	if (ret)
		return ret;
	ret = run_hook(run, true, &go_on);
	if (!go_on)
		return ret;
	ret = run_make(run);
	if (ret == -EINVAL)
		ret = direct_again(run);
	if (ret == 0)
		peers_note(run);
	return run->req->call->ret == RET_FD ? run_new_handle(run, ret) : ret;
}

void run_request(struct worker *worker, struct req *req)
{
	struct run run;
	unsigned int i;

	run.worker = worker;
	run.req = req;
	for (i = 0; i < CALL_ARGS; i++)
		run.place[i].held = -1;
	req->ret = run_call(&run);
	for (i = 0; i < CALL_ARGS; i++)
		path_end(&run.place[i]);
}
