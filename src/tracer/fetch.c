/* Between the tracee's memory and the values of a request. */
#include <errno.h>
#include <string.h>
#include <sys/uio.h>

#include "tracer/fetch.h"
#include "tracer/memory.h"
#include "tracer/tracee.h"

#define IOV_COUNT_MAX 1024

static int fetch_str(struct tracee *t, struct value *v)
{
	char *text;
	ssize_t n;

	text = arena_alloc(&t->arena, PATH_MAX);
	if (!text)
		return -ENOMEM;
	n = memory_read_str(t->pid, v->num, text, PATH_MAX);
	if (n < 0)
		return (int)n;
	v->data = (uint8_t *)text;
	v->len = (size_t)n;
	return 0;
}

static int fetch_bytes(struct tracee *t, struct value *v, size_t len)
{
	v->data = arena_alloc(&t->arena, len ? len : 1);
	if (!v->data)
		return -ENOMEM;
	v->len = len;
	return memory_read(t->pid, v->num, v->data, len);
}

int fetch_iov(struct tracee *t, uint64_t addr, uint64_t count, size_t max,
	      struct iovec **iov, size_t *total)
{
	size_t skip = t->at;
	int err;

	if (count > IOV_COUNT_MAX)
		return -EINVAL;
	*iov = arena_alloc(&t->arena, (count + 1) * sizeof(**iov));
	if (!*iov)
		return -ENOMEM;
	err = memory_read(t->pid, addr, *iov, count * sizeof(**iov));
	if (err)
		return err;
	*total = 0;
	for (size_t i = 0; i < count; i++) {
		struct iovec *here = &(*iov)[i];
		size_t past = here->iov_len < skip ? here->iov_len : skip;

		if ((ssize_t)here->iov_len < 0)
			return -EINVAL;
		here->iov_base = (char *)here->iov_base + past;
		here->iov_len -= past;
		skip -= past;
		if (here->iov_len > t->size_left - *total)
			here->iov_len = t->size_left - *total;
		if (here->iov_len > max - *total) {
			here->iov_len = max - *total;
			t->more = true;
		}
		*total += here->iov_len;
	}
	return 0;
}

int fetch_gather(struct tracee *t, struct value *v, uint64_t count, size_t max)
{
	struct iovec *iov;
	size_t total;
	size_t at = 0;
	int err;

	err = fetch_iov(t, v->num, count, max, &iov, &total);
	if (err)
		return err;
	v->data = arena_alloc(&t->arena, total ? total : 1);
	if (!v->data)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		ssize_t n = memory_read_some(t->pid, (uintptr_t)iov[i].iov_base,
					     v->data + at, iov[i].iov_len);

		if (n < 0 && !at)
			return (int)n;
		at += n < 0 ? 0 : (size_t)n;
		if (n < (ssize_t)iov[i].iov_len)
			break;
	}
	v->len = at;
	if (at < total)
		t->more = false;
	return 0;
}

/*
 * What is to be moved of a buffer from byte t->at on: its address, and the
 * scalar that says its length, which is cut. The kernel takes an int from the
 * register's lower half; a negative one is its error.
 */
static size_t cut(struct tracee *t, struct value *v, const struct arg *arg)
{
	uint64_t *len = &t->req.val[arg->len].num;

	if (t->call->arg[arg->len].kind == ARG_INT)
		*len = (uint64_t)(int64_t)(int32_t)*len;
	if (t->call->arg[arg->len].kind == ARG_INT && (int64_t)*len < 0)
		return 0;
	v->num += t->at;
	*len -= t->at;
	if (*len > t->size_left)
		*len = t->size_left;
	if (*len > VALUE_BYTES_MAX) {
		*len = VALUE_BYTES_MAX;
		t->more = true;
	}
	return *len;
}

/* A write of a buffer that ends early writes what is there. */
static int fetch_in(struct tracee *t, struct value *v, const struct arg *arg)
{
	size_t len = cut(t, v, arg);
	ssize_t n;

	v->data = arena_alloc(&t->arena, len ? len : 1);
	if (!v->data)
		return -ENOMEM;
	n = memory_read_some(t->pid, v->num, v->data, len);
	if (n < 0)
		return (int)n;
	v->len = (size_t)n;
	if (v->len == len)
		return 0;
	if (t->call->ret != RET_LEN || t->call->verdict != V_BY_FD)
		return -EFAULT;
	t->more = false;
	t->req.val[arg->len].num = v->len;
	return 0;
}

/* How much room there is says the int behind another argument. */
static int fetch_room(struct tracee *t, struct value *v, const struct arg *arg)
{
	int32_t room;
	int err;

	if (!v->num)
		return 0;
	err = memory_read(t->pid, t->arg[arg->len], &room, sizeof(room));
	if (err)
		return err;
	v->len = room < 0 ? 0 : (size_t)room;
	if (v->len > VALUE_BYTES_MAX)
		v->len = VALUE_BYTES_MAX;
	return 0;
}

