/* Memory that may go, limits of memory, and what is asked about pages and caches. */
#include "test.h"
#include <sys/resource.h>

static mach_vm_size_t page;

static char *purgeable(mach_vm_size_t pages)
{
	mach_vm_address_t at = 0;
	CHECK_EQ(mach_vm_allocate(mach_task_self(), &at, pages * page, VM_FLAGS_ANYWHERE | VM_FLAGS_PURGABLE), 0);
	return (char *)at;
}

static int set(void *at, int state)
{
	CHECK_EQ(mach_vm_purgable_control(mach_task_self(), (mach_vm_offset_t)at, VM_PURGABLE_SET_STATE, &state), 0);
	return state;
}

static int get(void *at)
{
	int state = -1;
	CHECK_EQ(vm_purgable_control(mach_task_self(), (vm_address_t)at, VM_PURGABLE_GET_STATE, &state), 0);
	return state;
}

static void refused(void *at, int control, int state, kern_return_t code)
{
	int before = state;
	CHECK_EQ(mach_vm_purgable_control(mach_task_self(), (mach_vm_offset_t)at, control, &state), code);
	CHECK_EQ(state, before);
}

/* What the task is charged for purgeable memory, in pages: nonvolatile, volatile, graphics, graphics volatile. */
static void charged(int64_t nonvolatile, int64_t is_volatile, int64_t graphics, int64_t graphics_volatile)
{
	struct task_vm_info info;
	mach_msg_type_number_t count = TASK_VM_INFO_COUNT;
	CHECK_EQ(task_info(mach_task_self(), TASK_VM_INFO, (task_info_t)&info, &count), 0);
	CHECK_EQ(info.ledger_purgeable_nonvolatile, nonvolatile * (int64_t)page);
	CHECK_EQ(info.ledger_purgeable_volatile, is_volatile * (int64_t)page);
	CHECK_EQ(info.ledger_tag_graphics_footprint, graphics * (int64_t)page);
	CHECK_EQ(info.ledger_tag_graphics_nofootprint, graphics_volatile * (int64_t)page);
}

/* What is found by its entries: mapped, resident, and bytes of entries; in the other flavor nothing is looked for. */
static void found(uint64_t mapped, uint64_t resident, uint64_t bytes)
{
	struct task_vm_info info;
	mach_msg_type_number_t count = TASK_VM_INFO_COUNT;
	CHECK_EQ(task_info(mach_task_self(), TASK_VM_INFO_PURGEABLE, (task_info_t)&info, &count), 0);
	CHECK_EQ(info.purgeable_volatile_pmap, mapped * page);
	CHECK_EQ(info.purgeable_volatile_resident, resident * page);
	CHECK_EQ(info.purgeable_volatile_virtual, bytes);
	CHECK_EQ(task_info(mach_task_self(), TASK_VM_INFO, (task_info_t)&info, &count), 0);
	CHECK_EQ(info.purgeable_volatile_pmap | info.purgeable_volatile_resident | info.purgeable_volatile_virtual, 0);
}

static uint64_t footprint(void)
{
	struct task_vm_info info;
	mach_msg_type_number_t count = TASK_VM_INFO_COUNT;
	CHECK_EQ(task_info(mach_task_self(), TASK_VM_INFO, (task_info_t)&info, &count), 0);
	CHECK(info.ledger_phys_footprint_peak >= (int64_t)info.phys_footprint);
	return info.phys_footprint;
}

/* The caller is charged for what it allocates in another task. */
static void charged_for_another(void)
{
	mach_port_t other;
	mach_vm_address_t at = 0;
	const char text[] = "bytes";
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0)
		for (;;)
			pause();
	CHECK_EQ(task_for_pid(mach_task_self(), pid, &other), 0);
	CHECK_EQ(mach_vm_allocate(other, &at, 2 * page, VM_FLAGS_ANYWHERE | VM_FLAGS_PURGABLE), 0);
	CHECK_EQ(mach_vm_write(other, at, (vm_offset_t)text, sizeof text), 0);
	charged(1, 0, 0, 0);
	CHECK_EQ(kill(pid, SIGKILL), 0);
	CHECK_EQ(waitpid(pid, NULL, 0), pid);
	CHECK_EQ(mach_port_deallocate(mach_task_self(), other), 0);
	charged(0, 0, 0, 0);
}

static void nothing_charged(void) { charged(0, 0, 0, 0); }

