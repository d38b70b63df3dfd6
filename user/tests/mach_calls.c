/* The Mach memory calls: what they do and which codes they answer. */
#include "test.h"

static mach_vm_size_t page;

static kern_return_t allocate(mach_vm_address_t *at, mach_vm_size_t size, int flags)
{
	return mach_vm_allocate(mach_task_self(), at, size, flags);
}

static struct vm_region_basic_info_64 basic(mach_vm_address_t *at, mach_vm_size_t *size)
{
	struct vm_region_basic_info_64 info;
	mach_msg_type_number_t count = VM_REGION_BASIC_INFO_COUNT_64;
	mach_port_t object;
	CHECK_EQ(mach_vm_region(mach_task_self(), at, size, VM_REGION_BASIC_INFO_64, (vm_region_info_t)&info, &count, &object), 0);
	CHECK_EQ(count, VM_REGION_BASIC_INFO_COUNT_64);
	return info;
}

int main(void)
{
	mach_port_t me = mach_task_self();
	mach_vm_address_t a = 12345, b;
	mach_vm_size_t size;
	page = vm_page_size;
	CHECK_EQ(page, getpagesize());

	/* allocate and deallocate */
	CHECK_EQ(allocate(&a, 3 * page + 1, VM_FLAGS_ANYWHERE | VM_MAKE_TAG(VM_MEMORY_APPLICATION_SPECIFIC_1)), KERN_SUCCESS);
	CHECK_EQ(a % page, 0);
	b = a;
	struct vm_region_basic_info_64 info = basic(&b, &size);
	CHECK_EQ(b, a);
	CHECK_EQ(size, 4 * page);
	CHECK_EQ(info.protection, VM_PROT_DEFAULT);
	CHECK_EQ(info.max_protection, VM_PROT_ALL);
	CHECK_EQ(info.inheritance, VM_INHERIT_COPY);
	CHECK_EQ(extended((void *)a).user_tag, VM_MEMORY_APPLICATION_SPECIFIC_1);
	CHECK_EQ(extended((void *)a).share_mode, SM_EMPTY);
	*(volatile char *)(a + page) = 1;
	CHECK_EQ(extended((void *)a).pages_resident, 1);
	CHECK_EQ(extended((void *)a).share_mode, SM_PRIVATE);
	CHECK_EQ(extended((void *)a).shadow_depth, 0);
	b = a;
	CHECK_EQ(allocate(&b, page, VM_FLAGS_FIXED), KERN_NO_SPACE);
	CHECK_EQ(b, a);
	CHECK_EQ(allocate(&b, page, VM_FLAGS_FIXED | VM_FLAGS_OVERWRITE), KERN_SUCCESS);
	b = 1;
	CHECK_EQ(allocate(&b, 0, VM_FLAGS_ANYWHERE), KERN_SUCCESS);
	CHECK_EQ(b, 0);
	CHECK_EQ(allocate(&b, page, 0x400000), KERN_INVALID_ARGUMENT);
	CHECK_EQ(allocate(&b, ~0ull, VM_FLAGS_ANYWHERE), KERN_INVALID_ARGUMENT);
	CHECK_EQ(allocate(&b, USER_END, VM_FLAGS_ANYWHERE), KERN_NO_SPACE);
	b = KERNEL_ADDRESS;
	CHECK_EQ(allocate(&b, page, VM_FLAGS_FIXED), KERN_INVALID_ADDRESS);
	CHECK_EQ(mach_vm_allocate(me, (mach_vm_address_t *)KERNEL_ADDRESS, page, VM_FLAGS_ANYWHERE) != KERN_SUCCESS, 1);
	CHECK_EQ(mach_vm_allocate(MACH_PORT_NULL, &b, page, VM_FLAGS_ANYWHERE) != KERN_SUCCESS, 1);
	CHECK_EQ(mach_vm_allocate(0xdeadbeef, &b, page, VM_FLAGS_ANYWHERE) != KERN_SUCCESS, 1);
	CHECK_EQ(mach_vm_deallocate(me, a + page, page), KERN_SUCCESS);
	CHECK_EQ(mach_vm_deallocate(me, a + page, page), KERN_SUCCESS);
	CHECK_EQ(mach_vm_deallocate(me, a, 0), KERN_SUCCESS);
	CHECK_EQ(mach_vm_deallocate(me, a, ~0ull), KERN_INVALID_ARGUMENT);

	/* protect: the maximum is a limit */
	CHECK_EQ(mach_vm_protect(me, a, page, FALSE, VM_PROT_READ), KERN_SUCCESS);
	b = a;
	CHECK_EQ(basic(&b, &size).protection, VM_PROT_READ);
	CHECK_EQ(size, page);
	CHECK_EQ(mach_vm_protect(me, a, page, TRUE, VM_PROT_READ), KERN_SUCCESS);
	CHECK_EQ(mach_vm_protect(me, a, page, FALSE, VM_PROT_DEFAULT), KERN_PROTECTION_FAILURE);
	CHECK_EQ(mach_vm_protect(me, a + page, page, FALSE, VM_PROT_READ), KERN_INVALID_ADDRESS);
	CHECK_EQ(mach_vm_protect(me, a, 0, FALSE, VM_PROT_READ), KERN_SUCCESS);
	CHECK_EQ(mach_vm_protect(me, a, ~0ull, FALSE, VM_PROT_READ), KERN_INVALID_ARGUMENT);

	/* inherit */
	CHECK_EQ(mach_vm_inherit(me, a, page, VM_INHERIT_NONE), KERN_SUCCESS);
	b = a;
	CHECK_EQ(basic(&b, &size).inheritance, VM_INHERIT_NONE);
	CHECK_EQ(mach_vm_inherit(me, a, page, 7), KERN_INVALID_ARGUMENT);

	/* map: masks align */
	b = 0;
	mach_vm_size_t megabyte = 1 << 20;
	CHECK_EQ(mach_vm_map(me, &b, megabyte, megabyte - 1, VM_FLAGS_ANYWHERE, MACH_PORT_NULL, 0, FALSE, VM_PROT_DEFAULT,
			     VM_PROT_ALL, VM_INHERIT_DEFAULT), KERN_SUCCESS);
	CHECK_EQ(b % megabyte, 0);
	CHECK_EQ(mach_vm_deallocate(me, b, megabyte), KERN_SUCCESS);
	CHECK_EQ(mach_vm_map(me, &b, page, 0, VM_FLAGS_ANYWHERE, 0x1234, 0, FALSE, VM_PROT_DEFAULT, VM_PROT_ALL,
			     VM_INHERIT_DEFAULT) != KERN_SUCCESS, 1);
	/* A protection beyond the maximum is cut to it. */
	CHECK_EQ(mach_vm_map(me, &b, page, 0, VM_FLAGS_ANYWHERE, MACH_PORT_NULL, 0, FALSE, VM_PROT_DEFAULT, VM_PROT_READ,
			     VM_INHERIT_DEFAULT), KERN_SUCCESS);
	mach_vm_address_t cut = b;
	CHECK_EQ(basic(&cut, &size).protection, VM_PROT_READ);

	/* page_query */
	integer_t disposition = -1, references = -1;
	b = 0;
	CHECK_EQ(allocate(&b, 2 * page, VM_FLAGS_ANYWHERE), KERN_SUCCESS);
	CHECK_EQ(mach_vm_page_query(me, b, &disposition, &references), KERN_SUCCESS);
	CHECK_EQ(disposition, 0);
	*(volatile char *)b = 1;
	CHECK_EQ(mach_vm_page_query(me, b, &disposition, &references), KERN_SUCCESS);
	CHECK_EQ(disposition & (VM_PAGE_QUERY_PAGE_PRESENT | VM_PAGE_QUERY_PAGE_DIRTY),
		 VM_PAGE_QUERY_PAGE_PRESENT | VM_PAGE_QUERY_PAGE_DIRTY);
	int dispositions[2] = { -1, -1 };
	mach_vm_size_t wanted = 2;
	CHECK_EQ(mach_vm_page_range_query(me, b, 2 * page, (mach_vm_address_t)dispositions, &wanted), KERN_SUCCESS);
	CHECK_EQ(wanted, 2);
	CHECK_EQ(dispositions[0] & VM_PAGE_QUERY_PAGE_PRESENT, VM_PAGE_QUERY_PAGE_PRESENT);
	CHECK_EQ(dispositions[1] & VM_PAGE_QUERY_PAGE_PRESENT, 0);

	/* Regions lie in order, apart from each other; the last one is followed by nothing. */
	mach_vm_address_t at = 0, end = 0;
	int regions = 0, stacks = 0, guards = 0;
	for (;;) {
		struct vm_region_submap_info_64 sub;
		mach_msg_type_number_t count = VM_REGION_SUBMAP_INFO_COUNT_64;
		natural_t depth = 1;
		kern_return_t code = mach_vm_region_recurse(me, &at, &size, &depth, (vm_region_recurse_info_t)&sub, &count);
		if (code == KERN_INVALID_ADDRESS)
			break;
		CHECK_EQ(code, KERN_SUCCESS);
		CHECK(at >= end && size != 0 && at % page == 0 && size % page == 0);
		CHECK_EQ(sub.protection & ~sub.max_protection, 0);
		CHECK(sub.pages_resident <= size / page);
		end = at + size;
		CHECK(end <= USER_END);
		stacks += sub.user_tag == VM_MEMORY_STACK && sub.protection == VM_PROT_DEFAULT;
		guards += sub.user_tag == VM_MEMORY_STACK && sub.protection == VM_PROT_NONE;
		at = end;
		regions++;
	}
	CHECK(regions >= 6);
	CHECK_EQ(stacks, 1);
	CHECK_EQ(guards, 1);

	/* Another task's map: a child's, by its port. */
	int ready[2];
	char c;
	CHECK_EQ(pipe(ready), 0);
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		mach_vm_address_t far = 0x300000000000ull;
		CHECK_EQ(allocate(&far, page, VM_FLAGS_FIXED), KERN_SUCCESS);
		*(volatile char *)far = 1;
		CHECK_EQ(write(ready[1], "x", 1), 1);
		for (;;)
			pause();
	}
	CHECK_EQ(read(ready[0], &c, 1), 1);
	mach_port_t child;
	CHECK_EQ(task_for_pid(me, pid, &child), KERN_SUCCESS);
	struct vm_region_extended_info more;
	mach_msg_type_number_t count = VM_REGION_EXTENDED_INFO_COUNT;
	mach_port_t object;
	b = 0x300000000000ull;
	CHECK_EQ(mach_vm_region(child, &b, &size, VM_REGION_EXTENDED_INFO, (vm_region_info_t)&more, &count, &object), KERN_SUCCESS);
	CHECK_EQ(b, 0x300000000000ull);
	CHECK_EQ(more.pages_resident, 1);
	CHECK_EQ(kill(pid, SIGKILL), 0);
	CHECK_EQ(waitpid(pid, NULL, 0), pid);
	CHECK(mach_vm_region(child, &b, &size, VM_REGION_EXTENDED_INFO, (vm_region_info_t)&more, &count, &object) != KERN_SUCCESS);
	CHECK(task_for_pid(me, 99999, &child) != KERN_SUCCESS);
	return 0;
}
