/*
 * Makes calls and requests that few programs make, each part in an order of
 * its own, and prints what came of them.
 */
#include <asm/ioctls.h>
#include <asm/termbits.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <linux/random.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/fsuid.h>
#include <sys/inotify.h>
#include <sys/klog.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>
#include <utime.h>

/* Newer than the headers of some. */
#define NR_CACHESTAT 451
#define NR_FCHMODAT2 452
#define NR_LISTXATTRAT 465
#define NR_REMOVEXATTRAT 466

#define ioctl(fd, request, arg) syscall(SYS_ioctl, fd, (long)(request), arg)

static long say(const char *what, long ret)
{
	printf("%s = %ld %s\n", what, ret,
	       ret == -1 ? strerrorname_np(errno) : "");
	fflush(stdout);
	return ret;
}

#define TRY(call) say(#call, (long)(call))

/* The call, then what it wrote. */
#define READ(call, value)                                                      \
	do {                                                                   \
		memset(&(value), 0, sizeof(value));                            \
		if (say(#call, (long)(call)) != -1)                            \
			printf("\t%lld\n", (long long)(value));                \
	} while (0)

static void locks(const char *name)
{
	struct flock lock = { .l_type = F_WRLCK, .l_start = 10, .l_len = 5 };
	int other = open(name, O_RDWR);
	int fd = open(name, O_RDWR);

	TRY(flock(fd, LOCK_EX | LOCK_NB));
	TRY(flock(other, LOCK_SH | LOCK_NB));
	TRY(flock(fd, LOCK_UN));
	TRY(flock(other, LOCK_SH | LOCK_NB));
	TRY(flock(fd, 77));
	TRY(fcntl(fd, F_SETLKW, &lock));
	lock.l_type = F_UNLCK;
	TRY(fcntl(fd, F_SETLKW, &lock));
	lock.l_type = F_WRLCK;
	TRY(fcntl(fd, F_OFD_SETLK, &lock));
	lock.l_start = 0;
	lock.l_len = 0;
	TRY(fcntl(other, F_OFD_GETLK, &lock));
	printf("\t%d %d %ld %ld %d\n", lock.l_type, lock.l_whence,
	       (long)lock.l_start, (long)lock.l_len, lock.l_pid);
	lock.l_pid = 0;
	TRY(fcntl(other, F_OFD_SETLK, &lock));
	close(fd);
	TRY(fcntl(other, F_OFD_SETLKW, &lock));
	lock.l_pid = 1;
	TRY(fcntl(other, F_OFD_SETLKW, &lock));
}

static void pipes(const char *name)
{
	char text[16] = "";
	int value;
	int from;
	int to;

	TRY(mkfifo("from", 0600));
	TRY(mkfifo("to", 0600));
	from = open("from", O_RDWR);
	to = open("to", O_RDWR);
	TRY(fcntl(from, F_GETPIPE_SZ));
	TRY(fcntl(from, F_SETPIPE_SZ, 8192));
	TRY(fcntl(from, F_GETPIPE_SZ));
	TRY(fcntl(from, F_SETPIPE_SZ, -1));
	TRY(write(from, "twice", 5));
	TRY(tee(from, to, 3, 0));
	TRY(tee(from, from, 3, 0));
	READ(ioctl(from, FIONREAD, &value), value);
	READ(ioctl(to, FIONREAD, &value), value);
	TRY(read(to, text, sizeof(text)));
	TRY(read(from, text + 3, sizeof(text) - 3));
	printf("\t%s\n", text);
	from = open(name, O_RDWR);
	READ(ioctl(from, FIONREAD, &value), value);
	TRY(fcntl(from, F_GETPIPE_SZ));
}

static void files(const char *name)
{
	struct iovec iov[2] = { { "abc", 3 }, { "defg", 4 } };
	struct {
		uint64_t off, len;
	} range = { 0, 4096 };
	uint64_t cached[5] = { 0 };
	struct open_how how = { .flags = O_RDONLY };
	struct fsxattr attr;
	int fd = open(name, O_RDWR);
	char text[64];
	uint64_t hint;
	uint32_t flags;
	int value;

	TRY(pwritev2(fd, iov, 2, 3, 0));
	iov[0].iov_base = text;
	iov[1].iov_base = text + 3;
	TRY(preadv2(fd, iov, 2, 4, 0));
	printf("\t%.7s\n", text);
	TRY(preadv2(fd, iov, 2, 4, 1 << 30));
	TRY(syscall(SYS_openat2, AT_FDCWD, "dir", &how, sizeof(how)) >= 0);
	how.resolve = RESOLVE_BENEATH;
	TRY(syscall(SYS_openat2, AT_FDCWD, "../w", &how, sizeof(how)));
	TRY(syscall(SYS_openat2, AT_FDCWD, "dir", &how, 3));
	TRY(syscall(NR_FCHMODAT2, AT_FDCWD, name, 0640, 0));
	TRY(syscall(NR_FCHMODAT2, AT_FDCWD, "link", 0600, AT_SYMLINK_NOFOLLOW));
	TRY(syscall(NR_CACHESTAT, fd, &range, cached, 0));
	printf("\t%d\n", (int)cached[0]);
	TRY(fsetxattr(fd, "trusted.x", "value", 5, 0));
	TRY(syscall(NR_LISTXATTRAT, AT_FDCWD, name, 0, text, sizeof(text)));
	printf("\t%s\n", text);
	TRY(syscall(NR_REMOVEXATTRAT, AT_FDCWD, name, 0, "trusted.x"));
	TRY(fremovexattr(fd, "trusted.x"));
	TRY(fsetxattr(fd, "trusted.x", "value", 5, 0));
	TRY(fremovexattr(fd, "trusted.x"));
	TRY(fcntl(fd, F_GET_SEALS));
	TRY(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
	READ(fcntl(fd, F_GET_RW_HINT, &hint), hint);
	hint = RWH_WRITE_LIFE_LONG;
	TRY(fcntl(fd, F_SET_RW_HINT, &hint));
	READ(fcntl(fd, F_GET_RW_HINT, &hint), hint);
	TRY(fcntl(fd, F_SET_FILE_RW_HINT, &hint));
	READ(fcntl(fd, F_GET_FILE_RW_HINT, &hint), hint);
	READ(ioctl(fd, FIGETBSZ, &value), value);
	READ(ioctl(fd, FIOQSIZE, &hint), hint);
	READ(ioctl(fd, FS_IOC_GETFLAGS, &flags), flags);
	flags |= FS_NODUMP_FL;
	TRY(ioctl(fd, FS_IOC_SETFLAGS, &flags));
	READ(ioctl(fd, FS_IOC_GETFLAGS, &flags), flags);
	TRY(ioctl(fd, FS_IOC_GETVERSION, &flags));
	memset(&attr, 0, sizeof(attr));
	TRY(ioctl(fd, FS_IOC_FSGETXATTR, &attr));
	printf("\t%x %u %u %u\n", attr.fsx_xflags, attr.fsx_extsize,
	       attr.fsx_projid, attr.fsx_cowextsize);
	attr.fsx_xflags = FS_XFLAG_NOATIME;
	TRY(ioctl(fd, FS_IOC_FSSETXATTR, &attr));
	fd = open("/dev/urandom", O_RDONLY);
	READ(ioctl(fd, RNDGETENTCNT, &value), value);
	sync();
}

static void say_times(const char *name)
{
	struct stat st;

	TRY(stat(name, &st));
	printf("\t%ld.%09ld %ld.%09ld\n", (long)st.st_atime, st.st_atim.tv_nsec,
	       (long)st.st_mtime, st.st_mtim.tv_nsec);
}

/* The old ways to set times and to read a directory, where there are such. */
static void old(const char *name)
{
#ifdef SYS_utime
	struct timeval tv[2] = { { 1000000001, 1 }, { 1000000002, 999999 } };
	struct utimbuf buf = { 1000000003, 1000000004 };
	char dirents[4096];
	long n;
	int fd;

	TRY(syscall(SYS_utimes, name, tv));
	say_times(name);
	TRY(syscall(SYS_utime, name, &buf));
	say_times(name);
	tv[0].tv_usec = 5;
	TRY(syscall(SYS_futimesat, AT_FDCWD, name, tv));
	say_times(name);
	tv[1].tv_usec = 1000000;
	TRY(syscall(SYS_futimesat, AT_FDCWD, name, tv));
	TRY(syscall(SYS_utimes, "none", NULL));
	fd = open("dir", O_RDONLY | O_DIRECTORY);
	TRY(syscall(SYS_getdents, fd, dirents, 4));
	n = syscall(SYS_getdents, fd, dirents, sizeof(dirents));
	/* inode, offset, length, name ... type: four names of one letter */
	for (long at = 0; at < n; at += *(uint16_t *)(dirents + at + 16))
		printf("\t%d %d\n", *(uint16_t *)(dirents + at + 16),
		       strlen(dirents + at + 18) <= 2);
	TRY(syscall(SYS_getdents, fd, dirents, sizeof(dirents)));
#else
	say_times(name);
#endif
}

static void watch(const char *name)
{
	union {
		struct inotify_event event;
		char room[512];
	} buf;
	int fd = inotify_init1(IN_NONBLOCK);
	int wd;

	TRY(wd = inotify_add_watch(fd, name, IN_ATTRIB | IN_MODIFY));
	TRY(chmod(name, 0604));
	TRY(read(fd, &buf, sizeof(buf)));
	printf("\t%d %x\n", buf.event.wd == wd, buf.event.mask);
	TRY(inotify_rm_watch(fd, wd));
	TRY(inotify_rm_watch(fd, wd));
	TRY(read(fd, &buf, sizeof(buf)));
	printf("\t%d %x\n", buf.event.wd == wd, buf.event.mask);
	TRY(chmod(name, 0600));
	TRY(read(fd, &buf, sizeof(buf)));
}

static void say_modes(int fd)
{
	struct termios2 t2 = { 0 };
	struct termios t = { 0 };

	TRY(ioctl(fd, TCGETS, &t));
	printf("\t%x %x %x %x %d %d\n", t.c_iflag, t.c_oflag, t.c_cflag,
	       t.c_lflag, t.c_cc[VINTR], t.c_cc[VMIN]);
	TRY(ioctl(fd, TCGETS2, &t2));
	printf("\t%x %x %x %x %d %d %u %u\n", t2.c_iflag, t2.c_oflag,
	       t2.c_cflag, t2.c_lflag, t2.c_cc[VINTR], t2.c_cc[VMIN],
	       t2.c_ispeed, t2.c_ospeed);
}

static void terminal(const char *name)
{
	static const unsigned long sets[] = { TCSETS, TCSETSW, TCSETSF };
	static const unsigned long sets2[] = { TCSETS2, TCSETSW2, TCSETSF2 };
	struct winsize {
		unsigned short row, col, x, y;
	} size;
	int fd = open(name, O_RDWR | O_NOCTTY);
	struct termios2 first2;
	struct termios first;
	struct termios2 t2;
	struct termios t;
	int value;

	say_modes(fd);
	ioctl(fd, TCGETS, &first);
	ioctl(fd, TCGETS2, &first2);
	for (int i = 0; i < 3; i++) {
		t = first;
		t.c_lflag ^= ECHO << i;
		t.c_cc[VINTR] = (unsigned char)(7 + i);
		TRY(ioctl(fd, sets[i], &t));
		say_modes(fd);
		t2 = first2;
		t2.c_oflag ^= OPOST;
		t2.c_cc[VMIN] = (unsigned char)(2 + i);
		t2.c_cflag = (t2.c_cflag & ~(unsigned int)CBAUD) | BOTHER;
		t2.c_ospeed = t2.c_ispeed = 12345 + (unsigned int)i;
		TRY(ioctl(fd, sets2[i], &t2));
		say_modes(fd);
	}
	TRY(ioctl(fd, TCSETS2, &first2));
	TRY(ioctl(fd, TIOCGWINSZ, &size));
	size.row = 33;
	size.col = 177;
	TRY(ioctl(fd, TIOCSWINSZ, &size));
	memset(&size, 0, sizeof(size));
	TRY(ioctl(fd, TIOCGWINSZ, &size));
	printf("\t%d %d\n", size.row, size.col);
	TRY(ioctl(fd, TCSBRK, 1));
	TRY(ioctl(fd, TCSBRKP, 1));
	TRY(ioctl(fd, TIOCSBRK, 0));
	TRY(ioctl(fd, TIOCCBRK, 0));
	TRY(ioctl(fd, TCXONC, TCOOFF));
	TRY(ioctl(fd, TCXONC, TCOON));
	TRY(ioctl(fd, TCXONC, 99));
	READ(ioctl(fd, TIOCOUTQ, &value), value);
	TRY(ioctl(fd, TCFLSH, TCIOFLUSH));
	TRY(ioctl(fd, TCFLSH, 99));
	READ(ioctl(fd, TIOCGETD, &value), value);
	READ(ioctl(fd, TIOCMGET, &value), value);
	TRY(ioctl(fd, TIOCMBIS, &value));
	TRY(ioctl(fd, TIOCMBIC, &value));
	TRY(ioctl(fd, TIOCMSET, &value));
	READ(ioctl(fd, TIOCGSOFTCAR, &value), value);
	TRY(ioctl(fd, TIOCSSOFTCAR, &value));
	TRY(ioctl(fd, TIOCEXCL, 0));
	TRY(ioctl(fd, TIOCNXCL, 0));
	TRY(ioctl(fd, TCGETS, NULL));
	TRY(ioctl(fd, TCSETS, NULL));
}

static void block(const char *name)
{
	int fd = open(name, O_RDWR);
	unsigned long size;
	uint64_t bytes;
	int value;

	READ(ioctl(fd, BLKROGET, &value), value);
	READ(ioctl(fd, BLKGETSIZE, &size), size);
	READ(ioctl(fd, BLKGETSIZE64, &bytes), bytes);
	TRY(ioctl(fd, BLKFLSBUF, 0));
	READ(ioctl(fd, BLKRAGET, &size), size);
	READ(ioctl(fd, BLKSSZGET, &value), value);
	READ(ioctl(fd, BLKBSZGET, &value), value);
	READ(ioctl(fd, BLKIOMIN, &value), value);
	READ(ioctl(fd, BLKIOOPT, &value), value);
	READ(ioctl(fd, BLKALIGNOFF, &value), value);
	READ(ioctl(fd, BLKPBSZGET, &value), value);
	READ(ioctl(fd, BLKDISCARDZEROES, &value), value);
	TRY(lseek(fd, 0, SEEK_END));
}

static void mark(const char *name)
{
	struct sockaddr_in sa = { .sin_family = AF_INET };
	socklen_t len = sizeof(sa);
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	int from = socket(AF_INET, SOCK_STREAM, 0);
	char text[8];
	int value;
	int to;

	(void)name;
	sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	TRY(bind(listener, (struct sockaddr *)&sa, sizeof(sa)));
	TRY(listen(listener, 1));
	TRY(getsockname(listener, (struct sockaddr *)&sa, &len));
	TRY(connect(from, (struct sockaddr *)&sa, sizeof(sa)));
	to = accept(listener, NULL, NULL);
	TRY(send(from, "a", 1, 0));
	TRY(send(from, "!", 1, MSG_OOB));
	READ(ioctl(to, SIOCATMARK, &value), value);
	TRY(recv(to, text, sizeof(text), 0));
	READ(ioctl(to, SIOCATMARK, &value), value);
	READ(ioctl(to, FIONREAD, &value), value);
}

/* A descriptor that is sent to nobody stays its sender's alone. */
static void undelivered(const char *name)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { .head = { CMSG_LEN(sizeof(int)), SOL_SOCKET,
				SCM_RIGHTS } };
	struct iovec iov = { "x", 1 };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	int fd = open(name, O_RDONLY);
	char text[4] = "";
	int pair[2];

	memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
	TRY(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	close(pair[1]);
	TRY(sendmsg(pair[0], &msg, MSG_NOSIGNAL));
	TRY(read(fd, text, 3));
	printf("\t%s\n", text);
}

static void clocks(const char *name)
{
	struct timeval tv = { 1, 2000000 };
	struct timespec ts = { 1, 1 };
	struct timex tx = { 0 };

	(void)name;
	TRY(syscall(SYS_adjtimex, &tx) >= 0);
	printf("\t%ld\n", tx.tick);
	memset(&tx, 0, sizeof(tx));
	TRY(syscall(SYS_clock_adjtime, CLOCK_REALTIME, &tx) >= 0);
	printf("\t%ld\n", tx.tick);
	TRY(syscall(SYS_clock_adjtime, CLOCK_MONOTONIC, &tx));
	/* Nobody's clock is set: these are errors. */
	TRY(syscall(SYS_clock_settime, CLOCK_MONOTONIC, &ts));
	TRY(syscall(SYS_settimeofday, &tv, NULL));
	TRY(syscall(SYS_settimeofday, NULL, NULL));
}

static void machine(const char *name)
{
	struct utsname uts;

	(void)name;
	TRY(uname(&uts));
	printf("\t%s\n", uts.nodename);
	TRY(sethostname("newname", 7));
	TRY(setdomainname("newdomain", 9));
	TRY(uname(&uts));
	printf("\t%s %s\n", uts.nodename, uts.domainname);
	TRY(sethostname("box", 3));
	TRY(setdomainname("(none)", 6));
	TRY(sethostname(uts.nodename, -1));
	TRY(sethostname(uts.nodename, 65));
	TRY(klogctl(10, NULL, 0) > 0);
	TRY(klogctl(99, NULL, 0));
	TRY(prctl(PR_GET_KEEPCAPS, 0, 0, 0, 0));
	TRY(prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0));
	TRY(prctl(PR_GET_KEEPCAPS, 0, 0, 0, 0));
	TRY(setfsgid(77));
	TRY(setfsgid(-1));
	TRY(setregid(-1, 55));
	TRY(setfsgid(-1));
	TRY(setregid(44, -1));
	TRY(getgid() * 1000 + getegid());
	TRY(setreuid(33, 22));
	TRY(getuid() * 1000 + geteuid());
	TRY(setreuid(0, 0));
}

/* Kinds of file systems, by number and name; x86_64 has these calls. */
static void kinds(const char *name)
{
#ifdef __x86_64__
	struct ustat {
		int32_t tfree;
		uint64_t tinode;
		char text[12];
	} ustat;
	char text[64] = "................";
	struct stat st;
	long index;

	index = TRY(syscall(SYS_sysfs, 1, "proc"));
	TRY(syscall(SYS_sysfs, 2, index, text));
	printf("\t%s %c\n", text, text[5]);
	TRY(syscall(SYS_sysfs, 3));
	TRY(syscall(SYS_sysfs, 1, "none such"));
	TRY(syscall(SYS_sysfs, 1, NULL));
	TRY(syscall(SYS_sysfs, 2, index, NULL));
	TRY(syscall(SYS_sysfs, 2, 10000, text));
	TRY(syscall(SYS_sysfs, 4));
	stat(name, &st);
	memset(&ustat, 0, sizeof(ustat));
	TRY(syscall(SYS_ustat, st.st_dev, &ustat));
	printf("\t%d\n", ustat.tinode > 0);
	TRY(syscall(SYS_ustat, st.st_dev, NULL));
	TRY(syscall(SYS_ustat, 0xffff, &ustat));
#else
	(void)name;
#endif
}

/* The server's lo, which stays as it was. */
static void interface(const char *name)
{
	struct ifreq ifr = { .ifr_name = "lo" };
	struct ifconf list = { .ifc_buf = NULL };
	struct sockaddr_in *addr = (void *)&ifr.ifr_addr;
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	struct ifreq all[4];

	(void)name;
	ifr.ifr_mtu = 60000;
	TRY(ioctl(fd, SIOCSIFMTU, &ifr));
	READ(ioctl(fd, SIOCGIFMTU, &ifr), ifr.ifr_mtu);
	strcpy(ifr.ifr_name, "lo");
	ifr.ifr_mtu = 65536;
	TRY(ioctl(fd, SIOCSIFMTU, &ifr));
	ifr.ifr_qlen = 1000;
	TRY(ioctl(fd, SIOCSIFTXQLEN, &ifr));
	ifr.ifr_flags = IFF_UP;
	TRY(ioctl(fd, SIOCSIFFLAGS, &ifr));
	memset(&ifr.ifr_hwaddr, 0, sizeof(ifr.ifr_hwaddr));
	TRY(ioctl(fd, SIOCSIFHWADDR, &ifr));
	*addr = (struct sockaddr_in){ .sin_family = AF_INET };
	addr->sin_addr.s_addr = htonl(0x7f000001);
	TRY(ioctl(fd, SIOCSIFADDR, &ifr));
	TRY(ioctl(fd, SIOCSIFDSTADDR, &ifr));
	addr->sin_addr.s_addr = htonl(0xff000000);
	TRY(ioctl(fd, SIOCSIFNETMASK, &ifr));
	addr->sin_addr.s_addr = 0;
	TRY(ioctl(fd, SIOCSIFBRDADDR, &ifr));
	strcpy(ifr.ifr_name, "none");
	TRY(ioctl(fd, SIOCSIFMTU, &ifr));
	TRY(ioctl(fd, SIOCGIFCONF, &list));
	printf("\t%zu\n", list.ifc_len / sizeof(ifr));
	list = (struct ifconf){ sizeof(all), .ifc_req = all };
	TRY(ioctl(fd, SIOCGIFCONF, &list));
	printf("\t%zu %s\n", list.ifc_len / sizeof(ifr), all[0].ifr_name);
	list.ifc_len = 10;
	TRY(ioctl(fd, SIOCGIFCONF, &list));
	printf("\t%d\n", list.ifc_len);
	TRY(ioctl(fd, SIOCGIFCONF, (void *)8));
}

/* What sockets say of arguments that are wrong, and when. */
static void wrong(const char *name)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_un un = { AF_UNIX, "." };
	void *nowhere = (void *)-1;
	socklen_t len = sizeof(in);
	char text[4] = "abc";
	int value = 0;
	int to = socket(AF_INET, SOCK_STREAM, 0);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	int from;

	(void)name;
	TRY(accept(fd, nowhere, &len));
	TRY(bind(fd, (void *)&un, sizeof(un)));
	TRY(bind(fd, (void *)&un, 5));
	TRY(bind(fd, (void *)&in, sizeof(in)));
	TRY(listen(fd, 2));
	getsockname(fd, (void *)&in, &len);
	TRY(connect(to, (void *)&in, sizeof(in)));
	TRY(accept(fd, nowhere, &len));
	/* That connection is lost. */
	TRY(recv(to, text, 1, 0));
	close(to);
	to = socket(AF_INET, SOCK_STREAM, 0);
	TRY(connect(to, (void *)&in, sizeof(in)));
	from = TRY(accept(fd, NULL, nowhere));
	TRY(send(to, text, 3, 0));
	TRY(recvfrom(from, text, 2, 0, nowhere, &len));
	TRY(recvfrom(from, text, 1, 0, nowhere, nowhere));
	len = sizeof(value);
	TRY(getsockopt(fd, 500, 10, &value, &len));
	TRY(getsockopt(fd, IPPROTO_UDP, 10, &value, &len));
	TRY(getsockopt(fd, IPPROTO_TCP, 9999, &value, &len));
	TRY(getsockopt(fd, IPPROTO_IP, 9999, &value, &len));
	TRY(setsockopt(fd, IPPROTO_IP, 9999, &value, len));
}

/* A file by its handle, which is as long as it says. */
static void handles(const char *name)
{
	union {
		struct file_handle head;
		char room[sizeof(struct file_handle) + MAX_HANDLE_SZ];
	} file = { .head.handle_bytes = 0 };
	struct file_handle *handle = &file.head;
	int dir = open(".", O_RDONLY);
	int other = -2;
	char text[8] = "";
	int id = -1;
	int fd;

	TRY(name_to_handle_at(AT_FDCWD, name, handle, &id, 0));
	TRY(handle->handle_bytes > 0);
	TRY(name_to_handle_at(AT_FDCWD, name, handle, &id, 0));
	TRY(name_to_handle_at(dir, "", handle, &other, AT_EMPTY_PATH));
	TRY(id == other);
	fd = TRY(open_by_handle_at(dir, handle, O_RDONLY | O_DIRECTORY));
	TRY(faccessat(fd, name, W_OK, 0));
	TRY(name_to_handle_at(AT_FDCWD, name, handle, &id, 0));
	fd = TRY(open_by_handle_at(AT_FDCWD, handle, O_RDWR));
	TRY(read(fd, text, sizeof(text)));
	printf("\t%.8s\n", text);
	TRY(open_by_handle_at(AT_FDCWD, handle, O_RDONLY | O_DIRECTORY));
	handle->f_handle[0] ^= 0x55;
	handle->f_handle[5] ^= 0x55;
	TRY(open_by_handle_at(dir, handle, O_RDONLY));
	handle->handle_bytes = 0;
	TRY(open_by_handle_at(dir, handle, O_RDONLY));
	handle->handle_bytes = MAX_HANDLE_SZ + 1;
	TRY(open_by_handle_at(dir, handle, O_RDONLY));
	TRY(name_to_handle_at(AT_FDCWD, name, handle, &id, 0));
	TRY(name_to_handle_at(AT_FDCWD, "none", handle, &id, 0));
	TRY(open_by_handle_at(dir, (void *)8, O_RDONLY));
}

static const struct part {
	const char *name;
	void (*run)(const char *name);
} parts[] = {
	{ "locks", locks },
	{ "pipes", pipes },
	{ "files", files },
	{ "old", old },
	{ "watch", watch },
	{ "block", block },
	{ "terminal", terminal },
	{ "mark", mark },
	{ "clocks", clocks },
	{ "machine", machine },
	{ "undelivered", undelivered },
	{ "handles", handles },
	{ "interface", interface },
	{ "kinds", kinds },
	{ "wrong", wrong },
};

int main(int argc, char **argv)
{
	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
		if (argc < 3 || strcmp(parts[i].name, argv[1]))
			continue;
		parts[i].run(argv[2]);
		return 0;
	}
	return 2;
}
