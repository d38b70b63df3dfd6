/* Bad arguments of mach_make_memory_entry_64 in its modes, of the calls on entries, and of mach_vm_map with one. */
#include "arguments.h"

#define RW VM_PROT_DEFAULT

/* A good entry of two pages, an unwritable one, a copy of four. */
static mach_port_t shared, readable, copied;

static mach_port_t make(uint64_t size, uint64_t offset, int permission)
{
	mach_port_t handle = 0;
	memory_object_size_t got = size;
	CHECK_EQ(mach_make_memory_entry_64(SELF, &got, offset, permission, &handle, MACH_PORT_NULL), OK);
	return handle;
}

/* task, size, offset, permission, parent */
static int entry(const uint64_t *a)
{
	memory_object_size_t size = a[1];
	mach_port_t handle = 77;
	int code = mach_make_memory_entry_64((mach_port_t)a[0], &size, a[2], (vm_prot_t)a[3], &handle, (mach_port_t)a[4]);
	if (code != OK)
		return size == a[1] && handle == 77 ? code : TOUCHED;
	if (handle != MACH_PORT_NULL)
		CHECK_EQ(mach_port_deallocate(SELF, handle), OK);
	return OK;
}

/* As above, where a success gives no entry and leaves the size. */
static int no_entry(const uint64_t *a)
{
	memory_object_size_t size = a[1];
	mach_port_t handle = 77;
	int code = mach_make_memory_entry_64((mach_port_t)a[0], &size, a[2], (vm_prot_t)a[3], &handle, (mach_port_t)a[4]);
	if (code == OK)
		return handle == MACH_PORT_NULL && size == a[1] ? OK : TOUCHED;
	return size == a[1] && handle == 77 ? code : TOUCHED;
}

static void only(void)
{
	const uint64_t mem = MAP_MEM_ONLY;
	RUN(no_entry,
		{ "MEM_ONLY: zero", { SELF, 0, A, mem | RW, shared }, OK },
		{ "MEM_ONLY: a new cache mode", { SELF, P, 0, mem | RW | MAP_MEM_IO << 24, shared }, OK },
		{ "MEM_ONLY: wrapping", { SELF, WRAP(A), A, mem | RW, shared }, ARG },
		{ "MEM_ONLY: round-wrapping", { SELF, P - 1, LAST, mem | RW, shared }, ARG },
		{ "MEM_ONLY: no parent", { SELF, P, A, mem | RW, MACH_PORT_NULL }, ARG },
		{ "MEM_ONLY: USE_DATA_ADDR", { SELF, P, A, mem | MAP_MEM_USE_DATA_ADDR | RW, shared }, ARG },
		{ "MEM_ONLY: 4K_DATA_ADDR", { SELF, P, A, mem | MAP_MEM_4K_DATA_ADDR | RW, shared }, ARG },
		{ "MEM_ONLY: a cache mode of what is not writable", { SELF, P, 0, mem | MAP_MEM_IO << 24, readable }, KERN_INVALID_RIGHT },
		{ "MEM_ONLY: a copy as parent", { SELF, P, 0, mem | RW, copied }, ARG });
}

