/* What is executed in place of what the program named. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"
#include "tracer/abi.h"
#include "tracer/exec_image.h"
#include "tracer/memory.h"
#include "tracer/tracee.h"

/* As the kernel has it: BINPRM_BUF_SIZE, MAX_ARG_STRINGS within reason. */
#define HEAD_SIZE 256
#define ARGS_MAX (1u << 20)

void exec_image_begin(struct tracee *t, struct exec_image *to, int dirfd,
		      const char *path, bool at)
{
	to->argv = t->arg[at ? 2 : 1];
	to->envp = t->arg[at ? 3 : 2];
	to->hidden = dirfd != AT_FDCWD && path[0] != '/' &&
		     files_flags(t->pid, dirfd) & O_CLOEXEC;
	if (dirfd == AT_FDCWD || path[0] == '/')
		snprintf(to->given, PATH_MAX, "%s", path);
	else if ((size_t)snprintf(to->given, PATH_MAX, "/dev/fd/%d%s%s", dirfd,
				  *path ? "/" : "", path) >= PATH_MAX)
		to->given[0] = 0;
}

void exec_image_free(struct exec_image *to)
{
	while (to->nargs)
		free(to->arg[--to->nargs]);
}

const char *exec_image_last_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static const char *comm(const struct exec_image *to)
{
	return *to->comm ? to->comm : exec_image_last_name(to->given);
}

/* ---- #! ---- */

static int push_arg(struct exec_image *to, const char *text)
{
	char *copy = strdup(text);

	if (!copy)
		return -ENOMEM;
	memmove(to->arg + 1, to->arg, to->nargs++ * sizeof(*to->arg));
	to->arg[0] = copy;
	return 0;
}

/* fs/binfmt_script.c: an interpreter and at most one argument. */
static int read_script(struct exec_image *to, char head[HEAD_SIZE + 1],
		       char *want)
{
	size_t len = strlen(head);
	char *line = head + 2;
	char *name;
	char *arg;
	char *end;
	int err;

	end = strchr(line, '\n');
	name = line + strspn(line, " \t");
	arg = name + strcspn(name, " \t\n");
	/* Where the line is cut, the name has to be whole. */
	if (name == arg || (!end && len == HEAD_SIZE && !*arg))
		return -ENOEXEC;
	if (!end)
		end = head + len;
	while (end > arg && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	*end = 0;
	if (arg < end) {
		*arg++ = 0;
		arg += strspn(arg, " \t");
	}
	if (to->hidden)
		return -ENOENT;
	if (to->scripts++ == SCRIPTS_MAX)
		return -ELOOP;
	if (*to->comm)
		snprintf(to->comm, sizeof(to->comm), "%s",
			 exec_image_last_name(name));
	err = to->nargs ? 0 : push_arg(to, to->given);
	if (!err && *arg)
		err = push_arg(to, arg);
	if (!err)
		err = push_arg(to, name);
	snprintf(want, PATH_MAX, "%s", name);
	return err ? err : EXEC_WANTS_INTERPRETER;
}

/* ---- ELF ---- */

/* Finds PT_INTERP: 1 and its place in the file, 0 when there is none. */
static int find_interp(int fd, Elf64_Phdr *found, off_t *at)
{
	Elf64_Ehdr elf;
	Elf64_Phdr ph;

	if (pread(fd, &elf, sizeof(elf), 0) != sizeof(elf) ||
	    elf.e_phentsize != sizeof(ph))
		return -ENOEXEC;
	for (unsigned int i = 0; i < elf.e_phnum; i++) {
		*at = (off_t)(elf.e_phoff + i * sizeof(ph));
		if (pread(fd, &ph, sizeof(ph), *at) != sizeof(ph))
			return -ENOEXEC;
		if (ph.p_type == PT_INTERP) {
			*found = ph;
			return 1;
		}
	}
	return 0;
}

static int read_elf(int fd, char *want)
{
	Elf64_Phdr ph;
	off_t at;
	int got;

	got = find_interp(fd, &ph, &at);
	if (got <= 0)
		return got;
	if (ph.p_filesz < 2 || ph.p_filesz > PATH_MAX ||
	    pread(fd, want, ph.p_filesz, (off_t)ph.p_offset) !=
		    (ssize_t)ph.p_filesz ||
	    want[ph.p_filesz - 1])
		return -ENOEXEC;
	return EXEC_WANTS_LOADER;
}

int exec_image_remote(struct exec_image *to, const char *path, const char *name,
		      char *want)
{
	char head[HEAD_SIZE + 1] = "";
	ssize_t n;
	int err = 0;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = pread(fd, head, HEAD_SIZE, 0);
	if (n < 0)
		err = -errno;
	else if (n > 2 && head[0] == '#' && head[1] == '!')
		err = read_script(to, head, want);
	else if (abi_is_foreign_image(head)) {
		abi_say_foreign(to->given, to->nargs ? name : "");
		err = -ENOEXEC;
	} else if (n >= (ssize_t)sizeof(Elf64_Ehdr) &&
		   abi_is_native_image(head)) {
		err = read_elf(fd, want);
	} else if (n >= (ssize_t)sizeof(Elf64_Ehdr) &&
		   !memcmp(head, ELFMAG, SELFMAG)) {
		abi_say_other(name, head);
	}
	close(fd);
	return err;
}

/* Copies a file to its new place with another PT_INTERP. */
static int copy_with_loader(int fd, struct cache_file *file, const char *loader)
{
	struct stat st;
	Elf64_Phdr ph;
	char *bytes;
	off_t at;
	int err;

	if (fstat(fd, &st) || find_interp(fd, &ph, &at) != 1)
		return -ENOEXEC;
	bytes = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE, fd, 0);
	if (bytes == MAP_FAILED)
		return -errno;
	ph.p_offset = (Elf64_Off)st.st_size;
	ph.p_filesz = strlen(loader) + 1;
	ph.p_memsz = ph.p_filesz;
	memcpy(bytes + at, &ph, sizeof(ph));
	err = cache_add(file, bytes, (size_t)st.st_size);
	if (!err)
		err = cache_add(file, loader, strlen(loader) + 1);
	munmap(bytes, (size_t)st.st_size);
	return err;
}

