/*
 * What a process may say of itself: that it is not to be looked into, that it
 * gets no new privileges, which seccomp mode it is in. Each way prints what the
 * kernel answers, and goes on to use its memory in calls.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void say(const char *what, long ret)
{
	printf("%s %ld %s\n", what, ret, ret < 0 ? strerror(errno) : "");
}

static void read_file(const char *name)
{
	char text[64];
	int fd = open(name, O_RDONLY);
	ssize_t n = read(fd, text, sizeof(text));

	printf("%s: %.*s", name, n > 0 ? (int)n : 0, text);
	close(fd);
}

static void status(void)
{
	char line[256];
	FILE *f = fopen("/proc/self/status", "r");

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, "NoNewPrivs", 10) ||
		    !strncmp(line, "Seccomp", 7))
			fputs(line, stdout);
	if (f)
		fclose(f);
}

static void state(void)
{
	say("dumpable", prctl(PR_GET_DUMPABLE, 0, 0, 0, 0));
	say("no_new_privs", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
	say("seccomp", prctl(PR_GET_SECCOMP, 0, 0, 0, 0));
	status();
	read_file("name");
}

/* A filter that refuses getpriority(2). */
static long filter(unsigned int flags)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getpriority, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOTNAM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { 4, code };

	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &prog);
}

static void *in_thread(void *arg)
{
	(void)arg;
	say("a thread's no_new_privs", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
	say("a thread's getpriority", syscall(SYS_getpriority, 0, 0));
	return NULL;
}

static void ended(const char *what, pid_t pid)
{
	int st;

	waitpid(pid, &st, 0);
	printf("%s: exit %d, signal %d\n", what,
	       WIFEXITED(st) ? WEXITSTATUS(st) : -1,
	       WIFSIGNALED(st) ? WTERMSIG(st) : 0);
}

/* SECCOMP_MODE_STRICT, and then what it still has and what it has not. */
static void strict(const char *what, long nr)
{
	char text[64];
	pid_t pid = fork();
	ssize_t n;
	int fd;

	if (pid) {
		ended(what, pid);
		return;
	}
	fd = open("name", O_RDONLY);
	n = prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT);
	if (!n) {
		n = read(fd, text, sizeof(text));
		n = write(1, text, (size_t)n) == n ? 7 : 8;
	}
	syscall(nr, n);
	syscall(SYS_exit, n + 1);
}

int main(int argc, char **argv)
{
	pthread_t thread;

	setvbuf(stdout, NULL, _IONBF, 0);
	if (argc > 1) { /* after an exec */
		state();
		return 0;
	}
	state();
	say("PR_SET_DUMPABLE 2", prctl(PR_SET_DUMPABLE, 2, 0, 0, 0));
	say("PR_SET_DUMPABLE 0", prctl(PR_SET_DUMPABLE, 0, 0, 0, 0));
	state();
	if (!fork()) {
		say("a child's dumpable", prctl(PR_GET_DUMPABLE, 0, 0, 0, 0));
		execl(argv[0], argv[0], "again", (char *)NULL);
		_exit(9);
	}
	ended("exec", -1);
	say("PR_SET_DUMPABLE 1", prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
	strict("strict, exit", SYS_exit);
	strict("strict, getpid", SYS_getpid);
	strict("strict, open", SYS_openat);
	if (getuid())
		say("a filter without no_new_privs", filter(0));
	say("PR_SET_NO_NEW_PRIVS 2", prctl(PR_SET_NO_NEW_PRIVS, 2, 0, 0, 0));
	say("PR_SET_NO_NEW_PRIVS 1", prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	say("PR_SET_NO_NEW_PRIVS 0", prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0));
	state();
	say("a filter", filter(SECCOMP_FILTER_FLAG_TSYNC));
	say("getpriority", syscall(SYS_getpriority, 0, 0));
	pthread_create(&thread, NULL, in_thread, NULL);
	pthread_join(thread, NULL);
	say("strict after a filter", prctl(PR_SET_SECCOMP, 1));
	state();
	if (!fork())
		execl(argv[0], argv[0], "again", (char *)NULL);
	ended("exec", -1);
	return 0;
}
