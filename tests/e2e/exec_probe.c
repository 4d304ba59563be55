/* Says how it was executed, or executes another program in a given way. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static int say(int argc, char **argv)
{
	char comm[16];

	prctl(PR_GET_NAME, comm);
	printf("execfn %s comm %s", (char *)getauxval(AT_EXECFN), comm);
	for (int i = 0; i < argc; i++)
		printf(" <%s>", argv[i]);
	printf(" %s\n", getenv("WORD") ? getenv("WORD") : "");
	return 0;
}

static int at(int fd, const char *path, char **argv, int flags)
{
	syscall(SYS_execveat, fd, path, argv, environ, flags);
	printf("execveat: %s\n", strerror(errno));
	return 1;
}

static int wait_for(pid_t pid)
{
	int status;

	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return 1;
	printf("status %d\n", WIFEXITED(status) ? WEXITSTATUS(status) : -1);
	return 0;
}

static int spawn(const char *path, char **argv)
{
	pid_t pid;
	int err;

	fflush(stdout);
	err = posix_spawn(&pid, path, NULL, NULL, argv, environ);
	if (err) {
		printf("posix_spawn: %s\n", strerror(err));
		return 0;
	}
	return wait_for(pid);
}

static void *run_thread(void *argv)
{
	char **arg = argv;

	execv(arg[0], arg);
	printf("execv: %s\n", strerror(errno));
	return NULL;
}

static void *spawn_many(void *argv)
{
	char **arg = argv;

	for (int i = 0; i < 20; i++) {
		pid_t pid;
		int status;

		if (posix_spawn(&pid, arg[0], NULL, NULL, arg, environ) ||
		    waitpid(pid, &status, 0) != pid || status)
			return (void *)1;
	}
	return NULL;
}

/* Eight threads that share their memory start programs at once. */
static int spawn_threads(char **argv)
{
	pthread_t thread[8];
	long bad = 0;

	for (int i = 0; i < 8; i++)
		pthread_create(&thread[i], NULL, spawn_many, argv);
	for (int i = 0; i < 8; i++) {
		void *ret;

		pthread_join(thread[i], &ret);
		bad += (long)ret;
	}
	printf("%ld bad\n", bad);
	return 0;
}

/* Many arguments, each of which arrives. */
static int many(const char *path)
{
	char **argv = calloc(20002, sizeof(*argv));

	if (!argv)
		return 1;
	for (int i = 0; i < 20001; i++)
		if (asprintf(&argv[i], "%d", i) < 0)
			return 1;
	execv(path, argv);
	return 1;
}

int main(int argc, char **argv)
{
	char mark[4096];
	pthread_t thread;
	int fd;

	if (argc > 1 && !strcmp(argv[argc - 1], "-w")) {
		puts("waits");
		fflush(stdout);
		return read(0, mark, 1) < 0;
	}
	if (argc < 3 || argv[1][0] != '-')
		return say(argc, argv);
	switch (argv[1][1]) {
	case 'a': /* relative to a directory */
		fd = open(".", O_RDONLY | O_DIRECTORY);
		return at(fd, argv[2], argv + 2, 0);
	case 'f': /* the descriptor itself */
		fd = open(argv[2], O_RDONLY);
		return at(fd, "", argv + 2, AT_EMPTY_PATH);
	case 'c': /* the same, closed on exec */
		fd = open(argv[2], O_RDONLY | O_CLOEXEC);
		return at(fd, "", argv + 2, AT_EMPTY_PATH);
	case 'l': /* a link is not followed */
		return at(AT_FDCWD, argv[2], argv + 2, AT_SYMLINK_NOFOLLOW);
	case 's':
		return spawn(argv[2], argv + 2);
	case 'S':
		return spawn_threads(argv + 2);
	case 't': /* not by the first thread */
		pthread_create(&thread, NULL, run_thread, argv + 2);
		pthread_join(thread, NULL);
		return 0;
	case 'm':
		return many(argv[2]);
	case 'e': /* a failure changes nothing here */
		memset(mark, 'x', sizeof(mark));
		execv(argv[2], argv + 2);
		printf("execv: %s\n", strerror(errno));
		for (size_t i = 0; i < sizeof(mark); i++)
			if (mark[i] != 'x')
				return 1;
		return 0;
	}
	return 2;
}
