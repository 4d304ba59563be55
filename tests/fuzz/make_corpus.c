/*
 * Writes the fuzzing corpus, made from the call table: make_corpus DIRECTORY.
 * One call and one reply for each row whose arguments no earlier row has, and
 * the words of the small grammars.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "call/wire.h"
#include "common/samples.h"
#include "fuzz/target.h"
#include "transport/frame.h"

static const char *top;

static void save(const char *target, const char *name, const void *data,
		 size_t len)
{
	char path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", top, target);
	REQUIRE(!mkdir(path, 0777) || errno == EEXIST);
	snprintf(path, sizeof(path), "%s/%s/%s", top, target, name);
	f = fopen(path, "w");
	REQUIRE(f && fwrite(data, 1, len, f) == len && !fclose(f));
}

static bool comes_back(const struct arg *arg)
{
	return arg->kind == ARG_OUT || arg->kind == ARG_OUT_ALL ||
	       arg->kind == ARG_IOV_OUT || arg->kind == ARG_STRUCT_OUT ||
	       arg->kind == ARG_STRUCT_INOUT;
}

/* The arguments look alike in a call, or in a reply. */
static bool alike(const struct arg *a, const struct arg *b, bool reply)
{
	if (reply && !comes_back(a) && !comes_back(b))
		return true;
	if (a->kind != b->kind)
		return false;
	return (a->kind == ARG_STRUCT_OUT && !reply) || a->type == b->type;
}

/* An earlier row has calls, or replies, of the same form. */
static bool seen(const struct call *row, bool reply)
{
	for (const struct call *c = call_table; c < row; c++) {
		bool same = sample_travels(c) && (!reply || c->ret == row->ret);

		for (unsigned int i = 0; same && i < CALL_ARGS; i++)
			same = alike(&c->arg[i], &row->arg[i], reply);
		if (same)
			return true;
	}
	return false;
}

static void row_files(const struct call *row, enum shape shape,
		      struct arena *arena)
{
	struct buf out = { 0 };
	const char *why;
	struct req server;
	struct req asked;
	char name[64];

	snprintf(name, sizeof(name), "%s%s", row->name,
		 shape == SHAPE_NULL ? "-null" : "");
	sample_call(&asked, row, shape, arena);
	REQUIRE(!wire_put_call(&out, &asked));
	if (!seen(row, false))
		save("request", name, out.data + FRAME_HEAD,
		     out.len - FRAME_HEAD);
	REQUIRE(!wire_get_call(out.data + FRAME_HEAD, out.len - FRAME_HEAD,
			       &server, arena, &why));
	sample_result(&server, shape == SHAPE_SMALL);
	REQUIRE(!wire_put_reply(&out, &server));
	if (!seen(row, true))
		save("reply", name, out.data, out.len);
	buf_free(&out);
}

static bool has_pointer(const struct call *row)
{
	for (unsigned int i = 0; i < CALL_ARGS; i++)
		if (row->arg[i].kind > ARG_DIRFD)
			return true;
	return false;
}

static void table_files(void)
{
	struct arena arena = { 0 };

	for (size_t i = 0; i < call_count; i++) {
		if (!sample_travels(&call_table[i]))
			continue;
		row_files(&call_table[i], SHAPE_SMALL, &arena);
		if (has_pointer(&call_table[i]))
			row_files(&call_table[i], SHAPE_NULL, &arena);
		arena_reset(&arena);
	}
	arena_free(&arena);
}

/* One stream of all messages, and each of the short ones alone. */
static void message_files(void)
{
	static const char *const names[] = { "hello", "spawn", "exit", "cancel",
					     "ready" };
	struct ready ready = { 7, EPOLLIN | EPOLLRDHUP, EDGE_IN };
	struct hello hello = { WIRE_VERSION, "x86_64", call_digest(), "box" };
	uint8_t step = 3;
	struct buf out = { 0 };
	struct arena arena = { 0 };
	struct req req;
	size_t at = 1;

	REQUIRE(!buf_add(&out, &step, 1));
	for (unsigned int i = 0; i < 5; i++) {
		at = out.len;
		REQUIRE(!(i == 0 ? wire_put_hello(&out, &hello) :
			  i == 1 ? wire_put_spawn(&out, 2, 1, 3) :
			  i == 2 ? wire_put_exit(&out, 70000) :
			  i == 3 ? wire_put_cancel(&out, 1, 300) :
				   wire_put_ready(&out, &ready)));
		save("hello", names[i], out.data + at + FRAME_HEAD,
		     out.len - at - FRAME_HEAD);
	}
	for (unsigned int s = SHAPE_SMALL; s <= SHAPE_NULL; s++) {
		sample_call(&req, call_by_name("openat"), (enum shape)s,
			    &arena);
		REQUIRE(!wire_put_call(&out, &req));
	}
	save("frames", "session", out.data, out.len);
	save("frames", "cut", out.data, out.len - 3);
	out.data[1] = 0xff;
	save("frames", "long", out.data, out.len);
	memset(out.data + 1, 0, FRAME_HEAD);
	save("frames", "empty", out.data, out.len);
	arena_free(&arena);
	buf_free(&out);
}

static const struct {
	const char *target;
	const char *name;
	const char *text;
} texts[] = {
	{ "url", "tcp", "tcp://127.0.0.1:7070" },
	{ "url", "tcp6", "tcp://[::1]:65535" },
	{ "url", "unix", "unix:///run/rsc/socket" },
	{ "url", "unix-short", "unix:socket" },
	{ "url", "stdio", "stdio:" },
	{ "url", "exec", "exec:ssh box rsc serve --stdio" },
	{ "url", "fd", "fd:3" },
	{ "url", "fds", "fd:3,2147483647" },
	{ "filter", "names", "open,read,?no_such,write@64,close" },
	{ "filter", "classes", "%file,%desc,%network,%clock,%creds,desc" },
	{ "filter", "inverted", "!%stat,%system,ipc" },
	{ "filter", "regex", "/^f.*(at|at2)$,/xattr" },
	{ "filter", "numbers", "0,1,257,all" },
	{ "filter", "none", "none" },
	{ "filter", "empty", "" },
	{ "rules", "all",
	  "# on which side\n"
	  "local\t/usr/lib/**\n"
	  "remote /etc/**   # the server's\n"
	  "deny /root/**\n"
	  "missing /etc/ld.so.preload\n"
	  "map /data => /srv/data\n"
	  "map /a=>/b\n"
	  "remote /**\n" },
	{ "rules", "patterns",
	  "local /*/b?/[a-c]*\nlocal /[!x]/\\*\n\nremote /a/**/b\n" },
	{ "rules", "wrong", "local /a\nlokal /b\n" },
	{ "rules", "paths", "/../a//b/./c/../d\nlocal relative\n" },
};

static void text_files(void)
{
	char longer[6000];

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		save(texts[i].target, texts[i].name, texts[i].text,
		     strlen(texts[i].text));
	memset(longer, 'x', sizeof(longer));
	memcpy(longer, "local /", 7);
	memcpy(longer + sizeof(longer) - 4, "/**\n", 4);
	save("rules", "long", longer, sizeof(longer));
	memcpy(longer, "unix://", 7);
	save("url", "long", longer, 200);
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fputs("usage: make_corpus DIRECTORY\n", stderr);
		return 2;
	}
	top = argv[1];
	REQUIRE(!mkdir(top, 0777) || errno == EEXIST);
	table_files();
	message_files();
	text_files();
	return 0;
}
