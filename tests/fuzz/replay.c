/*
 * Runs a target over its committed corpus and then over so many changed
 * copies of it: replay CORPUS-DIRECTORY COUNT [SEED]. The same seed makes the
 * same inputs everywhere. An input that breaks the target is printed in hex.
 */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "common/samples.h"
#include "fuzz/target.h"

#define INPUT_MAX 8192
#define FILES_MAX 1024

struct input {
	uint8_t *data; /* owned */
	size_t len;
};

static struct input corpus[FILES_MAX];
static size_t corpus_len;
static struct input now;

static void say(const char *text)
{
	if (write(STDERR_FILENO, text, strlen(text)) < 0)
		_exit(2);
}

/* Only what is allowed in a signal handler. */
static void on_signal(int sig)
{
	static const char digits[] = "0123456789abcdef";

	say(sig == SIGALRM ? "no end with the input\n" :
			     "broken by the input\n");
	for (size_t i = 0; i < now.len; i++) {
		char hex[3] = { digits[now.data[i] >> 4],
				digits[now.data[i] & 15], 0 };

		say(hex);
	}
	say("\n");
	signal(sig, SIG_DFL);
	raise(sig == SIGALRM ? SIGKILL : sig);
}

/* In a block of its size, so that a sanitizer sees a step behind its end. */
static void run(const uint8_t *data, size_t len)
{
	now.data = malloc(len ? len : 1);
	REQUIRE(now.data);
	now.len = len;
	memcpy(now.data, data, len);
	alarm(20);
	LLVMFuzzerTestOneInput(now.data, len);
	free(now.data);
	now.len = 0;
}

static void load(const char *name)
{
	struct input *in = &corpus[corpus_len];
	FILE *f = fopen(name, "re");

	REQUIRE(f && corpus_len < FILES_MAX);
	in->data = malloc(INPUT_MAX);
	REQUIRE(in->data);
	in->len = fread(in->data, 1, INPUT_MAX, f);
	fclose(f);
	corpus_len++;
}

static int by_name(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static size_t below(uint64_t *state, size_t n)
{
	return n ? sample_random(state) % n : 0;
}

static size_t add_bytes(uint8_t *data, size_t len, size_t at,
			const uint8_t *from, size_t n)
{
	if (n > INPUT_MAX - len)
		n = INPUT_MAX - len;
	memmove(data + at + n, data + at, len - at);
	memcpy(data + at, from, n);
	return len + n;
}

/* One change; the new length. */
static size_t change(uint8_t *data, size_t len, uint64_t *state)
{
	static const uint8_t heads[] = { 0x00, 0x17, 0x18, 0x19, 0x1a, 0x1b,
					 0x20, 0x3b, 0x40, 0x5b, 0x80, 0x9b,
					 0xf5, 0xf6, 0xff, '/',	 '*',  ',' };
	const struct input *other = &corpus[below(state, corpus_len)];
	size_t at = below(state, len);
	uint8_t byte = (uint8_t)sample_random(state);
	size_t from;
	size_t n;

	switch (below(state, 8)) {
	case 0:
		if (len)
			data[at] ^= (uint8_t)(1u << byte % 8);
		return len;
	case 1:
		if (len)
			data[at] = byte;
		return len;
	case 2:
		if (len)
			data[at] = heads[byte % sizeof(heads)];
		return len;
	case 3:
		return add_bytes(data, len, at, &byte, 1);
	case 4:
		n = below(state, len - at < 9 ? len - at + 1 : 9);
		memmove(data + at, data + at + n, len - at - n);
		return len - n;
	case 5:
		return at;
	case 6:
		from = below(state, other->len);
		n = below(state, other->len - from + 1);
		return add_bytes(data, len, at, other->data + from, n);
	default:
		from = below(state, other->len);
		n = other->len - from < len - at ? other->len - from : len - at;
		memcpy(data + at, other->data + from, n);
		return len;
	}
}

static void mutate(unsigned long count, uint64_t seed)
{
	static uint8_t data[INPUT_MAX];

	for (unsigned long i = 0; i < count; i++) {
		const struct input *in = &corpus[below(&seed, corpus_len)];
		size_t changes = 1 + below(&seed, 4);
		size_t len = in->len;

		memcpy(data, in->data, len);
		while (changes--)
			len = change(data, len, &seed);
		run(data, len);
	}
}

int main(int argc, char **argv)
{
	struct dirent **entry;
	char name[4096];
	int n;

	if (argc < 3) {
		fputs("usage: replay CORPUS-DIRECTORY COUNT [SEED]\n", stderr);
		return 2;
	}
	signal(SIGALRM, on_signal);
	signal(SIGABRT, on_signal);
	signal(SIGSEGV, on_signal);
	n = scandir(argv[1], &entry, by_name, alphasort);
	if (n <= 0) {
		fprintf(stderr, "%s: no corpus: %s\n", argv[1],
			strerror(n ? errno : ENOENT));
		return 2;
	}
	run((const uint8_t *)"", 0);
	for (int i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "%s/%s", argv[1],
			 entry[i]->d_name);
		free(entry[i]);
		load(name);
		run(corpus[i].data, corpus[i].len);
	}
	free(entry);
	mutate(strtoul(argv[2], NULL, 10),
	       argc > 3 ? strtoul(argv[3], NULL, 10) : 1);
	for (size_t i = 0; i < corpus_len; i++)
		free(corpus[i].data);
	printf("%d inputs, %s changed ones\n", n, argv[2]);
	return 0;
}
