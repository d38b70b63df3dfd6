/* zerofill.c -- memory costs nothing until it is touched: the pages of 1 MiB appear one fault at a time. */
#include <mach/mach.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

static vm_statistics64_data_t now(void)
{
	vm_statistics64_data_t s;
	mach_msg_type_number_t n = HOST_VM_INFO64_COUNT;

	host_statistics64(mach_host_self(), HOST_VM_INFO64, (host_info64_t)&s, &n);
	return s;
}

int main(void)
{
	const size_t page = (size_t)getpagesize(), len = 1 << 20, pages = len / page;
	char *p = mmap(0, len, PROT_READ | PROT_WRITE, MAP_ANON | MAP_PRIVATE, -1, 0);
	vm_statistics64_data_t a, b, c;
	unsigned sum = 0;

	if (p == MAP_FAILED) {
		perror("mmap");
		return 1;
	}
	a = now();
	for (size_t i = 0; i < pages; i++)
		sum += (unsigned char)p[i * page];
	b = now();
	for (size_t i = 0; i < pages; i++)
		p[i * page] = 1;
	c = now();
	printf("1 MiB is %zu pages; reading it all gave the sum %u\n", pages, sum);
	printf("reading:  %llu faults, %llu pages zero filled (one shared page of zeros serves all reads)\n",
	       (unsigned long long)(b.faults - a.faults), (unsigned long long)(b.zero_fill_count - a.zero_fill_count));
	printf("writing:  %llu faults, %llu pages zero filled\n",
	       (unsigned long long)(c.faults - b.faults), (unsigned long long)(c.zero_fill_count - b.zero_fill_count));
	return 0;
}
