/* Copies, shares and wirings of the same memory at once. */
#include "test.h"
#include <mach/mach_vm.h>

enum { PAGES = 12, ROUNDS = 100 };

static mach_vm_address_t at_of(const void *p)
{
	return (mach_vm_address_t)(uintptr_t)p;
}

/* The memory once more at another address: itself, or as it is now. */
static char *again(const char *from, size_t size, boolean_t copy)
{
	mach_vm_address_t at = 0;
	vm_prot_t cur, max;

	CHECK_EQ(mach_vm_remap(mach_task_self(), &at, size, 0, VM_FLAGS_ANYWHERE, mach_task_self(), at_of(from), copy,
			       &cur, &max, VM_INHERIT_COPY), KERN_SUCCESS);
	return (char *)(uintptr_t)at;
}

/* A copy that is taken before the source page exists reads zero after the source is written. */
static void before_the_page(size_t page)
{
	char *source = pages(2);
	char *shared = again(source, 2 * page, FALSE);
	char *copy = again(source, 2 * page, TRUE);

	source[0] = 1;
	shared[page] = 2;
	CHECK_EQ(copy[0], 0);
	CHECK_EQ(copy[page], 0);
	CHECK_EQ(source[page], 2);
	CHECK_EQ(shared[0], 1);
}

static char *map_of(mach_port_t entry, size_t size, boolean_t copy)
{
	mach_vm_address_t at = 0;

	CHECK_EQ(mach_vm_map(mach_task_self(), &at, size, 0, VM_FLAGS_ANYWHERE, entry, 0, copy,
			     VM_PROT_READ | VM_PROT_WRITE, VM_PROT_READ | VM_PROT_WRITE, VM_INHERIT_SHARE), KERN_SUCCESS);
	return (char *)(uintptr_t)at;
}

/* A shared entry and a copied one of the same memory. */
static void entries(size_t page)
{
	memory_object_size_t size = 3 * page;
	mach_port_t share, copy;
	char *source = pages(3);

	source[0] = 1;
	CHECK_EQ(mach_make_memory_entry_64(mach_task_self(), &size, at_of(source),
					   MAP_MEM_VM_SHARE | VM_PROT_READ | VM_PROT_WRITE, &share, MACH_PORT_NULL), KERN_SUCCESS);
	CHECK_EQ(mach_make_memory_entry_64(mach_task_self(), &size, at_of(source),
					   MAP_MEM_VM_COPY | VM_PROT_READ | VM_PROT_WRITE, &copy, MACH_PORT_NULL), KERN_SUCCESS);
	char *shared = map_of(share, size, FALSE);
	char *copied = map_of(copy, size, FALSE);
	char *second = map_of(copy, size, FALSE);

	source[0] = 2;
	source[page] = 3;
	shared[2 * page] = 4;
	CHECK_EQ(shared[0], 2);
	CHECK_EQ(shared[page], 3);
	CHECK_EQ(source[2 * page], 4);
	CHECK_EQ(copied[0], 1);
	CHECK_EQ(copied[page], 0);
	CHECK_EQ(copied[2 * page], 0);
	/* The entry keeps the moment: each who maps it begins from there. */
	copied[page] = 5;
	CHECK_EQ(second[page], 0);
	CHECK_EQ(source[page], 3);
	CHECK_EQ(mach_port_deallocate(mach_task_self(), share), KERN_SUCCESS);
	CHECK_EQ(mach_port_deallocate(mach_task_self(), copy), KERN_SUCCESS);
	CHECK_EQ(second[0], 1);
	CHECK_EQ(shared[0], 2);
}

/* A child writes over its parent, not aligned, as long as it can; small pieces and large ones. */
static void write_the_parent(char *to, size_t page)
{
	pid_t parent = getppid();
	mach_port_t task;
	char *from = pages(PAGES);

	CHECK_EQ(task_for_pid(mach_task_self(), parent, &task), KERN_SUCCESS);
	for (int round = 0;; round++) {
		memset(from, round, PAGES * page);
		size_t size = round % 2 ? 10 * page : page;
		kern_return_t code = mach_vm_write(task, at_of(to) + 5, at_of(from), size);
		if (code != KERN_SUCCESS && code != KERN_PROTECTION_FAILURE && code != KERN_INVALID_ADDRESS)
			_exit(1);
	}
}

/* While memory is read-only nobody writes it. */
static void race(char *to, size_t page)
{
	size_t size = PAGES * page;
	char *first = pages(PAGES);
	int status = 0, changes = 0;
	pid_t child = fork();

	CHECK(child >= 0);
	if (child == 0)
		write_the_parent(to, page);
	for (int round = 0; round < ROUNDS; round++) {
		char last = to[page / 2];
		CHECK_EQ(mprotect(to, size, PROT_READ), 0);
		memcpy(first, to, size);
		usleep(1000);
		CHECK_EQ(memcmp(first, to, size), 0);
		CHECK_EQ(mprotect(to, size, PROT_READ | PROT_WRITE), 0);
		usleep(1000);
		changes += to[page / 2] != last;
	}
	CHECK_EQ(kill(child, SIGKILL), 0);
	CHECK_EQ(waitpid(child, &status, 0), child);
	CHECK(WIFSIGNALED(status));
	/* It did write while it might. */
	CHECK(changes > 0);
	CHECK_EQ(munmap(first, size), 0);
}

/* The middle of wired, shared, copied memory goes; nobody else loses a byte. */
static void middle(size_t page)
{
	char *source = pages(6);

	for (int n = 0; n < 6; n++)
		source[n * page] = n + 1;
	char *shared = again(source, 6 * page, FALSE);
	char *before = again(source, 6 * page, TRUE);
	CHECK_EQ(mlock(source, 6 * page), 0);
	char *after = again(source, 6 * page, TRUE);
	CHECK_EQ(munmap(source + 2 * page, 2 * page), 0);
	for (int n = 0; n < 6; n++) {
		CHECK_EQ(shared[n * page], n + 1);
		shared[n * page] = 10 + n;
	}
	for (int n = 0; n < 6; n++) {
		CHECK_EQ(before[n * page], n + 1);
		CHECK_EQ(after[n * page], n + 1);
		if (n < 2 || n > 3)
			CHECK_EQ(source[n * page], 10 + n);
	}
	CHECK_EQ(munlock(source, 2 * page), 0);
	CHECK_EQ(munmap(source, 6 * page), 0);
	CHECK_EQ(shared[0], 10);
}

int main(void)
{
	size_t page = getpagesize();

	before_the_page(page);
	entries(page);
	race(pages(PAGES), page);
	race(mmap(NULL, PAGES * page, PROT_READ | PROT_WRITE, MAP_ANON | MAP_SHARED, -1, 0), page);
	middle(page);
	return 0;
}
