/* Signals and threads: who gets one, whose mask counts, what is pending for whom. */
#include "threads.h"

static volatile int ready, count;
static volatile pthread_t handler_ran_on;
static volatile int release;

static void note(int signal)
{
	(void)signal;
	handler_ran_on = pthread_self();
	__atomic_add_fetch(&count, 1, __ATOMIC_SEQ_CST);
}

static void mask(int how, int signal)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, signal);
	CHECK_EQ(pthread_sigmask(how, &set, NULL), 0);
}

static int blocks(int signal)
{
	sigset_t set;
	CHECK_EQ(pthread_sigmask(SIG_BLOCK, NULL, &set), 0);
	return sigismember(&set, signal);
}

/* Takes SIGUSR1, which the others block. */
static void *taker(void *argument)
{
	CHECK_EQ(blocks(SIGUSR1), 1); /* as its maker did */
	mask(SIG_UNBLOCK, SIGUSR1);
	ready = 1;
	while (!release)
		pause_for(1);
	return argument;
}

static void *bystander(void *argument)
{
	CHECK_EQ(blocks(SIGUSR1), 1);
	while (!release)
		pause_for(1);
	return argument;
}

static void await(volatile int *what, int value)
{
	for (int i = 0; i < 10000 && *what != value; i++)
		pause_for(1);
	CHECK_EQ(*what, value);
}

static void to_the_process(void)
{
	pthread_t others[3], thread;
	mask(SIG_BLOCK, SIGUSR1);
	for (int i = 0; i < 3; i++)
		others[i] = started(bystander, NULL);
	thread = started(taker, NULL);
	await(&ready, 1);
	for (int i = 1; i <= 5; i++) {
		CHECK_EQ(kill(getpid(), SIGUSR1), 0);
		await(&count, i);
		CHECK(pthread_equal((pthread_t)handler_ran_on, thread));
	}
	release = 1;
	joined(thread);
	for (int i = 0; i < 3; i++)
		joined(others[i]);

	/* Nobody takes it: it waits for the first who does, and is delivered once. */
	count = 0;
	release = 0;
	CHECK_EQ(kill(getpid(), SIGUSR1), 0);
	pause_for(5);
	CHECK_EQ(count, 0);
	ready = 0;
	thread = started(taker, NULL);
	await(&count, 1);
	CHECK(pthread_equal((pthread_t)handler_ran_on, thread));
	release = 1;
	joined(thread);
	mask(SIG_UNBLOCK, SIGUSR1);
	CHECK_EQ(count, 1);
}

static void to_one_thread(void)
{
	pthread_t thread;
	count = ready = release = 0;
	mask(SIG_BLOCK, SIGUSR1);
	thread = started(taker, NULL);
	mask(SIG_UNBLOCK, SIGUSR1);
	await(&ready, 1);
	CHECK_EQ(pthread_kill(thread, SIGUSR1), 0);
	await(&count, 1);
	CHECK(pthread_equal((pthread_t)handler_ran_on, thread));
	CHECK_EQ(pthread_kill(thread, 0), 0);
	CHECK_EQ(pthread_kill(thread, 32), EINVAL);
	release = 1;
	while (pthread_kill(thread, 0) != ESRCH)
		pause_for(1);
	joined(thread);
	CHECK_EQ(pthread_kill(NULL, SIGUSR1), ESRCH);

	/* What was sent to a thread that blocks it waits for that thread, though another would take it. */
	release = 0;
	mask(SIG_BLOCK, SIGUSR1);
	thread = started(bystander, NULL);
	mask(SIG_UNBLOCK, SIGUSR1);
	CHECK_EQ(pthread_kill(thread, SIGUSR1), 0);
	pause_for(10);
	CHECK_EQ(count, 1);
	release = 1;
	joined(thread);
	CHECK_EQ(count, 1);
	CHECK_EQ(raise(SIGUSR1), 0);
	CHECK_EQ(count, 2);
	CHECK(pthread_equal((pthread_t)handler_ran_on, pthread_self()));
}

static int ends[2];

