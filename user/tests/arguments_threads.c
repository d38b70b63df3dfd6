/* What the calls of threads refuse, and with which error. */
#include "threads.h"
#include <fcntl.h>

static int call(unsigned number, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e)
{
	uint64_t args[6] = { a, b, c, d, e, 0 };
	uint64_t result;
	return vellum_unix(number, args, &result);
}

static uint32_t word __attribute__((aligned(8)));
static uint64_t wide;
static volatile int ready;

static void *wait_on_word(void *argument)
{
	ready++;
	while (__atomic_load_n(&word, __ATOMIC_SEQ_CST) == 5)
		__ulock_wait((uint32_t)(uintptr_t)argument, &word, 5, 0);
	return argument;
}

static void waits(void)
{
	uint64_t start, end;
	word = 5;
	CHECK_ERRNO(__ulock_wait(0, &word, 5, 0), EINVAL);
	CHECK_ERRNO(__ulock_wait(7, &word, 5, 0), EINVAL);
	CHECK_ERRNO(__ulock_wait(2, &word, 5, 0), EINVAL); /* UL_UNFAIR_LOCK needs owners */
	CHECK_ERRNO(__ulock_wait(UL_COMPARE_AND_WAIT | 0x200, &word, 5, 0), EINVAL);
	CHECK_ERRNO(__ulock_wait(UL_COMPARE_AND_WAIT | 0x80000000, &word, 5, 0), EINVAL);
	CHECK_ERRNO(__ulock_wait(UL_COMPARE_AND_WAIT, NULL, 5, 0), EINVAL);
	CHECK_ERRNO(__ulock_wait(UL_COMPARE_AND_WAIT, (char *)&word + 2, 5, 0), EINVAL);
	CHECK_ERRNO(__ulock_wait(UL_COMPARE_AND_WAIT64, &word + 1, 5, 0), EINVAL);
	CHECK_ERRNO(__ulock_wait(UL_COMPARE_AND_WAIT, (void *)16, 5, 0), EFAULT);
	CHECK_ERRNO(__ulock_wait(UL_COMPARE_AND_WAIT, (void *)KERNEL_ADDRESS, 5, 0), EFAULT);
	CHECK_ERRNO(__ulock_wait(UL_COMPARE_AND_WAIT64, (void *)(USER_END - 8), 5, 0), EFAULT);
	CHECK_ERRNO(__ulock_wait(UL_COMPARE_AND_WAIT_SHARED, (void *)16, 5, 0), EINVAL);

	/* Another value: nothing to wait for. Only the low half of a value counts for a word of 32 bits. */
	CHECK_EQ(__ulock_wait(UL_COMPARE_AND_WAIT, &word, 4, 0), 0);
	CHECK_EQ(__ulock_wait(UL_COMPARE_AND_WAIT_SHARED, &word, 4, 0), 0);
	wide = 5ull << 32;
	CHECK_EQ(__ulock_wait(UL_COMPARE_AND_WAIT64, &wide, 0, 0), 0);
	CHECK_ERRNO(__ulock_wait(UL_COMPARE_AND_WAIT64, &wide, 5ull << 32, 1000), ETIMEDOUT);
	start = mach_absolute_time();
	CHECK_ERRNO(__ulock_wait(UL_COMPARE_AND_WAIT, &word, 7ull << 32 | 5, 20000), ETIMEDOUT);
	end = mach_absolute_time();
	mach_timebase_info_data_t base;
	mach_timebase_info(&base);
	CHECK((end - start) * base.numer / base.denom >= 20000000);
	CHECK_EQ(__ulock_wait(UL_COMPARE_AND_WAIT | ULF_NO_ERRNO, &word, 5, 1000), -ETIMEDOUT);
	CHECK_EQ(__ulock_wait(UL_COMPARE_AND_WAIT | ULF_NO_ERRNO, NULL, 5, 1000), -EINVAL);
}

