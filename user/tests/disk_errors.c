/* A disk that fails: EIO for who reads and syncs, SIGBUS for who looks through a mapping, and nothing that was written is lost. */
#include "test.h"
#include <fcntl.h>
#include <sys/stat.h>

static char *where;
static void look(void) { (void)*(volatile char *)where; }

/* The next requests of this sort fail, one after the other: a run of pages, then the page that was wanted, alone. */
static void fail(const char *rules)
{
	CHECK_EQ(sysctlbyname("debug.block_fail", NULL, NULL, (void *)rules, strlen(rules) + 1), 0);
}

static void fill(int fd, char byte, size_t length)
{
	char bytes[512];
	memset(bytes, byte, sizeof bytes);
	for (size_t done = 0; done < length; done += sizeof bytes)
		CHECK_EQ(pwrite(fd, bytes, sizeof bytes, done), sizeof bytes);
}

/* The file's pages leave memory. */
static void forget(int fd, size_t length)
{
	char *bytes = malloc(length);
	CHECK_EQ(fcntl(fd, F_NOCACHE, 1), 0);
	CHECK_EQ(pread(fd, bytes, length, 0), length);
	CHECK_EQ(fcntl(fd, F_NOCACHE, 0), 0);
	free(bytes);
}

int main(void)
{
	size_t page = getpagesize(), length = 4 * page;
	char byte;
	int fd = open("/errors", O_RDWR | O_CREAT | O_TRUNC, 0644);
	CHECK(fd >= 0);
	fill(fd, 'a', length);
	CHECK_EQ(fsync(fd), 0);
	char *m = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(m != MAP_FAILED);
	where = m;
	CHECK_EQ(death_of(look), 0);

	forget(fd, length);
	fail("rd0:read:1,rd0:read:2");
	CHECK_ERRNO(pread(fd, &byte, 1, page), EIO);
	CHECK_EQ(pread(fd, &byte, 1, page), 1);
	CHECK_EQ(byte, 'a');

	forget(fd, length);
	where = m + 2 * page;
	fail("rd0:read:1,rd0:read:2");
	CHECK_EQ(death_of(look), SIGBUS);
	CHECK_EQ(death_of(look), 0);
	fill(fd, 'b', length);
	m[page] = 'm';
	fail("rd0:write:1,rd0:write:2,rd0:write:3,rd0:write:4,rd0:write:5");
	CHECK_ERRNO(fsync(fd), EIO);
	CHECK_EQ(pread(fd, &byte, 1, 0), 1);
	CHECK_EQ(byte, 'b');
	CHECK_EQ(m[page], 'm');
	/* Told once; what could not be written was kept, and is written now. */
	fail("");
	CHECK_EQ(fsync(fd), 0);
	forget(fd, length);
	for (size_t i = 0; i < length; i++)
		CHECK_EQ(m[i], i == page ? 'm' : 'b');
	munmap(m, length);
	CHECK_EQ(close(fd), 0);
	CHECK_EQ(unlink("/errors"), 0);
	return 0;
}
