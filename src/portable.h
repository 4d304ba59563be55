/*
 * The two halves of rsc-portable-ARCH: the launcher, a static program that
 * carries the server with its loader and its libraries, and that server.
 *
 * The launcher puts each part into a memfd and executes the loader, which takes
 * the libraries from their descriptors: nothing of the machine is used but its
 * kernel and /proc. Where memfds may not be executed the parts lie in a private
 * folder until the server runs.
 */
#ifndef RSC_PORTABLE_H
#define RSC_PORTABLE_H

#include <stdint.h>

/*
 * From the launcher to the server: "FIRST LAST", the descriptors of the parts,
 * or the folder that they lie in.
 */
#define PORTABLE_ENV "RSC_PORTABLE_PARTS"
#define PORTABLE_FD 200 /* the first of those descriptors */

struct portable_part {
	const char *name;
	const uint8_t *data;
	uint64_t size;
};

/*
 * Made by cmake/parts.sh: the loader, the program, the libraries; then one
 * without a name.
 */
extern const struct portable_part portable_parts[];

#endif
