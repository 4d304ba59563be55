/* A folder for one test, which is its working directory while it runs. */
#ifndef RSC_TEST_SANDBOX_H
#define RSC_TEST_SANDBOX_H

/* Makes a fresh folder and goes there, with umask 022. */
void sandbox_enter(void);
/* Goes to / and removes the folder with all that is in it. */
void sandbox_leave(void);
/* The folder's absolute name. */
const char *sandbox_path(void);
/* A file with this text. */
void sandbox_write(const char *name, const char *text);
/* The text of a file; the caller frees it. */
char *sandbox_read(const char *name);

#endif
