/*
 * Makes one call after the other, whose trace and counts the test knows. It
 * starts in the directory that the test has prepared.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define REQUIRE(cond)                                                          \
	do {                                                                   \
		if (!(cond)) {                                                 \
			fprintf(stderr, "line %d: %s: %s\n", __LINE__, #cond,  \
				strerror(errno));                              \
			exit(1);                                               \
		}                                                              \
	} while (0)

int main(void)
{
	struct flock lock = { .l_type = F_WRLCK, .l_start = 1, .l_len = 2 };
	char buf[64];
	struct stat st;
	int fd;
	int n;

	REQUIRE(!chdir("/srv/w"));
	fd = open("long", O_RDWR | O_CLOEXEC);
	REQUIRE(fd == 3);
	REQUIRE(read(fd, buf, sizeof(buf)) == sizeof(buf));
	REQUIRE(pread(fd, buf, 3, 2) == 3);
	REQUIRE(!fcntl(fd, F_SETLK, &lock));
	REQUIRE(!fcntl(fd, F_GETLK, &lock));
	REQUIRE(fcntl(fd, F_GETFL) >= 0);
	REQUIRE(fcntl(fd, F_DUPFD_CLOEXEC, 50) == 50);
	REQUIRE(!ioctl(fd, FIONREAD, &n) && n == 36);
	REQUIRE(ioctl(fd, 0xabcd, 7) < 0 && errno == ENOTTY);
	REQUIRE(open("odd", O_RDONLY) == 4);
	REQUIRE(read(4, buf, sizeof(buf)) == 11);
	REQUIRE(!fstat(4, &st) && st.st_size == 11);
	REQUIRE(unlink("nosuch") < 0 && errno == ENOENT);
	REQUIRE(read(fd, (void *)1, 5) < 0 && errno == EFAULT);
	umask(022);
	REQUIRE(dup2(4, 3) == 3);
	REQUIRE(!close(50));
	REQUIRE(syscall(SYS_io_uring_setup, 8, NULL) < 0 && errno == ENOSYS);
	REQUIRE(syscall(600, 1, 2, 3, 4, 5, 6) < 0 && errno == ENOSYS);
	/* No stdio before: it would look at its descriptor. */
	REQUIRE(write(1, "done\n", 5) == 5);
	return 0;
}
