/*
 * The vDSO: clocks that a program reads without a system call (vdso(7)), and
 * how they are made to trap.
 */
#ifndef RSC_VDSO_H
#define RSC_VDSO_H

#include <stdbool.h>
#include <sys/types.h>

struct run;

/* True when a selected call is one that the vDSO would answer unseen. */
bool vdso_hides_calls(const struct run *run);
/*
 * At the exec event: takes the vDSO out of the auxiliary vector on the new
 * program's stack, so that its libc or runtime makes real calls. 0 (also when
 * there is no vDSO), or -errno.
 */
int vdso_hide(pid_t pid);
/* True for the clocks (clock_gettime(2)) that tell the server's real time. */
bool clock_is_remote(int clock);

#endif
