/* The strace-like line of a call. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/io.h"
#include "tracer/print.h"
#include "tracer/select.h"
#include "tracer/tracee.h"

#define ERRNO_MAX 4095

/* ---- -e ---- */

static const struct {
	const char *name;
	unsigned int bits;
} statuses[] = {
	{ "successful", TRACE_SUCCESSFUL },
	{ "failed", TRACE_FAILED },
	{ "unfinished", TRACE_UNFINISHED },
	{ "all", TRACE_ANY },
	{ "none", 0 },
};

static int parse_status(struct trace *trace, const char *text, char *err,
			size_t errlen)
{
	bool inverted = text[0] == '!';
	unsigned int status = 0;

	for (text += inverted;; text++) {
		size_t len = strcspn(text, ",");
		size_t i = 0;

		while (i < sizeof(statuses) / sizeof(*statuses) &&
		       (strlen(statuses[i].name) != len ||
			strncmp(statuses[i].name, text, len)))
			i++;
		if (i == sizeof(statuses) / sizeof(*statuses)) {
			snprintf(err, errlen,
				 "there is no status %.*s; there are successful, failed, unfinished, all and none",
				 (int)len, text);
			return -EINVAL;
		}
		status |= statuses[i].bits;
		text += len;
		if (!*text)
			break;
	}
	trace->status = inverted ? TRACE_ANY & ~status : status;
	return 0;
}

/* A set without a call that stops would print nothing, ever. */
static bool can_be_seen(const bool *calls)
{
	for (size_t i = 0; i < call_count; i++)
		if (calls[call_table[i].id] && call_table[i].verdict != V_LOCAL)
			return true;
	return false;
}

static int parse_set(struct trace *trace, const char *text, char *err,
		     size_t errlen)
{
	int ret;

	if (!trace->calls)
		trace->calls = calloc(SELECT_IDS, sizeof(*trace->calls));
	if (!trace->calls)
		return -ENOMEM;
	ret = select_calls(trace->calls, text, false, err, errlen);
	if (!ret && !can_be_seen(trace->calls) && strcmp(text, "none") &&
	    strcmp(text, "!all")) {
		snprintf(err, errlen,
			 "%s always happens in this kernel, unseen; trace it with strace(1)",
			 text);
		return -EINVAL;
	}
	return ret;
}

int print_option(struct trace *trace, const char *text, char *err,
		 size_t errlen)
{
	size_t len = strcspn(text, "=");

	trace->on = true;
	if (!text[len])
		return parse_set(trace, text, err, errlen);
	if (!strncmp(text, "trace=", len + 1))
		return parse_set(trace, text + len + 1, err, errlen);
	if (!strncmp(text, "status=", len + 1))
		return parse_status(trace, text + len + 1, err, errlen);
	snprintf(err, errlen,
		 "%.*s= is not offered; write trace=SET, status=WORDS or a SET",
		 (int)len, text);
	return -EINVAL;
}

/* ---- names of descriptors ---- */

static char *local_name(pid_t pid, int32_t fd)
{
	char target[PATH_MAX];
	char link[64];
	ssize_t n;

	if (fd == -100)
		snprintf(link, sizeof(link), "/proc/%d/cwd", pid);
	else
		snprintf(link, sizeof(link), "/proc/%d/fd/%d", pid, fd);
	n = readlink(link, target, sizeof(target) - 1);
	return n < 0 ? NULL : strndup(target, (size_t)n);
}

static char *fd_name(struct tracee *t, int32_t fd, bool is_dir)
{
	struct entry *e = files_get(t->files, fd);

	if (e)
		return e->remote->path ? strdup(e->remote->path) : NULL;
	if (fd == -100 && is_dir && t->fs->remote)
		return strdup(t->fs->cwd);
	return fd < 0 && !(fd == -100 && is_dir) ? NULL :
						   local_name(t->pid, fd);
}

void print_end(struct tracee *t)
{
	for (unsigned int i = 0; i < CALL_ARGS; i++) {
		free(t->fd_name[i]);
		t->fd_name[i] = NULL;
	}
}

