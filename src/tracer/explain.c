/* `rsc explain`: which rule decides where a path is. */
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "tracer/route.h"

static const char usage[] =
	"usage: rsc explain [OPTION]... /PATH | ADDRESS:PORT | @NAME\n"
	"  --local PATTERN, --remote PATTERN, --deny PATTERN, --missing PATTERN,\n"
	"  --map 'FROM=>TO', --rules FILE, --toolbox\n"
	"                      the rules of rsc run, as $RSC_RULES is;\n"
	"                      first match wins\n"
	"  --help              this text\n";

enum { OPT_HELP = RULES_OPTION + 1 };

static const struct option options[] = {
	RULES_OPTIONS,
	{ "help", no_argument, NULL, OPT_HELP },
	{ 0 },
};

static const char *const origins[] = {
	[RULE_GIVEN] = "given",
	[RULE_TOOLBOX] = "toolbox",
	[RULE_BUILTIN] = "built-in",
};

static void say_rule(const struct route *rule)
{
	if (rule)
		printf(" (%s rule: %s %s)\n", origins[rule->origin],
		       rule->to ? "map" : side_name(rule->side), rule->pattern);
	else
		printf(" (no rule matches: the default)\n");
}

static int explain_address(struct routes *routes, const char *text)
{
	struct sockaddr_storage sa = { 0 };
	const struct route *rule;
	socklen_t len;

	if (!address_make(text, &sa, &len)) {
		fputs(usage, stderr);
		return 125;
	}
	if (rules_environment(routes))
		return 125;
	printf("%s: %s", text,
	       side_name(routes_address(routes, (void *)&sa, len, &rule)));
	say_rule(rule);
	routes_free(routes);
	return 0;
}

int explain_main(int argc, char **argv)
{
	struct routes routes = { 0 };
	const struct route *rule;
	char path[PATH_MAX];
	char mapped[PATH_MAX];
	enum side side;
	int index;
	int opt;

	while ((opt = getopt_long(argc, argv, "+", options, &index)) != -1) {
		switch (opt) {
		case RULES_OPTION:
			if (rules_option(&routes, options[index].name, optarg))
				return 125;
			break;
		case OPT_HELP:
			fputs(usage, stdout);
			return 0;
		default:
			fputs(usage, stderr);
			return 125;
		}
	}
	if (optind + 1 == argc && argv[optind][0] != '/')
		return explain_address(&routes, argv[optind]);
	if (optind + 1 != argc) {
		fputs(usage, stderr);
		return 125;
	}
	if (rules_environment(&routes) || routes_add_builtin(&routes) ||
	    routes_normalise("/", argv[optind], path))
		return 125;
	side = routes_side(&routes, path, mapped, &rule);
	printf("%s: %s", path, side_name(side));
	if (side == SIDE_REMOTE && strcmp(path, mapped))
		printf(" as %s", mapped);
	say_rule(rule);
	routes_free(&routes);
	return 0;
}
