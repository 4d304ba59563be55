/* openat2(2) of names below /proc with each flag of RESOLVE_*. */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static const struct {
	const char *name;
	unsigned long long resolve;
} flags[] = {
	{ "none", 0 },
	{ "no_symlinks", RESOLVE_NO_SYMLINKS },
	{ "no_magiclinks", RESOLVE_NO_MAGICLINKS },
	{ "beneath", RESOLVE_BENEATH },
	{ "no_xdev", RESOLVE_NO_XDEV },
};

static const char *const names[] = {
	"/proc/self/status",	   "/proc/self/exe", "/proc/self/cwd/file",
	"/proc/self/fd/3",	   "/proc/self",     "/proc/thread-self/stat",
	"/proc/self/root/srv",	   "/dev/fd/3",	     "/dev/stdin",
	"/proc/self/task/../fd/3",
};

static const char *const below[] = { "self/status", "self/fd/3", "self",
				     "thread-self/exe", "self/cwd" };

static void try(int dir, const char *name)
{
	for (size_t f = 0; f < sizeof(flags) / sizeof(*flags); f++) {
		struct open_how how = { .resolve = flags[f].resolve };
		long fd;

		for (int i = 0; i < 2; i++) {
			how.flags = i ? O_NOFOLLOW : O_RDONLY;
			fd = syscall(SYS_openat2, dir, name, &how, sizeof(how));
			printf("%s %s%s: %s\n", name, flags[f].name,
			       i ? " nofollow" : "",
			       fd < 0 ? strerrorname_np(errno) : "ok");
			if (fd >= 0)
				close((int)fd);
		}
	}
}

int main(void)
{
	int fd = open("file", O_RDONLY);
	int dir = open("/proc", O_RDONLY | O_DIRECTORY);

	if (fd != 3 || dir < 0)
		return 1;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		try(AT_FDCWD, names[i]);
	for (size_t i = 0; i < sizeof(below) / sizeof(*below); i++)
		try(dir, below[i]);
	return 0;
}
