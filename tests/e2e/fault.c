/* Buffers that are not there, or end early: prints each result and errno. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <sys/xattr.h>
#include <unistd.h>

#define TRY(call)                                                              \
	do {                                                                   \
		errno = 0;                                                     \
		ret = (long)(call);                                            \
		printf("%-40s = %ld %s\n", #call, ret,                         \
		       errno ? strerrorname_np(errno) : "");                   \
	} while (0)

int main(void)
{
	void *volatile nowhere = (void *)1;
	char *page = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *edge = page + 4096 - 4; /* four bytes, then nothing */
	struct iovec iov[2];
	char buf[64];
	long ret;
	int fifo;
	int fd;

	munmap(page + 4096, 4096);
	mprotect(page + 2 * 4096, 4096, PROT_READ);
	memcpy(edge, "edge", 4);
	fd = open("f", O_RDWR | O_CREAT | O_TRUNC, 0644);
	TRY(write(fd, "0123456789", 10));
	TRY(pread(fd, nowhere, 5, 0));
	TRY(lseek(fd, 0, SEEK_SET));
	TRY(read(fd, nowhere, 5));
	TRY(lseek(fd, 0, SEEK_CUR));
	TRY(read(fd, edge, 10));
	TRY(lseek(fd, 0, SEEK_CUR));
	TRY(read(fd, page + 2 * 4096, 3));
	TRY(lseek(fd, 0, SEEK_CUR));
	TRY(read(fd, buf, 64));
	TRY(read(fd, nowhere, 0));
	TRY(write(fd, nowhere, 5));
	memcpy(edge, "edge", 4);
	TRY(write(fd, edge, 10));
	TRY(lseek(fd, 0, SEEK_CUR));
	iov[0] = (struct iovec){ buf, 3 };
	iov[1] = (struct iovec){ nowhere, 3 };
	TRY(preadv(fd, iov, 2, 0));
	TRY(pwritev(fd, iov, 2, 0));
	TRY(readv(fd, nowhere, 1));
	TRY(readv(fd, iov, -1));
	TRY(readv(fd, iov, 1025));
	TRY(readv(fd, iov, 0));
	iov[1].iov_len = (size_t)-1;
	TRY(readv(fd, iov, 2));
	TRY(fstat(fd, nowhere));
	TRY(fstatfs(fd, nowhere));
	TRY(stat("f", nowhere));
	TRY(stat(nowhere, nowhere));
	TRY(open(nowhere, O_RDONLY));
	TRY(open("f", O_RDONLY | O_CREAT | O_EXCL, 0600));
	TRY(mkdir(nowhere, 0700));
	TRY(rename("f", nowhere));
	TRY(prctl(PR_SET_SECCOMP, 2, nowhere));
	TRY(link("f", NULL));
	TRY(link(NULL, "f"));
	TRY(rename(NULL, "f"));
	TRY(uname(nowhere));
	TRY(readlink("/proc/version", buf, 0));
	TRY(symlink("target", "l"));
	TRY(readlink("l", nowhere, 5));
	TRY(readlink("l", edge, 10));
	TRY(setxattr("f", "user.a", nowhere, 3, 0));
	TRY(setxattr("f", nowhere, "abc", 3, 0));
	TRY(getxattr("f", "user.a", buf, sizeof(buf)));
	TRY(setxattr("f", "user.a", "abc", 3, 0));
	TRY(getxattr("f", "user.a", nowhere, 3));
	TRY(getxattr("f", "user.a", NULL, 0));
	TRY(getxattr("f", "user.a", buf, 2));
	TRY(getcwd(nowhere, 100) != NULL);
	TRY(mkfifo("p", 0600));
	fifo = open("p", O_RDWR);
	TRY(write(fifo, "0123456789", 10));
	TRY(read(fifo, nowhere, 5));
	TRY(read(fifo, buf, 5));
	TRY(write(fifo, nowhere, 5));
	TRY(read(fifo, buf, 64));
	return 0;
}
