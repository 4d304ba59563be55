/*
 * The call table: what rsc knows about every system call, read from calls.def.
 *
 * A row says what a call is named, its number on each architecture, on which
 * side it runs (verdict) and what each of its arguments is, in register order.
 * Everything else (fetching from the tracee, the wire form, bounds, the trace
 * line, the seccomp filter, the server's check, docs/syscalls.md) is derived.
 */
#ifndef RSC_CALL_H
#define RSC_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CALL_ARGS 6
#define CALL_NO_NR (-1)

enum verdict {
	V_REMOTE,  /* identity, time, system information: the server's */
	V_BY_FD,   /* whoever owns the descriptor in the FD argument */
	V_BY_PATH, /* the route rules decide by the PATH argument */
	V_BY_PID,  /* whoever has the process of the first PID argument */
	V_LOCAL,   /* this process's own memory, threads, signals */
	V_SPLIT,   /* a hook of the tracer decides and does it */
	V_REFUSED, /* fails with .err, counted and reported */
};

/* Argument kinds; .len is the index of the argument that holds its length. */
enum arg_kind {
	ARG_NONE,
	ARG_INT,   /* signed scalar of 32 bits (pid, cmd, signal) */
	ARG_UINT,  /* scalar of 64 bits (size, offset, mode, bits) */
	ARG_FLAGS, /* bits of a canonical set: .type is enum flag_set */
	ARG_FD,	   /* descriptor; on the wire the server's handle */
	ARG_DIRFD, /* descriptor or AT_FDCWD, for the PATH that follows */
	ARG_PATH,  /* NUL-terminated path, < PATH_MAX bytes (or ENAMETOOLONG) */
	ARG_STR,   /* NUL-terminated string that is no path, same limit */
	ARG_IN,	   /* .len: bytes that the call reads */
	ARG_OUT,   /* .len: bytes that the call fills; valid: ret bytes */
	ARG_OUT_ALL,   /* .len: buffer valid as a whole on success */
	ARG_IOV_IN,    /* .len: iovec array, gathered to bytes */
	ARG_IOV_OUT,   /* .len: iovec array, scattered; valid: ret bytes */
	ARG_STRUCT_IN, /* .type is enum struct_type; NULL allowed */
	ARG_STRUCT_OUT,
	ARG_STRUCT_INOUT,
	ARG_OUT_AT,  /* .len: its room is the int behind that argument */
	ARG_MSG_IN,  /* messages to be sent: msghdr, .len 0; or mmsghdr, */
	ARG_MSG_OUT, /* and to be received; .len: argument that counts them */
	ARG_PTR,     /* only in rows that never travel: an address */
};

/* Sets of calls that --filter names as %class. */
enum call_class {
	C_FILE = 1 << 0, /* takes a path */
	C_DESC = 1 << 1, /* takes or makes a descriptor */
	C_NETWORK = 1 << 2,
	C_CLOCK = 1 << 3,
	C_CREDS = 1 << 4,
	C_STAT = 1 << 5,
	C_PROCESS = 1 << 6,
	C_MEMORY = 1 << 7,
	C_IPC = 1 << 8,
	C_SIGNAL = 1 << 9,
	C_SYSTEM = 1 << 10,
};

/* What the server must know of a row beyond its arguments. */
enum call_trait {
	T_MODIFIES = 1 << 16, /* EROFS for a --read-only server */
	T_NOFOLLOW = 1 << 17, /* never follows a link at the end of a path */
	T_RUNS = 1 << 18,     /* split, and the server runs its part */
	T_BOTH = 1 << 19,     /* made here too, after the server's success */
	T_LOCKS = 1 << 20,    /* what it gets ends with the description */
};

/* A flag that decides whether a link at the end of a path is followed. */
enum link_rule {
	LINK_NONE,
	LINK_IF_SET,   /* only followed when .bit is set */
	LINK_IF_CLEAR, /* only followed when .bit is not set */
};

enum ret_kind {
	RET_INT,  /* a number, or 0 */
	RET_LEN,  /* bytes used of the OUT or IN argument */
	RET_SIZE, /* the same, but a buffer of 0 bytes asks how many there are */
	RET_TRUNC, /* the same, or how many there were (MSG_TRUNC) */
	RET_FD,	   /* a new descriptor: on the wire a handle */
	RET_FLAGS, /* O_* flags */
};

enum struct_type {
	ST_NONE,
#define STRUCT(type, ctype, ...) ST_##type,
#include "types.def"
#undef STRUCT
	ST_COUNT
};

enum flag_set {
	FL_NONE,
	FL_OPEN,   /* O_*: four bits differ on aarch64 */
	FL_PLAIN,  /* the same bits on both; so are those that have names: */
	FL_AT,	   /* AT_* */
	FL_UNLINK, /* AT_REMOVEDIR, which has the bit of AT_EACCESS */
	FL_RENAME, /* RENAME_* */
	FL_LOCK,   /* LOCK_* */
	FL_SOCKET, /* SOCK_*, of which the lowest bits are the type */
	FL_MSG,	   /* MSG_* */
	FL_SETS
};