static void wakes(void)
{
	pthread_t a, b;
	CHECK_ERRNO(__ulock_wake(UL_COMPARE_AND_WAIT, &word, 0), ENOENT);
	CHECK_ERRNO(__ulock_wake(UL_COMPARE_AND_WAIT, NULL, 0), EINVAL);
	CHECK_ERRNO(__ulock_wake(9, &word, 0), EINVAL);
	CHECK_ERRNO(__ulock_wake(UL_COMPARE_AND_WAIT | 0x10000, &word, 0), EINVAL);
	CHECK_ERRNO(__ulock_wake(UL_COMPARE_AND_WAIT | ULF_WAKE_ALL | ULF_WAKE_THREAD, &word, 0), EINVAL);
	CHECK_ERRNO(__ulock_wake(UL_COMPARE_AND_WAIT | ULF_WAKE_THREAD, &word, 12345), ESRCH);
	CHECK_ERRNO(__ulock_wake(UL_COMPARE_AND_WAIT | ULF_WAKE_THREAD, &word, mach_thread_self()), ESRCH);
	CHECK_EQ(__ulock_wake(UL_COMPARE_AND_WAIT | ULF_NO_ERRNO, &word, 0), -ENOENT);

	word = 5;
	ready = 0;
	a = started(wait_on_word, (void *)UL_COMPARE_AND_WAIT);
	b = started(wait_on_word, (void *)UL_COMPARE_AND_WAIT);
	while (ready < 2)
		pause_for(1);
	wake_soon(UL_COMPARE_AND_WAIT | ULF_WAKE_THREAD, &word, pthread_mach_thread_np(b));
	CHECK_ERRNO(__ulock_wake(UL_COMPARE_AND_WAIT | ULF_WAKE_THREAD, &wide, pthread_mach_thread_np(a)), EALREADY);
	/* Shared and private waits are not the same. */
	wake_soon(UL_COMPARE_AND_WAIT | ULF_WAKE_THREAD, &word, pthread_mach_thread_np(a));
	CHECK_ERRNO(__ulock_wake(UL_COMPARE_AND_WAIT_SHARED, &word, 0), ENOENT);
	wake_soon(UL_COMPARE_AND_WAIT | ULF_WAKE_ALL, &word, 0);
	__atomic_store_n(&word, 6, __ATOMIC_SEQ_CST);
	__ulock_wake(UL_COMPARE_AND_WAIT | ULF_WAKE_ALL, &word, 0);
	joined(a);
	joined(b);
	CHECK_ERRNO(__ulock_wake(UL_COMPARE_AND_WAIT | ULF_WAKE_ALL, &word, 0), ENOENT);
}

/* A word in memory that two processes share, by name, by file or from their parent. */
static void shared(void)
{
	char *at = mmap(NULL, getpagesize(), PROT_READ | PROT_WRITE, MAP_ANON | MAP_SHARED, -1, 0);
	uint32_t *cell = (uint32_t *)(at + 64);
	int status;
	CHECK(at != MAP_FAILED);
	pid_t pid = fork();
	if (pid == 0) {
		while (__atomic_load_n(cell, __ATOMIC_SEQ_CST) == 0)
			CHECK_EQ(__ulock_wait(UL_COMPARE_AND_WAIT_SHARED, cell, 0, 0), 0);
		_exit(3);
	}
	wake_soon(UL_COMPARE_AND_WAIT_SHARED, cell, 0);
	CHECK_ERRNO(__ulock_wake(UL_COMPARE_AND_WAIT, cell, 0), ENOENT);
	CHECK_ERRNO(__ulock_wake(UL_COMPARE_AND_WAIT_SHARED, cell + 1, 0), ENOENT);
	__atomic_store_n(cell, 1, __ATOMIC_SEQ_CST);
	__ulock_wake(UL_COMPARE_AND_WAIT_SHARED, cell, 0);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 3);
}

static void *wait_shared(void *argument)
{
	uint32_t *cell = argument;
	ready = 1;
	while (__atomic_load_n(cell, __ATOMIC_SEQ_CST) == 0)
		CHECK_EQ(__ulock_wait(UL_COMPARE_AND_WAIT_SHARED, cell, 0, 0), 0);
	return argument;
}

/* The same memory at two addresses of one process: a file's, and memory with a name. */
static void twice(int fd)
{
	int page = getpagesize();
	CHECK(fd >= 0);
	CHECK_EQ(ftruncate(fd, 3 * page), 0);
	char *one = mmap(NULL, 3 * page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	char *two = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, page);
	CHECK(one != MAP_FAILED && two != MAP_FAILED);
	ready = 0;
	pthread_t thread = started(wait_shared, one + page + 8);
	while (!ready)
		pause_for(1);
	wake_soon(UL_COMPARE_AND_WAIT_SHARED, two + 8, 0);
	CHECK_ERRNO(__ulock_wake(UL_COMPARE_AND_WAIT_SHARED, one + 8, 0), ENOENT);
	__atomic_store_n((uint32_t *)(two + 8), 1, __ATOMIC_SEQ_CST);
	__ulock_wake(UL_COMPARE_AND_WAIT_SHARED, two + 8, 0);
	joined(thread);
	CHECK_EQ(munmap(one, 3 * page), 0);
	CHECK_EQ(munmap(two, page), 0);
	close(fd);
}

