/* Ten thousand threads that nobody joins leave nothing behind, nor do those that are joined. */
#include "threads.h"

static volatile int ran;

static void *run(void *argument)
{
	__atomic_add_fetch(&ran, 1, __ATOMIC_SEQ_CST);
	return argument;
}

static mach_vm_size_t size(void)
{
	struct mach_task_basic_info info;
	mach_msg_type_number_t count = MACH_TASK_BASIC_INFO_COUNT;
	CHECK_EQ(task_info(mach_task_self(), MACH_TASK_BASIC_INFO, (task_info_t)&info, &count), KERN_SUCCESS);
	return info.virtual_size;
}

int main(void)
{
	/* With several processors each thread costs a few calls of all others, which the emulator is slow at. */
	int alone = sysconf(_SC_NPROCESSORS_ONLN) == 1;
	int rounds = alone ? 10000 : 500;
	pthread_attr_t attr;
	pthread_t thread;
	CHECK_EQ(pthread_attr_init(&attr), 0);
	CHECK_EQ(pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED), 0);
	joined(started(run, NULL));
	await_alone();
	mach_vm_size_t before = size();
	for (int i = 0; i < rounds; i++) {
		while (pthread_create(&thread, &attr, run, NULL) == EAGAIN)
			sched_yield();
		if (i % 50 == 0)
			joined(started(run, NULL));
	}
	await_alone();
	CHECK_EQ(ran, rounds + rounds / 50 + 1);
	CHECK_EQ(size(), before);

	/* As many as there may be, and one more. */
	if (!alone)
		return 0;
	int made = 0, error;
	CHECK_EQ(pthread_attr_setstacksize(&attr, 1 << 14), 0);
	while ((error = pthread_create(&thread, &attr, sleeper, NULL)) == 0)
		made++;
	CHECK_EQ(error, EAGAIN);
	CHECK(made > 100 && made < 1024);
	CHECK_EQ(threads_of(getpid()), made + 1);
	return 0;
}
