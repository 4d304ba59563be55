/*
 * The edges of the ABI: programs that would make calls with numbers of another
 * table (i386, x32, ARM), which rsc does not know.
 *
 * Such calls of a native program (`int $0x80`, x32's bit 30) fail with ENOSYS
 * in the seccomp filter; an image of another ABI is refused before it runs.
 */
#ifndef RSC_ABI_H
#define RSC_ABI_H

#include <stdbool.h>
#include <sys/types.h>

struct run;
struct tracee;

/*
 * May the file be executed? It is read as pid sees it: path is relative to
 * dirfd, a descriptor of pid or AT_FDCWD. 0 (also for what the kernel refuses
 * better itself), -ENOEXEC for an image of another ABI or a script whose
 * interpreter is one (a line was printed), -EACCES when it cannot be read.
 */
int abi_check_file(pid_t pid, int dirfd, const char *path);
/* An image (its first 64 bytes) of 32 bits that this kernel would run. */
bool abi_is_foreign_image(const char *head);
/* A line: the ELF file at path, which begins with head, is for another machine. */
void abi_say_other(const char *path, const char *head);
/* The line for one; interpreter, if not empty, is it, of the script path. */
void abi_say_foreign(const char *path, const char *interpreter);
/* An image that runs with the calls that rsc knows. */
bool abi_is_native_image(const char *head);
/* True when pid, which is in a ptrace stop, runs with another ABI. */
bool abi_is_foreign(pid_t pid);

#endif
