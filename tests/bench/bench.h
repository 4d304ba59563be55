/*
 * How the programs of this directory measure: a call is made in batches of
 * about a few milliseconds, and the mean of every batch is printed, so that
 * whoever reads them can take a median and see the spread.
 */
#ifndef RSC_BENCH_H
#define RSC_BENCH_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define BENCH_BATCHES 15
#define BENCH_BATCH_NSEC 4000000.0
#define BENCH_BATCH_MAX 1000000ul

static inline double bench_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/* Nanoseconds a call of step over n calls. */
static inline double bench_batch(void (*step)(void *), void *arg,
				 unsigned long n)
{
	double begin = bench_now();

	for (unsigned long i = 0; i < n; i++)
		step(arg);
	return (bench_now() - begin) / (double)n;
}

/* Prints "NSEC NSEC ...", a mean for each batch. */
static inline void bench_run(void (*step)(void *), void *arg)
{
	unsigned long n = 1;
	double nsec;

	do {
		nsec = bench_batch(step, arg, n) * (double)n;
		if (nsec < BENCH_BATCH_NSEC)
			n *= 2;
	} while (nsec < BENCH_BATCH_NSEC && n < BENCH_BATCH_MAX);
	for (int i = 0; i < BENCH_BATCHES; i++)
		printf("%.1f ", bench_batch(step, arg, n));
	putchar('\n');
	fflush(stdout);
}

static inline void bench_die(const char *what)
{
	perror(what);
	exit(1);
}

#endif
