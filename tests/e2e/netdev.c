/* What a socket tells of interfaces and of itself: the same wherever this runs. */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <linux/sockios.h>

#define ASK(fd, request, field)                                                \
	do {                                                                   \
		struct ifreq ifr = { .ifr_name = "lo" };                       \
		int err = ioctl(fd, request, &ifr);                            \
		printf("%s %s %s:", #request,                                  \
		       err ? strerrorname_np(errno) : "", ifr.ifr_name);       \
		for (size_t i = 0; !err && i < sizeof(ifr.field); i++)         \
			printf(" %02x", ((unsigned char *)&ifr.field)[i]);     \
		printf("\n");                                                  \
	} while (0)

int main(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	int stream = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in to = { .sin_family = AF_INET };
	struct ifreq ifr = { .ifr_ifindex = 1 };
	socklen_t len = sizeof(to);
	struct timeval tv;
	struct timeval now;
	char byte;
	int queued = -1;

	ASK(fd, SIOCGIFINDEX, ifr_ifindex);
	ASK(fd, SIOCGIFFLAGS, ifr_flags);
	ASK(fd, SIOCGIFADDR, ifr_addr);
	ASK(fd, SIOCGIFDSTADDR, ifr_dstaddr);
	ASK(fd, SIOCGIFBRDADDR, ifr_broadaddr);
	ASK(fd, SIOCGIFNETMASK, ifr_netmask);
	ASK(fd, SIOCGIFMETRIC, ifr_metric);
	ASK(fd, SIOCGIFMTU, ifr_mtu);
	ASK(fd, SIOCGIFHWADDR, ifr_hwaddr);
	ASK(fd, SIOCGIFTXQLEN, ifr_qlen);
	printf("%d", ioctl(fd, SIOCGIFNAME, &ifr));
	printf(" %s\n", ifr.ifr_name);
	strcpy(ifr.ifr_name, "none");
	printf("%d", ioctl(fd, SIOCGIFINDEX, &ifr));
	printf(" %s\n", strerrorname_np(errno));

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(fd, (void *)&to, len) || getsockname(fd, (void *)&to, &len) ||
	    sendto(fd, "x", 1, 0, (void *)&to, len) != 1 ||
	    recv(fd, &byte, 1, 0) != 1)
		return 1;
	/* The first asking has the time of now. */
	ioctl(fd, SIOCGSTAMP, &tv);
	if (sendto(fd, "y", 1, 0, (void *)&to, len) != 1 ||
	    recv(fd, &byte, 1, 0) != 1)
		return 1;
	gettimeofday(&now, NULL);
	printf("%d", ioctl(fd, SIOCGSTAMP, &tv));
	printf(" %d\n",
	       tv.tv_sec - now.tv_sec > -9 && tv.tv_sec - now.tv_sec < 9);
	printf("%d", ioctl(stream, SIOCOUTQNSD, &queued));
	printf(" %d\n", queued);
	return 0;
}
