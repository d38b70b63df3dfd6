/* Bad arguments of munmap, mprotect, minherit, msync, madvise, mincore, mlock, munlock and mremap_encrypted. */
#include "arguments.h"
#include <fcntl.h>

/* The error of a call that answers -1, or 0. */
static int error_of(int answer)
{
	return answer == -1 ? errno : answer == 0 ? 0 : TOUCHED;
}

#define POINTER(a) ((void *)(uintptr_t)(a)[0])

static int unmap(const uint64_t *a) { return error_of(munmap(POINTER(a), a[1])); }
static int protect(const uint64_t *a) { return error_of(mprotect(POINTER(a), a[1], (int)a[2])); }
static int inherit(const uint64_t *a) { return error_of(minherit(POINTER(a), a[1], (int)a[2])); }
static int sync_memory(const uint64_t *a) { return error_of(msync(POINTER(a), a[1], (int)a[2])); }
static int advise(const uint64_t *a) { return error_of(madvise(POINTER(a), a[1], (int)a[2])); }
static int unlock(const uint64_t *a) { return error_of(munlock(POINTER(a), a[1])); }

static int decrypt(const uint64_t *a) { return error_of(mremap_encrypted(POINTER(a), a[1], (uint32_t)a[2], 0, 0)); }

static int lock(const uint64_t *a)
{
	int error = error_of(mlock(POINTER(a), a[1]));
	if (error == 0)
		CHECK_EQ(munlock(POINTER(a), a[1]), 0);
	return error;
}

/* address, length, where; the vector has 8 bytes */
static int core(const uint64_t *a)
{
	unsigned char vector[9];
	memset(vector, 0x5a, sizeof vector);
	int error = error_of(mincore(POINTER(a), a[1], a[2] ? (char *)a[2] : (char *)vector));
	uint64_t pages = a[1] == 0 || a[2] ? 0 : (a[1] + (a[0] & (P - 1)) + P - 1) / P;
	for (uint64_t i = 0; i < sizeof vector; i++)
		if ((vector[i] == 0x5a) != (error != 0 || i >= pages))
			return TOUCHED;
	return error;
}

/* address, length: nothing is there, which reads as anonymous and absent */
static int absent(const uint64_t *a)
{
	char vector[8];
	int error = error_of(mincore(POINTER(a), a[1], vector));
	for (uint64_t i = 0; error == 0 && i < a[1] / P; i++)
		CHECK_EQ((unsigned char)vector[i], MINCORE_ANONYMOUS);
	return error;
}

static void maps(void)
{
	RUN(unmap,
		{ "zero", { A, 0 }, EINVAL },
		{ "misaligned", { A + 1, P }, EINVAL },
		{ "misaligned and zero", { A + 1, 0 }, EINVAL },
		{ "wrapping", { A, WRAP(A) }, EINVAL },
		{ "wrapping by its length", { A, TOP }, EINVAL },
		{ "round-wrapping", { LAST, P - 1 }, EINVAL },
		{ "off the map", { USER_END, P }, 0 },
		{ "the kernel's", { KERNEL_ADDRESS, P }, 0 },
		{ "a hole", { HOLE, P }, 0 },
		{ "over a hole", { A, 6 * P }, 0 });
	RUN(protect,
		{ "zero", { A, 0, PROT_READ }, 0 },
		{ "misaligned", { A + 1, P, PROT_READ }, EINVAL },
		{ "misaligned and zero", { A + 1, 0, PROT_READ }, EINVAL },
		{ "wrapping", { A, WRAP(A), PROT_READ }, EINVAL },
		{ "round-wrapping", { LAST, P - 1, PROT_READ }, EINVAL },
		{ "off the map", { USER_END, P, PROT_READ }, ENOMEM },
		{ "the kernel's", { KERNEL_ADDRESS, P, PROT_READ }, ENOMEM },
		{ "page 0", { 0, P, PROT_READ }, ENOMEM },
		{ "a hole", { HOLE, P, PROT_READ }, ENOMEM },
		{ "over a hole", { A, 6 * P, PROT_READ }, ENOMEM },
		{ "bits that are passed over", { A, P, PROT_READ | 0x48 }, 0 },
		{ "VM_PROT_STRIP_READ", { A, P, PROT_READ | 0x80 }, EINVAL },
		{ "VM_PROT_TRUSTED", { A, P, PROT_READ | 0x20 }, ENOTSUP },
		{ "beyond the maximum", { LIMITED, P, PROT_WRITE }, EACCES },
		{ "beyond the maximum at the end", { READ_ONLY, 2 * P, PROT_WRITE }, EACCES },
		{ "writable and executable", { A, P, PROT_WRITE | PROT_EXEC }, BY_MACHINE(0, EACCES) });
	RUN(inherit,
		{ "zero", { A, 0, VM_INHERIT_NONE }, 0 },
		{ "zero and a bad inheritance", { A, 0, 3 }, EINVAL },
		{ "zero at the top", { TOP, 0, VM_INHERIT_NONE }, 0 },
		{ "misaligned", { A + 1, P, VM_INHERIT_NONE }, 0 },
		{ "wrapping", { A, WRAP(A), VM_INHERIT_NONE }, EINVAL },
		{ "round-wrapping", { LAST, P - 1, VM_INHERIT_NONE }, EINVAL },
		{ "off the map", { USER_END, P, VM_INHERIT_NONE }, 0 },
		{ "a hole", { HOLE, P, VM_INHERIT_NONE }, 0 },
		{ "inheritance 3", { A, P, 3 }, EINVAL },
		{ "inheritance -1", { A, P, 0xffffffff }, EINVAL });
}

