/* Files of the server that are kept on this machine. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <openssl/evp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <uthash.h>

#include "base/io.h"
#include "base/log.h"
#include "tracer/cache.h"

#define RECENT 60 /* seconds */
#define SUM_SIZE 32
#define SUM_TEXT (2 * SUM_SIZE + 1)

struct kept_file {
	UT_hash_handle hh;
	char *path; /* owned */
	char *name; /* owned: the server's, or NULL */
};

static void to_hex(const unsigned char sum[SUM_SIZE], char text[SUM_TEXT])
{
	for (int i = 0; i < SUM_SIZE; i++)
		snprintf(text + 2 * i, 3, "%02x", sum[i]);
}

/* mkdir -p; the folder is only this user's. */
static int make_dirs(const char *path)
{
	char part[PATH_MAX];

	snprintf(part, sizeof(part), "%s", path);
	for (char *slash = part + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = 0;
		if (mkdir(part, 0700) && errno != EEXIST)
			return -errno;
		*slash = '/';
	}
	return mkdir(part, 0700) && errno != EEXIST ? -errno : 0;
}

static bool is_ours(const char *dir)
{
	struct stat st;

	return !stat(dir, &st) && S_ISDIR(st.st_mode) &&
	       st.st_uid == geteuid() && !(st.st_mode & 022);
}

/* A folder of this run's. */
static int own_dir(struct cache *cache)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(cache->dir, PATH_MAX, "%s/rsc-programs-XXXXXX",
		 tmp && tmp[0] == '/' && !cache->shared ? tmp : "/tmp");
	if (!mkdtemp(cache->dir) ||
	    (cache->shared && chmod(cache->dir, 0711))) {
		int err = -errno;

		log_err("no folder for the server's programs: %s: %s",
			cache->dir, strerror(errno));
		*cache->dir = 0;
		return err;
	}
	cache->own = true;
	return 0;
}

static int open_dir(struct cache *cache)
{
	const char *base = getenv("XDG_CACHE_HOME");
	const struct passwd *user = getpwuid(geteuid());
	const char *home = user ? user->pw_dir : NULL;
	int n = 0;

	if (*cache->dir)
		return 0;
	if (cache->shared)
		return own_dir(cache);
	if (base && base[0] == '/')
		n = snprintf(cache->dir, PATH_MAX, "%s/rsc/programs", base);
	else if (home && home[0] == '/')
		n = snprintf(cache->dir, PATH_MAX, "%s/.cache/rsc/programs",
			     home);
	if (n > 0 && n < PATH_MAX / 2 && !make_dirs(cache->dir) &&
	    is_ours(cache->dir) && !access(cache->dir, W_OK))
		return 0;
	return own_dir(cache);
}

/* Where the files under key lie. */
static int key_dir(struct cache *cache, const char *key, char dir[PATH_MAX])
{
	unsigned char sum[EVP_MAX_MD_SIZE];
	char text[SUM_TEXT];
	int err;

	err = open_dir(cache);
	if (err)
		return err;
	if (!EVP_Digest(key, strlen(key), sum, NULL, EVP_sha256(), NULL))
		return -ENOMEM;
	to_hex(sum, text);
	text[SUM_SIZE] = 0;
	if (snprintf(dir, PATH_MAX, "%s/%s", cache->dir, text) >= PATH_MAX)
		return -ENAMETOOLONG;
	return 0;
}

static bool has_sum(const char *path, const char *want)
{
	unsigned char sum[EVP_MAX_MD_SIZE];
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	char text[SUM_TEXT] = "";
	ssize_t n = -1;
	char *block;
	int fd;

	block = malloc(1 << 18);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (ctx && block && fd >= 0 &&
	    EVP_DigestInit_ex(ctx, EVP_sha256(), NULL)) {
		while ((n = read(fd, block, 1 << 18)) > 0)
			EVP_DigestUpdate(ctx, block, (size_t)n);
		if (!n && EVP_DigestFinal_ex(ctx, sum, NULL))
			to_hex(sum, text);
	}
	if (fd >= 0)
		close(fd);
	free(block);
	EVP_MD_CTX_free(ctx);
	return !strcmp(text, want);
}

static struct kept_file *known(const struct cache *cache, const char *path)
{
	struct kept_file *file;

