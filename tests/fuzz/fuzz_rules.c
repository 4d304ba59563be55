/*
 * A file of route rules. What is accepted decides for a few paths, and one
 * made of the file itself, without a step outside of anything.
 */
#include <limits.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz/target.h"
#include "tracer/route.h"

static const char *const paths[] = { "/", "/etc/passwd", "/a/b/c/d", "/data" };

static void decide(const struct routes *routes, const char *path)
{
	char mapped[PATH_MAX + 1];
	const struct route *rule;
	enum side side;

	memset(mapped, 1, sizeof(mapped));
	side = routes_side(routes, path, mapped, &rule);
	REQUIRE(side_name(side) != NULL);
	REQUIRE(mapped[PATH_MAX] == 1);
	REQUIRE(memchr(mapped, 0, PATH_MAX));
	REQUIRE(!rule ||
		(rule >= routes->rule && rule < routes->rule + routes->count));
	REQUIRE(rule || side == SIDE_REMOTE);
}

static void normalise(const struct routes *routes, const uint8_t *data,
		      size_t size)
{
	char *path = strndup((const char *)data, size);
	char out[PATH_MAX];

	if (!routes_normalise("/here", path, out)) {
		REQUIRE(memchr(out, 0, sizeof(out)));
		REQUIRE(out[0] == '/');
		REQUIRE(!strstr(out, "//") && !strstr(out, "/./") &&
			!strstr(out, "/../"));
		decide(routes, out);
	}
	free(path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memfd_create("rules", MFD_CLOEXEC);
	struct routes routes = { 0 };
	unsigned int line = 0;
	char name[32];

	/* Many stars make a pattern take its time, which is its author's. */
	for (size_t i = 0, stars = 0; i < size; i++) {
		stars += data[i] == '*' || data[i] == '+';
		if (stars > 12) {
			close(fd);
			return 0;
		}
	}
	REQUIRE(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	if (routes_read(&routes, name, &line))
		REQUIRE(line > 0);
	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++)
		decide(&routes, paths[i]);
	normalise(&routes, data, size);
	routes_free(&routes);
	close(fd);
	return 0;
}
