/*
 * Files of pre-shared keys for tls://. A line is a name, blanks and 64
 * hexadecimal digits; what follows '#' is a comment. A client shows the first
 * key, a server takes any.
 */
#ifndef RSC_KEY_H
#define RSC_KEY_H

#include <stddef.h>
#include <stdint.h>

#define KEY_SIZE 32
#define KEY_NAME_MAX 64 /* with the zero */
#define KEYS_MAX 256

struct key {
	char name[KEY_NAME_MAX];
	uint8_t secret[KEY_SIZE];
};

/*
 * Is the file ours or root's, and nobody else's to read? 0 or -errno; text says
 * why not and what to do. Returns the open descriptor.
 */
int key_open(const char *path, char *text, size_t size);
/*
 * The keys of a file; as many as are returned, at least 1, or -errno with text.
 * keys has room for KEYS_MAX.
 */
int key_read(const char *path, struct key *keys, char *text, size_t size);
/* `rsc keygen FILE [NAME]`: makes a file with one new key, mode 0600. */
int keygen_main(int argc, char **argv);

#endif