static void named_create(void)
{
	const uint64_t named = MAP_MEM_NAMED_CREATE;
	RUN(no_entry,
		{ "NAMED_CREATE: zero", { SELF, 0, A, named | RW, MACH_PORT_NULL }, OK });
	RUN(entry,
		{ "NAMED_CREATE: good", { SELF, P, HOLE, named | RW, MACH_PORT_NULL }, OK },
		{ "NAMED_CREATE: wrapping", { SELF, WRAP(A), A, named | RW, MACH_PORT_NULL }, ARG },
		{ "NAMED_CREATE: round-wrapping", { SELF, P - 1, LAST, named | RW, MACH_PORT_NULL }, ARG },
		{ "NAMED_CREATE: the size rounds to 0", { SELF, TOP, 0, named | RW, MACH_PORT_NULL }, ARG },
		{ "NAMED_CREATE: the size is all pages", { SELF, LAST, 0, named | RW, MACH_PORT_NULL }, KERN_FAILURE },
		{ "NAMED_CREATE: too large", { SELF, P << 32, 0, named | RW, MACH_PORT_NULL }, KERN_FAILURE },
		{ "NAMED_CREATE: too large, purgeable, not writable", { SELF, P << 32, 0, named | MAP_MEM_PURGABLE | VM_PROT_READ, MACH_PORT_NULL }, KERN_FAILURE },
		{ "NAMED_CREATE: purgeable, not writable", { SELF, P, 0, named | MAP_MEM_PURGABLE | VM_PROT_READ, MACH_PORT_NULL }, ARG },
		{ "NAMED_CREATE: USE_DATA_ADDR", { SELF, P, 0, named | MAP_MEM_USE_DATA_ADDR | RW, MACH_PORT_NULL }, ARG },
		{ "NAMED_CREATE: 4K_DATA_ADDR", { SELF, P, 0, named | MAP_MEM_4K_DATA_ADDR | RW, MACH_PORT_NULL }, ARG });
}

static void copy_and_share(void)
{
	static const struct {
		const char *name;
		uint64_t flags;
	} modes[] = { { "VM_COPY", MAP_MEM_VM_COPY }, { "VM_SHARE", MAP_MEM_VM_SHARE }, { "NAMED_REUSE", MAP_MEM_NAMED_REUSE },
		      { "plain", 0 } };
	for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
		const uint64_t mode = modes[i].flags | VM_PROT_READ;
		dprintf(1, "mode %s\n", modes[i].name);
		RUN(entry,
			{ "zero", { SELF, 0, A, mode, MACH_PORT_NULL }, ARG },
			{ "misaligned", { SELF, P, A + 1, mode, MACH_PORT_NULL }, OK },
			{ "wrapping", { SELF, WRAP(A), A, mode, MACH_PORT_NULL }, ARG },
			{ "round-wrapping", { SELF, P - 1, LAST, mode, MACH_PORT_NULL }, ARG },
			{ "off the map", { SELF, P, USER_END, mode, MACH_PORT_NULL }, ADDRESS },
			{ "the kernel's", { SELF, P, KERNEL_ADDRESS, mode, MACH_PORT_NULL }, ADDRESS },
			{ "a hole", { SELF, P, HOLE, mode, MACH_PORT_NULL }, ADDRESS });
	}
	RUN(entry,
		{ "share: more than there is", { SELF, P, LIMITED, RW, MACH_PORT_NULL }, PROTECTION },
		{ "VM_SHARE: more than there is", { SELF, P, LIMITED, MAP_MEM_VM_SHARE | RW, MACH_PORT_NULL }, PROTECTION },
		{ "share: a mask that leaves nothing", { SELF, P, LIMITED, VM_PROT_IS_MASK | VM_PROT_WRITE, MACH_PORT_NULL }, PROTECTION },
		{ "share: a mask that leaves something", { SELF, P, LIMITED, VM_PROT_IS_MASK | RW, MACH_PORT_NULL }, OK });
}

