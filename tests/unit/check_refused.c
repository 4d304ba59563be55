/*
 * What a peer may not send: each rule of the codec has a frame that breaks
 * it, and the reason that the log will give.
 */
#include <check.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "call/wire.h"

#define SHORT "the frame ends inside its item"
#define KIND "an item of a kind that is not allowed"
#define WIDE "a number in more bytes than it needs"
#define RANGE "an integer in range was expected"
#define LENGTH "a message of the wrong length"
#define BEHIND "bytes behind the item"

/* HELLO [0, "rsc", 1, "arm", 5, "box"] and its beginning. */
#define HELLO "86 00 43 727363 01 43 61726d 05 43 626f78"
#define HELLO_2 "86 00 43 727363 "
/* openat(AT_FDCWD, "/a", 0, 0) */
#define OPENAT "88 01 01 07 13 38 63 42 2f61 00 00"
/* read(3, 100 bytes), write(3, "abc", 3), close(3) */
#define READ "87 01 01 07 01 03 18 64 18 64"
#define WRITE "87 01 01 07 02 03 43 616263 03"
#define CLOSE "85 01 01 07 15 03"
/* settimeofday({1, 2}, {3, 4}) */
#define SETTIME "86 01 01 07 18 a3 82 01 02 82 03 04"
/* readlinkat(AT_FDCWD, "/a", 100 bytes) */
#define READLINK "88 01 01 07 18 3f 38 63 42 2f61 18 64 18 64"

/* sendmsg(3, "hi"), and its beginning */
#define SENDMSG_3 "87 01 01 07 18 7e 03 "
#define SENDMSG SENDMSG_3 "81 83 f6 42 6869 f6 00"
/* recvmsg(3, room for 4 bytes) */
#define RECVMSG "87 01 01 07 18 7f 03 81 83 f6 04 f6 00"
/* sendmmsg(3, two empty messages), recvmmsg(3, one of 4 bytes) */
#define SENDMMSG "88 01 01 07 18 80 03 82 83 f6 40 f6 83 f6 40 f6 02 00"
#define RECVMMSG "89 01 01 07 18 81 03 81 83 f6 04 f6 01 00 f6"
/* getsockname(3, room for 16 bytes) */
#define SOCKNAME "87 01 01 07 18 7a 03 10 81 10"

