/* Whole-or-error I/O. */
#include <errno.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/io.h"

ssize_t io_read(int fd, void *data, size_t len)
{
	return syscall(SYS_read, fd, data, len);
}

ssize_t io_write(int fd, const void *data, size_t len)
{
	return syscall(SYS_write, fd, data, len);
}

static void wait_for(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };

	poll(&p, 1, -1);
}

int io_read_all(int fd, void *data, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = io_read(fd, (char *)data + done, len - done);

		if (n > 0)
			done += (size_t)n;
		else if (n == 0)
			return -ECONNRESET;
		else if (errno == EAGAIN)
			wait_for(fd, POLLIN);
		else if (errno != EINTR)
			return -errno;
	}
	return 0;
}

int io_write_all(int fd, const void *data, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = io_write(fd, (const char *)data + done, len - done);

		if (n >= 0)
			done += (size_t)n;
		else if (errno == EAGAIN)
			wait_for(fd, POLLOUT);
		else if (errno != EINTR)
			return -errno;
	}
	return 0;
}
