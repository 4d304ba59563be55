/* The tracee's memory. */
#include <errno.h>
#include <string.h>
#include <sys/uio.h>

#include "tracer/memory.h"

#define PAGE 4096u

int memory_read(pid_t pid, uint64_t addr, void *data, size_t len)
{
	size_t done = 0;

	while (done < len) {
		struct iovec here = { (char *)data + done, len - done };
		struct iovec there = { (void *)(uintptr_t)(addr + done),
				       len - done };
		ssize_t n = process_vm_readv(pid, &here, 1, &there, 1, 0);

		if (n < 0)
			return -errno;
		if (n == 0)
			return -EFAULT;
		done += (size_t)n;
	}
	return 0;
}

int memory_write(pid_t pid, uint64_t addr, const void *data, size_t len)
{
	size_t done = 0;

	while (done < len) {
		struct iovec here = { (char *)(uintptr_t)data + done,
				      len - done };
		struct iovec there = { (void *)(uintptr_t)(addr + done),
				       len - done };
		ssize_t n = process_vm_writev(pid, &here, 1, &there, 1, 0);

		if (n < 0)
			return -errno;
		if (n == 0)
			return -EFAULT;
		done += (size_t)n;
	}
	return 0;
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
