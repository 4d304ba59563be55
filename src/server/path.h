/*
 * Guard of paths: a client never reaches into /proc of an rsc process, and
 * never follows a magic link of one (proc(5), openat2(2)).
 */
#ifndef RSC_PATH_H
#define RSC_PATH_H

#include <limits.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <sys/types.h>
#include <stddef.h>
#include <stdint.h>

/* Where a call goes; path_guard may replace a path by an equal one. */
struct place {
	int dirfd;
	const char *path;
	uint64_t resolve; /* RESOLVE_* of openat2(2) that the call asks for */
	bool own;	  /* made by path_begin_own() */
	bool magic;	  /* path is a magic link that may be followed */
	int held;	  /* owned; -1, or the dirfd that path_guard made */
	char text[PATH_MAX]; /* path, when it was replaced */
};

/*
 * Remembers who we are and where /proc is; before the root is changed and
 * before threads run. 0, or -errno with a line in the log. rooted: magic links
 * of other processes are not followed, as they could lead out of the root.
 */
int path_init(bool rooted);

void path_begin(struct place *place, int dirfd, const char *path);
/*
 * The place that rest names below fd, or fd itself when rest is empty, as
 * /proc/self/fd does for a program. Without at, by a name from the root for a
 * call that takes no directory. 0 or -errno.
 */
int path_begin_at(struct place *place, int fd, const char *rest, bool at);
/*
 * A file below /proc of the session itself that is no secret of it: what is
 * mounted. The caller has checked the name.
 */
void path_begin_own(struct place *place, const char *name);
void path_end(struct place *place);
/*
 * Resolves place: 0 when the call may go there (also when nothing is there:
 * the call itself will say so), -EACCES when not. nofollow: the call does not
 * follow a link at the end. stat_only: the call says what is there, which for
 * the directory of an rsc process and for the link /proc/self is allowed.
 */
int path_guard(struct place *place, bool nofollow, bool stat_only);
/*
 * openat2(2) of a place by way of the guard, always close-on-exec and without
 * a controlling terminal: a descriptor or -errno.
 */
int path_open(struct place *place, const struct open_how *how);
/*
 * The name of a place without links, NUL-terminated, also when only the last
 * component is not there; its length or -errno.
 */
int path_resolve(struct place *place, bool nofollow, char *text, size_t size);
/* May the client act on this process or thread? 0, or -EPERM. */
int path_guard_pid(pid_t pid);
/* /proc as the server sees it, or -1: a descriptor that stays path.c's. */
int path_proc(void);
/* The openat2(2) that is openat(2) with these flags and mode. */
struct open_how path_how(uint64_t flags, uint64_t mode);

#endif
