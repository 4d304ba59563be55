/*
 * Makes every system call number from 0 to 600 in one ABI with the arguments
 * -1 and says what came of it.
 *
 * abi_probe native NR...   NR: the numbers that have a row. Each is made in a
 *                          child; all others must fail with ENOSYS
 * abi_probe x32            all must fail with ENOSYS
 * abi_probe int80          the same; "works" as second argument: says whether
 *                          this kernel serves i386 calls at all
 *
 * Prints "unknown N" (numbers without a row) and ends with 0, or prints what
 * is wrong and ends with 1.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define LAST 600
#define X32 0x40000000L
#define LIMIT 10 /* seconds until a call counts as hanging */

#ifndef __NR_uretprobe
#define __NR_uretprobe 335
#endif
#ifndef __NR_uprobe
#define __NR_uprobe 336
#endif

/* Calls that natively block, end or kill whoever makes them, and why. */
static const struct {
	int nr;
	const char *why;
} spared[] = {
	{ __NR_rt_sigreturn, "takes the registers from the stack" },
	{ __NR_exit, "ends the thread" },
	{ __NR_exit_group, "ends the process" },
#ifdef __x86_64__
	{ __NR_pause, "waits for a signal" },
	{ __NR_fork, "returns twice" },
	{ __NR_vfork, "returns twice on one stack" },
	{ __NR_uretprobe, "the kernel kills whoever is no trampoline" },
	{ __NR_uprobe, "the kernel kills whoever is no trampoline" },
#endif
};

static const char *why_spared(int nr)
{
	for (size_t i = 0; i < sizeof(spared) / sizeof(*spared); i++)
		if (spared[i].nr == nr)
			return spared[i].why;
	return NULL;
}

/* The raw call: syscall(3) would say -1 for every error. */
#ifdef __x86_64__
static long make(long nr)
{
	register long r10 __asm__("r10") = -1;
	register long r8 __asm__("r8") = -1;
	register long r9 __asm__("r9") = -1;
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(nr), "D"(-1L), "S"(-1L), "d"(-1L), "r"(r10),
			   "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}

static int make_int80(int nr)
{
	int ret;

	__asm__ volatile("int $0x80"
			 : "=a"(ret)
			 : "a"(nr), "b"(-1), "c"(-1), "d"(-1), "S"(-1), "D"(-1)
			 : "r8", "r9", "r10", "r11", "memory");
	return ret;
}
#else
static long make(long nr)
{
	register long x8 __asm__("x8") = nr;
	register long x0 __asm__("x0") = -1;
	register long x1 __asm__("x1") = -1;
	register long x2 __asm__("x2") = -1;
	register long x3 __asm__("x3") = -1;
	register long x4 __asm__("x4") = -1;
	register long x5 __asm__("x5") = -1;

	__asm__ volatile("svc 0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
			 : "memory");
	return x0;
}
#endif

/* A known number must come back, whatever it says. */
static int survives(int nr)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid < 0)
		return -1;
	if (!pid) {
		alarm(LIMIT);
		make(nr);
		_exit(0);
	}
	if (waitpid(pid, &status, 0) != pid)
		return -1;
	if (WIFEXITED(status) && !WEXITSTATUS(status))
		return 0;
	printf("call %d: its process ended with status %#x\n", nr, status);
	return -1;
}

static int native(int argc, char **argv)
{
	char known[LAST + 1] = { 0 };
	int unknown = 0;
	int bad = 0;

	for (int i = 0; i < argc; i++)
		if (atoi(argv[i]) >= 0 && atoi(argv[i]) <= LAST)
			known[atoi(argv[i])] = 1;
	for (int nr = 0; nr <= LAST; nr++) {
		if (known[nr]) {
			if (!why_spared(nr))
				bad |= survives(nr);
			continue;
		}
		unknown++;
		if (make(nr) != -ENOSYS) {
			printf("call %d has no row and is not ENOSYS\n", nr);
			bad = -1;
		}
	}
	printf("unknown %d\n", unknown);
	return bad ? 1 : 0;
}

#ifdef __x86_64__
static int x32(void)
{
	int bad = 0;

	for (long nr = 0; nr <= LAST; nr++) {
		long ret = make(X32 | nr);

		if (ret != -ENOSYS) {
			printf("x32 call %ld: %ld\n", nr, ret);
			bad = 1;
		}
	}
	printf("unknown %d\n", LAST + 1);
	return bad;
}

static int int80(void)
{
	int bad = 0;

	for (int nr = 0; nr <= LAST; nr++) {
		int ret = make_int80(nr);

		if (ret != -ENOSYS) {
			printf("int 0x80 call %d: %d\n", nr, ret);
			bad = 1;
		}
	}
	printf("unknown %d\n", LAST + 1);
	return bad;
}

static void no_int80(int sig)
{
	(void)sig;
	_exit(3);
}
#endif

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "native"))
		return native(argc - 2, argv + 2);
#ifdef __x86_64__
	if (argc > 1 && !strcmp(argv[1], "x32"))
		return x32();
	if (argc > 2 && !strcmp(argv[2], "works")) {
		signal(SIGSEGV, no_int80);
		return make_int80(20 /* getpid */) == getpid() ? 0 : 3;
	}
	if (argc > 1 && !strcmp(argv[1], "int80"))
		return int80();
#endif
	return 2;
}
