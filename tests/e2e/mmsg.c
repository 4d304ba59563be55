/* sendmmsg(2) and recvmmsg(2), each line the same wherever this runs. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define COUNT 5

static int in, out;
static struct sockaddr_in to = { .sin_family = AF_INET };
static struct mmsghdr mm[COUNT];
static struct iovec iov[COUNT];
static char buf[COUNT][64];
static struct sockaddr_in from[COUNT];

static void sent(int n)
{
	printf("sent %d %s:", n, n < 0 ? strerrorname_np(errno) : "");
	for (int i = 0; i < n; i++)
		printf(" %u", mm[i].msg_len);
	printf("\n");
}

static void came(int n, struct timespec *ts)
{
	printf("came %d %s:", n, n < 0 ? strerrorname_np(errno) : "");
	for (int i = 0; i < n; i++)
		printf(" %u:%.*s:%#x:%u:%d", mm[i].msg_len,
		       mm[i].msg_len < 64 ? (int)mm[i].msg_len : 8, buf[i],
		       mm[i].msg_hdr.msg_flags, mm[i].msg_hdr.msg_namelen,
		       from[i].sin_family == AF_INET &&
			       from[i].sin_addr.s_addr == to.sin_addr.s_addr);
	printf(" %d\n", ts ? ts->tv_sec < 9 : -1);
}

static void prepare(int room)
{
	for (int i = 0; i < COUNT; i++) {
		memset(&mm[i], 0, sizeof(mm[i]));
		iov[i].iov_base = buf[i];
		iov[i].iov_len = room ? room : sprintf(buf[i], "message %d", i);
		mm[i].msg_hdr.msg_iov = &iov[i];
		mm[i].msg_hdr.msg_iovlen = 1;
		mm[i].msg_hdr.msg_name = room ? &from[i] : &to;
		mm[i].msg_hdr.msg_namelen = sizeof(to);
	}
}

int main(void)
{
	struct timespec ts = { 9, 0 };
	socklen_t len = sizeof(to);

	in = socket(AF_INET, SOCK_DGRAM, 0);
	out = socket(AF_INET, SOCK_DGRAM, 0);
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(in, (void *)&to, len) || getsockname(in, (void *)&to, &len))
		return 1;
	prepare(0);
	sent(sendmmsg(out, mm, COUNT, 0));
	prepare(5);
	came(recvmmsg(in, mm, 2, MSG_WAITFORONE, &ts), &ts);
	prepare(64);
	mm[1].msg_hdr.msg_name = NULL;
	came(recvmmsg(in, mm, COUNT, MSG_DONTWAIT, NULL), NULL);
	came(recvmmsg(in, mm, COUNT, MSG_DONTWAIT, NULL), NULL);
	/* One that is wrong ends what is sent before it. */
	prepare(0);
	mm[2].msg_hdr.msg_namelen = 3;
	sent(sendmmsg(out, mm, COUNT, 0));
	prepare(0);
	mm[0].msg_hdr.msg_iov = (void *)8;
	sent(sendmmsg(out, mm, COUNT, 0));
	sent(sendmmsg(out, mm, 0, 0));
	sent(sendmmsg(out, NULL, 1, 0));
	prepare(64);
	came(recvmmsg(in, mm, COUNT, MSG_WAITFORONE, NULL), NULL);
	came(recvmmsg(in, mm, 0, MSG_DONTWAIT, NULL), NULL);
	return 0;
}
