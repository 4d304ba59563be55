/* Lines of /proc/PID/status, proc_pid_status(5). */
#ifndef RSC_STATUS_H
#define RSC_STATUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Copies what stands behind "LABEL:" and the blanks into value, which has size
 * bytes. 0, or -errno; -ENOENT also when there is no such line.
 */
int status_get(pid_t pid, const char *label, char *value, size_t size);

/* The last number of the line, or 0. */
int64_t status_number(pid_t pid, const char *label);

/* The hexadecimal mask of the line, or 0. */
uint64_t status_mask(pid_t pid, const char *label);

/* Is capability cap (capabilities(7)) in its effective set? */
bool status_capable(pid_t pid, unsigned int cap);

#endif
