/* The calls by their older names: the same memory, sizes in words, records with 32-bit offsets. */
#include "test.h"

int main(void)
{
	mach_port_t me = mach_task_self(), object = 7;
	vm_size_t page = vm_page_size, size;
	vm_address_t at = 0, where;
	mach_msg_type_number_t count;
	CHECK_EQ(vm_allocate(me, &at, 8 * page, VM_FLAGS_ANYWHERE), KERN_SUCCESS);
	*(char *)at = 1;
	CHECK_EQ(vm_protect(me, at + 6 * page, page, FALSE, VM_PROT_READ), KERN_SUCCESS);
	CHECK_EQ(vm_inherit(me, at + 7 * page, page, VM_INHERIT_NONE), KERN_SUCCESS);
	CHECK_EQ(vm_behavior_set(me, at, page, VM_BEHAVIOR_WILLNEED), KERN_SUCCESS);
	CHECK_EQ(vm_msync(me, at, page, VM_SYNC_SYNCHRONOUS), KERN_SUCCESS);
	CHECK_EQ(vm_wire(mach_host_self(), me, at, page, VM_PROT_READ), KERN_SUCCESS);
	CHECK_EQ(vm_wire(mach_host_self(), me, at, page, VM_PROT_NONE), KERN_SUCCESS);

	/* A region in both forms; the fields behind the offset are the same. */
	vm_region_basic_info_data_64_t wide;
	vm_region_basic_info_data_t narrow;
	count = VM_REGION_BASIC_INFO_COUNT_64;
	where = at + 7 * page;
	CHECK_EQ(vm_region_64(me, &where, &size, VM_REGION_BASIC_INFO_64, (vm_region_info_t)&wide, &count, &object), KERN_SUCCESS);
	CHECK_EQ(where, at + 7 * page);
	CHECK_EQ(size, page);
	CHECK_EQ(object, MACH_PORT_NULL);
	count = VM_REGION_BASIC_INFO_COUNT;
	CHECK_EQ(vm_region(me, &where, &size, VM_REGION_BASIC_INFO, (vm_region_info_t)&narrow, &count, &object), KERN_SUCCESS);
	CHECK_EQ(count, VM_REGION_BASIC_INFO_COUNT);
	CHECK_EQ(narrow.inheritance, VM_INHERIT_NONE);
	CHECK_EQ(narrow.protection, wide.protection);
	CHECK_EQ(narrow.offset, wide.offset);
	CHECK_EQ(narrow.behavior, wide.behavior);

	vm_region_submap_info_data_64_t wide_sub;
	vm_region_submap_short_info_data_64_t brief;
	vm_region_submap_info_data_t narrow_sub[2];
	natural_t depth = 0;
	memset(narrow_sub, 0xa5, sizeof narrow_sub);
	where = at;
	count = VM_REGION_SUBMAP_INFO_COUNT_64;
	CHECK_EQ(vm_region_recurse_64(me, &where, &size, &depth, (vm_region_recurse_info_t)&wide_sub, &count), KERN_SUCCESS);
	count = VM_REGION_SUBMAP_SHORT_INFO_COUNT_64;
	CHECK_EQ(vm_region_recurse_64(me, &where, &size, &depth, (vm_region_recurse_info_t)&brief, &count), KERN_SUCCESS);
	count = VM_REGION_SUBMAP_INFO_COUNT;
	CHECK_EQ(vm_region_recurse(me, &where, &size, &depth, (vm_region_recurse_info_t)narrow_sub, &count), KERN_SUCCESS);
	CHECK_EQ(count, VM_REGION_SUBMAP_INFO_COUNT);
	CHECK_EQ(narrow_sub[0].pages_resident, 1);
	CHECK_EQ(narrow_sub[0].pages_resident, wide_sub.pages_resident);
	CHECK_EQ(narrow_sub[0].share_mode, wide_sub.share_mode);
	CHECK_EQ(narrow_sub[0].object_id, wide_sub.object_id);
	CHECK_EQ(narrow_sub[0].protection, VM_PROT_DEFAULT);
	CHECK_EQ((uint32_t)narrow_sub[1].protection, 0xa5a5a5a5);
	CHECK_EQ(brief.share_mode, wide_sub.share_mode);
	CHECK_EQ(brief.ref_count, wide_sub.ref_count);
	CHECK_EQ(brief.object_id, wide_sub.object_id);
	count = VM_REGION_SUBMAP_INFO_COUNT - 1;
	CHECK_EQ(vm_region_recurse(me, &where, &size, &depth, (vm_region_recurse_info_t)narrow_sub, &count), KERN_INVALID_ARGUMENT);

	integer_t disposition, references;
	CHECK_EQ(vm_map_page_query(me, at, &disposition, &references), KERN_SUCCESS);
	CHECK(disposition & VM_PAGE_QUERY_PAGE_PRESENT);
	where = 0;
	CHECK_EQ(vm_map(me, &where, page, 0, VM_FLAGS_ANYWHERE, MACH_PORT_NULL, 0, FALSE, VM_PROT_READ, VM_PROT_ALL,
			VM_INHERIT_SHARE), KERN_SUCCESS);
	CHECK_EQ(vm_deallocate(me, where, page), KERN_SUCCESS);
	CHECK_EQ(vm_map_64(me, &where, page, 0, VM_FLAGS_FIXED, MACH_PORT_NULL, 0, FALSE, VM_PROT_READ, VM_PROT_ALL,
			   VM_INHERIT_SHARE), KERN_SUCCESS);
	CHECK_EQ(vm_deallocate(me, where, page), KERN_SUCCESS);
	CHECK_EQ(vm_deallocate(me, at, 8 * page), KERN_SUCCESS);
	return 0;
}