/* A task is charged for what it allocates and makes, wherever that is mapped. */
static void ledgers(void)
{
	charged(0, 0, 0, 0);
	charged_for_another();
	char *p = purgeable(4);
	charged(0, 0, 0, 0);
	memset(p, 7, 3 * page);
	charged(3, 0, 0, 0);
	found(0, 0, 0);
	uint64_t weight = footprint();
	set(p, VM_PURGABLE_VOLATILE);
	charged(0, 3, 0, 0);
	found(3, 3, 4 * page);
	CHECK_EQ(footprint(), weight - 3 * page);
	CHECK_EQ(mlock(p, page), 0);
	charged(1, 2, 0, 0);
	CHECK_EQ(munlock(p, page), 0);
	memory_object_size_t size = 2 * page;
	mach_port_t entry;
	CHECK_EQ(mach_make_memory_entry_64(mach_task_self(), &size, 0,
					   MAP_MEM_NAMED_CREATE | MAP_MEM_PURGABLE | VM_PROT_DEFAULT, &entry, MACH_PORT_NULL), 0);
	mach_vm_address_t at = 0;
	CHECK_EQ(mach_vm_map(mach_task_self(), &at, size, 0, VM_FLAGS_ANYWHERE, entry, 0, FALSE, VM_PROT_DEFAULT,
			     VM_PROT_DEFAULT, VM_INHERIT_COPY), 0);
	memset((void *)at, 1, size);
	CHECK_EQ(mach_vm_deallocate(mach_task_self(), at, size), 0);
	charged(2, 3, 0, 0);
	CHECK_EQ(mach_memory_entry_ownership(entry, mach_task_self(), VM_LEDGER_TAG_GRAPHICS, 0), 0);
	charged(0, 3, 2, 0);
	CHECK_EQ(child_status(nothing_charged), 0);
	int state = VM_PURGABLE_VOLATILE;
	CHECK_EQ(mach_memory_entry_purgable_control(entry, VM_PURGABLE_SET_STATE, &state), 0);
	charged(0, 3, 0, 2);
	int any = 0;
	CHECK_EQ(mach_vm_purgable_control(mach_task_self(), 0, VM_PURGABLE_PURGE_ALL, &any), 0);
	charged(0, 0, 0, 0);
	CHECK_EQ(mach_port_deallocate(mach_task_self(), entry), 0);
	CHECK_EQ(mach_vm_deallocate(mach_task_self(), (mach_vm_address_t)p, 4 * page), 0);
	charged(0, 0, 0, 0);
}

static void states(void)
{
	char *p = purgeable(4);
	memset(p, 7, 4 * page);
	CHECK_EQ(get(p), VM_PURGABLE_NONVOLATILE);
	CHECK_EQ(set(p, VM_PURGABLE_VOLATILE | VM_VOLATILE_GROUP_3), VM_PURGABLE_NONVOLATILE);
	CHECK_EQ(set(p, VM_PURGABLE_NONVOLATILE), VM_PURGABLE_VOLATILE);
	CHECK_EQ(p[3 * page], 7);
	set(p, VM_PURGABLE_VOLATILE);
	int any = 0;
	CHECK_EQ(mach_vm_purgable_control(mach_task_self(), 0, VM_PURGABLE_PURGE_ALL, &any), 0);
	CHECK_EQ(get(p), VM_PURGABLE_EMPTY);
	CHECK_EQ(set(p, VM_PURGABLE_NONVOLATILE), VM_PURGABLE_EMPTY);
	CHECK_EQ(p[0], 0);
	CHECK_EQ(p[3 * page], 0);
	refused(p, 3, 0, KERN_INVALID_ARGUMENT);
	refused(p, VM_PURGABLE_SET_STATE, 1 << 7, KERN_INVALID_ARGUMENT);
	refused(p, VM_PURGABLE_SET_STATE, VM_PURGABLE_DENY, KERN_INVALID_ARGUMENT);
	refused((void *)page, VM_PURGABLE_SET_STATE, 0, KERN_INVALID_ADDRESS);
	CHECK_EQ(mprotect(p, page, PROT_READ), 0);
	refused(p, VM_PURGABLE_SET_STATE, 1, KERN_PROTECTION_FAILURE);
	char *plain = mmap(0, page, PROT_READ | PROT_WRITE, MAP_ANON | MAP_PRIVATE, -1, 0);
	refused(plain, VM_PURGABLE_SET_STATE, 1, KERN_INVALID_ARGUMENT);
	char *mapped = mmap(0, page, PROT_READ | PROT_WRITE, MAP_ANON | MAP_PRIVATE, VM_FLAGS_PURGABLE, 0);
	CHECK_EQ(get(mapped), VM_PURGABLE_NONVOLATILE);
}

/* A child has a copy of its own; what the parent throws away stays there. */
static void copies(void)
{
	char *p = purgeable(2);
	p[page] = 5;
	pid_t pid = fork();
	if (pid == 0) {
		refused(p, VM_PURGABLE_GET_STATE, 0, KERN_INVALID_ARGUMENT);
		_exit(p[page]);
	}
	set(p, VM_PURGABLE_EMPTY);
	int status;
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(WEXITSTATUS(status), 5);
	CHECK_EQ(p[page], 0);
}

