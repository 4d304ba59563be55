/* Lines of /proc/PID/status. */
#include "base/status.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX 256

int status_get(pid_t pid, const char *label, char *value, size_t size)
{
	size_t len = strlen(label);
	int err = -ENOENT;
	char line[LINE_MAX];
	char name[64];
	FILE *f;

	snprintf(name, sizeof(name), "/proc/%d/status", pid);
	f = fopen(name, "re");
	if (!f)
		return -errno;
	while (err && fgets(line, sizeof(line), f)) {
		if (strncmp(line, label, len) || line[len] != ':')
			continue;
		line[strcspn(line, "\n")] = 0;
		snprintf(value, size, "%s",
			 line + len + 1 + strspn(line + len + 1, " \t"));
		err = 0;
	}
	fclose(f);
	return err;
}

int64_t status_number(pid_t pid, const char *label)
{
	char value[LINE_MAX];
	char *last;

	if (status_get(pid, label, value, sizeof(value)))
		return 0;
	last = strrchr(value, '\t');
	return strtoll(last ? last + 1 : value, NULL, 10);
}

uint64_t status_mask(pid_t pid, const char *label)
{
	char value[LINE_MAX];

	if (status_get(pid, label, value, sizeof(value)))
		return 0;
	return strtoull(value, NULL, 16);
}

bool status_capable(pid_t pid, unsigned int cap)
{
	return status_mask(pid, "CapEff") >> cap & 1;
}
