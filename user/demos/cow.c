/* cow.c -- a fork copies nothing: parent and child share 16 pages until one of them writes. */
#include <mach/mach.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGES 16

static unsigned long long cow_faults(void)
{
	vm_statistics64_data_t s;
	mach_msg_type_number_t n = HOST_VM_INFO64_COUNT;

	host_statistics64(mach_host_self(), HOST_VM_INFO64, (host_info64_t)&s, &n);
	return s.cow_faults;
}

int main(void)
{
	const size_t page = (size_t)getpagesize();
	char *p = mmap(0, PAGES * page, PROT_READ | PROT_WRITE, MAP_ANON | MAP_PRIVATE, -1, 0);
	int gate[2], status;
	char c;

	if (p == MAP_FAILED || pipe(gate)) {
		perror("cow");
		return 1;
	}
	for (int i = 0; i < PAGES; i++)
		strcpy(p + (size_t)i * page, "parent");
	pid_t child = fork();
	if (child < 0) {
		perror("fork");
		return 1;
	}
	if (child == 0) {
		unsigned long long before = cow_faults();
		for (int i = 0; i < PAGES / 2; i++)
			strcpy(p + (size_t)i * page, "child");
		unsigned long long copies = cow_faults() - before;
		printf("child:  wrote %d pages, %llu copies; page 0 says \"%s\", page %d still says \"%s\"\n",
		       PAGES / 2, copies, p, PAGES - 1, p + (PAGES - 1) * page);
		fflush(stdout);
		write(gate[1], "x", 1);
		_exit(0);
	}
	read(gate[0], &c, 1);
	printf("parent: page 0 still says \"%s\"\n", p);
	waitpid(child, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
