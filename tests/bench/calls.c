/* The measured program: makes one kind of call again and again. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "bench.h"

#define THREADS_MAX 256

struct work {
	int fd;
	size_t size;
	char *buf;
	const char *dir;
	unsigned long nfiles;
	unsigned long next;
};

static void step_getppid(void *arg)
{
	(void)arg;
	syscall(SYS_getppid);
}

static void step_getuid(void *arg)
{
	(void)arg;
	syscall(SYS_getuid);
}

static void step_uname(void *arg)
{
	struct work *w = arg;

	syscall(SYS_uname, w->buf);
}

/* As libc makes it: without a stop where a vDSO has it. */
static void step_clock(void *arg)
{
	struct timespec now;

	(void)arg;
	if (clock_gettime(CLOCK_REALTIME, &now))
		bench_die("clock_gettime");
}

/* A call that a tracer answers by itself; the kernel knows no such entry. */
static void step_refused(void *arg)
{
	struct work *w = arg;

	if (syscall(SYS_io_uring_setup, 0, w->buf) >= 0)
		bench_die("io_uring_setup succeeded");
}

static void step_pread(void *arg)
{
	struct work *w = arg;

	if (pread(w->fd, w->buf, w->size, 0) != (ssize_t)w->size)
		bench_die("pread");
}

static void step_file(void *arg)
{
	struct work *w = arg;
	char name[4096];
	struct stat st;
	int fd;

	snprintf(name, sizeof(name), "%s/%lu", w->dir, w->next);
	w->next = (w->next + 1) % w->nfiles;
	fd = open(name, O_RDONLY);
	if (fd < 0)
		bench_die(name);
	if (fstat(fd, &st) || read(fd, w->buf, w->size) != st.st_size)
		bench_die(name);
	close(fd);
}

/* ---- a file, through memory and by calls ---- */

#define PAGE 4096
#define BLOCK (128u << 10)

static volatile unsigned char sink;

static const char *map_file(const struct work *w)
{
	const char *map = mmap(NULL, w->size, PROT_READ, MAP_SHARED, w->fd, 0);

	if (map == MAP_FAILED)
		bench_die("mmap");
	return map;
}

static void step_map(void *arg)
{
	struct work *w = arg;
	const char *map = map_file(w);

	for (size_t at = 0; at < w->size; at += PAGE)
		sink += map[at];
	munmap((void *)(uintptr_t)map, w->size);
}

static void step_read(void *arg)
{
	struct work *w = arg;
	ssize_t n;

	if (lseek(w->fd, 0, SEEK_SET))
		bench_die("lseek");
	while ((n = read(w->fd, w->buf, BLOCK)) > 0)
		for (ssize_t at = 0; at < n; at += PAGE)
			sink += w->buf[at];
	if (n < 0)
		bench_die("read");
}

/* Three pages of it: a look at its ends and its middle. */
static size_t place(const struct work *w, unsigned int i)
{
	return i * ((w->size - PAGE) / 2 / PAGE * PAGE);
}

static void step_map_three(void *arg)
{
	struct work *w = arg;
	const char *map = map_file(w);

	for (unsigned int i = 0; i < 3; i++)
		sink += map[place(w, i)];
	munmap((void *)(uintptr_t)map, w->size);
}

static void step_read_three(void *arg)
{
	struct work *w = arg;

	for (unsigned int i = 0; i < 3; i++)
		if (pread(w->fd, w->buf, PAGE, (off_t)place(w, i)) != PAGE)
			bench_die("pread");
}

static const struct {
	const char *name;
	void (*step)(void *arg);
} whole[] = {
	{ "map", step_map },
	{ "read", step_read },
	{ "map-three", step_map_three },
	{ "read-three", step_read_three },
};

