/* The launcher of rsc-portable-ARCH; see portable.h. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "portable.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x10
#endif
#define PARTS_MAX 16
#define STATUS_FAILED 125

extern char **environ;

/* The parts as the loader is to name them. */
static char paths[PARTS_MAX][PATH_MAX];
static char where[PATH_MAX + sizeof(PORTABLE_ENV) + 1];

static int write_part(int fd, const struct portable_part *part)
{
	uint64_t done = 0;
	ssize_t n;

	while (done < part->size) {
		n = write(fd, part->data + done, part->size - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		done += (uint64_t)n;
	}
	return 0;
}

static int open_memfd(const char *name)
{
	int fd = memfd_create(name, MFD_EXEC);

	/* Older kernels do not know the flag, and need none. */
	return fd < 0 && errno == EINVAL ? memfd_create(name, 0) : fd;
}

/* Every part in a memfd, whose numbers follow each other. */
static int in_memory(void)
{
	const struct portable_part *part = portable_parts;
	int n = 0;
	int fd;

	for (; part->name; part++, n++) {
		fd = open_memfd(part->name);
		if (fd < 0 || write_part(fd, part))
			return -1;
		if (dup2(fd, PORTABLE_FD + n) < 0)
			return -1;
		close(fd);
		snprintf(paths[n], PATH_MAX, "/proc/self/fd/%d",
			 PORTABLE_FD + n);
	}
	snprintf(where, sizeof(where), PORTABLE_ENV "=%d %d", PORTABLE_FD,
		 PORTABLE_FD + n - 1);
	return 0;
}

/* The same in a folder that only we may enter. */
static int in_folder(const char *top)
{
	const struct portable_part *part = portable_parts;
	char dir[PATH_MAX - 64];
	int err = 0;
	int n = 0;
	int fd;

	snprintf(dir, sizeof(dir), "%s/.rsc-XXXXXX", top);
	if (!mkdtemp(dir))
		return -1;
	for (; !err && part->name; part++, n++) {
		snprintf(paths[n], PATH_MAX, "%s/%s", dir, part->name);
		fd = open(paths[n], O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
			  0700);
		err = fd < 0 || write_part(fd, part) ? -1 : 0;
		if (fd >= 0)
			close(fd);
	}
	snprintf(where, sizeof(where), PORTABLE_ENV "=%s", dir);
	return err;
}

static void remove_folder(void)
{
	for (int n = 0; portable_parts[n].name; n++)
		unlink(paths[n]);
	rmdir(where + sizeof(PORTABLE_ENV));
}

/* What changes a loader or a libc is meant for this machine's own. */
static char **environment(void)
{
	size_t n = 0;
	char **env;

	while (environ[n])
		n++;
	env = calloc(n + 2, sizeof(*env));
	if (!env)
		exit(STATUS_FAILED);
	n = 0;
	env[n++] = where;
	for (char **e = environ; *e; e++)
		if (strncmp(*e, "LD_", 3) && strncmp(*e, "GLIBC_", 6))
			env[n++] = *e;
	return env;
}

/* Returns only when it cannot be. */
static void run(int argc, char **argv)
{
	char preload[PARTS_MAX * 64 + PARTS_MAX * PATH_MAX] = "";
	const char *head[] = { paths[0], "--inhibit-cache", "--preload",
			       preload,	 "--argv0",	    "rsc",
			       paths[1] };
	size_t nhead = sizeof(head) / sizeof(*head);
	const char **args = calloc(nhead + (size_t)argc, sizeof(*args));

	if (!args)
		exit(STATUS_FAILED);
	for (int n = 2; portable_parts[n].name; n++) {
		strcat(preload, n > 2 ? ":" : "");
		strcat(preload, paths[n]);
	}
	memcpy(args, head, sizeof(head));
	for (int i = 1; i < argc; i++)
		args[nhead++] = argv[i];
	execve(paths[0], (char *const *)args, environment());
	free(args);
}

/* argv[0] and the folder of its own that it lies in. */
static void remove_self(char *path)
{
	char *slash;

	unlink(path);
	slash = strrchr(path, '/');
	if (slash && slash != path) {
		*slash = '\0';
		rmdir(path);
	}
}

int main(int argc, char **argv)
{
	const char *tops[] = { getenv("TMPDIR"), "/dev/shm", "/tmp", "/var/tmp",
			       "/run" };
	int err;

	if (argc > 1 && !strcmp(argv[1], "--remove-self")) {
		remove_self(argv[0]);
		argv++;
		argc--;
	}
	if (!in_memory())
		run(argc, argv);
	err = errno;
	for (size_t i = 0; i < sizeof(tops) / sizeof(*tops); i++) {
		if (!tops[i])
			continue;
		if (!in_folder(tops[i]))
			run(argc, argv);
		remove_folder();
	}
	fprintf(stderr,
		"rsc: the server cannot be put into memory (%s), nor into TMPDIR, /dev/shm, /tmp, /var/tmp or /run; is /proc mounted, and may programs be run from one of these?\n",
		strerror(err));
	return STATUS_FAILED;
}
