/* Kernel addresses, wild pointers and wild sizes to every call: an error each time, and the kernel goes on. */
#include "raw.h"
#include "test.h"

static const uint64_t wild[] = {
	0, 1, 4095, 0x7fffffff, 0xffffffff, 0x100000001ull, USER_END - 8, USER_END - 1, USER_END, 0x0001000000000000ull,
	0x7fffffffffffffffull, 0x8000000000000000ull, KERNEL_ADDRESS - 1, KERNEL_ADDRESS, 0xffffc00000000000ull,
	0xffffffff80000000ull, 0xfffffffffffff000ull, 0xffffffffffffffffull,
};
enum { WILD = sizeof wild / sizeof *wild };

/* The same random numbers in every run. */
static uint64_t state = 88172645463325252ull;
static uint64_t next(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

/* Calls that end, stop or multiply this process, or wait for something that never comes (a pipe of one's own, 42),
 * or leave something behind: open, mkdir and shm_open, because one wild address is our own header, a name like any
 * other; or take rights away (setuid, 23). */
static int is_off_limits(uint32_t number)
{
	static const uint32_t off[] = { 0, 1, 2, 5, 7, 11, 23, 37, 42, 59, 66, 90, 93, 111, 136, 184, 244, 266, 334 };
	for (size_t i = 0; i < sizeof off / sizeof *off; i++)
		if (off[i] == number)
			return 1;
	return 0;
}

static void storm(void)
{
	/* Standard input and output stay as they are: descriptors come from the wild list too. */
	close(0);
	close(1);
	signal(SIGPIPE, SIG_IGN);
	for (int round = 0; round < 40; round++)
		for (uint32_t number = 3; number < 560; number++) {
			uint64_t args[6];
			if (is_off_limits(number))
				continue;
			for (int i = 0; i < 6; i++)
				args[i] = wild[next() % WILD];
			/* Not this process's own memory: munmap, mprotect and their kin get addresses that are not ours. */
			if (number == 73 || number == 74 || number == 75 || number == 65 || number == 197 || number == 250)
				args[0] = wild[WILD / 2 + next() % (WILD / 2)];
			raw_unix(number, args, NULL);
		}
	_exit(0);
}

static void mach_storm(void)
{
	for (int round = 0; round < 200; round++)
		for (uint32_t number = 1; number < 600; number++) {
			uint64_t args[6];
			/* 36-38 semaphores, 59-62 and 90 wait or yield: a wild deadline is for ever. */
			if (number == 90 || number == 62 || number == 61)
				continue;
			for (int i = 0; i < 6; i++)
				args[i] = wild[next() % WILD];
			if (round % 2)
				args[0] = mach_task_self();
			/* An address of ours and a size that is not wild would be a right call. */
			if (args[0] == mach_task_self() && (number == 12 || number == 14 || number == 515 || number == 521 || number == 522))
				args[1] = wild[WILD / 2 + next() % (WILD / 2)];
			raw_mach(number, args);
		}
	_exit(0);
}

int main(void)
{
	/* Every call that takes a pointer, given a kernel address: EFAULT and nothing else. */
	char *bad[] = { (char *)KERNEL_ADDRESS, (char *)USER_END, (char *)(USER_END - 1), (char *)8, (char *)-1 };
	int ends[2];
	CHECK_EQ(pipe(ends), 0);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		char *p = bad[i];
		int status;
		/* Whether a read that failed has taken the bytes is not promised. */
		CHECK_EQ(write(ends[1], "0123456789abcdef", 16), 16);
		CHECK_ERRNO(read(ends[0], p, 16), EFAULT);
		CHECK_ERRNO(write(ends[1], p, 16), EFAULT);
		CHECK_ERRNO(access(p, 0), EFAULT);
		CHECK_ERRNO(chdir(p), EFAULT);
		CHECK_ERRNO(unlink(p), EFAULT);
		CHECK_ERRNO(execv(p, (char *const[]){ "x", NULL }), EFAULT);
		CHECK_ERRNO(execv("/bin/true", (char *const *)p), EFAULT);
		CHECK_ERRNO(execv("/bin/true", (char *const[]){ p, NULL }), EFAULT);
		CHECK_ERRNO(sysctl((int *)p, 2, NULL, NULL, NULL, 0), EFAULT);
		CHECK_ERRNO(sigaction(SIGUSR1, NULL, (struct sigaction *)p), EFAULT);
		CHECK_ERRNO(sigprocmask(SIG_BLOCK, (sigset_t *)p, NULL), EFAULT);
		if (fork() == 0)
			_exit(0);
		CHECK_ERRNO(wait((int *)p), EFAULT);
		while (wait(&status) > 0)
			;
		uint64_t size;
		mach_vm_address_t address = 0;
		mach_msg_type_number_t count = VM_REGION_EXTENDED_INFO_COUNT;
		mach_port_t object;
		CHECK(mach_vm_region(mach_task_self(), &address, &size, VM_REGION_EXTENDED_INFO, (vm_region_info_t)p, &count,
				     &object) != KERN_SUCCESS);
		count = HOST_VM_INFO64_COUNT;
		CHECK(host_statistics64(mach_host_self(), HOST_VM_INFO64, (host_info64_t)p, &count) != KERN_SUCCESS);
	}
	char buffer[32];

	/* A path without end, a path at the end of memory. */
	char *page = pages(2);
	CHECK_EQ(munmap(page + getpagesize(), getpagesize()), 0);
	memset(page, 'a', getpagesize());
	errno = 0;
	CHECK(access(page, 0) == -1 && (errno == EFAULT || errno == ENAMETOOLONG));
	errno = 0;
	CHECK(access(page + getpagesize() - 8, 0) == -1 && errno == EFAULT);
	page[getpagesize() - 1] = 0;
	CHECK_ERRNO(access(page + getpagesize() - 8, 0), ENOENT);
	CHECK_ERRNO(access(page, 0), ENAMETOOLONG);
	/* A write that crosses into nothing. */
	errno = 0;
	CHECK(write(ends[1], page + getpagesize() - 4, 8) == -1 && errno == EFAULT);

	/* Descriptors that are none. */
	CHECK_ERRNO(read(-1, buffer, 1), EBADF);
	CHECK_ERRNO(read(1000000, buffer, 1), EBADF);
	CHECK_ERRNO(close(-1), EBADF);
	CHECK_ERRNO(dup2(ends[0], -1), EBADF);
	CHECK_ERRNO(dup2(ends[0], 1 << 30), EBADF);
	CHECK_ERRNO(lseek(ends[0], 0, 0), ESPIPE);

	/* Numbers that are no calls, and all calls with wild arguments. */
	uint64_t none[6] = { 0 };
	CHECK_EQ(raw_unix(559, none, NULL), ENOSYS);
	CHECK_EQ(raw_unix(0xffffff, none, NULL), ENOSYS);
	CHECK(raw_mach(0xffffff, none) != KERN_SUCCESS);
	CHECK_EQ(child_status(storm), 0);
	CHECK_EQ(child_status(mach_storm), 0);
	return 0;
}
