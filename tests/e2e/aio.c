/*
 * Transfers by io_submit(2) of a file in the working directory: prints what
 * each call and each event says, and what the file has in the end.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define MANY 8
#define LARGE (3 << 20)

static aio_context_t ctx;

static long say(const char *what, long ret)
{
	printf("%s = %ld %s\n", what, ret,
	       ret == -1 ? strerrorname_np(errno) : "");
	return ret;
}

#define TRY(call) say(#call, (long)(call))

static struct iocb make(int op, int fd, void *buf, size_t len, long at)
{
	struct iocb iocb = { .aio_lio_opcode = (uint16_t)op,
			     .aio_fildes = (uint32_t)fd,
			     .aio_buf = (uintptr_t)buf,
			     .aio_nbytes = len,
			     .aio_offset = at,
			     .aio_data = (uint64_t)(op * 1000 + at) };

	return iocb;
}

static long submit(struct iocb **list, long n)
{
	return syscall(SYS_io_submit, ctx, n, list);
}

static void events(long min, long max)
{
	struct timespec second = { 5, 0 };
	struct io_event event[MANY];
	long n;

	n = syscall(SYS_io_getevents, ctx, min, max, event, &second);
	printf("%ld events\n", n);
	for (long i = 0; i < n; i++)
		printf("\t%lld: %lld %lld\n", (long long)event[i].data,
		       (long long)event[i].res, (long long)event[i].res2);
}

/* One iocb; what it says afterwards is what it said. */
static void one(struct iocb iocb)
{
	struct iocb before = iocb;
	struct iocb *list[] = { &iocb };
	long n = TRY(submit(list, 1));

	before.aio_key = iocb.aio_key;
	printf("\tthe same: %d\n", !memcmp(&iocb, &before, sizeof(iocb)));
	if (n == 1)
		events(1, 1);
}

static void transfers(int fd)
{
	char *large = calloc(1, LARGE);
	char text[] = "one and two";
	char back[32] = "";
	struct iovec iov[] = { { back, 4 }, { back + 8, 4 } };

	one(make(IOCB_CMD_PWRITE, fd, text, sizeof(text), 3));
	one(make(IOCB_CMD_PREAD, fd, back, sizeof(text), 3));
	puts(back);
	one(make(IOCB_CMD_PREADV, fd, iov, 2, 3));
	puts(back);
	puts(back + 8);
	one(make(IOCB_CMD_PWRITEV, fd, iov, 2, 100));
	one(make(IOCB_CMD_FSYNC, fd, NULL, 0, 0));
	one(make(IOCB_CMD_FDSYNC, fd, NULL, 0, 0));
	memset(large, 'l', LARGE);
	one(make(IOCB_CMD_PWRITE, fd, large, LARGE, 4096));
	memset(large, 0, LARGE);
	one(make(IOCB_CMD_PREAD, fd, large, LARGE, 8192));
	printf("%c %d\n", large[LARGE - 4097], large[LARGE - 4096]);
	free(large);
}

static void mistakes(int fd)
{
	int dir = open(".", O_RDONLY | O_DIRECTORY);
	int reads = open("file", O_RDONLY);
	struct iocb iocb;
	char c = 'c';

	one(make(IOCB_CMD_PREAD, fd, (void *)8, 10, 0));
	one(make(IOCB_CMD_PWRITE, fd, (void *)8, 10, 0));
	one(make(IOCB_CMD_PWRITE, reads, &c, 1, 0));
	one(make(IOCB_CMD_PREAD, dir, &c, 1, 0));
	one(make(IOCB_CMD_PREAD, fd, &c, 1, -1));
	one(make(IOCB_CMD_FSYNC, fd, &c, 0, 0));
	one(make(77, fd, &c, 1, 0));
	iocb = make(IOCB_CMD_PREAD, fd, &c, 1, 0);
	iocb.aio_reserved2 = 1;
	one(iocb);
	iocb = make(IOCB_CMD_PWRITE, fd, &c, 1, 0);
	iocb.aio_rw_flags = RWF_APPEND;
	one(iocb);
	close(dir);
	close(reads);
}

/* Several at once, one of which is wrong, and one of a pipe. */
static void lists(int fd)
{
	struct iocb iocb[MANY];
	struct iocb *list[MANY];
	int ends[2] = { -1, -1 };
	char text[MANY] = "abcdefg";

	(void)!pipe(ends);
	for (int i = 0; i < MANY; i++) {
		iocb[i] = make(IOCB_CMD_PWRITE, fd, text + i, 1, 200 + i);
		list[i] = &iocb[i];
	}
	iocb[2] = make(IOCB_CMD_PWRITE, ends[1], text + 2, 1, 0);
	iocb[5].aio_fildes = 4000;
	TRY(submit(list, MANY));
	events(5, MANY);
	TRY(read(ends[0], text, sizeof(text)));
	list[1] = NULL;
	TRY(submit(list, 2));
	events(1, MANY);
	/* The context has room for some, and says so. */
	while (submit(&list[3], 1) == 1)
		;
	puts(strerrorname_np(errno));
	syscall(SYS_io_getevents, ctx, 1, 1, &(struct io_event){ 0 }, NULL);
	close(ends[0]);
	close(ends[1]);
}

static void *wait_for_one(void *arg)
{
	events(1, 1);
	return arg;
}

/* Who waits wakes up: a thread, an eventfd. */
static void waiters(int fd)
{
	struct iocb iocb = make(IOCB_CMD_PREAD, fd, &(char){ 0 }, 1, 0);
	struct iocb *list[] = { &iocb };
	int bell = eventfd(0, EFD_CLOEXEC);
	pthread_t thread;
	uint64_t count = 0;
	long n;

	pthread_create(&thread, NULL, wait_for_one, NULL);
	n = submit(list, 1);
	pthread_join(thread, NULL);
	printf("%ld submitted\n", n);
	iocb.aio_flags = IOCB_FLAG_RESFD;
	iocb.aio_resfd = (uint32_t)bell;
	TRY(submit(list, 1));
	TRY(read(bell, &count, sizeof(count)));
	printf("rung %ld times\n", (long)count);
	events(1, 1);
	close(bell);
}

/* A fifo: to be read, and to be polled. */
static void streams(void)
{
	struct iocb iocb;
	struct iocb *list[] = { &iocb };
	char back[8] = "";
	int fd, to;

	mkfifo("fifo", 0600);
	fd = open("fifo", O_RDONLY | O_NONBLOCK);
	to = open("fifo", O_WRONLY);
	one(make(IOCB_CMD_PREAD, fd, back, sizeof(back), 0));
	one(make(IOCB_CMD_PWRITE, to, "fifo", 5, 0));
	one(make(IOCB_CMD_PREAD, fd, back, sizeof(back), 0));
	puts(back);
	iocb = make(IOCB_CMD_POLL, fd, (void *)POLLIN, 0, 0);
	TRY(submit(list, 1));
	TRY(write(to, "more", 5));
	events(1, 1);
	close(fd);
	close(to);
}

int main(void)
{
	int fd = open("file", O_RDWR);
	struct stat st;

	TRY(syscall(SYS_io_setup, MANY, &ctx));
	transfers(fd);
	mistakes(fd);
	streams();
	lists(fd);
	TRY(syscall(SYS_io_destroy, ctx));
	TRY(syscall(SYS_io_setup, MANY, memset(&ctx, 0, sizeof(ctx))));
	waiters(fd);
	/* No number is left behind. */
	TRY(open("file", O_RDONLY));
	TRY(fstat(fd, &st));
	printf("%ld\n", (long)st.st_size);
	return 0;
}
