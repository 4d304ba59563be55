/* Which calls are selected, and the seccomp filter made of it. */
#include <errno.h>
#include <regex.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tracer/tracee.h"

static const struct {
	const char *name;
	unsigned int bits;
} classes[] = {
	{ "file", C_FILE },	  { "desc", C_DESC },
	{ "network", C_NETWORK }, { "net", C_NETWORK },
	{ "clock", C_CLOCK },	  { "creds", C_CREDS },
	{ "stat", C_STAT },	  { "process", C_PROCESS },
	{ "memory", C_MEMORY },	  { "ipc", C_IPC },
	{ "signal", C_SIGNAL },	  { "system", C_SYSTEM },
};

/* Names that mean one thing: legacy and new names are one family. */
static const char *const families[][4] = {
	{ "open", "openat", "openat2", NULL },
	{ "stat", "newfstatat", "statx", NULL },
	{ "lstat", "newfstatat", "statx", NULL },
	{ "access", "faccessat", "faccessat2", NULL },
	{ "chmod", "fchmodat", "fchmodat2", NULL },
	{ "rename", "renameat", "renameat2", NULL },
	{ "getdents", "getdents64", "getdents", NULL },
	{ "pread", "pread64", "pread64", NULL },
	{ "pwrite", "pwrite64", "pwrite64", NULL },
};

static bool selectable(const struct call *call)
{
	return call->verdict != V_LOCAL && call->verdict != V_REFUSED;
}

static bool select_named(struct run *run, const char *name, bool on, char *err,
			 size_t errlen)
{
	const struct call *call = call_by_name(name);
	bool found = false;

	if (call) {
		if (on && !selectable(call)) {
			snprintf(err, errlen, "%s cannot be forwarded: %s",
				 name,
				 call->why ? call->why : "it is refused");
			return false;
		}
		run->selected[call->id] = on;
		found = true;
	}
	for (size_t i = 0; i < legacy_count; i++) {
		if (strcmp(legacy_table[i].name, name))
			continue;
		call = call_by_name(legacy_table[i].to);
		if (call)
			run->selected[call->id] = on;
		found = true;
	}
	for (size_t i = 0; i < sizeof(families) / sizeof(*families); i++) {
		if (strcmp(families[i][0], name))
			continue;
		for (size_t k = 1; families[i][k]; k++) {
			call = call_by_name(families[i][k]);
			if (call)
				run->selected[call->id] = on;
			found = true;
		}
	}
	if (!found)
		snprintf(err, errlen, "there is no call named %s", name);
	return found;
}

static bool select_class(struct run *run, const char *name, bool on, char *err,
			 size_t errlen)
{
	for (size_t i = 0; i < sizeof(classes) / sizeof(*classes); i++) {
		if (strcmp(classes[i].name, name))
			continue;
		for (size_t k = 0; k < call_count; k++)
			if ((call_table[k].classes & classes[i].bits) &&
			    selectable(&call_table[k]))
				run->selected[call_table[k].id] = on;
		return true;
	}
	snprintf(err, errlen, "there is no set named %%%s", name);
	return false;
}

static bool select_regex(struct run *run, const char *text, bool on, char *err,
			 size_t errlen)
{
	bool found = false;
	regex_t re;

	if (regcomp(&re, text, REG_EXTENDED | REG_NOSUB)) {
		snprintf(err, errlen, "/%s is no regular expression", text);
		return false;
	}
	for (size_t k = 0; k < call_count; k++) {
		if (regexec(&re, call_table[k].name, 0, NULL, 0))
			continue;
		found = true;
		if (selectable(&call_table[k]))
			run->selected[call_table[k].id] = on;
	}
	regfree(&re);
	if (!found)
		snprintf(err, errlen, "/%s matches no call", text);
	return found;
}

int filter_select(struct run *run, const char *set, char *err, size_t errlen)
{
	bool on = true;
	char *copy;
	char *save;
	int ret = 0;

	copy = strdup(set);
	if (!copy)
		return -ENOMEM;
	if (copy[0] == '!') {
		on = false;
		filter_select_all(run);
	}
	for (char *name = strtok_r(copy + !on, ",", &save); name;
	     name = strtok_r(NULL, ",", &save)) {
		bool may_miss = name[0] == '?';
		bool ok;

		name += may_miss;
		if (name[0] == '%')
			ok = select_class(run, name + 1, on, err, errlen);
		else if (name[0] == '/')
			ok = select_regex(run, name + 1, on, err, errlen);
		else if (!strcmp(name, "all"))
			filter_select_all(run), ok = true;
		else if (!strcmp(name, "none"))
			ok = true;
		else
			ok = select_named(run, name, on, err, errlen);
		if (!ok && !may_miss) {
			ret = -EINVAL;
			break;
		}
	}
	free(copy);
	return ret;
}

void filter_select_all(struct run *run)
{
	for (size_t k = 0; k < call_count; k++)
		run->selected[call_table[k].id] = selectable(&call_table[k]);
}

static bool takes_fd(const struct call *call)
{
	for (unsigned int i = 0; i < CALL_ARGS; i++)
		if (call->arg[i].kind == ARG_FD ||
		    call->arg[i].kind == ARG_DIRFD)
			return true;
	return false;
}

bool filter_stops(const struct run *run, const struct call *call)
{
	switch ((enum verdict)call->verdict) {
	case V_LOCAL:
		return false;
	case V_REFUSED:
		return true;
	case V_REMOTE:
		return run->selected[call->id];
	case V_BY_PATH:
		return run->selected[call->id] || takes_fd(call);
	case V_BY_FD:
		return true;
	case V_SPLIT:
		return hook_of(call) != NULL;
	}
	return true;
}

int filter_load(const struct run *run)
{
	scmp_filter_ctx ctx;
	int err;

	ctx = seccomp_init(SCMP_ACT_TRACE(0));
	if (!ctx)
		return -ENOMEM;
	err = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH,
			       SCMP_ACT_ERRNO(ENOSYS));
	if (!err)
		err = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	for (size_t k = 0; !err && k < call_count; k++) {
		int nr = call_nr(&call_table[k]);

		if (nr < 0 || filter_stops(run, &call_table[k]))
			continue;
		err = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, nr, 0);
	}
	for (size_t k = 0; !err && k < legacy_count; k++) {
		const struct call *to = call_by_name(legacy_table[k].to);

		if (!ARCH_HAS_LEGACY || !to || filter_stops(run, to))
			continue;
		err = seccomp_rule_add(ctx, SCMP_ACT_ALLOW,
				       legacy_table[k].nr_x86_64, 0);
	}
	if (!err)
		err = seccomp_load(ctx);
	seccomp_release(ctx);
	return err;
}
