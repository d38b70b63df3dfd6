/* Bad arguments of mach_vm_remap and mach_vm_remap_new. */
#include "arguments.h"

#define ANY VM_FLAGS_ANYWHERE

static mach_port_t target, source;

static int finish_remap(int code, mach_vm_address_t at, const uint64_t *a)
{
	if (code == OK && (a[3] & ANY))
		CHECK_EQ(mach_vm_deallocate(target, at & -P, a[1]), OK);
	return code;
}

/* target address, size, mask, flags, source address, copy, inheritance */
static int remap(const uint64_t *a)
{
	mach_vm_address_t at = a[0];
	vm_prot_t cur = 77, max = 78;
	int code = mach_vm_remap(target, &at, a[1], a[2], (int)a[3], source, a[4], (boolean_t)a[5], &cur, &max, (unsigned)a[6]);
	if (code != OK)
		return at == a[0] && cur == 77 && max == 78 ? code : TOUCHED;
	CHECK((cur & ~max) == 0 && max <= VM_PROT_ALL);
	return finish_remap(code, at, a);
}

/* target address, size, source address, flags, current, maximum, inheritance */
static int remap_new(const uint64_t *a)
{
	mach_vm_address_t at = a[0];
	vm_prot_t cur = (vm_prot_t)a[4], max = (vm_prot_t)a[5];
	int code = mach_vm_remap_new(target, &at, a[1], 0, (int)a[3], source, a[2], FALSE, &cur, &max, (unsigned)a[6]);
	if (code != OK)
		return at == a[0] && cur == (vm_prot_t)a[4] && max == (vm_prot_t)a[5] ? code : TOUCHED;
	return finish_remap(code, at, a);
}

static void ranges(void)
{
	RUN(remap,
		{ "zero", { 0, 0, 0, ANY, A, FALSE, 1 }, ARG },
		{ "misaligned source", { 0, P, 0, ANY, A + 1, FALSE, 1 }, OK },
		{ "misaligned source, its offset kept", { 0, P, 0, ANY | VM_FLAGS_RETURN_DATA_ADDR, A + 1, FALSE, 1 }, OK },
		{ "source wraps", { 0, WRAP(A), 0, ANY, A, FALSE, 1 }, ARG },
		{ "source round-wraps", { 0, P - 1, 0, ANY, LAST, FALSE, 1 }, ARG },
		{ "source off the map", { 0, P, 0, ANY, USER_END, FALSE, 1 }, ADDRESS },
		{ "source the kernel's", { 0, P, 0, ANY, KERNEL_ADDRESS, FALSE, 1 }, ADDRESS },
		{ "source a hole", { 0, P, 0, ANY, HOLE, FALSE, 1 }, ADDRESS },
		{ "source over a hole", { 0, 6 * P, 0, ANY, A, FALSE, 1 }, ADDRESS },
		{ "source over a hole, copied", { 0, 6 * P, 0, ANY, A, TRUE, 1 }, ADDRESS },
		{ "fixed", { FREE, P, 0, VM_FLAGS_FIXED, A, FALSE, 1 }, OK },
		{ "fixed, occupied", { READ_ONLY, P, 0, VM_FLAGS_FIXED, A, FALSE, 1 }, SPACE },
		{ "fixed, overwritten", { READ_ONLY, P, 0, VM_FLAGS_OVERWRITE, A, TRUE, 1 }, OK },
		{ "fixed, page 0", { 0, P, 0, VM_FLAGS_FIXED, A, FALSE, 1 }, ADDRESS },
		{ "fixed, at the map's end", { USER_END, P, 0, VM_FLAGS_FIXED, A, FALSE, 1 }, ADDRESS },
		{ "fixed, the kernel's", { KERNEL_ADDRESS, P, 0, VM_FLAGS_FIXED, A, FALSE, 1 }, ADDRESS },
		{ "overwritten at the map's end", { USER_END, P, 0, VM_FLAGS_OVERWRITE, A, FALSE, 1 }, ADDRESS },
		{ "a mask of ones", { 0, P, TOP, ANY, A, FALSE, 1 }, SPACE },
		{ "inheritance 3", { 0, P, 0, ANY, A, FALSE, 3 }, ARG },
		{ "inheritance before the source", { 0, P, 0, ANY, HOLE, FALSE, 3 }, ARG },
		{ "flags before the source", { 0, P, 0, ANY | 0x10, HOLE, FALSE, 1 }, ARG },
		{ "the source before the target", { USER_END, P, 0, VM_FLAGS_FIXED, HOLE, FALSE, 1 }, ADDRESS });
}

