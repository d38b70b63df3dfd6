/* A child writes a page, forks the next child and its parent exits, 1,000 times: the chain of shadows stays short. */
#include "test.h"

enum { GENERATIONS = 1000, PAGES = 4 };

int main(void)
{
	size_t page = getpagesize();
	char *p = pages(PAGES);
	int ends[2];

	memset(p, 1, PAGES * page);
	CHECK_EQ(pipe(ends), 0);
	pid_t first = fork();
	CHECK(first >= 0);
	if (first == 0) {
		for (int i = 0; i < GENERATIONS; i++) {
			p[(i % PAGES) * page] = (char)i;
			pid_t pid = fork();
			CHECK(pid >= 0);
			if (pid != 0)
				_exit(0);
			/* The parent has to be gone before its links can go. */
			for (int n = 0; getppid() != 1 && n < 1000; n++)
				usleep(n < 10 ? 0 : 1000);
		}
		struct vm_region_extended_info info = extended(p);
		for (int i = 0; i < PAGES; i++)
			CHECK_EQ(p[i * page], (char)(GENERATIONS - PAGES + i));
		for (size_t i = 1; i < page; i++)
			CHECK_EQ(p[i], 1);
		int depth = info.shadow_depth;
		CHECK_EQ(write(ends[1], &depth, sizeof depth), sizeof depth);
		_exit(0);
	}
	close(ends[1]);
	int status, depth = -1;
	CHECK_EQ(waitpid(first, &status, 0), first);
	CHECK_EQ(read(ends[0], &depth, sizeof depth), sizeof depth);
	printf("shadow depth %d\n", depth);
	CHECK(depth >= 0 && depth <= 2);
	return 0;
}
