/* Forks with 32 written pages; parent and child write some each and see their own bytes. */
#include <mach/mach.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGES = 32, WRITTEN = 10 };

static unsigned long long copies(void)
{
	struct vm_statistics64 s;
	mach_msg_type_number_t count = HOST_VM_INFO64_COUNT;
	host_statistics64(mach_host_self(), HOST_VM_INFO64, (host_info64_t)&s, &count);
	return s.cow_faults;
}

int main(void)
{
	size_t page = vm_page_size;
	char *p = mmap(NULL, PAGES * page, PROT_READ | PROT_WRITE, MAP_ANON | MAP_PRIVATE, -1, 0);
	if (p == MAP_FAILED) {
		perror("mmap");
		return 1;
	}
	for (int i = 0; i < PAGES; i++)
		strcpy(p + i * page, "written before the fork");
	fflush(stdout);
	pid_t pid = fork();
	if (pid < 0) {
		perror("fork");
		return 1;
	}
	if (pid == 0) {
		unsigned long long before = copies();
		for (int i = 0; i < WRITTEN; i++)
			strcpy(p + i * page, "written by the child");
		unsigned long long made = copies() - before;
		printf("the child wrote %d of %d pages: %llu copies; it reads \"%s\" and \"%s\"\n", WRITTEN, PAGES, made, p,
		       p + WRITTEN * page);
		return 0;
	}
	waitpid(pid, NULL, 0);
	printf("the parent still reads \"%s\"\n", p);
	return 0;
}
