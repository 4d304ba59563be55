/*
 * Hooks: what no row of the table can say of a call. Each is called at the
 * seccomp stop with t->call and t->arg set, and ends it with one of
 * finish_skip, let_go, let_go_then, forward or ask.
 */
#ifndef RSC_HOOKS_H
#define RSC_HOOKS_H

#include "tracer/tracee.h"

/*
 * hook_async.c: fcntl and ioctl of a remote descriptor. True when the request is
 * one of those that are about signals; it goes on from there.
 */
bool async_fcntl(struct run *run, struct tracee *t);
bool async_ioctl(struct run *run, struct tracee *t);
/* hook_net.c: SIOCGIFCONF of a remote descriptor. */
void net_list(struct run *run, struct tracee *t);
/* hook_notify.c: likewise, of leases and F_NOTIFY. */
bool notify_fcntl(struct run *run, struct tracee *t);

void hook_caps(struct run *run, struct tracee *t);
void hook_chdir(struct run *run, struct tracee *t);
void hook_clock(struct run *run, struct tracee *t);
void hook_accept(struct run *run, struct tracee *t);
void hook_close(struct run *run, struct tracee *t);
void hook_close_range(struct run *run, struct tracee *t);
void hook_deadline(struct run *run, struct tracee *t);
void hook_dup(struct run *run, struct tracee *t);
void hook_dup2(struct run *run, struct tracee *t);
void hook_epoll_ctl(struct run *run, struct tracee *t);
void hook_fchdir(struct run *run, struct tracee *t);
void hook_fcntl(struct run *run, struct tracee *t);
void hook_groups(struct run *run, struct tracee *t);
void hook_prctl(struct run *run, struct tracee *t);
void hook_getdents(struct run *run, struct tracee *t);
void hook_getcwd(struct run *run, struct tracee *t);
void hook_io_submit(struct run *run, struct tracee *t);
void hook_ioctl(struct run *run, struct tracee *t);
void hook_mmap(struct run *run, struct tracee *t);
void hook_poll(struct run *run, struct tracee *t);
void hook_select(struct run *run, struct tracee *t);
void hook_madvise(struct run *run, struct tracee *t);
void hook_process_madvise(struct run *run, struct tracee *t);
void hook_remap_pages(struct run *run, struct tracee *t);
void hook_mremap(struct run *run, struct tracee *t);
void hook_msync(struct run *run, struct tracee *t);
void hook_munmap(struct run *run, struct tracee *t);
void hook_copy(struct run *run, struct tracee *t);
void hook_vmsplice(struct run *run, struct tracee *t);
void hook_unshare(struct run *run, struct tracee *t);
void hook_message(struct run *run, struct tracee *t);
void hook_name(struct run *run, struct tracee *t);
void hook_name_to_handle(struct run *run, struct tracee *t);
void hook_open_by_handle(struct run *run, struct tracee *t);
void hook_option(struct run *run, struct tracee *t);
void hook_pidfd_getfd(struct run *run, struct tracee *t);
void hook_recvfrom(struct run *run, struct tracee *t);
void hook_sched(struct run *run, struct tracee *t);
void hook_sendto(struct run *run, struct tracee *t);
void hook_socket(struct run *run, struct tracee *t);
void hook_waitid(struct run *run, struct tracee *t);
void hook_sysfs(struct run *run, struct tracee *t);
void hook_umask(struct run *run, struct tracee *t);

/*
 * hook_clock.c: at the seccomp stop, calls then when run->real holds, at this
 * stop or at the reply. Fails the call when the server cannot say.
 */
void clock_ask(struct run *run, struct tracee *t, then_fn then);
/* Nanoseconds. */
int64_t clock_now(clockid_t clock);

/* At the exec event: credentials change there as they would here. */
void tell_exec(struct run *run, struct tracee *t);

#endif
