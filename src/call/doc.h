/* docs/syscalls.md and docs/protocol.cddl, derived from the table. */
#ifndef RSC_DOC_H
#define RSC_DOC_H

/* `rsc syscalls`: prints the table as markdown; exit status. */
int doc_main(int argc, char **argv);
/* Prints the wire protocol in CDDL (cddl.c). */
void cddl_print(void);

#endif
