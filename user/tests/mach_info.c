/* What a task, the host and the kernel tell of themselves: every flavor, its revisions, short counts; and who may
 * have whose port. */
#include "test.h"
#include <fcntl.h>
#include <vellum.h>

static mach_port_t me;

static kern_return_t task(task_flavor_t flavor, void *info, mach_msg_type_number_t *count)
{
	return task_info(me, flavor, info, count);
}

static void tasks(void)
{
	task_basic_info_32_data_t small;
	task_basic_info_data_t basic;
	mach_task_basic_info_data_t mach;
	task_vm_info_data_t vm;
	mach_msg_type_number_t count = TASK_BASIC_INFO_32_COUNT;
	CHECK_EQ(task(TASK_BASIC_INFO_32, &small, &count), KERN_SUCCESS);
	CHECK_EQ(count, TASK_BASIC_INFO_32_COUNT);
	count = TASK_BASIC_INFO_COUNT;
	CHECK_EQ(task(TASK_BASIC_INFO, &basic, &count), KERN_SUCCESS);
	count = MACH_TASK_BASIC_INFO_COUNT;
	CHECK_EQ(task(MACH_TASK_BASIC_INFO, &mach, &count), KERN_SUCCESS);
	CHECK_EQ(mach.virtual_size, basic.virtual_size);
	CHECK_EQ(small.virtual_size, (uint32_t)basic.virtual_size);
	CHECK(basic.resident_size > 0 && basic.resident_size % vm_page_size == 0);
	CHECK(mach.resident_size_max >= mach.resident_size);

	/* Memory that is mapped and written shows in both sizes. */
	char *p = pages(8);
	memset(p, 1, 8 * vm_page_size);
	count = TASK_VM_INFO_COUNT;
	CHECK_EQ(task(TASK_VM_INFO, &vm, &count), KERN_SUCCESS);
	CHECK_EQ(count, TASK_VM_INFO_COUNT);
	CHECK_EQ(vm.virtual_size, basic.virtual_size + 8 * vm_page_size);
	CHECK(vm.resident_size >= basic.resident_size + 8 * vm_page_size);
	CHECK_EQ(vm.page_size, vm_page_size);
	CHECK_EQ(vm.max_address, USER_END);
	CHECK(vm.min_address > 0 && vm.min_address < (uintptr_t)p);
	CHECK(vm.ledger_phys_footprint_peak >= (int64_t)vm.phys_footprint);

	/* Each revision by its length; a length in between gives the one below. */
	static const mach_msg_type_number_t revisions[] = {
		TASK_VM_INFO_REV0_COUNT, TASK_VM_INFO_REV1_COUNT, TASK_VM_INFO_REV2_COUNT, TASK_VM_INFO_REV3_COUNT,
		TASK_VM_INFO_REV4_COUNT, TASK_VM_INFO_REV5_COUNT, TASK_VM_INFO_REV6_COUNT, TASK_VM_INFO_REV7_COUNT,
	};
	CHECK_EQ(TASK_VM_INFO_REV0_COUNT, 36);
	uint32_t words[TASK_VM_INFO_COUNT + 1];
	for (size_t i = 0; i < sizeof revisions / sizeof *revisions; i++)
		for (int more = 0; more < 2; more++) {
			mach_msg_type_number_t next = i < 7 ? revisions[i + 1] : ~0u;
			if (revisions[i] + more >= next)
				continue;
			memset(words, 0xa5, sizeof words);
			count = revisions[i] + more;
			CHECK_EQ(task(TASK_VM_INFO, words, &count), KERN_SUCCESS);
			CHECK_EQ(count, revisions[i]);
			CHECK_EQ(words[count], 0xa5a5a5a5);
		}
	memset(words, 0xa5, sizeof words);
	count = TASK_VM_INFO_REV0_COUNT - 1;
	CHECK_EQ(task(TASK_VM_INFO, words, &count), KERN_INVALID_ARGUMENT);
	CHECK_EQ(count, TASK_VM_INFO_REV0_COUNT - 1);
	CHECK_EQ(words[0], 0xa5a5a5a5);
	count = TASK_BASIC_INFO_COUNT - 1;
	CHECK_EQ(task(TASK_BASIC_INFO, words, &count), KERN_INVALID_ARGUMENT);
	count = TASK_VM_INFO_COUNT;
	CHECK_EQ(task(77, words, &count), KERN_INVALID_ARGUMENT);
	CHECK_EQ(task(TASK_VM_INFO_PURGEABLE_ACCOUNT, words, &count), KERN_NOT_SUPPORTED);
	CHECK_EQ(count, TASK_VM_INFO_COUNT);
	task_thread_times_info_data_t times;
	count = TASK_THREAD_TIMES_INFO_COUNT;
	CHECK_EQ(task(TASK_THREAD_TIMES_INFO, &times, &count), KERN_SUCCESS);
	CHECK(count == 4 && times.user_time.microseconds < 1000000 && times.system_time.seconds == 0);
	count = TASK_THREAD_TIMES_INFO_COUNT - 1;
	CHECK_EQ(task(TASK_THREAD_TIMES_INFO, &times, &count), KERN_INVALID_ARGUMENT);
	count = TASK_VM_INFO_COUNT;
	CHECK_EQ(task_info(MACH_PORT_NULL, TASK_VM_INFO, (task_info_t)words, &count), KERN_INVALID_ARGUMENT);
	CHECK_EQ(task_wire(me, TRUE), KERN_NOT_SUPPORTED);
	CHECK_EQ(task_wire(MACH_PORT_NULL, TRUE), MACH_SEND_INVALID_DEST);
}

