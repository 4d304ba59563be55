/* docs/syscalls.md, derived from the table. */
#ifndef RSC_DOC_H
#define RSC_DOC_H

/* `rsc syscalls`: prints the table as markdown; exit status. */
int doc_main(int argc, char **argv);

#endif
