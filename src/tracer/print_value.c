/* Arguments of a call in words. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "call/flags.h"
#include "tracer/memory.h"
#include "tracer/print.h"
#include "tracer/tracee.h"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

/* Fields of a structure that are printed, as strace's short form has it. */
#define FIELDS_SHOWN 4

void put(struct buf *out, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0 || buf_reserve(out, (size_t)n + 1))
		return;
	va_start(ap, fmt);
	vsnprintf((char *)out->data + out->len, (size_t)n + 1, fmt, ap);
	va_end(ap);
	out->len += (size_t)n;
}

/* ---- bytes ---- */

static void put_byte(struct buf *out, uint8_t c, bool digit_follows,
		     const char *special)
{
	static const char letters[] = "tnvfr"; /* from \t to \r */

	if (c >= '\t' && c <= '\r')
		put(out, "\\%c", letters[c - '\t']);
	else if (c == '"' || c == '\\')
		put(out, "\\%c", c);
	else if (c >= ' ' && c < 0x7f && !strchr(special, c))
		put(out, "%c", c);
	else
		put(out, digit_follows ? "\\%03o" : "\\%o", c);
}

static void put_escaped(struct buf *out, const uint8_t *data, size_t len,
			const char *special)
{
	for (size_t i = 0; i < len; i++)
		put_byte(out, data[i], i + 1 < len && isdigit(data[i + 1]),
			 special);
}

void put_bytes(struct buf *out, const uint8_t *data, size_t len, size_t max)
{
	put(out, "\"");
	put_escaped(out, data, len < max ? len : max, "");
	put(out, "\"%s", len > max ? "..." : "");
}

void put_name(struct buf *out, const char *name)
{
	put(out, "<");
	put_escaped(out, (const uint8_t *)name, strlen(name), "<>");
	put(out, ">");
}

/* ---- bits with names ---- */

struct bit {
	uint64_t bit;
	const char *name;
};

#define BIT(name)                                                              \
	{                                                                      \
		name, #name                                                    \
	}

static const struct bit open_bits[] = {
	BIT(O_CREAT),	 BIT(O_EXCL),	  BIT(O_NOCTTY),  BIT(O_TRUNC),
	BIT(O_APPEND),	 BIT(O_NONBLOCK), BIT(O_SYNC),	  BIT(O_DSYNC),
	BIT(O_ASYNC),	 BIT(O_DIRECT),	  BIT(O_TMPFILE), BIT(O_DIRECTORY),
	BIT(O_NOFOLLOW), BIT(O_NOATIME),  BIT(O_CLOEXEC), BIT(O_PATH),
};

static const struct bit at_bits[] = {
	BIT(AT_SYMLINK_NOFOLLOW), BIT(AT_EACCESS),    BIT(AT_SYMLINK_FOLLOW),
	BIT(AT_NO_AUTOMOUNT),	  BIT(AT_EMPTY_PATH), BIT(AT_STATX_FORCE_SYNC),
	BIT(AT_STATX_DONT_SYNC),
};

static const struct bit unlink_bits[] = { BIT(AT_REMOVEDIR) };

static const struct bit rename_bits[] = {
	BIT(RENAME_NOREPLACE),
	BIT(RENAME_EXCHANGE),
	BIT(RENAME_WHITEOUT),
};

static const struct bit lock_bits[] = {
	BIT(LOCK_SH),
	BIT(LOCK_EX),
	BIT(LOCK_NB),
	BIT(LOCK_UN),
};

static const struct bit access_bits[] = { BIT(R_OK), BIT(W_OK), BIT(X_OK) };

static const struct {
	const struct bit *bits;
	size_t n;
} sets[FL_SETS] = {
	[FL_AT] = { at_bits, ARRAY_SIZE(at_bits) },
	[FL_UNLINK] = { unlink_bits, ARRAY_SIZE(unlink_bits) },
	[FL_RENAME] = { rename_bits, ARRAY_SIZE(rename_bits) },
	[FL_LOCK] = { lock_bits, ARRAY_SIZE(lock_bits) },
};

/* sep: what stands between what was printed before and the first name. */
static void put_bits(struct buf *out, const struct bit *bits, size_t n,
		     uint64_t value, const char *sep)
{
	if (!value && !*sep)
		put(out, "0");
	for (size_t i = 0; i < n; i++) {
		if (!bits[i].bit || (value & bits[i].bit) != bits[i].bit)
			continue;
		put(out, "%s%s", sep, bits[i].name);
		value &= ~bits[i].bit;
		sep = "|";
	}
	if (value)
		put(out, "%s%#" PRIx64, sep, value);
}

