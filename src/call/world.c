/* How this machine counts its processes, for the tracer to compare. */
#include "call/world.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* The text of a file below /proc, without the line's end; 0 or -errno. */
static int read_text(int proc, const char *name, char *text, size_t size)
{
	ssize_t n;
	int fd;

	fd = openat(proc, name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, text, size - 1);
	close(fd);
	if (n < 0)
		return -EIO;
	text[n] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return 0;
}

int world_tell(struct kernel_world *world, int proc)
{
	struct timespec boot;
	const char *last;
	struct stat st;
	char text[128];

	memset(world, 0, sizeof(*world));
	if (!read_text(proc, "sys/kernel/pid_max", text, sizeof(text)))
		world->pid_max = strtoul(text, NULL, 10);
	if (!read_text(proc, "loadavg", text, sizeof(text))) {
		last = strrchr(text, ' ');
		world->last_pid = last ? strtoul(last, NULL, 10) : 0;
	}
	if (!fstatat(proc, "thread-self/ns/pid", &st, 0))
		world->pid_ns = st.st_ino;
	if (!read_text(proc, "sys/kernel/random/boot_id", text, sizeof(text)))
		memcpy(world->boot_id, text,
		       strnlen(text, sizeof(world->boot_id)));
	if (!clock_gettime(CLOCK_BOOTTIME, &boot))
		world->uptime = boot.tv_sec * 1000000000LL + boot.tv_nsec;
	return 0;
}
