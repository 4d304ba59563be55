/*
 * A session's sockets, driven frame by frame: names in the file system, rooms
 * behind lengths, options, what a client may not ask for.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "call/option.h"
#include "client.h"
#include "sandbox.h"

static const struct server_opts plain;
static struct client c;

static void set_up(void)
{
	sandbox_enter();
	client_start(&c, &plain);
}

static void tear_down(void)
{
	ck_assert_int_eq(client_stop(&c), 0);
	ck_assert_str_eq(c.text, "");
	sandbox_leave();
}

static int64_t new_socket(int family, int type)
{
	int64_t fd = CALL(&c, 1, "socket", NUM(family), NUM(type), NUM(0));

	ck_assert_int_ge(fd, 0);
	ck_assert_uint_eq(c.req.object,
			  (type & SOCK_DGRAM && !(type & SOCK_STREAM) ?
				   OBJECT_DGRAM :
				   OBJECT_SOCKET) |
				  OBJECT_POLLABLE);
	return fd;
}

static struct value unix_name(const char *path)
{
	static struct sockaddr_un un = { .sun_family = AF_UNIX };

	memset(un.sun_path, 0, sizeof(un.sun_path));
	memcpy(un.sun_path, path, strlen(path));
	return BYTES(&un,
		     offsetof(struct sockaddr_un, sun_path) + strlen(path) + 1);
}

#define NAMED(name, fd, path)                                                  \
	CALL(&c, 1, name, NUM(fd), unix_name(path), NUM(unix_name(path).len))

static struct value int_at(int32_t *num, int32_t value)
{
	*num = value;
	return BYTES(num, sizeof(*num));
}

START_TEST(a_stream_connects_by_its_path)
{
	int64_t listener = new_socket(AF_UNIX, SOCK_STREAM);
	int64_t one = new_socket(AF_UNIX, SOCK_STREAM);
	int32_t room;
	int64_t two;
	struct stat st;

	ck_assert_int_eq(NAMED("bind", listener, "name"), 0);
	ck_assert_int_eq(stat("name", &st), 0);
	ck_assert(S_ISSOCK(st.st_mode));
	ck_assert_int_eq(CALL(&c, 1, "listen", NUM(listener), NUM(1)), 0);
	ck_assert_int_eq(NAMED("connect", one, "name"), 0);
	two = CALL(&c, 1, "accept4", NUM(listener), ROOM(110),
		   int_at(&room, 110), NUM(0));
	ck_assert_int_ge(two, 0);
	ck_assert_int_eq(CALL(&c, 1, "sendto", NUM(one), BYTES("hello", 5),
			      NUM(5), NUM(0), NIL, NUM(0)),
			 5);
	ck_assert_int_eq(CALL(&c, 1, "recvfrom", NUM(two), ROOM(9), NUM(9),
			      NUM(MSG_PEEK), NIL, NIL),
			 5);
	ck_assert_mem_eq(c.req.val[1].data, "hello", 5);
	/* Of a long name comes what there is room for, and its length. */
	ck_assert_int_eq(CALL(&c, 1, "getpeername", NUM(one), ROOM(4),
			      int_at(&room, 4)),
			 0);
	ck_assert_uint_eq(c.req.val[1].len, 4);
	memcpy(&room, c.req.val[2].data, sizeof(room));
	ck_assert_int_eq(room, 7);
	ck_assert_int_eq(CALL(&c, 1, "shutdown", NUM(one), NUM(SHUT_RDWR)), 0);
}
END_TEST

START_TEST(a_datagram_says_how_long_it_was)
{
	int64_t one = new_socket(AF_UNIX, SOCK_DGRAM);
	int64_t two = new_socket(AF_UNIX, SOCK_DGRAM);
	int32_t room;

	ck_assert_int_eq(NAMED("bind", two, "two"), 0);
	ck_assert_int_eq(CALL(&c, 1, "sendto", NUM(one),
			      BYTES("twelve bytes", 12), NUM(12), NUM(0),
			      unix_name("two"), NUM(unix_name("two").len)),
			 12);
	ck_assert_int_eq(CALL(&c, 1, "recvfrom", NUM(two), ROOM(3), NUM(3),
			      NUM(MSG_TRUNC), ROOM(110), int_at(&room, 110)),
			 12);
	ck_assert_uint_eq(c.req.val[1].len, 3);
	ck_assert_mem_eq(c.req.val[1].data, "twe", 3);
}
END_TEST

