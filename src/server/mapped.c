/* Calls on files that the client's program has mapped; hold.c does the rest. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/run_internal.h"

/* Where data or a hole begins; the offset of the description stays. */
int64_t mapped_seek(struct run *run, bool *go_on)
{
	int whence = (int)run->reg[2];
	struct stat st;
	char name[64];
	off_t at;
	int fd;

	*go_on = false;
	if ((whence != SEEK_DATA && whence != SEEK_HOLE) ||
	    fstat((int)run->reg[0], &st) || !S_ISREG(st.st_mode))
		return -EINVAL;
	snprintf(name, sizeof(name), "/proc/thread-self/fd/%d",
		 (int)run->reg[0]);
	fd = open(name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	at = lseek(fd, (off_t)run->reg[1], whence);
	if (at < 0)
		at = -errno;
	close(fd);
	return at;
}

int64_t mapped_hold(struct run *run, bool *go_on)
{
	*go_on = false;
	return hold_file(run->worker, (int)run->reg[0]);
}

int64_t mapped_recall(struct run *run, bool *go_on)
{
	*go_on = false;
	return hold_recall(run->worker, run_fd(&run->req->val[0]));
}