static void *number_of_threads(void *argument)
{
	CHECK_EQ(threads_of(getpid()), 2);
	return argument;
}

static void bare_threads(void)
{
	char *stack = pages(4);
	uint64_t top = (uint64_t)(stack + 4 * getpagesize()), custom = 0x01000000;
	uint64_t record[6] = { 47 };
	uint64_t begin = (uint64_t)(uintptr_t)wait_on_word;

	/* Nothing was registered yet. */
	CHECK_EQ(call(SYS_bsdthread_create, begin, 0, top, top - 64, custom), EINVAL);
	CHECK_EQ(call(SYS_bsdthread_register, begin, 0, -1ull, 0, 0), EINVAL);
	CHECK_EQ(call(SYS_bsdthread_register, begin, 0, 65537, 0, 0), EINVAL);
	CHECK_EQ(call(SYS_bsdthread_register, KERNEL_ADDRESS, 0, 4096, 0, 0), EINVAL);
	CHECK_EQ(call(SYS_bsdthread_register, begin, 0, 4096, (uint64_t)record, 7), EINVAL);
	CHECK_EQ(call(SYS_bsdthread_register, begin, 0, 4096, (uint64_t)record, 48), EINVAL);
	CHECK_EQ(call(SYS_bsdthread_register, begin, 0, 4096, 16, 48), EFAULT);

	/* Now libpthread registers. */
	joined(started(number_of_threads, NULL));
	CHECK_EQ(call(SYS_bsdthread_register, begin, 0, 4096, 0, 0), EINVAL);
	CHECK_EQ(call(SYS_bsdthread_create, begin, 0, top, top - 64, 0), EINVAL);
	CHECK_EQ(call(SYS_bsdthread_create, begin, 0, top, top - 64, custom | 0x20000000), EINVAL);
	CHECK_EQ(call(SYS_bsdthread_create, begin, 0, USER_END + 16, top - 64, custom), EINVAL);
	CHECK_EQ(call(SYS_bsdthread_create, begin, 0, top, USER_END - 1, custom), EINVAL);
	CHECK_EQ(call(SYS_bsdthread_create, begin, 0, top, -1ull, custom), EINVAL);
	/* The thread's port has no place there. */
	CHECK_EQ(call(SYS_bsdthread_create, begin, 0, top, 4096, custom), EFAULT);
	await_alone();

	CHECK_EQ(call(SYS___pthread_kill, 12345, SIGUSR1, 0, 0, 0), ESRCH);
	CHECK_EQ(call(SYS___pthread_kill, 12345, 99, 0, 0, 0), ESRCH);
	CHECK_EQ(call(SYS___pthread_kill, mach_task_self(), 0, 0, 0, 0), ESRCH);
	CHECK_EQ(call(SYS___pthread_kill, mach_thread_self(), 99, 0, 0, 0), EINVAL);
	CHECK_EQ(call(SYS___pthread_kill, mach_thread_self(), 0, 0, 0, 0), 0);
	CHECK_EQ(call(SYS___pthread_sigmask, 9, (uint64_t)&word, 0, 0, 0), EINVAL);
	CHECK_EQ(call(SYS___pthread_sigmask, 1, 16, 0, 0, 0), EFAULT);
}

static void terminate_badly(void)
{
	/* A range that cannot be unmapped and a word that cannot be written stop nobody from ending. */
	call(SYS_bsdthread_terminate, 12345, -1ull, 0, KERNEL_ADDRESS, 0);
	CHECK(!"the last thread goes on");
}

int main(void)
{
	bare_threads();
	waits();
	wakes();
	shared();
	twice(open("/tmp/word", O_RDWR | O_CREAT | O_TRUNC, 0600));
	unlink("/tmp/word");
	twice(shm_open("/word", O_RDWR | O_CREAT, 0600));
	shm_unlink("/word");
	CHECK_EQ(child_status(terminate_badly), 0);
	return 0;
}
