/* Bad arguments of mach_vm_purgable_control, mach_memory_entry_purgable_control, mach_vm_machine_attribute and mach_vm_page_info. */
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

/* entry, control, state */
static int purge_entry(const uint64_t *a)
{
	int state = (int)a[2];
	int code = mach_memory_entry_purgable_control((mach_port_t)a[0], (vm_purgable_t)a[1], &state);
	return code != OK && state != (int)a[2] ? TOUCHED : code;
}

/* entry, offset, size, copy */
static int map_purgeable(const uint64_t *a)
{
	mach_vm_address_t at = 0;
	int code = mach_vm_map(SELF, &at, a[2], 0, VM_FLAGS_ANYWHERE | VM_FLAGS_PURGABLE, (mach_port_t)a[0], a[1],
			       (boolean_t)a[3], VM_PROT_DEFAULT, VM_PROT_DEFAULT, VM_INHERIT_COPY);
	if (code != OK)
		return at == 0 ? code : TOUCHED;
	CHECK_EQ(mach_vm_deallocate(SELF, at, a[2]), OK);
	return OK;
}

static mach_port_t named(memory_object_size_t size, mach_vm_address_t at, int permission)
{
	mach_port_t entry = MACH_PORT_NULL;
	CHECK_EQ(mach_make_memory_entry_64(SELF, &size, at, permission | VM_PROT_DEFAULT, &entry, MACH_PORT_NULL), OK);
	return entry;
}

static void by_name(void)
{
	const uint64_t set = VM_PURGABLE_SET_STATE, get = VM_PURGABLE_GET_STATE;
	const int create = MAP_MEM_NAMED_CREATE | MAP_MEM_PURGABLE;
	mach_port_t whole = named(2 * P, 0, create), plain = named(P, 0, MAP_MEM_NAMED_CREATE);
	mach_port_t kernels = named(P, 0, create | MAP_MEM_PURGABLE_KERNEL_ONLY);
	mach_vm_address_t at = 0;
	CHECK_EQ(mach_vm_map(SELF, &at, 2 * P, 0, VM_FLAGS_ANYWHERE, whole, 0, FALSE, VM_PROT_DEFAULT, VM_PROT_DEFAULT,
			     VM_INHERIT_COPY), OK);
	memset((void *)at, 3, 2 * P);
	mach_port_t part = named(P, at, 0), copied = named(2 * P, at, MAP_MEM_VM_COPY);
	RUN(purge_entry,
		{ "entry: get", { whole, get, 0 }, OK },
		{ "entry: get does not look at the state", { whole, get, 0x4 }, OK },
		{ "entry: set", { whole, set, VM_PURGABLE_VOLATILE | VM_VOLATILE_GROUP_7 }, OK },
		{ "entry: VM_PURGABLE_DENY", { whole, set, VM_PURGABLE_DENY }, ARG },
		{ "entry: an unknown bit", { whole, set, 0x4 }, ARG },
		{ "entry: purge all", { whole, VM_PURGABLE_PURGE_ALL, 0 }, ARG },
		{ "entry: control 3", { whole, 3, 0 }, ARG },
		{ "entry: not purgeable", { plain, get, 0 }, ARG },
		{ "entry: a part", { part, get, 0 }, ARG },
		{ "entry: a copy", { copied, get, 0 }, ARG },
		{ "entry: the kernel's, get", { kernels, get, 0 }, OK },
		{ "entry: the kernel's, set", { kernels, set, VM_PURGABLE_VOLATILE }, PROTECTION },
		{ "entry: the kernel's, an unknown bit first", { kernels, set, 0x4 }, ARG },
		{ "entry: null", { MACH_PORT_NULL, get, 0 }, ARG },
		{ "entry: a task", { SELF, get, 0 }, ARG });
	int state = VM_PURGABLE_NONVOLATILE;
	CHECK_EQ(mach_vm_purgable_control(SELF, at, VM_PURGABLE_SET_STATE, &state), OK);
	CHECK_EQ(state, VM_PURGABLE_VOLATILE);
	RUN(map_purgeable,
		{ "map purgeable", { whole, 0, 2 * P, FALSE }, OK },
		{ "map purgeable: a part", { whole, 0, P, FALSE }, ARG },
		{ "map purgeable: an offset", { whole, P, P, FALSE }, ARG },
		{ "map purgeable: a private copy", { whole, 0, 2 * P, TRUE }, ARG },
		{ "map purgeable: what is not", { plain, 0, P, FALSE }, ARG },
		{ "map purgeable: a copy", { copied, 0, 2 * P, FALSE }, ARG });
	/* The name alone keeps it, and it can be purged. */
	CHECK_EQ(mach_vm_deallocate(SELF, at, 2 * P), OK);
	CHECK_EQ(mach_port_deallocate(SELF, part), OK);
	state = VM_PURGABLE_VOLATILE;
	CHECK_EQ(mach_memory_entry_purgable_control(whole, VM_PURGABLE_SET_STATE, &state), OK);
	int any = 0;
	CHECK_EQ(mach_vm_purgable_control(SELF, 0, VM_PURGABLE_PURGE_ALL, &any), OK);
	CHECK_EQ(mach_memory_entry_purgable_control(whole, VM_PURGABLE_GET_STATE, &state), OK);
	CHECK_EQ(state, VM_PURGABLE_EMPTY);
	mach_port_t all[] = { whole, plain, kernels, copied };
	for (int i = 0; i < 4; i++)
		CHECK_EQ(mach_port_deallocate(SELF, all[i]), OK);
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
	by_name();
	attributes();
	infos();
	return finish();
}
