/*
 * Lines to stderr, each beginning with "rsc: "; errno is kept. A line is one
 * line: control characters in it become question marks, and what is longer
 * than 4 KiB is cut.
 */
#ifndef RSC_LOG_H
#define RSC_LOG_H

enum log_level { LOG_ERR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* Levels above this are not printed; LOG_WARN at start, -v raises it. */
extern enum log_level log_level;

void log_line(enum log_level level, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#define log_err(...) log_line(LOG_ERR, __VA_ARGS__)
#define log_warn(...) log_line(LOG_WARN, __VA_ARGS__)
#define log_info(...) log_line(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_DEBUG, __VA_ARGS__)

#endif
