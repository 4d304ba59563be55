/*
 * N processes at once, each of which has read a long file there:
 * contexts FILE N. What is written to the fifo AT says how far it is; it goes
 * on with each line of the fifo GO.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char buf[1 << 20];

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void tell(const char *text)
{
	char c;
	int at;
	int go;

	at = open("/mnt/note/at", O_WRONLY);
	if (at < 0 || write(at, text, strlen(text)) < 0)
		die("at");
	close(at);
	go = open("/mnt/note/go", O_RDONLY);
	if (go < 0 || read(go, &c, 1) != 1)
		die("go");
	close(go);
}

static void child(const char *path, int ready, int end)
{
	int fd = open(path, O_RDONLY);
	char c = 0;

	if (fd < 0 || read(fd, buf, sizeof(buf)) != sizeof(buf) ||
	    write(ready, &c, 1) != 1)
		die("child");
	/* Until the parent lets go of the other end. */
	_exit(read(end, &c, 1) != 0);
}

int main(int argc, char **argv)
{
	int n = argc == 3 ? atoi(argv[2]) : 0;
	int ready[2];
	int status;
	int end[2];
	char c;

	if (n < 1 || pipe(ready) || pipe(end))
		die("contexts");
	tell("before\n");
	for (int i = 0; i < n; i++) {
		pid_t pid = fork();

		if (pid < 0)
			die("fork");
		if (!pid) {
			close(end[1]);
			child(argv[1], ready[1], end[0]);
		}
	}
	for (int i = 0; i < n; i++)
		if (read(ready[0], &c, 1) != 1)
			die("ready");
	tell("all\n");
	close(end[1]);
	for (int i = 0; i < n; i++)
		if (wait(&status) < 0 || status)
			die("wait");
	tell("after\n");
	return 0;
}
