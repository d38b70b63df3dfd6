/* fork copies on write: each side sees its own bytes, and the counter grows by the pages written. */
#include "test.h"

enum { PAGES = 100 };

int main(void)
{
	size_t page = getpagesize();
	char *p = pages(PAGES);
	int ready[2], go[2];
	char c = 0;

	for (int i = 0; i < PAGES; i++)
		memset(p + i * page, i, page);
	CHECK_EQ(pipe(ready), 0);
	CHECK_EQ(pipe(go), 0);
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		struct vm_statistics64 before = counters();
		for (int i = 0; i < PAGES; i += 2)
			p[i * page + 7] = 'c';
		struct vm_statistics64 after = counters();
		uint64_t grown = after.cow_faults - before.cow_faults;
		/* Stack and data may be copied meanwhile: at most four pages. */
		CHECK(grown >= PAGES / 2 && grown <= PAGES / 2 + 4);
		CHECK_EQ(write(ready[1], &c, 1), 1);
		CHECK_EQ(read(go[0], &c, 1), 1);
		for (int i = 0; i < PAGES; i++) {
			CHECK_EQ(p[i * page + 7], i % 2 ? i : 'c');
			CHECK_EQ(p[i * page + 8], i);
			CHECK_EQ(p[i * page + page - 1], i);
		}
		_exit(0);
	}
	CHECK_EQ(read(ready[0], &c, 1), 1);
	for (int i = 0; i < PAGES; i++)
		CHECK_EQ(p[i * page + 7], i);
	for (int i = 0; i < PAGES; i++)
		p[i * page + 9] = 'p';
	CHECK_EQ(write(go[1], &c, 1), 1);
	int status;
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	for (int i = 0; i < PAGES; i++) {
		CHECK_EQ(p[i * page + 9], 'p');
		CHECK_EQ(p[i * page + 7], i);
	}
	return 0;
}
