/* A program that never calls the kernel does not keep others from running. */
#include "test.h"

int main(void)
{
	pid_t pids[3];
	for (int i = 0; i < 3; i++) {
		pids[i] = fork();
		CHECK(pids[i] >= 0);
		if (pids[i] == 0)
			for (volatile uint64_t n = 0;; n++)
				;
	}
	for (int i = 0; i < 5; i++)
		usleep(20000);
	for (int i = 0; i < 3; i++) {
		int status;
		CHECK_EQ(kill(pids[i], SIGTERM), 0);
		CHECK_EQ(waitpid(pids[i], &status, 0), pids[i]);
		CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	}
	return 0;
}