void put_open_flags(struct buf *out, uint64_t flags)
{
	static const char *const modes[] = { "O_RDONLY", "O_WRONLY", "O_RDWR",
					     "O_ACCMODE" };
	/* Its bit, which glibc says is 0. */
	uint64_t large = flags_from_wire(FL_OPEN, 0100000);

	/* The lower half counts: open(2) takes an int. */
	flags = (uint32_t)flags;
	put(out, "%s%s", modes[flags & O_ACCMODE],
	    flags & large ? "|O_LARGEFILE" : "");
	put_bits(out, open_bits, ARRAY_SIZE(open_bits),
		 flags & ~(O_ACCMODE | large), "|");
}

static void put_flags(struct buf *out, const struct arg *arg, uint64_t value)
{
	if (arg->type == FL_OPEN)
		put_open_flags(out, value);
	else
		put_bits(out, sets[arg->type].bits, sets[arg->type].n,
			 (uint32_t)value, "");
}

static void put_uint(struct buf *out, const struct arg *arg, uint64_t value)
{
	switch ((enum uint_type)arg->type) {
	case UI_MODE:
		put(out, "%#03" PRIo64, (uint64_t)(uint32_t)value);
		return;
	case UI_ACCESS:
		if (!value)
			put(out, "F_OK");
		else
			put_bits(out, access_bits, ARRAY_SIZE(access_bits),
				 (uint32_t)value, "");
		return;
	case UI_SIGNED:
	case UI_OFFSET:
		put(out, "%" PRId64, (int64_t)value);
		return;
	case UI_NONE:
		put(out, "%" PRIu64, value);
		return;
	}
}

static const char *const whence[] = { "SEEK_SET", "SEEK_CUR", "SEEK_END",
				      "SEEK_DATA", "SEEK_HOLE" };
static const char *const lock_types[] = { "F_RDLCK", "F_WRLCK", "F_UNLCK" };

static void put_int(struct buf *out, const struct arg *arg, int32_t value)
{
	if (arg->type == IN_WHENCE && value >= 0 &&
	    (size_t)value < ARRAY_SIZE(whence))
		put(out, "%s", whence[value]);
	else
		put(out, "%d", value);
}

/* ---- structures ---- */

/* "U(st_dev), S(st_size), ..." of types.def: the names of the fields. */
static const char *const field_texts[ST_COUNT] = {
#define STRUCT(type, ctype, ...) [ST_##type] = #__VA_ARGS__,
#include "call/types.def"
#undef STRUCT
};

/* The fields worth showing, where they are not the first ones. */
static const char *const worth[ST_COUNT] = {
	[ST_stat] = " st_mode st_size ",
	[ST_statx] = " stx_mask stx_mode stx_size ",
	[ST_utsname] = " sysname nodename release machine ",
};

/* The next name of a text; its length in *len. NULL at the end. */
static const char *next_name(const char **text, size_t *len)
{
	const char *name = strchr(*text, '(');

	if (!name)
		return NULL;
	name++;
	*len = strcspn(name, ")");
	*text = name + *len;
	return name;
}

static bool is_shown(unsigned int type, const char *name, size_t len,
		     unsigned int shown)
{
	const char *at = worth[type];

	if (!at)
		return shown < FIELDS_SHOWN ||
		       struct_table[type].nfields <= FIELDS_SHOWN + 2;
	for (at++; *at; at += strcspn(at, " ") + 1)
		if (strcspn(at, " ") == len && !strncmp(at, name, len))
			return true;
	return false;
}

static uint64_t field_value(const struct field *f, const uint8_t *data)
{
	uint64_t value = 0;

	memcpy(&value, data + f->offset, f->size);
	return value;
}

static void put_mode(struct buf *out, uint64_t mode)
{
	static const struct bit types[] = {
		BIT(S_IFREG), BIT(S_IFDIR), BIT(S_IFLNK),  BIT(S_IFCHR),
		BIT(S_IFBLK), BIT(S_IFIFO), BIT(S_IFSOCK),
	};

	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if ((mode & S_IFMT) == types[i].bit)
			put(out, "%s|", types[i].name);
	put(out, "%#03" PRIo64, mode & ~(uint64_t)S_IFMT);
}

