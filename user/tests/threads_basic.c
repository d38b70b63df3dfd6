/* Threads come and go, know themselves, and have errno, variables and data of their own. */
#include "threads.h"

#define MANY 64

static pthread_t first;
static uint64_t numbers[MANY];
static int order[8], ordered;

static void *number(void *argument)
{
	uint64_t *to = argument;
	CHECK_EQ(pthread_threadid_np(NULL, to), 0);
	CHECK(!pthread_equal(pthread_self(), first));
	CHECK_EQ(pthread_main_np(), 0);
	return (void *)(*to * 2);
}

static void many(void)
{
	pthread_t threads[MANY];
	first = pthread_self();
	CHECK_EQ(pthread_main_np(), 1);
	for (int i = 0; i < MANY; i++)
		threads[i] = started(number, &numbers[i]);
	for (int i = 0; i < MANY; i++)
		CHECK_EQ(joined(threads[i]), numbers[i] * 2);
	for (int i = 0; i < MANY; i++) {
		CHECK(numbers[i] != 0);
		for (int j = 0; j < i; j++)
			CHECK(numbers[i] != numbers[j]);
	}
}

static void *look_at_stack(void *argument)
{
	char here;
	char *top = pthread_get_stackaddr_np(pthread_self());
	size_t size = pthread_get_stacksize_np(pthread_self());
	CHECK_EQ(size, (size_t)argument);
	CHECK(&here < top && &here > top - size);
	/* All of it can be used, and what is below it cannot be: VM_MEMORY_STACK without rights. */
	top[-(long)size] = 1;
	struct vm_region_extended_info info = extended(top - size);
	CHECK_EQ(info.user_tag, VM_MEMORY_STACK);
	CHECK_EQ(info.protection, VM_PROT_READ | VM_PROT_WRITE);
	info = extended(top - size - 1);
	CHECK_EQ(info.user_tag, VM_MEMORY_STACK);
	CHECK_EQ(info.protection, VM_PROT_NONE);
	return NULL;
}

static void *on_own_stack(void *argument)
{
	char here;
	char *lowest = argument;
	CHECK(&here >= lowest && &here < lowest + 65536);
	return argument;
}

static void *wait_for(void *argument)
{
	volatile int *go = argument;
	while (!*go)
		sched_yield();
	return argument;
}

static void attributes(void)
{
	pthread_attr_t attr;
	pthread_t thread;
	size_t size;
	int state, go = 0;

	joined(started(look_at_stack, (void *)(512 << 10)));
	CHECK_EQ(pthread_attr_init(&attr), 0);
	CHECK_EQ(pthread_attr_getstacksize(&attr, &size), 0);
	CHECK_EQ(size, 512 << 10);
	CHECK_EQ(pthread_attr_setstacksize(&attr, PTHREAD_STACK_MIN - 1), EINVAL);
	CHECK_EQ(pthread_attr_setstacksize(&attr, PTHREAD_STACK_MIN + 1), EINVAL);
	CHECK_EQ(pthread_attr_setstacksize(&attr, 128 << 10), 0);
	CHECK_EQ(pthread_create(&thread, &attr, look_at_stack, (void *)(128 << 10)), 0);
	joined(thread);

	char *own = pages(65536 / getpagesize());
	CHECK_EQ(pthread_attr_setstack(&attr, own, 65536), 0);
	CHECK_EQ(pthread_create(&thread, &attr, on_own_stack, own), 0);
	CHECK_EQ(joined(thread), own);
	own[0] = 1; /* it is still ours */

	CHECK_EQ(pthread_attr_init(&attr), 0);
	CHECK_EQ(pthread_attr_setdetachstate(&attr, 7), EINVAL);
	CHECK_EQ(pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED), 0);
	CHECK_EQ(pthread_attr_getdetachstate(&attr, &state), 0);
	CHECK_EQ(state, PTHREAD_CREATE_DETACHED);
	CHECK_EQ(pthread_create(&thread, &attr, wait_for, &go), 0);
	CHECK_EQ(pthread_join(thread, NULL), EINVAL);
	CHECK_EQ(pthread_detach(thread), EINVAL);
	go = 1;
	CHECK_EQ(pthread_attr_destroy(&attr), 0);
	CHECK_EQ(pthread_create(&thread, &attr, wait_for, &go), EINVAL);
	CHECK_EQ(pthread_join(pthread_self(), NULL), EDEADLK);
	CHECK_EQ(pthread_join(NULL, NULL), ESRCH);

	/* Detached while it runs, and after it has ended. */
	go = 0;
	thread = started(wait_for, &go);
	CHECK_EQ(pthread_detach(thread), 0);
	go = 1;
	thread = started(wait_for, &go);
	pause_for(20);
	CHECK_EQ(pthread_detach(thread), 0);
	await_alone();
}

static void *set_errno(void *argument)
{
	int value = (int)(long)argument;
	CHECK_EQ(errno, 0);
	errno = value;
	for (int i = 0; i < 20; i++) {
		sched_yield();
		CHECK_EQ(errno, value);
		CHECK_ERRNO(close(1000), EBADF);
		errno = value;
	}
	return &errno;
}

static void own_errno(void)
{
	pthread_t threads[8];
	int *places[8];
	errno = 99;
	for (long i = 0; i < 8; i++)
		threads[i] = started(set_errno, (void *)(i + 1));
	for (int i = 0; i < 8; i++)
		places[i] = joined(threads[i]);
	CHECK_EQ(errno, 99);
	for (int i = 0; i < 8; i++)
		CHECK(places[i] != &errno);
}

static _Thread_local int valued = 41;
static _Thread_local long zero[100];
static _Thread_local struct { char text[8]; } __attribute__((aligned(64))) aligned = { "aligned" };

