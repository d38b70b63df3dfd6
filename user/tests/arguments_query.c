/* Bad arguments of mach_vm_region, mach_vm_region_recurse, mach_vm_page_query, mach_vm_page_range_query and
 * vellum_vm_objects. */
#include "arguments.h"
#include <vellum.h>

#define CANARY 0x5a5a5a5a

/* Room for the answers; all of it is CANARY before a call. */
static int words[40];

static void clean(void)
{
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		words[i] = CANARY;
}

static int is_clean(void)
{
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (words[i] != CANARY)
			return 0;
	return 1;
}

/* task, address, flavor, count */
static int region(const uint64_t *a)
{
	mach_vm_address_t address = a[1];
	mach_vm_size_t size = 77;
	mach_msg_type_number_t count = (mach_msg_type_number_t)a[3];
	mach_port_t object = 78;
	clean();
	int code = mach_vm_region((mach_port_t)a[0], &address, &size, (int)a[2], words, &count, &object);
	if (code == OK) {
		CHECK(size != 0 && object == MACH_PORT_NULL && count <= a[3] && words[count] == CANARY);
		return OK;
	}
	return address == a[1] && size == 77 && count == a[3] && object == 78 && is_clean() ? code : TOUCHED;
}

/* task, address, count, depth */
static int recurse(const uint64_t *a)
{
	mach_vm_address_t address = a[1];
	mach_vm_size_t size = 77;
	mach_msg_type_number_t count = (mach_msg_type_number_t)a[2];
	natural_t depth = (natural_t)a[3];
	clean();
	int code = mach_vm_region_recurse((mach_port_t)a[0], &address, &size, &depth, words, &count);
	if (code == OK) {
		CHECK(size != 0 && depth <= a[3] && count <= a[2] && words[count] == CANARY);
		return OK;
	}
	return address == a[1] && size == 77 && count == a[2] && depth == a[3] && is_clean() ? code : TOUCHED;
}

/* task, address */
static int page(const uint64_t *a)
{
	clean();
	int code = mach_vm_page_query((mach_port_t)a[0], a[1], &words[0], &words[1]);
	return code != OK && !is_clean() ? TOUCHED : code;
}

/* address: what is not there has no bits */
static int absent(const uint64_t *a)
{
	clean();
	int code = mach_vm_page_query(SELF, a[0], &words[0], &words[1]);
	CHECK(code != OK || (words[0] == 0 && words[1] == 0));
	return code;
}

/* task, address, size, count, where */
static int range(const uint64_t *a)
{
	mach_vm_size_t count = a[3];
	uint64_t pages = a[2] == 0 || a[3] == 0 ? 0 : a[3];
	clean();
	int code = mach_vm_page_range_query((mach_port_t)a[0], a[1], a[2], a[4] ? a[4] : (mach_vm_address_t)words, &count);
	if (count != a[3])
		return TOUCHED;
	if (code == OK) {
		for (uint64_t i = 0; i < 40; i++)
			CHECK_EQ(words[i] == CANARY, i >= pages);
		return OK;
	}
	return is_clean() ? code : TOUCHED;
}

/* task, address, size, depth, where */
static int objects(const uint64_t *a)
{
	static uint64_t answer[512];
	mach_vm_address_t address = a[1];
	mach_vm_size_t size = a[2];
	natural_t depth = (natural_t)a[3];
	memset(answer, 0x5a, sizeof answer);
	int code = vellum_vm_objects((mach_port_t)a[0], &address, &depth, a[4] ? (void *)a[4] : answer, &size);
	if (code == OK) {
		CHECK(size >= sizeof(struct vellum_vm_entry) && size <= a[2] && depth <= a[3]);
		return OK;
	}
	for (size_t i = 0; i < 512; i++)
		if (answer[i] != 0x5a5a5a5a5a5a5a5aull)
			return TOUCHED;
	/* Too little room: the size is what there must be. */
	if (code == SPACE ? size <= a[2] : size != a[2])
		return TOUCHED;
	return address == a[1] && depth == a[3] ? code : TOUCHED;
}

/* where: one of the four places is bad */
static int objects_places(const uint64_t *a)
{
	static uint64_t answer[512];
	mach_vm_address_t address = A;
	mach_vm_size_t size = sizeof answer;
	natural_t depth = 0;
	return vellum_vm_objects(SELF, a[0] == 0 ? (void *)a[1] : &address, a[0] == 1 ? (void *)a[1] : &depth,
				 a[0] == 2 ? (void *)a[1] : answer, a[0] == 3 ? (void *)a[1] : &size);
}