#define HEAD_RULES(X)                                                          \
	X(empty_frame, "", SHORT)                                              \
	X(not_cbor, "1c", KIND)                                                \
	X(not_an_array, "04", "an array was expected")                         \
	X(empty_array, "80", SHORT)                                            \
	X(map, "a1 04 01", KIND)                                               \
	X(indefinite_array, "9f 04 01 ff", KIND)                               \
	X(indefinite_bytes, "86 00 5f 43 727363 ff 01 41 61 05 41 62", KIND)   \
	X(lone_break, "82 04 ff", KIND)                                        \
	X(tag_on_the_message, "c1 82 04 01", KIND)                             \
	X(tag_on_an_item, "82 04 c1 01", KIND)                                 \
	X(half_float, "82 04 f9 3c00", KIND)                                   \
	X(single_float, "82 04 fa 3f800000", KIND)                             \
	X(double_float, "82 04 fb 3ff0000000000000", KIND)                     \
	X(text_string, "86 00 63 727363 01 41 61 05 41 62", KIND)              \
	X(false_item, "82 04 f4", KIND)                                        \
	X(undefined_item, "82 04 f7", KIND)                                    \
	X(unassigned_simple, "82 04 f8 20", KIND)                              \
	X(reserved_length, "82 04 1d", KIND)                                   \
	X(wide_1_byte, "82 04 18 17", WIDE)                                    \
	X(wide_2_bytes, "82 04 19 00ff", WIDE)                                 \
	X(wide_4_bytes, "82 04 1a 0000ffff", WIDE)                             \
	X(wide_8_bytes, "82 04 1b 00000000ffffffff", WIDE)                     \
	X(wide_array_head, "98 02 04 01", WIDE)                                \
	X(wide_bytes_head, "86 00 58 03 727363 01 41 61 05 41 62", WIDE)       \
	X(longest_length, HELLO_2 "01 5b ffffffffffffffff 61", SHORT)          \
	X(longest_array, "9b ffffffffffffffff 04 01", LENGTH)                  \
	X(length_behind_the_end, HELLO_2 "01 44 61726d", SHORT)                \
	X(unknown_message, "82 07 01", RANGE)                                  \
	X(negative_message, "82 20 01", RANGE)                                 \
	X(task_over_32_bits, "82 04 1b 0000000100000000", RANGE)               \
	X(negative_task, "82 04 20", RANGE)                                    \
	X(null_task, "82 04 f6", RANGE)                                        \
	X(exit_too_long, "83 04 01 01", LENGTH)                                \
	X(exit_too_short, "81 04", LENGTH)                                     \
	X(exit_and_more, "82 04 01 00", BEHIND)                                \
	X(exit_twice, "82 04 01 82 04 01", BEHIND)                             \
	X(cancel_too_short, "82 05 01", LENGTH)                                \
	X(cancel_and_more, "83 05 01 01 f6", BEHIND)                           \
	X(ready_too_short, "83 06 01 01", LENGTH)                              \
	X(ready_and_more, "84 06 01 01 01 01", BEHIND)                         \
	X(ready_of_unknown_bits, "84 06 01 18 20 00",                          \
	  "READY of an unknown kind")                                          \
	X(ready_with_an_unknown_edge, "84 06 01 01 08",                        \
	  "READY with an unknown edge")                                        \
	X(spawn_too_long, "85 03 01 01 01 01", LENGTH)                         \
	X(spawn_and_more, "84 03 01 01 01 80", BEHIND)                         \
	X(spawn_of_unknown_bits, "84 03 01 01 04",                             \
	  "SPAWN shares what is unknown")                                      \
	X(spawn_of_the_top_bit, "84 03 01 01 1a 80000000",                     \
	  "SPAWN shares what is unknown")                                      \
	X(hello_of_another, "86 00 43 727364 01 41 61 05 41 62",               \
	  "HELLO does not say rsc")                                            \
	X(hello_of_a_longer_one, "86 00 44 72736363 01 41 61 05 41 62",        \
	  "HELLO does not say rsc")                                            \
	X(hello_of_a_number, "86 00 01 01 41 61 05 41 62",                     \
	  "bytes were expected")                                               \
	X(hello_too_short, "85 00 43 727363 01 41 61 05", LENGTH)              \
	X(hello_and_more, HELLO " 00", BEHIND)                                 \
	X(hello_of_version_null, HELLO_2 "f6 41 61 05 41 62", RANGE)           \
	X(hello_of_version_over_32_bits,                                       \
	  HELLO_2 "1b 0000000100000000 41 61 05 41 62", RANGE)                 \
	X(hello_of_negative_digest, HELLO_2 "01 41 61 25 41 62", RANGE)        \
	X(hello_of_long_arch,                                                  \
	  HELLO_2 "01 50 61616161616161616161616161616161 05 41 62",           \
	  "a text of HELLO is too long")                                       \
	X(hello_with_an_escape, HELLO_2 "01 41 61 05 43 1b5b6d",               \
	  "a text of HELLO is not plain")                                      \
	X(hello_with_a_newline, HELLO_2 "01 41 0a 05 41 62",                   \
	  "a text of HELLO is not plain")                                      \
	X(hello_with_a_nul, HELLO_2 "01 42 6100 05 41 62",                     \
	  "a text of HELLO is not plain")                                      \
	X(call_without_a_row, "84 01 01 07 00",                                \
	  "a call that no row describes")                                      \
	X(call_behind_the_table, "84 01 01 07 19 ffff",                        \
	  "a call that no row describes")                                      \
	X(call_over_16_bits, "84 01 01 07 1a 00010000", RANGE)                 \
	X(call_of_addresses, "86 01 01 07 18 a5 00 00",                        \
	  "a call that does not travel")                                       \
	X(call_of_a_message_too_short, "83 01 01 07", LENGTH)                  \
	X(call_of_too_many, "86 01 01 07 15 03 03",                            \
	  "a call of the wrong length")                                        \
	X(call_of_too_few, "84 01 01 07 15", "a call of the wrong length")

