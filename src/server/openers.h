/* Who else on this machine has a file open, or is about to open it. */
#ifndef RSC_OPENERS_H
#define RSC_OPENERS_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * 0 when no other process can write the file of fd through a descriptor or a
 * mapping that it has; -EBUSY when one can; -EPERM when that is not to be
 * known: no right to look, or a file system that other machines write, too.
 */
int openers_look(int fd);
/*
 * Does the open(2) in which thread tid waits ask for more than reading? True
 * when that is not to be known.
 */
bool openers_writes(pid_t tid);

#endif
