/*
 * stat, status and maps of the program's own processes: this kernel's text, with
 * what is true elsewhere put in. Credentials are the server's; the time of the
 * start counts from when the server was booted; and neither the tracer nor its
 * filter and stops are there.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "call/call.h"
#include "tracer/tracee.h"

#define TEXT_MAX (64u << 10)	     /* of many groups */
#define NS_A_TICK (1000000000 / 100) /* USER_HZ, which is 100 on both */
#define STARTED 20		     /* of stat, counted from the state */

/* The lines of status that the server says. */
static const char *const theirs[] = {
	"Uid:",	   "Gid:",    "Groups:", "CapInh:",
	"CapPrm:", "CapEff:", "CapBnd:", "CapAmb:",
};

enum text { TEXT_STAT, TEXT_STATUS, TEXT_MAPS, TEXT_SMAPS, TEXTS };

static const char *const names[TEXTS] = {
	[TEXT_STAT] = "stat",
	[TEXT_STATUS] = "status",
	[TEXT_MAPS] = "maps",
	[TEXT_SMAPS] = "smaps",
};

/* Which text the place is, of a process or a thread; TEXTS: none. */
static enum text text_of(const struct proc_place *place)
{
	const char *last = strrchr(place->path, '/');
	unsigned int depth = 0;
	int i = TEXTS;

	for (const char *c = place->path; *c; c++)
		depth += *c == '/';
	if (depth == 1 || depth == 3)
		for (i = 0; i < TEXTS; i++)
			if (!strcmp(last + 1, names[i]))
				break;
	return (enum text)i;
}

bool proc_is_composed(const struct proc_place *place)
{
	return place->fd >= 0 || text_of(place) != TEXTS;
}

/* What the state is without the tracer. */
static char state_of(const struct tracee *t, char state)
{
	const struct tracee *who = t->place->who;

	if (state != 't' || !who)
		return state;
	if (who->stopped)
		return 'T';
	return who == t || who->state == T_RUNNING ? 'R' : 'S';
}

/* ---- stat ---- */

static int compose_stat(const struct run *run, const struct tracee *t,
			const char *text, struct buf *out)
{
	const char *at = strrchr(text, ')');
	unsigned long long started;
	int blanks = 0;
	char field[32];
	int64_t ticks;
	char state;
	char *end;

	if (!at || !at[1] || !at[2])
		return -EIO;
	at += 2;
	state = state_of(t, *at);
	if (buf_add(out, text, (size_t)(at - text)) || buf_add(out, &state, 1))
		return -ENOMEM;
	text = ++at;
	while (*at && blanks < STARTED - 1)
		blanks += *at++ == ' ';
	started = strtoull(at, &end, 10);
	ticks = run->tree.uptime / NS_A_TICK;
	/* Rounded down, or it begins later than now. */
	ticks -= ticks * NS_A_TICK > run->tree.uptime;
	snprintf(field, sizeof(field), "%llu",
		 started + (unsigned long long)ticks);
	if (buf_add(out, text, (size_t)(at - text)) ||
	    buf_add(out, field, strlen(field)) ||
	    buf_add(out, end, strlen(end)))
		return -ENOMEM;
	return 0;
}

/* ---- status ---- */

/* The line of text that begins with label, or NULL. */
static const char *find_line(const char *text, const char *label)
{
	while (*text) {
		if (!strncmp(text, label, strlen(label)))
			return text;
		text += strcspn(text, "\n");
		text += *text == '\n';
	}
	return NULL;
}

static const char *line_of_server(const char *creds, const char *line)
{
	for (size_t i = 0; i < sizeof(theirs) / sizeof(*theirs); i++)
		if (!strncmp(line, theirs[i], strlen(theirs[i])))
			return find_line(creds, theirs[i]);
	return NULL;
}

static const char *name_of_state(char state)
{
	switch (state) {
	case 'R':
		return "State:\tR (running)\n";
	case 'T':
		return "State:\tT (stopped)\n";
	default:
		return "State:\tS (sleeping)\n";
	}
}

/* How many filters the program itself has; ours is the other one. */
static long filters(const char *text)
{
	const char *line = find_line(text, "Seccomp_filters:\t");

	return line ? atol(strchr(line, '\t')) - 1 : 1;
}

/* What stands in place of a line; buf (64 bytes) may hold it. */
static const char *replace(const struct tracee *t, const char *text,
			   const char *creds, const char *line, char *buf)
{
	const char *other = line_of_server(creds, line);
	char state;

	if (other)
		return other;
	if (sscanf(line, "State:\t%c", &state) == 1 &&
	    state_of(t, state) != state)
		return name_of_state(state_of(t, state));
	if (!strncmp(line, "TracerPid:", 10))
		return "TracerPid:\t0\n";
	if (!strncmp(line, "NoNewPrivs:", 11)) {
		snprintf(buf, 64, "NoNewPrivs:\t%d\n", t->no_new_privs);
		return buf;
	}
	if (!strncmp(line, "Seccomp:", 8) && filters(text) <= 0)
		return "Seccomp:\t0\n";
	if (!strncmp(line, "Seccomp_filters:", 16)) {
		snprintf(buf, 64, "Seccomp_filters:\t%ld\n", filters(text));
		return buf;
	}
	return line;
}