static void *read_one(void *argument)
{
	char byte = 0;
	(void)argument;
	mask(SIG_UNBLOCK, SIGUSR2);
	ready = 1;
	CHECK_ERRNO(read(ends[0], &byte, 1), EINTR);
	ready = 2;
	return NULL;
}

/* A signal ends the wait of the thread that takes it, and of no other. */
static void in_a_wait(void)
{
	struct sigaction action = { 0 };
	pthread_t thread, still;
	action.sa_handler = note;
	CHECK_EQ(sigaction(SIGUSR2, &action, NULL), 0);
	CHECK_EQ(pipe(ends), 0);
	mask(SIG_BLOCK, SIGUSR2);
	count = ready = 0;
	mask(SIG_BLOCK, SIGUSR1); /* it must not take what is meant for others later */
	still = started(sleeper, NULL);
	mask(SIG_UNBLOCK, SIGUSR1);
	thread = started(read_one, NULL);
	await(&ready, 1);
	/* One that comes before the read has begun does not end it. */
	for (int i = 0; i < 1000 && ready != 2; i++) {
		CHECK_EQ(kill(getpid(), SIGUSR2), 0);
		pause_for(10);
	}
	joined(thread);
	CHECK(count >= 1);
	CHECK(pthread_equal((pthread_t)handler_ran_on, thread));
	mask(SIG_UNBLOCK, SIGUSR2);
	CHECK_EQ(pthread_kill(still, 0), 0);
}

static void on_fault(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	(void)context;
	handler_ran_on = pthread_self();
	CHECK(mprotect(info->si_addr, getpagesize(), PROT_READ | PROT_WRITE) == 0);
}

static char *forbidden;

static void *touch(void *argument)
{
	long at = (long)argument;
	forbidden[at * getpagesize()] = (char)at;
	return argument;
}

/* A fault is its thread's own; the handler runs there. */
static void faults(void)
{
	pthread_t threads[8];
	struct sigaction action = { 0 };
	action.sa_sigaction = on_fault;
	action.sa_flags = SA_SIGINFO;
	CHECK_EQ(sigaction(SIGBUS, &action, NULL), 0);
	forbidden = pages(8);
	CHECK_EQ(mprotect(forbidden, 8 * getpagesize(), PROT_NONE), 0);
	for (long i = 0; i < 8; i++)
		threads[i] = started(touch, (void *)i);
	for (int i = 0; i < 8; i++)
		joined(threads[i]);
	for (int i = 0; i < 8; i++)
		CHECK_EQ(forbidden[i * getpagesize()], i);
	touch(0);
}

static void *own_alternate(void *argument)
{
	static char stack[2][SIGSTKSZ];
	long at = (long)argument;
	stack_t mine = { .ss_sp = stack[at], .ss_size = SIGSTKSZ }, seen;
	CHECK_EQ(sigaltstack(NULL, &seen), 0);
	CHECK_EQ(seen.ss_flags, SS_DISABLE);
	CHECK_EQ(sigaltstack(&mine, NULL), 0);
	sched_yield();
	CHECK_EQ(sigaltstack(NULL, &seen), 0);
	CHECK(seen.ss_sp == stack[at]);
	return argument;
}

/* The mask that a thread gives up in sigsuspend is its own. */
static void *suspend(void *argument)
{
	sigset_t none;
	sigemptyset(&none);
	ready = 1;
	while (!count)
		CHECK_ERRNO(sigsuspend(&none), EINTR);
	CHECK_EQ(blocks(SIGUSR1), 1);
	return argument;
}

int main(void)
{
	struct sigaction action = { 0 };
	pthread_t a, b;
	action.sa_handler = note;
	CHECK_EQ(sigaction(SIGUSR1, &action, NULL), 0);
	to_the_process();
	to_one_thread();
	in_a_wait();
	faults();
	a = started(own_alternate, (void *)0);
	b = started(own_alternate, (void *)1);
	joined(a);
	joined(b);
	count = ready = 0;
	mask(SIG_BLOCK, SIGUSR1);
	a = started(suspend, NULL);
	await(&ready, 1);
	CHECK_EQ(kill(getpid(), SIGUSR1), 0);
	joined(a);
	CHECK(pthread_equal((pthread_t)handler_ran_on, a));
	CHECK_EQ(count, 1);
	return 0;
}
