/* What a fork, a vm_copy and a memory entry do to the objects, as vellum_vm_objects tells it. */
#include <mach/memory_entry.h>
#include <vellum.h>
#include "test.h"

#define PAGES 8
#define MOST 8

/* The chain at an address. */
struct chain {
	struct vellum_vm_entry entry;
	struct vellum_vm_object objects[MOST];
	char pages[MOST][PAGES + 1]; /* a letter for each page of the entry's part of the object */
};

static struct chain chain(mach_port_t task, mach_vm_address_t at)
{
	static uint64_t bytes[4096];
	struct chain c;
	mach_vm_address_t start = at;
	mach_vm_size_t size = sizeof bytes;
	natural_t depth = 1;
	CHECK_EQ(vellum_vm_objects(task, &start, &depth, bytes, &size), KERN_SUCCESS);
	memcpy(&c.entry, bytes, sizeof c.entry);
	CHECK(start == c.entry.start && start <= at && at < c.entry.end && depth == 0);
	CHECK(c.entry.objects <= MOST);
	memcpy(c.objects, (char *)bytes + sizeof c.entry, c.entry.objects * sizeof *c.objects);
	struct vellum_vm_run *run = (void *)((char *)bytes + sizeof c.entry + c.entry.objects * sizeof *c.objects);
	CHECK_EQ((char *)(run + c.entry.runs) - (char *)bytes, size);
	memset(c.pages, 0, sizeof c.pages);
	uint64_t first = (c.entry.offset + (at - start)) / vm_page_size;
	for (unsigned i = 0; i < c.entry.objects; i++) {
		struct vellum_vm_object *o = &c.objects[i];
		unsigned resident = 0;
		memset(c.pages[i], '.', PAGES);
		for (unsigned n = 0; n < o->runs; n++, run++) {
			resident += run->pages;
			for (uint64_t page = run->first; page < run->first + run->pages; page++)
				if (page >= first && page < first + PAGES)
					c.pages[i][page - first] = run->state & VELLUM_RUN_WIRED  ? 'W'
								   : run->state & VELLUM_RUN_OWED ? 'O'
												  : 'R';
		}
		CHECK_EQ(resident, o->resident);
		/* The links say what follows. */
		CHECK_EQ(o->shadow, i + 1 < c.entry.objects ? c.objects[i + 1].number : 0);
		first += o->shadow_offset / vm_page_size;
	}
	return c;
}

static int needs_copy(const struct chain *c)
{
	return (c->entry.flags & VELLUM_ENTRY_NEEDS_COPY) != 0;
}

/* New memory whose first pages are written, with a hole on each side so that it is an entry of its own. */
static char *memory(int written)
{
	static mach_vm_address_t next = 0x200000000000ull;
	mach_vm_address_t at = next;
	next += 1 << 24;
	CHECK_EQ(mach_vm_allocate(mach_task_self(), &at, PAGES * vm_page_size, VM_FLAGS_FIXED), KERN_SUCCESS);
	for (int i = 0; i < written; i++)
		((char *)at)[i * vm_page_size] = 1;
	return (char *)at;
}

#define OF(p) chain(mach_task_self(), (mach_vm_address_t)(p))

static void fresh(void)
{
	char *p = memory(0);
	struct chain c = OF(p);
	CHECK(c.entry.objects == 0 && c.entry.runs == 0 && c.entry.submap == 0 && c.entry.flags == 0);
	CHECK_EQ(c.entry.end - c.entry.start, PAGES * vm_page_size);
	CHECK(p[0] == 0);
	CHECK_EQ(OF(p).entry.objects, 0);
	p[2 * vm_page_size] = 1;
	CHECK_EQ(mlock(p + 5 * vm_page_size, vm_page_size), 0);
	c = OF(p + 5 * vm_page_size);
	CHECK_EQ(c.objects[0].resident, 2);
	CHECK_EQ(c.objects[0].wired, 1);
	CHECK(c.entry.user_wired_count == 1 && c.pages[0][0] == 'W');
	CHECK_EQ(munlock(p + 5 * vm_page_size, vm_page_size), 0);
	c = OF(p);
	CHECK(c.objects[0].ref_count >= 1 && c.objects[0].flags == VELLUM_OBJECT_INTERNAL && c.objects[0].purgable == 3);
	CHECK(c.objects[0].copy_strategy == 4 && c.objects[0].copy == 0);
}

