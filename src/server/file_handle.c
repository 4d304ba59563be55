/* name_to_handle_at(2) and open_by_handle_at(2). */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "call/types.h"
#include "server/run_internal.h"

#define MAGIC_NSFS 0x6e736673
#define MAGIC_PIDFS 0x50494446 /* linux/magic.h since 6.9 */

/* With EOVERFLOW the caller learns how long it is: 1, as results travel then. */
int64_t file_handle_name(struct run *run, bool *go_on)
{
	const struct value *val = run->req->val;
	int64_t ret;

	*go_on = false;
	if (!val[2].data || !val[3].data)
		return -EFAULT;
	ret = run_make(run);
	return ret == -EOVERFLOW ? 1 : ret;
}

/* Processes, among which are ours, and their namespaces have handles, too. */
static bool is_file(int fd)
{
	struct statfs fs;

	return !fstatfs(fd, &fs) && fs.f_type != MAGIC_NSFS &&
	       fs.f_type != MAGIC_PIDFS;
}

int64_t file_handle_open(struct run *run, bool *go_on)
{
	const struct kernel_file_handle *handle =
		(const void *)run->req->val[1].data;
	struct open_how how = path_how(run->req->val[2].num, 0);
	int at = run_fd(&run->req->val[0]);
	int64_t fd;

	*go_on = false;
	/* It would lead out of the root. */
	if (run->worker->session->opts->root)
		return -EPERM;
	if (at != AT_FDCWD && !run_owns(run, at))
		return -EBADF;
	if (!handle)
		return -EFAULT;
	if (handle->bytes > sizeof(handle->data))
		return -EINVAL;
	if (!run_may_change(run) && !(how.flags & O_PATH) &&
	    ((how.flags & O_ACCMODE) != O_RDONLY || how.flags & O_TRUNC))
		return -EROFS;
	run->reg[0] = (uint64_t)at;
	run->reg[2] = how.flags | O_CLOEXEC |
		      (how.flags & O_PATH ? 0 : O_NOCTTY);
	fd = run_make(run);
	if (fd >= 0 && !is_file((int)fd)) {
		close((int)fd);
		return -EPERM;
	}
	return run_new_handle(run, fd);
}
