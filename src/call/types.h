/*
 * Structures as the kernel lays them out, where the C library has another
 * layout, an older one or none. types.def lists their fields.
 */
#ifndef RSC_CALL_TYPES_H
#define RSC_CALL_TYPES_H

#include <stdint.h>

/* netdevice(7): what it asks for is a number, an address or a name. */
struct kernel_ifreq {
	char name[16];
	uint8_t value[24];
};

/* FS_IOC_FSGETXATTR of linux/fs.h */
struct kernel_fsxattr {
	uint32_t xflags;
	uint32_t extsize;
	uint32_t nextents;
	uint32_t projid;
	uint32_t cowextsize;
	uint8_t pad[8];
};

/* capget(2), in version 3: the low words of each set, then the high ones. */
struct kernel_cap_header {
	uint32_t version;
	int32_t pid;
};

struct kernel_cap_sets {
	uint32_t effective;
	uint32_t permitted;
	uint32_t inheritable;
	uint32_t effective_high;
	uint32_t permitted_high;
	uint32_t inheritable_high;
};

/* A lone number behind a pointer. */
struct kernel_int {
	int32_t value;
};

struct kernel_u32 {
	uint32_t value;
};

struct kernel_u64 {
	uint64_t value;
};

struct kernel_off {
	int64_t value;
};

/* utimensat(2): access, modification. */
struct kernel_timespec2 {
	struct {
		int64_t tv_sec;
		int64_t tv_nsec;
	} time[2];
};

/* utimes(2), futimesat(2) */
struct kernel_timeval2 {
	struct {
		int64_t tv_sec;
		int64_t tv_usec;
	} time[2];
};

/* openat2(2) */
struct kernel_open_how {
	uint64_t flags;
	uint64_t mode;
	uint64_t resolve;
};

/* ioctl_tty(2): TCGETS; the C library's struct termios is longer. */
struct kernel_termios {
	uint32_t c_iflag;
	uint32_t c_oflag;
	uint32_t c_cflag;
	uint32_t c_lflag;
	uint8_t c_line;
	uint8_t c_cc[19];
};

/* ioctl_tty(2): TCGETS2 */
struct kernel_termios2 {
	uint32_t c_iflag;
	uint32_t c_oflag;
	uint32_t c_cflag;
	uint32_t c_lflag;
	uint8_t c_line;
	uint8_t c_cc[19];
	uint32_t c_ispeed;
	uint32_t c_ospeed;
};

/* ioctl_tty(2): TIOCGWINSZ */
struct kernel_winsize {
	uint16_t ws_row;
	uint16_t ws_col;
	uint16_t ws_xpixel;
	uint16_t ws_ypixel;
};

/* uname(2): six strings. */
struct kernel_utsname {
	char sysname[65];
	char nodename[65];
	char release[65];
	char version[65];
	char machine[65];
	char domainname[65];
};

struct kernel_statx_time {
	int64_t tv_sec;
	uint32_t tv_nsec;
	int32_t reserved;
};

/* statx(2), with the fields up to Linux 6.16. */
struct kernel_statx {
	uint32_t stx_mask;
	uint32_t stx_blksize;
	uint64_t stx_attributes;
	uint32_t stx_nlink;
	uint32_t stx_uid;
	uint32_t stx_gid;
	uint16_t stx_mode;
	uint16_t spare0;
	uint64_t stx_ino;
	uint64_t stx_size;
	uint64_t stx_blocks;
	uint64_t stx_attributes_mask;
	struct kernel_statx_time stx_atime;
	struct kernel_statx_time stx_btime;
	struct kernel_statx_time stx_ctime;
	struct kernel_statx_time stx_mtime;
	uint32_t stx_rdev_major;
	uint32_t stx_rdev_minor;
	uint32_t stx_dev_major;
	uint32_t stx_dev_minor;
	uint64_t stx_mnt_id;
	uint32_t stx_dio_mem_align;
	uint32_t stx_dio_offset_align;
	uint64_t stx_subvol;
	uint32_t stx_atomic_write_unit_min;
	uint32_t stx_atomic_write_unit_max;
	uint32_t stx_atomic_write_segments_max;
	uint32_t stx_dio_read_offset_align;
	uint32_t stx_atomic_write_unit_max_opt;
	uint32_t spare2;
	uint64_t spare3[8];
};

/* rt_sigqueueinfo(2): what a queued signal carries. */
struct kernel_siginfo {
	int32_t si_signo;
	int32_t si_errno;
	int32_t si_code;
	int32_t pad;
	int32_t pid;
	uint32_t uid;
	uint64_t value;
	uint8_t rest[96];
};

/* rsc_world: how the server's processes are counted. */
struct kernel_world {
	uint64_t pid_max;
	uint64_t last_pid;
	uint64_t pid_ns;     /* inode of the namespace */
	uint64_t uptime;     /* ns since it was booted */
	uint8_t boot_id[36]; /* which kernel it is */
};

/* sched_setattr(2) */
struct kernel_sched_attr {
	uint32_t size;
	uint32_t policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime;
	uint64_t deadline;
	uint64_t period;
	uint32_t util_min;
	uint32_t util_max;
};

/* name_to_handle_at(2): MAX_HANDLE_SZ bytes at most */
struct kernel_file_handle {
	uint32_t bytes;
	int32_t type;
	uint8_t data[128];
};

/* ustat(2) */
struct kernel_ustat {
	int32_t tfree;
	uint64_t tinode;
	uint8_t fname[6];
	uint8_t fpack[6];
};

/* sysfs(2): far longer than any name is */
struct kernel_fs_name {
	uint8_t name[256];
};

/* cachestat(2) */
struct kernel_cachestat_range {
	uint64_t off;
	uint64_t len;
};

struct kernel_cachestat {
	uint64_t nr_cache;
	uint64_t nr_dirty;
	uint64_t nr_writeback;
	uint64_t nr_evicted;
	uint64_t nr_recently_evicted;
};

#endif