static struct task_vm_info weight(void)
{
	struct task_vm_info info;
	mach_msg_type_number_t count = TASK_VM_INFO_COUNT;
	CHECK_EQ(task(TASK_VM_INFO, &info, &count), KERN_SUCCESS);
	return info;
}

/* Bytes of this program's own code that may be used for the first time between two looks. */
#define CODE (4 * vm_page_size)

/* What memory counts as: in the footprint or not, and the most there was. */
static void footprint(void)
{
	const uint64_t page = vm_page_size, many = 64 * page;
	struct task_vm_info before = weight();
	CHECK(before.external > 0 && before.internal > 0 && before.device == 0);
	/* The zeros that are only read are nobody's: they are resident, and nothing more. */
	CHECK(before.internal + before.external + before.reusable <= before.resident_size);
	CHECK(before.phys_footprint >= before.internal);

	char *p = pages(64);
	memset(p, 1, many);
	struct task_vm_info after = weight();
	CHECK_EQ(after.internal, before.internal + many);
	CHECK(after.external >= before.external && after.external <= before.external + CODE);
	/* And the tables that it took: a page or two. */
	CHECK(after.phys_footprint >= before.phys_footprint + many && after.phys_footprint <= before.phys_footprint + many + 3 * page);
	CHECK_EQ(madvise(p, 16 * page, MADV_FREE_REUSABLE), 0);
	CHECK_EQ(weight().reusable, before.reusable + 16 * page);
	CHECK_EQ(weight().internal, after.internal - 16 * page);
	CHECK_EQ(weight().phys_footprint, after.phys_footprint - 16 * page);
	CHECK_EQ(madvise(p, 16 * page, MADV_FREE_REUSE), 0);
	CHECK_EQ(weight().phys_footprint, after.phys_footprint);
	CHECK_EQ(munmap(p, many), 0);
	struct task_vm_info gone = weight();
	CHECK_EQ(gone.internal, before.internal);
	CHECK(gone.internal_peak >= after.internal && gone.resident_size_peak >= after.resident_size);
	CHECK(gone.reusable_peak >= 16 * page && gone.ledger_phys_footprint_peak >= (int64_t)after.phys_footprint);

	/* A file's pages. */
	int fd = open("/bin/sh", O_RDONLY);
	volatile char *file = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	CHECK(fd >= 0 && file != MAP_FAILED);
	before = weight();
	(void)file[0];
	(void)file[page];
	after = weight();
	CHECK(after.external >= before.external + 2 * page && after.external <= before.external + 2 * page + CODE);
	CHECK_EQ(after.internal, before.internal);
	file[0] = 1;
	CHECK_EQ(weight().external, after.external - page);
	CHECK_EQ(weight().internal, after.internal + page);
	CHECK_EQ(munmap((void *)file, 2 * page) | close(fd), 0);
}

