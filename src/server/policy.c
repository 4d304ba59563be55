/* The policy of rows, by name. */
#include "server/policy.h"

#include <assert.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/inotify.h>

#define ROWS_MAX 1024

#define IS(row, what) .name = row, .bits = what
#define BIT(row, what, arg, flag) IS(row, what), .flags = arg, .bit = flag
#define ALWAYS (P_MODIFIES | P_NOFOLLOW)

static const struct policy policies[] = {
	{ IS("ftruncate", P_MODIFIES) },
	{ IS("truncate", P_MODIFIES) },
	{ IS("fallocate", P_MODIFIES) },
	{ IS("fchmod", P_MODIFIES) },
	{ IS("fchown", P_MODIFIES) },
	{ IS("fsetxattr", P_MODIFIES) },
	{ IS("fremovexattr", P_MODIFIES) },
	{ IS("setxattr", P_MODIFIES) },
	{ IS("lsetxattr", ALWAYS) },
	{ IS("removexattr", P_MODIFIES) },
	{ IS("lremovexattr", ALWAYS) },
	{ BIT("removexattrat", P_MODIFIES | P_NOFOLLOW_BIT, 2, AT_SYMLINK_NOFOLLOW) },
	{ IS("mkdirat", ALWAYS) },
	{ IS("mknodat", ALWAYS) },
	{ IS("unlinkat", ALWAYS) },
	{ IS("renameat", ALWAYS) },
	{ IS("renameat2", ALWAYS) },
	{ IS("symlinkat", ALWAYS) },
	{ BIT("linkat", P_MODIFIES | P_FOLLOW_BIT, 4, AT_SYMLINK_FOLLOW) },
	{ IS("fchmodat", P_MODIFIES) },
	{ BIT("fchmodat2", P_MODIFIES | P_NOFOLLOW_BIT, 3, AT_SYMLINK_NOFOLLOW) },
	{ BIT("fchownat", P_MODIFIES | P_NOFOLLOW_BIT, 4, AT_SYMLINK_NOFOLLOW) },
	{ BIT("utimensat", P_MODIFIES | P_NOFOLLOW_BIT, 3, AT_SYMLINK_NOFOLLOW) },
	{ IS("utime", P_MODIFIES) },
	{ IS("utimes", P_MODIFIES) },
	{ IS("futimesat", P_MODIFIES) },
	{ IS("sethostname", P_MODIFIES) },
	{ IS("setdomainname", P_MODIFIES) },
	{ IS("settimeofday", P_MODIFIES) },
	{ IS("clock_settime", P_MODIFIES) },
	{ IS("mount", P_MODIFIES) },
	{ IS("umount2", P_MODIFIES) },
	{ IS("bind", P_MODIFIES | P_SPLIT) },

	{ BIT("newfstatat", P_NOFOLLOW_BIT, 3, AT_SYMLINK_NOFOLLOW) },
	{ BIT("statx", P_NOFOLLOW_BIT, 2, AT_SYMLINK_NOFOLLOW) },
	{ BIT("faccessat2", P_NOFOLLOW_BIT, 3, AT_SYMLINK_NOFOLLOW) },
	{ IS("readlinkat", P_NOFOLLOW) },
	{ IS("lgetxattr", P_NOFOLLOW) },
	{ IS("llistxattr", P_NOFOLLOW) },
	{ BIT("listxattrat", P_NOFOLLOW_BIT, 2, AT_SYMLINK_NOFOLLOW) },
	{ BIT("inotify_add_watch", P_NOFOLLOW_BIT, 2, IN_DONT_FOLLOW) },

	{ IS("close", P_SPLIT) },
	{ IS("dup", P_SPLIT) },
	{ IS("fcntl", P_SPLIT) },
	{ IS("getcwd", P_SPLIT) },
	{ IS("clock_gettime", P_SPLIT) },
	{ IS("clock_getres", P_SPLIT) },
	{ IS("socket", P_SPLIT) },
	{ IS("connect", P_SPLIT) },
	{ IS("sendto", P_SPLIT) },
	{ IS("setsockopt", P_SPLIT) },
};

static const struct policy plain = { .name = "" };
static const struct policy *by_row[ROWS_MAX];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void fill(void)
{
	const struct call *call;
	size_t i;

	assert(call_count < ROWS_MAX);
	for (i = 0; i < sizeof(policies) / sizeof(*policies); i++) {
		call = call_by_name(policies[i].name);
		assert(call);
		by_row[call - call_table] = &policies[i];
	}
}

const struct policy *policy_of(const struct call *call)
{
	const struct policy *policy;

	pthread_once(&once, fill);
	policy = by_row[call - call_table];
	return policy ? policy : &plain;
}
