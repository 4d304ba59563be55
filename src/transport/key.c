/* Files of pre-shared keys: made, checked and read. */
#include "transport/key.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"

#define FILE_MAX (KEYS_MAX * 256)
#define EXIT_USAGE 125

static int refuse(int err, char *text, size_t size, const char *path,
		  const char *why)
{
	snprintf(text, size, "%s: %s", path, why);
	return err;
}

int key_open(const char *path, char *text, size_t size)
{
	struct stat st;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) < 0) {
		refuse(-errno, text, size, path, strerror(errno));
		if (fd < 0)
			return -errno;
		close(fd);
		return -EIO;
	}
	if (!S_ISREG(st.st_mode))
		refuse(0, text, size, path, "no regular file");
	else if (st.st_mode & 077)
		refuse(0, text, size, path,
		       "others may read or change it; chmod 600 it");
	else if (st.st_uid != geteuid() && st.st_uid)
		refuse(0, text, size, path, "it belongs to another user");
	else
		return fd;
	close(fd);
	return -EPERM;
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool is_name(const char *name)
{
	if (!*name || strlen(name) >= KEY_NAME_MAX)
		return false;
	for (; *name; name++)
		if (!isascii(*name) ||
		    (!isalnum(*name) && !strchr("._-@", *name)))
			return false;
	return true;
}

/* NAME DIGITS; or -EINVAL. */
static int parse(const char *line, struct key *key)
{
	char digits[2 * KEY_SIZE + 2];
	char name[128];
	char more;

	if (sscanf(line, "%127s %65s %c", name, digits, &more) != 2 ||
	    !is_name(name) || strlen(digits) != 2 * KEY_SIZE)
		return -EINVAL;
	strcpy(key->name, name);
	for (int i = 0; i < KEY_SIZE; i++) {
		int high = digit(digits[2 * i]);
		int low = digit(digits[2 * i + 1]);

		if (high < 0 || low < 0)
			return -EINVAL;
		key->secret[i] = (uint8_t)(high << 4 | low);
	}
	explicit_bzero(digits, sizeof(digits));
	return 0;
}

/* The keys in a text, which is changed. */
static int parse_all(char *text, struct key *keys)
{
	char *rest = text;
	char *line;
	int n = 0;

	while ((line = strsep(&rest, "\n"))) {
		line[strcspn(line, "#")] = '\0';
		line += strspn(line, " \t\r");
		if (!*line)
			continue;
		if (n == KEYS_MAX || parse(line, &keys[n]))
			return -EINVAL;
		n++;
	}
	return n ? n : -ENODATA;
}

int key_read(const char *path, struct key *keys, char *text, size_t size)
{
	static char content[FILE_MAX + 1];
	ssize_t len;
	int fd;
	int n;

	fd = key_open(path, text, size);
	if (fd < 0)
		return fd;
	len = io_read(fd, content, sizeof(content));
	close(fd);
	if (len < 0 || len > FILE_MAX)
		return refuse(-EINVAL, text, size, path, "it cannot be read");
	content[len] = '\0';
	n = parse_all(content, keys);
	explicit_bzero(content, sizeof(content));
	if (n < 0)
		refuse(n, text, size, path,
		       "a line of a key is a name and 64 hexadecimal digits; make a file of one with rsc keygen");
	return n;
}

static const char usage[] =
	"usage: rsc keygen FILE [NAME]\n"
	"Makes a key for tls:// in a new FILE, which client and server need both.\n"
	"  --help  this text\n";

int keygen_main(int argc, char **argv)
{
	uint8_t random[KEY_SIZE + 4];
	char name[KEY_NAME_MAX];
	char text[256];
	int len;
	int err;
	int fd;

	if (argc == 2 && !strcmp(argv[1], "--help")) {
		fputs(usage, stdout);
		return 0;
	}
	if (argc < 2 || argc > 3 || argv[1][0] == '-') {
		fputs(usage, stderr);
		return EXIT_USAGE;
	}
	if (getrandom(random, sizeof(random), 0) != sizeof(random)) {
		log_err("keygen: no random bytes: %s", strerror(errno));
		return EXIT_USAGE;
	}
	snprintf(name, sizeof(name), "key-%02x%02x%02x%02x", random[KEY_SIZE],
		 random[KEY_SIZE + 1], random[KEY_SIZE + 2],
		 random[KEY_SIZE + 3]);
	if (argc == 3 && !is_name(argv[2])) {
		log_err("keygen: %s: a name has at most %d letters, digits and ._-@",
			argv[2], KEY_NAME_MAX - 1);
		return EXIT_USAGE;
	}
	len = snprintf(text, sizeof(text), "%s ", argc == 3 ? argv[2] : name);
	for (int i = 0; i < KEY_SIZE; i++)
		len += snprintf(text + len, sizeof(text) - (size_t)len, "%02x",
				random[i]);
	text[len++] = '\n';
	fd = open(argv[1], O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	err = fd < 0 ? -errno : io_write_all(fd, text, (size_t)len);
	if (!err && close(fd) < 0)
		err = -errno;
	if (!err)
		return 0;
	log_err("keygen: %s: %s", argv[1], strerror(-err));
	return EXIT_USAGE;
}