int exec_image_ready(struct run *run, struct exec_image *to, const char *path)
{
	return cache_name(&run->cache, path, comm(to), strlen(to->given),
			  to->path);
}

int exec_image_loaded(struct run *run, struct exec_image *to, const char *path,
		      const char *loader)
{
	const char *name = cache_noted(&run->cache, path);
	struct cache_file file;
	char key[2 * PATH_MAX + 16];
	char made[PATH_MAX];
	int err;
	int fd;

	snprintf(key, sizeof(key), "loaded %s %s", path, loader);
	err = cache_find(&run->cache, key, made);
	if (err == -ENOENT) {
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return -errno;
		err = cache_begin(&run->cache, key, &file);
		if (!err)
			err = copy_with_loader(fd, &file, loader);
		close(fd);
		if (err)
			cache_abort(&file);
		else
			err = cache_commit(&run->cache, &file, made);
	}
	if (err)
		return err;
	err = cache_note(&run->cache, made, name ? name : "");
	return err ? err : exec_image_ready(run, to, made);
}

int exec_image_local(struct run *run, struct exec_image *to, const char *name)
{
	if (!strcmp(exec_image_last_name(name), comm(to))) {
		snprintf(to->path, PATH_MAX, "%s", name);
		return 0;
	}
	return exec_image_ready(run, to, name);
}

/* ---- making the call ---- */

static void failed(struct run *run, struct tracee *t)
{
	int64_t ret = t->regs.ret;

	scratch_end(t);
	exec_drop(run, t);
	finish_exit(run, t, ret);
}

static void given_up(struct run *run, struct tracee *t)
{
	exec_drop(run, t);
}

static ssize_t count_args(const struct tracee *t, uint64_t addr)
{
	uint64_t word[512];
	ssize_t count = 0;

	while (addr && count < ARGS_MAX) {
		ssize_t n = memory_read_some(t->pid, addr, word, sizeof(word));

		if (n < (ssize_t)sizeof(*word))
			return -EFAULT;
		for (ssize_t i = 0; i < n / (ssize_t)sizeof(*word); i++) {
			if (!word[i])
				return count + i;
		}
		count += n / (ssize_t)sizeof(*word);
		addr += (uint64_t)n / sizeof(*word) * sizeof(*word);
	}
	return addr ? -E2BIG : 0;
}

/*
 * What is written to the scratch memory at addr: the path, the arguments and
 * the vector. Its size, or -errno; bytes NULL: the size only. Another thread
 * may have made the vector longer than room since that: -EFAULT.
 */
