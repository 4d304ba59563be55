/*
 * Reads every clock through the C library: six readings of real time, one
 * resolution, and clocks of this kernel. Prints CLOCK_MONOTONIC and
 * CLOCK_BOOTTIME in seconds.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/time.h>
#include <time.h>

#ifndef CLOCK_TAI
#define CLOCK_TAI 11
#endif

int main(void)
{
	static const clockid_t real[] = { CLOCK_REALTIME, CLOCK_TAI,
					  CLOCK_REALTIME_COARSE,
					  CLOCK_REALTIME_ALARM };
	time_t now = time(NULL);
	struct timespec mono;
	struct timespec boot;
	struct timespec ts;
	struct timeval tv;

	for (int i = 0; i < 4; i++) {
		/* A machine without a real-time clock has no alarms. */
		if (clock_gettime(real[i], &ts) && errno == EINVAL &&
		    real[i] == CLOCK_REALTIME_ALARM)
			continue;
		/* TAI is ahead by the leap seconds, where the kernel knows. */
		if (ts.tv_sec < now - 1 || ts.tv_sec > now + 60) {
			printf("clock %d is at %ld, time is %ld\n", real[i],
			       (long)ts.tv_sec, (long)now);
			return 1;
		}
	}
	if (gettimeofday(&tv, NULL) || tv.tv_sec < now ||
	    tv.tv_sec > now + 60 || clock_getres(CLOCK_REALTIME, &ts) ||
	    ts.tv_sec || !ts.tv_nsec)
		return 1;
	if (clock_gettime(CLOCK_MONOTONIC, &mono) ||
	    clock_gettime(CLOCK_BOOTTIME, &boot) ||
	    clock_gettime(CLOCK_MONOTONIC_COARSE, &ts) ||
	    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts) || ts.tv_sec ||
	    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts) || ts.tv_sec)
		return 1;
	printf("%ld %ld\n", (long)mono.tv_sec, (long)boot.tv_sec);
	return 0;
}
