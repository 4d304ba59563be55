/* The rules that the user gives: options, files and the environment. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "tracer/route.h"

static const char not_a_rule[] =
	"not a rule (local, remote, deny, missing or map, then an absolute path or an address)";

static int rules_file(struct routes *routes, const char *file)
{
	unsigned int line = 0;
	int err;

	err = routes_read(routes, file, &line);
	if (err == -EINVAL)
		log_err("%s:%u: %s", file, line, not_a_rule);
	else if (err)
		log_err("--rules %s: %s", file, strerror(-err));
	return err;
}

int rules_option(struct routes *routes, const char *name, const char *arg)
{
	int err;

	if (!strcmp(name, "rules"))
		return rules_file(routes, arg);
	if (!strcmp(name, "toolbox"))
		return routes_add_toolbox(routes);
	err = routes_add(routes, name, arg);
	if (err)
		log_err("--%s %s: %s", name, arg,
			err != -EINVAL ?
				strerror(-err) :
			strcmp(name, "map") ?
				"neither an absolute path nor an address" :
				"not FROM=>TO, both absolute paths");
	return err;
}

int rules_environment(struct routes *routes)
{
	const char *text = getenv("RSC_RULES");
	unsigned int line = 0;
	int err;

	if (!text || !*text)
		return 0;
	err = routes_read_text(routes, text, &line);
	if (err)
		log_err("RSC_RULES, line %u: %s", line,
			err == -EINVAL ? not_a_rule : strerror(-err));
	return err;
}
