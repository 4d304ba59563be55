/*
 * TLS: the relay that encrypts, and the handshake.
 *
 * Theory of Operation
 *
 * A channel is two descriptors, so TLS is a process between the connection and
 * a socket pair. It is forked before any key is read: neither the session nor
 * the tracer ever holds one. It tells by a pipe how the handshake ended, then
 * moves bytes both ways until one side is closed; what it has got by then still
 * goes on.
 */
#include "transport/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/io.h"
#include "transport/channel.h"
#include "transport/key.h"

#define SUITES "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256"
#define TEXT 256

/* How it went, from the relay. */
struct verdict {
	int err;
	char text[TEXT];
};

static struct key *keys; /* in the relay only */
static int nkeys;

/* ---- who is who ---- */

static SSL_SESSION *session_of(SSL *ssl, const struct key *key)
{
	/* Only the suite's digest matters: that of the key. */
	static const unsigned char suite[] = { 0x13, 0x01 };
	const SSL_CIPHER *cipher = SSL_CIPHER_find(ssl, suite);
	SSL_SESSION *session = SSL_SESSION_new();

	if (session && cipher &&
	    SSL_SESSION_set1_master_key(session, key->secret, KEY_SIZE) &&
	    SSL_SESSION_set_cipher(session, cipher) &&
	    SSL_SESSION_set_protocol_version(session, TLS1_3_VERSION))
		return session;
	SSL_SESSION_free(session);
	return NULL;
}

static int show_key(SSL *ssl, const EVP_MD *md, const unsigned char **id,
		    size_t *idlen, SSL_SESSION **session)
{
	/* A second question may ask for another digest than a key has. */
	if (md && !EVP_MD_is_a(md, "SHA256")) {
		*session = NULL;
		return 1;
	}
	*session = session_of(ssl, &keys[0]);
	*id = (const unsigned char *)keys[0].name;
	*idlen = strlen(keys[0].name);
	return *session != NULL;
}

static int find_key(SSL *ssl, const unsigned char *id, size_t idlen,
		    SSL_SESSION **session)
{
	*session = NULL;
	for (int i = 0; i < nkeys; i++) {
		if (strlen(keys[i].name) != idlen ||
		    memcmp(keys[i].name, id, idlen))
			continue;
		*session = session_of(ssl, &keys[i]);
		SSL_set_app_data(ssl, keys[i].name);
		return *session != NULL;
	}
	return 1;
}

static void library_error(char *text, size_t size, const char *what)
{
	unsigned long code = ERR_get_error();
	const char *reason = ERR_SYSTEM_ERROR(code) ?
				     strerror(ERR_GET_REASON(code)) :
				     ERR_reason_error_string(code);

	snprintf(text, size, "%s: %s", what,
		 reason ? reason : "no reason is given");
}

static int use_keys(SSL_CTX *ctx, const char *path, char *text, size_t size)
{
	keys = calloc(KEYS_MAX, sizeof(*keys));
	if (!keys)
		return -ENOMEM;
	nkeys = key_read(path, keys, text, size);
	if (nkeys < 0)
		return nkeys;
	SSL_CTX_set_psk_use_session_callback(ctx, show_key);
	SSL_CTX_set_psk_find_session_callback(ctx, find_key);
	return 0;
}

static int use_certificate(SSL_CTX *ctx, const struct channel_opts *opts,
			   char *text, size_t size)
{
	int fd = key_open(opts->cert_key, text, size);

	if (fd < 0)
		return fd;
	close(fd);
	if (SSL_CTX_use_certificate_chain_file(ctx, opts->cert) != 1) {
		library_error(text, size, opts->cert);
		return -EINVAL;
	}
	if (SSL_CTX_use_PrivateKey_file(ctx, opts->cert_key,
					SSL_FILETYPE_PEM) != 1 ||
	    SSL_CTX_check_private_key(ctx) != 1) {
		library_error(text, size, opts->cert_key);
		return -EINVAL;
	}
	if (SSL_CTX_load_verify_file(ctx, opts->ca) != 1) {
		library_error(text, size, opts->ca);
		return -EINVAL;
	}
	return 0;
}

