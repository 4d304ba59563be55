/* How a stop ends: the result, the way to the next stop, and what is counted. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tracer/memory.h"
#include "tracer/tracee.h"

static void cont(struct tracee *t, int request)
{
	arena_reset(&t->arena);
	ptrace(request, t->pid, 0, 0);
}

void account(struct run *run, struct tracee *t, int64_t ret)
{
	struct stats *s;
	struct timespec now;

	if (t->launching)
		return; /* rsc looks for the program */
	if (run->trace.on)
		print_call(run, t, ret);
	/* What follows is what the summary says. */
	if (!t->call || !run->summary)
		return;
	s = &run->stats[t->call->id];
	clock_gettime(CLOCK_MONOTONIC, &now);
	s->calls++;
	s->errors += ret < 0 && ret >= -4095;
	s->nsec += (uint64_t)((now.tv_sec - t->start.tv_sec) * 1000000000L +
			      now.tv_nsec - t->start.tv_nsec);
	if ((t->call->ret == RET_LEN || t->call->ret == RET_SIZE ||
	     t->call->ret == RET_TRUNC) &&
	    ret > 0)
		s->bytes += (uint64_t)ret;
}

/* The call is a part of the program's: its result goes to who made it. */
static bool is_part(struct run *run, struct tracee *t, int64_t ret)
{
	then_fn then = t->if_done;

	if (!then)
		return false;
	t->if_done = NULL;
	t->result = ret;
	keeper_end(run, t);
	then(run, t);
	return true;
}

void finish_skip(struct run *run, struct tracee *t, int64_t ret)
{
	if (is_part(run, t, ret))
		return;
	account(run, t, ret);
	t->state = T_RUNNING;
	t->then = NULL;
	signal_release(t);
	if (!arch_skip(t->pid, ret))
		cont(t, PTRACE_CONT);
	keeper_end(run, t);
}

void let_go(struct run *run, struct tracee *t)
{
	t->state = T_RUNNING;
	t->then = NULL;
	signal_release(t);
	cont(t, PTRACE_CONT);
	keeper_end(run, t);
}

void let_go_then(struct run *run, struct tracee *t, then_fn then)
{
	(void)run;
	t->state = T_FINISHING;
	t->then = then;
	signal_release(t);
	ptrace(PTRACE_SYSCALL, t->pid, 0, 0);
}

void finish_exit(struct run *run, struct tracee *t, int64_t ret)
{
	account(run, t, ret);
	t->state = T_RUNNING;
	signal_release(t);
	if (ret == t->regs.ret || !arch_set_ret(t->pid, ret))
		cont(t, PTRACE_CONT);
	keeper_end(run, t);
}

int64_t whole_result(const struct tracee *t, int64_t ret)
{
	if (!t->at)
		return ret;
	/* What was done is the result; the error comes again. */
	return ret > 0 ? ret + (int64_t)t->at : (int64_t)t->at;
}

/*
 * Calls on regular files move all they are asked to, and so does a write that
 * may block: their parts are one call. A read of anything else gives what is
 * there.
 */
/* MSG_WAITALL */
static bool waits_for_all(const struct tracee *t)
{
	uint32_t flags = message_flags(t);

	return t->call->ret == RET_TRUNC && flags & MSG_WAITALL &&
	       !(flags & MSG_PEEK);
}

static bool goes_on(const struct tracee *t, int64_t ret)
{
	struct entry *e = files_get(t->files, (int32_t)t->arg[0]);
	bool file;

	if (t->more && t->call->arg[1].kind == ARG_MSG_IN)
		return ret == (int64_t)t->req.val[1].msg->data.len;
	if (!t->more || ret != VALUE_BYTES_MAX || !e)
		return false;
	file = (e->remote->object & ~(uint32_t)OBJECT_POLLABLE) == OBJECT_FILE;
	return file || t->call->arg[1].kind == ARG_IN ||
	       t->call->arg[1].kind == ARG_IOV_IN || waits_for_all(t);
}

bool reply_left(struct tracee *t, int64_t ret)
{
	return t->req.ret > 0 && ret < t->req.ret &&
	       files_get(t->files, (int32_t)t->arg[0]) &&
	       t->call->ret == RET_LEN && t->call->arg[3].type != UI_OFFSET;
}

/* The reply gave ret to the program. */
static void stored(struct run *run, struct tracee *t, int64_t ret)
{
	int err;

	if (goes_on(t, ret)) {
		t->at += (uint64_t)ret;
		if (t->size_left != UINT64_MAX)
			t->size_left -= (uint64_t)ret;
		arena_reset(&t->arena);
		err = fetch(t);
		if (!err) {
			ask(run, t, t->if_remote ? t->if_remote : finish_reply);
			return;
		}
		ret = err;
	}
	ret = whole_result(t, ret);
	if (shared_late(run, t, ret))
		return;
	raise_for(t, ret);
	finish_both(run, t, ret);
}

static void unread(struct run *run, struct tracee *t)
{
	t->req = *t->asked;
	stored(run, t, t->result);
}

void finish_left(struct run *run, struct tracee *t)
{
	struct entry *e = files_get(t->files, (int32_t)t->arg[0]);
	int64_t left = t->req.ret - (t->result > 0 ? t->result : 0);

	t->asked = arena_alloc(&t->arena, sizeof(*t->asked));
	if (!e || !t->asked) {
		stored(run, t, t->result);
		return;
	}
	*t->asked = t->req;
	t->req = (struct req){ .call = call_by_name("lseek") };
	t->req.val[0].num = (uint64_t)e->handle;
	t->req.val[1].num = (uint64_t)-left;
	t->req.val[2].num = SEEK_CUR;
	ask(run, t, unread);
}

void finish_reply(struct run *run, struct tracee *t)
{
	t->result = store(t);
	if (reply_left(t, t->result))
		finish_left(run, t);
	else
		stored(run, t, t->result);
}

static void made_here(struct run *run, struct tracee *t)
{
	finish_exit(run, t, t->result);
}

/*
 * Credentials hold for what the program does here too: signals, priorities,
 * memory. This kernel may know less of them (EPERM), and then keeps its own.
 */
void finish_both(struct run *run, struct tracee *t, int64_t ret)
{
	if (!(t->call->traits & T_BOTH) || ret < 0) {
		finish_skip(run, t, ret);
		return;
	}
	cache_share(&run->cache);
	t->result = ret;
	let_go_then(run, t, made_here);
}

void raise_for(struct tracee *t, int64_t ret)
{
	struct entry *e = files_get(t->files, (int32_t)t->arg[0]);
	bool sends = t->call->classes & C_NETWORK;

	if (ret != -EPIPE || (e && e->remote->quiet))
		return;
	if (sends ? !(message_flags(t) & MSG_NOSIGNAL) : !t->call->of)
		syscall(SYS_tgkill, t->tgid, t->pid, SIGPIPE);
}
