/* Pipes, dup2 and waiting: bytes arrive in order, ends close, writers without readers get SIGPIPE. */
#include "test.h"

static void write_to_nobody(void)
{
	int ends[2];
	pipe(ends);
	close(ends[0]);
	write(ends[1], "x", 1);
}

int main(void)
{
	enum { BYTES = 300000 };
	int ends[2], status;
	CHECK_EQ(pipe(ends), 0);
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		static unsigned char block[1777];
		unsigned n = 0;
		close(ends[0]);
		while (n < BYTES) {
			unsigned length = sizeof block < BYTES - n ? sizeof block : BYTES - n;
			for (unsigned i = 0; i < length; i++)
				block[i] = (unsigned char)((n + i) * 31 >> 3);
			for (unsigned done = 0; done < length;) {
				ssize_t w = write(ends[1], block + done, length - done);
				CHECK(w > 0);
				done += (unsigned)w;
			}
			n += length;
		}
		_exit(0);
	}
	close(ends[1]);
	unsigned n = 0;
	for (;;) {
		unsigned char block[4099];
		ssize_t r = read(ends[0], block, sizeof block);
		CHECK(r >= 0);
		if (r == 0)
			break;
		for (ssize_t i = 0; i < r; i++)
			CHECK_EQ(block[i], (unsigned char)((n + i) * 31 >> 3));
		n += (unsigned)r;
	}
	CHECK_EQ(n, BYTES);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	close(ends[0]);

	CHECK_EQ(death_of(write_to_nobody), SIGPIPE);
	signal(SIGPIPE, SIG_IGN);
	CHECK_EQ(pipe(ends), 0);
	close(ends[0]);
	CHECK_ERRNO(write(ends[1], "x", 1), EPIPE);
	close(ends[1]);
	signal(SIGPIPE, SIG_DFL);

	/* dup2 makes an end somebody's standard output. */
	CHECK_EQ(pipe(ends), 0);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		dup2(ends[1], 1);
		close(ends[0]);
		close(ends[1]);
		execl("/bin/echo", "echo", "over", "the", "pipe", NULL);
		_exit(9);
	}
	close(ends[1]);
	char line[64] = { 0 };
	size_t got = 0;
	for (ssize_t r; (r = read(ends[0], line + got, sizeof line - 1 - got)) > 0;)
		got += (size_t)r;
	CHECK_EQ(strcmp(line, "over the pipe\n"), 0);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);

	/* Round trips between two processes. */
	int there[2], back[2];
	CHECK_EQ(pipe(there), 0);
	CHECK_EQ(pipe(back), 0);
	pid = fork();
	if (pid == 0) {
		unsigned char c;
		close(there[1]);
		while (read(there[0], &c, 1) == 1) {
			c++;
			if (write(back[1], &c, 1) != 1)
				_exit(1);
		}
		_exit(0);
	}
	close(there[0]);
	for (int i = 0; i < 2000; i++) {
		unsigned char c = (unsigned char)i;
		CHECK_EQ(write(there[1], &c, 1), 1);
		CHECK_EQ(read(back[0], &c, 1), 1);
		CHECK_EQ(c, (unsigned char)(i + 1));
	}
	close(there[1]);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	return 0;
}