void print_begin(struct run *run, struct tracee *t)
{
	if (!run->trace.on || !run->trace.paths)
		return;
	print_end(t);
	for (unsigned int i = 0; t->call && i < CALL_ARGS; i++) {
		bool is_dir = t->call->arg[i].kind == ARG_DIRFD;

		if (is_dir || t->call->arg[i].kind == ARG_FD)
			t->fd_name[i] = fd_name(t, (int32_t)t->arg[i], is_dir);
	}
}

/* ---- the line ---- */

static bool is_wanted(const struct trace *trace, const struct tracee *t,
		      unsigned int status)
{
	const struct call *call = t->call;

	if (!trace->on || !(trace->status & status))
		return false;
	if (!trace->calls)
		return true;
	return call && trace->calls[call->id];
}

/* strace -f: always in a file, on a terminal when there are several. */
static void put_pid(struct buf *out, const struct run *run, pid_t pid)
{
	if (run->trace.to_file)
		put(out, "%-5d ", pid);
	else if (run->ntracees > 1)
		put(out, "[pid %5d] ", pid);
}

static void put_call(struct run *run, struct tracee *t)
{
	struct buf *out = &run->trace.line;

	out->len = 0;
	put_pid(out, run, t->pid);
	if (t->call) {
		put(out, "%s(", t->call->of ? t->call->of : t->call->name);
		put_args(out, &run->trace, t);
		return;
	}
	put(out, "syscall_%#lx(", (unsigned long)t->regs.nr);
	for (unsigned int i = 0; i < CALL_ARGS; i++)
		put(out, "%s%#" PRIx64, i ? ", " : "", t->regs.arg[i]);
}

static void put_result(struct buf *out, const struct trace *trace,
		       struct tracee *t, int64_t ret)
{
	char *name = NULL;

	if (ret < 0 && ret >= -ERRNO_MAX) {
		const char *word = strerrorname_np((int)-ret);

		if (word)
			put(out, "-1 %s (%s)", word, strerror((int)-ret));
		else
			put(out, "? errno %d", (int)-ret);
		return;
	}
	if (t->call && !strcmp(t->call->name, "umask"))
		put(out, "%#03" PRIo64, (uint64_t)ret);
	else if (!t->call || t->call->ret != RET_FLAGS)
		put(out, "%" PRId64, ret);
	if (t->call && t->call->ret == RET_FLAGS) {
		put(out, "%#" PRIx64 " (flags ", (uint64_t)ret);
		put_open_flags(out, (uint64_t)ret);
		put(out, ")");
	}
	if (t->call && t->call->ret == RET_FD && trace->paths)
		name = fd_name(t, (int32_t)ret, false);
	if (name)
		put_name(out, name);
	free(name);
}

static void put_side(struct buf *out, const struct trace *trace,
		     const struct tracee *t)
{
	struct timespec now;

	/* A request that was numbered went to the server. */
	put(out, " <%s", t->req.seq ? "remote" : "local");
	if (trace->time) {
		clock_gettime(CLOCK_MONOTONIC, &now);
		put(out, ", %.6f",
		    (double)(now.tv_sec - t->start.tv_sec) +
			    (double)(now.tv_nsec - t->start.tv_nsec) / 1e9);
	}
	put(out, ">");
}

static void write_line(struct trace *trace)
{
	put(&trace->line, "\n");
	/* A full disk must not end the program that is traced. */
	io_write_all(trace->fd, trace->line.data, trace->line.len);
	trace->line.len = 0;
}

void print_call(struct run *run, struct tracee *t, int64_t ret)
{
	bool failed = ret < 0 && ret >= -ERRNO_MAX;
	struct trace *trace = &run->trace;

	if (is_wanted(trace, t, failed ? TRACE_FAILED : TRACE_SUCCESSFUL)) {
		put_call(run, t);
		put(&trace->line, ") = ");
		put_result(&trace->line, trace, t, ret);
		put_side(&trace->line, trace, t);
		write_line(trace);
	}
	print_end(t);
}

void print_unfinished(struct run *run, struct tracee *t)
{
	struct trace *trace = &run->trace;

	if (t->state == T_RUNNING ? !t->rejoin : t->state == T_HELD)
		return;
	if (is_wanted(trace, t, TRACE_UNFINISHED)) {
		put_call(run, t);
		put(&trace->line, " <unfinished ...>) = ?");
		put_side(&trace->line, trace, t);
		write_line(trace);
	}
	print_end(t);
}
