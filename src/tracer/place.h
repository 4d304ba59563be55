/* On which CPUs tracer and tracee run. */
#ifndef RSC_PLACE_H
#define RSC_PLACE_H

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

enum place_verdict {
	PLACE_NEVER,   /* there is one CPU */
	PLACE_UNKNOWN, /* not measured, or it did not pay */
	PLACE_TOGETHER,
};

struct place {
	enum place_verdict verdict; /* of the calibration */
	pid_t last;		    /* whose stop was the last */
	unsigned int in_a_row;	    /* stops of last */
	unsigned int others;	    /* stops of others while one is tied */
	long long since;	    /* ms; PLACE_ROW stops ago */
	long long not_before;	    /* ms: nothing is tied until then */
	long long pause;	    /* ms until calibrated again */
	pthread_mutex_t lock;	    /* of what follows */
	atomic_int tied;	    /* thread id of a tracee, or 0 */
	pid_t tracer;		    /* the thread that is tied with it */
	int cpu;
	cpu_set_t theirs;	  /* the tracee's own mask */
	cpu_set_t ours;		  /* the tracer's own */
	bool measured;		  /* delay is */
	unsigned long long delay; /* ns that both have waited for a CPU */
	bool crowded;		  /* others want this CPU: to be let go */
};

/* By the tracer's thread. */
void place_init(struct place *place);
/*
 * The tracer's thread: tracee tid came to a stop or died; status is of
 * waitpid(2). True when the two were tied together just now.
 */
bool place_stop(struct place *place, pid_t tid, int status);
/* The tracer's thread: child is new, and made by parent. */
void place_child(struct place *place, pid_t parent, pid_t child);
/* Any thread: whoever is tied gets its own mask back. */
void place_release(struct place *place);
/* The watcher: called every few ms while stops come, the last time wall ns ago. */
void place_tick(struct place *place, long long wall);
/* Waiting actively for a few tens of us is cheaper than being woken. */
bool place_spins(const struct place *place);

#endif
