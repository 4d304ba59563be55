/* Lines to stderr. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "base/log.h"

enum log_level log_level = LOG_WARN;

void log_line(enum log_level level, const char *fmt, ...)
{
	char line[4096] = "rsc: ";
	int saved = errno;
	va_list ap;
	size_t len;
	int n;

	if (level > log_level)
		return;
	va_start(ap, fmt);
	n = vsnprintf(line + 5, sizeof(line) - 6, fmt, ap);
	va_end(ap);
	if (n < 0)
		n = 0;
	len = 5 + (size_t)n;
	if (len > sizeof(line) - 2)
		len = sizeof(line) - 2;
	line[len++] = '\n';
	if (write(STDERR_FILENO, line, len) < 0)
		errno = saved;
	errno = saved;
}
