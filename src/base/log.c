/* Lines to stderr. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "base/log.h"

enum log_level log_level = LOG_WARN;

/* A name in a message could otherwise write lines, or to the terminal. */
static int is_control(unsigned char c)
{
	return (c < 0x20 && c != '\t') || c == 0x7f;
}

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
	for (size_t i = 0; i < len; i++)
		if (is_control((unsigned char)line[i]))
			line[i] = '?';
	line[len++] = '\n';
	if (write(STDERR_FILENO, line, len) < 0)
		errno = saved;
	errno = saved;
}