START_TEST(a_descriptor_closes_on_exec)
{
	int64_t fd = new_socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK);

	ck_assert_int_eq(CALL(&c, 1, "F_GETFL", NUM(fd), NUM(F_GETFL)),
			 O_RDWR | O_NONBLOCK);
	ck_assert_int_eq(CALL(&c, 1, "listen", NUM(fd), NUM(1)), 0);
	ck_assert_int_eq(CALL(&c, 1, "accept4", NUM(fd), NIL, NIL, NUM(0)),
			 -EAGAIN);
}
END_TEST

START_TEST(a_name_does_not_lead_to_the_session)
{
	static const char *const paths[] = { "/proc/self/cwd/sock",
					     "/proc/thread-self/root/sock",
					     "/proc/self/fd/0/sock" };
	int64_t fd = new_socket(AF_UNIX, SOCK_STREAM);

	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		ck_assert_msg(NAMED("bind", fd, paths[i]) == -EACCES, "%s",
			      paths[i]);
		ck_assert_msg(NAMED("connect", fd, paths[i]) == -EACCES, "%s",
			      paths[i]);
	}
}
END_TEST

START_TEST(a_read_only_server_makes_no_socket_file)
{
	const struct server_opts opts = { .read_only = true };
	int64_t fd;

	ck_assert_int_eq(client_stop(&c), 0);
	client_start(&c, &opts);
	fd = new_socket(AF_UNIX, SOCK_STREAM);
	ck_assert_int_eq(NAMED("bind", fd, "name"), -EROFS);
	ck_assert_int_eq(access("name", F_OK), -1);
	ck_assert_int_eq(NAMED("connect", fd, "name"), -ENOENT);
	/* An abstract name is no file. */
	ck_assert_int_eq(CALL(&c, 1, "bind", NUM(fd), BYTES("\1\0", 2), NUM(2)),
			 0);
}
END_TEST

START_TEST(an_option_that_is_not_listed_is_refused)
{
	static const int names[] = { SO_ATTACH_FILTER, SO_ATTACH_BPF, 9999 };
	int64_t fd = new_socket(AF_INET, SOCK_STREAM);
	char value[16] = { 0 };
	int32_t room;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		ck_assert_int_eq(CALL(&c, 1, "setsockopt", NUM(fd),
				      NUM(SOL_SOCKET), NUM(names[i]),
				      BYTES(value, 16), NUM(16)),
				 -ENOPROTOOPT);
		ck_assert_int_eq(CALL(&c, 1, "getsockopt", NUM(fd),
				      NUM(SOL_SOCKET), NUM(names[i]), ROOM(16),
				      int_at(&room, 16)),
				 -ENOPROTOOPT);
	}
	ck_assert_int_eq(CALL(&c, 1, "setsockopt", NUM(fd), NUM(IPPROTO_IP),
			      NUM(64), BYTES(value, 16), NUM(16)),
			 -ENOPROTOOPT);
}
END_TEST

START_TEST(an_option_has_the_length_that_the_kernel_says)
{
	int64_t fd = new_socket(AF_INET, SOCK_STREAM);
	int32_t room;

	ck_assert_int_eq(CALL(&c, 1, "getsockopt", NUM(fd), NUM(SOL_SOCKET),
			      NUM(SO_TYPE), ROOM(1000), int_at(&room, 1000)),
			 0);
	ck_assert_uint_eq(c.req.val[3].len, 4);
	memcpy(&room, c.req.val[3].data, sizeof(room));
	ck_assert_int_eq(room, SOCK_STREAM);
	ck_assert_int_eq(CALL(&c, 1, "getsockopt", NUM(fd), NUM(SOL_SOCKET),
			      NUM(SO_TYPE), ROOM(0), int_at(&room, -1)),
			 -EINVAL);
}
END_TEST

/* The int behind a length may say more than a frame may carry. */
START_TEST(a_room_over_the_limit_is_cut)
{
	int64_t fd = new_socket(AF_INET, SOCK_STREAM);
	int32_t room;

	ck_assert_int_eq(CALL(&c, 1, "getsockopt", NUM(fd), NUM(SOL_SOCKET),
			      NUM(SO_TYPE), ROOM(VALUE_BYTES_MAX),
			      int_at(&room, INT32_MAX)),
			 0);
	ck_assert_uint_eq(c.req.val[3].len, 4);
}
END_TEST

/* A message as the codec's samples have it, and its control. */
static struct value message(const char *data, const void *control, size_t len)
{
	static struct message m;

