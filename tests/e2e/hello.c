/*
 * A server that is none: listens at a unix socket, says one thing to whoever
 * comes, and goes. What it says is standard input; where is argv[1].
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	char text[4096];
	size_t len;
	char byte;
	int fd;

	if (argc != 2 || strlen(argv[1]) >= sizeof(sa.sun_path))
		return 2;
	len = fread(text, 1, sizeof(text), stdin);
	strcpy(sa.sun_path, argv[1]);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (bind(fd, (struct sockaddr *)&sa, sizeof(sa)) || listen(fd, 1))
		return 1;
	puts("ready");
	fflush(stdout);
	fd = accept(fd, NULL, NULL);
	if (fd < 0 || write(fd, text, len) != (ssize_t)len)
		return 1;
	shutdown(fd, SHUT_WR);
	/* Until the other side has had enough. */
	while (read(fd, &byte, 1) > 0)
		;
	return 0;
}
