/*
 * The toolbox: the rules of a shell whose tools and home are this machine's
 * while all else is the server's.
 */
#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "tracer/route.h"

/* Where programs and what belongs to them are: hier(7), and what came later. */
static const char *const tools[] = {
	"/bin/**", "/sbin/**", "/lib/**",  "/lib32/**", "/lib64/**",
	"/usr/**", "/opt/**",  "/snap/**", "/nix/**",	"/gnu/**",
};

/* How shells and tools of this machine are set up. */
static const char *const settings[] = {
	"/etc/alternatives/**",
	"/etc/ld.so.*",
	"/etc/profile",
	"/etc/profile.d/**",
	"/etc/bash*",
	"/etc/bash_completion.d/**",
	"/etc/zsh*",
	"/etc/zsh/**",
	"/etc/zshrc.d/**",
	"/etc/fish/**",
	"/etc/inputrc",
	"/etc/terminfo/**",
	"/etc/vim/**",
	"/etc/emacs/**",
	"/etc/nanorc",
	"/etc/htoprc",
	"/etc/tmux.conf",
	"/etc/screenrc",
	"/etc/gitconfig",
	"/etc/man_db.conf",
	"/etc/manpath.config",
	"/etc/magic*",
	"/etc/mime.types",
	"/etc/perl/**",
	"/etc/python*/**",
	"/etc/java*/**",
	"/etc/xdg/**",
};

static const char *home_of_user(void)
{
	const char *home = getenv("HOME");
	const struct passwd *user;

	if (home && *home)
		return home;
	user = getpwuid(getuid());
	return user ? user->pw_dir : NULL;
}

const char *toolbox_shell(void)
{
	const char *shell = getenv("SHELL");
	const struct passwd *user;

	if (shell && *shell == '/' && !access(shell, X_OK))
		return shell;
	user = getpwuid(getuid());
	if (user && *user->pw_shell && !access(user->pw_shell, X_OK))
		return user->pw_shell;
	return "/bin/sh";
}

/* path as a pattern that matches it alone. 0 or -ENAMETOOLONG. */
static int escape(const char *path, char *pattern, size_t size)
{
	size_t len = 0;

	for (; *path; path++) {
		if (len + 3 > size)
			return -ENAMETOOLONG;
		if (strchr("*?[\\", *path))
			pattern[len++] = '\\';
		pattern[len++] = *path;
	}
	while (len && pattern[len - 1] == '/')
		len--;
	pattern[len] = 0;
	return 0;
}

static int add(struct routes *routes, const char *pattern)
{
	int err = routes_add(routes, "local", pattern);

	if (!err)
		routes->rule[routes->count - 1].origin = RULE_TOOLBOX;
	return err;
}

/* What a variable names, and all below it. */
static int add_named(struct routes *routes, const char *what, const char *path)
{
	char pattern[PATH_MAX];
	int err;

	if (!path || path[0] != '/' || !path[1])
		return 0;
	err = escape(path, pattern, sizeof(pattern) - 3);
	if (!err)
		err = add(routes, strcat(pattern, "/**"));
	if (err)
		log_err("%s=%s: %s", what, path, strerror(-err));
	return err;
}

int routes_add_toolbox(struct routes *routes)
{
	int err;

	err = add_named(routes, "HOME", home_of_user());
	if (!err)
		err = add_named(routes, "XDG_RUNTIME_DIR",
				getenv("XDG_RUNTIME_DIR"));
	if (!err)
		err = add_named(routes, "SSH_AUTH_SOCK",
				getenv("SSH_AUTH_SOCK"));
	for (size_t i = 0; !err && i < sizeof(tools) / sizeof(*tools); i++)
		err = add(routes, tools[i]);
	for (size_t i = 0; !err && i < sizeof(settings) / sizeof(*settings);
	     i++)
		err = add(routes, settings[i]);
	return err;
}