static void regions(void)
{
	const uint64_t basic = VM_REGION_BASIC_INFO_64, full = 40;
	RUN(region,
		{ "a hole gives what follows", { SELF, HOLE, basic, full }, OK },
		{ "misaligned", { SELF, A + 1, basic, full }, OK },
		{ "address 0", { SELF, 0, basic, full }, OK },
		{ "nothing follows", { SELF, USER_END - P, basic, full }, ADDRESS },
		{ "off the map", { SELF, USER_END, basic, full }, ADDRESS },
		{ "the kernel's", { SELF, KERNEL_ADDRESS, basic, full }, ADDRESS },
		{ "the last address", { SELF, TOP, basic, full }, ADDRESS },
		{ "flavor 0", { SELF, A, 0, full }, ARG },
		{ "flavor 8", { SELF, A, 8, full }, ARG },
		{ "flavor 14", { SELF, A, 14, full }, ARG },
		{ "flavor -1", { SELF, A, 0xffffffff, full }, ARG },
		{ "count 0", { SELF, A, basic, 0 }, ARG },
		{ "short count, basic 64", { SELF, A, basic, VM_REGION_BASIC_INFO_COUNT_64 - 1 }, ARG },
		{ "short count, basic", { SELF, A, VM_REGION_BASIC_INFO, VM_REGION_BASIC_INFO_COUNT - 1 }, ARG },
		{ "short count, extended", { SELF, A, VM_REGION_EXTENDED_INFO, VM_REGION_EXTENDED_INFO_COUNT - 1 }, ARG },
		{ "short count, top", { SELF, A, VM_REGION_TOP_INFO, VM_REGION_TOP_INFO_COUNT - 1 }, ARG },
		{ "exact count, basic 64", { SELF, A, basic, VM_REGION_BASIC_INFO_COUNT_64 }, OK },
		{ "exact count, basic", { SELF, A, VM_REGION_BASIC_INFO, VM_REGION_BASIC_INFO_COUNT }, OK },
		{ "exact count, extended", { SELF, A, VM_REGION_EXTENDED_INFO, VM_REGION_EXTENDED_INFO_COUNT }, OK },
		{ "exact count, extended of old", { SELF, A, VM_REGION_EXTENDED_INFO__legacy, VM_REGION_EXTENDED_INFO_COUNT - 1 }, OK },
		{ "exact count, top", { SELF, A, VM_REGION_TOP_INFO, VM_REGION_TOP_INFO_COUNT }, OK },
		{ "null port", { NULL_PORT, A, basic, full }, DEST },
		{ "dead port", { DEAD_PORT, A, basic, full }, DEST });
	RUN(recurse,
		{ "a hole gives what follows", { SELF, HOLE, 40, 0 }, OK },
		{ "misaligned", { SELF, A + 1, 40, 5 }, OK },
		{ "nothing follows", { SELF, USER_END - P, 40, 0 }, ADDRESS },
		{ "off the map", { SELF, USER_END, 40, 0 }, ADDRESS },
		{ "the last address", { SELF, TOP, 40, 0 }, ADDRESS },
		{ "count 0", { SELF, A, 0, 0 }, ARG },
		{ "short count", { SELF, A, VM_REGION_SUBMAP_SHORT_INFO_COUNT_64 - 1, 0 }, ARG },
		{ "the short form", { SELF, A, VM_REGION_SUBMAP_SHORT_INFO_COUNT_64, 0 }, OK },
		{ "version 0", { SELF, A, VM_REGION_SUBMAP_INFO_V0_COUNT_64, 0 }, OK },
		{ "version 1", { SELF, A, VM_REGION_SUBMAP_INFO_V1_COUNT_64, 0 }, OK },
		{ "version 2", { SELF, A, VM_REGION_SUBMAP_INFO_V2_COUNT_64, 0xffffffff }, OK },
		{ "null port", { NULL_PORT, A, 40, 0 }, DEST },
		{ "dead port", { DEAD_PORT, A, 40, 0 }, DEST });
}

static void page_queries(void)
{
	RUN(page,
		{ "misaligned", { SELF, A + 1 }, OK },
		{ "the last page", { SELF, LAST }, ADDRESS },
		{ "the last address", { SELF, TOP }, ADDRESS },
		{ "null port", { NULL_PORT, A }, DEST },
		{ "dead port", { DEAD_PORT, A }, DEST });
	RUN(absent,
		{ "a hole", { HOLE }, OK },
		{ "untouched", { FRESH }, OK },
		{ "off the map", { USER_END }, OK },
		{ "the kernel's", { KERNEL_ADDRESS }, OK },
		{ "the page before the last", { LAST - P }, OK });
}

