/* Allocates 64 pages, writes eight of them, and shows what became resident. */
#include <mach/mach.h>
#include <mach/mach_vm.h>
#include <stdio.h>
#include <stdlib.h>

static unsigned resident(mach_vm_address_t at)
{
	struct vm_region_extended_info info;
	mach_msg_type_number_t count = VM_REGION_EXTENDED_INFO_COUNT;
	mach_vm_size_t size;
	mach_port_t object;
	mach_vm_region(mach_task_self(), &at, &size, VM_REGION_EXTENDED_INFO, (vm_region_info_t)&info, &count, &object);
	return info.pages_resident;
}

static unsigned long long zero_filled(void)
{
	struct vm_statistics64 s;
	mach_msg_type_number_t count = HOST_VM_INFO64_COUNT;
	host_statistics64(mach_host_self(), HOST_VM_INFO64, (host_info64_t)&s, &count);
	return s.zero_fill_count;
}

int main(void)
{
	mach_vm_address_t at = 0;
	kern_return_t code = mach_vm_allocate(mach_task_self(), &at, 64 * vm_page_size, VM_FLAGS_ANYWHERE);
	if (code != KERN_SUCCESS) {
		mach_error("mach_vm_allocate", code);
		return 1;
	}
	printf("allocated 64 pages of %lu bytes at %#llx: %u are resident\n", (unsigned long)vm_page_size, at, resident(at));
	unsigned long long before = zero_filled();
	for (int i = 0; i < 8; i++)
		*(volatile char *)(at + i * vm_page_size) = 1;
	unsigned long long filled = zero_filled() - before;
	printf("wrote a byte to eight of them: %u are resident, %llu were zero-filled\n", resident(at), filled);
	return 0;
}
