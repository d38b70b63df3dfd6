/* Superpages: x86_64 has them, of 2 MiB; arm64 has none. */
#include "test.h"

#define SIZE (2ull << 20)
#define TWO VM_FLAGS_SUPERPAGE_SIZE_2MB
#define ANY VM_FLAGS_SUPERPAGE_SIZE_ANY

static kern_return_t allocate(mach_vm_address_t *at, mach_vm_size_t size, int flags)
{
	*at = 0;
	return mach_vm_allocate(mach_task_self(), at, size, VM_FLAGS_ANYWHERE | flags);
}

static void *map(size_t size, int descriptor)
{
	return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_ANON | MAP_PRIVATE, descriptor, 0);
}

static void refused(mach_vm_size_t size, int flags)
{
	mach_vm_address_t at;
	CHECK_EQ(allocate(&at, size, flags), KERN_INVALID_ARGUMENT);
	CHECK_EQ(at, 0);
	errno = 0;
	CHECK(map(size, flags) == MAP_FAILED);
	CHECK_EQ(errno, EINVAL);
}

#if defined(__x86_64__)

#define COUNT 512 /* pages of one */
#define MOST 256  /* more than there can be */

static char *superpage(void)
{
	mach_vm_address_t at;
	CHECK_EQ(allocate(&at, SIZE, TWO), KERN_SUCCESS);
	CHECK_EQ(at % SIZE, 0);
	return (char *)at;
}

static void release(char *p)
{
	CHECK_EQ(mach_vm_deallocate(mach_task_self(), (mach_vm_address_t)p, SIZE), KERN_SUCCESS);
}

/* Whether the kernel may store a byte at p for us. */
static int writable(char *p)
{
	int ends[2];
	CHECK_EQ(pipe(ends), 0);
	CHECK_EQ(write(ends[1], "x", 1), 1);
	errno = 0;
	ssize_t got = read(ends[0], p, 1);
	CHECK(got == 1 || (got == -1 && errno == EFAULT));
	close(ends[0]);
	close(ends[1]);
	return got == 1;
}

/* No page of it faults, and each keeps its own bytes. */
static void bytes(void)
{
	size_t page = getpagesize();
	struct vm_statistics64 before = counters();
	char *p = superpage();
	struct vm_statistics64 start = counters();
	CHECK(start.wire_count >= before.wire_count + COUNT);
	for (size_t i = 0; i < COUNT; i++) {
		CHECK_EQ(*(uint64_t *)(p + i * page), 0);
		*(uint64_t *)(p + i * page + 8 * (i % 500)) = ~i;
	}
	for (size_t i = 0; i < COUNT; i++)
		CHECK_EQ(*(uint64_t *)(p + i * page + 8 * (i % 500)), ~i);
	CHECK_EQ(counters().faults, start.faults);
	struct vm_region_extended_info info = extended(p + page);
	CHECK_EQ(info.share_mode, SM_LARGE_PAGE);
	CHECK_EQ(info.pages_resident, COUNT);
	char vector[COUNT];
	CHECK_EQ(mincore(p, SIZE, vector), 0);
	for (size_t i = 0; i < COUNT; i++)
		CHECK_EQ(vector[i] & (MINCORE_INCORE | MINCORE_MODIFIED), MINCORE_INCORE | MINCORE_MODIFIED);
	release(p);
	CHECK(counters().wire_count < before.wire_count + COUNT);
}

static char *shown;

static void read_it(void) { *(volatile char *)(shown + SIZE / 2); }

/* What is done to a part is done to all of it. */
static void parts(void)
{
	size_t page = getpagesize();
	char *p = shown = superpage();
	CHECK_EQ(death_of(read_it), SIGSEGV);
	CHECK_EQ(mprotect(p + 5 * page, page, PROT_READ), 0);
	CHECK(!writable(p) && !writable(p + SIZE - 1));
	uint64_t faults = counters().faults;
	CHECK_EQ(mprotect(p + 7 * page, page, PROT_READ | PROT_WRITE), 0);
	for (size_t i = 0; i < COUNT; i++)
		p[i * page] = (char)i;
	CHECK(counters().faults <= faults + 1);
	mach_vm_size_t got = 0, size = 25 * page + 3;
	char *copy = pages(27);
	CHECK_EQ(mach_vm_read_overwrite(mach_task_self(), (mach_vm_address_t)p + 9 * page + 1, size,
					(mach_vm_address_t)copy, &got), KERN_SUCCESS);
	CHECK_EQ(got, size);
	CHECK_EQ(memcmp(copy, p + 9 * page + 1, size), 0);
	CHECK_EQ(munmap(p + 100 * page, page), 0);
	CHECK(!writable(p) && !writable(p + SIZE - 1));
	/* The place is that of pages again. */
	CHECK(mmap(p, 3 * page, PROT_READ | PROT_WRITE, MAP_ANON | MAP_PRIVATE | MAP_FIXED, -1, 0) == p);
	memset(p, 1, 3 * page);
	CHECK(!writable(p + 3 * page));
	CHECK_EQ(munmap(p, 3 * page), 0);
}

/* Instructions run from it. */
static void code(void)
{
	static const unsigned char answer[] = { 0xb8, 0x2a, 0, 0, 0, 0xc3 }; /* mov $42, %eax; ret */
	char *p = map(SIZE, TWO);
	CHECK(p != MAP_FAILED);
	memcpy(p + 0x12345, answer, sizeof answer);
	CHECK_EQ(mprotect(p, SIZE, PROT_READ | PROT_EXEC), 0);
	CHECK_EQ(((int (*)(void))(p + 0x12345))(), 42);
	CHECK_EQ(munmap(p, SIZE), 0);
}

/* Takes all there are and gives them back; answers how many. */
static int all(void)
{
	static mach_vm_address_t at[MOST];
	int count = 0;
	kern_return_t code;
	while ((code = allocate(&at[count], SIZE, ANY)) == KERN_SUCCESS) {
		*(volatile int *)(at[count] + SIZE - 4) = count;
		CHECK(++count < MOST);
	}
	CHECK_EQ(code, KERN_RESOURCE_SHORTAGE);
	for (int i = 0; i < count; i++) {
		CHECK_EQ(*(volatile int *)(at[i] + SIZE - 4), i);
		release((char *)at[i]);
	}
	return count;
}

int main(void)
{
	size_t page = getpagesize();
	for (int size = 3; size <= 7; size++)
		refused(SIZE, size << VM_FLAGS_SUPERPAGE_SHIFT);
	refused(page, TWO);
	refused(SIZE + page, TWO);
	refused(SIZE, TWO | VM_FLAGS_PURGABLE);
	counters();
	bytes();
	parts();
	code();
	/* A size is filled up where any will do. */
	char *p = map(page, ANY);
	CHECK(p != MAP_FAILED);
	p[SIZE - 1] = 1;
	CHECK_EQ(munmap(p, page), 0);
	int count = all();
	CHECK(count > 0);
	CHECK_EQ(all(), count);
	/* One more goes with the task. */
	*superpage() = 1;
	return 0;
}

#else

int main(void)
{
	for (int size = 1; size <= 7; size++) {
		refused(SIZE, size << VM_FLAGS_SUPERPAGE_SHIFT);
		refused(getpagesize(), size << VM_FLAGS_SUPERPAGE_SHIFT);
	}
	return 0;
}

#endif
