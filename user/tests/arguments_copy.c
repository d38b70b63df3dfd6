/* Bad arguments of mach_vm_read, mach_vm_read_list, mach_vm_write, mach_vm_copy and mach_vm_read_overwrite. */
#include "arguments.h"

/* Copies up to this size go through a buffer, larger ones by sharing pages. */
#define SMALL BY_MACHINE(16384, 32768)
/* More than that, in whole pages. */
#define LARGE ((SMALL / P + 1) * P)

/* Large memory that may not be read, and such that may not be written. */
static mach_vm_address_t unreadable, unwritable;

/* task, address, size */
static int read_memory(const uint64_t *a)
{
	vm_offset_t data = 77;
	mach_msg_type_number_t count = 78;
	int code = mach_vm_read((mach_port_t)a[0], a[1], a[2], &data, &count);
	if (code != OK)
		return data == 77 && count == 78 ? code : TOUCHED;
	CHECK_EQ(count, a[2]);
	if (a[2] == 0) {
		CHECK_EQ(data, 0);
		return OK;
	}
	CHECK_EQ(memcmp((void *)data, (void *)a[1], a[2]), 0);
	CHECK_EQ(mach_vm_deallocate(SELF, data, count), OK);
	return OK;
}

/* count, address and size of the second entry; the first and the third are good */
static int read_list(const uint64_t *a)
{
	mach_vm_read_entry_t list;
	memset(list, 0, sizeof list);
	list[0].address = list[2].address = A;
	list[0].size = list[2].size = P;
	list[1].address = a[1];
	list[1].size = a[2];
	int code = mach_vm_read_list(SELF, list, (natural_t)a[0]);
	if (a[0] > VM_MAP_ENTRY_MAX)
		return list[0].address == A && list[1].address == a[1] ? code : TOUCHED;
	CHECK(code == OK || (list[1].address == 0 && list[1].size == 0));
	for (uint64_t i = 0; i < a[0]; i++) {
		if (list[i].size == 0)
			continue;
		CHECK_EQ(memcmp((void *)list[i].address, (void *)A, P), 0);
		CHECK_EQ(mach_vm_deallocate(SELF, list[i].address, list[i].size), OK);
	}
	return code;
}

/* task, address, data, count */
static int write_memory(const uint64_t *a)
{
	return mach_vm_write((mach_port_t)a[0], a[1], a[2], (mach_msg_type_number_t)a[3]);
}

/* task, source, size, destination */
static int copy(const uint64_t *a)
{
	return mach_vm_copy((mach_port_t)a[0], a[1], a[2], a[3]);
}

/* task, address, size, data */
static int overwrite(const uint64_t *a)
{
	mach_vm_size_t size = 77;
	int code = mach_vm_read_overwrite((mach_port_t)a[0], a[1], a[2], a[3], &size);
	if (code == OK)
		CHECK_EQ(size, a[2]);
	return code != OK && size != 77 ? TOUCHED : code;
}

static void reads(void)
{
	RUN(read_memory,
		{ "zero", { SELF, A, 0 }, OK },
		{ "zero at the top", { SELF, TOP, 0 }, OK },
		{ "misaligned", { SELF, A + 1, P }, OK },
		{ "more than 32 bits", { SELF, A, 1ull << 32 }, ARG },
		{ "more than 32 bits before wrapping", { SELF, A, WRAP(A) }, ARG },
		{ "wrapping", { SELF, TOP - P + 1, 2 * P }, ADDRESS },
		{ "round-wrapping", { SELF, LAST, P - 1 }, ADDRESS },
		{ "off the map", { SELF, USER_END, P }, ADDRESS },
		{ "the kernel's", { SELF, KERNEL_ADDRESS, P }, ADDRESS },
		{ "page 0", { SELF, 0, P }, ADDRESS },
		{ "a hole", { SELF, HOLE, P }, ADDRESS },
		{ "over a hole", { SELF, A, 6 * P }, ADDRESS },
		{ "unreadable, small", { SELF, HIDDEN, P }, ADDRESS },
		{ "unreadable, large", { SELF, unreadable, LARGE }, PROTECTION },
		{ "null port", { NULL_PORT, A, P }, DEST },
		{ "dead port", { DEAD_PORT, A, P }, DEST });
	RUN(read_list,
		{ "more than 256", { 257, A, P }, ARG },
		{ "count -1", { 0xffffffff, A, P }, ARG },
		{ "none", { 0, A, P }, OK },
		{ "zero in the middle", { 3, A, 0 }, OK },
		{ "a hole in the middle", { 3, HOLE, P }, ADDRESS },
		{ "wrapping in the middle", { 3, A, WRAP(A) }, ADDRESS },
		{ "round-wrapping in the middle", { 3, LAST, P - 1 }, ADDRESS },
		{ "the kernel's in the middle", { 3, KERNEL_ADDRESS, P }, ADDRESS });
}