static void host(void)
{
	host_t h = mach_host_self();
	host_basic_info_data_t basic;
	mach_msg_type_number_t count = HOST_BASIC_INFO_COUNT;
	CHECK_EQ(host_info(h, HOST_BASIC_INFO, (host_info_t)&basic, &count), KERN_SUCCESS);
	CHECK_EQ(count, HOST_BASIC_INFO_COUNT);
	CHECK_EQ(basic.max_mem, number_of("hw.memsize"));
#if defined(__x86_64__)
	CHECK_EQ(basic.cpu_type, CPU_TYPE_X86_64);
#else
	CHECK_EQ(basic.cpu_type, CPU_TYPE_ARM64);
#endif
	uint32_t words[64];
	memset(words, 0xa5, sizeof words);
	count = HOST_BASIC_INFO_COUNT - 1;
	CHECK_EQ(host_info(h, HOST_BASIC_INFO, (host_info_t)words, &count), KERN_SUCCESS);
	CHECK_EQ(count, 5);
	CHECK_EQ(words[5], 0xa5a5a5a5);
	count = 4;
	CHECK_EQ(host_info(h, HOST_BASIC_INFO, (host_info_t)words, &count), KERN_FAILURE);
	CHECK_EQ(count, 4);
	count = 64;
	CHECK_EQ(host_info(h, HOST_SCHED_INFO, (host_info_t)words, &count), KERN_SUCCESS);
	CHECK_EQ(count, HOST_SCHED_INFO_COUNT);
	CHECK(words[1] > 0);
	CHECK_EQ(host_info(h, HOST_PREFERRED_USER_ARCH, (host_info_t)words, &count), KERN_SUCCESS);
	CHECK_EQ(words[0], basic.cpu_type);
	count = 64;
	CHECK_EQ(host_info(h, HOST_MACH_MSG_TRAP, (host_info_t)words, &count), KERN_SUCCESS);
	CHECK_EQ(count, 0);
	count = 64;
	CHECK_EQ(host_info(h, 77, (host_info_t)words, &count), KERN_INVALID_ARGUMENT);
	CHECK_EQ(host_info(me, HOST_BASIC_INFO, (host_info_t)words, &count), KERN_INVALID_HOST);

	/* The older statistics are the newer ones in words. */
	vm_statistics_data_t older;
	count = HOST_VM_INFO_COUNT;
	CHECK_EQ(host_statistics(h, HOST_VM_INFO, (host_info_t)&older, &count), KERN_SUCCESS);
	CHECK_EQ(count, 15);
	struct vm_statistics64 newer = counters();
	CHECK(older.zero_fill_count <= (uint32_t)newer.zero_fill_count && older.wire_count > 0);
	count = 14;
	CHECK_EQ(host_statistics(h, HOST_VM_INFO, (host_info_t)words, &count), KERN_SUCCESS);
	CHECK_EQ(count, 14);
	count = 11;
	CHECK_EQ(host_statistics(h, HOST_VM_INFO, (host_info_t)words, &count), KERN_FAILURE);
	count = 64;
	CHECK_EQ(host_statistics64(h, 77, (host_info64_t)words, &count), KERN_INVALID_ARGUMENT);
}