static int fetch_value(struct tracee *t, unsigned int i)
{
	const struct arg *arg = &t->call->arg[i];
	struct value *v = &t->req.val[i];
	struct entry *e;
	struct iovec *iov;

	switch ((enum arg_kind)arg->kind) {
	case ARG_UINT:
		if (arg->type == UI_OFFSET && (int64_t)v->num >= 0)
			v->num += t->at;
		return 0;
	case ARG_NONE:
	case ARG_FLAGS:
		return 0;
	case ARG_INT:
		v->num = (uint64_t)(int64_t)(int32_t)v->num;
		return 0;
	case ARG_FD:
		e = files_get(t->files, (int32_t)v->num);
		if (!e)
			return -EBADF;
		v->num = (uint64_t)e->handle;
		return 0;
	case ARG_DIRFD:
		e = files_get(t->files, (int32_t)v->num);
		v->num = e ? (uint64_t)e->handle : (uint64_t)-100;
		return 0;
	case ARG_PATH:
	case ARG_STR:
		if (v->num && !v->data)
			return fetch_str(t, v);
		return 0;
	case ARG_IN:
		if (!v->num)
			return t->req.val[arg->len].num ? -EFAULT : 0;
		return fetch_in(t, v, arg);
	case ARG_IOV_IN:
		return fetch_gather(t, v, t->req.val[arg->len].num,
				    VALUE_BYTES_MAX);
	case ARG_OUT:
	case ARG_OUT_ALL:
		v->len = v->num ? cut(t, v, arg) : 0;
		return 0;
	case ARG_IOV_OUT:
		return fetch_iov(t, v->num, t->req.val[arg->len].num,
				 VALUE_BYTES_MAX, &iov, &v->len);
	case ARG_STRUCT_IN:
	case ARG_STRUCT_INOUT:
		if (!v->num)
			return 0;
		return fetch_bytes(t, v, struct_table[arg->type].size);
	case ARG_STRUCT_OUT:
		v->len = v->num ? struct_table[arg->type].size : 0;
		return 0;
	case ARG_OUT_AT:
		return fetch_room(t, v, arg);
	case ARG_MSG_IN:
	case ARG_MSG_OUT:
		return messages_fetch(t, i);
	case ARG_PTR:
		return -ENOSYS;
	}
	return -ENOSYS;
}

static int probe(pid_t pid, uint64_t addr, size_t len)
{
	char byte;
	int err;

	if (!len)
		return 0;
	err = memory_read(pid, addr, &byte, 1);
	return err ? err : memory_read(pid, addr + len - 1, &byte, 1);
}

/*
 * What a pipe or a terminal gives is gone with the answer, so a buffer that is
 * not there is found out before the call. A file's bytes stay where they are.
 */
static int probe_outputs(struct tracee *t)
{
	struct entry *e = files_get(t->files, (int32_t)t->arg[0]);
	int err = 0;

	if (t->call->arg[0].kind != ARG_FD || !e ||
	    (e->remote->object & ~(uint32_t)OBJECT_POLLABLE) == OBJECT_FILE)
		return 0;
	for (unsigned int i = 0; !err && i < CALL_ARGS; i++)
		if ((t->call->arg[i].kind == ARG_OUT ||
		     t->call->arg[i].kind == ARG_OUT_AT) &&
		    t->req.val[i].num)
			err = probe(t->pid, t->req.val[i].num,
				    t->req.val[i].len);
	return err;
}

int fetch(struct tracee *t)
{
	t->req.call = t->call;
	t->more = false;
	for (unsigned int i = 0; i < CALL_ARGS; i++)
		t->req.val[i].num = t->arg[i];
	for (unsigned int i = 0; i < CALL_ARGS; i++) {
		int err = fetch_value(t, i);

		if (err)
			return err;
	}
	return probe_outputs(t);
}

ssize_t store_scatter(struct tracee *t, const struct value *v, uint64_t count)
{
	struct iovec *iov;
	size_t total;
	size_t at = 0;
	int err;

	err = fetch_iov(t, v->num, count, VALUE_BYTES_MAX, &iov, &total);
	if (err)
		return err;
	for (size_t i = 0; i < count && at < v->len; i++) {
		size_t len = iov[i].iov_len;
		ssize_t n;

		if (len > v->len - at)
			len = v->len - at;
		n = memory_write_some(t->pid, (uintptr_t)iov[i].iov_base,
				      v->data + at, len);
		if (n < 0 && !at)
			return n;
		at += n < 0 ? 0 : (size_t)n;
		if (n < (ssize_t)len)
			break;
	}
	return (ssize_t)at;
}

int64_t store(struct tracee *t)
{
	int64_t ret = t->req.ret;
	ssize_t n;

	for (unsigned int i = 0; ret >= 0 && i < CALL_ARGS; i++) {
		const struct arg *arg = &t->call->arg[i];
		struct value *v = &t->req.val[i];

		if (!v->num || (!v->data && !v->msg))
			continue;
		switch ((enum arg_kind)arg->kind) {
		case ARG_MSG_IN:
		case ARG_MSG_OUT:
			ret = messages_store(t, i);
			continue;
		case ARG_OUT:
			n = memory_write_some(t->pid, v->num, v->data, v->len);
			break;
		case ARG_IOV_OUT:
			n = store_scatter(t, v, t->req.val[arg->len].num);
			break;
		case ARG_OUT_ALL:
		case ARG_OUT_AT:
		case ARG_STRUCT_OUT:
		case ARG_STRUCT_INOUT:
			n = memory_write(t->pid, v->num, v->data, v->len);
			if (!n)
				continue;
			break;
		default:
			continue;
		}
		if (n < 0) {
			ret = n;
			v->data = NULL; /* it did not arrive */
		} else if (t->call->ret == RET_LEN && n < ret) {
			/* A descriptor's bytes go as far as the buffer. */
			ret = t->call->verdict == V_BY_FD ? n : -EFAULT;
		}
	}
	return ret;
}
