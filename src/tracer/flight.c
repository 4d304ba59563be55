/* Descriptors in flight. */
#include "tracer/flight.h"

#include <linux/kcmp.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"
#include "tracer/tracee.h"

/* More than a socket's queue has; what is older was thrown away with one. */
#define FLIGHTS_MAX 512

struct flight *flight_add(struct run *run, struct tracee *t, int fd,
			  struct remote *remote)
{
	struct flight **at = &run->flights;
	struct flight *flight = calloc(1, sizeof(*flight));

	if (!flight) {
		close(fd);
		return NULL;
	}
	if (run->nflights >= FLIGHTS_MAX) {
		log_info("a descriptor that was sent long ago is given up");
		flight_lost(run, t, run->flights);
	}
	flight->fd = fd;
	flight->remote = remote;
	if (remote)
		remote->refs++;
	while (*at)
		at = &(*at)->next;
	*at = flight;
	run->nflights++;
	return flight;
}

struct flight *flight_by_fd(const struct run *run, pid_t pid, int fd)
{
	struct flight *f = run->flights;

	while (f && (!f->remote ||
		     syscall(SYS_kcmp, getpid(), pid, KCMP_FILE, f->fd, fd)))
		f = f->next;
	return f;
}

struct flight *flight_by_token(const struct run *run, uint64_t dev,
			       uint64_t ino)
{
	struct flight *f = run->flights;

	while (f && (f->remote || f->dev != dev || f->ino != ino))
		f = f->next;
	return f;
}

struct flight *flight_by_number(const struct run *run, uint32_t number)
{
	struct flight *f = run->flights;

	while (f && (!f->remote || f->number != number))
		f = f->next;
	return f;
}

void flight_end(struct run *run, struct flight *flight)
{
	struct flight **at = &run->flights;

	while (*at != flight)
		at = &(*at)->next;
	*at = flight->next;
	run->nflights--;
	close(flight->fd);
	remote_unref(flight->remote);
	free(flight);
}

void flight_lost(struct run *run, struct tracee *t, struct flight *flight)
{
	struct req req = { .call = call_by_name("rsc_drop") };

	req.val[0].num = flight->number;
	if (flight->remote)
		tell(run, t, &req);
	flight_end(run, flight);
}