static void limits(void)
{
	struct rlimit limit, wanted = { 64ull << 20, RLIM_INFINITY };
	CHECK_EQ(getrlimit(RLIMIT_AS, &limit), 0);
	CHECK_EQ(limit.rlim_cur, RLIM_INFINITY);
	CHECK_EQ(setrlimit(RLIMIT_AS, &wanted), 0);
	CHECK(mmap(0, 65 << 20, PROT_READ, MAP_ANON | MAP_PRIVATE, -1, 0) == MAP_FAILED);
	CHECK_EQ(errno, ENOMEM);
	CHECK(mmap(0, 1 << 20, PROT_READ, MAP_ANON | MAP_PRIVATE, -1, 0) != MAP_FAILED);
	CHECK_EQ(setrlimit(RLIMIT_AS, &limit), 0);
	CHECK(mmap(0, 65 << 20, PROT_READ, MAP_ANON | MAP_PRIVATE, -1, 0) != MAP_FAILED);
	wanted.rlim_cur = 2 * page;
	CHECK_EQ(setrlimit(RLIMIT_MEMLOCK, &wanted), 0);
	char *p = mmap(0, 4 * page, PROT_READ | PROT_WRITE, MAP_ANON | MAP_PRIVATE, -1, 0);
	CHECK_ERRNO(mlock(p, 3 * page), EAGAIN);
	CHECK_EQ(mlock(p, 2 * page), 0);
	pid_t pid = fork();
	if (pid == 0) {
		CHECK_EQ(getrlimit(RLIMIT_MEMLOCK, &limit), 0);
		CHECK_EQ(limit.rlim_cur, 2 * page);
		CHECK_ERRNO(mlock(p, 3 * page), EAGAIN);
		_exit(0);
	}
	int status;
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	CHECK_ERRNO(setrlimit(RLIMIT_STACK, &wanted), EPERM);
	unsigned long long global = 0, kept = 0;
	size_t size = sizeof global;
	CHECK_EQ(sysctlbyname("vm.global_user_wire_limit", &global, &size, 0, 0), 0);
	CHECK_EQ(sysctlbyname("vm.global_no_user_wire_amount", &kept, &size, 0, 0), 0);
	CHECK(global > kept && kept > 0);
}

static void single_pages(void)
{
	char *p = mmap(0, 4 * page, PROT_READ | PROT_WRITE, MAP_ANON | MAP_PRIVATE, VM_MAKE_TAG(VM_MEMORY_MALLOC), 0);
	memset(p, 1, 4 * page);
	CHECK_EQ(madvise(p, 4 * page, MADV_CAN_REUSE), 0);
	CHECK_EQ(madvise(p, 2 * page, MADV_FREE_REUSABLE), 0);
	CHECK_EQ(extended(p).pages_reusable, 2);
	CHECK_EQ(madvise(p, 2 * page, MADV_FREE_REUSE), 0);
	CHECK_EQ(extended(p).pages_reusable, 0);
	CHECK_EQ(madvise(p, 4 * page, MADV_WILLNEED), 0);
	CHECK_ERRNO(madvise(p, 4 * page, 10), ENOTSUP);
	vm_page_info_basic_data_t info;
	mach_msg_type_number_t count = VM_PAGE_INFO_BASIC_COUNT;
	mach_vm_address_t at = (mach_vm_address_t)p;
	CHECK_EQ(mach_vm_page_info(mach_task_self(), at + page, VM_PAGE_INFO_BASIC, (vm_page_info_t)&info, &count), 0);
	CHECK_EQ(count, 8);
	CHECK_EQ(info.disposition & 1, 1);
	CHECK_EQ(info.offset, page);
	CHECK_EQ(info.depth, 0);
	CHECK_EQ(mach_vm_page_info(mach_task_self(), at, 2, (vm_page_info_t)&info, &count), KERN_INVALID_ARGUMENT);
	count = 6;
	CHECK_EQ(mach_vm_page_info(mach_task_self(), at, 1, (vm_page_info_t)&info, &count), KERN_INVALID_ARGUMENT);
#ifdef __x86_64__
	kern_return_t caches = KERN_INVALID_ADDRESS;
#else
	kern_return_t caches = KERN_SUCCESS;
#endif
	int value = MATTR_VAL_DCACHE_FLUSH;
	CHECK_EQ(mach_vm_machine_attribute(mach_task_self(), at, 4 * page, MATTR_CACHE, &value), caches);
	value = MATTR_VAL_CACHE_SYNC;
	CHECK_EQ(vm_machine_attribute(mach_task_self(), at, 4 * page, MATTR_CACHE, &value), caches);
	CHECK_EQ(vm_machine_attribute(mach_task_self(), at, 4 * page, MATTR_MIGRATE, &value), KERN_INVALID_ADDRESS);
	CHECK_EQ(vm_machine_attribute(mach_task_self(), at, 0, 9, &value), KERN_SUCCESS);
	CHECK_EQ(p[0], 1);
}

static void lockdown(void)
{
	char *p = mmap(0, page, PROT_READ | PROT_WRITE, MAP_ANON | MAP_PRIVATE, -1, 0);
	CHECK_EQ(vm_map_exec_lockdown(mach_task_self()), 0);
	CHECK_ERRNO(mprotect(p, page, PROT_READ | PROT_EXEC), EACCES);
	CHECK(mmap(0, page, PROT_READ | PROT_EXEC, MAP_ANON | MAP_PRIVATE, -1, 0) == MAP_FAILED);
	CHECK_EQ(errno, EACCES);
}

int main(void)
{
	page = vm_page_size;
	ledgers();
	states();
	copies();
	limits();
	single_pages();
	lockdown();
	return 0;
}
