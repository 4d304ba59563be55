/* Tying a tracee to the tracer's CPU, and that nothing of it stays. */
#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tracer/place.h"

#define AT_STOP ((SIGTRAP | PTRACE_EVENT_SECCOMP << 8) << 8 | 0x7f)
#define AT_EXIT ((SIGTRAP | PTRACE_EVENT_EXIT << 8) << 8 | 0x7f)
#define MANY 1000

static struct place place;
static cpu_set_t all;
static pid_t child;
static pid_t other;

static void work(int sig)
{
	(void)sig;
	for (;;)
		;
}

static pid_t spawn(void)
{
	pid_t pid;

	signal(SIGUSR1, work);
	pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;)
		pause();
}

static cpu_set_t mask_of(pid_t pid)
{
	cpu_set_t mask;

	ck_assert_int_eq(sched_getaffinity(pid, sizeof(mask), &mask), 0);
	return mask;
}

static void is_free(pid_t pid)
{
	cpu_set_t mask = mask_of(pid);

	ck_assert_msg(CPU_EQUAL(&mask, &all), "%d has %d of %d CPUs", pid,
		      CPU_COUNT(&mask), CPU_COUNT(&all));
}

static void setup(void)
{
	all = mask_of(0);
	place = (struct place){ 0 };
	place_init(&place);
	/* What calibration says depends on the machine and its load. */
	ck_assert_int_eq(place.verdict,
			 CPU_COUNT(&all) < 2 ? PLACE_NEVER : PLACE_UNKNOWN);
	if (place.verdict == PLACE_UNKNOWN)
		place.verdict = PLACE_TOGETHER;
	child = spawn();
	other = spawn();
}

static void teardown(void)
{
	kill(child, SIGKILL);
	kill(other, SIGKILL);
	while (wait(NULL) > 0 || errno == EINTR)
		;
}

/* Many stops of pid; true when that tied it. */
static bool stops(pid_t pid)
{
	bool tied = false;

	for (int i = 0; i < MANY; i++)
		tied |= place_stop(&place, pid, AT_STOP);
	return tied;
}

/* Ties child, unless there is but one CPU: then nothing may ever happen. */
static bool tie_child(void)
{
	bool tied = stops(child);
	cpu_set_t mine;
	cpu_set_t its;

	if (place.verdict == PLACE_NEVER) {
		ck_assert(!tied);
		is_free(child);
		is_free(0);
		return false;
	}
	ck_assert(tied);
	mine = mask_of(0);
	its = mask_of(child);
	ck_assert_int_eq(CPU_COUNT(&mine), 1);
	ck_assert(CPU_EQUAL(&mine, &its));
	return true;
}

START_TEST(released)
{
	if (!tie_child())
		return;
	place_release(&place);
	is_free(child);
	is_free(0);
	/* And it can be had again. */
	ck_assert(tie_child());
}
END_TEST

START_TEST(others_stop)
{
	if (!tie_child())
		return;
	ck_assert(!place_stop(&place, other, AT_STOP));
	place_stop(&place, child, AT_STOP);
	ck_assert_int_eq(atomic_load(&place.tied), child);
	for (int i = 0; i < 10; i++)
		place_stop(&place, other, AT_STOP);
	is_free(child);
	is_free(0);
}
END_TEST

START_TEST(alternating_is_never_tied)
{
	for (int i = 0; i < MANY; i++) {
		place_stop(&place, child, AT_STOP);
		place_stop(&place, other, AT_STOP);
	}
	is_free(child);
	is_free(other);
	is_free(0);
}
END_TEST

START_TEST(narrow_mask_comes_back)
{
	cpu_set_t narrow = all;
	cpu_set_t now;

	/* One CPU less: the kernel must not take it for no wish at all. */
	for (int cpu = 0;
	     CPU_COUNT(&narrow) == CPU_COUNT(&all) && CPU_COUNT(&all) > 2;
	     cpu++)
		if (cpu != sched_getcpu())
			CPU_CLR(cpu, &narrow);
	ck_assert_int_eq(sched_setaffinity(child, sizeof(narrow), &narrow), 0);
	stops(child);
	place_release(&place);
	now = mask_of(child);
	ck_assert(CPU_EQUAL(&now, &narrow));
}
END_TEST