static SSL_CTX *new_context(const struct channel_opts *opts, char *text,
			    size_t size)
{
	bool cert = opts->cert || opts->cert_key || opts->ca;
	SSL_CTX *ctx;
	int err = 0;

	if (!opts->key && (!opts->cert || !opts->cert_key || !opts->ca)) {
		snprintf(text, size, "%s",
			 "nobody would be known: give --key FILE (rsc keygen makes one), or all of --cert, --cert-key and --ca");
		return NULL;
	}
	OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
	ctx = SSL_CTX_new(TLS_method());
	if (!ctx || !SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) ||
	    !SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION) ||
	    !SSL_CTX_set_ciphersuites(ctx, SUITES) ||
	    !SSL_CTX_set_num_tickets(ctx, 0) ||
	    !SSL_CTX_set_max_early_data(ctx, 0)) {
		library_error(text, size, "TLS cannot be set up");
		SSL_CTX_free(ctx);
		return NULL;
	}
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE |
				      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	/* Without --ca nobody signs for anybody: a certificate is refused. */
	SSL_CTX_set_verify(ctx,
			   SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
			   NULL);
	if (opts->key)
		err = use_keys(ctx, opts->key, text, size);
	if (!err && cert)
		err = use_certificate(ctx, opts, text, size);
	if (!err)
		return ctx;
	SSL_CTX_free(ctx);
	return NULL;
}

/* What was made of them, that of this connection alone, is all that is left. */
static void forget_keys(SSL *ssl)
{
	static const unsigned char none[KEY_SIZE];
	SSL_SESSION *session = ssl ? SSL_get_session(ssl) : NULL;

	if (session)
		SSL_SESSION_set1_master_key(session, none, KEY_SIZE);
	if (keys)
		explicit_bzero(keys, KEYS_MAX * sizeof(*keys));
	free(keys);
	keys = NULL;
}

/* In a child, so that no key was ever in this process. */
int tls_ready(const struct channel_opts *opts, char *text, size_t size)
{
	struct verdict verdict = { 0 };
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC))
		return -errno;
	pid = fork();
	if (!pid) {
		if (!new_context(opts, verdict.text, sizeof(verdict.text)))
			verdict.err = -EPERM;
		(void)!write(fds[1], &verdict, sizeof(verdict));
		_exit(0);
	}
	close(fds[1]);
	if (pid < 0 || io_read_all(fds[0], &verdict, sizeof(verdict))) {
		verdict.err = -EIO;
		strcpy(verdict.text, "TLS cannot be started");
	}
	close(fds[0]);
	if (pid > 0)
		waitpid(pid, NULL, 0);
	snprintf(text, size, "%s", verdict.text);
	return verdict.err;
}

/* ---- the handshake ---- */

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* A certificate of a server is for the host that we asked for. */
static int expect_host(SSL *ssl, const char *host)
{
	X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
	unsigned char addr[sizeof(struct in6_addr)];

	if (inet_pton(AF_INET, host, addr) == 1 ||
	    inet_pton(AF_INET6, host, addr) == 1)
		return X509_VERIFY_PARAM_set1_ip_asc(param, host);
	SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return SSL_set_tlsext_host_name(ssl, host) && SSL_set1_host(ssl, host);
}

/* The other side has shown a key or a certificate, or it is not let in. */
static int check_peer(SSL *ssl, const struct channel_opts *opts,
		      struct verdict *verdict)
{
	X509 *cert = SSL_get0_peer_certificate(ssl);
	const char *name = SSL_get_app_data(ssl);

	if (opts->key && SSL_session_reused(ssl)) {
		snprintf(verdict->text, TEXT, "key %s",
			 name ? name : keys[0].name);
		return 0;
	}
	if (opts->ca && cert && SSL_get_verify_result(ssl) == X509_V_OK) {
		strcpy(verdict->text, "certificate ");
		X509_NAME_oneline(X509_get_subject_name(cert),
				  verdict->text + strlen(verdict->text),
				  TEXT - 20);
		return 0;
	}
	strcpy(verdict->text, "the other side has shown no key");
	return -EACCES;
}