static void forked(void)
{
	char *p = memory(4);
	uint64_t below = OF(p).objects[0].number;
	int gate[2];
	char byte;
	CHECK_EQ(pipe(gate), 0);
	pid_t child = fork();
	CHECK(child >= 0);
	if (child == 0) {
		p[vm_page_size] = 2;
		struct chain c = OF(p);
		CHECK(!needs_copy(&c) && c.entry.objects == 2);
		CHECK(c.objects[1].number == below && c.objects[1].ref_count == 2);
		CHECK(!strcmp(c.pages[0], ".R......") && !strcmp(c.pages[1], "RRRR...."));
		CHECK_EQ(write(gate[1], "x", 1), 1);
		for (;;)
			pause();
	}
	CHECK_EQ(read(gate[0], &byte, 1), 1);
	struct chain c = OF(p), theirs;
	CHECK(needs_copy(&c) && c.entry.objects == 1);
	CHECK(c.objects[0].number == below && c.objects[0].ref_count == 2);
	/* The child's map from here, by its port. */
	mach_port_t task;
	CHECK_EQ(task_for_pid(mach_task_self(), child, &task), KERN_SUCCESS);
	theirs = chain(task, (mach_vm_address_t)p);
	CHECK(theirs.entry.map != c.entry.map && theirs.entry.objects == 2 && theirs.objects[1].number == below);
	CHECK_EQ(kill(child, SIGKILL), 0);
	CHECK_EQ(waitpid(child, NULL, 0), child);
	mach_vm_address_t at = 0;
	mach_vm_size_t size = sizeof at;
	natural_t depth = 0;
	CHECK(vellum_vm_objects(task, &at, &depth, &size, &size) != KERN_SUCCESS);
	CHECK_EQ(mach_port_deallocate(mach_task_self(), task), KERN_SUCCESS);
	/* Nobody else is left: the object is written as it is. */
	p[0] = 3;
	c = OF(p);
	CHECK(!needs_copy(&c) && c.entry.objects == 1 && c.objects[0].number == below && c.objects[0].ref_count == 1);
}

static void copied(void)
{
	char *from = memory(4), *to = memory(PAGES);
	CHECK_EQ(mach_vm_copy(mach_task_self(), (mach_vm_address_t)from, PAGES * vm_page_size, (mach_vm_address_t)to),
		 KERN_SUCCESS);
	struct chain a = OF(from), b = OF(to);
	CHECK(needs_copy(&a) && needs_copy(&b));
	CHECK(a.objects[0].number == b.objects[0].number && a.objects[0].ref_count == 2);
	to[vm_page_size] = 2;
	b = OF(to);
	CHECK(b.entry.objects == 2 && b.objects[1].number == a.objects[0].number);
	CHECK(!strcmp(b.pages[0], ".R......") && !strcmp(b.pages[1], "RRRR...."));
}

