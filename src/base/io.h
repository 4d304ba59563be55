/* Whole-or-error I/O: EINTR and short transfers are dealt with here only. */
#ifndef RSC_IO_H
#define RSC_IO_H

#include <stddef.h>

/* Reads exactly len bytes; 0, -errno, or -ECONNRESET at end of file. */
int io_read_all(int fd, void *data, size_t len);
/* Writes exactly len bytes; 0 or -errno. Waits when fd is non-blocking. */
int io_write_all(int fd, const void *data, size_t len);

#endif
