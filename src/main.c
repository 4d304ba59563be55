/* The subcommands of rsc. */
#include <stdio.h>
#include <string.h>

#include "arch/arch.h"
#include "call/call.h"
#include "call/doc.h"
#include "server/server.h"
#include "tracer/route.h"
#include "tracer/tracee.h"
#include "transport/key.h"

static const struct {
	const char *name;
	int (*main)(int argc, char **argv);
	const char *help;
} commands[] = {
	{ "run", run_main, "run a program whose calls happen on a server" },
	{ "shell", shell_main, "your shell with your tools, on the server" },
	{ "serve", serve_main, "be that server" },
	{ "keygen", keygen_main, "make a key for tls://" },
	{ "explain", explain_main, "say which rule decides where a path is" },
	{ "syscalls", doc_main, "print the table of calls (docs/syscalls.md)" },
};

int main(int argc, char **argv)
{
	size_t n = sizeof(commands) / sizeof(*commands);
	bool help = argc > 1 && !strcmp(argv[1], "--help");
	char name[32];

	if (argc > 1 && !strcmp(argv[1], "--version")) {
		printf("rsc protocol %s %s\n", call_protocol(), ARCH_NAME);
		return 0;
	}
	for (size_t i = 0; argc > 1 && i < n; i++) {
		if (strcmp(argv[1], commands[i].name))
			continue;
		/* getopt(3) names it in its messages. */
		snprintf(name, sizeof(name), "rsc %s", commands[i].name);
		argv[1] = name;
		return commands[i].main(argc - 1, argv + 1);
	}
	fputs("usage: rsc COMMAND ...\n", help ? stdout : stderr);
	for (size_t i = 0; i < n; i++)
		fprintf(help ? stdout : stderr, "  %-10s %s\n",
			commands[i].name, commands[i].help);
	return help ? 0 : 125;
}
