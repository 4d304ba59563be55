/*
 * Hooks of the calls on sockets: descriptors that close on exec, names in the
 * file system by way of the guard, options from the table.
 */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "call/option.h"
#include "server/run_internal.h"

#define PATH_AT offsetof(struct sockaddr_un, sun_path)
#define PATH_SIZE sizeof(((struct sockaddr_un *)0)->sun_path)

int64_t net_socket(struct run *run, bool *go_on)
{
	*go_on = true;
	run->reg[1] |= SOCK_CLOEXEC;
	return 0;
}

int64_t net_accept(struct run *run, bool *go_on)
{
	*go_on = true;
	run->reg[3] |= SOCK_CLOEXEC;
	return 0;
}

/* True when the address is a path; it is copied with its NUL. */
static bool is_path(const uint8_t *name, size_t len, char path[PATH_SIZE + 1])
{
	sa_family_t family;

	if (!name || len <= PATH_AT || len > sizeof(struct sockaddr_un))
		return false;
	memcpy(&family, name, sizeof(family));
	if (family != AF_UNIX || !name[PATH_AT])
		return false;
	memcpy(path, name + PATH_AT, len - PATH_AT);
	path[len - PATH_AT] = '\0';
	return true;
}

/*
 * Replaces an address that is a path by an equal one that was checked; 0 or
 * -errno. make: a file is to be made there.
 */
static int guard(struct run *run, struct place *place, uint8_t **name,
		 size_t *len, bool make)
{
	char path[PATH_SIZE + 1];
	struct sockaddr_un *un;
	int err;

	if (!is_path(*name, *len, path))
		return 0;
	if (make && !run_may_change(run))
		return -EROFS;
	err = run_begin(run, place, AT_FDCWD, path, false);
	if (!err)
		err = path_guard(place, make, false);
	if (err)
		return err;
	if (place->held >= 0)
		/* Through a magic link, and the call takes no directory. */
		return -EACCES;
	*len = strlen(place->path);
	if (*len > PATH_SIZE)
		return -ENAMETOOLONG;
	un = arena_alloc(&run->worker->arena, sizeof(*un));
	if (!un)
		return -ENOMEM;
	un->sun_family = AF_UNIX;
	memcpy(un->sun_path, place->path, *len);
	if (*len < PATH_SIZE)
		un->sun_path[(*len)++] = '\0';
	*len += PATH_AT;
	*name = (uint8_t *)un;
	return 0;
}

/* bind, connect, sendto */
int64_t net_address(struct run *run, bool *go_on)
{
	const struct call *call = run->req->call;
	unsigned int i = call_nargs(call) - 2;
	unsigned int len = call->arg[i].len;
	uint8_t *name = (uint8_t *)(uintptr_t)run->reg[i];
	size_t size = run->req->val[i].len;
	int err;

	err = guard(run, &run->place[i], &name, &size,
		    !strcmp(call->name, "bind"));
	*go_on = !err;
	if (err || name == run->req->val[i].data)
		return err;
	run->reg[i] = (uintptr_t)name;
	run->reg[len] = size;
	return 0;
}

int64_t net_option(struct run *run, bool *go_on)
{
	*go_on = option_find((int)run->reg[1], (int)run->reg[2]) != NULL;
	return -ENOPROTOOPT;
}
