/* The table of hooks. */
#include "tracer/exec.h"
#include "tracer/hooks.h"
#include "tracer/own_filter.h"

static const struct {
	const char *name;
	hook_fn hook;
} hooks[] = {
	{ "accept", hook_accept },
	{ "accept4", hook_accept },
	{ "bind", hook_name },
	{ "capget", hook_caps },
	{ "capset", hook_caps },
	{ "chdir", hook_chdir },
	{ "clock_getres", hook_clock },
	{ "clock_gettime", hook_clock },
	{ "gettimeofday", hook_clock },
	{ "time", hook_clock },
	{ "clock_nanosleep", hook_deadline },
	{ "close", hook_close },
	{ "close_range", hook_close_range },
	{ "connect", hook_name },
	{ "dup", hook_dup },
	{ "dup2", hook_dup2 },
	{ "dup3", hook_dup2 },
	{ "epoll_ctl", hook_epoll_ctl },
	{ "execve", exec_hook },
	{ "execveat", exec_hook },
	{ "fchdir", hook_fchdir },
	{ "fcntl", hook_fcntl },
	{ "futex", hook_deadline },
	{ "futex_wait", hook_deadline },
	{ "futex_waitv", hook_deadline },
	{ "getcwd", hook_getcwd },
	{ "getgroups", hook_groups },
	{ "getsockopt", hook_option },
	{ "getdents64", hook_getdents },
	{ "io_submit", hook_io_submit },
	{ "ioctl", hook_ioctl },
	{ "madvise", hook_madvise },
	{ "mmap", hook_mmap },
	{ "poll", hook_poll },
	{ "ppoll", hook_poll },
	{ "process_madvise", hook_process_madvise },
	{ "pselect6", hook_select },
	{ "pidfd_getfd", hook_pidfd_getfd },
	{ "recvfrom", hook_recvfrom },
	{ "recvmmsg", hook_message },
	{ "recvmsg", hook_message },
	{ "prctl", hook_prctl },
	{ "remap_file_pages", hook_remap_pages },
	{ "mq_timedreceive", hook_deadline },
	{ "name_to_handle_at", hook_name_to_handle },
	{ "open_by_handle_at", hook_open_by_handle },
	{ "mq_timedsend", hook_deadline },
	{ "mremap", hook_mremap },
	{ "msync", hook_msync },
	{ "munmap", hook_munmap },
	{ "sched_getaffinity", hook_sched },
	{ "sched_setaffinity", hook_sched },
	{ "sched_setattr", hook_sched },
	{ "sched_setparam", hook_sched },
	{ "sched_setscheduler", hook_sched },
	{ "select", hook_select },
	{ "seccomp", hook_seccomp },
	{ "sendfile", hook_copy },
	{ "sendmmsg", hook_message },
	{ "sendmsg", hook_message },
	{ "sendto", hook_sendto },
	{ "setsockopt", hook_option },
	{ "socket", hook_socket },
	{ "setgroups", hook_groups },
	{ "splice", hook_copy },
	{ "sysfs", hook_sysfs },
	{ "timer_settime", hook_deadline },
	{ "timerfd_settime", hook_deadline },
	{ "umask", hook_umask },
	{ "unshare", hook_unshare },
	{ "vmsplice", hook_vmsplice },
	{ "waitid", hook_waitid },
};

hook_fn hook_of(const struct call *call)
{
	static hook_fn by_id[1024];
	static bool ready;

	if (!ready) {
		for (size_t i = 0; i < sizeof(hooks) / sizeof(*hooks); i++) {
			const struct call *c = call_by_name(hooks[i].name);

			if (c && c->id < 1024)
				by_id[c->id] = hooks[i].hook;
		}
		ready = true;
	}
	return call->id < 1024 ? by_id[call->id] : NULL;
}
