/*
 * What an architecture answers: numbers, registers by role, and how a call is
 * skipped, replaced or given its result at a stop (ptrace(2), seccomp(2)).
 */
#ifndef RSC_ARCH_H
#define RSC_ARCH_H

#include <stdint.h>
#include <sys/types.h>

#if defined(__x86_64__)
#define ARCH_NAME "x86_64"
#define ARCH_NR(call) ((call)->nr_x86_64)
#define ARCH_HAS_LEGACY 1
#define ARCH_AUDIT AUDIT_ARCH_X86_64
#define ARCH_WAIT "pause" /* what arch_put_wait() puts in */
#define ARCH_ELF_MACHINE EM_X86_64
#define ARCH_ELF_MACHINE_32 EM_386
#elif defined(__aarch64__)
#define ARCH_NAME "aarch64"
#define ARCH_NR(call) ((call)->nr_aarch64)
#define ARCH_HAS_LEGACY 0
#define ARCH_AUDIT AUDIT_ARCH_AARCH64
#define ARCH_WAIT "ppoll"
#define ARCH_ELF_MACHINE EM_AARCH64
#define ARCH_ELF_MACHINE_32 EM_ARM
#else
#error "rsc knows x86_64 and aarch64"
#endif

struct regs {
	long nr;
	uint64_t arg[6];
	int64_t ret;
	uint64_t pc;
	uint64_t sp;
};

/*
 * Every function: 0 or -errno; -ESRCH when the tracee is gone. The tracee is
 * in a ptrace stop.
 */

/* At a seccomp stop: the call that is about to be made; ret is 0. */
int arch_get_call(pid_t pid, struct regs *regs);
/* Reads the registers. */
int arch_get(pid_t pid, struct regs *regs);
/* At a seccomp stop: no call is made and the program sees ret. */
int arch_skip(pid_t pid, int64_t ret);
/* At a seccomp stop: call nr with arg is made in place of the program's. */
int arch_put_call(pid_t pid, long nr, const uint64_t arg[6]);
/*
 * At a seccomp stop: nr is made with the program's own arguments. A restart
 * makes nr again (x86_64) or the program's call (aarch64).
 */
int arch_put_nr(pid_t pid, long nr);
/* At an exit stop: the program sees ret. */
int arch_set_ret(pid_t pid, int64_t ret);
/*
 * At an exit stop: gives back the argument registers that arch_put_call
 * changed (the kernel keeps them for the program).
 */
int arch_put_args(pid_t pid, const uint64_t arg[6]);

/*
 * Parking: while a remote call is under way the tracee waits in a real,
 * interruptible call that never ends by itself (pause, ppoll). regs is what
 * arch_get said at the seccomp stop.
 */

/* At the seccomp stop: puts the wait in. */
int arch_put_wait(pid_t pid);
/* At a later stop out of the wait: the program sees ret. */
int arch_wait_result(pid_t pid, const struct regs *regs, int64_t ret);
/* At a later stop out of the wait: the program makes its call again. */
int arch_wait_again(pid_t pid, const struct regs *regs);
/*
 * At a signal stop out of the wait, before a handler runs: the program's call
 * was interrupted; the kernel chooses between EINTR and a restart (SA_RESTART).
 */
int arch_wait_interrupted(pid_t pid, const struct regs *regs);

#endif
