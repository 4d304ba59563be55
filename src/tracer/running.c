/* Files of the server that are executed here. */
#include "tracer/running.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <utlist.h>

#include "tracer/tracee.h"

struct running_file {
	struct running_file *next;
	struct run *run;
	struct req begin; /* what the server was told */
	unsigned int refs;
};

static struct req describe(const struct stat *st)
{
	struct req req = { .call = call_by_name("rsc_running") };

	req.val[0].num = 1;
	req.val[1].num = st->st_dev;
	req.val[2].num = st->st_ino;
	req.val[3].num = (uint64_t)st->st_size;
	req.val[4].num = (uint64_t)st->st_mtim.tv_sec;
	req.val[5].num = (uint64_t)st->st_mtim.tv_nsec;
	return req;
}

static struct running_file *find(const struct run *run, const struct req *like)
{
	struct running_file *file;

	LL_FOREACH(run->running, file)
	{
		unsigned int i = 1;

		while (i < CALL_ARGS &&
		       file->begin.val[i].num == like->val[i].num)
			i++;
		if (i == CALL_ARGS)
			return file;
	}
	return NULL;
}

void running_begin(struct run *run, struct tracee *t, const struct stat *st,
		   struct running_file **file, then_fn then)
{
	struct req req = describe(st);
	struct running_file *found = find(run, &req);

	*file = found ? running_ref(found) : calloc(1, sizeof(*found));
	if (found || !*file) {
		then(run, t);
		return;
	}
	(*file)->run = run;
	(*file)->begin = req;
	(*file)->refs = 1;
	LL_PREPEND(run->running, *file);
	t->req = req;
	ask(run, t, then);
}

struct running_file *running_ref(struct running_file *file)
{
	if (file)
		file->refs++;
	return file;
}

/* The last reference is gone: how the server is told. */
static struct req forget(struct running_file *file)
{
	struct req req = file->begin;

	req.val[0].num = 0;
	LL_DELETE(file->run->running, file);
	free(file);
	return req;
}

void running_unref(struct running_file *file)
{
	struct run *run;
	struct req req;

	if (!file || --file->refs)
		return;
	run = file->run;
	req = forget(file);
	tell(run, run->keeper.task, &req);
}

void running_exit(struct run *run, struct tracee *t, then_fn then)
{
	struct running_file *file = t->program->running;

	if (!file || t->program->refs > 1) {
		then(run, t);
		return;
	}
	t->program->running = NULL;
	if (--file->refs) {
		then(run, t);
		return;
	}
	t->req = forget(file);
	ask(run, t, then);
}
