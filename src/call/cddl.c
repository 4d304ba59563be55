/*
 * `rsc syscalls --cddl`: prints docs/protocol.cddl, the contract of the wire
 * (CDDL, RFC 8610), with the messages of every row of the call table.
 */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "call/call.h"
#include "call/doc.h"
#include "call/wire.h"
#include "transport/frame.h"

static const char head[] =
	"; The wire protocol of rsc, in CDDL (RFC 8610).\n"
	"; Printed by `rsc syscalls --cddl` from src/call/calls.def and\n"
	"; types.def; do not edit. docs/PROTOCOL.md says what it means.\n"
	";\n"
	"; A frame is a length (u32, big-endian, 1 to %u) and one message of\n"
	"; so many bytes. Numbers and lengths are in their shortest form,\n"
	"; lengths are definite, nothing stands behind the item.\n"
	"\n"
	"message = hello / call / reply / spawn / exit / cancel"
	" / ready\n"
	"\n"
	"hello = [0, 'rsc', version, arch, digest, name]\n"
	"version = %u\n"
	"arch = bstr .size (0..%zu)\n"
	"digest = u64 ; of the call table; both sides have the same\n"
	"name = bstr .size (0..%u) ; host name, for messages\n"
	"\n"
	"spawn = [3, new-task, parent, share]\n"
	"parent = 0..4294967295 ; 0: the first task\n"
	"share = 0..%u ; %u: descriptors, %u: working directory and umask\n"
	"exit = [4, task]\n"
	"cancel = [5, task, seq]\n"
	"\n"
	"ready = [6, watch, mask, edge]\n"
	"watch = 0..4294967295 ; as call-rsc_watch named it\n"
	"mask = 0..31 / 8192..8223 ; bits of poll(2)\n"
	"edge = 0..%u ; %u: as if it came to be readable, %u: writable, "
	"%u: a signal\n"
	"\n"
	"task = 0..4294967295\n"
	"new-task = 1..4294967295\n"
	"seq = 0..4294967295 ; grows with each call of a task\n"
	"\n"
	"failure = [2, task, seq, errno]\n"
	"errno = -4095..-1 ; numbers of asm-generic\n"
	"handle = 0..%d ; a descriptor of the task on the server\n"
	"object = 0..%u / %u..%u ; kind: file, directory, pipe, socket,"
	" other,\n"
	"\t; datagram socket; +%u: can be polled\n"
	"device = u64 ; stat(2): descriptors with the same device and inode\n"
	"inode = u64 ; are of the same file\n"
	"\n"
	"i32 = -2147483648..2147483647\n"
	"i64 = -9223372036854775808..9223372036854775807\n"
	"u64 = 0..18446744073709551615\n"
	"result = 0..9223372036854775807\n"
	"flags = u64 ; bits of asm-generic\n"
	"fd = i32 ; a handle\n"
	"dirfd = i32 ; a handle, or -100: the working directory\n"
	"text = bstr .size (0..%u) / null ; no NUL in it\n"
	"data = bstr .size (0..%u) / null\n"
	"room = 0..%u / null ; bytes that the reply may carry\n"
	"want = true / null ; the reply is to carry it\n"
	"messages = [0*%u message-out] / null\n"
	"message-out = [name-part, part, part / null] ; address, data, control\n"
	"name-part = bstr .size (0..%zu) / null\n"
	"part = bstr .size (0..%u)\n"
	"message-rooms = [0*%u message-room] / null\n"
	"message-room = [name-room, part-room, part-room / null]\n"
	"name-room = 0..%zu / null\n"
	"part-room = 0..%u\n"
	"sent = [0*%u result] / null ; bytes of each message\n"
	"came = [0*%u message-in] / null\n"
	"message-in = [name-part, name-length, part, part / null,"
	" message-flags, result]\n"
	"name-length = 0..4294967295 ; of the whole address\n"
	"message-flags = 0..4294967295 ; msg_flags\n"
	"\n"
	"; Structures: a field has the width that it has on the receiver's\n"
	"; machine; a value that does not fit is refused.\n"
	"\n";

static void print_head(void)
{
	unsigned int last = OBJECT_KINDS - 1;

	printf(head, FRAME_MAX, WIRE_VERSION,
	       sizeof(((struct hello *)0)->arch) - 1, WIRE_NAME_MAX,
	       SPAWN_FILES | SPAWN_FS, SPAWN_FILES, SPAWN_FS, EDGE_MASK,
	       EDGE_IN, EDGE_OUT, EDGE_SIGNAL, INT_MAX, last, OBJECT_POLLABLE,
	       OBJECT_POLLABLE + last, OBJECT_POLLABLE, PATH_MAX - 1,
	       VALUE_BYTES_MAX, VALUE_BYTES_MAX, MESSAGES_MAX, MESSAGE_NAME_MAX,
	       VALUE_BYTES_MAX, MESSAGES_MAX, MESSAGE_NAME_MAX, VALUE_BYTES_MAX,
	       MESSAGES_MAX, MESSAGES_MAX);
}

