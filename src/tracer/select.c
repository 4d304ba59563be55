/* Sets of calls: strace's grammar. */
#include <errno.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tracer/select.h"

#define NAME_MAX_LEN 64
#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

static const struct {
	const char *name;
	unsigned int bits;
	bool bare; /* also without its % (strace's old spelling) */
} classes[] = {
	{ "file", C_FILE, true },	{ "desc", C_DESC, true },
	{ "network", C_NETWORK, true }, { "net", C_NETWORK, false },
	{ "clock", C_CLOCK, false },	{ "creds", C_CREDS, false },
	{ "stat", C_STAT, false },	{ "process", C_PROCESS, true },
	{ "memory", C_MEMORY, true },	{ "ipc", C_IPC, true },
	{ "signal", C_SIGNAL, true },	{ "system", C_SYSTEM, false },
};

/* One specification under evaluation. */
struct selection {
	bool *set;
	bool forwarded;
	bool inverted;
	char *err;
	size_t errlen;
};

/* How a test of a row is told to select_rows. */
typedef bool (*match_fn)(const struct call *call, const void *what);

bool select_can_forward(const struct call *call)
{
	return call->verdict != V_LOCAL && call->verdict != V_REFUSED;
}

static bool refuse(struct selection *s, const char *word,
		   const struct call *call)
{
	snprintf(s->err, s->errlen,
		 "%s cannot be forwarded: %s %s (%s); leave it out, `rsc syscalls` lists what can be",
		 word, strcmp(word, call->name) ? call->name : "it",
		 call->verdict == V_LOCAL ? "happens in this kernel" :
					    "is refused",
		 call->why ? call->why : "by its nature");
	return false;
}

/*
 * Sets the rows that match. False with the error filled when none does, or
 * when none of them can be forwarded and that is asked for.
 */
static bool select_rows(struct selection *s, const char *word, match_fn match,
			const void *what)
{
	const struct call *first = NULL;
	bool able = false;

	for (size_t i = 0; i < call_count; i++) {
		const struct call *call = &call_table[i];

		if (!match(call, what))
			continue;
		if (!first)
			first = call;
		able = able || select_can_forward(call);
		s->set[call->id] = true;
	}
	if (first && s->forwarded && !s->inverted && !able)
		return refuse(s, word, first);
	return first;
}

/* ---- names ---- */

/* A name without its edition: openat2 -> openat, pread64 -> pread, statx. */
static void stem(const char *name, char out[NAME_MAX_LEN])
{
	size_t n;

	snprintf(out, NAME_MAX_LEN, "%s", name);
	n = strlen(out);
	while (n > 1 && out[n - 1] >= '0' && out[n - 1] <= '9')
		n--;
	if (n > 1 && out[n - 1] == 'x')
		n--;
	out[n] = '\0';
}

/* The same for every name that means the same thing. */
static void family(const char *name, char out[NAME_MAX_LEN])
{
	char old[NAME_MAX_LEN];

	stem(name, out);
	for (size_t i = 0; i < legacy_count; i++) {
		stem(legacy_table[i].name, old);
		if (!strcmp(old, out)) {
			stem(legacy_table[i].to, out);
			return;
		}
	}
}

static bool in_family(const struct call *call, const void *what)
{
	char mine[NAME_MAX_LEN];

	family(call->name, mine);
	return !strcmp(mine, what);
}

static bool select_name(struct selection *s, const char *name)
{
	const struct call *call = call_by_name(name);
	char kin[NAME_MAX_LEN];

	if (call && s->forwarded && !s->inverted && !select_can_forward(call))
		return refuse(s, name, call);
	family(name, kin);
	return select_rows(s, name, in_family, kin);
}

/* ---- numbers, classes, expressions ---- */

static bool select_number(struct selection *s, const char *text)
{
	const struct legacy *old;
	const struct call *call;
	char *end;
	long nr;

	errno = 0;
	nr = strtol(text, &end, 10);
	if (*end || errno)
		return false;
	old = legacy_by_nr(nr);
	call = old ? call_by_name(old->to) : call_by_nr(nr);
	return call && select_name(s, old ? old->name : call->name);
}

static bool in_class(const struct call *call, const void *what)
{
	return call->classes & *(const unsigned int *)what;
}

