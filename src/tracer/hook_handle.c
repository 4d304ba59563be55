/*
 * name_to_handle_at(2) and open_by_handle_at(2): a handle is as long as it says
 * itself, and belongs to the side of the directory that is named with it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>

#include "call/types.h"
#include "tracer/hooks.h"
#include "tracer/memory.h"

#define HEAD offsetof(struct kernel_file_handle, data)
#define HANDLE_ARG 2
#define MOUNT_ARG 3

#ifndef AT_HANDLE_MNT_ID_UNIQUE
#define AT_HANDLE_MNT_ID_UNIQUE 1 /* linux/fcntl.h since 6.12 */
#endif

/* Reads the handle at addr, with its bytes if all; 0 or -errno. */
static int read_handle(struct tracee *t, uint64_t addr, bool all,
		       struct kernel_file_handle *handle)
{
	int err = memory_read(t->pid, addr, handle, HEAD);

	if (err || !all)
		return err;
	if (!handle->bytes || handle->bytes > sizeof(handle->data))
		err = -EINVAL;
	else
		err = memory_read(t->pid, addr + HEAD, handle->data,
				  handle->bytes);
	return err;
}

/* The value of argument i, in the arena: 0 or -ENOMEM. */
static int put_handle(struct tracee *t, unsigned int i, uint64_t addr,
		      const struct kernel_file_handle *handle)
{
	struct value *v = &t->req.val[i];

	v->num = addr;
	v->len = sizeof(*handle);
	v->data = arena_alloc(&t->arena, sizeof(*handle));
	if (!v->data)
		return -ENOMEM;
	memcpy(v->data, handle, sizeof(*handle));
	return 0;
}

/* ---- name_to_handle_at ---- */

/* The server has put 1 for EOVERFLOW, with which there are results, too. */
static void named(struct run *run, struct tracee *t)
{
	const struct kernel_file_handle *handle =
		(const void *)t->req.val[HANDLE_ARG].data;
	const struct value *id = &t->req.val[MOUNT_ARG];
	int64_t ret = t->req.ret;
	size_t size = t->arg[4] & AT_HANDLE_MNT_ID_UNIQUE ? 8 : 4;
	size_t len = HEAD;

	if (ret < 0 || !handle || !id->data) {
		finish_skip(run, t, ret < 0 ? ret : -EIO);
		return;
	}
	if (!ret && handle->bytes <= sizeof(handle->data))
		len += handle->bytes;
	if (memory_write(t->pid, t->arg[MOUNT_ARG], id->data, size) ||
	    memory_write(t->pid, t->arg[HANDLE_ARG], handle, len))
		ret = -EFAULT;
	finish_skip(run, t, ret > 0 ? -EOVERFLOW : ret);
}

static void name_there(struct run *run, struct tracee *t)
{
	struct kernel_file_handle handle = { 0 };
	const uint64_t at = t->arg[HANDLE_ARG];
	const uint64_t id = t->arg[MOUNT_ARG];
	int err;

	err = read_handle(t, at, false, &handle);
	t->arg[HANDLE_ARG] = 0;
	t->arg[MOUNT_ARG] = 0;
	if (!err)
		err = fetch(t);
	t->arg[HANDLE_ARG] = at;
	t->arg[MOUNT_ARG] = id;
	if (!err)
		err = put_handle(t, HANDLE_ARG, at, &handle);
	if (err) {
		finish_skip(run, t, err);
		return;
	}
	t->req.val[MOUNT_ARG].num = 1;
	t->req.val[MOUNT_ARG].len = sizeof(uint64_t);
	ask(run, t, named);
}

void hook_name_to_handle(struct run *run, struct tracee *t)
{
	t->if_allowed = name_there;
	by_path(run, t);
}

/* ---- open_by_handle_at ---- */

void hook_open_by_handle(struct run *run, struct tracee *t)
{
	struct entry *e = files_get(t->files, (int32_t)t->arg[0]);
	struct kernel_file_handle handle = { 0 };
	bool cwd = (int32_t)t->arg[0] == AT_FDCWD;
	int err;

	if (!e && !(cwd && t->fs->remote)) {
		let_go(run, t);
		return;
	}
	err = read_handle(t, t->arg[1], true, &handle);
	if (!err)
		err = put_handle(t, 1, t->arg[1], &handle);
	if (err) {
		finish_skip(run, t, err);
		return;
	}
	t->req.call = t->call;
	t->req.val[0].num = e ? (uint64_t)e->handle : (uint64_t)AT_FDCWD;
	t->req.val[2].num = t->arg[2];
	ask(run, t, placeholder_put);
}
