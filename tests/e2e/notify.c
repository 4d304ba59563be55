/*
 * Leases and F_NOTIFY in the working directory, where file is: prints which
 * signals come, and what the calls say.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef F_CREATED_QUERY
#define F_CREATED_QUERY 1028 /* since Linux 6.12 */
#endif

static long say(const char *what, long ret)
{
	printf("%s = %ld %s\n", what, ret,
	       ret == -1 ? strerrorname_np(errno) : "");
	fflush(stdout);
	return ret;
}

#define TRY(call) say(#call, (long)(call))

static volatile sig_atomic_t came;
static volatile sig_atomic_t from; /* si_fd */

static void on_signal(int sig, siginfo_t *info, void *context)
{
	(void)context;
	came = sig;
	from = sig == SIGIO ? -1 : info->si_fd;
}

static void arrived(const char *what, int fd)
{
	printf("%s: %s%s\n", what,
	       came == SIGIO	? "SIGIO" :
	       came == SIGRTMIN ? "SIGRTMIN" :
				  "none",
	       !came || from < 0 ? "" :
	       from == fd	 ? " of it" :
				   " of another");
	fflush(stdout);
	came = 0;
}

/* A process that opens the file; its status says when it is done. */
static pid_t opener(int flags)
{
	pid_t pid = fork();

	if (!pid)
		_exit(open("file", flags) < 0);
	return pid;
}

/* The signal, if it is blocked, or already came. */
static void wait_signal(const sigset_t *blocked)
{
	while (!came)
		sigsuspend(blocked);
}

static void lease(int sig, int type, int flags)
{
	sigset_t set;
	sigset_t old;
	int status = -1;
	pid_t pid;
	int other;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGIO);
	sigaddset(&set, SIGRTMIN);
	sigprocmask(SIG_BLOCK, &set, &old);
	fd = open("file", O_RDONLY);
	if (sig)
		TRY(fcntl(fd, F_SETSIG, sig));
	TRY(fcntl(fd, F_GETLEASE));
	TRY(fcntl(fd, F_SETLEASE, type));
	TRY(fcntl(fd, F_GETLEASE));
	pid = opener(flags);
	wait_signal(&old);
	arrived("the lease breaks", fd);
	TRY(fcntl(fd, F_GETLEASE));
	TRY(waitpid(pid, &status, WNOHANG));
	TRY(fcntl(fd, F_SETLEASE, F_UNLCK));
	waitpid(pid, &status, 0);
	TRY(status);
	other = open("file", flags | O_NONBLOCK);
	TRY(fcntl(fd, F_SETLEASE, type));
	close(other);
	close(fd);
	came = 0;
	sigprocmask(SIG_SETMASK, &old, NULL);
}

static void refusals(void)
{
	int other = open("file", O_WRONLY);
	int fd = open("file", O_RDONLY);

	TRY(fcntl(fd, F_SETLEASE, F_RDLCK));
	TRY(fcntl(fd, F_SETLEASE, 77));
	close(other);
	TRY(fcntl(fd, F_SETLEASE, F_WRLCK));
	/* Who does not wait is told at once. */
	TRY(open("file", O_RDWR | O_NONBLOCK));
	came = 0;
	close(fd);
	fd = open(".", O_RDONLY);
	TRY(fcntl(fd, F_SETLEASE, F_RDLCK));
	close(fd);
}

static void directory(void)
{
	int status = 0;
	int dir;
	int fd;

	mkdir("dir", 0700);
	dir = open("dir", O_RDONLY);
	TRY(fcntl(dir, F_NOTIFY, DN_CREATE | DN_MULTISHOT));
	close(open("dir/a", O_CREAT | O_WRONLY, 0600));
	arrived("a file is made", dir);
	TRY(fcntl(dir, F_SETSIG, SIGRTMIN));
	fd = open("dir/b", O_CREAT | O_WRONLY, 0600);
	arrived("another", dir);
	TRY(write(fd, "b", 1));
	arrived("it is written", dir);
	if (!fork())
		_exit(open("dir/c", O_CREAT | O_WRONLY, 0600) < 0);
	while (wait(&status) < 0)
		;
	arrived("by another process", dir);
	TRY(fcntl(dir, F_NOTIFY, 0));
	close(open("dir/d", O_CREAT | O_WRONLY, 0600));
	arrived("after the end", dir);
	TRY(fcntl(fd, F_NOTIFY, DN_MODIFY));
	TRY(fcntl(fd, F_CREATED_QUERY));
}

int main(void)
{
	struct sigaction action = { .sa_sigaction = on_signal,
				    .sa_flags = SA_SIGINFO };

	sigaction(SIGIO, &action, NULL);
	sigaction(SIGRTMIN, &action, NULL);
	lease(0, F_RDLCK, O_WRONLY);
	lease(SIGRTMIN, F_RDLCK, O_RDWR);
	lease(SIGRTMIN, F_WRLCK, O_RDONLY);
	refusals();
	directory();
	return 0;
}
