/* wait4: statuses, WNOHANG, which child, orphans, zombies. */
#include "test.h"

int main(void)
{
	int status;
	pid_t pids[20];

	CHECK_ERRNO(wait(&status), ECHILD);
	for (int i = 0; i < 20; i++) {
		pids[i] = fork();
		CHECK(pids[i] >= 0);
		if (pids[i] == 0)
			_exit(i * 13);
	}
	for (int i = 19; i >= 0; i--) {
		CHECK_EQ(waitpid(pids[i], &status, 0), pids[i]);
		CHECK(WIFEXITED(status));
		CHECK_EQ(WEXITSTATUS(status), (i * 13) & 0xff);
	}
	CHECK_ERRNO(waitpid(pids[0], &status, 0), ECHILD);

	int ends[2];
	char c;
	CHECK_EQ(pipe(ends), 0);
	pid_t pid = fork();
	if (pid == 0) {
		close(ends[1]);
		read(ends[0], &c, 1);
		_exit(0);
	}
	CHECK_EQ(waitpid(pid, &status, WNOHANG), 0);
	CHECK_EQ(waitpid(-1, &status, WNOHANG), 0);
	close(ends[1]);
	CHECK_EQ(waitpid(-1, &status, 0), pid);

	pid = fork();
	if (pid == 0)
		for (;;)
			;
	CHECK_EQ(kill(pid, SIGKILL), 0);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);

	/* A grandchild whose parent has gone belongs to process 1. */
	CHECK_EQ(pipe(ends), 0);
	pid = fork();
	if (pid == 0) {
		if (fork() == 0) {
			for (int i = 0; i < 200 && getppid() != 1; i++)
				usleep(10000);
			pid_t parent = getppid();
			write(ends[1], &parent, sizeof parent);
			_exit(0);
		}
		_exit(0);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	pid_t parent = 0;
	CHECK_EQ(read(ends[0], &parent, sizeof parent), sizeof parent);
	CHECK_EQ(parent, 1);
	CHECK_ERRNO(wait(&status), ECHILD);

	/* Many children one after the other: none is lost, numbers do not run out. */
	for (int i = 0; i < 300; i++) {
		pid = fork();
		CHECK(pid >= 0);
		if (pid == 0)
			_exit(1);
		CHECK_EQ(wait(&status), pid);
	}
	return 0;
}
