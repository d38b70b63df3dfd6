/* What the tests of threads share. */
#ifndef THREADS_H
#define THREADS_H

#include "test.h"
#include <libproc.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <sys/ulock.h>
#include <vellum.h>

static inline pthread_t started(void *(*f)(void *), void *argument)
{
	pthread_t thread;
	CHECK_EQ(pthread_create(&thread, NULL, f, argument), 0);
	return thread;
}

static inline void *joined(pthread_t thread)
{
	void *result = NULL;
	CHECK_EQ(pthread_join(thread, &result), 0);
	return result;
}

/* Threads that the kernel counts in this process. */
static inline int threads_of(pid_t pid)
{
	struct proc_taskinfo info;
	CHECK_EQ(proc_pidinfo(pid, PROC_PIDTASKINFO, 0, &info, sizeof info), sizeof info);
	return info.pti_threadnum;
}

/* Waits until one thread is left: a joined one may still be on its way out of the kernel. */
static inline void await_alone(void)
{
	for (int i = 0; i < 10000 && threads_of(getpid()) > 1; i++)
		usleep(1000); /* it may be less important than this one */
	CHECK_EQ(threads_of(getpid()), 1);
}

static inline void *sleeper(void *argument)
{
	uint32_t word = 0;
	(void)argument;
	for (;;)
		__ulock_wait(UL_COMPARE_AND_WAIT, &word, 0, 0);
}

static inline void *spinner(void *argument)
{
	(void)argument;
	for (volatile unsigned long n = 0;; n++)
		;
}

/* Wakes as soon as somebody waits. */
static inline void wake_soon(uint32_t operation, void *word, uint64_t value)
{
	int result = -1;
	for (int i = 0; i < 10000 && result != 0; i++) {
		result = __ulock_wake(operation, word, value);
		CHECK(result == 0 || errno == ENOENT || errno == EALREADY);
		usleep(1000);
	}
	CHECK_EQ(result, 0);
}

/* Lets the others run for a while. */
static inline void pause_for(int milliseconds)
{
	usleep(milliseconds * 1000);
}

#endif
