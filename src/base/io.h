/* Whole-or-error I/O: EINTR and short transfers are dealt with here only. */
#ifndef RSC_IO_H
#define RSC_IO_H

#include <stddef.h>
#include <sys/types.h>

/*
 * read(2) and write(2), but no cancellation points: in a process with threads
 * the C library takes 30 ns for that, and no thread of rsc is ever cancelled.
 */
ssize_t io_read(int fd, void *data, size_t len);
ssize_t io_write(int fd, const void *data, size_t len);
/* Reads exactly len bytes; 0, -errno, or -ECONNRESET at end of file. */
int io_read_all(int fd, void *data, size_t len);
/* Writes exactly len bytes; 0 or -errno. Waits when fd is non-blocking. */
int io_write_all(int fd, const void *data, size_t len);

#endif
