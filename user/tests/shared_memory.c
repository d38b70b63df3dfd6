/* shm_open and its kin: names, sizes, mappings, what each refuses. */
#include "test.h"
#include <fcntl.h>
#include <sys/stat.h>

static const char *const name = "/shared_memory.test";

static void *map(int fd, size_t length, int protection, int flags, off_t offset)
{
	return mmap(NULL, length, protection, flags, fd, offset);
}

static void in_child(void (*f)(void))
{
	CHECK_EQ(child_status(f), 0);
}

static void write_in_child(void)
{
	int fd = shm_open(name, O_RDWR);
	CHECK(fd >= 0);
	char *p = map(fd, getpagesize(), PROT_READ | PROT_WRITE, MAP_SHARED, 0);
	CHECK(p != MAP_FAILED);
	CHECK_EQ(p[0], 'p');
	p[1] = 'c';
}

static void as_another_user(void)
{
	CHECK_EQ(setuid(501), 0);
	CHECK_EQ(getuid(), 501);
	CHECK_ERRNO(setuid(0), EPERM);
	CHECK_ERRNO(shm_open(name, O_RDWR), EACCES);
	CHECK_ERRNO(shm_unlink(name), EACCES);
	CHECK_EQ(shm_open(name, O_RDONLY) >= 0, 1);
}

int main(void)
{
	size_t page = getpagesize();
	struct stat st;

	/* Names. */
	CHECK_ERRNO(shm_open(name, O_RDWR), ENOENT);
	CHECK_ERRNO(shm_unlink(name), ENOENT);
	CHECK_ERRNO(shm_open("", O_CREAT | O_RDWR, 0600), EINVAL);
	CHECK_ERRNO(shm_open("/01234567890123456789012345678901", O_CREAT | O_RDWR, 0600), ENAMETOOLONG);
	CHECK_ERRNO(shm_open((char *)KERNEL_ADDRESS, O_CREAT | O_RDWR, 0600), EFAULT);
	CHECK_ERRNO(shm_unlink((char *)KERNEL_ADDRESS), EFAULT);
	CHECK_ERRNO(shm_open(name, O_CREAT | O_ACCMODE, 0600), EINVAL);
	int fd = shm_open(name, O_CREAT | O_EXCL | O_RDWR, 0644);
	CHECK(fd >= 0);
	CHECK_ERRNO(shm_open(name, O_CREAT | O_EXCL | O_RDWR, 0644), EEXIST);
	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);

	/* No size, no mapping; a size is given once, and rounded. */
	CHECK(map(fd, page, PROT_READ, MAP_SHARED, 0) == MAP_FAILED && errno == EINVAL);
	CHECK_EQ(fstat(fd, &st), 0);
	CHECK_EQ(st.st_size, 0);
	CHECK_EQ(st.st_mode & 0777, 0644);
	CHECK_ERRNO(ftruncate(fd, 0), EINVAL);
	CHECK_ERRNO(ftruncate(fd, -1), EINVAL);
	int reader = shm_open(name, O_RDONLY);
	CHECK(reader >= 0);
	CHECK_ERRNO(ftruncate(reader, page), EINVAL);
	CHECK_EQ(ftruncate(fd, 3 * page + 1), 0);
	CHECK_ERRNO(ftruncate(fd, 3 * page + 1), EINVAL);
	CHECK_EQ(fstat(fd, &st), 0);
	CHECK_EQ(st.st_size, 4 * page);
	CHECK_ERRNO(shm_open(name, O_RDWR | O_TRUNC), EINVAL);

	/* It is mapped, neither read nor written. */
	char byte = 1;
	CHECK_ERRNO(read(fd, &byte, 1), ENXIO);
	CHECK_ERRNO(write(fd, &byte, 1), ENXIO);
	CHECK_ERRNO(lseek(fd, 0, SEEK_SET), ESPIPE);
	CHECK(map(fd, page, PROT_READ, MAP_PRIVATE, 0) == MAP_FAILED && errno == EINVAL);
	CHECK(map(fd, 5 * page, PROT_READ, MAP_SHARED, 0) == MAP_FAILED && errno == EINVAL);
	CHECK(map(fd, page, PROT_READ, MAP_SHARED, 4 * page) == MAP_FAILED && errno == EINVAL);
	CHECK(map(reader, page, PROT_READ | PROT_WRITE, MAP_SHARED, 0) == MAP_FAILED && errno == EPERM);
	char *p = map(fd, 4 * page, PROT_READ | PROT_WRITE, MAP_SHARED, 0);
	char *q = map(reader, page, PROT_READ, MAP_SHARED, 3 * page);
	CHECK(p != MAP_FAILED && q != MAP_FAILED);
	CHECK_EQ(p[0], 0);
	p[3 * page] = 9;
	CHECK_EQ(q[0], 9);
	/* Who may not write may not allow it to himself. */
	CHECK_ERRNO(mprotect(q, page, PROT_READ | PROT_WRITE), EACCES);

	/* Tasks that open the name share it; a child of fork too. */
	p[0] = 'p';
	in_child(write_in_child);
	CHECK_EQ(p[1], 'c');
	in_child(as_another_user);
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		p[2] = 'f';
		_exit(0);
	}
	CHECK_EQ(waitpid(pid, NULL, 0), pid);
	CHECK_EQ(p[2], 'f');

	/* Without a name it lives as long as somebody has it. */
	CHECK_EQ(shm_unlink(name), 0);
	CHECK_ERRNO(shm_open(name, O_RDWR), ENOENT);
	CHECK_EQ(close(fd), 0);
	CHECK_EQ(close(reader), 0);
	CHECK_EQ(p[0], 'p');
	CHECK_EQ(q[0], 9);
	CHECK_EQ(munmap(p, 4 * page), 0);
	CHECK_EQ(q[0], 9);
	CHECK_EQ(munmap(q, page), 0);

	/* There is room for so many names and no more. */
	char text[16];
	int made = 0;
	for (; made < 1000; made++) {
		snprintf(text, sizeof text, "/many%d", made);
		int one = shm_open(text, O_CREAT | O_RDWR, 0600);
		if (one < 0)
			break;
		CHECK_EQ(close(one), 0);
	}
	CHECK_EQ(errno, ENOSPC);
	while (made--) {
		snprintf(text, sizeof text, "/many%d", made);
		CHECK_EQ(shm_unlink(text), 0);
	}
	return 0;
}
