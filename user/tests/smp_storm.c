/* A second of faults, forks and changes of maps from threads on every CPU: every word is right, nothing is left behind,
 * and no CPU stood aside. */
#include <spawn.h>
#include "test.h"

extern char **environ;

int main(void)
{
	char *arguments[] = { "stress", "--faults", "--seconds", "1", "--seed", "5", NULL };
	pid_t pid;
	int status;
	/* No fork: what this process would write after it, sooner or later, would be new objects, which stress counts. */
	CHECK_EQ(posix_spawn(&pid, "/bin/stress", NULL, NULL, arguments, environ), 0);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	return 0;
}
