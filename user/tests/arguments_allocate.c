/* Bad arguments of mach_vm_allocate, mach_vm_deallocate and mach_vm_map without an object. */
#include "arguments.h"

#define SUPERPAGE (2ull << 20)

/* task, address, size, flags */
static int allocate(const uint64_t *a)
{
	mach_vm_address_t at = a[1];
	int code = mach_vm_allocate((mach_port_t)a[0], &at, a[2], (int)a[3]);
	if (code != OK)
		return at == a[1] ? code : TOUCHED;
	if (a[2] == 0)
		return at == 0 ? OK : TOUCHED;
	if (a[3] & VM_FLAGS_ANYWHERE)
		CHECK_EQ(mach_vm_deallocate(SELF, at, a[2]), OK);
	else
		CHECK_EQ(at, a[1] & -P);
	return OK;
}

/* task, address, size */
static int deallocate(const uint64_t *a)
{
	return mach_vm_deallocate((mach_port_t)a[0], a[1], a[2]);
}

/* address, size, mask, flags, offset, current, maximum, inheritance */
static int map(const uint64_t *a)
{
	mach_vm_address_t at = a[0];
	int code = mach_vm_map(SELF, &at, a[1], a[2], (int)a[3], MACH_PORT_NULL, a[4], FALSE, (int)a[5], (int)a[6], (unsigned)a[7]);
	if (code != OK)
		return at == a[0] ? code : TOUCHED;
	if (a[3] & VM_FLAGS_ANYWHERE)
		CHECK_EQ(mach_vm_deallocate(SELF, at, a[1]), OK);
	else
		CHECK_EQ(at, a[0] & -P);
	return OK;
}

/* task, object, more flags, inheritance */
static int map_ports(const uint64_t *a)
{
	mach_vm_address_t at = 77;
	int code = mach_vm_map((mach_port_t)a[0], &at, P, 0, VM_FLAGS_ANYWHERE | (int)a[2], (mach_port_t)a[1], 0, FALSE, 3, 7,
			       a[3] ? (vm_inherit_t)a[3] : VM_INHERIT_COPY);
	return code != OK && at != 77 ? TOUCHED : code;
}

static void fixed(void)
{
	RUN(allocate,
		{ "zero", { SELF, A, 0, VM_FLAGS_FIXED }, OK },
		{ "zero at the top", { SELF, TOP, 0, VM_FLAGS_FIXED }, OK },
		{ "flags before zero", { SELF, A, 0, 0x20 }, ARG },
		{ "misaligned start", { SELF, FREE + 1, P, VM_FLAGS_FIXED }, OK },
		{ "misaligned size", { SELF, FREE, P + 1, VM_FLAGS_FIXED }, OK },
		{ "wrapping", { SELF, A, WRAP(A), VM_FLAGS_FIXED }, ADDRESS },
		{ "wrapping far", { SELF, A, WRAP(A) + P, VM_FLAGS_FIXED }, ADDRESS },
		{ "wrapping, and the size rounds to 0", { SELF, A, TOP, VM_FLAGS_FIXED }, ARG },
		{ "round-wrapping", { SELF, LAST, P - 1, VM_FLAGS_FIXED }, ADDRESS },
		{ "round-wrapping, and the size rounds to 0", { SELF, 0, TOP, VM_FLAGS_FIXED }, ARG },
		{ "below the map", { SELF, 0, P, VM_FLAGS_FIXED }, ADDRESS },
		{ "at the map's end", { SELF, USER_END, P, VM_FLAGS_FIXED }, ADDRESS },
		{ "across the map's end", { SELF, USER_END - P, 2 * P, VM_FLAGS_FIXED }, ADDRESS },
		{ "the kernel's", { SELF, KERNEL_ADDRESS, P, VM_FLAGS_FIXED }, ADDRESS },
		{ "occupied", { SELF, A, P, VM_FLAGS_FIXED }, SPACE },
		{ "occupied without access", { SELF, HIDDEN, P, VM_FLAGS_FIXED }, SPACE },
		{ "occupied at its end", { SELF, HOLE, 2 * P, VM_FLAGS_FIXED }, SPACE },
		{ "occupied, overwritten", { SELF, A, P, VM_FLAGS_FIXED | VM_FLAGS_OVERWRITE }, OK },
		{ "overwritten off the map", { SELF, USER_END, P, VM_FLAGS_OVERWRITE }, ADDRESS },
		{ "null port", { NULL_PORT, FREE, P, VM_FLAGS_FIXED }, DEST },
		{ "dead port", { DEAD_PORT, FREE, P, VM_FLAGS_FIXED }, DEST });
}