static void syncs_and_advice(void)
{
	RUN(sync_memory,
		{ "zero", { A, 0, MS_SYNC }, EINVAL },
		{ "misaligned", { A + 1, P, MS_SYNC }, EINVAL },
		{ "wrapping", { A, WRAP(A), MS_SYNC }, EINVAL },
		{ "round-wrapping", { LAST, P - 1, MS_SYNC }, EINVAL },
		{ "off the map", { USER_END, P, MS_SYNC }, ENOMEM },
		{ "the kernel's", { KERNEL_ADDRESS, P, MS_SYNC }, ENOMEM },
		{ "a hole", { HOLE, P, MS_SYNC }, ENOMEM },
		{ "over a hole", { A, 6 * P, MS_ASYNC }, ENOMEM },
		{ "over a hole, killing", { A, 6 * P, MS_SYNC | MS_KILLPAGES }, ENOMEM },
		{ "contradictory flags", { A, P, MS_SYNC | MS_ASYNC }, EINVAL },
		{ "contradictory flags off the map", { USER_END, P, MS_SYNC | MS_ASYNC }, EINVAL },
		{ "unknown flags", { A, P, MS_SYNC | 0x7fffff00 }, 0 },
		{ "no flags", { A, P, 0 }, 0 });
	RUN(advise,
		{ "zero", { A, 0, MADV_RANDOM }, 0 },
		{ "zero and bad advice", { A, 0, 12 }, EINVAL },
		{ "zero at the top", { TOP, 0, MADV_RANDOM }, 0 },
		{ "misaligned", { A + 1, P, MADV_RANDOM }, 0 },
		{ "wrapping", { A, WRAP(A), MADV_RANDOM }, EINVAL },
		{ "round-wrapping", { LAST, P - 1, MADV_RANDOM }, EINVAL },
		{ "off the map", { USER_END, P, MADV_RANDOM }, ENOMEM },
		{ "the kernel's", { KERNEL_ADDRESS, P, MADV_RANDOM }, ENOMEM },
		{ "page 0", { 0, P, MADV_RANDOM }, ENOMEM },
		{ "FREE of page 0", { 0, P, MADV_FREE }, BY_MACHINE(ENOMEM, EINVAL) },
		{ "FREE_REUSABLE of page 0", { 0, P, MADV_FREE_REUSABLE }, BY_MACHINE(ENOMEM, EINVAL) },
		{ "FREE of nothing at 0", { 0, 0, MADV_FREE }, 0 },
		{ "a hole", { HOLE, P, MADV_RANDOM }, EINVAL },
		{ "WILLNEED over a hole", { A, 6 * P, MADV_WILLNEED }, EINVAL },
		{ "FREE over a hole", { A, 6 * P, MADV_FREE }, EINVAL },
		{ "ZERO over a hole", { A, 6 * P, MADV_ZERO }, EINVAL },
		{ "advice 12", { A, P, 12 }, EINVAL },
		{ "advice -1", { A, P, 0xffffffff }, EINVAL },
		{ "PAGEOUT", { A, P, MADV_PAGEOUT }, ENOTSUP },
		{ "FREE_REUSABLE, not writable", { READ_ONLY, P, MADV_FREE_REUSABLE }, EPERM },
		{ "ZERO_WIRED_PAGES, not writable", { READ_ONLY, P, MADV_ZERO_WIRED_PAGES }, EPERM });
}

