/* The seccomp filter: which calls stop. */
#include <errno.h>
#include <seccomp.h>

#include "tracer/tracee.h"

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
