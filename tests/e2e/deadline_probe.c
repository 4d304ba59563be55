/*
 * Waits a while in every call that takes an absolute real time. Prints for each
 * whether it took as long as it should; the monotonic clock is this kernel's.
 */
#include <errno.h>
#include <mqueue.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define WAIT_MS 150
#define MOST_MS 20000

static struct timespec shared;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static volatile sig_atomic_t rang;

static void ring(int sig)
{
	(void)sig;
	rang++;
}

static struct timespec after(int ms)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	ts.tv_sec += ms / 1000;
	ts.tv_nsec += ms % 1000 * 1000000L;
	if (ts.tv_nsec >= 1000000000) {
		ts.tv_sec++;
		ts.tv_nsec -= 1000000000;
	}
	return ts;
}

static int by_semaphore(void)
{
	struct timespec ts = after(WAIT_MS);
	struct timespec was = ts;
	sem_t sem;

	sem_init(&sem, 0, 0);
	if (!sem_timedwait(&sem, &ts) || errno != ETIMEDOUT)
		return 1;
	/* Nothing is left of the other time. */
	return memcmp(&ts, &was, sizeof(ts));
}

static int by_condition(void)
{
	pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
	struct timespec ts = after(WAIT_MS);
	int err;

	pthread_mutex_lock(&lock);
	err = pthread_cond_timedwait(&cond, &lock, &ts);
	pthread_mutex_unlock(&lock);
	return err != ETIMEDOUT;
}

static void *wait_shared(void *sem)
{
	return (void *)(long)(!sem_timedwait(sem, &shared) ||
			      errno != ETIMEDOUT);
}

/* Four threads wait for the same timespec. */
static int by_threads(void)
{
	pthread_t thread[4];
	long bad = 0;
	sem_t sem;

	sem_init(&sem, 0, 0);
	shared = after(WAIT_MS);
	for (int i = 0; i < 4; i++)
		pthread_create(&thread[i], NULL, wait_shared, &sem);
	for (int i = 0; i < 4; i++) {
		void *ret;

		pthread_join(thread[i], &ret);
		bad += (long)ret;
	}
	return bad != 0;
}

static int by_sleep(void)
{
	struct timespec ts = after(WAIT_MS);

	return clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &ts, NULL);
}

/* A handler runs in the middle of it; then it goes on. */
static int by_interrupted_sleep(void)
{
	struct itimerspec it = { .it_value.tv_nsec = 30000000 };
	struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL,
			       .sigev_signo = SIGALRM };
	struct timespec ts = after(WAIT_MS);
	timer_t timer;
	int err;

	rang = 0;
	timer_create(CLOCK_MONOTONIC, &ev, &timer);
	timer_settime(timer, 0, &it, NULL);
	do {
		err = clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &ts, NULL);
	} while (err == EINTR);
	timer_delete(timer);
	return err || !rang;
}

static int by_timerfd(void)
{
	struct itimerspec it = { .it_value = after(WAIT_MS) };
	int fd = timerfd_create(CLOCK_REALTIME, 0);
	unsigned long long n = 0;

	if (timerfd_settime(fd, TFD_TIMER_ABSTIME, &it, NULL))
		return 1;
	if (read(fd, &n, sizeof(n)) != sizeof(n))
		return 1;
	close(fd);
	return n != 1;
}

static int by_timer(void)
{
	struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL,
			       .sigev_signo = SIGALRM };
	struct itimerspec it = { .it_value = after(WAIT_MS) };
	sigset_t set;
	timer_t timer;
	int sig;

	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	if (timer_create(CLOCK_REALTIME, &ev, &timer) ||
	    timer_settime(timer, TIMER_ABSTIME, &it, NULL))
		return 1;
	sigwait(&set, &sig);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	timer_delete(timer);
	return sig != SIGALRM;
}

static int by_queue(void)
{
	struct mq_attr attr = { .mq_maxmsg = 1, .mq_msgsize = 8 };
	struct timespec ts = after(WAIT_MS);
	char text[8];
	mqd_t q;
	int bad;

	q = mq_open("/rsc-deadline", O_RDWR | O_CREAT, 0600, &attr);
	mq_unlink("/rsc-deadline");
	if (q < 0)
		return 1;
	bad = mq_timedreceive(q, text, sizeof(text), NULL, &ts) >= 0 ||
	      errno != ETIMEDOUT;
	mq_send(q, "x", 1, 0);
	ts = after(0);
	bad |= !mq_timedsend(q, "y", 1, 0, &ts) || errno != ETIMEDOUT;
	mq_close(q);
	return bad;
}

/* A time that has gone by ends a wait at once. */
static int by_past(void)
{
	struct timespec ts = after(-1000);
	sem_t sem;

	sem_init(&sem, 0, 0);
	return !sem_timedwait(&sem, &ts) || errno != ETIMEDOUT;
}

int main(void)
{
	static const struct {
		const char *name;
		int (*wait)(void);
		int least_ms;
	} ways[] = {
		{ "semaphore", by_semaphore, WAIT_MS },
		{ "condition", by_condition, WAIT_MS },
		{ "four threads", by_threads, WAIT_MS },
		{ "sleep", by_sleep, WAIT_MS },
		{ "interrupted sleep", by_interrupted_sleep, WAIT_MS },
		{ "timerfd", by_timerfd, WAIT_MS },
		{ "timer", by_timer, WAIT_MS },
		{ "queue", by_queue, WAIT_MS },
		{ "past", by_past, 0 },
	};

	signal(SIGALRM, ring);
	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
		struct timespec from;
		struct timespec to;
		long ms;
		int bad;

		clock_gettime(CLOCK_MONOTONIC, &from);
		bad = ways[i].wait();
		clock_gettime(CLOCK_MONOTONIC, &to);
		ms = (to.tv_sec - from.tv_sec) * 1000 +
		     (to.tv_nsec - from.tv_nsec) / 1000000;
		printf("%s: %s\n", ways[i].name,
		       bad			      ? "wrong" :
		       ms < ways[i].least_ms * 9 / 10 ? "too early" :
		       ms > MOST_MS		      ? "too late" :
							"in time");
	}
	return 0;
}