static void parents_and_words(void)
{
	RUN(no_entry,
		{ "from a parent: zero", { SELF, 0, 0, RW, shared }, OK });
	RUN(entry,
		{ "from a parent", { SELF, P, P, VM_PROT_READ, shared }, OK },
		{ "from a parent: wrapping", { SELF, WRAP(A), A, VM_PROT_READ, shared }, ARG },
		{ "from a parent: round-wrapping", { SELF, P - 1, LAST, VM_PROT_READ, shared }, ARG },
		{ "from a parent: beyond its end", { SELF, 2 * P, P, VM_PROT_READ, shared }, ARG },
		{ "from a parent: more than it allows", { SELF, P, 0, RW, readable }, PROTECTION },
		{ "from a parent: a copy", { SELF, P, 0, VM_PROT_READ, copied }, ARG },
		{ "permission bit 8", { SELF, P, A, RW | 0x100, MACH_PORT_NULL }, KERN_INVALID_VALUE },
		{ "permission bit 9", { SELF, P, A, RW | 0x200, MACH_PORT_NULL }, KERN_INVALID_VALUE },
		{ "permission bit 12", { SELF, P, A, RW | 0x1000, MACH_PORT_NULL }, KERN_INVALID_VALUE },
		{ "permission before zero", { SELF, 0, A, RW | 0x100, MACH_PORT_NULL }, KERN_INVALID_VALUE },
		{ "permission before the range", { SELF, P, HOLE, RW | 0x100, MACH_PORT_NULL }, KERN_INVALID_VALUE },
		{ "permission bit 3 is dropped", { SELF, P, A, VM_PROT_READ | 8, MACH_PORT_NULL }, OK },
		{ "null port", { NULL_PORT, P, A, RW, MACH_PORT_NULL }, DEST },
		{ "dead port", { DEAD_PORT, P, A, RW, MACH_PORT_NULL }, DEST });
}

/* host, size, permission */
static int object_entry(const uint64_t *a)
{
	mach_port_t handle = 77;
	int code = mach_memory_object_memory_entry_64((mach_port_t)a[0], TRUE, a[1], (vm_prot_t)a[2], MACH_PORT_NULL, &handle);
	if (code != OK)
		return handle == 77 ? code : TOUCHED;
	CHECK_EQ(mach_port_deallocate(SELF, handle), OK);
	return OK;
}

/* entry, ledger tag, flags */
static int own(const uint64_t *a)
{
	return mach_memory_entry_ownership((mach_port_t)a[0], SELF, (int)a[1], (int)a[2]);
}

/* entry */
static int tracking(const uint64_t *a)
{
	int on = 77;
	uint32_t reads = 78, writes = 79;
	int code = mach_memory_entry_access_tracking((mach_port_t)a[0], &on, &reads, &writes);
	return on == 77 && reads == 78 && writes == 79 ? code : TOUCHED;
}

/* entry, owner */
static int give(const uint64_t *a)
{
	return mach_memory_entry_ownership((mach_port_t)a[0], (task_t)a[1], VM_LEDGER_TAG_UNCHANGED, 0);
}

/* entry, offset, size, what the answer must be: a failure answers 0 too */
static int map_size(const uint64_t *a)
{
	mach_vm_size_t size = 77;
	int code = mach_memory_entry_map_size((mach_port_t)a[0], SELF, a[1], a[2], &size);
	return size == (code == OK ? a[3] : 0) ? code : TOUCHED;
}

