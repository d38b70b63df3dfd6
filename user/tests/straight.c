/* Large reads and writes go straight between a file's pages and the program's: wherever the program's pages are, or are not. */
#include "test.h"
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

static size_t page, all;
static char *model;

static char byte_of(size_t at) { return (char)(at * 7 + at / page); }

static char *anonymous(size_t length, int protection)
{
	char *p = mmap(NULL, length, protection, MAP_PRIVATE | MAP_ANON, -1, 0);
	CHECK(p != MAP_FAILED);
	return p;
}

static char *shared(int fd)
{
	char *p = mmap(NULL, all, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(p != MAP_FAILED);
	return p;
}

static void fill(int fd)
{
	CHECK_EQ(ftruncate(fd, 0), 0);
	CHECK_EQ(pwrite(fd, model, all, 0), all);
	CHECK_EQ(lseek(fd, 0, SEEK_END), all);
}

/* Into and from memory that has no pages yet, that a child shares, and at odd addresses. */
static void memory(int fd)
{
	fill(fd);
	char *fresh = anonymous(all + page, PROT_READ | PROT_WRITE);
	CHECK_EQ(pread(fd, fresh + 3, all, 1), all - 1);
	CHECK(memcmp(fresh + 3, model + 1, all - 1) == 0 && fresh[2] == 0 && fresh[all + 2] == 0);
	pid_t child = fork();
	CHECK(child >= 0);
	if (child == 0) {
		CHECK_EQ(pread(fd, fresh, all, 0), all);
		_exit(memcmp(fresh, model, all) != 0);
	}
	int status;
	CHECK_EQ(waitpid(child, &status, 0), child);
	CHECK_EQ(status, 0);
	CHECK(memcmp(fresh + 3, model + 1, all - 1) == 0);
	CHECK_EQ(ftruncate(fd, 0), 0);
	char *zeros = anonymous(all, PROT_READ | PROT_WRITE);
	CHECK_EQ(pwrite(fd, zeros, all, 5), all);
	CHECK_EQ(pread(fd, fresh, all + page, 0), all + 5);
	CHECK(memcmp(fresh, zeros, all) == 0);
	munmap(zeros, all);
	munmap(fresh, all + page);
}

/* Into and from mappings of the same pages, which were never looked at: nobody waits for himself. */
static void itself(int fd)
{
	fill(fd);
	char *map = shared(fd);
	CHECK_EQ(pread(fd, map, all, 0), all);
	CHECK(memcmp(map, model, all) == 0);
	munmap(map, all);
	map = shared(fd);
	CHECK_EQ(pwrite(fd, map, all, 0), all);
	CHECK(memcmp(map, model, all) == 0);
	munmap(map, all);
	map = shared(fd);
	CHECK_EQ(pread(fd, map, 2 * page, 5 * page), 2 * page);
	CHECK(memcmp(map, model + 5 * page, 2 * page) == 0);
	CHECK_EQ(pwrite(fd, map, 2 * page, 9 * page), 2 * page);
	CHECK(memcmp(map + 9 * page, model + 5 * page, 2 * page) == 0);
	munmap(map, all);
}

/* Memory that ends early, or may not be used so: what fitted counts, and the file ends with it. */
static void limits(int fd)
{
	fill(fd);
	char *part = anonymous(all, PROT_READ | PROT_WRITE);
	CHECK_EQ(munmap(part + 3 * page, all - 3 * page), 0);
	CHECK_EQ(pread(fd, part, all, 0), 3 * page);
	CHECK(memcmp(part, model, 3 * page) == 0);
	CHECK_ERRNO(pread(fd, part + 3 * page, all, 0), EFAULT);
	CHECK_EQ(mprotect(part, page, PROT_READ), 0);
	CHECK_ERRNO(pread(fd, part, all, 0), EFAULT);
	CHECK_EQ(ftruncate(fd, 0), 0);
	CHECK_EQ(pwrite(fd, part, all, 0), 3 * page);
	CHECK_EQ(lseek(fd, 0, SEEK_END), 3 * page);
	CHECK_ERRNO(pwrite(fd, part + 3 * page, all, 10 * page), EFAULT);
	CHECK_EQ(lseek(fd, 0, SEEK_END), 3 * page);
	CHECK_ERRNO(pread(fd, (void *)KERNEL_ADDRESS, all, 0), EFAULT);
	CHECK_ERRNO(pwrite(fd, (void *)KERNEL_ADDRESS, all, 0), EFAULT);
	CHECK_ERRNO(pread(fd, (void *)(USER_END - page), all, 0), EFAULT);
	munmap(part, 3 * page);
}

/* The offset moves by what was moved, at the end too. */
static void offsets(int fd, const char *path)
{
	CHECK_EQ(ftruncate(fd, 0), 0);
	int end = open(path, O_WRONLY | O_APPEND);
	CHECK(end >= 0);
	for (size_t at = 0; at < all; at += all / 4)
		CHECK_EQ(write(end, model + at, all / 4), all / 4);
	CHECK_EQ(lseek(end, 0, SEEK_CUR), all);
	close(end);
	CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
	char *got = anonymous(all, PROT_READ | PROT_WRITE);
	CHECK_EQ(read(fd, got, all - 100), all - 100);
	CHECK_EQ(read(fd, got + all - 100, all), 100);
	CHECK_EQ(read(fd, got, all), 0);
	CHECK(memcmp(got, model, all) == 0);
	munmap(got, all);
}

static void everywhere(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	CHECK(fd >= 0);
	memory(fd);
	itself(fd);
	limits(fd);
	offsets(fd, path);
	close(fd);
	CHECK_EQ(unlink(path), 0);
}

int main(void)
{
	page = (size_t)getpagesize();
	all = 40 * page;
	model = anonymous(all, PROT_READ | PROT_WRITE);
	for (size_t at = 0; at < all; at++)
		model[at] = byte_of(at);
	everywhere("/tmp/straight");
	everywhere("/straight");
	return 0;
}
