/* guard.c -- a guard page turns an overflow into a death that says where. */
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

int main(void)
{
	const size_t page = (size_t)getpagesize();
	volatile char *p = mmap(0, 2 * page, PROT_READ | PROT_WRITE, MAP_ANON | MAP_PRIVATE, -1, 0);

	if (p == MAP_FAILED || mprotect((void *)(p + page), page, PROT_NONE)) {
		perror("guard");
		return 1;
	}
	printf("a buffer of %zu bytes, then a guard page; writing one byte too many\n", page);
	fflush(stdout);
	for (size_t i = 0; i <= page; i++)
		p[i] = 'x';
	printf("nothing stopped me\n");
	return 1;
}