static int handshake(SSL *ssl, int sock, const struct channel_opts *opts,
		     struct verdict *verdict)
{
	unsigned int limit = opts->login_ms ? opts->login_ms : LOGIN_MS;
	int64_t end = now_ms() + limit;
	struct pollfd p = { .fd = sock };
	int64_t left;
	int ret;
	int err;

	for (;;) {
		ERR_clear_error();
		ret = SSL_do_handshake(ssl);
		if (ret == 1)
			return check_peer(ssl, opts, verdict);
		err = SSL_get_error(ssl, ret);
		if (err != SSL_ERROR_WANT_READ && err != SSL_ERROR_WANT_WRITE)
			break;
		p.events = err == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT;
		left = end - now_ms();
		if (left <= 0 || !poll(&p, 1, (int)left)) {
			strcpy(verdict->text, "no answer in time");
			return -ETIMEDOUT;
		}
	}
	if (err == SSL_ERROR_SYSCALL ||
	    ERR_GET_REASON(ERR_peek_error()) ==
		    SSL_R_UNEXPECTED_EOF_WHILE_READING)
		snprintf(verdict->text, TEXT,
			 "the connection was closed in the handshake; does the other side know this key, and speak tls?");
	else
		library_error(
			verdict->text, TEXT,
			opts->key ?
				"the handshake failed (is it the same key?)" :
				"the handshake failed");
	return -EACCES;
}

/* ---- the relay ---- */

struct flow {
	uint8_t data[64 << 10];
	size_t from;
	size_t to;
};

static bool is_empty(const struct flow *flow)
{
	return flow->from == flow->to;
}

/* What SSL_read or SSL_write waits for; false at the end. */
static bool waits(SSL *ssl, int ret, short *events)
{
	switch (SSL_get_error(ssl, ret)) {
	case SSL_ERROR_WANT_READ:
		*events |= POLLIN;
		return true;
	case SSL_ERROR_WANT_WRITE:
		*events |= POLLOUT;
		return true;
	default:
		return false;
	}
}

/* From the network to the pair: 1 when something moved, -1 at the end. */
static int move_down(SSL *ssl, int fd, struct flow *down, struct pollfd *p)
{
	int moved = 0;
	ssize_t n;

	if (is_empty(down)) {
		ERR_clear_error();
		n = SSL_read(ssl, down->data, sizeof(down->data));
		if (n <= 0)
			return waits(ssl, (int)n, &p[0].events) ? 0 : -1;
		down->from = 0;
		down->to = (size_t)n;
		moved = 1;
	}
	n = send(fd, down->data + down->from, down->to - down->from,
		 MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0 && errno == EAGAIN) {
		p[1].events |= POLLOUT;
		return moved;
	}
	if (n < 0 && errno != EINTR)
		return -1;
	down->from += n > 0 ? (size_t)n : 0;
	return 1;
}

/* The other way; what was written before the end is sent. */
static int move_up(SSL *ssl, int fd, struct flow *up, struct pollfd *p)
{
	int moved = 0;
	ssize_t n;

	if (is_empty(up)) {
		n = recv(fd, up->data, sizeof(up->data), MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
			p[1].events |= POLLIN;
			return 0;
		}
		if (n <= 0)
			return -1;
		up->from = 0;
		up->to = (size_t)n;
		moved = 1;
	}
	ERR_clear_error();
	n = SSL_write(ssl, up->data + up->from, (int)(up->to - up->from));
	if (n <= 0)
		return waits(ssl, (int)n, &p[0].events) ? moved : -1;
	up->from += (size_t)n;
	return 1;
}