	m = (struct message){ 0 };
	m.data =
		(struct piece){ (uint8_t *)data, (uint32_t)strlen(data), true };
	m.control = (struct piece){ (uint8_t *)control, (uint32_t)len,
				    control != NULL };
	return (struct value){ .num = 1, .len = 1, .msg = &m };
}

struct rights {
	struct cmsghdr head;
	int32_t fd;
	int32_t pad;
};

static struct rights rights_of(int64_t fd)
{
	struct rights r = { .fd = (int32_t)fd };

	r.head.cmsg_len = CMSG_LEN(4);
	r.head.cmsg_level = SOL_SOCKET;
	r.head.cmsg_type = SCM_RIGHTS;
	return r;
}

static void connected(int64_t *one, int64_t *two)
{
	int64_t listener = new_socket(AF_UNIX, SOCK_STREAM);

	*one = new_socket(AF_UNIX, SOCK_STREAM);
	ck_assert_int_eq(NAMED("bind", listener, "pair"), 0);
	ck_assert_int_eq(CALL(&c, 1, "listen", NUM(listener), NUM(1)), 0);
	ck_assert_int_eq(NAMED("connect", *one, "pair"), 0);
	*two = CALL(&c, 1, "accept4", NUM(listener), NIL, NIL, NUM(0));
	ck_assert_int_ge(*two, 0);
}

START_TEST(a_descriptor_that_came_is_a_handle)
{
	struct message *came;
	struct rights r;
	int64_t file;
	int64_t one;
	int64_t two;

	connected(&one, &two);
	sandbox_write("file", "text");
	file = client_open(&c, 1, "file", O_RDONLY);
	r = rights_of(file);
	ck_assert_int_eq(CALL(&c, 1, "sendmsg", NUM(one),
			      message("x", &r, sizeof(r)), NUM(0)),
			 1);
	ck_assert_int_eq(CALL(&c, 1, "close", NUM(file)), 0);
	ck_assert_int_eq(CALL(&c, 1, "recvmsg", NUM(two),
			      message("....", &r, sizeof(r)), NUM(0)),
			 1);
	came = c.req.val[1].msg;
	ck_assert_uint_eq(came->data.len, 1);
	ck_assert_uint_eq(came->control.len, sizeof(r));
	memcpy(&r, came->control.data, sizeof(r));
	ck_assert_int_eq(CALL(&c, 1, "read", NUM(r.fd), ROOM(9), NUM(9)), 4);
}
END_TEST

START_TEST(a_descriptor_of_the_session_is_not_sent)
{
	struct rights r;
	int64_t one;
	int64_t two;

	connected(&one, &two);
	for (int64_t fd = -1; fd < 6; fd++) {
		r = rights_of(fd);
		ck_assert_int_eq(CALL(&c, 1, "sendmsg", NUM(one),
				      message("x", &r, sizeof(r)), NUM(0)),
				 -EBADF);
	}
	r = rights_of(one);
	r.head.cmsg_len = 1000;
	ck_assert_int_eq(CALL(&c, 1, "sendmsg", NUM(one),
			      message("x", &r, sizeof(r)), NUM(0)),
			 -EINVAL);
	r.head.cmsg_len = 3;
	ck_assert_int_eq(CALL(&c, 1, "sendmsg", NUM(one),
			      message("x", &r, sizeof(r)), NUM(0)),
			 -EINVAL);
}
END_TEST

START_TEST(an_option_is_listed_once)
{
	for (size_t i = 0; i < option_count; i++)
		ck_assert_msg(option_find(option_table[i].level,
					  option_table[i].name) ==
				      &option_table[i],
			      "%s", option_table[i].text);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sockets");
	TCase *calls = tcase_create("calls");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(calls, set_up, tear_down);
	tcase_set_timeout(calls, 60);
	tcase_add_test(calls, a_stream_connects_by_its_path);
	tcase_add_test(calls, a_datagram_says_how_long_it_was);
	tcase_add_test(calls, a_descriptor_closes_on_exec);
	tcase_add_test(calls, a_name_does_not_lead_to_the_session);
	tcase_add_test(calls, a_read_only_server_makes_no_socket_file);
	tcase_add_test(calls, an_option_that_is_not_listed_is_refused);
	tcase_add_test(calls, an_option_has_the_length_that_the_kernel_says);
	tcase_add_test(calls, a_room_over_the_limit_is_cut);
	tcase_add_test(calls, a_descriptor_that_came_is_a_handle);
	tcase_add_test(calls, a_descriptor_of_the_session_is_not_sent);
	tcase_add_test(calls, an_option_is_listed_once);
	suite_add_tcase(suite, calls);

	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
