/* Control messages, one after the other. */
#include "call/control.h"

#include <string.h>
#include <sys/socket.h>

_Static_assert(sizeof(struct cmsghdr) == 16, "cmsghdr");
_Static_assert(CMSG_ALIGN(1) == 8, "padding");

struct control control_begin(uint8_t *data, size_t len)
{
	return (struct control){ .at = data, .end = data ? data + len : NULL };
}

bool control_next(struct control *control)
{
	size_t left = (size_t)(control->end - control->at);
	struct cmsghdr head;

	if (!control->at || left < sizeof(head))
		return false;
	memcpy(&head, control->at, sizeof(head));
	if (head.cmsg_len < sizeof(head) || head.cmsg_len > left) {
		control->bad = true;
		return false;
	}
	control->level = head.cmsg_level;
	control->type = head.cmsg_type;
	control->data = control->at + sizeof(head);
	control->len = head.cmsg_len - sizeof(head);
	/* Behind the last one there may be no padding. */
	if (CMSG_ALIGN(head.cmsg_len) > left)
		control->at = control->end;
	else
		control->at += CMSG_ALIGN(head.cmsg_len);
	return true;
}
