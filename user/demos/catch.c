/* Catches its own fault, gives the page the right it lacked, and goes on where it was. */
#include <mach/vm_param.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

static char *page;

static void mend(int number, siginfo_t *info, void *context)
{
	(void)context;
	dprintf(1, "caught signal %d at %p; the page gets its right to be written\n", number, info->si_addr);
	mprotect(page, PAGE_SIZE, PROT_READ | PROT_WRITE);
}

int main(void)
{
	struct sigaction action = { .sa_flags = SA_SIGINFO };
	action.sa_sigaction = mend;
	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
	page = mmap(NULL, PAGE_SIZE, PROT_READ, MAP_ANON | MAP_PRIVATE, -1, 0);
	if (page == MAP_FAILED) {
		perror("mmap");
		return 1;
	}
	((volatile char *)page)[5] = 'x';
	printf("the store went through: '%c'\n", page[5]);
	return 0;
}