static bool select_class(struct selection *s, const char *word)
{
	bool bare = word[0] != '%';

	for (size_t i = 0; i < ARRAY_SIZE(classes); i++)
		if (!strcmp(classes[i].name, word + !bare) &&
		    (classes[i].bare || !bare))
			return select_rows(s, word, in_class, &classes[i].bits);
	return false;
}

/* As in strace: elders are matched under their own names as well. */
static bool in_regex(const struct call *call, const void *what)
{
	if (!regexec(what, call->name, 0, NULL, 0))
		return true;
	for (size_t i = 0; i < legacy_count; i++)
		if (!strcmp(legacy_table[i].to, call->name) &&
		    !regexec(what, legacy_table[i].name, 0, NULL, 0))
			return true;
	return false;
}

static bool select_regex(struct selection *s, const char *word)
{
	bool found;
	regex_t re;

	if (regcomp(&re, word + 1, REG_EXTENDED | REG_NOSUB)) {
		snprintf(s->err, s->errlen,
			 "%s is no extended regular expression (regex(7))",
			 word);
		return false;
	}
	found = select_rows(s, word, in_regex, &re);
	regfree(&re);
	return found;
}

static bool every(const struct call *call, const void *what)
{
	(void)what;
	return call->id;
}

/* ---- the grammar ---- */

/* What the word says, in s->err, when nothing better is there. */
static void unknown(struct selection *s, const char *word)
{
	size_t n;

	if (*s->err)
		return;
	if (word[0] != '%') {
		snprintf(s->err, s->errlen,
			 "there is no call %s; `rsc syscalls` lists them, ?%s would be ignored",
			 word, word);
		return;
	}
	n = (size_t)snprintf(s->err, s->errlen, "there is no set %s; there are",
			     word);
	for (size_t i = 0; i < ARRAY_SIZE(classes) && n < s->errlen; i++)
		n += (size_t)snprintf(s->err + n, s->errlen - n, " %%%s",
				      classes[i].name);
}

static bool select_word(struct selection *s, char *word)
{
	bool may_miss = word[0] == '?';
	char *abi;
	bool ok;

	word += strspn(word, "?");
	abi = strrchr(word, '@');
	if (abi && (!strcmp(abi, "@32") || !strcmp(abi, "@x32"))) {
		snprintf(s->err, s->errlen,
			 "%s: programs of 32 bits are not run; write @64 or nothing",
			 word);
		return false;
	}
	if (abi && !strcmp(abi, "@64"))
		*abi = '\0';
	if (word[0] == '/')
		ok = select_regex(s, word);
	else if (word[0] >= '0' && word[0] <= '9')
		ok = select_number(s, word);
	else if (!strcmp(word, "all"))
		ok = select_rows(s, word, every, NULL);
	else
		ok = (word[0] != '%' && select_name(s, word)) ||
		     (!*s->err && select_class(s, word));
	/* A word that is known but cannot be forwarded is never ignored. */
	if (!ok && may_miss && !*s->err)
		return true;
	if (!ok)
		unknown(s, word);
	return ok;
}

static bool select_words(struct selection *s, char *words)
{
	char *save;
	char *word;

	word = strtok_r(words, ",", &save);
	if (!word) {
		snprintf(s->err, s->errlen,
			 "the set is empty; write none if that is meant");
		return false;
	}
	for (; word; word = strtok_r(NULL, ",", &save))
		if (!select_word(s, word))
			return false;
	return true;
}

int select_calls(bool *set, const char *spec, bool forwarded, char *err,
		 size_t errlen)
{
	struct selection s = { set, forwarded, false, err, errlen };
	char *words;
	bool ok;

	*err = '\0';
	for (; *spec == '!'; spec++)
		s.inverted = !s.inverted;
	words = strdup(spec);
	if (!words)
		return -ENOMEM;
	memset(set, 0, SELECT_IDS * sizeof(*set));
	ok = !strcmp(words, "none") || select_words(&s, words);
	free(words);
	for (size_t i = 0; i < call_count; i++) {
		bool *mine = &set[call_table[i].id];

		/* A call stands for its requests; it comes before them. */
		if (call_table[i].of)
			*mine |= set[call_by_name(call_table[i].of)->id] !=
				 s.inverted;
		*mine = *mine != s.inverted;
		if (forwarded && !select_can_forward(&call_table[i]))
			*mine = false;
	}
	return ok ? 0 : -EINVAL;
}