static void put_field(struct buf *out, const struct trace *trace,
		      const struct field *f, bool mode, const uint8_t *data)
{
	const uint8_t *bytes = data + f->offset;
	uint64_t value;

	if (f->bytes) {
		put_bytes(out, bytes, strnlen((const char *)bytes, f->size),
			  trace->len);
		return;
	}
	value = field_value(f, data);
	if (mode)
		put_mode(out, value);
	else if (f->set == FL_OPEN)
		put_open_flags(out, value);
	else if (!f->is_signed)
		put(out, "%" PRIu64, value);
	else if (f->size == 4)
		put(out, "%" PRId32, (int32_t)value);
	else if (f->size == 2)
		put(out, "%" PRId16, (int16_t)value);
	else
		put(out, "%" PRId64, (int64_t)value);
}

/* Fields that are one of a few values. */
static const struct {
	const char *field;
	const char *const *names;
	size_t n;
} enums[] = {
	{ "l_type", lock_types, ARRAY_SIZE(lock_types) },
	{ "l_whence", whence, ARRAY_SIZE(whence) },
};

/* False when the field has no such names, or its value none. */
static bool put_enum(struct buf *out, const struct field *f, const char *name,
		     size_t len, const uint8_t *data)
{
	uint64_t value;

	for (size_t i = 0; i < ARRAY_SIZE(enums); i++) {
		if (strlen(enums[i].field) != len ||
		    strncmp(enums[i].field, name, len))
			continue;
		value = field_value(f, data);
		if (value >= enums[i].n)
			return false;
		put(out, "%s", enums[i].names[value]);
		return true;
	}
	return false;
}

/* mode, st_mode, stx_mode */
static bool is_mode(const char *name, size_t len)
{
	return len >= 4 && !strncmp(name + len - 4, "mode", 4) &&
	       (len == 4 || name[len - 5] == '_');
}

/*
 * What stands before a field; its name, without the element of an array of
 * structures that it lies in, remains in *name and *len. *in: that element,
 * or 0.
 */
static void put_before(struct buf *out, const char **name, size_t *len,
		       bool first, char *in)
{
	const char *dot = memchr(*name, '.', *len);

	if (!dot || dot[-1] != ']') {
		put(out, first ? "{" : ", ");
		return;
	}
	put(out, first ? "[{" : dot[-2] == *in ? ", " : "}, {");
	*in = dot[-2];
	*len -= (size_t)(dot + 1 - *name);
	*name = dot + 1;
}

/* given: by the program, so what only the kernel fills in says nothing. */
static void put_struct(struct buf *out, const struct trace *trace,
		       unsigned int type, bool given, const struct value *v)
{
	const struct struct_info *info = &struct_table[type];
	unsigned int nfields = info->nfields;
	const char *text = field_texts[type];
	unsigned int shown = 0;
	const char *name;
	char in = 0;
	size_t len;

	if (v->len < info->size) {
		put(out, "%#" PRIx64, v->num);
		return;
	}
	if (info->nfields == 1) {
		put(out, "[");
		put_field(out, trace, info->field, false, v->data);
		put(out, "]");
		return;
	}
	/* l_pid, the last one */
	nfields -= type == ST_flock && given;
	for (unsigned int i = 0; i < nfields; i++) {
		const struct field *f = &info->field[i];

		name = next_name(&text, &len);
		if (!name || !is_shown(type, name, len, shown))
			continue;
		put_before(out, &name, &len, !shown++, &in);
		put(out, "%.*s=", (int)len, name);
		if (!put_enum(out, f, name, len, v->data))
			put_field(out, trace, f, is_mode(name, len), v->data);
	}
	put(out, "%s}%s", shown < nfields ? ", ..." : "", in ? "]" : "");
}

/* ---- arguments ---- */

static void put_address(struct buf *out, uint64_t address)
{
	if (address)
		put(out, "%#" PRIx64, address);
	else
		put(out, "NULL");
}

/* A path is whole, whatever -s says: cut, it would name another file. */
static void put_string(struct buf *out, const struct trace *trace,
		       struct tracee *t, const struct value *v, bool whole,
		       uint64_t address)
{
	char text[PATH_MAX];
	ssize_t n;

	if (v->data) {
		put_bytes(out, v->data, v->len, whole ? SIZE_MAX : trace->len);
		return;
	}
	n = address ? memory_read_str(t->pid, address, text, sizeof(text)) :
		      -EFAULT;
	if (n < 0)
		put_address(out, address);
	else
		put_bytes(out, (uint8_t *)text, (size_t)n,
			  whole ? SIZE_MAX : trace->len);
}

