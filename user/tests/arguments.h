/* Tables of bad arguments: a call, what is wrong with its arguments, the code that it answers.
 *
 * Before each row the same memory lies at the same place, and each of its bytes is known. A call that fails must have
 * changed no byte of it, no region of the map and none of its out-parameters; the kernel's log says nothing. The
 * expected codes come from the reference's section 12, by hand. Every row runs; the test fails at its end if one was
 * different. */
#ifndef ARGUMENTS_H
#define ARGUMENTS_H

#include "test.h"

#define P ((uint64_t)vm_page_size)
#define TOP 0xffffffffffffffffull /* the last address */
#define LAST (0 - P)		  /* the last page */
#define WRAP(address) (0 - (address)) /* a size that takes the address to 2^64 */

/* The memory of a row: four pages, a hole, and single pages of all kinds; nothing behind them. */
#define BASE 0x300000000000ull
#define PAGES 16
#define A BASE		       /* four pages, readable and writable */
#define HOLE (BASE + 4 * P)    /* unmapped */
#define READ_ONLY (BASE + 5 * P)  /* may become all */
#define LIMITED (BASE + 6 * P) /* readable; may not become more */
#define FRESH (BASE + 8 * P)   /* two pages that nobody has touched; unmapped before and after */
#define HIDDEN (BASE + 11 * P) /* no access; unmapped before and after */
#define FREE (BASE + 13 * P)   /* three unmapped pages */

#if defined(__x86_64__)
#define BY_MACHINE(x86_64, arm64) (x86_64)
#else
#define BY_MACHINE(x86_64, arm64) (arm64)
#endif

#define OK KERN_SUCCESS
#define ADDRESS KERN_INVALID_ADDRESS
#define PROTECTION KERN_PROTECTION_FAILURE
#define SPACE KERN_NO_SPACE
#define ARG KERN_INVALID_ARGUMENT
#define DEST MACH_SEND_INVALID_DEST
/* What a test's own function answers when a call that failed has changed an out-parameter. */
#define TOUCHED 0x0bad0bad

struct row {
	const char *class;
	uint64_t a[8];
	int expected;
};

/* Runs a table of rows with the function that makes the call. */
#define RUN(call, ...)                                                                              \
	do {                                                                                        \
		const struct row rows[] = { __VA_ARGS__ };                                          \
		run(#call, call, rows, sizeof rows / sizeof *rows);                                 \
	} while (0)

static int differences, rows_run;
static uint64_t lines_before;

static inline unsigned char pattern(uint64_t offset)
{
	return (unsigned char)(offset * 31 + offset / 251 + 7);
}

static inline void place(uint64_t at, uint64_t pages, vm_prot_t cur, vm_prot_t max)
{
	mach_vm_address_t address = at;
	CHECK_EQ(mach_vm_map(mach_task_self(), &address, pages * P, 0, VM_FLAGS_FIXED | VM_FLAGS_OVERWRITE, MACH_PORT_NULL, 0,
			     FALSE, VM_PROT_DEFAULT, max | VM_PROT_DEFAULT, VM_INHERIT_DEFAULT), OK);
	for (uint64_t i = 0; cur != VM_PROT_DEFAULT || at == A ? i < pages * P : 0; i++)
		((unsigned char *)at)[i] = pattern(at + i - BASE);
	if (max != VM_PROT_ALL)
		CHECK_EQ(mach_vm_protect(mach_task_self(), at, pages * P, TRUE, max), OK);
	if (cur != VM_PROT_DEFAULT)
		CHECK_EQ(mach_vm_protect(mach_task_self(), at, pages * P, FALSE, cur), OK);
}

static inline void set_up(void)
{
	CHECK_EQ(mach_vm_deallocate(mach_task_self(), BASE, PAGES * P), OK);
	place(A, 4, VM_PROT_DEFAULT, VM_PROT_ALL);
	place(READ_ONLY, 1, VM_PROT_READ, VM_PROT_ALL);
	place(LIMITED, 1, VM_PROT_READ, VM_PROT_READ);
	place(FRESH, 2, VM_PROT_DEFAULT, VM_PROT_ALL);
	place(HIDDEN, 1, VM_PROT_NONE, VM_PROT_ALL);
}

/* Whether every byte of the pages that were written is as it was. */
static inline int bytes_are_kept(void)
{
	for (uint64_t i = 0; i < 7 * P; i++)
		if (i / P != 4 && ((volatile unsigned char *)BASE)[i] != pattern(i))
			return 0;
	return 1;
}

/* All that is known of all memory, as one number. Neighbours that are alike count as one: a call that fails may have
 * split a region. */
static inline uint64_t picture(void)
{
	mach_vm_address_t address = 0, end = 0;
	mach_vm_size_t size;
	uint64_t sum = 14695981039346656037ull, last[5] = { 0 };
	for (;;) {
		struct vm_region_basic_info_64 info;
		mach_msg_type_number_t count = VM_REGION_BASIC_INFO_COUNT_64;
		mach_port_t object;
		if (mach_vm_region(mach_task_self(), &address, &size, VM_REGION_BASIC_INFO_64, (vm_region_info_t)&info, &count,
				   &object) != KERN_SUCCESS)
			return (sum ^ end) * 1099511628211ull;
		uint64_t now[5] = { info.protection, info.max_protection, info.inheritance, info.behavior,
				    info.user_wired_count };
		if (address != end || memcmp(now, last, sizeof now) != 0) {
			sum = ((sum ^ end) * 1099511628211ull ^ address) * 1099511628211ull;
			for (size_t i = 0; i < 5; i++)
				sum = (sum ^ now[i]) * 1099511628211ull;
			memcpy(last, now, sizeof now);
		}
		end = address += size;
	}
}

static void run(const char *call, int (*perform)(const uint64_t *), const struct row *rows, size_t count)
{
	if (rows_run == 0)
		lines_before = number_of("kern.log_lines");
	for (const struct row *row = rows; row < rows + count; row++) {
		set_up();
		uint64_t before = picture();
		int got = perform(row->a);
		const char *also = "";
		if (got != 0 && picture() != before)
			also = ", and the map has changed";
		else if (got != 0 && !bytes_are_kept())
			also = ", and bytes have changed";
		rows_run++;
		if (got == row->expected && !*also)
			continue;
		differences++;
		if (got == TOUCHED)
			also = " (an out-parameter has changed)";
		dprintf(1, "%s, %s: %#x, not %#x%s\n", call, row->class, got, row->expected, also);
	}
}

static inline int finish(void)
{
	CHECK_EQ(mach_vm_deallocate(mach_task_self(), BASE, PAGES * P), OK);
	CHECK_EQ(number_of("kern.log_lines"), lines_before);
	dprintf(1, "%d rows, %d differences\n", rows_run, differences);
	return differences != 0;
}

/* Names that are no task's. */
#define NULL_PORT MACH_PORT_NULL
#define DEAD_PORT 0xdeadbeef
#define SELF mach_task_self()

#endif