static void anywhere(void)
{
	const int any = VM_FLAGS_ANYWHERE;
	RUN(allocate,
		{ "zero", { SELF, A, 0, any }, OK },
		{ "the hint is ignored", { SELF, LAST, P, any }, OK },
		{ "the size rounds to 0", { SELF, 0, TOP, any }, ARG },
		{ "the size is all pages", { SELF, 0, LAST, any }, SPACE },
		{ "the size is the address space", { SELF, 0, USER_END, any }, SPACE },
		{ "purgeable", { SELF, 0, P, any | VM_FLAGS_PURGABLE }, OK },
		{ "purgeable, too large", { SELF, 0, P << 32, any | VM_FLAGS_PURGABLE }, ARG },
		{ "4 GiB chunks", { SELF, 0, P, any | VM_FLAGS_4GB_CHUNK }, OK },
		{ "random", { SELF, 0, P, any | VM_FLAGS_RANDOM_ADDR }, OK },
		{ "no cache", { SELF, 0, P, any | VM_FLAGS_NO_CACHE }, OK },
		{ "tagged", { SELF, 0, P, any | (int)VM_MAKE_TAG(VM_MEMORY_MALLOC) }, OK },
		{ "RESILIENT_CODESIGN", { SELF, 0, P, any | 0x20 }, ARG },
		{ "RESILIENT_MEDIA", { SELF, 0, P, any | 0x40 }, ARG },
		{ "bit 8", { SELF, 0, P, any | 0x100 }, ARG },
		{ "bit 9", { SELF, 0, P, any | 0x200 }, ARG },
		{ "bit 10", { SELF, 0, P, any | 0x400 }, ARG },
		{ "bit 11", { SELF, 0, P, any | 0x800 }, ARG },
		{ "bit 13", { SELF, 0, P, any | 0x2000 }, ARG },
		{ "bit 15", { SELF, 0, P, any | 0x8000 }, ARG },
		{ "bit 19", { SELF, 0, P, any | 0x80000 }, ARG },
		{ "RETURN_DATA_ADDR", { SELF, 0, P, any | VM_FLAGS_RETURN_DATA_ADDR }, ARG },
		{ "bit 21", { SELF, 0, P, any | 0x200000 }, ARG },
		{ "bit 22", { SELF, 0, P, any | 0x400000 }, ARG },
		{ "RETURN_4K_DATA_ADDR", { SELF, 0, P, any | VM_FLAGS_RETURN_4K_DATA_ADDR }, ARG },
		{ "superpages of size 7", { SELF, 0, P, any | VM_FLAGS_SUPERPAGE_MASK }, ARG },
		{ "superpages of 2 MiB, another size", { SELF, 0, P, any | VM_FLAGS_SUPERPAGE_SIZE_2MB }, ARG },
		{ "superpages of 2 MiB", { SELF, 0, SUPERPAGE, any | VM_FLAGS_SUPERPAGE_SIZE_2MB }, BY_MACHINE(OK, ARG) },
		{ "superpages of any size", { SELF, 0, P, any | VM_FLAGS_SUPERPAGE_SIZE_ANY }, BY_MACHINE(OK, ARG) },
		{ "superpages, zero", { SELF, 0, 0, any | VM_FLAGS_SUPERPAGE_SIZE_2MB }, OK },
		{ "superpages, purgeable", { SELF, 0, SUPERPAGE, any | VM_FLAGS_PURGABLE | VM_FLAGS_SUPERPAGE_SIZE_2MB }, ARG },
		{ "superpages, more than there is", { SELF, 0, USER_END, any | VM_FLAGS_SUPERPAGE_SIZE_2MB },
		  BY_MACHINE(SPACE, ARG) },
		{ "a superpage in a wrong place", { SELF, SUPERPAGE + P, SUPERPAGE, VM_FLAGS_SUPERPAGE_SIZE_2MB },
		  BY_MACHINE(SPACE, ARG) },
		{ "a superpage off the map", { SELF, USER_END, SUPERPAGE, VM_FLAGS_SUPERPAGE_SIZE_2MB },
		  BY_MACHINE(ADDRESS, ARG) });
}