static void put_fd(struct buf *out, const struct tracee *t, unsigned int i)
{
	const char *name = t->fd_name[i];
	int32_t fd = (int32_t)t->arg[i];

	if (fd == AT_FDCWD && t->call->arg[i].kind == ARG_DIRFD)
		put(out, "AT_FDCWD");
	else
		put(out, "%d", fd);
	if (name)
		put_name(out, name);
}

static void put_arg(struct buf *out, const struct trace *trace,
		    struct tracee *t, unsigned int i)
{
	const struct arg *arg = &t->call->arg[i];
	static const struct value none;
	const struct value *v;

	/* Hooks ask for other calls on the way: those are not this one's. */
	v = t->req.call == t->call ? &t->req.val[i] : &none;
	if (t->call->classes & C_NETWORK && put_net(out, trace, t, i, v))
		return;
	switch ((enum arg_kind)arg->kind) {
	case ARG_NONE:
		return;
	case ARG_INT:
		put_int(out, arg, (int32_t)t->arg[i]);
		return;
	case ARG_UINT:
		put_uint(out, arg, t->arg[i]);
		return;
	case ARG_FLAGS:
		put_flags(out, arg, t->arg[i]);
		return;
	case ARG_FD:
	case ARG_DIRFD:
		put_fd(out, t, i);
		return;
	case ARG_PATH:
	case ARG_STR:
		put_string(out, trace, t, v, arg->kind == ARG_PATH, t->arg[i]);
		return;
	case ARG_IN:
	case ARG_OUT:
	case ARG_OUT_ALL:
	case ARG_OUT_AT:
	case ARG_IOV_IN:
	case ARG_IOV_OUT:
		if (v->data)
			put_bytes(out, v->data, v->len, trace->len);
		else
			put_address(out, t->arg[i]);
		return;
	case ARG_STRUCT_IN:
	case ARG_STRUCT_OUT:
	case ARG_STRUCT_INOUT:
		if (v->data && t->arg[i])
			put_struct(out, trace, arg->type,
				   arg->kind == ARG_STRUCT_IN, v);
		else
			put_address(out, t->arg[i]);
		return;
	case ARG_MSG_IN:
	case ARG_MSG_OUT:
	case ARG_PTR:
		put_address(out, t->arg[i]);
		return;
	}
}

/* Commands of fcntl(2) that have no row: they are not forwarded. */
static const struct bit commands[] = {
	BIT(F_DUPFD),  BIT(F_DUPFD_CLOEXEC), BIT(F_GETFD),    BIT(F_SETFD),
	BIT(F_GETOWN), BIT(F_SETOWN),	     BIT(F_GETSIG),   BIT(F_SETSIG),
	BIT(F_NOTIFY), BIT(F_GETLEASE),	     BIT(F_SETLEASE),
};

/*
 * True when i is an argument of fcntl or ioctl and the call has no row for
 * its request, so that nothing is known of it.
 */
static bool put_unknown(struct buf *out, const struct tracee *t, unsigned int i)
{
	bool is_fcntl = !strcmp(t->call->name, "fcntl");
	const char *name = NULL;

	if (!i || (!is_fcntl && strcmp(t->call->name, "ioctl")))
		return false;
	for (size_t k = 0; is_fcntl && k < ARRAY_SIZE(commands); k++)
		if (commands[k].bit == (uint32_t)t->arg[1])
			name = commands[k].name;
	if (name && i == 1)
		put(out, "%s", name);
	else if (name)
		put(out, "%d", (int32_t)t->arg[i]);
	else
		put(out, "%#" PRIx64, i == 1 ? (uint32_t)t->arg[1] : t->arg[i]);
	return true;
}

/* open(2)'s mode means something only when a file is made. */
static bool is_idle_mode(const struct tracee *t, unsigned int i)
{
	const struct arg *before = i ? &t->call->arg[i - 1] : NULL;

	return before && before->kind == ARG_FLAGS && before->type == FL_OPEN &&
	       t->call->arg[i].kind == ARG_UINT &&
	       t->call->arg[i].type == UI_MODE &&
	       !(t->arg[i - 1] & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY)));
}

void put_args(struct buf *out, const struct trace *trace, struct tracee *t)
{
	for (unsigned int i = 0; i < call_nargs(t->call); i++) {
		if (is_idle_mode(t, i))
			break;
		if (i)
			put(out, ", ");
		if (t->call->of && i == call_request_arg(t->call))
			put(out, "%s", t->call->name);
		else if (!put_unknown(out, t, i))
			put_arg(out, trace, t, i);
	}
}