#define CALL_RULES(X)                                                          \
	X(exit_for_a_call, "82 04 01", "a CALL was expected")                  \
	X(reply_for_a_call, "84 02 01 07 00", "a CALL was expected")           \
	X(call_and_more, CLOSE " 00", BEHIND)                                  \
	X(call_cut_off, "85 01 01 07 15", SHORT)                               \
	X(handle_over_int, "85 01 01 07 15 1a 80000000",                       \
	  "an argument out of range")                                          \
	X(handle_under_int, "85 01 01 07 15 3a 80000000",                      \
	  "an argument out of range")                                          \
	X(handle_over_int64, "85 01 01 07 15 1b ffffffffffffffff",             \
	  "an argument out of range")                                          \
	X(handle_under_int64, "85 01 01 07 15 3b ffffffffffffffff",            \
	  "an integer argument")                                               \
	X(handle_null, "85 01 01 07 15 f6", "an integer argument")             \
	X(handle_of_bytes, "85 01 01 07 15 41 03", "an integer argument")      \
	X(dirfd_over_int, "88 01 01 07 13 1a 80000000 42 2f61 00 00",          \
	  "an argument out of range")                                          \
	X(negative_flags, "88 01 01 07 13 38 63 42 2f61 20 00",                \
	  "a negative argument")                                               \
	X(negative_size, "87 01 01 07 01 03 18 64 20", "a negative argument")  \
	X(size_null, "87 01 01 07 01 03 18 64 f6", "an integer argument")      \
	X(path_of_a_number, "88 01 01 07 13 38 63 05 00 00",                   \
	  "an argument of bytes")                                              \
	X(path_of_true, "88 01 01 07 13 38 63 f5 00 00",                       \
	  "an argument of bytes")                                              \
	X(path_of_an_array, "88 01 01 07 13 38 63 80 00 00",                   \
	  "an argument of bytes")                                              \
	X(path_with_a_nul, "88 01 01 07 13 38 63 43 2f0061 00 00",             \
	  "a NUL inside a string")                                             \
	X(path_ending_in_nul, "88 01 01 07 13 38 63 43 2f6100 00 00",          \
	  "a NUL inside a string")                                             \
	X(path_of_the_longest_length,                                          \
	  "88 01 01 07 13 38 63 5b ffffffffffffffff 61 00 00", SHORT)          \
	X(capacity_over_the_limit,                                             \
	  "87 01 01 07 01 03 1a 00100001 1a 00100001",                         \
	  "a capacity out of range")                                           \
	X(capacity_over_32_bits, "87 01 01 07 01 03 1b 0000000100000000 00",   \
	  "a capacity out of range")                                           \
	X(capacity_largest, "87 01 01 07 01 03 1b ffffffffffffffff 00",        \
	  "a capacity out of range")                                           \
	X(capacity_negative, "87 01 01 07 01 03 20 00",                        \
	  "a capacity out of range")                                           \
	X(capacity_of_bytes, "87 01 01 07 01 03 41 00 01",                     \
	  "a capacity out of range")                                           \
	X(capacity_of_iov_over_the_limit, "87 01 01 07 05 03 1a 00100001 01",  \
	  "a capacity out of range")                                           \
	X(capacity_over_its_size, "87 01 01 07 01 03 18 65 18 64",             \
	  "a length that does not agree")                                      \
	X(capacity_under_its_size, "87 01 01 07 01 03 18 63 18 64",            \
	  "a length that does not agree")                                      \
	X(bytes_over_their_length, "87 01 01 07 02 03 43 616263 02",           \
	  "a length that does not agree")                                      \
	X(bytes_under_their_length, "87 01 01 07 02 03 43 616263 04",          \
	  "a length that does not agree")                                      \
	X(bytes_with_a_negative_length,                                        \
	  "88 01 01 07 18 3f 38 63 42 2f61 18 64 20",                          \
	  "a length that does not agree")                                      \
	X(struct_of_bytes, "86 01 01 07 18 a3 41 00 82 03 04",                 \
	  "a structure of the wrong length")                                   \
	X(struct_of_true, "86 01 01 07 18 a3 f5 82 03 04",                     \
	  "a structure of the wrong length")                                   \
	X(struct_too_short, "86 01 01 07 18 a3 81 01 82 03 04",                \
	  "a structure of the wrong length")                                   \
	X(struct_too_long, "86 01 01 07 18 a3 83 01 02 03 82 03 04",           \
	  "a structure of the wrong length")                                   \
	X(struct_field_over, "86 01 01 07 18 a3 82 01 02 82 1a 80000000 04",   \
	  "a field out of range")                                              \
	X(struct_field_under, "86 01 01 07 18 a3 82 01 02 82 3a 80000000 04",  \
	  "a field out of range")                                              \
	X(struct_field_over_int64,                                             \
	  "86 01 01 07 18 a3 82 1b 8000000000000000 02 82 03 04",              \
	  "a field out of range")                                              \
	X(struct_field_under_int64,                                            \
	  "86 01 01 07 18 a3 82 3b 8000000000000000 02 82 03 04",              \
	  "a field out of range")                                              \
	X(struct_field_null, "86 01 01 07 18 a3 82 f6 02 82 03 04",            \
	  "a field out of range")                                              \
	X(struct_unsigned_field_negative,                                      \
	  "88 01 01 07 18 6d 01 01 03 82 20 00", "a field out of range")       \
	X(struct_unsigned_field_over_32_bits,                                  \
	  "88 01 01 07 18 6d 01 01 03 82 1b 0000000100000000 00",              \
	  "a field out of range")                                              \
	X(messages_of_a_number, SENDMSG_3 "05 00", "an array of messages")     \
	X(messages_none_for_one, SENDMSG_3 "80 00",                            \
	  "one message was expected")                                          \
	X(messages_two_for_one, SENDMSG_3 "82 83 f6 40 f6 83 f6 40 f6 00",     \
	  "one message was expected")                                          \
	X(messages_too_many, "88 01 01 07 18 80 03 99 0401 83 f6 40 f6 02 00", \
	  "an array of messages")                                              \
	X(messages_and_another_number,                                         \
	  "88 01 01 07 18 80 03 81 83 f6 40 f6 02 00",                         \
	  "a length that does not agree")                                      \
	X(message_too_short, SENDMSG_3 "81 82 f6 40 00", LENGTH)               \
	X(message_too_long, SENDMSG_3 "81 84 f6 40 f6 f6 00", LENGTH)          \
	X(message_without_data, SENDMSG_3 "81 83 f6 f6 f6 00",                 \
	  "a message without data")                                            \
	X(message_of_a_name_that_is_a_number, SENDMSG_3 "81 83 05 40 f6 00",   \
	  "a part of a message out of range")                                  \
	X(message_of_a_room_that_is_bytes,                                     \
	  "87 01 01 07 18 7f 03 81 83 f6 41 61 f6 00",                         \
	  "a part of a message out of range")                                  \
	X(message_of_a_long_name, "87 01 01 07 18 7f 03 81 83 18 81 00 f6 00", \
	  "a part of a message out of range")                                  \
	X(message_of_too_much_room,                                            \
	  "87 01 01 07 18 7f 03 81 83 f6 1a 00100001 f6 00",                   \
	  "a part of a message out of range")                                  \
	X(message_of_too_much_room_for_control,                                \
	  "87 01 01 07 18 7f 03 81 83 f6 1a 00100000 01 00",                   \
	  "a part of a message out of range")                                  \
	X(messages_of_too_much_room_together,                                  \
	  "89 01 01 07 18 81 03 82 83 f6 1a 00100000 f6 83 f6 01 f6 02 00 f6", \
	  "a part of a message out of range")                                  \
	X(message_of_the_longest_length,                                       \
	  SENDMSG_3 "81 83 f6 5b ffffffffffffffff 61 f6 00", SHORT)            \
	X(room_and_another_length, "87 01 01 07 18 7a 03 10 81 18 20",         \
	  "a length that does not agree")                                      \
	X(room_of_a_negative_length, "87 01 01 07 18 7a 03 10 81 20",          \
	  "a length that does not agree")                                      \
	X(room_without_a_length, "87 01 01 07 18 7a 03 10 f6",                 \
	  "a length that does not agree")                                      \
	X(struct_wanted_by_a_number, "86 01 01 07 18 27 03 01",                \
	  "true or null was expected")