static void *variables(void *argument)
{
	CHECK_EQ(valued, 41);
	for (int i = 0; i < 100; i++)
		CHECK_EQ(zero[i], 0);
	CHECK_EQ(strcmp(aligned.text, "aligned"), 0);
	CHECK_EQ((uintptr_t)&aligned % 64, 0);
	valued += (int)(long)argument;
	zero[99] = valued;
	aligned.text[0]++;
	sched_yield();
	CHECK_EQ(valued, 41 + (long)argument);
	CHECK_EQ(zero[99], valued);
	return &valued;
}

static void own_variables(void)
{
	pthread_t threads[4];
	CHECK_EQ((intptr_t)variables((void *)1), (intptr_t)&valued);
	for (long i = 0; i < 4; i++)
		threads[i] = started(variables, (void *)(i + 2));
	for (int i = 0; i < 4; i++)
		CHECK(joined(threads[i]) != &valued);
	CHECK_EQ(valued, 42);
}

static pthread_key_t key, other;
static int destroyed, rounds;

static void destroy(void *value)
{
	CHECK(pthread_getspecific(key) == NULL);
	__atomic_fetch_add(&destroyed, (int)(long)value, __ATOMIC_SEQ_CST); /* destructors of several threads at once */
}

static void set_again(void *value)
{
	rounds++;
	CHECK_EQ(pthread_setspecific(other, value), 0);
}

static void *use_keys(void *argument)
{
	CHECK(pthread_getspecific(key) == NULL);
	CHECK_EQ(pthread_setspecific(key, argument), 0);
	sched_yield();
	CHECK_EQ((intptr_t)pthread_getspecific(key), (intptr_t)argument);
	return NULL;
}

static void *use_other(void *argument)
{
	CHECK_EQ(pthread_setspecific(other, argument), 0);
	pthread_exit(NULL);
}

static void keys(void)
{
	pthread_t threads[8];
	pthread_key_t more[PTHREAD_KEYS_MAX];
	int count = 0;

	CHECK_EQ(pthread_key_create(&key, destroy), 0);
	CHECK_EQ(pthread_setspecific(key, (void *)1000), 0);
	for (long i = 0; i < 8; i++)
		threads[i] = started(use_keys, (void *)(1L << i));
	for (int i = 0; i < 8; i++)
		joined(threads[i]);
	CHECK_EQ(destroyed, 255);
	CHECK_EQ((intptr_t)pthread_getspecific(key), 1000);

	CHECK_EQ(pthread_key_create(&other, set_again), 0);
	joined(started(use_other, &rounds));
	CHECK_EQ(rounds, PTHREAD_DESTRUCTOR_ITERATIONS);

	while (pthread_key_create(&more[count], NULL) == 0)
		count++;
	CHECK_EQ(count, PTHREAD_KEYS_MAX - 2);
	CHECK_EQ(pthread_key_delete(more[7]), 0);
	CHECK_EQ(pthread_key_delete(more[7]), EINVAL);
	CHECK_EQ(pthread_setspecific(more[7], &count), EINVAL);
	CHECK(pthread_getspecific(more[7]) == NULL);
	CHECK_EQ(pthread_setspecific(0, &count), EINVAL);
	CHECK_EQ(pthread_key_create(&more[7], NULL), 0);
	CHECK_EQ(pthread_key_create(&more[7], NULL), EAGAIN);
}

static pthread_once_t once = PTHREAD_ONCE_INIT;
static volatile int done;

static void slowly(void)
{
	for (int i = 0; i < 10; i++)
		sched_yield();
	done++;
}

static void *do_once(void *argument)
{
	CHECK_EQ(pthread_once(&once, slowly), 0);
	CHECK_EQ(done, 1);
	return argument;
}

static void remember(void *value) { order[ordered++] = (int)(long)value; }

static void *clean_up(void *argument)
{
	pthread_cleanup_push(remember, (void *)1);
	pthread_cleanup_push(remember, (void *)2);
	pthread_cleanup_push(remember, (void *)3);
	pthread_cleanup_pop(0);
	pthread_cleanup_push(remember, (void *)4);
	pthread_cleanup_pop(1);
	pthread_exit(argument);
	pthread_cleanup_pop(0);
	pthread_cleanup_pop(0);
	return NULL;
}

static void *burn(void *argument)
{
	uint64_t start = mach_absolute_time(), turns = 25 * 1000 * 1000;
	mach_timebase_info_data_t base;
	mach_timebase_info(&base);
	while ((mach_absolute_time() - start) * base.numer / base.denom < turns)
		;
	return argument;
}

/* A thread that used whole turns is less important than who joins it: the joiner runs, makes the next one at
 * the same address and waits there, all before the first has left the kernel. */
static void one_after_the_other(void)
{
	for (int i = 0; i < 40; i++)
		joined(started(burn, NULL));
}

int main(void)
{
	pthread_t threads[8];

	many();
	attributes();
	one_after_the_other();
	own_errno();
	own_variables();
	keys();
	for (int i = 0; i < 8; i++)
		threads[i] = started(do_once, NULL);
	for (int i = 0; i < 8; i++)
		joined(threads[i]);
	CHECK_EQ(done, 1);
	joined(started(clean_up, NULL));
	CHECK_EQ(threads_of(getpid()), 1); /* who has been joined does not count */
	CHECK(ordered == 3 && order[0] == 4 && order[1] == 2 && order[2] == 1);

	/* The kernel counts them, and what they used. */
	for (int i = 0; i < 7; i++)
		threads[i] = started(sleeper, NULL);
	CHECK_EQ(threads_of(getpid()), 8);
	return 0;
}
