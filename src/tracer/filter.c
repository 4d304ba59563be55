/* The seccomp filter: which calls stop. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

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

static int install(struct sock_fprog *prog)
{
	unsigned int flags = SECCOMP_FILTER_FLAG_NEW_LISTENER |
			     SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
	long fd;

	fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, prog);
	if (fd < 0 && errno == EACCES &&
	    !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, prog);
	if (fd < 0)
		return -errno;
	placeholder_listener = (int)fd;
	return 0;
}

/*
 * As seccomp_load(3), but a received notification is not interrupted, and
 * no_new_privs is set only where the kernel asks for it.
 */
static int load(scmp_filter_ctx ctx)
{
	struct sock_fprog prog;
	struct stat st;
	void *code;
	int err;
	int fd;

	fd = memfd_create("filter", MFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	err = seccomp_export_bpf(ctx, fd);
	if (!err && fstat(fd, &st))
		err = -errno;
	code = err ? MAP_FAILED :
		     mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd,
			  0);
	if (!err && code == MAP_FAILED)
		err = -errno;
	close(fd);
	if (err)
		return err;
	prog.len = (unsigned short)((size_t)st.st_size /
				    sizeof(struct sock_filter));
	prog.filter = code;
	err = install(&prog);
	munmap(code, (size_t)st.st_size);
	return err;
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

		if (nr < 0 || call_table[k].of ||
		    filter_stops(run, &call_table[k]))
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
		err = seccomp_rule_add(ctx, SCMP_ACT_NOTIFY, PLACE_NR, 0);
	if (!err)
		err = load(ctx);
	seccomp_release(ctx);
	return err;
}