static void flags(void)
{
	RUN(remap,
		{ "random", { 0, P, 0, ANY | VM_FLAGS_RANDOM_ADDR, A, FALSE, 1 }, OK },
		{ "resilient against code signing", { 0, P, 0, ANY | VM_FLAGS_RESILIENT_CODESIGN, A, FALSE, 1 }, OK },
		{ "resilient against media, copied", { 0, P, 0, ANY | VM_FLAGS_RESILIENT_MEDIA, A, TRUE, 1 }, OK },
		{ "resilient against media, shared", { 0, P, 0, ANY | VM_FLAGS_RESILIENT_MEDIA, A, FALSE, 1 }, ARG },
		{ "purgeable", { 0, P, 0, ANY | VM_FLAGS_PURGABLE, A, FALSE, 1 }, ARG },
		{ "4 GiB chunks", { 0, P, 0, ANY | VM_FLAGS_4GB_CHUNK, A, FALSE, 1 }, ARG },
		{ "no cache", { 0, P, 0, ANY | VM_FLAGS_NO_CACHE, A, FALSE, 1 }, ARG },
		{ "permanent", { 0, P, 0, ANY | VM_FLAGS_PERMANENT, A, FALSE, 1 }, ARG },
		{ "superpages", { 0, P, 0, ANY | VM_FLAGS_SUPERPAGE_SIZE_ANY, A, FALSE, 1 }, ARG },
		{ "RETURN_4K_DATA_ADDR", { 0, P, 0, ANY | VM_FLAGS_RETURN_4K_DATA_ADDR, A, FALSE, 1 }, ARG },
		{ "tagged", { 0, P, 0, ANY | VM_MAKE_TAG(VM_MEMORY_MALLOC), A, FALSE, 1 }, ARG },
		{ "bit 8", { 0, P, 0, ANY | 0x100, A, FALSE, 1 }, ARG },
		{ "bit 13", { 0, P, 0, ANY | 0x2000, A, FALSE, 1 }, ARG },
		{ "bit 22", { 0, P, 0, ANY | 0x400000, A, FALSE, 1 }, ARG });
}

static void new(void)
{
	const uint64_t r = VM_PROT_READ, rw = VM_PROT_DEFAULT, all = VM_PROT_ALL;
	RUN(remap_new,
		{ "zero", { 0, 0, A, ANY, r, r, 1 }, ARG },
		{ "good", { 0, P, A, ANY, r, rw, 1 }, OK },
		{ "source wraps", { 0, WRAP(A), A, ANY, r, r, 1 }, ARG },
		{ "source round-wraps", { 0, P - 1, LAST, ANY, r, r, 1 }, ARG },
		{ "source round-wraps by its offset", { 0, TOP - 3, 3, ANY, r, r, 1 }, ARG },
		{ "source a hole", { 0, P, HOLE, ANY, r, r, 1 }, ADDRESS },
		{ "source off the map", { 0, P, USER_END, ANY, r, r, 1 }, ADDRESS },
		{ "current bit 3", { 0, P, A, ANY, 8, all, 1 }, ARG },
		{ "VM_PROT_COPY", { 0, P, A, ANY, r | VM_PROT_COPY, rw, 1 }, ARG },
		{ "maximum bit 3", { 0, P, A, ANY, r, r | 8, 1 }, ARG },
		{ "current beyond the maximum", { 0, P, A, ANY, rw, r, 1 }, ARG },
		{ "writable and executable", { 0, P, A, ANY, r, all, 1 }, PROTECTION },
		{ "more than the source allows", { 0, P, LIMITED, ANY, r, rw, 1 }, PROTECTION },
		{ "more than the source has", { 0, P, READ_ONLY, ANY, rw, rw, 1 }, PROTECTION },
		{ "inheritance 3", { 0, P, A, ANY, r, r, 3 }, ARG },
		{ "protections before the source", { 0, P, HOLE, ANY, rw, r, 1 }, ARG },
		{ "purgeable", { 0, P, A, ANY | VM_FLAGS_PURGABLE, r, r, 1 }, ARG },
		{ "fixed, occupied", { READ_ONLY, P, A, VM_FLAGS_FIXED, r, r, 1 }, SPACE },
		{ "fixed, at the map's end", { USER_END, P, A, VM_FLAGS_FIXED, r, r, 1 }, ADDRESS });
}

static void ports(void)
{
	target = NULL_PORT;
	RUN(remap, { "null target", { 0, P, 0, ANY, A, FALSE, 1 }, DEST });
	target = DEAD_PORT;
	RUN(remap, { "dead target", { 0, P, 0, ANY, A, FALSE, 1 }, DEST });
	target = SELF;
	source = NULL_PORT;
	RUN(remap, { "null source", { 0, P, 0, ANY, A, FALSE, 1 }, ARG });
	RUN(remap_new, { "null source", { 0, P, A, ANY, VM_PROT_READ, VM_PROT_READ, 1 }, ARG });
}

int main(void)
{
	target = source = SELF;
	ranges();
	flags();
	new();
	ports();
	return finish();
}
