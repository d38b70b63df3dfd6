/* Bad arguments of mach_vm_purgable_control, mach_vm_machine_attribute and mach_vm_page_info. */
#include "arguments.h"

/* Purgeable memory of one page. */
static mach_vm_address_t purgeable;

/* task, address, control, state */
static int purge(const uint64_t *a)
{
	int state = (int)a[3];
	int code = mach_vm_purgable_control((mach_port_t)a[0], a[1], (vm_purgable_t)a[2], &state);
	return code != OK && state != (int)a[3] ? TOUCHED : code;
}

/* task, address, size, attribute, value */
static int attribute(const uint64_t *a)
{
	int value = (int)a[4];
	int code = mach_vm_machine_attribute((mach_port_t)a[0], a[1], a[2], (vm_machine_attribute_t)a[3], &value);
	return code != OK && value != (int)a[4] ? TOUCHED : code;
}

/* task, address, flavor, count */
static int info(const uint64_t *a)
{
	int words[16];
	mach_msg_type_number_t count = (mach_msg_type_number_t)a[3];
	memset(words, 0x5a, sizeof words);
	int code = mach_vm_page_info((mach_port_t)a[0], a[1], (int)a[2], words, &count);
	if (code == OK)
		return count == VM_PAGE_INFO_BASIC_COUNT && words[count] == 0x5a5a5a5a ? OK : TOUCHED;
	return count == a[3] && words[0] == 0x5a5a5a5a ? code : TOUCHED;
}

/* address: what is not there has neither bits nor references */
static int absent(const uint64_t *a)
{
	vm_page_info_basic_data_t page;
	mach_msg_type_number_t count = VM_PAGE_INFO_BASIC_COUNT;
	int code = mach_vm_page_info(SELF, a[0], VM_PAGE_INFO_BASIC, (vm_page_info_t)&page, &count);
	CHECK(code != OK || (page.disposition == 0 && page.ref_count == 0));
	return code;
}

static void purges(void)
{
	const uint64_t set = VM_PURGABLE_SET_STATE, get = VM_PURGABLE_GET_STATE, all = VM_PURGABLE_PURGE_ALL;
	RUN(purge,
		{ "control 3", { SELF, purgeable, 3, 0 }, ARG },
		{ "control 4", { SELF, purgeable, 4, 0 }, ARG },
		{ "control -1", { SELF, purgeable, 0xffffffff, 0 }, ARG },
		{ "control before the address", { SELF, HOLE, 4, 0 }, ARG },
		{ "all, anywhere", { SELF, TOP, all, 0 }, OK },
		{ "all, of the kernel's", { SELF, KERNEL_ADDRESS, all, 0 }, OK },
		{ "a state with an unknown bit", { SELF, purgeable, set, 0x4 }, ARG },
		{ "a state with bit 15", { SELF, purgeable, set, 0x8000 }, ARG },
		{ "a state with bit 17", { SELF, purgeable, set, 0x20000 }, ARG },
		{ "VM_PURGABLE_DENY", { SELF, purgeable, set, VM_PURGABLE_DENY }, ARG },
		{ "state before the address", { SELF, HOLE, set, 0x4 }, ARG },
		{ "set in a hole", { SELF, HOLE, set, 0 }, ADDRESS },
		{ "get in a hole", { SELF, HOLE, get, 0 }, ADDRESS },
		{ "off the map", { SELF, USER_END, get, 0 }, ADDRESS },
		{ "the kernel's", { SELF, KERNEL_ADDRESS, get, 0 }, ADDRESS },
		{ "not purgeable", { SELF, A, get, 0 }, ARG },
		{ "untouched and not purgeable", { SELF, FRESH, get, 0 }, ARG },
		{ "good", { SELF, purgeable, get, 0 }, OK },
		{ "misaligned", { SELF, purgeable + 1, get, 0 }, OK },
		{ "null port", { NULL_PORT, purgeable, get, 0 }, DEST },
		{ "dead port", { DEAD_PORT, purgeable, get, 0 }, DEST });
	CHECK_EQ(mach_vm_protect(SELF, purgeable, P, FALSE, VM_PROT_READ), OK);
	RUN(purge,
		{ "set, purgeable and not writable", { SELF, purgeable, set, VM_PURGABLE_VOLATILE }, PROTECTION },
		{ "get, purgeable and not writable", { SELF, purgeable, get, 0 }, OK });
}

static void attributes(void)
{
	const uint64_t cache = MATTR_CACHE, sync = MATTR_VAL_CACHE_SYNC;
	RUN(attribute,
		{ "zero", { SELF, A, 0, cache, sync }, OK },
		{ "zero at the top", { SELF, TOP, 0, cache, sync }, OK },
		{ "wrapping", { SELF, A, WRAP(A), cache, sync }, ARG },
		{ "round-wrapping", { SELF, LAST, P - 1, cache, sync }, ADDRESS },
		{ "off the map", { SELF, USER_END, P, cache, sync }, ADDRESS },
		{ "below the map", { SELF, 0, P, cache, sync }, ADDRESS },
		{ "the kernel's", { SELF, KERNEL_ADDRESS, P, cache, sync }, ADDRESS },
		{ "a hole", { SELF, HOLE, P, cache, sync }, KERN_FAILURE },
		{ "into a hole", { SELF, FRESH, 3 * P, cache, sync }, KERN_FAILURE },
		{ "resident", { SELF, A, P, cache, sync }, BY_MACHINE(ADDRESS, OK) },
		{ "not resident", { SELF, FRESH, P, cache, sync }, OK },
		{ "MIGRATE", { SELF, A, P, MATTR_MIGRATE, MATTR_VAL_ON }, ADDRESS },
		{ "REPLICATE", { SELF, A, P, MATTR_REPLICATE, MATTR_VAL_ON }, ADDRESS },
		{ "attribute 0", { SELF, A, P, 0, MATTR_VAL_ON }, ADDRESS },
		{ "null port", { NULL_PORT, A, P, cache, sync }, DEST },
		{ "dead port", { DEAD_PORT, A, P, cache, sync }, DEST });
}

static void infos(void)
{
	const uint64_t basic = VM_PAGE_INFO_BASIC, full = VM_PAGE_INFO_BASIC_COUNT;
	RUN(info,
		{ "good", { SELF, A, basic, full }, OK },
		{ "misaligned", { SELF, A + 1, basic, full }, OK },
		{ "flavor 0", { SELF, A, 0, full }, ARG },
		{ "flavor 2", { SELF, A, 2, full }, ARG },
		{ "count 0", { SELF, A, basic, 0 }, ARG },
		{ "short count", { SELF, A, basic, full - 2 }, ARG }, /* one less is the record without its padding */
		{ "the last page", { SELF, LAST, basic, full }, ADDRESS },
		{ "the last address", { SELF, TOP, basic, full }, ADDRESS },
		{ "null port", { NULL_PORT, A, basic, full }, DEST },
		{ "dead port", { DEAD_PORT, A, basic, full }, DEST });
	RUN(absent,
		{ "a hole", { HOLE }, OK },
		{ "untouched", { FRESH }, OK },
		{ "off the map", { USER_END }, OK },
		{ "the kernel's", { KERNEL_ADDRESS }, OK });
}

int main(void)
{
	CHECK_EQ(mach_vm_allocate(SELF, &purgeable, P, VM_FLAGS_ANYWHERE | VM_FLAGS_PURGABLE), OK);
	*(volatile char *)purgeable = 1;
	purges();
	attributes();
	infos();
	return finish();
}
