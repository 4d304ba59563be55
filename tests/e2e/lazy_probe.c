/*
 * Maps a file whose words are their own places in it, and looks at it in ways
 * in which a page may be missing: lazy_probe WHAT FILE. Prints what it saw.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096
#define THREADS 8
#define TOUCHES 150
#define FORKS 12

static const uint64_t *map;
static uint64_t size;
static int fd;

static uint64_t word(uint64_t at)
{
	return map[at / sizeof(*map)];
}

/* How many of n words in a row of random ones are not what they should be. */
static long look(unsigned int seed, int n)
{
	long bad = 0;

	for (int i = 0; i < n; i++) {
		uint64_t r = (uint64_t)rand_r(&seed) * 1000003 + i;
		uint64_t at = r % (size / sizeof(*map)) * sizeof(*map);

		bad += word(at) != at;
	}
	return bad;
}

static void *looker(void *arg)
{
	return (void *)look((unsigned int)(uintptr_t)arg, TOUCHES);
}

static void *forker(void *arg)
{
	long bad = 0;
	int status;

	for (int i = 0; i < FORKS; i++) {
		pid_t pid = fork();

		if (!pid) {
			pid_t more = i % 3 ? -1 : fork();

			bad = look((unsigned int)(uintptr_t)arg + i, 10);
			if (more > 0 &&
			    (waitpid(more, &status, 0) != more || status))
				bad++;
			_exit(bad != 0);
		}
		bad += waitpid(pid, &status, 0) != pid || status;
	}
	return (void *)bad;
}

/* Many threads touch it, some fork meanwhile. */
static void threads(void)
{
	pthread_t thread[THREADS];
	long bad = 0;
	void *ret;

	for (uintptr_t i = 0; i < THREADS; i++)
		pthread_create(&thread[i], NULL, i % 3 ? looker : forker,
			       (void *)(i + 1));
	for (int i = 0; i < THREADS; i++) {
		pthread_join(thread[i], &ret);
		bad += (long)ret;
	}
	printf("threads: %ld bad\n", bad);
}

/* This kernel reads it and writes it, and so does who makes calls for us. */
static void calls(void)
{
	uint64_t buf[2 * PAGE / sizeof(uint64_t)];
	struct iovec iov[2];
	uint64_t at = size / 2;
	char *name;
	int fds[2];
	int out;

	out = open("out", O_RDWR | O_CREAT | O_TRUNC, 0644);
	iov[0] = (struct iovec){ (char *)map + at, PAGE };
	iov[1] = (struct iovec){ (char *)map + at / 2 - 100, PAGE + 100 };
	printf("write there: %zd", write(out, (char *)map + at / 3, 20000));
	printf(" %zd\n", writev(out, iov, 2));
	if (pipe(fds))
		return;
	at = size / 5 * 4 / PAGE * PAGE;
	printf("write here: %zd", write(fds[1], (char *)map + at, sizeof(buf)));
	printf(" %zd", read(fds[0], buf, sizeof(buf)));
	printf(" %d\n", buf[1] == at + 8);
	at = size / 7 / PAGE * PAGE;
	iov[0] = (struct iovec){ buf, sizeof(buf) };
	iov[1] = (struct iovec){ (char *)map + at, sizeof(buf) };
	printf("process_vm_readv: %zd",
	       process_vm_readv(getpid(), iov, 1, iov + 1, 1, 0));
	printf(" %d\n", buf[3] == at + 24);
	name = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	at = size / 9 / PAGE * PAGE + PAGE - 2;
	printf("read there: %zd\n", pread(out, name + at, 3, 5));
	strcpy(name + at + 100, "out");
	printf("a name: %d\n", access(name + at + 100, R_OK));
	printf("a name that ends nowhere: %d",
	       access(name + size / 11 / PAGE * PAGE + 1, R_OK));
	printf(" %s\n", strerror(errno));
	printf("lock: %d\n",
	       mlock((char *)map + size / 13 / PAGE * PAGE, PAGE));
	munmap(name, size);
}

static int in_child(long (*fn)(void))
{
	pid_t pid = fork();
	int status = -1;

	if (!pid)
		_exit(fn() != 0);
	waitpid(pid, &status, 0);
	return status;
}

static long look_on(void)
{
	return look(77, 20);
}

