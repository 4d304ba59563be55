/* Credentials: whose they are, and whom a change of them reaches. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define THREADS 4

/* linux/capability.h, which musl does not have */
#define CAP_CHOWN 0
#define _LINUX_CAPABILITY_VERSION_1 0x19980330
#define _LINUX_CAPABILITY_VERSION_3 0x20080522

struct header {
	uint32_t version;
	int pid;
};

struct sets {
	uint32_t effective;
	uint32_t permitted;
	uint32_t inheritable;
};

static pthread_barrier_t changed;
static pthread_barrier_t asked;

/* What the kernel says of the calling thread, and whose file it makes. */
static void show(const char *who)
{
	uid_t uid[3] = { 0 };
	gid_t gid[3] = { 0 };
	struct stat st = { 0 };
	int fd;

	syscall(SYS_getresuid, &uid[0], &uid[1], &uid[2]);
	syscall(SYS_getresgid, &gid[0], &gid[1], &gid[2]);
	fd = open(who, O_CREAT | O_EXCL | O_WRONLY, 0600);
	if (fd >= 0)
		fstat(fd, &st);
	printf("%s: uid %u %u %u gid %u %u %u, its file %u %u, %m\n", who,
	       uid[0], uid[1], uid[2], gid[0], gid[1], gid[2], st.st_uid,
	       st.st_gid);
	if (fd >= 0)
		close(fd);
	errno = 0;
}

static void *thread(void *arg)
{
	char name[32];

	pthread_barrier_wait(&changed);
	snprintf(name, sizeof(name), "thread%ld", (long)arg);
	for (long i = 0; i < THREADS; i++) {
		if (i == (long)arg)
			show(name);
		pthread_barrier_wait(&asked);
	}
	return NULL;
}

/* The C library changes all threads of a process, and no other process. */
static void whole_process(void)
{
	pthread_t id[THREADS];
	int go[2];
	pid_t pid;
	char c;

	if (pipe(go))
		exit(1);
	pthread_barrier_init(&changed, NULL, THREADS + 1);
	pthread_barrier_init(&asked, NULL, THREADS);
	pid = fork();
	if (!pid) {
		close(go[1]);
		if (read(go[0], &c, 1))
			exit(1);
		show("child");
		fflush(stdout);
		_exit(0);
	}
	for (long i = 0; i < THREADS; i++)
		pthread_create(&id[i], NULL, thread, (void *)i);
	if (setresgid(1000, 1001, 1002) || setresuid(1000, 1001, 0))
		exit(1);
	pthread_barrier_wait(&changed);
	for (long i = 0; i < THREADS; i++)
		pthread_join(id[i], NULL);
	show("leader");
	fflush(stdout);
	close(go[1]);
	waitpid(pid, NULL, 0);
	if (seteuid(0))
		perror("back");
	show("again");
}

static void *alone(void *arg)
{
	(void)arg;
	if (syscall(SYS_setfsuid, 1002) || syscall(SYS_setresuid, 1, 2, 3))
		perror("raw");
	show("alone");
	return NULL;
}

/* The kernel itself changes the calling thread. */
static void one_thread(void)
{
	pthread_t id;

	pthread_create(&id, NULL, alone, NULL);
	pthread_join(id, NULL);
	show("others");
}

static void show_groups(const char *who)
{
	gid_t list[70];
	int n = getgroups(0, NULL);
	int i;

	printf("%s: %d groups:", who, n);
	n = getgroups(70, list);
	for (i = 0; i < n; i++)
		printf(" %u", list[i]);
	printf(", room for 2: %d %m\n", getgroups(2, list));
	errno = 0;
}

