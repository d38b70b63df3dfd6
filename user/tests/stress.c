/* A few thousand hostile calls from several processes: nobody else's memory changes, nothing is left behind. */
#include "test.h"

int main(void)
{
	pid_t pid = fork();
	int status;
	CHECK(pid >= 0);
	if (pid == 0) {
		execl("/bin/stress", "stress", "--syscalls", "6000", "--seed", "7", "--processes", "3", NULL);
		_exit(127);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	return 0;
}
