/* Makes each call that takes a pid on the process named, and says what it said. */
#include <errno.h>
#include <linux/ioprio.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

struct attr {
	uint32_t size;
	uint32_t policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t times[3];
	uint32_t util[2];
};

static void say(const char *what, long ret)
{
	printf("%s: %ld%s%s\n", what, ret < 0 ? -1 : ret, ret < 0 ? " " : "",
	       ret < 0 ? strerrorname_np(errno) : "");
}

static void scheduling(pid_t pid)
{
	struct sched_param param = { 0 };
	struct attr attr = { .size = sizeof(attr) };
	struct timespec slice = { 0 };
	uint64_t mask[16] = { 0 };

	say("setscheduler", syscall(SYS_sched_setscheduler, pid, SCHED_FIFO,
				    &(struct sched_param){ 7 }));
	say("getscheduler", syscall(SYS_sched_getscheduler, pid));
	say("getparam", syscall(SYS_sched_getparam, pid, &param));
	say("priority", param.sched_priority);
	param.sched_priority = 9;
	say("setparam", syscall(SYS_sched_setparam, pid, &param));
	say("getattr", syscall(SYS_sched_getattr, pid, &attr, sizeof(attr), 0));
	printf("%u %u %d\n", attr.policy, attr.priority, attr.nice);
	say("interval", syscall(SYS_sched_rr_get_interval, pid, &slice));
	say("slice", slice.tv_sec);
	attr.policy = SCHED_OTHER;
	attr.priority = 0;
	attr.nice = 4;
	say("setattr", syscall(SYS_sched_setattr, pid, &attr, 0));
	say("nice", getpriority(PRIO_PROCESS, (id_t)pid));
	mask[0] = 1;
	say("setaffinity",
	    syscall(SYS_sched_setaffinity, pid, sizeof(mask), mask));
	mask[0] = 0;
	say("getaffinity",
	    syscall(SYS_sched_getaffinity, pid, sizeof(mask), mask));
	printf("mask %llx\n", (unsigned long long)mask[0]);
	mask[0] = UINT64_MAX;
	say("setaffinity",
	    syscall(SYS_sched_setaffinity, pid, sizeof(mask), mask));
	say("setpriority", setpriority(PRIO_PROCESS, (id_t)pid, 6));
	say("setpriority of a group", setpriority(PRIO_PGRP, (id_t)pid, 7));
	say("nice", getpriority(PRIO_PGRP, (id_t)pid));
	say("ioprio_set",
	    syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, pid, 0x4003));
	say("ioprio_get", syscall(SYS_ioprio_get, IOPRIO_WHO_PROCESS, pid));
	say("back to normal", setpriority(PRIO_PROCESS, (id_t)pid, 0));
}

static void signals(pid_t pid)
{
	siginfo_t info = { .si_code = SI_QUEUE };

	info.si_pid = getpid();
	say("kill", kill(pid, SIGCONT));
	say("kill a group", kill(-pid, SIGCONT));
	say("kill, no signal", kill(pid, 99));
	say("tkill", syscall(SYS_tkill, pid, SIGCONT));
	say("tgkill", syscall(SYS_tgkill, pid, pid, SIGCONT));
	say("queue", syscall(SYS_rt_sigqueueinfo, pid, SIGCONT, &info));
	say("queue for a thread",
	    syscall(SYS_rt_tgsigqueueinfo, pid, pid, SIGCONT, &info));
	info.si_code = SI_USER;
	say("queue as somebody else",
	    syscall(SYS_rt_sigqueueinfo, pid, SIGCONT, &info));
	say("no such process", kill(99999, 0));
	say("none at all", kill(INT32_MIN, 0));
	say("tgkill of nobody", syscall(SYS_tgkill, -1, pid, 0));
}

int main(int argc, char **argv)
{
	pid_t pid = argc > 1 ? atoi(argv[1]) : 0;
	struct rlimit limit = { 40, 50 };
	int fd;

	scheduling(pid);
	signals(pid);
	say("prlimit",
	    syscall(SYS_prlimit64, pid, RLIMIT_NOFILE, &limit, NULL));
	say("prlimit",
	    syscall(SYS_prlimit64, pid, RLIMIT_NOFILE, NULL, &limit));
	printf("limit %lu %lu\n", limit.rlim_cur, limit.rlim_max);
	say("getpgid", getpgid(pid) == pid);
	say("getsid", getsid(pid) == pid);
	fd = (int)syscall(SYS_pidfd_open, pid, 0);
	say("pidfd_open", fd >= 0 ? 0 : -1);
	say("pidfd_send_signal",
	    syscall(SYS_pidfd_send_signal, fd, SIGCONT, NULL, 0));
	return 0;
}