/* Both directions until one ends. A reader that stopped reading ends both. */
static void relay(SSL *ssl, int sock, int fd)
{
	static struct flow down;
	static struct flow up;
	struct pollfd p[2] = { { .fd = sock }, { .fd = fd } };
	int got;
	int put;

	do {
		p[0].events = 0;
		p[1].events = 0;
		got = move_down(ssl, fd, &down, p);
		put = move_up(ssl, fd, &up, p);
		if (!got && !put)
			poll(p, 2, -1);
	} while (got >= 0 && put >= 0);
	if (put < 0)
		SSL_shutdown(ssl);
}

/* A key's session needs a context to be taken from a client. */
static void be_server(SSL *ssl)
{
	SSL_set_session_id_context(ssl, (const unsigned char *)"rsc", 3);
	SSL_set_accept_state(ssl);
}

static void __attribute__((noreturn))
run_relay(int sock, int fd, int tell, const char *host,
	  const struct channel_opts *opts)
{
	struct verdict verdict = { 0 };
	sigset_t none;
	SSL_CTX *ctx;
	SSL *ssl;

	/* Until somebody is known it ends with who waits for it. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, "rsc-tls");
	/* No debugger of the same user reads keys in it. */
	prctl(PR_SET_DUMPABLE, 0);
	setsid();
	signal(SIGPIPE, SIG_IGN);
	signal(SIGTERM, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	verdict.err = -EPERM;
	ctx = new_context(opts, verdict.text, TEXT);
	ssl = ctx ? SSL_new(ctx) : NULL;
	fcntl(sock, F_SETFL, fcntl(sock, F_GETFL) | O_NONBLOCK);
	if (ssl && SSL_set_fd(ssl, sock) && (!host || expect_host(ssl, host))) {
		if (host)
			SSL_set_connect_state(ssl);
		else
			be_server(ssl);
		verdict.err = handshake(ssl, sock, opts, &verdict);
	} else if (ssl) {
		library_error(verdict.text, TEXT, "TLS cannot be set up");
	}
	forget_keys(ssl);
	prctl(PR_SET_PDEATHSIG, 0);
	if (write(tell, &verdict, sizeof(verdict)) != sizeof(verdict) ||
	    verdict.err)
		_exit(1);
	close(tell);
	relay(ssl, sock, fd);
	_exit(0);
}

/* Nothing of the caller's but these stays open in the relay. */
static void keep_three(int *sock, int *fd, int *tell)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	*sock = fcntl(*sock, F_DUPFD_CLOEXEC, 10);
	*fd = fcntl(*fd, F_DUPFD_CLOEXEC, 10);
	*tell = fcntl(*tell, F_DUPFD_CLOEXEC, 10);
	dup2(null, 0);
	dup2(null, 1);
	dup2(*sock, 3);
	dup2(*fd, 4);
	dup2(*tell, 5);
	*sock = 3;
	*fd = 4;
	*tell = 5;
	close_range(6, ~0u, 0);
}

int tls_start(int sock, int *fd, const char *host,
	      const struct channel_opts *opts, char *text, size_t size)
{
	struct verdict verdict = { 0 };
	int pair[2];
	int tell[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return -errno;
	if (pipe2(tell, O_CLOEXEC)) {
		close(pair[0]);
		close(pair[1]);
		return -EMFILE;
	}
	pid = fork();
	if (!pid) {
		keep_three(&sock, &pair[1], &tell[1]);
		run_relay(sock, pair[1], tell[1], host, opts);
	}
	close(pair[1]);
	close(tell[1]);
	if (pid < 0 || io_read_all(tell[0], &verdict, sizeof(verdict))) {
		verdict.err = pid < 0 ? -EAGAIN : -EIO;
		strcpy(verdict.text, "TLS cannot be started");
	}
	close(tell[0]);
	verdict.text[TEXT - 1] = '\0';
	snprintf(text, size, "%s", verdict.text);
	*fd = pair[0];
	if (!verdict.err)
		return pid;
	close(pair[0]);
	if (pid > 0)
		waitpid(pid, NULL, 0);
	return verdict.err;
}
