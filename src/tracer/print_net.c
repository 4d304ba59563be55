/* What the trace line says of sockets: families, addresses, options, messages. */
#include <arpa/inet.h>
#include <inttypes.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "call/control.h"
#include "call/option.h"
#include "tracer/tracee.h"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#define TYPE_MASK 0xf /* linux/net.h: SOCK_TYPE_MASK */

struct word {
	uint32_t value;
	const char *name;
};

#define WORD(name)                                                             \
	{                                                                      \
		name, #name                                                    \
	}

static const struct word families[] = {
	WORD(AF_UNSPEC), WORD(AF_UNIX),	     WORD(AF_INET), WORD(AF_INET6),
	WORD(AF_PACKET), WORD(AF_NETLINK),   WORD(AF_ALG),  WORD(AF_VSOCK),
	WORD(AF_XDP),	 WORD(AF_BLUETOOTH),
};
static const struct word types[] = {
	WORD(SOCK_STREAM), WORD(SOCK_DGRAM),	 WORD(SOCK_RAW),
	WORD(SOCK_RDM),	   WORD(SOCK_SEQPACKET), WORD(SOCK_DCCP),
	WORD(SOCK_PACKET),
};
static const struct word type_bits[] = { WORD(SOCK_CLOEXEC),
					 WORD(SOCK_NONBLOCK) };
static const struct word levels[] = {
	WORD(SOL_SOCKET),
	{ IPPROTO_IP, "SOL_IP" },
	{ IPPROTO_TCP, "SOL_TCP" },
	{ IPPROTO_UDP, "SOL_UDP" },
	{ IPPROTO_IPV6, "SOL_IPV6" },
	{ IPPROTO_ICMPV6, "SOL_ICMPV6" },
	{ IPPROTO_RAW, "SOL_RAW" },
	WORD(SOL_NETLINK),
	WORD(SOL_PACKET),
};
static const struct word hows[] = { WORD(SHUT_RD), WORD(SHUT_WR),
				    WORD(SHUT_RDWR) };
static const struct word controls[] = { WORD(SCM_RIGHTS),
					WORD(SCM_CREDENTIALS) };
static const struct word msg_bits[] = {
	WORD(MSG_OOB),	      WORD(MSG_PEEK),	  WORD(MSG_DONTROUTE),
	WORD(MSG_CTRUNC),     WORD(MSG_TRUNC),	  WORD(MSG_DONTWAIT),
	WORD(MSG_EOR),	      WORD(MSG_WAITALL),  WORD(MSG_CONFIRM),
	WORD(MSG_ERRQUEUE),   WORD(MSG_NOSIGNAL), WORD(MSG_MORE),
	WORD(MSG_WAITFORONE), WORD(MSG_FASTOPEN), WORD(MSG_CMSG_CLOEXEC),
};

static void put_word(struct buf *out, const struct word *words, size_t n,
		     uint32_t value)
{
	for (size_t i = 0; i < n; i++) {
		if (words[i].value != value)
			continue;
		put(out, "%s", words[i].name);
		return;
	}
	put(out, "%#" PRIx32, value);
}

/* first: nothing stands before them. */
static void put_bits(struct buf *out, const struct word *words, size_t n,
		     uint32_t value, bool first)
{
	if (first && !value)
		put(out, "0");
	for (size_t i = 0; i < n; i++) {
		if (!(value & words[i].value))
			continue;
		put(out, "%s%s", first ? "" : "|", words[i].name);
		value &= ~words[i].value;
		first = false;
	}
	if (value)
		put(out, "%s%#" PRIx32, first ? "" : "|", value);
}

#define PUT_WORD(out, words, value)                                            \
	put_word(out, words, ARRAY_SIZE(words), (uint32_t)(value))
#define PUT_BITS(out, words, value)                                            \
	put_bits(out, words, ARRAY_SIZE(words), (uint32_t)(value), true)

static void put_type(struct buf *out, uint32_t type)
{
	PUT_WORD(out, types, type & TYPE_MASK);
	if (type & ~(uint32_t)TYPE_MASK)
		put_bits(out, type_bits, ARRAY_SIZE(type_bits),
			 type & ~(uint32_t)TYPE_MASK, false);
}

/* ---- addresses ---- */

