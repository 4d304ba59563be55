/* `rsc explain`: which rule decides where a path is. */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "tracer/route.h"

static const char usage[] =
	"usage: rsc explain [OPTION]... /PATH\n"
	"  --local PATTERN, --remote PATTERN, --deny PATTERN, --missing PATTERN,\n"
	"  --map 'FROM=>TO', --rules FILE\n"
	"                      the rules of rsc run; first match wins\n"
	"  --help              this text\n";

int explain_main(int argc, char **argv)
{
	struct routes routes = { 0 };
	const struct route *rule;
	char path[PATH_MAX];
	char mapped[PATH_MAX];
	unsigned int line;
	enum side side;
	int i = 1;

	for (; i + 2 < argc && !strncmp(argv[i], "--", 2); i += 2) {
		const char *word = argv[i] + 2;
		int err;

		err = !strcmp(word, "rules") ?
			      routes_read(&routes, argv[i + 1], &line) :
			      routes_add(&routes, word, argv[i + 1]);
		if (err) {
			log_err("%s %s: %s", argv[i], argv[i + 1],
				strerror(-err));
			return 125;
		}
	}
	if (i + 1 == argc && !strcmp(argv[i], "--help")) {
		fputs(usage, stdout);
		return 0;
	}
	if (i + 1 != argc || argv[i][0] != '/') {
		fputs(usage, stderr);
		return 125;
	}
	if (routes_add_builtin(&routes) || routes_normalise("/", argv[i], path))
		return 125;
	side = routes_side(&routes, path, mapped, &rule);
	printf("%s: %s", path, side_name(side));
	if (side == SIDE_REMOTE && strcmp(path, mapped))
		printf(" as %s", mapped);
	if (rule)
		printf(" (%s rule: %s %s)\n",
		       rule->builtin ? "built-in" : "given",
		       rule->to ? "map" : side_name(rule->side), rule->pattern);
	else
		printf(" (no rule matches: the default)\n");
	routes_free(&routes);
	return 0;
}