static void range_queries(void)
{
	RUN(range,
		{ "zero", { SELF, A, 0, 4, 0 }, OK },
		{ "zero at the top", { SELF, TOP, 0, 4, 0 }, OK },
		{ "count 0", { SELF, A, P, 0, 0 }, OK },
		{ "misaligned", { SELF, A + 1, P - 1, 1, 0 }, OK },
		{ "wrapping", { SELF, A, WRAP(A), 1, 0 }, ARG },
		{ "wrapping by its size", { SELF, A, TOP, 1, 0 }, ARG },
		{ "round-wrapping", { SELF, LAST, P - 1, 1, 0 }, ARG },
		{ "off the map", { SELF, USER_END, 4 * P, 4, 0 }, OK },
		{ "the kernel's", { SELF, KERNEL_ADDRESS, 4 * P, 4, 0 }, OK },
		{ "over a hole", { SELF, A, 6 * P, 6, 0 }, OK },
		{ "more bytes than there are", { SELF, A, P, 1ull << 62, 0 }, ARG },
		{ "the answer wraps", { SELF, A, P, 1, TOP - 2 }, ARG },
		{ "the answer is off the map", { SELF, A, P, 1, USER_END }, EFAULT },
		{ "the answer is the kernel's", { SELF, A, P, 1, KERNEL_ADDRESS }, EFAULT },
		{ "the answer is read-only", { SELF, A, P, 1, READ_ONLY }, EFAULT },
		{ "null port", { NULL_PORT, A, P, 1, 0 }, DEST },
		{ "dead port", { DEAD_PORT, A, P, 1, 0 }, DEST });
}

static void object_queries(void)
{
	const uint64_t room = 4096;
	RUN(objects,
		{ "a hole gives what follows", { SELF, HOLE, room, 0, 0 }, OK },
		{ "misaligned", { SELF, A + 1, room, 5, 0 }, OK },
		{ "address 0", { SELF, 0, room, 0xffffffff, 0 }, OK },
		{ "nothing follows", { SELF, USER_END - P, room, 0, 0 }, ADDRESS },
		{ "off the map", { SELF, USER_END, room, 0, 0 }, ADDRESS },
		{ "the kernel's", { SELF, KERNEL_ADDRESS, room, 0, 0 }, ADDRESS },
		{ "the last address", { SELF, TOP, room, 1, 0 }, ADDRESS },
		{ "no room", { SELF, A, 0, 0, 0 }, SPACE },
		{ "too little room", { SELF, A, sizeof(struct vellum_vm_entry), 0, 0 }, SPACE },
		{ "just room enough", { SELF, FRESH, sizeof(struct vellum_vm_entry), 0, 0 }, OK },
		{ "a byte less", { SELF, FRESH, sizeof(struct vellum_vm_entry) - 1, 0, 0 }, SPACE },
		{ "the answer is off the map", { SELF, A, room, 0, USER_END }, ADDRESS },
		{ "the answer crosses the end", { SELF, A, room, 0, USER_END - 8 }, ADDRESS },
		{ "the answer is the kernel's", { SELF, A, room, 0, KERNEL_ADDRESS }, ADDRESS },
		{ "the answer wraps", { SELF, A, room, 0, TOP - 7 }, ADDRESS },
		{ "the answer is read-only", { SELF, A, room, 0, READ_ONLY }, ADDRESS },
		{ "wild room, and the answer is off the map", { SELF, A, TOP, 0, USER_END }, ADDRESS },
		{ "null port", { NULL_PORT, A, room, 0, 0 }, DEST },
		{ "dead port", { DEAD_PORT, A, room, 0, 0 }, DEST });
	for (uint64_t place = 0; place < 4; place++)
		RUN(objects_places,
			{ "null", { place, 0 }, ADDRESS },
			{ "off the map", { place, USER_END }, ADDRESS },
			{ "the kernel's", { place, KERNEL_ADDRESS }, ADDRESS },
			{ "the last address", { place, TOP }, ADDRESS },
			{ "unmapped", { place, HOLE }, ADDRESS });
	RUN(objects_places,
		{ "the address is read-only", { 0, READ_ONLY }, ADDRESS },
		{ "the depth is read-only", { 1, READ_ONLY }, ADDRESS });
}

int main(void)
{
	regions();
	page_queries();
	range_queries();
	object_queries();
	return finish();
}
