/* Calls on memory that Darwin has and this system refuses, or has not yet: the answers, and what is checked before. */
#include "arguments.h"
#include <fcntl.h>
#include <sys/syscall.h>
#include <vellum.h>

/* The call's number, five arguments. */
static int call(const uint64_t *a)
{
	const uint64_t args[6] = { a[1], a[2], a[3], a[4], a[5], 0 };
	uint64_t result = 77;
	int error = vellum_unix((unsigned)a[0], args, &result);
	return error == 0 || result == 77 ? error : TOUCHED;
}

static int trap(const uint64_t *a)
{
	const uint64_t args[6] = { a[1], a[2], a[3], a[4], a[5], 0 };
	return vellum_mach((unsigned)a[0], args);
}

/* Pressure and swap by name come with later work: until then the calls are absent. */
static void absent(void)
{
	RUN(call,
		{ "vm_pressure_monitor", { SYS_vm_pressure_monitor, 0, 0, A }, ENOSYS },
		{ "memorystatus_control", { SYS_memorystatus_control, 1, 0, 0, A, P }, ENOSYS },
		{ "memorystatus_get_level", { SYS_memorystatus_get_level, A }, ENOSYS },
		{ "memorystatus_available_memory", { SYS_memorystatus_available_memory }, ENOSYS },
		{ "map_with_linking_np", { SYS_map_with_linking_np, A, 1, A, 8 }, ENOSYS },
		{ "mlockall", { SYS_mlockall, 1 }, ENOSYS },
		{ "munlockall", { SYS_munlockall }, ENOSYS },
		{ "beyond the table", { 5000 }, ENOSYS });
	RUN(trap,
		{ "trap 13", { 13, SELF, A }, ARG },
		{ "trap 50", { 50, A }, ARG },
		{ "beyond the table", { 5000 }, ARG });
}

static void refused(void)
{
	RUN(call,
		{ "swapon", { SYS_swapon, A }, ENOTSUP },
		{ "kas_info", { SYS_kas_info, 0, A, A + 8 }, ENOTSUP });
	RUN(trap,
		{ "macx_swapon", { 48, A, 0, P, 0 }, ENOTSUP },
		{ "macx_swapoff", { 49, A, 0 }, ENOTSUP },
		{ "macx_triggers", { 51, 0, 0, 0, 0 }, ENOTSUP },
		{ "macx_backing_store_suspend", { 52, 1 }, ENOTSUP },
		{ "macx_backing_store_recovery", { 53, 1 }, ENOTSUP });
}

static void as_another_user(void)
{
	const uint64_t args[6] = { 0, A, A + 8 };
	uint64_t result;
	CHECK_EQ(setuid(501), 0);
	CHECK_EQ(vellum_unix(SYS_kas_info, args, &result), EPERM);
	/* What root may write; what nobody may. */
	CHECK_ERRNO(sysctlbyname("debug.panic", NULL, NULL, "user 501", 9), EPERM);
	CHECK_ERRNO(sysctlbyname("debug.block_fail", NULL, NULL, "", 1), EPERM);
	CHECK_ERRNO(sysctlbyname("hw.ncpu", NULL, NULL, &args, 4), EPERM);
}

struct file {
	int fd;
	uint32_t mappings, slide;
};

struct mapping {
	uint64_t address, size, file_offset, slide_size, slide_start;
	int max, initial;
};

/* files, mappings of the first file, its descriptor, address, size; in all one mapping */
static int map_one(const uint64_t *a)
{
	struct file files[2] = { { (int)a[2], (uint32_t)a[1], 0 }, { (int)a[2], 0, 0 } };
	struct mapping mapping = { a[3], a[4], 0, 0, 0, VM_PROT_READ, VM_PROT_READ };
	const uint64_t row[6] = { SYS_shared_region_map_and_slide_2_np, a[0], (uint64_t)files, 1, (uint64_t)&mapping };
	return call(row);
}

static void shared_region(void)
{
	const uint64_t number = SYS_shared_region_map_and_slide_2_np;
	uint64_t sh = (uint64_t)open("/bin/sh", O_RDONLY), folder = (uint64_t)open("/bin", O_RDONLY);
	uint64_t unreadable = (uint64_t)open("/tmp/arguments_refused", O_WRONLY | O_CREAT, 0600);
	int ends[2];
	CHECK_EQ(pipe(ends), 0);
	RUN(call,
		{ "shared_region_check_np", { SYS_shared_region_check_np, A }, EINVAL },
		{ "no files", { number, 0, KERNEL_ADDRESS, 1, KERNEL_ADDRESS }, 0 },
		{ "no mappings", { number, 1, KERNEL_ADDRESS, 0, KERNEL_ADDRESS }, 0 },
		{ "257 files", { number, 257, KERNEL_ADDRESS, 1, KERNEL_ADDRESS }, EINVAL },
		{ "2049 mappings", { number, 1, KERNEL_ADDRESS, 2049, KERNEL_ADDRESS }, EINVAL },
		{ "files of the kernel's", { number, 1, KERNEL_ADDRESS, 1, A }, EFAULT },
		{ "files that wrap", { number, 256, TOP - 15, 1, A }, EFAULT },
		{ "mappings of the kernel's", { number, 1, A, 1, KERNEL_ADDRESS }, EFAULT });
	RUN(map_one,
		{ "not signed", { 1, 1, sh, 0x180000000, P }, EINVAL },
		{ "a misaligned address", { 1, 1, sh, 0x180000001, P }, EINVAL },
		{ "a misaligned size", { 1, 1, sh, 0x180000000, P + 1 }, EINVAL },
		{ "wrapping", { 1, 1, sh, LAST, 2 * P }, EINVAL },
		{ "more mappings than there are", { 1, 2, sh, 0x180000000, P }, EINVAL },
		{ "no descriptor", { 1, 1, 250, 0x180000000, P }, EBADF },
		{ "not readable", { 1, 1, unreadable, 0x180000000, P }, EPERM },
		{ "a folder", { 1, 1, folder, 0x180000000, P }, EINVAL },
		{ "a pipe", { 1, 1, (uint64_t)ends[0], 0x180000000, P }, EINVAL },
		{ "not readable, misaligned", { 1, 1, unreadable, 0x180000001, P }, EINVAL });
	CHECK_EQ(unlink("/tmp/arguments_refused"), 0);
	const int all[] = { (int)sh, (int)folder, (int)unreadable, ends[0], ends[1] };
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		CHECK_EQ(close(all[i]), 0);
}

int main(void)
{
	absent();
	refused();
	CHECK_EQ(child_status(as_another_user), 0);
	shared_region();
	return finish();
}
