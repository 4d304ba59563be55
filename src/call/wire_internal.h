/* What writing and reading of messages have in common. */
#ifndef RSC_WIRE_INTERNAL_H
#define RSC_WIRE_INTERNAL_H

#include "call/wire.h"

/* Text that goes to a terminal: printable ASCII only. */
bool wire_is_plain(uint8_t c);
/* No argument of the row is an address. */
bool wire_travels(const struct call *call);
bool wire_is_msg(const struct arg *arg);
/* The argument comes back with the reply. */
bool wire_is_out(const struct arg *arg);
/* The int behind the pointer that is the length of argument i, cut to max. */
size_t wire_int_at(const struct req *req, unsigned int i, size_t max);
/* How many bytes of output buffer i hold something. */
size_t wire_valid(const struct req *req, unsigned int i);

#endif
