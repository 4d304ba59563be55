/* x86_64's registers at a stop. */
#include <errno.h>
#include <stddef.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>

#include "arch/arch.h"

static int poke(pid_t pid, size_t offset, uint64_t value)
{
	if (ptrace(PTRACE_POKEUSER, pid, offset, value))
		return -errno;
	return 0;
}

static int put_arg_regs(struct user_regs_struct *r, const uint64_t arg[6])
{
	r->rdi = arg[0];
	r->rsi = arg[1];
	r->rdx = arg[2];
	r->r10 = arg[3];
	r->r8 = arg[4];
	r->r9 = arg[5];
	return 0;
}

int arch_get(pid_t pid, struct regs *regs)
{
	struct user_regs_struct r;

	if (ptrace(PTRACE_GETREGS, pid, 0, &r))
		return -errno;
	regs->nr = (long)r.orig_rax;
	regs->arg[0] = r.rdi;
	regs->arg[1] = r.rsi;
	regs->arg[2] = r.rdx;
	regs->arg[3] = r.r10;
	regs->arg[4] = r.r8;
	regs->arg[5] = r.r9;
	regs->ret = (int64_t)r.rax;
	regs->pc = r.rip;
	regs->sp = r.rsp;
	return 0;
}

int arch_skip(pid_t pid, int64_t ret)
{
	int err;

	err = poke(pid, offsetof(struct user_regs_struct, orig_rax),
		   (uint64_t)-1);
	if (err)
		return err;
	return arch_set_ret(pid, ret);
}

int arch_set_ret(pid_t pid, int64_t ret)
{
	return poke(pid, offsetof(struct user_regs_struct, rax), (uint64_t)ret);
}

int arch_put_nr(pid_t pid, long nr)
{
	return poke(pid, offsetof(struct user_regs_struct, orig_rax),
		    (uint64_t)nr);
}

int arch_put_call(pid_t pid, long nr, const uint64_t arg[6])
{
	struct user_regs_struct r;

	if (ptrace(PTRACE_GETREGS, pid, 0, &r))
		return -errno;
	r.orig_rax = (unsigned long)nr;
	put_arg_regs(&r, arg);
	if (ptrace(PTRACE_SETREGS, pid, 0, &r))
		return -errno;
	return 0;
}

int arch_put_args(pid_t pid, const uint64_t arg[6])
{
	struct user_regs_struct r;

	if (ptrace(PTRACE_GETREGS, pid, 0, &r))
		return -errno;
	put_arg_regs(&r, arg);
	if (ptrace(PTRACE_SETREGS, pid, 0, &r))
		return -errno;
	return 0;
}

#define ERESTARTSYS 512
#define SYSCALL_SIZE 2

int arch_put_wait(pid_t pid)
{
	return poke(pid, offsetof(struct user_regs_struct, orig_rax),
		    SYS_pause);
}

int arch_wait_result(pid_t pid, const struct regs *regs, int64_t ret)
{
	int err;

	err = poke(pid, offsetof(struct user_regs_struct, rip), regs->pc);
	return err ? err : arch_skip(pid, ret);
}

int arch_wait_again(pid_t pid, const struct regs *regs)
{
	int err;

	err = poke(pid, offsetof(struct user_regs_struct, rip),
		   regs->pc - SYSCALL_SIZE);
	return err ? err : arch_skip(pid, regs->nr);
}

int arch_wait_interrupted(pid_t pid, const struct regs *regs)
{
	int err;

	err = poke(pid, offsetof(struct user_regs_struct, orig_rax),
		   (uint64_t)regs->nr);
	return err ? err : arch_set_ret(pid, -ERESTARTSYS);
}
