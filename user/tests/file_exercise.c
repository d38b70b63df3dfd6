/* One file in every way from two processes, on the root and in memory: it is what a model says. */
#include <spawn.h>
#include "test.h"

extern char **environ;

static void exercise(char *path, char *seed)
{
	char *arguments[] = { "stress", "--files", "3000", "--processes", "2", "--seed", seed, "--path", path, NULL };
	pid_t pid;
	int status;
	CHECK_EQ(posix_spawn(&pid, "/bin/stress", NULL, NULL, arguments, environ), 0);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	CHECK_EQ(unlink(path), 0);
}

int main(void)
{
	exercise("/exercise", "3");
	exercise("/tmp/exercise", "4");
	return 0;
}
