/* Bad arguments of mach_vm_protect, mach_vm_inherit, mach_vm_behavior_set, mach_vm_msync and mach_vm_wire. */
#include "arguments.h"

/* task, address, size, set_max, protection */
static int protect(const uint64_t *a)
{
	return mach_vm_protect((mach_port_t)a[0], a[1], a[2], (boolean_t)a[3], (vm_prot_t)a[4]);
}

/* task, address, size, inheritance */
static int inherit(const uint64_t *a)
{
	return mach_vm_inherit((mach_port_t)a[0], a[1], a[2], (vm_inherit_t)a[3]);
}

/* task, address, size, behaviour */
static int behave(const uint64_t *a)
{
	return mach_vm_behavior_set((mach_port_t)a[0], a[1], a[2], (vm_behavior_t)a[3]);
}

/* task, address, size, flags */
static int sync_memory(const uint64_t *a)
{
	return mach_vm_msync((mach_port_t)a[0], a[1], a[2], (vm_sync_t)a[3]);
}

/* host, task, address, size, protection */
static int wire(const uint64_t *a)
{
	int code = mach_vm_wire((mach_port_t)a[0], (mach_port_t)a[1], a[2], a[3], (vm_prot_t)a[4]);
	if (code == OK && a[4] != 0)
		CHECK_EQ(mach_vm_wire((mach_port_t)a[0], (mach_port_t)a[1], a[2], a[3], 0), OK);
	return code;
}

static void protections(void)
{
	const int r = VM_PROT_READ, rw = VM_PROT_DEFAULT;
	RUN(protect,
		{ "zero", { SELF, A, 0, FALSE, r }, OK },
		{ "zero before a bad protection", { SELF, A, 0, FALSE, 0x20 }, OK },
		{ "zero at the top", { SELF, TOP, 0, FALSE, r }, OK },
		{ "misaligned", { SELF, A + 1, P, FALSE, r }, OK },
		{ "wrapping", { SELF, A, WRAP(A), FALSE, r }, ARG },
		{ "wrapping by its size", { SELF, 2 * P, TOP - P, FALSE, r }, ARG },
		{ "round-wrapping", { SELF, LAST, P - 1, FALSE, r }, ARG },
		{ "round-wrapping from page 0", { SELF, 3, TOP - 3, FALSE, r }, ADDRESS },
		{ "off the map", { SELF, USER_END, P, FALSE, r }, ADDRESS },
		{ "the kernel's", { SELF, KERNEL_ADDRESS, P, FALSE, r }, ADDRESS },
		{ "across the map's end", { SELF, USER_END - P, 2 * P, FALSE, r }, ADDRESS },
		{ "a hole", { SELF, HOLE, P, FALSE, r }, ADDRESS },
		{ "into a hole", { SELF, A, 5 * P, FALSE, r }, ADDRESS },
		{ "over a hole", { SELF, A, 6 * P, FALSE, r }, ADDRESS },
		{ "bit 3", { SELF, A, P, FALSE, 8 }, ARG },
		{ "VM_PROT_TRUSTED", { SELF, A, P, FALSE, r | VM_PROT_TRUSTED }, ARG },
		{ "VM_PROT_IS_MASK", { SELF, A, P, FALSE, r | VM_PROT_IS_MASK }, ARG },
		{ "VM_PROT_STRIP_READ", { SELF, A, P, FALSE, r | VM_PROT_STRIP_READ }, ARG },
		{ "bit 8", { SELF, A, P, FALSE, r | 0x100 }, ARG },
		{ "bit 31", { SELF, A, P, FALSE, 0x80000000u }, ARG },
		{ "a bad protection before the map's end", { SELF, USER_END, P, FALSE, 8 }, ARG },
		{ "VM_PROT_COPY", { SELF, A, P, FALSE, r | VM_PROT_COPY }, OK },
		{ "beyond the maximum", { SELF, LIMITED, P, FALSE, rw }, PROTECTION },
		{ "beyond the maximum at the end", { SELF, READ_ONLY, 2 * P, FALSE, rw }, PROTECTION },
		{ "VM_PROT_COPY beyond the maximum", { SELF, LIMITED, P, FALSE, rw | VM_PROT_COPY }, OK },
		{ "a maximum that grows", { SELF, LIMITED, P, TRUE, rw }, PROTECTION },
		{ "a maximum that shrinks", { SELF, A, P, TRUE, r }, OK },
		{ "writable and executable", { SELF, A, P, FALSE, VM_PROT_ALL }, BY_MACHINE(OK, PROTECTION) },
		{ "null port", { NULL_PORT, A, P, FALSE, r }, DEST },
		{ "dead port", { DEAD_PORT, A, P, FALSE, r }, DEST });
}

