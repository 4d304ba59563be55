/*
 * What a program must not notice of the ways in which the tracer is fast: its
 * masks are its own, calls of odd numbers end. Makes stops in a row, so that
 * those ways are taken, and looks.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

#define IN_A_ROW 2000
#define TIMES 20
#define STRAY_NR 0x7273 /* the tracer's own use of it is no business of ours */

static char list[256]; /* Cpus_allowed_list, from the kernel itself */

static void fail(const char *what)
{
	fprintf(stderr, "quiet: %s\n", what);
	exit(1);
}

/* Calls that stop and are answered at once. */
static void many_stops(void)
{
	for (int i = 0; i < IN_A_ROW; i++)
		if (syscall(SYS_io_uring_setup, 0, NULL) >= 0)
			fail("io_uring_setup succeeded");
}

static void allowed(char *text, size_t size)
{
	char line[256];
	FILE *f = fopen("/proc/thread-self/status", "r");

	*text = 0;
	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, "Cpus_allowed_list:", 18))
			snprintf(text, size, "%s", line + 18);
	if (!f || !*text)
		fail("no Cpus_allowed_list");
	fclose(f);
}

/* A new thread or process has the mask that it would have had alone. */
static void *fresh(void *arg)
{
	char now[256];

	(void)arg;
	allowed(now, sizeof(now));
	if (strcmp(now, list)) {
		fprintf(stderr, "quiet: new here, CPUs%s not%s", now, list);
		exit(1);
	}
	return NULL;
}

static void fork_one(void)
{
	int status = 1;
	pid_t pid;

	many_stops();
	pid = fork();
	if (!pid) {
		fresh(NULL);
		_exit(0);
	}
	if (waitpid(pid, &status, 0) != pid || status)
		fail("the child failed");
}

static void thread_one(void)
{
	pthread_t thread;

	many_stops();
	if (pthread_create(&thread, NULL, fresh, NULL) ||
	    pthread_join(thread, NULL))
		fail("no thread");
}

static void look(const cpu_set_t *expected)
{
	cpu_set_t now;

	many_stops();
	if (sched_getaffinity(0, sizeof(now), &now) ||
	    !CPU_EQUAL(&now, expected))
		fail("the mask is another");
}

static void masks(void)
{
	cpu_set_t mask;

	if (sched_getaffinity(0, sizeof(mask), &mask))
		fail("sched_getaffinity");
	allowed(list, sizeof(list));
	for (int i = 0; i < TIMES; i++) {
		look(&mask);
		fork_one();
		thread_one();
	}
	/* One CPU less, if there are more than two, and the same again. */
	for (int cpu = 0; CPU_COUNT(&mask) > 2; cpu++) {
		if (!CPU_ISSET(cpu, &mask))
			continue;
		CPU_CLR(cpu, &mask);
		break;
	}
	many_stops();
	if (sched_setaffinity(0, sizeof(mask), &mask))
		fail("sched_setaffinity");
	allowed(list, sizeof(list));
	look(&mask);
	fork_one();
	thread_one();
}

static void stray(void)
{
	many_stops();
	if (syscall(STRAY_NR) != -1 || errno != ENOSYS)
		fail("a number without a call did not give ENOSYS");
}

int main(int argc, char **argv)
{
	char byte;

	if (argc == 2 && !strcmp(argv[1], "idle")) {
		many_stops();
		puts("idle");
		fflush(stdout);
		return read(0, &byte, 1) != 0;
	}
	masks();
	stray();
	puts("nothing seen");
	return 0;
}