	HASH_FIND_STR(cache->known, path, file);
	return file;
}

static int trust(struct cache *cache, const char *path)
{
	struct kept_file *file;

	if (known(cache, path))
		return 0;
	file = calloc(1, sizeof(*file));
	if (!file || !(file->path = strdup(path))) {
		free(file);
		return -ENOMEM;
	}
	HASH_ADD_KEYPTR(hh, cache->known, file->path, strlen(file->path), file);
	return 0;
}

int cache_find(struct cache *cache, const char *key, char path[PATH_MAX])
{
	char dir[PATH_MAX];
	struct dirent *d;
	int err;
	DIR *list;

	err = key_dir(cache, key, dir);
	if (err)
		return err;
	list = opendir(dir);
	if (!list)
		return -errno;
	err = -ENOENT;
	while (err == -ENOENT && (d = readdir(list))) {
		if (strlen(d->d_name) != SUM_TEXT - 1 ||
		    snprintf(path, PATH_MAX, "%s/%s", dir, d->d_name) >=
			    PATH_MAX)
			continue;
		if (known(cache, path)) {
			err = 0;
		} else if (has_sum(path, d->d_name)) {
			err = trust(cache, path);
		} else {
			log_err("%s is not what was kept there: it is fetched again",
				path);
			unlink(path);
		}
	}
	closedir(list);
	if (!err)
		utimensat(AT_FDCWD, dir, NULL, 0);
	return err;
}

/* ---- the limit ---- */

struct found {
	char *path;
	time_t used;
	uint64_t size;
};

static int by_age(const void *one, const void *two)
{
	const struct found *a = one;
	const struct found *b = two;

	return (a->used > b->used) - (a->used < b->used);
}

static uint64_t size_of(const char *path)
{
	uint64_t size = 0;
	struct dirent *d;
	struct stat st;
	DIR *list;

	list = opendir(path);
	if (!list)
		return 0;
	while ((d = readdir(list)))
		if (!fstatat(dirfd(list), d->d_name, &st,
			     AT_SYMLINK_NOFOLLOW) &&
		    S_ISREG(st.st_mode))
			size += (uint64_t)st.st_size;
	closedir(list);
	return size;
}

static int remove_one(const char *path, const struct stat *st, int flag,
		      struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	remove(path);
	return 0;
}

