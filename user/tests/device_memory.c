/* The memory of a RAM disk, mapped: no copy of it, shared with everybody, as large as the disk. */
#include "test.h"
#include <fcntl.h>

#define DISK "/dev/rd1"

static char *beyond;

static void touch_beyond(void)
{
	beyond[0] = 1;
}

static char byte_at(int fd, off_t at)
{
	char byte = 0;
	CHECK_EQ(pread(fd, &byte, 1, at), 1);
	return byte;
}

int main(void)
{
	const size_t page = getpagesize();
	int fd = open(DISK, O_RDWR);
	if (fd < 0 && errno == ENOENT)
		skip("this machine has no " DISK);
	CHECK(fd >= 0);
	const off_t size = lseek(fd, 0, SEEK_END) > 0 ? lseek(fd, 0, SEEK_END) : 1 << 20;
	char before[64], text[] = "through the device";
	CHECK_EQ(pread(fd, before, sizeof before, page), sizeof before);

	char *at = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, page);
	CHECK(at != MAP_FAILED);
	CHECK_EQ(memcmp(at, before, sizeof before), 0);
	/* Each sees the other's bytes at once. */
	CHECK_EQ(pwrite(fd, text, sizeof text, page + 100), sizeof text);
	CHECK_EQ(memcmp(at + 100, text, sizeof text), 0);
	at[page + 7] = 'm';
	CHECK_EQ(byte_at(fd, 2 * page + 7), 'm');
	/* So does a child, and another mapping. */
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		at[page + 8] = 'c';
		_exit(at[page + 7] != 'm');
	}
	int status = 1;
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	char *again = mmap(NULL, page, PROT_READ, MAP_SHARED, fd, 2 * page);
	CHECK(again != MAP_FAILED);
	CHECK_EQ(again[8], 'c');
	CHECK_EQ(byte_at(fd, 2 * page + 8), 'c');
	/* Rights come and go with the mapping's. */
	CHECK_EQ(mprotect(at, page, PROT_READ), 0);
	CHECK_EQ(mprotect(at, page, PROT_READ | PROT_WRITE), 0);
	at[0] = 'w';
	CHECK_ERRNO(mprotect(at, page, PROT_READ | PROT_EXEC), EACCES);
	CHECK_EQ(mlock(at, 2 * page), 0);
	CHECK_EQ(munlock(at, 2 * page), 0);
	CHECK_EQ(msync(at, 2 * page, MS_SYNC), 0);
	CHECK_EQ(byte_at(fd, page), 'w');
	/* It has no pages that count as resident. */
	char in[2] = { 9, 9 };
	CHECK_EQ(mincore(at, 2 * page, in), 0);
	CHECK_EQ((in[0] | in[1]) & 1, 0);
	CHECK_EQ(munmap(again, page), 0);
	CHECK_EQ(munmap(at, 2 * page), 0);
	CHECK_EQ(byte_at(fd, 2 * page + 7), 'm');

	/* Its last page is there; beyond the disk is nothing. */
	at = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, size - page);
	CHECK(at != MAP_FAILED);
	at[page - 1] = 'z';
	CHECK_EQ(byte_at(fd, size - 1), 'z');
	beyond = at + page;
	CHECK_EQ(death_of(touch_beyond), SIGBUS);
	CHECK_EQ(munmap(at, 2 * page), 0);

	/* What cannot be. */
	int only = open(DISK, O_RDONLY), null = open("/dev/null", O_RDWR);
	CHECK(only >= 0 && null >= 0);
	CHECK_ERRNO((long)mmap(NULL, page, PROT_READ, MAP_PRIVATE, fd, 0), ENODEV);
	CHECK_ERRNO((long)mmap(NULL, page, PROT_READ, MAP_SHARED, null, 0), ENODEV);
	CHECK_ERRNO((long)mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, only, 0), EACCES);
	CHECK_ERRNO((long)mmap(NULL, page, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0), EACCES);
	at = mmap(NULL, page, PROT_READ, MAP_SHARED, only, 0);
	CHECK(at != MAP_FAILED);
	CHECK_ERRNO(mprotect(at, page, PROT_READ | PROT_WRITE), EACCES);

	/* All is as it was. */
	char nothing[2 * 16384] = { 0 };
	CHECK_EQ(pwrite(fd, nothing, 2 * page, page), 2 * page);
	CHECK_EQ(pwrite(fd, before, sizeof before, page), sizeof before);
	CHECK_EQ(pwrite(fd, nothing, 1, size - 1), 1);
	return 0;
}
