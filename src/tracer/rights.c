/* Descriptors that travel in messages between processes. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/log.h"
#include "call/control.h"
#include "tracer/hooks.h"

int rights_send(struct tracee *t, struct piece *control)
{
	struct control at = control_begin(control->data, control->len);
	struct entry *e;
	int32_t fd;

	while (control_next(&at)) {
		if (at.level != SOL_SOCKET || at.type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < at.len / sizeof(fd); i++) {
			memcpy(&fd, at.data + sizeof(fd) * i, sizeof(fd));
			e = files_get(t->files, fd);
			if (!e) {
				log_err("descriptor %d of this machine cannot go through a socket of the server: EINVAL",
					fd);
				return -EINVAL;
			}
			memcpy(at.data + sizeof(fd) * i, &e->handle,
			       sizeof(fd));
		}
	}
	return 0;
}
