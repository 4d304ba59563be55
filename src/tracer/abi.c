/* Refuses programs whose system calls have other numbers. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/audit.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "tracer/abi.h"
#include "tracer/exec_image.h"
#include "tracer/memory.h"
#include "tracer/tracee.h"

/* As the kernel has it: BINPRM_BUF_SIZE. */
#define HEAD_SIZE 256

/* Both ELF classes have these at the same place. */
struct elf_head {
	unsigned char ident[EI_NIDENT];
	uint16_t type;
	uint16_t machine;
};

_Static_assert(offsetof(struct elf_head, machine) ==
		       offsetof(Elf32_Ehdr, e_machine),
	       "e_machine of a 32-bit file");
_Static_assert(offsetof(struct elf_head, machine) ==
		       offsetof(Elf64_Ehdr, e_machine),
	       "e_machine of a 64-bit file");

/* Opens path as pid would; -errno, or -ENOENT for what is no regular file. */
static int open_as(pid_t pid, int dirfd, const char *path)
{
	char name[PATH_MAX + 64];
	struct stat st;
	int fd;

	if (path[0] == '/')
		snprintf(name, sizeof(name), "/proc/%d/root%s", pid, path);
	else if (dirfd == AT_FDCWD)
		snprintf(name, sizeof(name), "/proc/%d/cwd/%s", pid, path);
	else
		snprintf(name, sizeof(name), "/proc/%d/fd/%d%s%s", pid, dirfd,
			 *path ? "/" : "", path);
	fd = open(name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		close(fd);
		return -ENOENT;
	}
	return fd;
}

static int read_head(pid_t pid, int dirfd, const char *path,
		     char head[HEAD_SIZE])
{
	ssize_t n;
	int fd;

	fd = open_as(pid, dirfd, path);
	if (fd < 0)
		return fd;
	memset(head, 0, HEAD_SIZE);
	n = pread(fd, head, HEAD_SIZE - 1, 0);
	close(fd);
	return n < 0 ? -errno : (int)n;
}

bool abi_is_foreign_image(const char *head)
{
	struct elf_head elf;

	memcpy(&elf, head, sizeof(elf));
	if (memcmp(elf.ident, ELFMAG, SELFMAG))
		return false;
	if (elf.machine == ARCH_ELF_MACHINE)
		return elf.ident[EI_CLASS] != ELFCLASS64;
	return elf.machine == ARCH_ELF_MACHINE_32;
}

bool abi_is_native_image(const char *head)
{
	struct elf_head elf;

	memcpy(&elf, head, sizeof(elf));
	return !memcmp(elf.ident, ELFMAG, SELFMAG) &&
	       elf.machine == ARCH_ELF_MACHINE &&
	       elf.ident[EI_CLASS] == ELFCLASS64;
}

void abi_say_foreign(const char *path, const char *interpreter)
{
	log_err("%s: %s%sa program of 32 bits, whose system calls have other numbers, cannot be run; use a 64-bit build",
		path, interpreter, *interpreter ? ", " : "");
}

static const struct {
	uint16_t machine;
	const char *name;
} machines[] = {
	{ EM_X86_64, "x86_64" }, { EM_AARCH64, "aarch64" },
	{ EM_386, "i386" },	 { EM_ARM, "arm" },
	{ EM_RISCV, "riscv" },	 { EM_PPC64, "powerpc64" },
	{ EM_PPC, "powerpc" },	 { EM_MIPS, "mips" },
	{ EM_S390, "s390" },	 { EM_SPARCV9, "sparc64" },
	{ EM_IA_64, "ia64" },	 { 258, "loongarch" },
	{ EM_ALPHA, "alpha" },	 { EM_68K, "m68k" },
	{ EM_PARISC, "parisc" },
};

void abi_say_other(const char *path, const char *head)
{
	struct elf_head elf;
	size_t i = 0;

	memcpy(&elf, head, sizeof(elf));
	while (i < sizeof(machines) / sizeof(*machines) &&
	       machines[i].machine != elf.machine)
		i++;
	log_warn("%s: a program for %s (ELF machine %u), and this is " ARCH_NAME
		 ": it runs if this kernel has a handler for it (binfmt_misc)",
		 path,
		 i < sizeof(machines) / sizeof(*machines) ? machines[i].name :
							    "another machine",
		 elf.machine);
}

/* The interpreter of a #! line, or NULL. Changes head. */
static char *interpreter(char *head)
{
	char *name;

	if (head[0] != '#' || head[1] != '!')
		return NULL;
	name = head + 2 + strspn(head + 2, " \t");
	name[strcspn(name, " \t\n")] = '\0';
	return *name ? name : NULL;
}

int abi_check_file(pid_t pid, int dirfd, const char *path)
{
	char heads[2][HEAD_SIZE];
	const char *name = path;

	for (int i = 0; i < SCRIPTS_MAX; i++) {
		char *head = heads[i % 2];
		int n = read_head(pid, dirfd, name, head);

		if (n == -EACCES)
			return -EACCES;
		if (n < 0)
			return 0;
		if (n >= (int)sizeof(struct elf_head) &&
		    abi_is_foreign_image(head)) {
			abi_say_foreign(path, i ? name : "");
			return -ENOEXEC;
		}
		name = interpreter(head);
		if (!name)
			return 0;
		dirfd = AT_FDCWD;
	}
	return 0;
}

bool abi_is_foreign(pid_t pid)
{
	struct __ptrace_syscall_info info;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) <= 0)
		return false;
	return info.arch != ARCH_AUDIT;
}