/* The call that was made, and the answer to it. */
#define REPLY_RULES(X)                                                         \
	X(call_for_a_reply, CLOSE, CLOSE, "a REPLY was expected")              \
	X(exit_for_a_reply, CLOSE, "82 04 01", "a REPLY was expected")         \
	X(reply_and_more, CLOSE, "84 02 01 07 00 00", BEHIND)                  \
	X(reply_without_result, CLOSE, "83 02 01 07", LENGTH)                  \
	X(reply_of_null, CLOSE, "84 02 01 07 f6", RANGE)                       \
	X(reply_over_int64, CLOSE, "84 02 01 07 1b 8000000000000000", RANGE)   \
	X(reply_under_int64, CLOSE, "84 02 01 07 3b 8000000000000000", RANGE)  \
	X(errno_out_of_range, CLOSE, "84 02 01 07 39 0fff",                    \
	  "an errno out of range")                                             \
	X(errno_far_out_of_range, CLOSE, "84 02 01 07 3b 7fffffffffffffff",    \
	  "an errno out of range")                                             \
	X(errno_with_an_output, READ, "85 02 01 07 20 40",                     \
	  "a reply of the wrong length")                                       \
	X(output_left_out, READ, "84 02 01 07 00",                             \
	  "a reply of the wrong length")                                       \
	X(output_too_many, CLOSE, "85 02 01 07 00 40",                         \
	  "a reply of the wrong length")                                       \
	X(handle_without_an_object, OPENAT, "84 02 01 07 03",                  \
	  "a reply of the wrong length")                                       \
	X(object_without_a_file, OPENAT, "85 02 01 07 03 00",                  \
	  "a reply of the wrong length")                                       \
	X(inode_left_out, OPENAT, "86 02 01 07 03 00 00",                      \
	  "a reply of the wrong length")                                       \
	X(inode_null, OPENAT, "87 02 01 07 03 00 00 f6", RANGE)                \
	X(errno_with_an_object, OPENAT, "87 02 01 07 20 00 00 00",             \
	  "a reply of the wrong length")                                       \
	X(object_of_unknown_kind, OPENAT, "87 02 01 07 03 06 00 00",           \
	  "an object of unknown kind")                                         \
	X(object_of_unknown_kind_to_poll, OPENAT, "87 02 01 07 03 0e 00 00",   \
	  "an object of unknown kind")                                         \
	X(object_of_unknown_bits, OPENAT, "87 02 01 07 03 10 00 00", RANGE)    \
	X(object_null, OPENAT, "87 02 01 07 03 f6 00 00", RANGE)               \
	X(handle_of_openat_over_int, OPENAT,                                   \
	  "87 02 01 07 1a 80000000 00 00 00", "a handle out of range")         \
	X(read_of_more_than_asked, "87 01 01 07 01 03 02 02",                  \
	  "85 02 01 07 03 43 616263", "a result of more than asked")           \
	X(read_of_nothing_answered, "87 01 01 07 01 03 00 00",                 \
	  "85 02 01 07 01 40", "a result of more than asked")                  \
	X(read_to_null_answered, "87 01 01 07 01 03 f6 05",                    \
	  "85 02 01 07 05 f6", "a result of more than asked")                  \
	X(readv_of_more_than_asked, "87 01 01 07 05 03 02 01",                 \
	  "85 02 01 07 03 43 616263", "a result of more than asked")           \
	X(readv_of_nothing_answered, "87 01 01 07 05 03 00 01",                \
	  "85 02 01 07 01 40", "a result of more than asked")                  \
	X(write_of_more_than_given, WRITE, "84 02 01 07 04",                   \
	  "a result of more than asked")                                       \
	X(writev_of_more_than_given, "87 01 01 07 06 03 43 616263 01",         \
	  "84 02 01 07 04", "a result of more than asked")                     \
	X(writev_of_nothing_answered, "87 01 01 07 06 03 40 01",               \
	  "84 02 01 07 01", "a result of more than asked")                     \
	X(xattr_of_more_than_asked, "88 01 01 07 18 53 42 2f61 41 62 02 02",   \
	  "85 02 01 07 03 43 616263", "a result of more than asked")           \
	X(output_over_its_result, READ, "85 02 01 07 02 43 616263",            \
	  "an output of another length")                                       \
	X(output_under_its_result, READ, "85 02 01 07 04 43 616263",           \
	  "an output of another length")                                       \
	X(output_of_a_number, READ, "85 02 01 07 03 03",                       \
	  "an output of another length")                                       \
	X(output_of_an_array, READ, "85 02 01 07 03 83 01 02 03",              \
	  "an output of another length")                                       \
	X(output_missing, READ, "85 02 01 07 00 f6", "an output is missing")   \
	X(output_not_asked_for, "86 01 01 07 18 27 03 f6",                     \
	  "85 02 01 07 00 80", "an output that was not asked for")             \
	X(message_of_more_than_room, RECVMSG,                                  \
	  "85 02 01 07 05 81 86 f6 00 45 6162636465 f6 00 05",                 \
	  "a part of a message out of range")                                  \
	X(message_of_a_name_not_asked_for, RECVMSG,                            \
	  "85 02 01 07 00 81 86 41 61 00 40 f6 00 00",                         \
	  "a part of a message out of range")                                  \
	X(message_of_control_not_asked_for, RECVMSG,                           \
	  "85 02 01 07 00 81 86 f6 00 40 40 00 00",                            \
	  "a part that was not asked for")                                     \
	X(message_without_its_data, RECVMSG,                                   \
	  "85 02 01 07 00 81 86 f6 00 f6 f6 00 00",                            \
	  "a part that was not asked for")                                     \
	X(message_of_flags_over_32_bits, RECVMSG,                              \
	  "85 02 01 07 00 81 86 f6 00 40 f6 1b 0000000100000000 00", RANGE)    \
	X(message_of_another_result, RECVMSG,                                  \
	  "85 02 01 07 03 81 86 f6 00 42 6162 f6 00 02",                       \
	  "a message of another result")                                       \
	X(message_left_out, RECVMSG, "85 02 01 07 00 80",                      \
	  "an array of messages")                                              \
	X(message_of_bytes, RECVMSG, "85 02 01 07 00 40",                      \
	  "an array of messages")                                              \
	X(messages_of_more_than_asked, RECVMMSG,                               \
	  "86 02 01 07 02 82 86 f6 00 40 f6 00 00 86 f6 00 40 f6 00 00 f6",    \
	  "more messages than asked")                                          \
	X(messages_of_another_number, SENDMMSG, "85 02 01 07 02 81 00",        \
	  "an array of messages")                                              \
	X(messages_sent_of_more_than_given, SENDMMSG,                          \
	  "85 02 01 07 02 82 00 01", "a message of more than asked")           \
	X(message_sent_of_more_than_given, SENDMSG, "85 02 01 07 03 81 03",    \
	  "a message of more than asked")                                      \
	X(room_overflows, SOCKNAME,                                            \
	  "86 02 01 07 00 51 6161616161616161616161616161616161 81 18 20",     \
	  "an output of another length")                                       \
	X(room_and_another_length_back, SOCKNAME,                              \
	  "86 02 01 07 00 42 6161 81 07", "an output of another length")       \
	X(struct_back_too_short, "86 01 01 07 18 27 03 f5",                    \
	  "85 02 01 07 00 80", "a structure of the wrong length")              \
	X(struct_back_of_bytes, "86 01 01 07 18 27 03 f5",                     \
	  "85 02 01 07 00 41 00", "a structure of the wrong length")           \
	X(struct_back_with_short_bytes, "85 01 01 07 18 85 f5",                \
	  "85 02 01 07 00 86 41 61 41 61 41 61 41 61 41 61 41 61",             \
	  "a field of bytes")                                                  \
	X(struct_back_with_a_field_over, "86 01 01 07 18 a2 f5 f5",            \
	  "86 02 01 07 00 82 01 02 82 1a 80000000 00", "a field out of range")

