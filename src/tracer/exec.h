/*
 * execve(2) and execveat(2): which machine's program it is, and running here
 * one that only the server has.
 *
 * Order (--exec): rules that name the file decide first. Then
 *   local   what lies here below /usr, /bin, /sbin, /lib*, /opt or a directory
 *           of $PATH is this machine's; anything else is the server's when it
 *           has it, else this machine's (the default);
 *   auto    the server's when it has it, else this machine's;
 *   remote  the server's.
 * A program of the server runs with its own interpreter (PT_INTERP, #!) and
 * libraries. It is kept in the cache (cache.h) and executed from there.
 */
#ifndef RSC_EXEC_H
#define RSC_EXEC_H

#include <stdbool.h>
#include <sys/types.h>

struct run;
struct tracee;

enum exec_mode { EXEC_LOCAL, EXEC_AUTO, EXEC_REMOTE };

/* The mode that text names; -1: none. */
int exec_mode_by_name(const char *text);
/* The hook of both calls. */
void exec_hook(struct run *run, struct tracee *t);
/*
 * At the exec event: what the program's memory holds now. 0 or -ENOMEM. True
 * in *here when its loader is this machine's.
 */
int exec_done(struct run *run, struct tracee *t, bool *here);
/* True at the seccomp stop of one of them. */
bool exec_is_call(const struct tracee *t);
/* Frees what an execve under way holds. */
void exec_drop(struct run *run, struct tracee *t);

#endif
