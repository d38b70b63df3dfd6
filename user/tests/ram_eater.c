/* A program that writes twice the RAM is killed; everything else goes on, and every page comes back. */
#include "test.h"

static void eat(void)
{
	size_t page = getpagesize(), wanted = 2 * number_of("hw.memsize");
	char *p = mmap(NULL, wanted, PROT_READ | PROT_WRITE, MAP_ANON | MAP_PRIVATE, -1, 0);
	if (p == MAP_FAILED)
		_exit(2);
	for (size_t at = 0; at < wanted; at += page)
		p[at] = 1;
	_exit(3);
}

int main(void)
{
	/* Twice, so that what the first time grew for good does not count. */
	long before = 0;
	for (int round = 0; round < 2; round++) {
		before = (long)number_of("vm.page_free_count");
		CHECK_EQ(death_of(eat), SIGKILL);
	}
	long after = (long)number_of("vm.page_free_count");
	printf("free pages: %ld before, %ld after\n", before, after);
	CHECK(after >= before - 64);
	char *p = pages(100);
	for (int i = 0; i < 100; i++)
		p[i * getpagesize()] = 1;
	return 0;
}