static void put_inet(struct buf *out, const struct sockaddr_in *in)
{
	char host[INET_ADDRSTRLEN];

	inet_ntop(AF_INET, &in->sin_addr, host, sizeof(host));
	put(out, ", sin_port=htons(%u), sin_addr=inet_addr(\"%s\")",
	    ntohs(in->sin_port), host);
}

static void put_inet6(struct buf *out, const struct sockaddr_in6 *in6)
{
	char host[INET6_ADDRSTRLEN];

	inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof(host));
	put(out,
	    ", sin6_port=htons(%u), sin6_flowinfo=htonl(%" PRIu32
	    "), inet_pton(AF_INET6, \"%s\", &sin6_addr), sin6_scope_id=%" PRIu32,
	    ntohs(in6->sin6_port), ntohl(in6->sin6_flowinfo), host,
	    in6->sin6_scope_id);
}

static void put_unix(struct buf *out, const struct sockaddr_un *un, size_t len)
{
	const uint8_t *path = (const uint8_t *)un->sun_path;
	size_t size = len - offsetof(struct sockaddr_un, sun_path);

	if (size && !*path) {
		put(out, ", sun_path=@");
		put_bytes(out, path + 1, size - 1, SIZE_MAX);
	} else if (size) {
		put(out, ", sun_path=");
		put_bytes(out, path, strnlen(un->sun_path, size), SIZE_MAX);
	}
}

static void put_sockaddr(struct buf *out, const uint8_t *data, size_t len)
{
	struct sockaddr_storage sa = { 0 };
	const struct sockaddr_nl *nl = (const void *)&sa;

	if (len < sizeof(sa_family_t) || len > sizeof(sa)) {
		put_bytes(out, data, len, SIZE_MAX);
		return;
	}
	memcpy(&sa, data, len);
	put(out, "{sa_family=");
	PUT_WORD(out, families, sa.ss_family);
	if (sa.ss_family == AF_INET && len >= sizeof(struct sockaddr_in)) {
		put_inet(out, (const void *)&sa);
	} else if (sa.ss_family == AF_INET6 &&
		   len >= sizeof(struct sockaddr_in6)) {
		put_inet6(out, (const void *)&sa);
	} else if (sa.ss_family == AF_UNIX &&
		   len <= sizeof(struct sockaddr_un)) {
		put_unix(out, (const void *)&sa, len);
	} else if (sa.ss_family == AF_NETLINK && len >= sizeof(*nl)) {
		put(out, ", nl_pid=%" PRIu32 ", nl_groups=%08" PRIx32,
		    nl->nl_pid, nl->nl_groups);
	} else if (len > sizeof(sa_family_t)) {
		put(out, ", sa_data=");
		put_bytes(out, data + sizeof(sa_family_t),
			  len - sizeof(sa_family_t), SIZE_MAX);
	}
	put(out, "}");
}

/* ---- options ---- */

static void put_option_value(struct buf *out, const struct trace *trace,
			     const struct option *option, const uint8_t *data,
			     size_t len)
{
	int32_t n[4];

	memset(n, 0, sizeof(n));
	memcpy(n, data, len < sizeof(n) ? len : sizeof(n));
	if (!option)
		put_bytes(out, data, len, trace->len);
	else if (option->form == OPT_INT && len == 4)
		put(out, "[%" PRId32 "]", n[0]);
	else if (option->form == OPT_LINGER && len == 8)
		put(out, "{l_onoff=%" PRId32 ", l_linger=%" PRId32 "}", n[0],
		    n[1]);
	else if (option->form == OPT_UCRED && len == 12)
		put(out, "{pid=%" PRId32 ", uid=%" PRId32 ", gid=%" PRId32 "}",
		    n[0], n[1], n[2]);
	else
		put_bytes(out, data, len, trace->len);
}

/* ---- messages ---- */

