/* The call of a seccomp stop, asked for in the way all architectures share. */
#include <errno.h>
#include <linux/ptrace.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "arch/arch.h"

int arch_get_call(pid_t pid, struct regs *regs)
{
	struct ptrace_syscall_info info;

	/* glibc and the kernel both declare the structure: only one fits. */
	if (syscall(SYS_ptrace, PTRACE_GET_SYSCALL_INFO, pid, sizeof(info),
		    &info) < 0)
		return -errno;
	if (info.op != PTRACE_SYSCALL_INFO_SECCOMP)
		return -EINVAL;
	_Static_assert(sizeof(info.seccomp.args) == sizeof(regs->arg),
		       "six arguments");
	regs->nr = (long)(int)info.seccomp.nr;
	memcpy(regs->arg, info.seccomp.args, sizeof(regs->arg));
	regs->ret = 0;
	regs->pc = info.instruction_pointer;
	regs->sp = info.stack_pointer;
	return 0;
}