/* The fields of types.def in words: "U(a.b), S(c[0])". */
static const char *const field_words[ST_COUNT] = {
#define STRUCT(type, ctype, ...) [ST_##type] = #__VA_ARGS__,
#include "call/types.def"
#undef STRUCT
};

/* Prints the name in "U(name)" as a CDDL one; returns what is behind it. */
static const char *print_field_name(const char *word)
{
	const char *at = strchr(word, '(') + 1;

	for (; *at != ')'; at++) {
		if (*at == '[')
			putchar('-');
		else if (*at != ']')
			putchar(*at);
	}
	return at + 1;
}

static void print_struct(unsigned int type)
{
	const struct struct_info *info = &struct_table[type];
	const char *word = field_words[type];

	printf("struct-%s = [", info->name);
	for (unsigned int i = 0; i < info->nfields; i++) {
		const struct field *f = &info->field[i];

		printf(i ? ",\n\t" : "\n\t");
		word = print_field_name(word);
		if (f->bytes)
			printf(": bstr .size %u", f->size);
		else
			printf(": %s", f->is_signed ? "i64" : "u64");
	}
	printf("\n]\n");
}

static bool travels(const struct call *call)
{
	for (unsigned int i = 0; i < CALL_ARGS; i++)
		if (call->arg[i].kind == ARG_PTR)
			return false;
	return true;
}

static void print_arg(const struct arg *arg)
{
	static const char *const word[] = {
		[ARG_INT] = "i32",	   [ARG_UINT] = "u64",
		[ARG_FLAGS] = "flags",	   [ARG_FD] = "fd",
		[ARG_DIRFD] = "dirfd",	   [ARG_PATH] = "text",
		[ARG_STR] = "text",	   [ARG_IN] = "data",
		[ARG_IOV_IN] = "data",	   [ARG_OUT] = "room",
		[ARG_OUT_ALL] = "room",	   [ARG_IOV_OUT] = "room",
		[ARG_OUT_AT] = "room",	   [ARG_STRUCT_OUT] = "want",
		[ARG_MSG_IN] = "messages", [ARG_MSG_OUT] = "message-rooms",
		[ARG_PTR] = NULL,
	};

	if (arg->kind == ARG_STRUCT_IN || arg->kind == ARG_STRUCT_INOUT)
		printf(", struct-%s / null", struct_table[arg->type].name);
	else
		printf(", %s", word[arg->kind]);
}

/* What a reply carries for an argument. */
static void print_out(const struct arg *arg)
{
	switch ((enum arg_kind)arg->kind) {
	case ARG_OUT:
	case ARG_OUT_ALL:
	case ARG_OUT_AT:
	case ARG_IOV_OUT:
		printf(", data");
		return;
	case ARG_MSG_IN:
		printf(", sent");
		return;
	case ARG_MSG_OUT:
		printf(", came");
		return;
	case ARG_STRUCT_OUT:
	case ARG_STRUCT_INOUT:
		printf(", struct-%s / null", struct_table[arg->type].name);
		return;
	default:
		return;
	}
}

static void print_row(const struct call *call)
{
	unsigned int n = call_nargs(call);

	printf("call-%s = [1, task, seq, %u", call->name, call->id);
	for (unsigned int i = 0; i < n; i++)
		print_arg(&call->arg[i]);
	printf("]\nreply-%s = failure / [2, task, seq, %s", call->name,
	       call->ret == RET_FD ? "handle, object, device, inode" :
				     "result");
	for (unsigned int i = 0; i < n; i++)
		print_out(&call->arg[i]);
	printf("]\n");
}

/* name = name-A / name-B ..., of every row that travels. */
static void print_choice(const char *name)
{
	const char *sep = " =";

	printf("%s", name);
	for (size_t i = 0; i < call_count; i++) {
		if (!travels(&call_table[i]))
			continue;
		printf("%s\n\t%s-%s", sep, name, call_table[i].name);
		sep = " /";
	}
	printf("\n\n");
}

void cddl_print(void)
{
	print_head();
	for (unsigned int i = ST_NONE + 1; i < ST_COUNT; i++)
		print_struct(i);
	printf("\n; Calls, and what may answer them.\n\n");
	print_choice("call");
	print_choice("reply");
	for (size_t i = 0; i < call_count; i++) {
		if (travels(&call_table[i]))
			print_row(&call_table[i]);
		else
			printf("; %u %s does not travel: an address\n",
			       call_table[i].id, call_table[i].name);
	}
}
