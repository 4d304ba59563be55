/* What belongs to a program's memory. */
#include <stdlib.h>
#include <string.h>

#include "tracer/program.h"

struct program *program_new(void)
{
	struct program *program = calloc(1, sizeof(*program));

	if (program)
		program->refs = 1;
	return program;
}

struct program *program_ref(struct program *program)
{
	program->refs++;
	return program;
}

void program_unref(struct program *program)
{
	if (!program || --program->refs)
		return;
	running_unref(program->running);
	free(program->area);
	free(program->exe);
	free(program->script);
	free(program->script_given);
	free(program);
}

static bool copy_text(char **to, const char *from)
{
	*to = from ? strdup(from) : NULL;
	return *to || !from;
}

struct program *program_copy(const struct program *program)
{
	struct program *copy = malloc(sizeof(*copy));

	if (!copy)
		return NULL;
	*copy = *program;
	copy->refs = 1;
	copy->running = running_ref(program->running);
	copy->area = NULL;
	copy->exe = NULL;
	copy->script = NULL;
	copy->script_given = NULL;
	if (program->nareas)
		copy->area = calloc(program->nareas, sizeof(*copy->area));
	for (unsigned int i = 0; copy->area && i < program->nareas; i++) {
		copy->area[i] = program->area[i];
		copy->area[i].used = false;
	}
	if ((copy->area || !program->nareas) &&
	    copy_text(&copy->exe, program->exe) &&
	    copy_text(&copy->script, program->script) &&
	    copy_text(&copy->script_given, program->script_given))
		return copy;
	program_unref(copy);
	return NULL;
}