static int compose_status(const struct tracee *t, const char *text,
			  const char *creds, struct buf *out)
{
	const char *line = text;
	char buf[64];

	while (*line) {
		const char *put = replace(t, text, creds, line, buf);
		size_t len = strcspn(put, "\n");

		if (buf_add(out, put, len + (put[len] == '\n')))
			return -ENOMEM;
		line += strcspn(line, "\n");
		line += *line == '\n';
	}
	return 0;
}

/* ---- the file ---- */

/* A descriptor of a file with that text, or -errno. */
static int make_file(const struct buf *text)
{
	char name[64];
	int memfd;
	int fd = -EIO;

	memfd = memfd_create("proc", MFD_CLOEXEC);
	if (memfd < 0)
		return -errno;
	snprintf(name, sizeof(name), "/proc/self/fd/%d", memfd);
	if (write(memfd, text->data, text->len) == (ssize_t)text->len &&
	    !fchmod(memfd, 0444)) {
		fd = open(name, O_RDONLY | O_CLOEXEC);
		fd = fd < 0 ? -errno : fd;
	}
	close(memfd);
	return fd;
}

static void give_text(struct run *run, struct tracee *t, int err,
		      struct buf *out)
{
	int fd = err ? err : make_file(out);

	buf_free(out);
	if (fd < 0)
		finish_skip(run, t, fd);
	else
		placeholder_give(run, t, fd);
}

static int compose(const struct run *run, const struct tracee *t,
		   const char *text, const char *creds, struct buf *out)
{
	switch (text_of(t->place)) {
	case TEXT_STAT:
		return compose_stat(run, t, text, out);
	case TEXT_STATUS:
		return compose_status(t, text, creds, out);
	case TEXT_MAPS:
	case TEXT_SMAPS:
		return proc_maps(run, text, out);
	default:
		return -EIO;
	}
}

static void give(struct run *run, struct tracee *t, const char *creds)
{
	struct buf text = { 0 };
	struct buf out = { 0 };
	int err;

	err = proc_read(run, t->place->path, &text);
	if (!err)
		err = compose(run, t, (char *)text.data, creds, &out);
	buf_free(&text);
	give_text(run, t, err, &out);
}

/* The O_* flags in a text of fdinfo; *end is what follows them. */
static unsigned long flags_of(const char *text, const char **begin,
			      const char **end)
{
	unsigned long bits;
	char *stop;

	*begin = find_line(text, "flags:\t");
	if (!*begin)
		return 0;
	*begin += strlen("flags:\t");
	bits = strtoul(*begin, &stop, 8);
	*end = stop;
	return bits;
}

/* Only the number here knows whether it is closed on exec. */
static int compose_fdinfo(const char *there, const char *here, struct buf *out)
{
	unsigned long bits;
	const char *begin;
	const char *end;
	char text[32];

	bits = flags_of(here, &begin, &end) & O_CLOEXEC;
	bits |= flags_of(there, &begin, &end) & ~(unsigned long)O_CLOEXEC;
	if (!begin)
		return -EIO;
	snprintf(text, sizeof(text), "0%lo", bits);
	if (buf_add(out, there, (size_t)(begin - there)) ||
	    buf_add(out, text, strlen(text)) || buf_add(out, end, strlen(end)))
		return -ENOMEM;
	return 0;
}

/* The text that was asked for, empty when there is none; NULL: no memory. */
static char *answer_of(struct tracee *t)
{
	const struct value *v = &t->req.val[1];
	size_t len = t->req.ret > 0 && v->data ? v->len : 0;
	char *text = arena_alloc(&t->arena, len + 1);

	if (!text)
		return NULL;
	if (len)
		memcpy(text, v->data, len);
	text[len] = '\0';
	t->req = *t->asked;
	return text;
}

static void fdinfo_answered(struct run *run, struct tracee *t)
{
	int err = t->req.ret < 0 ? (int)t->req.ret : 0;
	const char *there = answer_of(t);
	struct buf here = { 0 };
	struct buf out = { 0 };

	if (!there)
		err = -ENOMEM;
	if (!err)
		err = proc_read(run, t->place->path, &here);
	if (!err)
		err = compose_fdinfo(there, (char *)here.data, &out);
	buf_free(&here);
	give_text(run, t, err, &out);
}

static void creds_answered(struct run *run, struct tracee *t)
{
	const char *creds = answer_of(t);

	if (creds)
		give(run, t, creds);
	else
		finish_skip(run, t, -ENOMEM);
}

/* Asks the server for a text. */
static void ask_text(struct run *run, struct tracee *t, const char *row,
		     uint64_t of, then_fn then)
{
	t->asked = arena_alloc(&t->arena, sizeof(*t->asked));
	if (!t->asked) {
		finish_skip(run, t, -ENOMEM);
		return;
	}
	*t->asked = t->req;
	t->req = (struct req){ .call = call_by_name(row) };
	t->req.val[0].num = of;
	t->req.val[1].num = 1;
	t->req.val[1].len = TEXT_MAX;
	t->req.val[2].num = TEXT_MAX;
	ask(run, t, then);
}

void proc_compose(struct run *run, struct tracee *t)
{
	const struct proc_place *place = t->place;
	struct entry *e = files_get(t->files, place->fd);

	if (e)
		ask_text(run, t, "rsc_fdinfo", (uint64_t)e->handle,
			 fdinfo_answered);
	else if (text_of(place) == TEXT_STATUS && place->who &&
		 run->selected[call_by_name("getuid")->id])
		ask_text(run, t, "rsc_status", place->who->task,
			 creds_answered);
	else
		give(run, t, "");
}
