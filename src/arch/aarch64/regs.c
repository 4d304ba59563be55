/* aarch64's registers at a stop; x0 is both first argument and result. */
#include <elf.h>
#include <errno.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>

#include "arch/arch.h"

static int get(pid_t pid, struct user_regs_struct *r)
{
	struct iovec iov = { r, sizeof(*r) };

	if (ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &iov))
		return -errno;
	return 0;
}

static int set(pid_t pid, struct user_regs_struct *r)
{
	struct iovec iov = { r, sizeof(*r) };

	if (ptrace(PTRACE_SETREGSET, pid, NT_PRSTATUS, &iov))
		return -errno;
	return 0;
}

static int set_nr(pid_t pid, int nr)
{
	struct iovec iov = { &nr, sizeof(nr) };

	if (ptrace(PTRACE_SETREGSET, pid, NT_ARM_SYSTEM_CALL, &iov))
		return -errno;
	return 0;
}

int arch_get(pid_t pid, struct regs *regs)
{
	struct user_regs_struct r;
	int err;
	int nr;
	struct iovec iov = { &nr, sizeof(nr) };

	err = get(pid, &r);
	if (err)
		return err;
	if (ptrace(PTRACE_GETREGSET, pid, NT_ARM_SYSTEM_CALL, &iov))
		return -errno;
	regs->nr = nr;
	for (int i = 0; i < 6; i++)
		regs->arg[i] = r.regs[i];
	regs->ret = (int64_t)r.regs[0];
	regs->pc = r.pc;
	regs->sp = r.sp;
	return 0;
}

int arch_set_ret(pid_t pid, int64_t ret)
{
	struct user_regs_struct r;
	int err;

	err = get(pid, &r);
	if (err)
		return err;
	r.regs[0] = (uint64_t)ret;
	return set(pid, &r);
}

int arch_skip(pid_t pid, int64_t ret)
{
	int err;

	err = set_nr(pid, -1);
	if (err)
		return err;
	return arch_set_ret(pid, ret);
}

int arch_put_nr(pid_t pid, long nr)
{
	return set_nr(pid, (int)nr);
}

int arch_put_args(pid_t pid, const uint64_t arg[6])
{
	struct user_regs_struct r;
	int err;

	err = get(pid, &r);
	if (err)
		return err;
	/* x0 holds the result by now. */
	for (int i = 1; i < 6; i++)
		r.regs[i] = arg[i];
	return set(pid, &r);
}

int arch_put_call(pid_t pid, long nr, const uint64_t arg[6])
{
	struct user_regs_struct r;
	int err;

	err = get(pid, &r);
	if (err)
		return err;
	for (int i = 0; i < 6; i++)
		r.regs[i] = arg[i];
	err = set(pid, &r);
	if (err)
		return err;
	return set_nr(pid, (int)nr);
}

#define SYSCALL_SIZE 4

int arch_put_wait(pid_t pid)
{
	static const uint64_t none[6];

	return arch_put_call(pid, SYS_ppoll, none);
}

/* The registers as at the seccomp stop, but for pc and x0. */
static int put_back(pid_t pid, const struct regs *regs, uint64_t pc,
		    uint64_t x0)
{
	struct user_regs_struct r;
	int err;

	err = get(pid, &r);
	if (err)
		return err;
	for (int i = 1; i < 6; i++)
		r.regs[i] = regs->arg[i];
	r.regs[0] = x0;
	r.pc = pc;
	err = set(pid, &r);
	return err ? err : set_nr(pid, -1);
}

int arch_wait_result(pid_t pid, const struct regs *regs, int64_t ret)
{
	return put_back(pid, regs, regs->pc, (uint64_t)ret);
}

int arch_wait_again(pid_t pid, const struct regs *regs)
{
	return put_back(pid, regs, regs->pc - SYSCALL_SIZE, regs->arg[0]);
}

int arch_wait_interrupted(pid_t pid, const struct regs *regs)
{
	return put_back(pid, regs, regs->pc, (uint64_t)-EINTR);
}