static void deallocations(void)
{
	RUN(deallocate,
		{ "zero", { SELF, A, 0 }, OK },
		{ "zero at the top", { SELF, TOP, 0 }, OK },
		{ "misaligned", { SELF, A + 1, P }, OK },
		{ "wrapping", { SELF, A, WRAP(A) }, ARG },
		{ "wrapping by its size", { SELF, 2 * P, TOP - P }, ARG },
		{ "round-wrapping", { SELF, LAST, P - 1 }, ARG },
		{ "round-wrapping from 0", { SELF, 0, TOP }, ARG },
		{ "off the map", { SELF, USER_END, P }, OK },
		{ "the kernel's", { SELF, KERNEL_ADDRESS, P }, OK },
		{ "across the map's end", { SELF, USER_END - P, 2 * P }, OK },
		{ "a hole", { SELF, HOLE, P }, OK },
		{ "into a hole", { SELF, A + 3 * P, 2 * P }, OK },
		{ "no access", { SELF, HIDDEN, P }, OK },
		{ "null port", { NULL_PORT, A, P }, DEST },
		{ "dead port", { DEAD_PORT, A, P }, DEST });
}

static void mappings(void)
{
	const uint64_t any = VM_FLAGS_ANYWHERE, rw = VM_PROT_DEFAULT, all = VM_PROT_ALL;
	RUN(map,
		{ "zero", { FREE, 0, 0, 0, 0, rw, all, 1 }, ARG },
		{ "misaligned start", { FREE + 1, P, 0, 0, 0, rw, all, 1 }, OK },
		{ "wrapping", { A, WRAP(A), 0, 0, 0, rw, all, 1 }, ARG },
		{ "wrapping by its size", { A, TOP, 0, 0, 0, rw, all, 1 }, ARG },
		{ "round-wrapping", { LAST, P - 1, 0, 0, 0, rw, all, 1 }, ARG },
		{ "below the map", { 0, P, 0, 0, 0, rw, all, 1 }, ADDRESS },
		{ "at the map's end", { USER_END, P, 0, 0, 0, rw, all, 1 }, ADDRESS },
		{ "the kernel's", { KERNEL_ADDRESS, P, 0, 0, 0, rw, all, 1 }, ADDRESS },
		{ "occupied", { A, P, 0, 0, 0, rw, all, 1 }, SPACE },
		{ "occupied, overwritten", { A, P, 0, VM_FLAGS_OVERWRITE, 0, rw, all, 1 }, OK },
		{ "a bit of the mask", { FREE, P, FREE & -FREE, 0, 0, rw, all, 1 }, SPACE },
		{ "zero anywhere", { 0, 0, 0, any, 0, rw, all, 1 }, ARG },
		{ "the size rounds to 0", { 0, TOP, 0, any, 0, rw, all, 1 }, ARG },
		{ "the size is all pages", { 0, LAST, 0, any, 0, rw, all, 1 }, SPACE },
		{ "a mask of ones", { 0, P, TOP, any, 0, rw, all, 1 }, SPACE },
		{ "a mask of ones, zero", { 0, 0, TOP, any, 0, rw, all, 1 }, ARG },
		{ "the hint is the last page", { LAST, P, 0, any, 0, rw, all, 1 }, SPACE },
		{ "RESILIENT_CODESIGN", { 0, P, 0, any | 0x20, 0, rw, all, 1 }, ARG },
		{ "RESILIENT_MEDIA", { 0, P, 0, any | 0x40, 0, rw, all, 1 }, ARG },
		{ "bit 13", { 0, P, 0, any | 0x2000, 0, rw, all, 1 }, ARG },
		{ "bit 22", { 0, P, 0, any | 0x400000, 0, rw, all, 1 }, ARG },
		{ "superpages of size 7", { 0, P, 0, any | VM_FLAGS_SUPERPAGE_MASK, 0, rw, all, 1 }, ARG },
		{ "superpages of 2 MiB, another size", { 0, P, 0, any | VM_FLAGS_SUPERPAGE_SIZE_2MB, 0, rw, all, 1 }, ARG },
		{ "superpages of 2 MiB", { 0, SUPERPAGE, 0, any | VM_FLAGS_SUPERPAGE_SIZE_2MB, 0, rw, all, 1 },
		  BY_MACHINE(OK, ARG) },
		{ "inheritance 3 before superpages", { 0, P, 0, any | VM_FLAGS_SUPERPAGE_MASK, 0, rw, all, 3 }, ARG },
		{ "RETURN_DATA_ADDR", { 0, P, 0, any | VM_FLAGS_RETURN_DATA_ADDR, 0, rw, all, 1 }, OK },
		{ "RETURN_4K_DATA_ADDR", { 0, P, 0, any | VM_FLAGS_RETURN_4K_DATA_ADDR, 0, rw, all, 1 }, OK },
		{ "purgeable, too large", { 0, P << 32, 0, any | VM_FLAGS_PURGABLE, 0, rw, all, 1 }, ARG },
		{ "an offset into nothing", { 0, P, 0, any, 1, rw, all, 1 }, OK },
		{ "protection bit 3", { 0, P, 0, any, 0, 8, all, 1 }, ARG },
		{ "VM_PROT_COPY", { 0, P, 0, any, 0, rw | VM_PROT_COPY, all, 1 }, ARG },
		{ "VM_PROT_TRUSTED", { 0, P, 0, any, 0, rw | VM_PROT_TRUSTED, all, 1 }, ARG },
		{ "VM_PROT_STRIP_READ", { 0, P, 0, any, 0, rw | VM_PROT_STRIP_READ, all, 1 }, ARG },
		{ "VM_PROT_IS_MASK", { 0, P, 0, any, 0, rw | VM_PROT_IS_MASK, all, 1 }, OK },
		{ "maximum bit 3", { 0, P, 0, any, 0, rw, all | 8, 1 }, ARG },
		{ "beyond the maximum", { 0, P, 0, any, 0, rw, VM_PROT_READ, 1 }, OK },
		{ "writable and executable", { 0, P, 0, any, 0, all, all, 1 }, BY_MACHINE(OK, PROTECTION) },
		{ "inheritance 3", { 0, P, 0, any, 0, rw, all, 3 }, ARG },
		{ "inheritance before the range", { USER_END, P, 0, 0, 0, rw, all, 3 }, ARG },
		{ "flags before the range", { USER_END, P, 0, 0x20, 0, rw, all, 1 }, ARG },
		{ "protection before the range", { USER_END, P, 0, 0, 0, 8, all, 1 }, ARG });
	RUN(map_ports,
		{ "null port", { NULL_PORT, MACH_PORT_NULL }, DEST },
		{ "dead port", { DEAD_PORT, MACH_PORT_NULL }, DEST },
		{ "a task as object", { SELF, SELF }, KERN_INVALID_OBJECT },
		{ "the host as object", { SELF, mach_host_self() }, KERN_INVALID_OBJECT },
		{ "a dead port and a bad object", { DEAD_PORT, SELF }, DEST },
		{ "flags before the object", { SELF, SELF, VM_FLAGS_RESILIENT_MEDIA }, ARG },
		{ "inheritance before the object", { SELF, SELF, 0, 3 }, ARG });
}

int main(void)
{
	fixed();
	anywhere();
	deallocations();
	mappings();
	return finish();
}
