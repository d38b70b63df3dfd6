/* posix_spawn: file actions, attributes, errors as return values. */
#include "test.h"
#include <fcntl.h>
#include <spawn.h>

extern char **environ;

int main(void)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	pid_t pid;
	int status, ends[2];
	char buffer[64] = { 0 };

	CHECK_EQ(posix_spawn(&pid, "/bin/true", NULL, NULL, (char *const[]){ "true", NULL }, environ), 0);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	CHECK_EQ(posix_spawn(&pid, "/bin/nothing", NULL, NULL, (char *const[]){ "x", NULL }, environ), ENOENT);
	CHECK_EQ(posix_spawnp(&pid, "false", NULL, NULL, (char *const[]){ "false", NULL }, environ), 0);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 1);

	CHECK_EQ(pipe(ends), 0);
	CHECK_EQ(posix_spawn_file_actions_init(&actions), 0);
	CHECK_EQ(posix_spawn_file_actions_addclose(&actions, ends[0]), 0);
	CHECK_EQ(posix_spawn_file_actions_adddup2(&actions, ends[1], 1), 0);
	CHECK_EQ(posix_spawn_file_actions_addclose(&actions, ends[1]), 0);
	CHECK_EQ(posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0), 0);
	CHECK_EQ(posix_spawnattr_init(&attr), 0);
	CHECK_EQ(posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP), 0);
	CHECK_EQ(posix_spawnattr_setpgroup(&attr, 0), 0);
	CHECK_EQ(posix_spawn(&pid, "/bin/sh", &actions, &attr, (char *const[]){ "sh", "-c", "cat; echo $WORD; exit 5", NULL },
			     (char *const[]){ "PATH=/bin", "WORD=spawned", NULL }), 0);
	close(ends[1]);
	CHECK_EQ(getpgid(pid), pid);
	size_t got = 0;
	for (ssize_t r; (r = read(ends[0], buffer + got, sizeof buffer - 1 - got)) > 0;)
		got += (size_t)r;
	CHECK_EQ(strcmp(buffer, "spawned\n"), 0);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 5);
	CHECK_EQ(posix_spawn_file_actions_destroy(&actions), 0);
	CHECK_EQ(posix_spawnattr_destroy(&attr), 0);
	return 0;
}
