/*
 * Private to run.c and its family: a call about to be made, and what its hooks
 * may ask.
 */
#ifndef RSC_RUN_INTERNAL_H
#define RSC_RUN_INTERNAL_H

#include <sys/uio.h>

#include "server/path.h"
#include "server/session.h"

struct run {
	struct worker *worker;
	struct req *req;
	uint64_t reg[CALL_ARGS];
	struct iovec iov[CALL_ARGS];
	struct place place[CALL_ARGS]; /* of PATH arguments */
};

/* run_args.c */

/* What the client calls fd, as the kernel takes it from a register. */
int run_fd(const struct value *val);
bool run_owns(const struct run *run, int fd);
/* False for a --read-only server. */
bool run_may_change(const struct run *run);
/*
 * A path begins. /proc/self/fd/N is the client's way to name its handle N; the
 * session's own /proc/self is nobody's. at: the call takes a directory. 0 or
 * -errno.
 */
int run_begin(const struct run *run, struct place *place, int dirfd,
	      const char *path, bool at);
/* Where path argument i + 1 starts: AT_FDCWD, a handle, or -EBADF. */
int64_t run_dirfd(const struct run *run, unsigned int i);
/* Fills reg from the values; buffers stay where they are. 0 or -errno. */
int run_map_args(struct run *run);

/* run.c */

/* The system call with the registers as they are; its result or -errno. */
int64_t run_make(const struct run *run);
/* A new descriptor, or -errno, becomes a handle; the same or -errno. */
int64_t run_new_handle(struct run *run, int64_t fd);

/*
 * net.c: hooks of the calls on sockets, after the arguments were checked and
 * mapped: a result, or *go_on for the generic call after them.
 */

int64_t net_socket(struct run *run, bool *go_on);
int64_t net_accept(struct run *run, bool *go_on);
int64_t net_address(struct run *run, bool *go_on);
int64_t net_option(struct run *run, bool *go_on);
int64_t net_messages(struct run *run, bool *go_on);
int64_t net_interfaces(struct run *run, bool *go_on);

/* mapped.c: likewise, of the calls on files that are mapped. */

int64_t mapped_hold(struct run *run, bool *go_on);
int64_t mapped_recall(struct run *run, bool *go_on);
int64_t mapped_seek(struct run *run, bool *go_on);

/* running.c: likewise, of programs of this machine that the client runs. */

/* It begins or ends to execute a file. */
int64_t running_note(struct run *run, bool *go_on);
int64_t running_truncate(struct run *run, bool *go_on);
/* Could the caller execute the file? */
int64_t running_may_exec(struct run *run, bool *go_on);
/* Would the open be ETXTBSY? */
bool running_keeps(const struct run *run, int dirfd, const char *path,
		   const struct open_how *how);

/* creds.c: likewise, of the calls on credentials. */

int64_t creds_capget(struct run *run, bool *go_on);
int64_t creds_exec(struct run *run, bool *go_on);
int64_t creds_getgroups(struct run *run, bool *go_on);
int64_t creds_setgroups(struct run *run, bool *go_on);
int64_t creds_status(struct run *run, bool *go_on);

/*
 * direct.c: a call that was EINVAL is made once more, if O_DIRECT may be why;
 * its result, or -EINVAL.
 */
int64_t direct_again(struct run *run);

/*
 * peers.c: a call was made: who connects and listens is remembered, and
 * SO_PEERCRED names the task of the session that did, as WIRE_PEER_TASK.
 */
void peers_note(struct run *run);

/* handles.c: what /proc says of a handle. */
int64_t handles_info(struct run *run, bool *go_on);

/* file_handle.c: likewise, of handles of files. */

int64_t file_handle_name(struct run *run, bool *go_on);
int64_t file_handle_open(struct run *run, bool *go_on);

/* locks.c: F_GETLK, whose answer names the task that holds the lock. */
int64_t locks_get(struct run *run, bool *go_on);

#endif