static void groups(void)
{
	gid_t list[65];
	pid_t pid;
	int i;

	for (i = 0; i < 65; i++)
		list[i] = 2000 + i;
	if (setgroups(65, list))
		perror("setgroups");
	show_groups("many");
	fflush(stdout);
	pid = fork();
	if (!pid) {
		if (setgroups(3, list))
			perror("setgroups");
		show_groups("child");
		fflush(stdout);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	show_groups("parent");
	printf("none %d\n", setgroups(0, NULL));
	show_groups("none");
	printf("negative %d %m\n", setgroups(-1, list));
	printf("too many %d %m\n", setgroups(65537, list));
	printf("nowhere %d %m\n", setgroups(2, (void *)8));
	printf("no room %ld %m\n", syscall(SYS_getgroups, -1, list));
}

static int capget(uint32_t version, pid_t pid, struct sets *d)
{
	struct header header = { version, pid };
	int ret = syscall(SYS_capget, &header, d);

	if (ret)
		printf("(%m, version %x) ", header.version);
	errno = 0;
	return ret;
}

static void show_caps(const char *who, pid_t pid)
{
	struct sets d[2] = { 0 };
	int ret = capget(_LINUX_CAPABILITY_VERSION_3, pid, d);

	printf("%s: %d %x.%x %x.%x %x.%x\n", who, ret, d[1].effective,
	       d[0].effective, d[1].permitted, d[0].permitted, d[1].inheritable,
	       d[0].inheritable);
}

static int drop(int cap, pid_t pid)
{
	struct header header = { _LINUX_CAPABILITY_VERSION_3, pid };
	struct sets d[2] = { 0 };

	capget(_LINUX_CAPABILITY_VERSION_3, 0, d);
	d[0].effective &= ~(1u << cap);
	d[0].permitted &= ~(1u << cap);
	return syscall(SYS_capset, &header, d);
}

static void give_away(const char *who)
{
	printf("%s: chown %d %m\n", who, chown("given", 1000, 1000));
	errno = 0;
}

static void *powerless(void *arg)
{
	printf("drop %d\n", drop(CAP_CHOWN, 0));
	show_caps("thread", 0);
	give_away("thread");
	show_caps("leader, from a thread", *(pid_t *)arg);
	return NULL;
}

static void caps(void)
{
	struct sets d[2] = { 0 };
	pid_t pid = getpid();
	pthread_t id;

	close(open("given", O_CREAT | O_WRONLY, 0644));
	show_caps("before", 0);
	pthread_create(&id, NULL, powerless, &pid);
	pthread_join(id, NULL);
	show_caps("leader", pid);
	give_away("leader");
	fflush(stdout);
	if (!fork()) {
		printf("child: drop of another's %d %m\n", drop(1, pid));
		printf("child: drop %d\n", drop(CAP_CHOWN, getpid()));
		give_away("child");
		show_caps("parent, from the child", pid);
		fflush(stdout);
		_exit(0);
	}
	wait(NULL);
	give_away("parent");
	d[1].effective = 77;
	printf("version 1: %d", capget(_LINUX_CAPABILITY_VERSION_1, 0, d));
	printf(" %x %x\n", d[0].effective, d[1].effective);
	printf("unknown: %d\n", capget(5, 0, d));
	printf("nothing: %d\n", capget(_LINUX_CAPABILITY_VERSION_3, 0, NULL));
	printf("nobody: %d\n", capget(_LINUX_CAPABILITY_VERSION_3, -3, d));
	printf("bounded: %d", prctl(PR_CAPBSET_READ, CAP_CHOWN));
	prctl(PR_CAPBSET_DROP, CAP_CHOWN);
	printf(" %d", prctl(PR_CAPBSET_READ, CAP_CHOWN));
	printf(" %d %m\n", prctl(PR_CAPBSET_READ, 1000));
	printf("bits: %d", prctl(PR_SET_SECUREBITS, 1 << 2));
	printf(" %d\n", prctl(PR_GET_SECUREBITS));
	printf("kept: %d\n", setresuid(1000, 1000, 1000));
	show_caps("with another uid", 0);
	give_away("with another uid");
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} part[] = {
		{ "whole-process", whole_process },
		{ "one-thread", one_thread },
		{ "groups", groups },
		{ "caps", caps },
	};

	umask(0);
	for (size_t i = 0; i < sizeof(part) / sizeof(*part); i++)
		if (argc == 2 && !strcmp(argv[1], part[i].name))
			part[i].run();
	return 0;
}
