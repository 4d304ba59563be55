/* maps and smaps: mapped files of the server have the names that they have there. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "tracer/cache.h"
#include "tracer/image.h"
#include "tracer/proc.h"
#include "tracer/tracee.h"

#define FIELDS                                                                 \
	5 /* of a line before the name: range, mode, offset, device, inode */
#define MEMFD "/memfd:"

/* Where the name begins in a line of maps, len bytes long; NULL: it has none. */
static const char *name_in(const char *line, size_t len, unsigned long *ino)
{
	const char *end = line + len;
	const char *at = line;
	unsigned long lo;
	unsigned long hi;

	if (sscanf(line, "%lx-%lx %*4s %*x %*x:%*x %lu", &lo, &hi, ino) != 3)
		return NULL;
	for (int i = 0; i < FIELDS; i++) {
		while (at < end && *at != ' ')
			at++;
		while (at < end && *at == ' ')
			at++;
	}
	return at < end && *at == '/' ? at : NULL;
}

/* The file of the server whose copy here is the memfd with that inode. */
static const char *image_name(unsigned long ino)
{
	struct stat st;

	for (struct image *i = files_images->table; i; i = i->hh.next)
		if (!fstat(i->memfd, &st) && st.st_ino == ino)
			return i->path;
	return NULL;
}

static const char *name_there(const struct run *run, const char *name,
			      size_t len, unsigned long ino)
{
	char text[PATH_MAX];

	if (!strncmp(name, MEMFD, strlen(MEMFD)))
		return image_name(ino);
	if (len >= sizeof(text))
		return NULL;
	memcpy(text, name, len);
	text[len] = '\0';
	return cache_noted(&run->cache, text);
}

int proc_maps(const struct run *run, const char *text, struct buf *out)
{
	while (*text) {
		size_t len = strcspn(text, "\n");
		const char *next = text + len + (text[len] == '\n');
		const char *there = NULL;
		const char *name;
		unsigned long ino;

		name = name_in(text, len, &ino);
		if (name)
			there = name_there(run, name,
					   (size_t)(text + len - name), ino);
		if (!there)
			name = next;
		if (buf_add(out, text, (size_t)(name - text)))
			return -ENOMEM;
		if (there && (buf_add(out, there, strlen(there)) ||
			      buf_add(out, "\n", 1)))
			return -ENOMEM;
		text = next;
	}
	return 0;
}
