/* A folder for one test. */
#include "sandbox.h"

#include <check.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"

static char folder[PATH_MAX];

void sandbox_enter(void)
{
	char name[] = "/tmp/rsc-test-XXXXXX";

	ck_assert_ptr_nonnull(mkdtemp(name));
	ck_assert(!chdir(name));
	ck_assert_ptr_nonnull(getcwd(folder, sizeof(folder)));
	umask(022);
}

static int remove_one(const char *path, const struct stat *st, int type,
		      struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void sandbox_leave(void)
{
	ck_assert(!chdir("/"));
	ck_assert(!nftw(folder, remove_one, 16,
			FTW_DEPTH | FTW_PHYS | FTW_MOUNT));
}

const char *sandbox_path(void)
{
	return folder;
}

void sandbox_write(const char *name, const char *text)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);

	ck_assert_int_ge(fd, 0);
	ck_assert(!io_write_all(fd, text, strlen(text)));
	close(fd);
}

char *sandbox_read(const char *name)
{
	char *text = calloc(1, 65536);
	int fd = open(name, O_RDONLY | O_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	ck_assert_ptr_nonnull(text);
	ck_assert_int_ge(read(fd, text, 65535), 0);
	close(fd);
	return text;
}