static void inheritances(void)
{
	RUN(inherit,
		{ "zero", { SELF, A, 0, 2 }, OK },
		{ "zero before a bad inheritance", { SELF, A, 0, 9 }, OK },
		{ "zero at the top", { SELF, TOP, 0, 2 }, OK },
		{ "misaligned", { SELF, A + 1, P, 2 }, OK },
		{ "wrapping", { SELF, A, WRAP(A), 2 }, ARG },
		{ "round-wrapping", { SELF, LAST, P - 1, 2 }, ARG },
		{ "off the map", { SELF, USER_END, P, 2 }, OK },
		{ "the kernel's", { SELF, KERNEL_ADDRESS, P, 2 }, OK },
		{ "a hole", { SELF, HOLE, P, 2 }, OK },
		{ "over a hole", { SELF, A, 6 * P, 2 }, OK },
		{ "inheritance 3", { SELF, A, P, 3 }, ARG },
		{ "inheritance -1", { SELF, A, P, 0xffffffff }, ARG },
		{ "a bad inheritance off the map", { SELF, USER_END, P, 3 }, ARG },
		{ "null port", { NULL_PORT, A, P, 2 }, DEST },
		{ "dead port", { DEAD_PORT, A, P, 2 }, DEST });
}

static void behaviours(void)
{
	RUN(behave,
		{ "zero", { SELF, A, 0, 1 }, OK },
		{ "zero at the top", { SELF, TOP, 0, 1 }, OK },
		{ "a bad behaviour before zero", { SELF, A, 0, 13 }, ARG },
		{ "behaviour -1", { SELF, A, P, 0xffffffff }, ARG },
		{ "behaviour 13", { SELF, A, P, 13 }, ARG },
		{ "PAGEOUT", { SELF, A, P, VM_BEHAVIOR_PAGEOUT }, ARG },
		{ "a bad behaviour off the map", { SELF, USER_END, P, 13 }, ARG },
		{ "misaligned", { SELF, A + 1, P, 1 }, OK },
		{ "wrapping", { SELF, A, WRAP(A), 1 }, ARG },
		{ "round-wrapping", { SELF, LAST, P - 1, 1 }, SPACE },
		{ "round-wrapping from 0", { SELF, 0, TOP, 1 }, SPACE },
		{ "off the map", { SELF, USER_END, P, 1 }, SPACE },
		{ "below the map", { SELF, 0, P, 1 }, SPACE },
		{ "the kernel's", { SELF, KERNEL_ADDRESS, P, 1 }, SPACE },
		{ "across the map's end", { SELF, USER_END - P, 2 * P, 1 }, SPACE },
		{ "RANDOM of a hole", { SELF, HOLE, P, VM_BEHAVIOR_RANDOM }, ADDRESS },
		{ "RANDOM over a hole", { SELF, A, 6 * P, VM_BEHAVIOR_RANDOM }, ADDRESS },
		{ "WILLNEED of a hole", { SELF, HOLE, P, VM_BEHAVIOR_WILLNEED }, ADDRESS },
		{ "DONTNEED of a hole", { SELF, HOLE, P, VM_BEHAVIOR_DONTNEED }, ADDRESS },
		{ "FREE over a hole", { SELF, A, 6 * P, VM_BEHAVIOR_FREE }, ADDRESS },
		{ "ZERO_WIRED_PAGES of a hole", { SELF, HOLE, P, VM_BEHAVIOR_ZERO_WIRED_PAGES }, ADDRESS },
		{ "REUSABLE of a hole", { SELF, HOLE, P, VM_BEHAVIOR_REUSABLE }, ADDRESS },
		{ "REUSE of a hole", { SELF, HOLE, P, VM_BEHAVIOR_REUSE }, ADDRESS },
		{ "CAN_REUSE of a hole", { SELF, HOLE, P, VM_BEHAVIOR_CAN_REUSE }, ADDRESS },
		{ "ZERO over a hole", { SELF, A, 6 * P, VM_BEHAVIOR_ZERO }, ADDRESS },
		{ "ZERO_WIRED_PAGES, not writable", { SELF, READ_ONLY, P, VM_BEHAVIOR_ZERO_WIRED_PAGES }, PROTECTION },
		{ "REUSABLE, not writable", { SELF, READ_ONLY, P, VM_BEHAVIOR_REUSABLE }, PROTECTION },
		{ "null port", { NULL_PORT, A, P, 1 }, DEST },
		{ "dead port", { DEAD_PORT, A, P, 1 }, DEST });
}

