/* The tracee's memory. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tracer/memory.h"

#define PAGE 4096u

bool (*memory_guard)(pid_t pid, uint64_t addr, size_t len);

static bool may_touch(pid_t pid, uint64_t addr, size_t len)
{
	return !memory_guard || memory_guard(pid, addr, len);
}

ssize_t memory_read_some(pid_t pid, uint64_t addr, void *data, size_t len)
{
	size_t done = 0;

	if (!may_touch(pid, addr, len))
		return -EFAULT;
	while (done < len) {
		struct iovec here = { (char *)data + done, len - done };
		struct iovec there = { (void *)(uintptr_t)(addr + done),
				       len - done };
		ssize_t n = process_vm_readv(pid, &here, 1, &there, 1, 0);

		if (n <= 0 && !done)
			return n ? -errno : -EFAULT;
		if (n <= 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

ssize_t memory_write_some(pid_t pid, uint64_t addr, const void *data,
			  size_t len)
{
	size_t done = 0;

	if (!may_touch(pid, addr, len))
		return -EFAULT;
	while (done < len) {
		struct iovec here = { (char *)(uintptr_t)data + done,
				      len - done };
		struct iovec there = { (void *)(uintptr_t)(addr + done),
				       len - done };
		ssize_t n = process_vm_writev(pid, &here, 1, &there, 1, 0);

		if (n <= 0 && !done)
			return n ? -errno : -EFAULT;
		if (n <= 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

static int whole(ssize_t done, size_t len)
{
	if (done < 0)
		return (int)done;
	return (size_t)done < len ? -EFAULT : 0;
}

int memory_read(pid_t pid, uint64_t addr, void *data, size_t len)
{
	return whole(memory_read_some(pid, addr, data, len), len);
}

int memory_write(pid_t pid, uint64_t addr, const void *data, size_t len)
{
	return whole(memory_write_some(pid, addr, data, len), len);
}

int memory_force(pid_t pid, uint64_t addr, const void *data, size_t len)
{
	char name[64];
	ssize_t n;
	int fd;

	if (!may_touch(pid, addr, len))
		return -EFAULT;
	snprintf(name, sizeof(name), "/proc/%d/mem", pid);
	fd = open(name, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = pwrite(fd, data, len, (off_t)addr);
	close(fd);
	return n == (ssize_t)len ? 0 : -EFAULT;
}

ssize_t memory_read_str(pid_t pid, uint64_t addr, char *data, size_t size)
{
	size_t done = 0;

	while (done < size) {
		size_t n = PAGE - ((addr + done) & (PAGE - 1));
		char *nul;
		int err;

		if (n > 256)
			n = 256;
		if (n > size - done)
			n = size - done;
		err = memory_read(pid, addr + done, data + done, n);
		if (err)
			return err;
		nul = memchr(data + done, 0, n);
		if (nul)
			return nul - data;
		done += n;
	}
	return -ENAMETOOLONG;
}