static ssize_t compose(const struct tracee *t, const struct exec_image *to,
		       uint64_t addr, uint8_t *bytes, size_t room)
{
	size_t len = strlen(to->path) + 1;
	size_t strings = 0;
	uint64_t *vector;
	ssize_t count;
	size_t start;
	size_t at;

	if (bytes)
		memcpy(bytes, to->path, len);
	if (!to->nargs)
		return (ssize_t)len;
	count = count_args(t, to->argv);
	if (count < 0)
		return count;
	start = (len + 7) & ~(size_t)7;
	at = start;
	at += (to->nargs + (size_t)count + 1) * sizeof(*vector);
	for (unsigned int i = 0; i < to->nargs; i++)
		strings += strlen(to->arg[i]) + 1;
	if (!bytes)
		return (ssize_t)(at + strings);
	if (at + strings > room)
		return -EFAULT;
	vector = (void *)(bytes + start);
	for (unsigned int i = 0; i < to->nargs; i++) {
		size_t n = strlen(to->arg[i]) + 1;

		memcpy(bytes + at, to->arg[i], n);
		vector[i] = addr + at;
		at += n;
	}
	/* argv[0] is replaced; what follows it stays, with its NULL. */
	if (count <= 1)
		vector[to->nargs] = 0;
	else if (memory_read(t->pid, to->argv + sizeof(*vector),
			     vector + to->nargs,
			     (size_t)count * sizeof(*vector)))
		return -EFAULT;
	return (ssize_t)at;
}

/* At the seccomp stop, with scratch memory. */
static void make_call(struct run *run, struct tracee *t)
{
	struct exec_image *to = exec_image_of(t);
	uint64_t addr = scratch_addr(t);
	uint64_t arg[CALL_ARGS] = { addr, to->argv, to->envp };
	uint8_t *bytes = calloc(1, t->scratch.size);
	ssize_t n = -ENOMEM;

	if (bytes)
		n = compose(t, to, addr, bytes, t->scratch.size);
	if (n > 0 && memory_write(t->pid, addr, bytes, (size_t)n))
		n = -EFAULT;
	free(bytes);
	if (n < 0) {
		scratch_drop(t);
		exec_drop(run, t);
		finish_skip(run, t, n);
		return;
	}
	if (to->nargs)
		arg[1] = addr + ((strlen(to->path) + 8) & ~(size_t)7);
	scratch_call(run, t, call_nr(call_by_name("execve")), arg, failed);
}

void exec_image_put(struct run *run, struct tracee *t, struct exec_image *to)
{
	ssize_t size = compose(t, to, 0, NULL, 0);

	if (size < 0) {
		exec_drop(run, t);
		finish_skip(run, t, size);
		return;
	}
	scratch_get(run, t, (size_t)size, make_call, given_up);
}

/* ---- the new program ---- */

/* A value of the auxiliary vector, or 0. */
static uint64_t auxv_value(pid_t pid, uint64_t type)
{
	uint64_t entry[2];
	uint64_t value = 0;
	char name[64];
	FILE *f;

	snprintf(name, sizeof(name), "/proc/%d/auxv", pid);
	f = fopen(name, "re");
	if (!f)
		return 0;
	while (fread(entry, sizeof(entry), 1, f) == 1 && entry[0] != AT_NULL)
		if (entry[0] == type)
			value = entry[1];
	fclose(f);
	return value;
}

int exec_image_done(struct tracee *t, const struct exec_image *to)
{
	uint64_t addr = auxv_value(t->pid, AT_EXECFN);
	char here[PATH_MAX];
	size_t len = strlen(to->given) + 1;

	if (memory_read_str(t->pid, addr, here, sizeof(here)) < 0 ||
	    strcmp(here, to->path) || len > strlen(here) + 1)
		return 0;
	return memory_write(t->pid, addr, to->given, len);
}

/* The program is the interpreter of a script of this machine. */
static int note_script(pid_t pid, struct program *program)
{
	char given[PATH_MAX];
	char where[PATH_MAX];
	char path[PATH_MAX + 64];
	char mark[2] = "";
	ssize_t n;
	int fd;

	if (memory_read_str(pid, auxv_value(pid, AT_EXECFN), given,
			    sizeof(given)) <= 0)
		return 0;
	snprintf(path, sizeof(path), "/proc/%d/cwd", pid);
	n = readlink(path, where, sizeof(where) - 1);
	where[n < 0 ? 0 : n] = 0;
	snprintf(path, sizeof(path), "/proc/%d/%s/%s", pid,
		 given[0] == '/' ? "root" : "cwd", given);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return 0;
	n = read(fd, mark, sizeof(mark));
	close(fd);
	if (n != sizeof(mark) || mark[0] != '#' || mark[1] != '!' ||
	    routes_normalise(where, given, path))
		return 0;
	program->script = strdup(path);
	program->script_given = strdup(given);
	return program->script && program->script_given ? 0 : -ENOMEM;
}

int exec_image_note(const struct run *run, const struct tracee *t,
		    struct program *program, bool scripts)
{
	char link[64];
	char exe[PATH_MAX];
	const char *name;
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/%d/exe", t->pid);
	n = readlink(link, exe, sizeof(exe) - 1);
	if (n < 0)
		return 0;
	exe[n] = 0;
	name = cache_noted(&run->cache, exe);
	if (name) {
		program->exe = strdup(name);
		return program->exe ? 0 : -ENOMEM;
	}
	return scripts ? note_script(t->pid, program) : 0;
}
