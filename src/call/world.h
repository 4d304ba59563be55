/* How this machine counts its processes. */
#ifndef RSC_WORLD_H
#define RSC_WORLD_H

#include "call/types.h"

/*
 * Fills world by way of proc, a descriptor of /proc. 0; what cannot be found
 * out stays 0.
 */
int world_tell(struct kernel_world *world, int proc);

#endif