static struct arena arena;
static uint8_t frame[256];
static uint8_t *block;
static uint8_t large[VALUE_BYTES_MAX + 64];

static void teardown(void)
{
	arena_free(&arena);
	free(block);
}

static size_t unhex(const char *text)
{
	size_t len = 0;

	while (*text) {
		char pair[3] = { text[0], text[0] == ' ' ? 0 : text[1] };

		if (*text == ' ') {
			text++;
			continue;
		}
		frame[len++] = (uint8_t)strtoul(pair, NULL, 16);
		text += 2;
	}
	return len;
}

/* The frame in memory of just its size, so that a sanitizer sees its end. */
static uint8_t *exact(size_t len)
{
	block = malloc(len ? len : 1);
	if (len)
		memcpy(block, frame, len);
	return block + !len;
}

static void same_reason(int err, const char **why, const char *rule)
{
	ck_assert_int_eq(err, -EPROTO);
	ck_assert_ptr_nonnull(*why);
	ck_assert_str_eq(*why, rule);
}

static void refuse_head(const char *text, const char *rule)
{
	struct msg_head head;
	const char *why = NULL;
	size_t len = unhex(text);

	same_reason(wire_get_head(exact(len), len, &head, &why), &why, rule);
}

static void refuse_call(const char *text, const char *rule)
{
	struct req req;
	const char *why = NULL;
	size_t len = unhex(text);

	same_reason(wire_get_call(exact(len), len, &req, &arena, &why), &why,
		    rule);
}