START_TEST(child_of_the_tied)
{
	cpu_set_t mask;

	if (!tie_child())
		return;
	/* As fork leaves it. */
	mask = mask_of(child);
	ck_assert_int_eq(sched_setaffinity(other, sizeof(mask), &mask), 0);
	place_child(&place, child, other);
	is_free(other);
	is_free(child);
	is_free(0);
}
END_TEST

START_TEST(child_after_the_release)
{
	cpu_set_t mask;

	if (!tie_child())
		return;
	mask = mask_of(child);
	ck_assert_int_eq(sched_setaffinity(other, sizeof(mask), &mask), 0);
	place_release(&place); /* the watcher was first */
	place_child(&place, child, other);
	is_free(other);
}
END_TEST

START_TEST(a_change_from_outside_stays)
{
	cpu_set_t mask = all;
	cpu_set_t now;

	if (!tie_child())
		return;
	CPU_CLR(place.cpu, &mask);
	ck_assert_int_eq(sched_setaffinity(child, sizeof(mask), &mask), 0);
	place_release(&place);
	now = mask_of(child);
	ck_assert(CPU_EQUAL(&now, &mask));
	is_free(0);
}
END_TEST

START_TEST(exit_and_death)
{
	int status;

	if (!tie_child())
		return;
	place_stop(&place, child, AT_EXIT);
	is_free(child);
	is_free(0);
	ck_assert(tie_child());
	kill(child, SIGKILL);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	place_stop(&place, child, status);
	ck_assert_int_eq(atomic_load(&place.tied), 0);
	is_free(0);
}
END_TEST

START_TEST(real_time_is_left_alone)
{
	struct sched_param param = { .sched_priority = 1 };

	/* Not everybody may; an idle thread is no ordinary one either. */
	if (sched_setscheduler(child, SCHED_FIFO, &param)) {
		param.sched_priority = 0;
		ck_assert_int_eq(sched_setscheduler(child, SCHED_IDLE, &param),
				 0);
	}
	ck_assert(!stops(child));
	is_free(child);
	is_free(0);
}
END_TEST

/* Somebody else who is tied to the same CPU and works, as the tracee does. */
START_TEST(crowded)
{
	const struct timespec tick = { .tv_nsec = 10000000 };
	cpu_set_t one;

	if (!tie_child())
		return;
	kill(child, SIGUSR1);
	kill(other, SIGUSR1);
	CPU_ZERO(&one);
	CPU_SET(place.cpu, &one);
	ck_assert_int_eq(sched_setaffinity(other, sizeof(one), &one), 0);
	while (atomic_load(&place.tied)) {
		nanosleep(&tick, NULL);
		place_tick(&place, tick.tv_nsec);
	}
	is_free(child);
	is_free(0);
	/* Nobody is tied again for a while. */
	ck_assert(!stops(child));
}
END_TEST

START_TEST(calibrated)
{
	if (place.verdict != PLACE_NEVER)
		place.verdict = PLACE_UNKNOWN;
	stops(child);
	ck_assert(place.verdict == PLACE_TOGETHER || !atomic_load(&place.tied));
	place_release(&place);
	is_free(child);
	is_free(0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("place");
	TCase *tc = tcase_create("place");
	SRunner *sr;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, released);
	tcase_add_test(tc, others_stop);
	tcase_add_test(tc, alternating_is_never_tied);
	tcase_add_test(tc, narrow_mask_comes_back);
	tcase_add_test(tc, child_of_the_tied);
	tcase_add_test(tc, child_after_the_release);
	tcase_add_test(tc, a_change_from_outside_stays);
	tcase_add_test(tc, exit_and_death);
	tcase_add_test(tc, real_time_is_left_alone);
	tcase_add_test(tc, crowded);
	tcase_add_test(tc, calibrated);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
