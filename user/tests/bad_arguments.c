/* Kernel addresses, wild pointers and wild sizes to every call: an error each time, and the kernel goes on. */
#include "test.h"

/* Any call by its number, as a program without a library would make it; answers 1 if it failed. */
static int raw_unix(uint32_t number, const uint64_t *args)
{
#if defined(__x86_64__)
	register uint64_t r10 __asm__("r10") = args[3];
	register uint64_t r8 __asm__("r8") = args[4];
	register uint64_t r9 __asm__("r9") = args[5];
	uint64_t rax = 0x2000000ull | number, rdx = args[2];
	unsigned char carry;
	__asm__ volatile("syscall\n\tsetc %0"
			 : "=q"(carry), "+a"(rax), "+d"(rdx)
			 : "D"(args[0]), "S"(args[1]), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory", "cc");
	return carry;
#else
	register uint64_t x16 __asm__("x16") = number;
	register uint64_t x0 __asm__("x0") = args[0];
	register uint64_t x1 __asm__("x1") = args[1];
	register uint64_t x2 __asm__("x2") = args[2];
	register uint64_t x3 __asm__("x3") = args[3];
	register uint64_t x4 __asm__("x4") = args[4];
	register uint64_t x5 __asm__("x5") = args[5];
	uint64_t carry;
	__asm__ volatile("svc #0x80\n\tcset %0, cs"
			 : "=r"(carry), "+r"(x0), "+r"(x1)
			 : "r"(x16), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
			 : "memory", "cc");
	return (int)carry;
#endif
}

static uint32_t raw_mach(uint32_t number, const uint64_t *args)
{
#if defined(__x86_64__)
	register uint64_t r10 __asm__("r10") = args[3];
	register uint64_t r8 __asm__("r8") = args[4];
	register uint64_t r9 __asm__("r9") = args[5];
	uint64_t rax = 0x1000000ull | number, rdx = args[2];
	__asm__ volatile("syscall"
			 : "+a"(rax), "+d"(rdx)
			 : "D"(args[0]), "S"(args[1]), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory", "cc");
	return (uint32_t)rax;
#else
	register uint64_t x16 __asm__("x16") = -(uint64_t)number;
	register uint64_t x0 __asm__("x0") = args[0];
	register uint64_t x1 __asm__("x1") = args[1];
	register uint64_t x2 __asm__("x2") = args[2];
	register uint64_t x3 __asm__("x3") = args[3];
	register uint64_t x4 __asm__("x4") = args[4];
	register uint64_t x5 __asm__("x5") = args[5];
	__asm__ volatile("svc #0x80"
			 : "+r"(x0), "+r"(x1)
			 : "r"(x16), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
			 : "memory", "cc");
	return (uint32_t)x0;
#endif
}

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
			raw_unix(number, args);
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
	CHECK_EQ(raw_unix(559, none), 1);
	CHECK_EQ(raw_unix(0xffffff, none), 1);
	CHECK(raw_mach(0xffffff, none) != KERN_SUCCESS);
	CHECK_EQ(child_status(storm), 0);
	CHECK_EQ(child_status(mach_storm), 0);
	return 0;
}