static void entries(void)
{
	mach_port_t host = mach_host_self(), child_task = MACH_PORT_NULL;
	mach_port_t purgeable = make(2 * P, 0, MAP_MEM_NAMED_CREATE | MAP_MEM_PURGABLE | RW);
	mach_vm_address_t at = 0;
	CHECK_EQ(mach_vm_map(SELF, &at, 2 * P, 0, VM_FLAGS_ANYWHERE, purgeable, 0, FALSE, RW, RW, VM_INHERIT_COPY), OK);
	mach_port_t part = make(P, at, RW);
	mach_port_t unused = make(P, 0, MAP_MEM_NAMED_CREATE | RW), used = make(P, 0, MAP_MEM_NAMED_CREATE | RW);
	mach_vm_address_t there = 0;
	CHECK_EQ(mach_vm_map(SELF, &there, P, 0, VM_FLAGS_ANYWHERE, used, 0, FALSE, RW, RW, VM_INHERIT_COPY), OK);
	*(volatile char *)there = 1;
	CHECK_EQ(mach_vm_deallocate(SELF, there, P), OK);
	int held[2];
	CHECK_EQ(pipe(held), 0);
	pid_t child = fork();
	if (child == 0) {
		char byte;
		close(held[1]);
		read(held[0], &byte, 1);
		_exit(0);
	}
	CHECK_EQ(task_for_pid(SELF, child, &child_task), OK);
	RUN(object_entry,
		{ "null host", { NULL_PORT, P, RW }, KERN_INVALID_HOST },
		{ "zero", { host, 0, RW }, ARG },
		{ "the size rounds to 0", { host, TOP, RW }, ARG },
		{ "permission bits that are passed over", { host, P, RW | 0xff00 }, OK });
	RUN(own,
		{ "flags beyond 1 and 2", { shared, VM_LEDGER_TAG_DEFAULT, 4 }, ARG },
		{ "tag 6", { shared, 6, 0 }, ARG },
		{ "tag -2", { shared, 0xfffffffe, 0 }, ARG },
		{ "no footprint", { shared, VM_LEDGER_TAG_DEFAULT, VM_LEDGER_FLAG_NO_FOOTPRINT }, KERN_NO_ACCESS },
		{ "the network's", { shared, VM_LEDGER_TAG_NETWORK, 0 }, KERN_NO_ACCESS },
		{ "flags before the tag", { shared, 6, 4 }, ARG },
		{ "no footprint, to look for bugs", { shared, VM_LEDGER_TAG_DEFAULT, VM_LEDGER_FLAG_NO_FOOTPRINT_FOR_DEBUG },
		  KERN_NO_ACCESS },
		{ "the tag before no access", { shared, 6, VM_LEDGER_FLAG_NO_FOOTPRINT }, ARG },
		{ "the tag before no access to the network's", { shared, 0xfffffffe, VM_LEDGER_FLAG_NO_FOOTPRINT }, ARG },
		{ "no access before the entry", { MACH_PORT_NULL, VM_LEDGER_TAG_NETWORK, 0 }, KERN_NO_ACCESS },
		{ "the tag before the entry", { MACH_PORT_NULL, 6, 0 }, ARG },
		{ "null entry", { MACH_PORT_NULL, VM_LEDGER_TAG_DEFAULT, 0 }, ARG },
		{ "a task", { SELF, VM_LEDGER_TAG_DEFAULT, 0 }, ARG },
		{ "a copy", { copied, VM_LEDGER_TAG_DEFAULT, 0 }, ARG },
		{ "a part", { part, VM_LEDGER_TAG_DEFAULT, 0 }, ARG },
		{ "not purgeable, no tag", { unused, VM_LEDGER_TAG_NONE, 0 }, ARG },
		{ "not purgeable, the tag stays", { unused, 0xffffffff, 0 }, ARG },
		{ "not purgeable, never used", { unused, VM_LEDGER_TAG_DEFAULT, 0 }, OK },
		{ "not purgeable, another tag", { unused, VM_LEDGER_TAG_MEDIA, 0 }, OK },
		{ "not purgeable, the tag taken away", { unused, VM_LEDGER_TAG_NONE, 0 }, ARG },
		{ "not purgeable and used", { used, VM_LEDGER_TAG_DEFAULT, 0 }, KERN_FAILURE },
		{ "purgeable", { purgeable, VM_LEDGER_TAG_GRAPHICS, 0 }, OK },
		{ "purgeable, the tag stays", { purgeable, 0xffffffff, 0 }, OK });
	RUN(tracking,
		{ "accesses", { shared }, KERN_NOT_SUPPORTED },
		{ "accesses of a copy", { copied }, ARG },
		{ "accesses of null", { MACH_PORT_NULL }, ARG },
		{ "accesses of a task", { SELF }, ARG });
	CHECK_EQ(mach_port_deallocate(SELF, unused), OK);
	CHECK_EQ(mach_port_deallocate(SELF, used), OK);
	RUN(give,
		{ "to another task", { purgeable, child_task }, KERN_NO_ACCESS },
		{ "to whom it is", { purgeable, MACH_PORT_NULL }, OK },
		{ "to this task", { purgeable, SELF }, OK });
	RUN(map_size,
		{ "null entry", { MACH_PORT_NULL, 0, P, 0 }, ARG },
		{ "zero", { shared, 0, 0, 0 }, OK },
		{ "good", { shared, 0, P, P }, OK },
		{ "misaligned", { shared, 1, P, 2 * P }, OK },
		{ "wrapping", { shared, A, WRAP(A), 0 }, ARG },
		{ "round-wrapping", { shared, LAST, P - 1, 0 }, ARG });
	close(held[0]);
	close(held[1]);
	CHECK_EQ(waitpid(child, NULL, 0), child);
}