/* The request that a tracer would have sent as text. */
static struct req ask(const char *text)
{
	struct req req;
	const char *why = "";
	size_t len = unhex(text);

	ck_assert_msg(!wire_get_call(frame, len, &req, &arena, &why), "%s: %s",
		      text, why);
	return req;
}

static void refuse_reply(const char *asked, const char *text, const char *rule)
{
	struct req req = ask(asked);
	const char *why = NULL;
	size_t len = unhex(text);

	same_reason(wire_get_reply(exact(len), len, &req, &arena, &why), &why,
		    rule);
}

#define HEAD_TEST(name, text, rule)                                            \
	START_TEST(name)                                                       \
	{                                                                      \
		refuse_head(text, rule);                                       \
	}                                                                      \
	END_TEST
#define CALL_TEST(name, text, rule)                                            \
	START_TEST(name)                                                       \
	{                                                                      \
		refuse_call(text, rule);                                       \
	}                                                                      \
	END_TEST
#define REPLY_TEST(name, asked, text, rule)                                    \
	START_TEST(name)                                                       \
	{                                                                      \
		refuse_reply(asked, text, rule);                               \
	}                                                                      \
	END_TEST
HEAD_RULES(HEAD_TEST)
CALL_RULES(CALL_TEST)
REPLY_RULES(REPLY_TEST)