/* True when it is one of those. */
static bool run_whole(struct work *w, const char *kind, const char *file)
{
	struct stat st;

	for (size_t i = 0; i < sizeof(whole) / sizeof(*whole); i++) {
		if (strcmp(whole[i].name, kind))
			continue;
		w->fd = open(file, O_RDONLY | O_CLOEXEC);
		if (w->fd < 0 || fstat(w->fd, &st))
			bench_die(file);
		w->size = (size_t)st.st_size;
		bench_run(whole[i].step, w);
		return true;
	}
	return false;
}

static volatile int stop;

static void *thread(void *arg)
{
	unsigned long *calls = arg;
	struct utsname name;

	while (!stop) {
		syscall(SYS_uname, &name);
		++*calls;
	}
	return NULL;
}

/* Prints how many calls a second n threads make together. */
static void threads(unsigned int n)
{
	static unsigned long calls[THREADS_MAX];
	struct timespec second = { 1, 0 };
	pthread_t id[THREADS_MAX];
	unsigned long sum = 0;
	double begin;

	if (n > THREADS_MAX)
		n = THREADS_MAX;
	begin = bench_now();
	for (unsigned int i = 0; i < n; i++)
		if (pthread_create(&id[i], NULL, thread, &calls[i]))
			bench_die("pthread_create");
	clock_nanosleep(CLOCK_MONOTONIC, 0, &second, NULL);
	stop = 1;
	for (unsigned int i = 0; i < n; i++)
		pthread_join(id[i], NULL);
	for (unsigned int i = 0; i < n; i++)
		sum += calls[i];
	printf("%.0f\n", (double)sum / ((bench_now() - begin) / 1e9));
}

static const struct {
	const char *name;
	void (*step)(void *arg);
} kinds[] = {
	{ "getppid", step_getppid }, { "getuid", step_getuid },
	{ "uname", step_uname },     { "clock", step_clock },
	{ "refused", step_refused },
};

static void usage(void)
{
	fputs("usage: calls getppid|getuid|uname|clock|refused\n"
	      "       calls local-pread SIZE\n"
	      "       calls pread SIZE FILE\n"
	      "       calls map|read FILE  (all of it)\n"
	      "       calls map-three|read-three FILE (three pages)\n"
	      "       calls files DIR N    (open, fstat, read and close)\n"
	      "       calls once DIR N     (each file once, nothing printed)\n"
	      "       calls threads N      (uname; prints calls a second)\n",
	      stderr);
	exit(2);
}

int main(int argc, char **argv)
{
	struct work w = { .size = 1 << 20 };
	const char *kind = argc > 1 ? argv[1] : "";

	w.buf = malloc(w.size);
	if (!w.buf)
		bench_die("malloc");
	memset(w.buf, 1, w.size);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		if (strcmp(kinds[i].name, kind))
			continue;
		bench_run(kinds[i].step, &w);
		return 0;
	}
	if (argc == 3 && run_whole(&w, kind, argv[2]))
		return 0;
	if (argc == 3 && !strcmp(kind, "threads")) {
		threads((unsigned int)atoi(argv[2]));
	} else if (argc == 3 && !strcmp(kind, "local-pread")) {
		w.size = strtoul(argv[2], NULL, 10);
		w.fd = memfd_create("bench", MFD_CLOEXEC);
		if (ftruncate(w.fd, (off_t)w.size))
			bench_die("ftruncate");
		bench_run(step_pread, &w);
	} else if (argc == 4 && !strcmp(kind, "pread")) {
		w.size = strtoul(argv[2], NULL, 10);
		w.fd = open(argv[3], O_RDONLY | O_CLOEXEC);
		if (w.fd < 0)
			bench_die(argv[3]);
		bench_run(step_pread, &w);
	} else if (argc == 4 && !strcmp(kind, "files")) {
		w.dir = argv[2];
		w.nfiles = strtoul(argv[3], NULL, 10);
		bench_run(step_file, &w);
	} else if (argc == 4 && !strcmp(kind, "once")) {
		w.dir = argv[2];
		w.nfiles = strtoul(argv[3], NULL, 10);
		for (unsigned long i = 0; i < w.nfiles; i++)
			step_file(&w);
	} else {
		usage();
	}
	return 0;
}