static void named(void)
{
	char *p = memory(4), *copy = memory(0);
	memory_object_size_t size = PAGES * vm_page_size;
	mach_vm_address_t shared = 0;
	mach_port_t entry;
	CHECK_EQ(mach_make_memory_entry_64(mach_task_self(), &size, (memory_object_offset_t)p, VM_PROT_DEFAULT, &entry,
					   MACH_PORT_NULL), KERN_SUCCESS);
	struct chain c = OF(p);
	uint64_t original = c.objects[0].number;
	CHECK(c.objects[0].ref_count == 2 && c.objects[0].flags & VELLUM_OBJECT_TRUE_SHARE && !needs_copy(&c));
	CHECK_EQ(c.objects[0].copy_strategy, 2);
	CHECK_EQ(mach_vm_map(mach_task_self(), &shared, size, 0, VM_FLAGS_ANYWHERE, entry, 0, FALSE, VM_PROT_DEFAULT,
			     VM_PROT_DEFAULT, VM_INHERIT_DEFAULT), KERN_SUCCESS);
	c = OF(shared);
	CHECK(c.entry.objects == 1 && c.objects[0].number == original && c.objects[0].ref_count == 3);
	/* A copy is put off: a copy object that shows the original, which owes it its pages. */
	CHECK_EQ(mach_vm_copy(mach_task_self(), (mach_vm_address_t)p, size, (mach_vm_address_t)copy), KERN_SUCCESS);
	c = OF(copy);
	CHECK(needs_copy(&c) && c.entry.objects == 2 && c.objects[1].number == original);
	CHECK(c.objects[1].copy == c.objects[0].number && c.objects[1].ref_count == 4);
	CHECK(!strcmp(c.pages[0], "........") && !strcmp(c.pages[1], "OOOO...."));
	((char *)shared)[vm_page_size] = 2;
	c = OF(copy);
	CHECK(!strcmp(c.pages[0], ".R......") && !strcmp(c.pages[1], "OROO...."));
	CHECK(copy[vm_page_size] == 1 && p[vm_page_size] == 2);
	CHECK_EQ(mach_port_deallocate(mach_task_self(), entry), KERN_SUCCESS);
	CHECK_EQ(OF(p).objects[0].ref_count, 3);
}

/* Asked again from each end on, the answers are the regions; the room says how much comes. */
static void whole_map(void)
{
	mach_vm_address_t at = 0, region = 0;
	unsigned count = 0;
	for (;;) {
		uint64_t bytes[2048], more[2048];
		mach_vm_size_t size = 0, exact, region_size;
		natural_t depth = 0;
		kern_return_t code = vellum_vm_objects(mach_task_self(), &at, &depth, bytes, &size);
		if (code == KERN_INVALID_ADDRESS)
			break;
		CHECK_EQ(code, KERN_NO_SPACE);
		CHECK(size >= sizeof(struct vellum_vm_entry) && size <= sizeof bytes);
		exact = size - 1;
		memset(bytes, 0x5a, sizeof bytes);
		memcpy(more, bytes, sizeof bytes);
		CHECK_EQ(vellum_vm_objects(mach_task_self(), &at, &depth, bytes, &exact), KERN_NO_SPACE);
		CHECK(exact == size && memcmp(bytes, more, sizeof bytes) == 0);
		CHECK_EQ(vellum_vm_objects(mach_task_self(), &at, &depth, bytes, &exact), KERN_SUCCESS);
		CHECK(exact == size && memcmp((char *)bytes + size, (char *)more + size, sizeof bytes - size) == 0);
		struct vellum_vm_entry entry;
		memcpy(&entry, bytes, sizeof entry);
		struct vm_region_basic_info_64 info;
		mach_msg_type_number_t words = VM_REGION_BASIC_INFO_COUNT_64;
		mach_port_t object;
		CHECK_EQ(mach_vm_region(mach_task_self(), &region, &region_size, VM_REGION_BASIC_INFO_64, (vm_region_info_t)&info,
					&words, &object), KERN_SUCCESS);
		CHECK(entry.start == region && entry.end == region + region_size && entry.offset == info.offset);
		CHECK(entry.protection == (uint32_t)info.protection && entry.max_protection == (uint32_t)info.max_protection);
		at = region = entry.end;
		count++;
	}
	CHECK(count > 5);
}

/* Nobody sees the map of another user's task: there is no port for it. */
static void as_another_user(void)
{
	mach_vm_address_t at = 0;
	mach_vm_size_t size = 4096;
	natural_t depth = 0;
	mach_port_t task = 7;
	static uint64_t bytes[512];
	pid_t parent = getppid();
	CHECK_EQ(setuid(501), 0);
	CHECK_EQ(task_for_pid(mach_task_self(), parent, &task), KERN_FAILURE);
	CHECK_EQ(vellum_vm_objects(task, &at, &depth, bytes, &size), MACH_SEND_INVALID_DEST);
	CHECK_EQ(vellum_vm_objects(mach_task_self(), &at, &depth, bytes, &size), KERN_SUCCESS);
}

int main(void)
{
	fresh();
	forked();
	copied();
	named();
	whole_map();
	CHECK_EQ(child_status(as_another_user), 0);
	return 0;
}
