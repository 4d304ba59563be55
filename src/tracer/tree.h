/*
 * The numbers of the program's processes, which are never the server's.
 */
#ifndef RSC_TREE_H
#define RSC_TREE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "call/types.h"

struct run;
struct tracee;

struct tree {
	int proc;	/* owned: a /proc in which the tree has its numbers */
	dev_t dev;	/* of that */
	bool own;	/* the tree is in a pid namespace */
	bool same;	/* the server counts the same processes as we do */
	bool apart;	/* no number of the tree is ever one of the server's */
	int64_t uptime; /* ns that the server is longer up than we are */
	int hold;	/* owned: keeps the namespace's init alive, or -1 */
	pid_t init;	/* of the namespace, or 0 */
	struct kernel_world there;
};

/* Opens this machine's /proc; 0 or -errno. */
int tree_init(struct run *run);
/* Do calls by pid go to the server? */
bool tree_is_wanted(const struct run *run);
/* What the server said of its numbers. */
void tree_compare(struct run *run, const struct kernel_world *there);
/*
 * fork(2) of the program's process, in a namespace where one can be had.
 * tree_end() is called when the whole tree is gone.
 */
pid_t tree_fork(struct run *run);
void tree_end(struct run *run);

/* The number that the program knows a thread, or its process, by. */
pid_t tree_number(struct run *run, struct tracee *t);
pid_t tree_group_number(struct run *run, struct tracee *t);
/* The tracee that has this number in the program's eyes, or NULL. */
struct tracee *tree_find(struct run *run, pid_t number);
/* Is number a process or thread of the tree, alive or not waited for? */
bool tree_has(struct run *run, pid_t number);
/* Is number a process group with a process of the tree in it? */
bool tree_has_group(struct run *run, pid_t number);

#endif