static void writes(void)
{
	RUN(write_memory,
		{ "zero", { SELF, A, FRESH, 0 }, OK },
		{ "misaligned", { SELF, FRESH + 1, A, P }, OK },
		{ "data in a hole", { SELF, FRESH, HOLE, P }, MACH_SEND_INVALID_MEMORY },
		{ "data of the kernel", { SELF, FRESH, KERNEL_ADDRESS, P }, MACH_SEND_INVALID_MEMORY },
		{ "data without access", { SELF, FRESH, HIDDEN, P }, MACH_SEND_INVALID_MEMORY },
		{ "data before the destination", { SELF, HOLE, HOLE, P }, MACH_SEND_INVALID_MEMORY },
		{ "wrapping", { SELF, TOP - P + 1, A, 2 * P }, ADDRESS },
		{ "round-wrapping", { SELF, LAST, A, P - 1 }, ADDRESS },
		{ "off the map", { SELF, USER_END, A, P }, ADDRESS },
		{ "the kernel's", { SELF, KERNEL_ADDRESS, A, P }, ADDRESS },
		{ "a hole", { SELF, HOLE, A, P }, ADDRESS },
		{ "into a hole", { SELF, FRESH + P, A, 2 * P }, ADDRESS },
		{ "not writable, small", { SELF, LIMITED, A, P }, ADDRESS },
		{ "not writable, large", { SELF, unwritable, unwritable, LARGE }, PROTECTION },
		{ "null port", { NULL_PORT, FRESH, A, P }, DEST },
		{ "dead port", { DEAD_PORT, FRESH, A, P }, DEST });
}

static void copies(void)
{
	RUN(copy,
		{ "zero", { SELF, A, 0, FRESH }, OK },
		{ "zero from and to nowhere", { SELF, TOP, 0, HOLE }, OK },
		{ "misaligned both", { SELF, A + 1, P, FRESH + 3 }, OK },
		{ "source wraps", { SELF, A, WRAP(A), FRESH }, ADDRESS },
		{ "source round-wraps", { SELF, LAST, P - 1, FRESH }, ADDRESS },
		{ "destination wraps", { SELF, A, 2 * P, TOP - P + 1 }, ADDRESS },
		{ "destination round-wraps", { SELF, A, P - 1, LAST }, ADDRESS },
		{ "source off the map", { SELF, USER_END, P, FRESH }, ADDRESS },
		{ "destination off the map", { SELF, A, P, USER_END }, ADDRESS },
		{ "source the kernel's", { SELF, KERNEL_ADDRESS, P, FRESH }, ADDRESS },
		{ "destination the kernel's", { SELF, A, P, KERNEL_ADDRESS }, ADDRESS },
		{ "source a hole", { SELF, HOLE, P, FRESH }, ADDRESS },
		{ "source over a hole", { SELF, A, 6 * P, FRESH }, ADDRESS },
		{ "destination a hole", { SELF, A, P, HOLE }, ADDRESS },
		{ "destination into a hole", { SELF, A, 2 * P, FRESH + P }, ADDRESS },
		{ "source unreadable, small", { SELF, HIDDEN, P, FRESH }, ADDRESS },
		{ "source unreadable, large", { SELF, unreadable, LARGE, unwritable }, PROTECTION },
		{ "destination not writable, small", { SELF, A, P, LIMITED }, ADDRESS },
		{ "destination not writable, large", { SELF, unwritable, LARGE, unwritable }, PROTECTION },
		{ "null port", { NULL_PORT, A, P, FRESH }, DEST },
		{ "dead port", { DEAD_PORT, A, P, FRESH }, DEST });
	RUN(overwrite,
		{ "zero", { SELF, A, 0, FRESH }, OK },
		{ "misaligned both", { SELF, A + 1, P, FRESH + 3 }, OK },
		{ "source wraps", { SELF, A, WRAP(A), FRESH }, ADDRESS },
		{ "source round-wraps", { SELF, LAST, P - 1, FRESH }, ADDRESS },
		{ "destination wraps", { SELF, A, 2 * P, TOP - P + 1 }, ADDRESS },
		{ "source a hole", { SELF, HOLE, P, FRESH }, ADDRESS },
		{ "source the kernel's", { SELF, KERNEL_ADDRESS, P, FRESH }, ADDRESS },
		{ "destination a hole", { SELF, A, P, HOLE }, ADDRESS },
		{ "destination the kernel's", { SELF, A, P, KERNEL_ADDRESS }, ADDRESS },
		{ "destination not writable, small", { SELF, A, P, LIMITED }, ADDRESS },
		{ "null port", { NULL_PORT, A, P, FRESH }, DEST },
		{ "dead port", { DEAD_PORT, A, P, FRESH }, DEST });
}

int main(void)
{
	CHECK_EQ(mach_vm_allocate(SELF, &unreadable, LARGE, VM_FLAGS_ANYWHERE), OK);
	CHECK_EQ(mach_vm_protect(SELF, unreadable, LARGE, FALSE, VM_PROT_NONE), OK);
	CHECK_EQ(mach_vm_allocate(SELF, &unwritable, LARGE, VM_FLAGS_ANYWHERE), OK);
	CHECK_EQ(mach_vm_protect(SELF, unwritable, LARGE, FALSE, VM_PROT_READ), OK);
	reads();
	writes();
	copies();
	return finish();
}