/* address, size, flags, object, offset, copy, current, maximum */
static int map(const uint64_t *a)
{
	mach_vm_address_t at = a[0];
	int code = mach_vm_map(SELF, &at, a[1], 0, (int)a[2], (mach_port_t)a[3], a[4], (boolean_t)a[5], (int)a[6], (int)a[7], 1);
	if (code != OK)
		return at == a[0] ? code : TOUCHED;
	if (a[2] & VM_FLAGS_ANYWHERE)
		CHECK_EQ(mach_vm_deallocate(SELF, at, a[1]), OK);
	return OK;
}

static void mappings(void)
{
	const uint64_t any = VM_FLAGS_ANYWHERE, r = VM_PROT_READ;
	RUN(map,
		{ "good", { 0, 2 * P, any, shared, 0, FALSE, RW, RW }, OK },
		{ "zero", { 0, 0, any, shared, 0, FALSE, RW, RW }, ARG },
		{ "offset and size wrap", { 0, P, any, shared, LAST, FALSE, RW, RW }, ARG },
		{ "offset and size round-wrap", { 0, P - 1, any, shared, LAST, FALSE, RW, RW }, ARG },
		{ "beyond its end", { 0, 2 * P, any, shared, P, FALSE, RW, RW }, ARG },
		{ "larger than it is", { 0, 3 * P, any, shared, 0, FALSE, RW, RW }, ARG },
		{ "a misaligned offset", { 0, P, any, shared, 1, FALSE, RW, RW }, ARG },
		{ "more than it allows", { 0, P, any, readable, 0, FALSE, RW, RW }, KERN_INVALID_RIGHT },
		{ "more at most than it allows", { 0, P, any, readable, 0, FALSE, r, RW }, KERN_INVALID_RIGHT },
		{ "as much as it allows", { 0, P, any, readable, 0, FALSE, r, r }, OK },
		{ "a private copy of what is readable", { 0, P, any, readable, 0, TRUE, RW, RW }, OK },
		{ "fixed, occupied", { A, P, 0, shared, 0, FALSE, RW, RW }, SPACE },
		{ "fixed, at the map's end", { USER_END, P, 0, shared, 0, FALSE, RW, RW }, ADDRESS },
		{ "purgeable, which it is not", { 0, P, any | VM_FLAGS_PURGABLE, shared, 0, FALSE, RW, RW }, ARG },
		{ "a copy", { 0, 4 * P, any, copied, 0, FALSE, RW, RW }, OK },
		{ "a copy, permanent", { 0, 4 * P, any | VM_FLAGS_PERMANENT, copied, 0, FALSE, RW, RW }, ARG },
		{ "a copy, no cache", { 0, 4 * P, any | VM_FLAGS_NO_CACHE, copied, 0, FALSE, RW, RW }, ARG });
}

int main(void)
{
	mach_vm_address_t memory = 0;
	CHECK_EQ(mach_vm_allocate(SELF, &memory, 4 * P, VM_FLAGS_ANYWHERE), OK);
	memset((void *)memory, 1, 4 * P);
	shared = make(2 * P, memory, RW);
	readable = make(2 * P, memory, VM_PROT_READ);
	copied = make(4 * P, memory, MAP_MEM_VM_COPY | RW);
	only();
	named_create();
	copy_and_share();
	parents_and_words();
	entries();
	mappings();
	return finish();
}
