/* A stack grows to its limit and no further: the guard kills what goes on. */
#include "test.h"

static volatile int sink;

__attribute__((noinline)) static int deeper(int n)
{
	volatile char room[4096];
	room[0] = (char)n;
	sink += room[0];
	return n == 0 ? 0 : deeper(n - 1) + room[0];
}

static void fit(void) { deeper(7 * 1024 * 1024 / (4096 + 256)); }
static void overflow(void) { deeper(1 << 30); }

int main(void)
{
	CHECK_EQ(child_status(fit), 0);
	int signal = death_of(overflow);
	CHECK(signal == SIGSEGV || signal == SIGBUS);
	return 0;
}