/* What is at the address of an ARG_PTR. */
enum ptr_type {
	PT_NONE,
	PT_DEADLINE, /* a timespec, of which the row's hook knows the clock */
};

/* What an ARG_UINT means beyond its bits. */
enum uint_type {
	UI_NONE,
	UI_OFFSET, /* place in the file where the buffer goes */
	UI_SIGNED, /* a distance */
	UI_MODE,   /* permissions */
	UI_ACCESS, /* R_OK and its kin */
};

/* What an ARG_INT means. */
enum int_type {
	IN_NONE,
	IN_WHENCE, /* SEEK_* */
	IN_FAMILY, /* AF_* */
	IN_LEVEL,  /* SOL_* */
	IN_OPTION, /* of that level */
	IN_HOW,	   /* SHUT_* */
	/* The rest name processes of the tree: */
	IN_PID,	   /* process or thread; 0, the caller itself, never travels */
	IN_TARGET, /* the same, or as a negative number a process group */
	IN_WHO,	   /* process, group or user, by the argument before it */
};

/* What the bytes of an ARG_IN or ARG_OUT_AT are. */
enum bytes_type {
	BY_NONE,
	BY_ADDRESS, /* struct sockaddr */
	BY_OPTION,  /* the value of a socket's option */
};

struct arg {
	uint8_t kind; /* enum arg_kind */
	uint8_t len;  /* index of the length argument */
	uint8_t type; /* enum struct_type, flag_set, uint_type, int_type, ... */
	uint8_t link; /* of FLAGS: enum link_rule */
	uint32_t bit; /* of that rule */
};

struct call {
	uint16_t id;	   /* wire id, > 0, append-only */
	uint8_t verdict;   /* enum verdict */
	uint8_t ret;	   /* enum ret_kind */
	uint32_t classes;  /* enum call_class bits */
	uint32_t traits;   /* enum call_trait bits */
	int16_t nr_x86_64; /* CALL_NO_NR where the call is not there */
	int16_t nr_aarch64;
	int16_t err;	  /* errno of a refused call, else 0 */
	const char *name; /* the kernel's name */
	const char *why;  /* reason of a local, split or refused verdict */
	const char *of;	  /* of a request: the call that it is made with */
	uint32_t request; /* and its number */
	struct arg arg[CALL_ARGS];
};

/*
 * A call of x86_64 that asm-generic has under another name: the canonical
 * call, and where each of its arguments comes from.
 */
#define LEGACY_ARG 0x40000000 /* LEGACY_ARG + n: argument n of the old call */
struct legacy {
	int16_t nr_x86_64;
	const char *name;
	const char *to;		/* canonical name */
	int32_t arg[CALL_ARGS]; /* LEGACY_ARG + n, or a constant */
};

/* A field of a structure that travels: little else than where it lies. */
struct field {
	uint16_t offset;
	uint16_t size; /* 1, 2, 4, 8: integer; else bytes */
	bool bytes;
	bool is_signed;
	uint8_t set; /* of an integer: enum flag_set */
};

struct struct_info {
	const char *name;
	uint16_t size; /* native size here */
	uint16_t nfields;
	const struct field *field;
};

/* All rows in wire-id order; call_count of them. Static, never freed. */
extern const struct call call_table[];
extern const size_t call_count;
extern const struct legacy legacy_table[];
extern const size_t legacy_count;
extern const struct struct_info struct_table[ST_COUNT];

/* The row of a wire id, or NULL. */
const struct call *call_by_id(unsigned int id);
/* The row of a name (canonical names only), or NULL. */
/*
 * The argument that may hold an absolute time: PT_DEADLINE or an itimerspec that
 * the call reads. -1: none.
 */
int call_deadline(const struct call *call);
const struct call *call_by_name(const char *name);
/* The row of a number of the architecture built for, or NULL. */
const struct call *call_by_nr(long nr);
/* The legacy row of a number of the architecture built for, or NULL. */
const struct legacy *legacy_by_nr(long nr);
/* The row of a request (ioctl, fcntl, prctl) of call, or NULL. */
const struct call *call_by_request(const struct call *call, uint32_t request);
/* Which argument says the request: the first behind the descriptor. */
unsigned int call_request_arg(const struct call *call);
/*
 * The number of a call on the architecture built for, or CALL_NO_NR; that of
 * the call which a request is made with.
 */
int call_nr(const struct call *call);
/* Does a call with these registers follow a link at the end of its path? */
bool call_follows(const struct call *call, const uint64_t *reg);
/* How many arguments the row has (0..6). */
unsigned int call_nargs(const struct call *call);
/* Digest of the table's wire-relevant part; both sides must agree (HELLO). */
uint64_t call_digest(void);
/*
 * The version of the protocol and the digest as one word: two rsc with the same
 * word can talk to each other. A static buffer.
 */
const char *call_protocol(void);

#endif
