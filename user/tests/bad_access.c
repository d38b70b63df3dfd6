/* Accesses that no program may make kill the program, by SIGSEGV or SIGBUS, and nothing else. */
#include "test.h"

static volatile char *address;
static int data[64];

static void load(void) { (void)*address; }
static void store(void) { *address = 1; }
static void jump(void) { ((void (*)(void))(uintptr_t)address)(); }
static void write_text(void) { *(volatile char *)(uintptr_t)&write_text = 1; }

static const int constant[4] = { 1, 2, 3, 4 };
static const int *const table[2] = { &constant[1], &constant[2] };
static void write_constant(void) { *(volatile char *)(uintptr_t)table = 1; }

static void illegal(void)
{
#if defined(__x86_64__)
	__asm__ volatile("ud2");
#else
	__asm__ volatile("udf #0");
#endif
}

static void privileged(void)
{
#if defined(__x86_64__)
	__asm__ volatile("hlt");
#else
	__asm__ volatile("msr ttbr0_el1, xzr");
#endif
}

static void expect_fault(void (*f)(void), const char *what)
{
	int signal = death_of(f);
	if (signal != SIGSEGV && signal != SIGBUS) {
		printf("%s at %p: signal %d\n", what, (void *)address, signal);
		exit(1);
	}
}

int main(void)
{
	static const uint64_t wild[] = {
		0, 8, 4095, 0x100000000ull - 1, USER_END - 1, USER_END, USER_END + 4096, 0x0000ffffffffffffull,
		0x1000000000000000ull, KERNEL_ADDRESS - 1, KERNEL_ADDRESS, 0xffffc00000000000ull, 0xffffffff80000000ull,
		0xffffffffffffffffull,
	};

	for (size_t i = 0; i < sizeof wild / sizeof *wild; i++) {
		address = (volatile char *)wild[i];
		expect_fault(load, "load");
		expect_fault(store, "store");
		expect_fault(jump, "jump");
	}
	/* A null pointer is SIGSEGV: nothing is mapped there. */
	address = NULL;
	CHECK_EQ(death_of(load), SIGSEGV);
	CHECK_EQ(death_of(store), SIGSEGV);
	/* Data is not code, code and constants are not writable. */
	address = (volatile char *)data;
	expect_fault(jump, "jump to data");
	address = pages(1);
	*address = (char)0xc3;
	expect_fault(jump, "jump to the heap");
	expect_fault(write_text, "store to text");
	CHECK_EQ(*table[1], 3);
	expect_fault(write_constant, "store to constants");
	CHECK_EQ(death_of(illegal), SIGILL);
	int signal = death_of(privileged);
	CHECK(signal == SIGILL || signal == SIGSEGV || signal == SIGBUS);
	return 0;
}
