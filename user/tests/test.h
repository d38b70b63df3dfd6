/* What the guest tests share. A test exits 0, or prints the first condition that failed and exits 1. */
#ifndef TEST_H
#define TEST_H

#include <errno.h>
#include <mach/mach.h>
#include <mach/mach_time.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHECK(c)                                                                                    \
	do {                                                                                        \
		if (!(c)) {                                                                         \
			dprintf(1, "%s:%d: %s (errno %d)\n", __FILE__, __LINE__, #c, errno);        \
			_exit(1);                                                                   \
		}                                                                                   \
	} while (0)

#define CHECK_EQ(a, b)                                                                              \
	do {                                                                                        \
		long long a_ = (long long)(a), b_ = (long long)(b);                                 \
		if (a_ != b_) {                                                                     \
			dprintf(1, "%s:%d: %s is %lld, not %lld = %s (errno %d)\n", __FILE__,       \
				__LINE__, #a, a_, b_, #b, errno);                                   \
			_exit(1);                                                                   \
		}                                                                                   \
	} while (0)

/* The call must fail with this errno. */
#define CHECK_ERRNO(call, number)                                                                   \
	do {                                                                                        \
		errno = 0;                                                                          \
		CHECK_EQ((call), -1);                                                               \
		CHECK_EQ(errno, number);                                                            \
	} while (0)

#define KERNEL_ADDRESS 0xffff800000000000ull
#define USER_END 0x0000800000000000ull

/* The test cannot run here; says why. */
static inline void skip(const char *why)
{
	printf("%s\n", why);
	exit(77);
}

/* Runs f in a child; answers the status of wait. */
static inline int child_status(void (*f)(void))
{
	int status = 0;
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		f();
		_exit(0);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	return status;
}

/* The signal that kills a child which runs f, or 0. */
static inline int death_of(void (*f)(void))
{
	int status = child_status(f);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static inline char *pages(size_t count)
{
	char *p = mmap(NULL, count * getpagesize(), PROT_READ | PROT_WRITE, MAP_ANON | MAP_PRIVATE, -1, 0);
	CHECK(p != MAP_FAILED);
	return p;
}

static inline struct vm_statistics64 counters(void)
{
	struct vm_statistics64 s;
	mach_msg_type_number_t count = HOST_VM_INFO64_COUNT;
	CHECK_EQ(host_statistics64(mach_host_self(), HOST_VM_INFO64, (host_info64_t)&s, &count), KERN_SUCCESS);
	CHECK_EQ(count, HOST_VM_INFO64_COUNT);
	return s;
}

static inline uint64_t number_of(const char *name)
{
	uint64_t value = 0;
	size_t size = sizeof value;
	CHECK_EQ(sysctlbyname(name, &value, &size, NULL, 0), 0);
	return value;
}

static inline struct vm_region_extended_info extended(const void *at)
{
	struct vm_region_extended_info info;
	mach_vm_address_t address = (mach_vm_address_t)at;
	mach_vm_size_t size;
	mach_msg_type_number_t count = VM_REGION_EXTENDED_INFO_COUNT;
	mach_port_t object;
	CHECK_EQ(mach_vm_region(mach_task_self(), &address, &size, VM_REGION_EXTENDED_INFO, (vm_region_info_t)&info, &count,
				&object), KERN_SUCCESS);
	CHECK(address <= (mach_vm_address_t)at && (mach_vm_address_t)at < address + size);
	return info;
}

#endif