static void remove_all(const char *path)
{
	nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* This run has it, or another may be about to. */
static bool is_in_use(const struct cache *cache, const struct found *found)
{
	size_t len = strlen(found->path);

	if (found->used > time(NULL) - RECENT)
		return true;
	for (struct kept_file *f = cache->known; f; f = f->hh.next)
		if (!strncmp(f->path, found->path, len) && f->path[len] == '/')
			return true;
	return false;
}

static void keep_limit(const struct cache *cache)
{
	uint64_t limit = cache->limit ? cache->limit : CACHE_LIMIT;
	struct found *found = NULL;
	uint64_t total = 0;
	struct dirent *d;
	struct stat st;
	size_t count = 0;
	DIR *list;

	list = opendir(cache->dir);
	while (list && (d = readdir(list))) {
		char path[PATH_MAX + 256];
		struct found *more;

		snprintf(path, sizeof(path), "%s/%s", cache->dir, d->d_name);
		if (d->d_name[0] == '.' || lstat(path, &st))
			continue;
		more = realloc(found, (count + 1) * sizeof(*found));
		if (!more)
			break;
		found = more;
		found[count] = (struct found){ strdup(path), st.st_mtime,
					       size_of(path) };
		total += found[count++].size;
	}
	if (list)
		closedir(list);
	if (count)
		qsort(found, count, sizeof(*found), by_age);
	for (size_t i = 0; i < count; i++) {
		if (total > limit && found[i].path &&
		    !is_in_use(cache, &found[i])) {
			total -= found[i].size;
			remove_all(found[i].path);
		}
		free(found[i].path);
	}
	free(found);
}

/* ---- writing ---- */

int cache_begin(struct cache *cache, const char *key, struct cache_file *file)
{
	int err;

	file->fd = -1;
	file->sum = NULL;
	err = key_dir(cache, key, file->dir);
	if (err)
		return err;
	keep_limit(cache);
	if (mkdir(file->dir, cache->shared ? 0711 : 0700) && errno != EEXIST)
		return -errno;
	if (snprintf(file->name, PATH_MAX, "%s/.XXXXXX", file->dir) >= PATH_MAX)
		return -ENAMETOOLONG;
	file->fd = mkostemp(file->name, O_CLOEXEC);
	if (file->fd < 0)
		return -errno;
	file->sum = EVP_MD_CTX_new();
	if (!file->sum || !EVP_DigestInit_ex(file->sum, EVP_sha256(), NULL)) {
		cache_abort(file);
		return -ENOMEM;
	}
	return 0;
}

int cache_add(struct cache_file *file, const void *data, size_t len)
{
	EVP_DigestUpdate(file->sum, data, len);
	return io_write_all(file->fd, data, len);
}

void cache_abort(struct cache_file *file)
{
	if (file->fd >= 0) {
		close(file->fd);
		unlink(file->name);
	}
	EVP_MD_CTX_free(file->sum);
	file->fd = -1;
	file->sum = NULL;
}

int cache_commit(struct cache *cache, struct cache_file *file,
		 char path[PATH_MAX])
{
	unsigned char sum[EVP_MAX_MD_SIZE];
	char text[SUM_TEXT];
	int err = 0;

	if (!EVP_DigestFinal_ex(file->sum, sum, NULL))
		err = -ENOMEM;
	to_hex(sum, text);
	if (!err &&
	    snprintf(path, PATH_MAX, "%s/%s", file->dir, text) >= PATH_MAX)
		err = -ENAMETOOLONG;
	if (!err && fchmod(file->fd, cache->shared ? 0755 : 0700))
		err = -errno;
	/* It is closed before it gets its name: nobody meets ETXTBSY. */
	if (!err && close(file->fd))
		err = -errno;
	else if (err)
		close(file->fd);
	file->fd = -1;
	if (!err && rename(file->name, path))
		err = -errno;
	if (err)
		unlink(file->name);
	EVP_MD_CTX_free(file->sum);
	file->sum = NULL;
	return err ? err : trust(cache, path);
}

int cache_name(struct cache *cache, const char *path, const char *name,
	       size_t len, char out[PATH_MAX])
{
	char dir[PATH_MAX];
	size_t n;
	int err;

	err = key_dir(cache, path, dir);
	if (err)
		return err;
	if (mkdir(dir, cache->shared ? 0711 : 0700) && errno != EEXIST)
		return -errno;
	n = strlen(dir);
	if (n + strlen(name) + 2 > PATH_MAX)
		return -ENAMETOOLONG;
	memcpy(out, dir, n);
	out[n++] = '/';
	/* More slashes mean the same. */
	while (n + strlen(name) < len && n + strlen(name) + 1 < PATH_MAX)
		out[n++] = '/';
	strcpy(out + n, name);
	if (symlink(path, out) && errno != EEXIST)
		return -errno;
	return 0;
}

int cache_note(struct cache *cache, const char *path, const char *name)
{
	struct kept_file *file;
	char *copy;

	if (trust(cache, path))
		return -ENOMEM;
	copy = strdup(name);
	if (!copy)
		return -ENOMEM;
	file = known(cache, path);
	free(file->name);
	file->name = copy;
	return 0;
}

const char *cache_noted(const struct cache *cache, const char *path)
{
	struct kept_file *file = known(cache, path);

	return file ? file->name : NULL;
}

void cache_share(struct cache *cache)
{
	if (cache->shared)
		return;
	cache->shared = true;
	/* An execve may be under way there. */
	if (cache->own)
		cache->before = strdup(cache->dir);
	if (cache->own && !cache->before)
		log_err("out of memory: %s stays", cache->dir);
	cache->own = false;
	*cache->dir = 0;
}

void cache_close(struct cache *cache)
{
	struct kept_file *next;
	struct kept_file *file;

	HASH_ITER(hh, cache->known, file, next)
	{
		HASH_DEL(cache->known, file);
		free(file->path);
		free(file->name);
		free(file);
	}
	if (cache->own)
		remove_all(cache->dir);
	if (cache->before)
		remove_all(cache->before);
	free(cache->before);
	*cache = (struct cache){ 0 };
}
