/* Routes: on which side a path is. */
#include <errno.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tracer/route.h"

/* What belongs to this process, its memory and its terminal. */
static const char *const builtin_local[] = {
	"/dev/ptmx",   "/dev/pts/**",	"/dev/tty",
	"/dev/shm/**", "/dev/null",	"/dev/zero",
	"/dev/full",   "/dev/random",	"/dev/urandom",
	"/dev/fd/**",  "/dev/stdin",	"/dev/stdout",
	"/dev/stderr", "/proc/self/**", "/proc/thread-self/**",
};

static const char *const side_names[] = {
	[SIDE_LOCAL] = "local",
	[SIDE_REMOTE] = "remote",
	[SIDE_DENY] = "deny",
	[SIDE_MISSING] = "missing",
};

const char *side_name(enum side side)
{
	return side_names[side];
}

static bool is_below(const char *pattern, size_t len)
{
	return len >= 3 && !strncmp(pattern + len - 3, "/**", 3);
}

static bool is_plain(const char *pattern, size_t len)
{
	if (is_below(pattern, len))
		len -= 3;
	return strcspn(pattern, "*?[\\") >= len;
}

static int add(struct routes *routes, enum side side, const char *pattern,
	       size_t len, const char *to)
{
	struct route *rule;

	/* No path is that long; patterns are copied to blocks of PATH_MAX. */
	if (len >= PATH_MAX || (to && strlen(to) >= PATH_MAX))
		return -EINVAL;
	rule = realloc(routes->rule, (routes->count + 1) * sizeof(*rule));
	if (!rule)
		return -ENOMEM;
	routes->rule = rule;
	rule += routes->count;
	*rule = (struct route){ .side = side };
	rule->pattern = strndup(pattern, len);
	rule->plain = is_plain(pattern, len);
	if (to)
		rule->to = strdup(to);
	if (!rule->pattern || (to && !rule->to)) {
		free(rule->pattern);
		free(rule->to);
		return -ENOMEM;
	}
	routes->count++;
	if (*pattern == '/' &&
	    (to || side == SIDE_DENY || side == SIDE_MISSING))
		routes->strict = true;
	return 0;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static int add_side(struct routes *routes, const char *word,
		    const char *pattern)
{
	for (size_t i = 0; i < sizeof(side_names) / sizeof(*side_names); i++)
		if (!strcmp(word, side_names[i]))
			return add(routes, (enum side)i, pattern,
				   strlen(pattern), NULL);
	return -EINVAL;
}

static int add_address(struct routes *routes, const char *word,
		       const char *pattern)
{
	struct address address;
	struct route *rule;
	int err;

	if (!address_parse(&address, pattern))
		return -EINVAL;
	err = add_side(routes, word, pattern);
	if (err)
		return err;
	rule = &routes->rule[routes->count - 1];
	rule->net = true;
	rule->address = address;
	return 0;
}

int routes_add(struct routes *routes, const char *word, const char *pattern)
{
	const char *arrow;
	size_t len;

	if (pattern[0] != '/')
		return add_address(routes, word, pattern);
	if (!strcmp(word, "map")) {
		arrow = strstr(pattern, "=>");
		if (!arrow)
			return -EINVAL;
		len = (size_t)(arrow - pattern);
		while (len > 1 && pattern[len - 1] == ' ')
			len--;
		arrow += 2;
		while (*arrow == ' ')
			arrow++;
		if (*arrow != '/')
			return -EINVAL;
		return add(routes, SIDE_REMOTE, pattern, len, arrow);
	}
	return add_side(routes, word, pattern);
}

int routes_add_builtin(struct routes *routes)
{
	size_t n = sizeof(builtin_local) / sizeof(*builtin_local);

	for (size_t i = 0; i < n; i++) {
		int err = routes_add(routes, "local", builtin_local[i]);

		if (err)
			return err;
		routes->rule[routes->count - 1].origin = RULE_BUILTIN;
	}
	return 0;
}

/* Where the comment or else the line ends: a # begins one behind a blank. */
static char *end_of_rule(char *text)
{
	char *end = text;

	while (*end && *end != '\n') {
		if (*end == '#' && (end == text || is_blank(end[-1])))
			break;
		end++;
	}
	while (end > text && is_blank(end[-1]))
		end--;
	return end;
}

/* One line of a file: nothing, or a word and a pattern. */
static int read_line(struct routes *routes, char *text, size_t len)
{
	char *pattern;
	char *end;

	if (memchr(text, 0, len))
		return -EINVAL;
	while (is_blank(*text))
		text++;
	end = end_of_rule(text);
	*end = 0;
	if (!*text)
		return 0;
	pattern = text + strcspn(text, " \t\r");
	if (*pattern)
		*pattern++ = 0;
	while (is_blank(*pattern))
		pattern++;
	return routes_add(routes, text, pattern);
}

static int read_lines(struct routes *routes, FILE *f, unsigned int *line)
{
	char *text = NULL;
	size_t size = 0;
	ssize_t len;
	int err = 0;

	*line = 0;
	if (!f)
		return -errno;
	while (!err && (len = getline(&text, &size, f)) >= 0) {
		++*line;
		err = read_line(routes, text, (size_t)len);
	}
	if (!err && ferror(f))
		err = -errno;
	free(text);
	fclose(f);
	return err;
}

int routes_read(struct routes *routes, const char *file, unsigned int *line)
{
	return read_lines(routes, fopen(file, "re"), line);
}

int routes_read_text(struct routes *routes, const char *text,
		     unsigned int *line)
{
	void *data = (void *)(uintptr_t)text;

	return read_lines(routes, fmemopen(data, strlen(text), "r"), line);
}

/* How much of path a pattern ending in a double star covers, or 0. */
static size_t prefix_match(const char *pattern, size_t plen, const char *path)
{
	char part[PATH_MAX];
	size_t n = 0;

	memcpy(part, pattern, plen);
	part[plen] = 0;
	if (!plen)
		return 1;
	for (;;) {
		char head[PATH_MAX];

		n += strcspn(path + n + 1, "/") + 1;
		memcpy(head, path, n);
		head[n] = 0;
		if (!fnmatch(part, head, FNM_PATHNAME))
			return n;
		if (!path[n])
			return 0;
	}
}

/* The length of a name without slashes at its end; / itself has none. */
static size_t stem(const char *name)
{
	size_t len = strlen(name);

	while (len && name[len - 1] == '/')
		len--;
	return len;
}

static bool is_or_below(const char *path, const char *dir, size_t len)
{
	return !strncmp(dir, path, len) && (!path[len] || path[len] == '/');
}

static bool matches(const struct route *rule, const char *path)
{
	size_t len = strlen(rule->pattern);

	if (rule->net)
		return false;
	if (rule->to)
		return is_or_below(path, rule->pattern, stem(rule->pattern));
	if (rule->plain && is_below(rule->pattern, len))
		return is_or_below(path, rule->pattern, len - 3);
	if (rule->plain)
		return !strcmp(rule->pattern, path);
	if (is_below(rule->pattern, len))
		return prefix_match(rule->pattern, len - 3, path) > 0;
	return !fnmatch(rule->pattern, path, FNM_PATHNAME);
}

enum side routes_side(const struct routes *routes, const char *path,
		      char *mapped, const struct route **rule)
{
	if (mapped)
		memcpy(mapped, path, strlen(path) + 1);
	for (size_t i = 0; i < routes->count; i++) {
		const struct route *r = &routes->rule[i];

		if (!matches(r, path))
			continue;
		if (rule)
			*rule = r;
		if (r->to && mapped) {
			const char *rest = path + stem(r->pattern);
			int to = (int)stem(r->to);
			int n = snprintf(mapped, PATH_MAX, "%.*s%s", to, r->to,
					 *rest || to ? rest : "/");

			if (n < 0 || n >= PATH_MAX)
				return SIDE_MISSING;
		}
		return r->side;
	}
	if (rule)
		*rule = NULL;
	return SIDE_REMOTE;
}

enum side routes_address(const struct routes *routes, const struct sockaddr *sa,
			 socklen_t len, const struct route **rule)
{
	for (size_t i = 0; i < routes->count; i++) {
		const struct route *r = &routes->rule[i];

		if (!r->net ||
		    !address_matches(&r->address, r->pattern, sa, len))
			continue;
		*rule = r;
		return r->side;
	}
	*rule = NULL;
	return SIDE_REMOTE;
}

bool routes_pass_map(const struct routes *routes, const char *path)
{
	for (size_t i = 0; i < routes->count; i++) {
		const char *from = routes->rule[i].pattern;
		size_t len = strlen(from);

		if (routes->rule[i].to && !strncmp(from, path, len) &&
		    path[len] == '/')
			return true;
	}
	return false;
}

bool routes_shown(const struct routes *routes, const char *path)
{
	for (size_t i = 0; i < routes->count; i++) {
		const char *to = routes->rule[i].to;
		size_t len = to ? strlen(to) : 0;

		if (to && !strncmp(to, path, len) &&
		    (!path[len] || path[len] == '/' || to[len - 1] == '/'))
			return true;
	}
	return false;
}

int routes_normalise(const char *base, const char *path, char *out)
{
	char joined[2 * PATH_MAX];
	size_t len = 0;
	char *save;
	char *part;
	int n;

	if (path[0] == '/')
		n = snprintf(joined, sizeof(joined), "%s", path);
	else
		n = snprintf(joined, sizeof(joined), "%s/%s", base, path);
	if (n < 0 || (size_t)n >= sizeof(joined))
		return -ENAMETOOLONG;
	out[0] = 0;
	for (part = strtok_r(joined, "/", &save); part;
	     part = strtok_r(NULL, "/", &save)) {
		size_t plen = strlen(part);

		if (!strcmp(part, "."))
			continue;
		if (!strcmp(part, "..")) {
			while (len && out[--len] != '/')
				;
			out[len] = 0;
			continue;
		}
		if (len + plen + 2 > PATH_MAX)
			return -ENAMETOOLONG;
		out[len++] = '/';
		memcpy(out + len, part, plen + 1);
		len += plen;
	}
	if (!len)
		strcpy(out, "/");
	return 0;
}

void routes_free(struct routes *routes)
{
	for (size_t i = 0; i < routes->count; i++) {
		free(routes->rule[i].pattern);
		free(routes->rule[i].to);
	}
	free(routes->rule);
	*routes = (struct routes){ 0 };
}
