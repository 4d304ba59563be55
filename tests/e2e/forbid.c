/*
 * Runs a command where system calls are forbidden, as the profile of a
 * container does it: forbid CALL... -- COMMAND...
 */
#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int forbid(scmp_filter_ctx ctx, const char *name)
{
	int nr = seccomp_syscall_resolve_name(name);

	if (nr == __NR_SCMP_ERROR)
		return -EINVAL;
	return seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), nr, 0);
}

int main(int argc, char **argv)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
	int i;

	for (i = 1; i < argc && strcmp(argv[i], "--"); i++)
		if (!ctx || forbid(ctx, argv[i])) {
			fprintf(stderr, "forbid: %s\n", argv[i]);
			return 2;
		}
	if (i + 1 >= argc || seccomp_load(ctx))
		return 2;
	seccomp_release(ctx);
	execvp(argv[i + 1], argv + i + 1);
	return 2;
}
