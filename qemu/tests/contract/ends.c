/* Three processes print lines without end; then the kernel panics, programs die, or the machine is left to end. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define LINE "a line of some length, which nobody cuts\n"
enum { PRINTERS = 3, DYING = 8 };

static void print_for_ever(void)
{
	for (;;)
		write(1, LINE, strlen(LINE));
}

/* All children wait until the pipe is closed, then die at once, each at an address of its own. */
static int die_at_once(void)
{
	int ends[2];
	char nothing;
	pipe(ends);
	for (int child = 0; child < DYING; child++)
		if (fork() == 0) {
			close(ends[1]);
			read(ends[0], &nothing, 1);
			*(volatile char *)(0x10000l * (child + 1)) = 1;
		}
	close(ends[1]);
	int status, dead = 0;
	while (wait(&status) > 0)
		dead += WIFSIGNALED(status);
	return dead == DYING ? 0 : 1;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	if (strcmp(what, "crash") == 0)
		return die_at_once();
	for (int printer = 0; printer < PRINTERS; printer++)
		if (fork() == 0)
			print_for_ever();
	usleep(300000);
	if (strcmp(what, "panic") == 0)
		sysctlbyname("debug.panic", NULL, NULL, argv[2], strlen(argv[2]) + 1);
	return 3;
}