static void zones(void)
{
	mach_zone_name_t *names, *more_names;
	mach_zone_info_t *info, *more_info;
	mach_memory_info_t *memory;
	mach_msg_type_number_t names_count, count, memory_count;
	CHECK_EQ(mach_zone_info(mach_host_self(), &names, &names_count, &info, &count), KERN_SUCCESS);
	CHECK(count > 4 && names_count == count);
	int entries = 0;
	for (unsigned i = 0; i < count; i++)
		if (!strcmp(names[i].mzn_name, "VM map entries")) {
			entries++;
			CHECK(info[i].mzi_count > 0 && info[i].mzi_count * info[i].mzi_elem_size <= info[i].mzi_cur_size);
		}
	CHECK_EQ(entries, 1);
	mach_msg_type_number_t again;
	CHECK_EQ(mach_memory_info(mach_host_self(), &more_names, &again, &more_info, &names_count, &memory, &memory_count),
		 KERN_SUCCESS);
	CHECK_EQ(again, count);
	CHECK_EQ(names_count, count);
	CHECK_EQ(sizeof *memory, 176);
	uint64_t managed = 0, wired = 0, zone_bytes = 0, sum = 0;
	for (unsigned i = 0; i < memory_count; i++) {
		if ((memory[i].flags & VM_KERN_SITE_TYPE) != VM_KERN_SITE_COUNTER)
			continue;
		managed += memory[i].site == VM_KERN_COUNT_MANAGED ? memory[i].size : 0;
		wired += memory[i].site == VM_KERN_COUNT_WIRED ? memory[i].size : 0;
		zone_bytes += memory[i].site == VM_KERN_COUNT_MAP_ZONE ? memory[i].size : 0;
	}
	for (unsigned i = 0; i < count; i++)
		sum += more_info[i].mzi_cur_size;
	CHECK(managed > wired && wired > zone_bytes);
	CHECK_EQ(zone_bytes, sum);
	CHECK_EQ(vm_deallocate(me, (vm_address_t)memory, memory_count * sizeof *memory), KERN_SUCCESS);
	mach_zone_name_t name = { "VM map entries" }, largest;
	mach_zone_info_t one, most;
	CHECK_EQ(mach_zone_info_for_zone(mach_host_self(), name, &one), KERN_SUCCESS);
	CHECK(one.mzi_count > 0 && one.mzi_elem_size > 0);
	CHECK_EQ(mach_zone_info_for_largest_zone(mach_host_self(), &largest, &most), KERN_SUCCESS);
	CHECK(most.mzi_cur_size >= one.mzi_cur_size && largest.mzn_name[0]);
	strcpy(name.mzn_name, "no such zone");
	CHECK_EQ(mach_zone_info_for_zone(mach_host_self(), name, &one), KERN_INVALID_ARGUMENT);
	CHECK_EQ(mach_zone_info_for_zone(MACH_PORT_NULL, name, &one), KERN_INVALID_HOST);
	CHECK_EQ(mach_zone_force_gc(MACH_PORT_NULL), KERN_INVALID_HOST);
	CHECK_EQ(mach_zone_force_gc(mach_host_self()), KERN_SUCCESS);
	mach_zone_name_t *logged;
	zone_btrecord_array_t records;
	CHECK_EQ(mach_zone_get_zlog_zones(mach_host_self(), &logged, &again), KERN_NOT_SUPPORTED);
	CHECK_EQ(mach_zone_get_btlog_records(mach_host_self(), name, &records, &again), KERN_NOT_SUPPORTED);
	CHECK_EQ(mach_zone_get_zlog_zones(MACH_PORT_NULL, &logged, &again), KERN_INVALID_HOST);
	CHECK_EQ(mach_zone_info(MACH_PORT_NULL, &names, &names_count, &info, &count), KERN_INVALID_HOST);
}