static void syncs(void)
{
	const int sync = VM_SYNC_SYNCHRONOUS, both = VM_SYNC_SYNCHRONOUS | VM_SYNC_ASYNCHRONOUS;
	const int whole = VM_SYNC_SYNCHRONOUS | VM_SYNC_CONTIGUOUS;
	RUN(sync_memory,
		{ "zero", { SELF, A, 0, sync }, OK },
		{ "zero before contradictory flags", { SELF, A, 0, both }, OK },
		{ "zero at the top", { SELF, TOP, 0, sync }, OK },
		{ "contradictory flags", { SELF, A, P, both }, ARG },
		{ "contradictory flags before the range", { SELF, A, WRAP(A), both }, ARG },
		{ "misaligned", { SELF, A + 1, P, sync }, OK },
		{ "wrapping", { SELF, A, WRAP(A), sync }, ADDRESS },
		{ "round-wrapping", { SELF, LAST, P - 1, sync }, ADDRESS },
		{ "off the map", { SELF, USER_END, P, sync }, OK },
		{ "off the map, contiguous", { SELF, USER_END, P, whole }, ADDRESS },
		{ "the kernel's, contiguous", { SELF, KERNEL_ADDRESS, P, whole }, ADDRESS },
		{ "a hole", { SELF, HOLE, P, sync }, OK },
		{ "over a hole", { SELF, A, 6 * P, sync }, OK },
		{ "over a hole, contiguous", { SELF, A, 6 * P, whole }, ADDRESS },
		{ "over a hole, contiguous, killing", { SELF, A, 6 * P, whole | VM_SYNC_KILLPAGES }, ADDRESS },
		{ "unknown flags", { SELF, A, P, sync | 0xffffff80 }, OK },
		{ "null port", { NULL_PORT, A, P, sync }, DEST },
		{ "dead port", { DEAD_PORT, A, P, sync }, DEST });
}

static void wirings(void)
{
	mach_port_t host = mach_host_self();
	const int r = VM_PROT_READ, rw = VM_PROT_DEFAULT;
	RUN(wire,
		{ "zero", { host, SELF, A, 0, r }, OK },
		{ "zero before a bad protection", { host, SELF, A, 0, 0xff }, OK },
		{ "zero at the top", { host, SELF, TOP, 0, r }, OK },
		{ "misaligned", { host, SELF, A + 1, P, r }, OK },
		{ "wrapping", { host, SELF, A, WRAP(A), r }, ARG },
		{ "round-wrapping", { host, SELF, LAST, P - 1, r }, ARG },
		{ "off the map", { host, SELF, USER_END, P, r }, OK },
		{ "the kernel's", { host, SELF, KERNEL_ADDRESS, P, r }, OK },
		{ "a hole", { host, SELF, HOLE, P, r }, ADDRESS },
		{ "into a hole", { host, SELF, A + 3 * P, 2 * P, r }, ADDRESS },
		{ "over a hole", { host, SELF, A, 6 * P, r }, ADDRESS },
		{ "protection bit 3", { host, SELF, A, P, 8 }, ARG },
		{ "VM_PROT_COPY", { host, SELF, A, P, r | VM_PROT_COPY }, ARG },
		{ "VM_PROT_IS_MASK", { host, SELF, A, P, r | VM_PROT_IS_MASK }, ARG },
		{ "not writable", { host, SELF, READ_ONLY, P, rw }, PROTECTION },
		{ "no access", { host, SELF, HIDDEN, P, r }, PROTECTION },
		{ "not writable at the end", { host, SELF, READ_ONLY - P, 2 * P, rw }, ADDRESS },
		{ "null host", { NULL_PORT, SELF, A, P, r }, KERN_INVALID_HOST },
		{ "a task as host", { SELF, SELF, A, P, r }, KERN_INVALID_HOST },
		{ "null task", { host, NULL_PORT, A, P, r }, KERN_INVALID_TASK },
		{ "null host before null task", { NULL_PORT, NULL_PORT, A, P, r }, KERN_INVALID_HOST });
	RUN(wire,
		{ "unwire: zero", { host, SELF, A, 0, 0 }, OK },
		{ "unwire: wrapping", { host, SELF, A, WRAP(A), 0 }, ARG },
		{ "unwire: round-wrapping", { host, SELF, LAST, P - 1, 0 }, ARG },
		{ "unwire: off the map", { host, SELF, USER_END, P, 0 }, OK },
		{ "unwire: a hole", { host, SELF, HOLE, P, 0 }, ADDRESS },
		{ "unwire: what is not wired", { host, SELF, A, 4 * P, 0 }, OK },
		{ "unwire: null task", { host, NULL_PORT, A, P, 0 }, KERN_INVALID_TASK });
}

/* More than may be wired: nothing of it is. */
static void wire_limit(void)
{
	mach_vm_address_t large = 0;
	uint64_t memory = number_of("hw.memsize");
	CHECK_EQ(mach_vm_allocate(SELF, &large, memory, VM_FLAGS_ANYWHERE), OK);
	RUN(wire, { "over the limit", { mach_host_self(), SELF, large, memory, VM_PROT_READ }, KERN_RESOURCE_SHORTAGE });
	CHECK_EQ(mach_vm_deallocate(SELF, large, memory), OK);
}

int main(void)
{
	protections();
	inheritances();
	behaviours();
	syncs();
	wirings();
	wire_limit();
	return finish();
}
