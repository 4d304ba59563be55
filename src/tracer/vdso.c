/*
 * Takes the vDSO away from a program whose clocks are the server's.
 *
 * At the exec event the stack holds argc, argv, NULL, environment, NULL and
 * the auxiliary vector, at the stack pointer: the kernel has written it, and
 * neither the loader nor a static program's start code has read it yet.
 * Whoever looks for AT_SYSINFO_EHDR there (glibc, musl, Go) then finds
 * AT_IGNORE and falls back to system calls.
 */
#include <elf.h>
#include <errno.h>
#include <stdint.h>
#include <time.h>

#include "arch/arch.h"
#include "tracer/memory.h"
#include "tracer/tracee.h"
#include "tracer/vdso.h"

/* Words of argv and environment: each pointer has at least a byte. */
#define WORDS_MAX (8u << 20)
#define CHUNK 512

/* A stream of words on the tracee's stack. */
struct words {
	pid_t pid;
	uint64_t addr; /* of the next word */
	uint64_t word[CHUNK];
	unsigned int at;
	unsigned int have;
};

static int refill(struct words *w)
{
	/* As far as the page goes: the stack ends soon after the vector. */
	unsigned int n = (4096 - (w->addr & 4095)) / sizeof(uint64_t);

	w->at = 0;
	w->have = n < CHUNK ? n : CHUNK;
	return memory_read(w->pid, w->addr, w->word,
			   w->have * sizeof(uint64_t));
}

static int next(struct words *w, uint64_t *word)
{
	int err;

	if (w->at == w->have) {
		err = refill(w);
		if (err)
			return err;
	}
	*word = w->word[w->at++];
	w->addr += sizeof(uint64_t);
	return 0;
}

/* Past argv or environment and its NULL. */
static int skip_strings(struct words *w)
{
	uint64_t word = 1;
	int err = 0;

	for (unsigned int n = 0; !err && word; n++)
		err = n < WORDS_MAX ? next(w, &word) : -E2BIG;
	return err;
}

int vdso_hide(pid_t pid)
{
	static const uint64_t ignore = AT_IGNORE;
	struct words w = { .pid = pid };
	struct regs regs;
	uint64_t value;
	uint64_t type;
	int err;

	err = arch_get(pid, &regs);
	if (err)
		return err;
	w.addr = regs.sp + sizeof(uint64_t); /* past argc */
	err = skip_strings(&w);
	if (!err)
		err = skip_strings(&w);
	while (!err) {
		err = next(&w, &type);
		if (err || type == AT_NULL)
			break;
		if (type == AT_SYSINFO_EHDR)
			err = memory_write(pid, w.addr - sizeof(type), &ignore,
					   sizeof(ignore));
		if (!err)
			err = next(&w, &value);
	}
	return err;
}

bool vdso_hides_calls(const struct run *run)
{
	static const char *const names[] = { "clock_gettime", "clock_getres",
					     "gettimeofday", "time" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		const struct call *call = call_by_name(names[i]);

		if (call && run->selected[call->id])
			return true;
	}
	return false;
}

bool clock_is_remote(int clock)
{
	switch (clock) {
	case CLOCK_REALTIME:
	case CLOCK_REALTIME_COARSE:
	case CLOCK_REALTIME_ALARM:
	case CLOCK_TAI:
		return true;
	default:
		return false;
	}
}
