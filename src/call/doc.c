/* `rsc syscalls`: prints docs/syscalls.md, the call table for people. */
#include "call/doc.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "call/call.h"

static const char *const verdict_word[] = {
	[V_REMOTE] = "remote",	 [V_BY_FD] = "by_fd", [V_BY_PATH] = "by_path",
	[V_BY_PID] = "by_pid",	 [V_LOCAL] = "local", [V_SPLIT] = "split",
	[V_REFUSED] = "refused",
};

static const char *const verdict_text[] = {
	[V_REMOTE] = "happens on the server",
	[V_BY_FD] = "happens where the descriptor was opened",
	[V_BY_PATH] = "happens where the route rules say",
	[V_BY_PID] = "happens where the process is",
	[V_LOCAL] = "happens in this kernel",
	[V_SPLIT] = "is done by a hook of the tracer, on one side or both",
	[V_REFUSED] = "fails with the errno of its row",
};

static const char *const kind_word[] = {
	[ARG_NONE] = "",
	[ARG_INT] = "int",
	[ARG_UINT] = "uint",
	[ARG_FLAGS] = "flags",
	[ARG_FD] = "fd",
	[ARG_DIRFD] = "dirfd",
	[ARG_PATH] = "path",
	[ARG_STR] = "string",
	[ARG_IN] = "in",
	[ARG_OUT] = "out",
	[ARG_OUT_ALL] = "out_all",
	[ARG_IOV_IN] = "iov_in",
	[ARG_IOV_OUT] = "iov_out",
	[ARG_STRUCT_IN] = "in",
	[ARG_STRUCT_OUT] = "out",
	[ARG_STRUCT_INOUT] = "inout",
	[ARG_OUT_AT] = "out_at",
	[ARG_MSG_IN] = "messages_in",
	[ARG_MSG_OUT] = "messages_out",
	[ARG_PTR] = "pointer",
};

_Static_assert(sizeof(verdict_word) / sizeof(*verdict_word) == V_REFUSED + 1,
	       "a word for every verdict");
_Static_assert(sizeof(verdict_text) / sizeof(*verdict_text) == V_REFUSED + 1,
	       "a text for every verdict");
_Static_assert(sizeof(kind_word) / sizeof(*kind_word) == ARG_PTR + 1,
	       "a word for every kind of argument");

static void print_nr(int nr)
{
	if (nr == CALL_NO_NR)
		printf(" - |");
	else
		printf(" %d |", nr);
}

static void print_arg(const struct arg *arg)
{
	printf("%s", kind_word[arg->kind]);
	switch ((enum arg_kind)arg->kind) {
	case ARG_FLAGS:
		if (arg->type == FL_OPEN)
			printf("(open)");
		break;
	case ARG_IN:
	case ARG_OUT:
	case ARG_OUT_ALL:
	case ARG_IOV_IN:
	case ARG_IOV_OUT:
		printf("[%d]", arg->len);
		break;
	case ARG_OUT_AT:
		printf("[*%d]", arg->len);
		break;
	case ARG_MSG_IN:
	case ARG_MSG_OUT:
		if (arg->len)
			printf("[%d]", arg->len);
		break;
	case ARG_STRUCT_IN:
	case ARG_STRUCT_OUT:
	case ARG_STRUCT_INOUT:
		printf("(%s)", struct_table[arg->type].name);
		break;
	default:
		break;
	}
}

/* What the server makes of the row. */
static void print_traits(const struct call *call)
{
	const char *comma = "";
	int i;

	if (call->traits & T_RUNS) {
		printf("runs its part");
		comma = ", ";
	}
	if (call->traits & T_MODIFIES) {
		printf("%smodifies", comma);
		comma = ", ";
	}
	if (call->traits & T_BOTH) {
		printf("%smade on both sides", comma);
		comma = ", ";
	}
	if (call->traits & T_NOFOLLOW)
		printf("%sfollows no link", comma);
	for (i = 0; i < CALL_ARGS; i++)
		if (call->arg[i].link != LINK_NONE)
			printf("%sfollows a link %s 0x%x in argument %d", comma,
			       call->arg[i].link == LINK_IF_SET ? "with" :
								  "without",
			       call->arg[i].bit, i);
	printf(" |");
}

static void print_call(const struct call *call)
{
	unsigned int nargs = call_nargs(call);
	unsigned int i;

	printf("| %u | `%s` |", call->id, call->name);
	print_nr(call->nr_x86_64);
	print_nr(call->nr_aarch64);
	printf(" %s |", verdict_word[call->verdict]);
	for (i = 0; i < nargs; i++) {
		printf(i ? ", " : " ");
		print_arg(&call->arg[i]);
	}
	printf(" | ");
	print_traits(call);
	printf(" ");
	if (call->err)
		printf("%s: ", strerrorname_np(call->err));
	if (call->of)
		printf("%s request 0x%x", call->of, call->request);
	printf("%s |\n", call->why ? call->why : "");
}

static void print_legacy(const struct legacy *legacy)
{
	const struct call *to = call_by_name(legacy->to);
	unsigned int nargs = to ? call_nargs(to) : 0;
	unsigned int i;

	printf("| `%s` | %d | `%s(", legacy->name, legacy->nr_x86_64,
	       legacy->to);
	for (i = 0; i < nargs; i++) {
		printf("%s", i ? ", " : "");
		if (legacy->arg[i] >= LEGACY_ARG)
			printf("arg%d", legacy->arg[i] - LEGACY_ARG);
		else
			printf("%d", legacy->arg[i]);
	}
	printf(")` |\n");
}

static void print_verdicts(void)
{
	unsigned int count;
	size_t verdict;
	size_t i;

	printf("| verdict | calls | a call with this verdict |\n"
	       "|---|---|---|\n");
	for (verdict = 0; verdict <= V_REFUSED; verdict++) {
		count = 0;
		for (i = 0; i < call_count; i++)
			count += call_table[i].verdict == verdict;
		printf("| %s | %u | %s |\n", verdict_word[verdict], count,
		       verdict_text[verdict]);
	}
}

static const char usage[] =
	"usage: rsc syscalls [--cddl]\n"
	"  --cddl              print the wire protocol instead (docs/protocol.cddl)\n"
	"  --help              this text\n";

static void table_print(void)
{
	size_t i;

	printf("# System calls\n\n"
	       "Printed by `rsc syscalls` from src/call/calls.def; do not edit.\n\n");
	print_verdicts();
	printf("\nA number in brackets is the index of the argument that holds"
	       " the length, counted from 0.\n\n"
	       "| id | call | x86_64 | aarch64 | verdict | arguments | server |"
	       " reason |\n|---|---|---|---|---|---|---|---|\n");
	for (i = 0; i < call_count; i++)
		print_call(&call_table[i]);
	printf("\n## Old calls of x86_64\n\n"
	       "Each is carried out as the call on the right.\n\n"
	       "| call | x86_64 | as |\n|---|---|---|\n");
	for (i = 0; i < legacy_count; i++)
		print_legacy(&legacy_table[i]);
}

int doc_main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "--help")) {
		fputs(usage, stdout);
		return 0;
	}
	if (argc > 1 && (argc > 2 || strcmp(argv[1], "--cddl"))) {
		fputs(usage, stderr);
		return 125;
	}
	if (argc > 1)
		cddl_print();
	else
		table_print();
	if (fflush(stdout) || ferror(stdout)) {
		fprintf(stderr, "rsc: the output could not be written: %s\n",
			strerror(errno));
		return 1;
	}
	return 0;
}