/* Mappings move and grow; children have them too. */
static void moves(void)
{
	uint64_t half = size / 2 / PAGE * PAGE;
	char *to;

	munmap((void *)map, size);
	map = mmap(NULL, half, PROT_READ, MAP_SHARED, fd, 0);
	to = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	map = mremap((void *)map, half, half, MREMAP_MAYMOVE | MREMAP_FIXED,
		     to);
	printf("moved: %d", map == (void *)to);
	printf(" %d", word(8 * PAGE) == 8 * PAGE);
	map = mremap((void *)map, half, size, MREMAP_MAYMOVE);
	printf(" %d", word(half + 16) == half + 16);
	printf(" %ld %d\n", look(5, 20), in_child(look_on));
	map = mremap((void *)map, size, half, 0);
	printf("shrunk: %d\n", word(half - 80) == half - 80);
	map = mremap((void *)map, half, size, MREMAP_MAYMOVE);
	printf("grown: %ld %d\n", look(6, 20), in_child(look_on));
	to = mmap((char *)map + half, PAGE * 512, PROT_READ,
		  MAP_SHARED | MAP_FIXED, fd, 0);
	printf("fixed: %d %d\n", word(half + 40) == 40,
	       word(half + 512 * PAGE) == half + 512 * PAGE);
}

static long grow_in_child(void)
{
	uint64_t half = size / 2 / PAGE * PAGE;

	map = mremap((void *)map, half, size, MREMAP_MAYMOVE);
	return map == MAP_FAILED || look(9, 40);
}

static long map_in_child(void)
{
	munmap((void *)map, size / 2 / PAGE * PAGE);
	map = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
	return map == MAP_FAILED || look(10, 40) || in_child(look_on);
}

static void children(void)
{
	uint64_t half = size / 2 / PAGE * PAGE;

	munmap((void *)map, size);
	map = mmap(NULL, half, PROT_READ, MAP_SHARED, fd, 0);
	printf("a child: %d", in_child(map_in_child));
	printf(" %d\n", in_child(grow_in_child));
}

/* Stores, holes and sizes of a file that is mapped to be written. */
static void stores(void)
{
	uint64_t at = size / 3 / PAGE * PAGE;
	struct stat before;
	struct stat after;
	uint64_t *to;
	char buf[64];

	to = mmap(NULL, size + (4 << 20), PROT_READ | PROT_WRITE, MAP_SHARED,
		  fd, 0);
	to[at / 8] = 1;
	printf("stored: %zd", pread(fd, buf, 16, (off_t)at));
	printf(" %d %d\n", buf[0], word(at + 8) == at + 8);
	fstat(fd, &before);
	printf("removed: %d", madvise(to + at * 2 / 8, 3 * PAGE, MADV_REMOVE));
	fstat(fd, &after);
	printf(" %d", (int)(before.st_blocks - after.st_blocks));
	printf(" %d", (int)word(at * 2 + 8));
	printf(" %d\n", word(at * 2 + 3 * PAGE) == at * 2 + 3 * PAGE);
	madvise(to, size, MADV_DONTNEED);
	printf("not needed: %d %ld\n", (int)to[at / 8], (long)word(at * 2));
	printf("cut: %d", ftruncate(fd, (off_t)(size / 2)));
	printf(" %d", ftruncate(fd, (off_t)size + (4 << 20)));
	printf(" %d", (int)to[size * 2 / 3 / PAGE * PAGE / 8]);
	to[(size + (3 << 20)) / 8] = 7;
	printf(" %zd", pwrite(fd, "abc", 3, (off_t)size + (2 << 20)));
	printf(" %.4s\n", (char *)to + size + (2 << 20));
	to[(size + (2 << 20)) / 8 + 1] = 8;
	msync(to, size + (4 << 20), MS_SYNC);
	printf("punched: %d",
	       fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
			 PAGE));
	printf(" %d %d\n", (int)to[1], (int)to[PAGE / 8]);
	printf("a child: %d\n", in_child(look_on) != 0);
}

/* One byte of each page, in a row. */
static void scan(void)
{
	uint64_t sum = 0;

	for (uint64_t at = 0; at < size; at += PAGE)
		sum += word(at) / PAGE;
	printf("sum %llu\n", (unsigned long long)sum);
}

static void three(void)
{
	int bad = word(0) != 0 || word(size / 2) != size / 2;

	printf("three: %d\n", bad || word(size - 8) != size - 8);
}

static const struct {
	const char *name;
	void (*run)(void);
} all[] = {
	{ "threads", threads },	  { "calls", calls },	{ "moves", moves },
	{ "children", children }, { "stores", stores }, { "scan", scan },
	{ "three", three },
};

int main(int argc, char **argv)
{
	struct stat st;

	setvbuf(stdout, NULL, _IONBF, 0);
	fd = argc == 3 ? open(argv[2], O_RDWR) : -1;
	if (fd < 0 || fstat(fd, &st))
		return 2;
	size = (uint64_t)st.st_size;
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		if (strcmp(all[i].name, argv[1]))
			continue;
		/* A mapping that is not written is not for one alone. */
		if (all[i].run != stores) {
			close(fd);
			fd = open(argv[2], O_RDONLY);
		}
		map = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
		if (map == MAP_FAILED) {
			perror("mmap");
			return 1;
		}
		all[i].run();
	}
	return 0;
}
