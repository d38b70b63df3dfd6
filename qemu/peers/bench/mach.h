/*
 * mach.h -- the benchmarks of calls that only Mach has: no peer has figures for them.
 *
 * Definitions: each figure is the call alone, through libSystem, on memory whose pages
 * are there; what undoes it is outside of the measured time unless the name says so.
 */
#ifndef BENCH_MACH_H
#define BENCH_MACH_H

#define MACH_REGIONS 1000
#define KIB 1024ul

static void must(kern_return_t code, const char *what)
{
	if (code == KERN_SUCCESS)
		return;
	say("info FAIL %s: %s\n", what, mach_error_string(code));
	flush();
	exit(1);
}

/* memory of the arena with every page written */
static mach_vm_address_t touched(size_t offset, size_t len)
{
	char *p = r_mmap(ARENA + offset, len, RW, ANON | MAP_FIXED, -1, 0);

	if (is_err(p))
		die("arena mmap");
	touch_w(p, len);
	return (mach_vm_address_t)p;
}

/* ---- mach_vm_region over many regions ---- */
static void t_mach_regions(void)
{
	char *p = arena(MACH_REGIONS * PG);
	mach_vm_address_t first = (mach_vm_address_t)p;
	uint64_t a = 0, b = 0;
	long seen = 0;

	for (long i = 1; i < MACH_REGIONS; i += 2)
		if (r_mprotect(p + i * PG, PG, PROT_READ))
			die("mprotect");
	for (int rep = 0; rep < 2; rep++) {
		mach_vm_address_t at = first;
		mach_vm_size_t size;
		seen = 0;
		a = now();
		while (at < first + MACH_REGIONS * PG) {
			vm_region_basic_info_data_64_t info;
			mach_msg_type_number_t count = VM_REGION_BASIC_INFO_COUNT_64;
			mach_port_t object;
			if (mach_vm_region(mach_task_self(), &at, &size, VM_REGION_BASIC_INFO_64, (vm_region_info_t)&info,
					   &count, &object))
				break;
			at += size;
			seen++;
		}
		b = now();
	}
	if (seen != MACH_REGIONS)
		die("mach_vm_region saw other regions");
	bench("mach_vm_region_walk_1000", diff(a, b) / (double)seen, "region");
	r_munmap(p, MACH_REGIONS * PG);
}

/* ---- mach_vm_remap ---- */
static void remap(const char *name, size_t len, boolean_t copy)
{
	const long n = 200;
	mach_vm_address_t source = touched(0, len);
	mach_vm_address_t target = (mach_vm_address_t)ARENA + (1ul << 36);
	uint64_t a = 0, b = 0;

	for (int rep = 0; rep < 2; rep++) {
		a = now();
		for (long i = 0; i < n; i++) {
			mach_vm_address_t at = target + (mach_vm_address_t)i * 2 * len;
			vm_prot_t cur, max;
			must(mach_vm_remap(mach_task_self(), &at, len, 0, VM_FLAGS_FIXED, mach_task_self(), source, copy, &cur,
					   &max, VM_INHERIT_COPY), "mach_vm_remap");
		}
		b = now();
		must(mach_vm_deallocate(mach_task_self(), target, (mach_vm_size_t)n * 2 * len), "mach_vm_deallocate");
	}
	bench(name, diff(a, b) / n, "op");
	r_munmap((void *)source, len);
}

static void t_mach_remap(void)
{
	remap("mach_vm_remap_share_1page", PG, FALSE);
	remap("mach_vm_remap_share_1m", MIB, FALSE);
	remap("mach_vm_remap_copy_1page", PG, TRUE);
	remap("mach_vm_remap_copy_1m", MIB, TRUE);
}

/* ---- vm_copy: small ones through a buffer, large ones by sharing pages ---- */
static void copy(const char *name, size_t len, long n)
{
	mach_vm_address_t from = touched(0, len), to = touched(1ul << 30, len);
	uint64_t a = 0, b = 0;

	for (int rep = 0; rep < 2; rep++) {
		a = now();
		for (long i = 0; i < n; i++)
			must(vm_copy(mach_task_self(), from, len, to), "vm_copy");
		b = now();
	}
	bench(name, diff(a, b) / (double)n, "op");
	r_munmap((void *)from, len);
	r_munmap((void *)to, len);
}

static void t_mach_copy(void)
{
	copy("vm_copy_1page", PG, 200);
	copy("vm_copy_64k", 64 * KIB, 100);
	copy("vm_copy_16m", 16 * MIB, 10);
}

/* ---- a memory entry: made, mapped, unmapped, given up ---- */
static void t_mach_entry(void)
{
	const long n = 200;
	const size_t len = 16 * PG;
	mach_vm_address_t memory = touched(0, len);
	uint64_t a = 0, b = 0;

	for (int rep = 0; rep < 2; rep++) {
		a = now();
		for (long i = 0; i < n; i++) {
			memory_object_size_t size = len;
			mach_vm_address_t at = 0;
			mach_port_t entry;
			must(mach_make_memory_entry_64(mach_task_self(), &size, memory, VM_PROT_DEFAULT, &entry, MACH_PORT_NULL),
			     "mach_make_memory_entry_64");
			must(mach_vm_map(mach_task_self(), &at, len, 0, VM_FLAGS_ANYWHERE, entry, 0, FALSE, VM_PROT_DEFAULT,
					 VM_PROT_DEFAULT, VM_INHERIT_DEFAULT), "mach_vm_map of an entry");
			must(mach_vm_deallocate(mach_task_self(), at, len), "mach_vm_deallocate");
			must(mach_port_deallocate(mach_task_self(), entry), "mach_port_deallocate");
		}
		b = now();
	}
	bench("memory_entry_make_map_unmap_16pages", diff(a, b) / n, "op");
	r_munmap((void *)memory, len);
}

#endif