static void refused(void)
{
	mach_vm_address_t ring = 1;
	uint64_t period = 2;
	CHECK_EQ(mach_vm_deferred_reclamation_buffer_allocate(me, &ring, &period, 0, 4), KERN_INVALID_ARGUMENT);
	CHECK_EQ(mach_vm_deferred_reclamation_buffer_allocate(me, &ring, &period, 4, 0), KERN_INVALID_ARGUMENT);
	CHECK_EQ(mach_vm_deferred_reclamation_buffer_allocate(me, &ring, &period, 4, 3), KERN_INVALID_ARGUMENT);
	CHECK_EQ(mach_vm_deferred_reclamation_buffer_allocate(me, &ring, &period, 4, 4), VM_RECLAIM_NOT_SUPPORTED);
	CHECK(ring == 1 && period == 2);
	mach_vm_size_t reclaimed = 3;
	CHECK_EQ(mach_vm_deferred_reclamation_buffer_flush(me, 1, &reclaimed), VM_RECLAIM_NOT_SUPPORTED);
	CHECK_EQ(mach_vm_deferred_reclamation_buffer_update_reclaimable_bytes(me, 1), VM_RECLAIM_NOT_SUPPORTED);
	CHECK_EQ(mach_vm_deferred_reclamation_buffer_resize(me, 1, &reclaimed), VM_RECLAIM_NOT_SUPPORTED);
	CHECK_EQ(mach_vm_deferred_reclamation_buffer_flush(MACH_PORT_NULL, 1, &reclaimed), MACH_SEND_INVALID_DEST);
	CHECK_EQ(reclaimed, 3);
	CHECK_EQ(mach_vm_range_create(me, MACH_VM_RANGE_FLAVOR_V1, NULL, 0), KERN_NOT_SUPPORTED);
	CHECK_EQ(mach_vm_range_create(MACH_PORT_NULL, MACH_VM_RANGE_FLAVOR_V1, NULL, 0), MACH_SEND_INVALID_DEST);
}

/* After the lockdown nothing new is executable. */
static void locked_down(void)
{
	char *p = pages(1);
	CHECK_EQ(vm_map_exec_lockdown(MACH_PORT_NULL), MACH_SEND_INVALID_DEST);
	CHECK_EQ(vm_map_exec_lockdown(mach_task_self()), KERN_SUCCESS);
	CHECK_ERRNO(mprotect(p, vm_page_size, PROT_READ | PROT_EXEC), EACCES);
	CHECK(mmap(NULL, vm_page_size, PROT_READ | PROT_EXEC, MAP_ANON | MAP_PRIVATE, -1, 0) == MAP_FAILED && errno == EACCES);
	CHECK_EQ(mprotect(p, vm_page_size, PROT_READ), 0);
}

/* As another user: no port but of those that are the same user's and descend from here. */
static void as_another_user(void)
{
	mach_port_t port = 7;
	uint64_t report[5];
	pid_t parent = getppid();
	CHECK_EQ(setuid(501), 0);
	CHECK_EQ(task_for_pid(mach_task_self(), parent, &port), KERN_FAILURE);
	CHECK_EQ(port, 0);
	CHECK_EQ(task_for_pid(mach_task_self(), getpid(), &port), KERN_SUCCESS);
	CHECK_EQ(port, mach_task_self());
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		CHECK_EQ(task_for_pid(mach_task_self(), getppid(), &port), KERN_FAILURE);
		for (;;)
			pause();
	}
	CHECK_EQ(task_for_pid(mach_task_self(), pid, &port), KERN_SUCCESS);
	CHECK_EQ(kill(pid, SIGKILL), 0);
	CHECK_EQ(waitpid(pid, NULL, 0), pid);
	mach_zone_name_t *names;
	mach_zone_info_t *info;
	mach_memory_info_t *memory;
	mach_msg_type_number_t a, b, c;
	CHECK_EQ(mach_memory_info(mach_host_self(), &names, &a, &info, &b, &memory, &c), KERN_NO_ACCESS);
	CHECK_EQ(vellum_audit(report), KERN_NO_ACCESS);
}

int main(void)
{
	mach_port_t port = 7;
	me = mach_task_self();
	tasks();
	footprint();
	host();
	zones();
	refused();
	CHECK_EQ(child_status(as_another_user), 0);
	CHECK_EQ(child_status(locked_down), 0);
	/* The superuser names everybody but the kernel. */
	CHECK_EQ(task_for_pid(me, 0, &port), KERN_FAILURE);
	CHECK_EQ(task_for_pid(me, 1, &port), KERN_FAILURE);
	CHECK_EQ(task_for_pid(me, getppid(), &port) == KERN_SUCCESS, getppid() != 1);
	return 0;
}