static void residence(void)
{
	RUN(core,
		{ "zero", { A, 0, 0 }, 0 },
		{ "zero at the top", { TOP, 0, 0 }, 0 },
		{ "misaligned", { A + 1, P, 0 }, 0 },
		{ "wrapping", { A, WRAP(A), 0 }, EINVAL },
		{ "round-wrapping", { LAST, P - 1, 0 }, EINVAL },
		{ "the vector is off the map", { A, P, USER_END }, EFAULT },
		{ "the vector is the kernel's", { A, P, KERNEL_ADDRESS }, EFAULT },
		{ "the vector is read-only", { A, P, READ_ONLY }, EFAULT });
	RUN(absent,
		{ "a hole", { HOLE, P }, 0 },
		{ "off the map", { USER_END, 4 * P }, 0 },
		{ "the kernel's", { KERNEL_ADDRESS, 4 * P }, 0 });
}

static void locks(void)
{
	RUN(lock,
		{ "zero", { A, 0 }, 0 },
		{ "zero at the top", { TOP, 0 }, 0 },
		{ "misaligned", { A + 1, P }, 0 },
		{ "wrapping", { A, WRAP(A) }, EINVAL },
		{ "round-wrapping", { LAST, P - 1 }, EINVAL },
		{ "off the map", { USER_END, P }, ENOMEM },
		{ "the kernel's", { KERNEL_ADDRESS, P }, ENOMEM },
		{ "page 0", { 0, P }, ENOMEM },
		{ "a hole", { HOLE, P }, ENOMEM },
		{ "over a hole", { A, 6 * P }, ENOMEM });
	RUN(unlock,
		{ "zero", { A, 0 }, 0 },
		{ "misaligned", { A + 1, P }, 0 },
		{ "wrapping", { A, WRAP(A) }, EINVAL },
		{ "round-wrapping", { LAST, P - 1 }, EINVAL },
		{ "off the map", { USER_END, P }, ENOMEM },
		{ "a hole", { HOLE, P }, ENOMEM },
		{ "not wired", { A, 4 * P }, 0 });
	mach_vm_address_t large = 0;
	uint64_t memory = number_of("hw.memsize");
	CHECK_EQ(mach_vm_allocate(SELF, &large, memory, VM_FLAGS_ANYWHERE), OK);
	RUN(lock, { "over the limit", { large, memory }, EAGAIN });
	CHECK_EQ(mach_vm_deallocate(SELF, large, memory), OK);
	CHECK_ERRNO(mlockall(MCL_CURRENT), ENOSYS);
	CHECK_ERRNO(munlockall(), ENOSYS);
}

/* Nothing can be decrypted: what is not encrypted stays as it is. */
static void encryption(void)
{
	int fd = open("/bin/sh", O_RDONLY);
	CHECK(fd >= 0);
	uint64_t file = (uint64_t)mmap(NULL, P, PROT_READ, MAP_PRIVATE, fd, 0);
	CHECK(file != (uint64_t)MAP_FAILED);
	CHECK_EQ(close(fd), 0);
	RUN(decrypt,
		{ "not encrypted", { A, P, 0 }, 0 },
		{ "not encrypted: zero", { A, 0, 0 }, 0 },
		{ "not encrypted: misaligned", { A + 1, P, 0 }, EINVAL },
		{ "not encrypted: misaligned and zero", { A + 1, 0, 0 }, EINVAL },
		{ "not encrypted: wrapping", { A, WRAP(A), 0 }, EINVAL },
		{ "not encrypted: round-wrapping", { LAST, P - 1, 0 }, EINVAL },
		{ "not encrypted: a hole", { HOLE, P, 0 }, 0 },
		{ "an application: zero", { A, 0, 1 }, 0 },
		{ "an application: zero, misaligned", { A + 1, 0, 1 }, EINVAL },
		{ "an application: no file behind", { A, P, 1 }, EINVAL },
		{ "a model: no file behind", { A, P, 2 }, EINVAL },
		{ "the test's: no file behind", { A, P, 0x10 }, EINVAL },
		{ "an application: nothing behind", { HOLE, P, 1 }, EINVAL },
		{ "an application: misaligned", { A + 1, P, 1 }, EINVAL },
		{ "an application: wrapping", { A, WRAP(A), 1 }, EINVAL },
		{ "a file, an application", { file, P, 1 }, ENOTSUP },
		{ "a file, a model", { file, P, 2 }, ENOTSUP },
		{ "a file, the test's", { file, P, 0x10 }, ENOTSUP },
		{ "a file, not encrypted", { file, P, 0 }, 0 },
		{ "cryptid 3", { A, P, 3 }, ENOTSUP },
		{ "cryptid -1", { A, P, 0xffffffff }, ENOTSUP });
	CHECK_EQ(munmap((void *)file, P), 0);
}

int main(void)
{
	maps();
	syncs_and_advice();
	residence();
	locks();
	encryption();
	return finish();
}
