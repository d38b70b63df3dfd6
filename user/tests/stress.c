/* A few thousand hostile calls from several processes: nobody else's memory changes, nothing is left behind. */
#include <spawn.h>
#include "test.h"

extern char **environ;

int main(void)
{
	char *arguments[] = { "stress", "--syscalls", "6000", "--seed", "7", "--processes", "3", NULL };
	pid_t pid;
	int status;
	/* No fork: what this process would write after it, sooner or later, would be new objects, which stress counts. */
	CHECK_EQ(posix_spawn(&pid, "/bin/stress", NULL, NULL, arguments, environ), 0);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	return 0;
}
