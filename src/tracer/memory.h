/*
 * The tracee's memory, by process_vm_readv(2) and process_vm_writev(2).
 * Whole or -EFAULT; -ESRCH when the tracee is gone.
 */
#ifndef RSC_MEMORY_H
#define RSC_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Asked before memory is touched, if it is not NULL: false when that cannot be.
 * What is not there yet would be waited for.
 */
extern bool (*memory_guard)(pid_t pid, uint64_t addr, size_t len);

int memory_read(pid_t pid, uint64_t addr, void *data, size_t len);
int memory_write(pid_t pid, uint64_t addr, const void *data, size_t len);
/* Writes where the tracee itself may only read, as a debugger does. */
int memory_force(pid_t pid, uint64_t addr, const void *data, size_t len);
/* Up to the first byte that is not there: how many, or -errno when none. */
ssize_t memory_read_some(pid_t pid, uint64_t addr, void *data, size_t len);
ssize_t memory_write_some(pid_t pid, uint64_t addr, const void *data,
			  size_t len);
/*
 * Reads a NUL-terminated string into data (size bytes). Its length, or
 * -ENAMETOOLONG when there is no NUL within size, or -EFAULT.
 */
ssize_t memory_read_str(pid_t pid, uint64_t addr, char *data, size_t size);

#endif
