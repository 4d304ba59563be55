/*
 * What is executed in place of what the program named: the file, the arguments
 * that a #! line adds (execve(2)), and how the new program is told the names
 * that it would have there.
 */
#ifndef RSC_EXEC_IMAGE_H
#define RSC_EXEC_IMAGE_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

struct run;
struct tracee;
struct program;

/* As the kernel has it: a script may be interpreted by a script, so often. */
#define SCRIPTS_MAX 5

struct exec_image {
	uint64_t argv;
	uint64_t envp;
	char given[PATH_MAX];	 /* what the program named: AT_EXECFN, comm */
	char path[PATH_MAX];	 /* what is executed */
	char comm[NAME_MAX + 1]; /* else its name, when a descriptor was given */
	char *arg[2 * SCRIPTS_MAX + 1]; /* owned: in place of argv[0] */
	unsigned int nargs;		/* 0: argv is the program's own */
	unsigned int scripts;
	bool hidden; /* by a descriptor that is closed on exec */
};

/* What exec_image_remote wants next. */
enum { EXEC_WANTS_LOADER = 1, EXEC_WANTS_INTERPRETER };

/* The last component, as the kernel names the process. */
const char *exec_image_last_name(const char *path);
/* The call is execve(path), or execveat(dirfd, path) when at. */
void exec_image_begin(struct tracee *t, struct exec_image *to, int dirfd,
		      const char *path, bool at);
/*
 * A file of the server that lies at path here. 0: it can be executed; EXEC_WANTS_*:
 * want (PATH_MAX bytes) names what has to be there too; -ENOEXEC (a line was
 * printed when the kernel's reason would not tell) or -errno.
 */
int exec_image_remote(struct exec_image *to, const char *path, const char *name,
		      char *want);
/* The file at path is what is executed. 0 or -errno. */
int exec_image_ready(struct run *run, struct exec_image *to, const char *path);
/* The same for the dynamic program at path, with its loader's file. */
int exec_image_loaded(struct run *run, struct exec_image *to, const char *path,
		      const char *loader);
/* This machine's file name is what is executed. 0 or -errno. */
int exec_image_local(struct run *run, struct exec_image *to, const char *name);
/* Makes the call, at its seccomp stop; to is part of t->exec. */
void exec_image_put(struct run *run, struct tracee *t, struct exec_image *to);
/* At the exec event: the program finds the names that it was given. */
int exec_image_done(struct tracee *t, const struct exec_image *to);
/*
 * At the exec event: is the program the server's, or a local script's
 * interpreter? scripts: the kernel itself may have read a #! line.
 */
int exec_image_note(const struct run *run, const struct tracee *t,
		    struct program *program, bool scripts);
/* The one that is under way, or NULL. */
struct exec_image *exec_image_of(struct tracee *t);
void exec_image_free(struct exec_image *to);

#endif
