/*
 * Files of the server that are executed here: while they are, nobody of the
 * session opens them for writing there (ETXTBSY).
 */
#ifndef RSC_RUNNING_H
#define RSC_RUNNING_H

struct run;
struct tracee;
struct running_file;
struct stat;

/*
 * The file that st describes is about to be executed: t->exec has a reference
 * of it in *file when then is called. Without memory *file is NULL.
 */
void running_begin(struct run *run, struct tracee *t, const struct stat *st,
		   struct running_file **file,
		   void (*then)(struct run *run, struct tracee *t));
struct running_file *running_ref(struct running_file *file);
/* One process less executes it; the server will know. */
void running_unref(struct running_file *file);
/* t is at its exit: then is called when the server knows. */
void running_exit(struct run *run, struct tracee *t,
		  void (*then)(struct run *run, struct tracee *t));

#endif