START_TEST(what_the_rules_are_broken_on_is_accepted)
{
	static const char *const calls[] = {
		OPENAT,
		READ,
		WRITE,
		CLOSE,
		SETTIME,
		SENDMSG,
		RECVMSG,
		SENDMMSG,
		RECVMMSG,
		SOCKNAME,
		"87 01 01 07 18 7e 03 f6 00",
		READLINK,
		/* NULL everywhere it may be */
		"88 01 01 07 13 38 63 f6 00 00",
		"87 01 01 07 01 03 f6 18 64",
		"87 01 01 07 02 03 f6 00",
		"86 01 01 07 18 a3 f6 f6",
		"86 01 01 07 18 27 03 f6",
		"86 01 01 07 18 27 03 f5",
		/* a negative length with an empty buffer: the kernel's error */
		"88 01 01 07 18 3f 38 63 42 2f61 00 20",
		/* the largest capacity, and the limits of int */
		"87 01 01 07 01 03 1a 00100000 1a 00100000",
		"85 01 01 07 15 1a 7fffffff",
		"85 01 01 07 15 3a 7fffffff",
	};
	struct msg_head head;
	const char *why = "";

	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++)
		ask(calls[i]);
	ck_assert_int_eq(wire_get_head(frame, unhex(HELLO), &head, &why), 0);
	ck_assert_str_eq(head.hello.arch, "arm");
	ck_assert_str_eq(head.hello.name, "box");
}
END_TEST

START_TEST(what_replies_break_is_accepted)
{
	static const char *const trips[][2] = {
		{ READ, "85 02 01 07 03 43 616263" },
		{ READ, "84 02 01 07 20" },
		{ READ, "84 02 01 07 39 0ffe" },
		{ WRITE, "84 02 01 07 03" },
		{ OPENAT, "87 02 01 07 1a 7fffffff 0c 1b ffffffffffffffff 00" },
		{ OPENAT, "87 02 01 07 00 00 00 00" },
		{ CLOSE, "84 02 01 07 00" },
		{ SENDMSG, "85 02 01 07 02 81 02" },
		{ SENDMMSG, "85 02 01 07 01 81 00" },
		{ RECVMSG, "85 02 01 07 02 81 86 f6 00 42 6162 f6 00 02" },
		/* its whole length (MSG_TRUNC) */
		{ RECVMSG, "85 02 01 07 18 63 81 86 f6 00 42 6162 f6 00 1863" },
		{ RECVMMSG, "86 02 01 07 00 80 f6" },
		{ SOCKNAME, "86 02 01 07 00 42 6161 81 02" },
		{ "86 01 01 07 18 27 03 f6", "85 02 01 07 00 f6" },
		{ "86 01 01 07 18 a2 f5 f5", "86 02 01 07 00 82 0102 82 0300" },
		/* how large is it? */
		{ "88 01 01 07 18 53 42 2f61 41 62 00 00", "85 02010705 40" },
		{ "88 01 01 07 18 53 42 2f61 41 62 f6 00", "85 02010705 f6" },
	};

	for (size_t i = 0; i < sizeof(trips) / sizeof(*trips); i++) {
		struct req req = ask(trips[i][0]);
		const char *why = "";
		size_t len = unhex(trips[i][1]);

		ck_assert_msg(!wire_get_reply(frame, len, &req, &arena, &why),
			      "%s to %s: %s", trips[i][1], trips[i][0], why);
	}
}
END_TEST

