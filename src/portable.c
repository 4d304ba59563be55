/* The server that rsc-portable-ARCH carries: rsc serve and nothing else. */
#include <dirent.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "arch/arch.h"
#include "call/call.h"
#include "portable.h"
#include "server/server.h"

static const char usage[] =
	"usage: rsc-portable serve ...\n"
	"Serves as rsc does on any Linux of its architecture: see serve --help.\n"
	"  --version  print which protocol it speaks\n"
	"  --help     this text\n";

/* glibc's; netdb.h has none. */
extern int __nss_configure_lookup(const char *db, const char *service);

static void remove_folder(const char *name)
{
	DIR *dir = opendir(name);
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		unlinkat(dirfd(dir), entry->d_name, 0);
	if (dir)
		closedir(dir);
	rmdir(name);
}

/* The parts are mapped: what they were mapped from can go. */
static void drop_parts(void)
{
	const char *parts = getenv(PORTABLE_ENV);
	unsigned int first;
	unsigned int last;

	if (!parts)
		return;
	if (*parts == '/')
		remove_folder(parts);
	else if (sscanf(parts, "%u %u", &first, &last) == 2 &&
		 first >= PORTABLE_FD && last >= first)
		close_range(first, last, 0);
	unsetenv(PORTABLE_ENV);
}

int main(int argc, char **argv)
{
	bool help = argc > 1 && !strcmp(argv[1], "--help");

	drop_parts();
	prctl(PR_SET_NAME, "rsc");
	/* Modules of the machine's own libc are none of ours. */
	__nss_configure_lookup("hosts", "files dns");
	__nss_configure_lookup("services", "files");
	if (argc > 1 && !strcmp(argv[1], "--version")) {
		printf("rsc protocol %s %s\n", call_protocol(), ARCH_NAME);
		return 0;
	}
	if (argc > 1 && !strcmp(argv[1], "serve")) {
		argv[1] = (char[]){ "rsc serve" };
		return serve_main(argc - 1, argv + 1);
	}
	fputs(usage, help ? stdout : stderr);
	return help ? 0 : 125;
}
