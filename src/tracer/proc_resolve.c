/* What the RESOLVE_* flags of openat2(2) say of names below /proc of the tree. */
#include <ctype.h>
#include <errno.h>
#include <linux/openat2.h>
#include <string.h>

#include "tracer/memory.h"
#include "tracer/proc.h"
#include "tracer/tracee.h"

static uint64_t resolve_of(const struct tracee *t)
{
	struct open_how how;

	if (strcmp(t->call->name, "openat2") || t->arg[3] < sizeof(how) ||
	    memory_read(t->pid, t->arg[2], &how, sizeof(how)))
		return 0;
	return how.resolve;
}

/* What comes behind a component of that name; NULL: it does not come here. */
static const char *behind(const char *path, const char *name)
{
	size_t len = strlen(name);

	if (!path || strncmp(path, name, len) ||
	    (path[len] && path[len] != '/'))
		return NULL;
	return path + len + (path[len] == '/');
}

static const char *behind_number(const char *path)
{
	size_t len = 0;

	while (path && isdigit((unsigned char)path[len]))
		len++;
	if (!len || (path[len] && path[len] != '/'))
		return NULL;
	return path + len + (path[len] == '/');
}

/* What comes behind a link of the kernel's that a process' directory has. */
static const char *behind_magic(const char *path)
{
	static const char *const names[] = { "cwd", "root", "exe" };
	const char *task = behind_number(behind(path, "task"));

	if (task)
		path = task;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (behind(path, names[i]))
			return behind(path, names[i]);
	return behind_number(behind(path, "fd"));
}

int proc_resolve(const struct tracee *t, const char *given, const char *name,
		 bool follow)
{
	const char *below = behind(name, "/proc");
	const char *rest = behind(below, "self");
	const char *magic;
	uint64_t resolve = resolve_of(t);
	bool link;

	if (!resolve)
		return 0;
	if (*given == '/' && resolve & (RESOLVE_BENEATH | RESOLVE_NO_XDEV))
		return -EXDEV;
	if (!rest)
		rest = behind(below, "thread-self");
	/* /dev/fd and its kin are links, too. */
	link = (rest && (*rest || follow)) || !below;
	magic = behind_magic(rest ? rest : behind_number(below));
	if (link && resolve & RESOLVE_NO_SYMLINKS)
		return -ELOOP;
	if (below && (!magic || (!*magic && !follow)))
		return 0;
	if (resolve & (RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS))
		return -ELOOP;
	return resolve & (RESOLVE_BENEATH | RESOLVE_IN_ROOT | RESOLVE_NO_XDEV) ?
		       -EXDEV :
		       0;
}