static void put_control(struct buf *out, const struct trace *trace,
			const struct piece *piece)
{
	struct control at = control_begin(piece->data, piece->len);
	const char *sep = "";
	int32_t fd;

	put(out, ", msg_control=[");
	while (control_next(&at)) {
		put(out, "%s{cmsg_len=%zu, cmsg_level=", sep,
		    at.len + sizeof(struct cmsghdr));
		PUT_WORD(out, levels, at.level);
		put(out, ", cmsg_type=");
		if (at.level == SOL_SOCKET)
			PUT_WORD(out, controls, at.type);
		else
			put(out, "%#" PRIx32, (uint32_t)at.type);
		put(out, ", cmsg_data=");
		if (at.level == SOL_SOCKET && at.type == SCM_RIGHTS) {
			for (size_t i = 0; i < at.len / sizeof(fd); i++) {
				memcpy(&fd, at.data + i * sizeof(fd),
				       sizeof(fd));
				put(out, "%s%" PRId32, i ? ", " : "[", fd);
			}
			put(out, "]}");
		} else {
			put_bytes(out, at.data, at.len, trace->len);
			put(out, "}");
		}
		sep = ", ";
	}
	put(out, "]");
}

static void put_message(struct buf *out, const struct trace *trace,
			const struct message *m)
{
	put(out, "{msg_name=");
	if (m->name.given)
		put_sockaddr(out, m->name.data, m->name.len);
	else
		put(out, "NULL");
	put(out, ", msg_iov=[{iov_base=");
	put_bytes(out, m->data.data, m->data.len, trace->len);
	put(out, ", iov_len=%" PRIu32 "}], msg_controllen=%" PRIu32,
	    m->data.len, m->control.len);
	if (m->control.given && m->control.len)
		put_control(out, trace, &m->control);
	put(out, ", msg_flags=");
	PUT_BITS(out, msg_bits, m->flags);
	put(out, "}");
}

static bool put_messages(struct buf *out, const struct trace *trace,
			 const struct tracee *t, unsigned int i,
			 const struct value *v)
{
	size_t n = v->msg ? v->len : 0;

	/* What was to come is not there when the call failed. */
	if (!n || (t->call->arg[i].kind == ARG_MSG_OUT && t->req.ret < 0))
		return false;
	if (t->call->arg[i].len && (uint64_t)t->req.ret < n)
		n = (size_t)t->req.ret;
	if (!t->call->arg[i].len) {
		put_message(out, trace, v->msg);
		return true;
	}
	put(out, "[");
	for (size_t k = 0; k < n; k++) {
		put(out, "%s{msg_hdr=", k ? ", " : "");
		put_message(out, trace, &v->msg[k]);
		put(out, ", msg_len=%" PRId64 "}", v->msg[k].done);
	}
	put(out, "]");
	return true;
}

/* ---- arguments ---- */

static bool put_int(struct buf *out, const struct tracee *t, unsigned int i)
{
	uint32_t value = (uint32_t)t->arg[i];
	const struct option *option;

	switch ((enum int_type)t->call->arg[i].type) {
	case IN_FAMILY:
		PUT_WORD(out, families, value);
		return true;
	case IN_HOW:
		PUT_WORD(out, hows, value);
		return true;
	case IN_LEVEL:
		PUT_WORD(out, levels, value);
		return true;
	case IN_OPTION:
		option = option_find((int)t->arg[i - 1], (int)value);
		if (option)
			put(out, "%s", option->text);
		else
			put(out, "%#" PRIx32, value);
		return true;
	default:
		return false;
	}
}

bool put_net(struct buf *out, const struct trace *trace, struct tracee *t,
	     unsigned int i, const struct value *v)
{
	const struct arg *arg = &t->call->arg[i];

	switch ((enum arg_kind)arg->kind) {
	case ARG_INT:
		return put_int(out, t, i);
	case ARG_FLAGS:
		if (arg->type == FL_MSG)
			PUT_BITS(out, msg_bits, t->arg[i]);
		else if (arg->type == FL_SOCKET && i == 1)
			put_type(out, (uint32_t)t->arg[i]);
		else if (arg->type == FL_SOCKET)
			PUT_BITS(out, type_bits, t->arg[i]);
		return arg->type == FL_MSG || arg->type == FL_SOCKET;
	case ARG_IN:
	case ARG_OUT_AT:
		if (!v->data || (arg->kind == ARG_OUT_AT && t->req.ret < 0))
			return false;
		if (arg->type == BY_ADDRESS)
			put_sockaddr(out, v->data, v->len);
		else if (arg->type == BY_OPTION)
			put_option_value(out, trace,
					 option_find((int)t->arg[1],
						     (int)t->arg[2]),
					 v->data, v->len);
		return arg->type != BY_NONE;
	case ARG_MSG_IN:
	case ARG_MSG_OUT:
		return put_messages(out, trace, t, i, v);
	default:
		return false;
	}
}
