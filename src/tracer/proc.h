/*
 * What the program sees of its own processes below /proc.
 *
 * /proc is the server's, but the directories of the program's own processes
 * are there too, as if they ran there: what belongs to a process on this
 * machine (memory, threads, signals, limits) is read here, what lies on the
 * server (working directory, descriptors, mounts, the network) there.
 */
#ifndef RSC_PROC_H
#define RSC_PROC_H

#include <stdbool.h>
#include <sys/types.h>

struct buf;
struct run;
struct tracee;

/* What a name means. */
enum proc_side {
	PROC_NONE,	/* nothing of the tree: the routes decide */
	PROC_SELF,	/* this kernel finds it under the name that was given */
	PROC_OURS,	/* the tracer finds it: proc_run() */
	PROC_THERE,	/* the server's, by t->place->path on the wire */
	PROC_ELSEWHERE, /* name is now another name of it: to be routed */
	PROC_GONE,	/* there is no such thing */
};

/*
 * The name, in base (PATH_MAX bytes), of a local descriptor that is a
 * directory of the tree's /proc. False when fd is something else.
 */
bool proc_base(struct run *run, struct tracee *t, int fd, char *base);
/*
 * What name (absolute, normalised, PATH_MAX bytes) means in a call of t.
 * literal: it is an absolute name as the program wrote it. follow: a link at
 * its end is followed.
 */
enum proc_side proc_path(struct run *run, struct tracee *t, char *name,
			 bool literal, bool follow);
/*
 * proc_resolve.c: what openat2(2) of t, whose path is given, says when it comes
 * to name, which proc_path() knows: 0 or -errno.
 */
int proc_resolve(const struct tracee *t, const char *given, const char *name,
		 bool follow);
/* Makes the call of t on the place that proc_path() found, and ends it. */
void proc_run(struct run *run, struct tracee *t);

/*
 * proc_text.c: true when the text of the place is not this kernel's alone;
 * proc_compose() then ends the open of t for reading.
 */
struct proc_place;
bool proc_is_composed(const struct proc_place *place);
void proc_compose(struct run *run, struct tracee *t);
/* proc_maps.c: text, of maps or smaps, with the server's names. 0 or -ENOMEM. */
int proc_maps(const struct run *run, const char *text, struct buf *out);

/* 0 when what proc_path() found is a directory, or -errno. */
int proc_is_dir(struct run *run, struct tracee *t);

/* Reads a whole file below the tree's /proc into text, zeroed; or -errno. */
int proc_read(const struct run *run, const char *path, struct buf *text);

#endif