START_TEST(a_path_of_path_max_bytes)
{
	struct req req = ask(OPENAT);
	struct buf out = { 0 };
	const char *why = NULL;

	memset(large, 'a', PATH_MAX);
	req.val[1].data = large;
	req.val[1].len = PATH_MAX - 1;
	ck_assert_int_eq(wire_put_call(&out, &req), 0);
	ck_assert_int_eq(wire_get_call(out.data + 4, out.len - 4, &req, &arena,
				       &why),
			 0);
	ck_assert_uint_eq(req.val[1].len, PATH_MAX - 1);
	ck_assert_uint_eq(req.val[1].data[PATH_MAX - 1], 0);
	req.val[1].data = large;
	req.val[1].len = PATH_MAX;
	out.len = 0;
	ck_assert_int_eq(wire_put_call(&out, &req), 0);
	same_reason(wire_get_call(out.data + 4, out.len - 4, &req, &arena,
				  &why),
		    &why, "an argument that is too long");
	buf_free(&out);
}
END_TEST

START_TEST(bytes_over_the_limit)
{
	static const char *const calls[] = { WRITE,
					     "87 01 01 07 06 03 43 616263 01" };

	for (unsigned int i = 0; i < 2; i++) {
		struct req req = ask(calls[i]);
		struct buf out = { 0 };
		const char *why = NULL;

		req.val[1].data = large;
		req.val[1].len = VALUE_BYTES_MAX + 1;
		req.val[2].num = VALUE_BYTES_MAX + 1;
		ck_assert_int_eq(wire_put_call(&out, &req), 0);
		same_reason(wire_get_call(out.data + 4, out.len - 4, &req,
					  &arena, &why),
			    &why, "an argument that is too long");
		buf_free(&out);
	}
}
END_TEST

START_TEST(a_read_of_100_bytes_answered_with_101)
{
	struct req asked = ask(READ);
	struct req req = asked;
	struct buf out = { 0 };
	const char *why = NULL;

	req.ret = 101;
	req.val[1].data = large;
	req.val[1].len = 101;
	ck_assert_int_eq(wire_put_reply(&out, &req), 0);
	same_reason(wire_get_reply(out.data + 4, out.len - 4, &asked, &arena,
				   &why),
		    &why, "a result of more than asked");
	buf_free(&out);
}
END_TEST

START_TEST(a_frame_too_large_is_not_written)
{
	struct req req = ask(WRITE);
	struct buf out = { 0 };

	ck_assert_int_eq(buf_add(&out, "kept", 4), 0);
	req.val[1].len = 5u << 20;
	req.val[1].data = calloc(1, req.val[1].len);
	ck_assert_int_eq(wire_put_call(&out, &req), -EMSGSIZE);
	ck_assert_uint_eq(out.len, 4);
	free(req.val[1].data);
	buf_free(&out);
}
END_TEST

START_TEST(a_host_name_is_made_plain)
{
	struct hello hello = { .arch = "x86_64",
			       .name = "a\033[1m\n\xff"
				       "b" };
	struct buf out = { 0 };
	struct msg_head head;
	const char *why;

	ck_assert_int_eq(wire_put_hello(&out, &hello), 0);
	ck_assert_int_eq(wire_get_head(out.data + 4, out.len - 4, &head, &why),
			 0);
	ck_assert_str_eq(head.hello.name, "a?[1m??b");
	buf_free(&out);
}
END_TEST

#define ADD(name, ...) tcase_add_test(tc, name);

int main(void)
{
	Suite *suite = suite_create("refused");
	TCase *tc = tcase_create("rules");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, NULL, teardown);
	HEAD_RULES(ADD)
	CALL_RULES(ADD)
	REPLY_RULES(ADD)
	ADD(what_the_rules_are_broken_on_is_accepted)
	ADD(what_replies_break_is_accepted)
	ADD(a_path_of_path_max_bytes)
	ADD(bytes_over_the_limit)
	ADD(a_read_of_100_bytes_answered_with_101)
	ADD(a_frame_too_large_is_not_written)
	ADD(a_host_name_is_made_plain)
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
