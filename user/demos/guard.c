/* Writes along a buffer that ends at a guard page: the last byte is fine, one more kills. */
#include <mach/vm_param.h>
#include <stdio.h>
#include <sys/mman.h>

int main(void)
{
	char *p = mmap(NULL, 2 * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_ANON | MAP_PRIVATE, -1, 0);
	if (p == MAP_FAILED || mprotect(p + PAGE_SIZE, PAGE_SIZE, PROT_NONE) != 0) {
		perror("guard");
		return 1;
	}
	p[PAGE_SIZE - 1] = 'x';
	printf("a byte before the guard page at %p: fine. Now the guard page itself:\n", (void *)(p + PAGE_SIZE));
	fflush(stdout);
	((volatile char *)p)[PAGE_SIZE] = 'x';
	printf("not reached\n");
	return 0;
}
