/* One cache: read, write, shared and private mappings, msync and ftruncate of a file agree at every moment, on the disk and in
 * memory, in one process and in two. */
#include "test.h"
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

static char *where;
static void look(void) { (void)*(volatile char *)where; }
static void store(void) { *(volatile char *)where = 1; }

static size_t page;

static int create(const char *path)
{
	unlink(path);
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0644);
	CHECK(fd >= 0);
	return fd;
}

static char *map(int fd, size_t length, int protection, int flags)
{
	char *p = mmap(NULL, length, protection, flags, fd, 0);
	CHECK(p != MAP_FAILED);
	return p;
}

static char *shared(int fd, size_t length)
{
	return map(fd, length, PROT_READ | PROT_WRITE, MAP_SHARED);
}

static char byte_at(int fd, off_t at)
{
	char byte;
	CHECK_EQ(pread(fd, &byte, 1, at), 1);
	return byte;
}

static int all(const char *bytes, size_t count, char wanted)
{
	for (size_t i = 0; i < count; i++)
		if (bytes[i] != wanted)
			return 0;
	return 1;
}

/* What one way wrote the others see at once. */
static void ways(const char *path)
{
	int fd = create(path);
	CHECK_EQ(ftruncate(fd, 3 * page), 0);
	char *a = shared(fd, 3 * page), *b = shared(fd, 3 * page);
	char *reader = map(fd, 3 * page, PROT_READ, MAP_PRIVATE);
	CHECK(all(a, 3 * page, 0));
	CHECK_EQ(pwrite(fd, "write", 5, page - 2), 5);
	CHECK(memcmp(a + page - 2, "write", 5) == 0 && memcmp(b + page - 2, "write", 5) == 0);
	memcpy(a + 2 * page - 3, "mapped", 6);
	char bytes[8] = "";
	CHECK_EQ(pread(fd, bytes, 6, 2 * page - 3), 6);
	CHECK(strcmp(bytes, "mapped") == 0 && memcmp(b + 2 * page - 3, "mapped", 6) == 0);
	CHECK_EQ(msync(a, 3 * page, MS_SYNC), 0);
	CHECK_EQ(msync(b, 3 * page, MS_ASYNC), 0);
	CHECK_EQ(fsync(fd), 0);
	/* Written again after it was clean. */
	a[0] = 'x';
	CHECK_EQ(byte_at(fd, 0), 'x');
	CHECK_EQ(b[0], 'x');
	CHECK_EQ(msync(a, page, MS_SYNC | MS_INVALIDATE), 0);
	CHECK_EQ(b[0], 'x');
	CHECK_EQ(byte_at(fd, 0), 'x');
	/* A private mapping keeps what it wrote, and nobody else sees it. */
	char *own = map(fd, page, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	own[1] = 'p';
	CHECK_EQ(byte_at(fd, 1), 0);
	a[1] = 's';
	CHECK_EQ(own[1], 'p');
	CHECK_EQ(msync(own, page, MS_SYNC), 0);
	CHECK_EQ(byte_at(fd, 1), 's');
	munmap(own, page);
	munmap(reader, 3 * page);
	munmap(b, 3 * page);
	munmap(a, 3 * page);
	/* Through another descriptor, after the last mapping went. */
	int again = open(path, O_RDONLY);
	CHECK_EQ(byte_at(again, 0), 'x');
	CHECK_EQ(byte_at(again, 2 * page + 2), 'd');
	CHECK_EQ(close(again), 0);
	CHECK_EQ(close(fd), 0);
	CHECK_EQ(unlink(path), 0);
}

/* The end of a file, byte by byte. */
static void ends(const char *path)
{
	int fd = create(path);
	char bytes[64];
	CHECK_EQ(write(fd, "0123456789", 10), 10);
	CHECK_EQ(pread(fd, bytes, sizeof bytes, 7), 3);
	CHECK_EQ(pread(fd, bytes, sizeof bytes, 10), 0);
	char *a = shared(fd, 2 * page);
	CHECK(all(a + 10, page - 10, 0));
	memset(a + 10, '!', page - 10);
	struct stat st;
	CHECK_EQ(fstat(fd, &st), 0);
	CHECK_EQ(st.st_size, 10);
	/* The file grows: nobody finds there what was written behind its end. */
	CHECK_EQ(ftruncate(fd, 20), 0);
	CHECK(all(a + 10, 10, 0));
	memset(a + 20, '!', page - 20);
	CHECK_EQ(pwrite(fd, "z", 1, 30), 1);
	CHECK_EQ(pread(fd, bytes, sizeof bytes, 0), 31);
	CHECK(all(bytes + 10, 20, 0) && bytes[30] == 'z');
	memset(a + 31, '!', page - 31);
	CHECK_EQ(msync(a, page, MS_SYNC), 0);
	CHECK_EQ(fsync(fd), 0);
	CHECK_EQ(ftruncate(fd, 2 * page), 0);
	CHECK(all(a + 31, 2 * page - 31, 0));
	/* It shrinks: what is cut off does not come back, and cannot be touched. */
	memset(a, 'c', 2 * page);
	CHECK_EQ(ftruncate(fd, 5), 0);
	where = a + page;
	CHECK_EQ(death_of(look), SIGBUS);
	CHECK_EQ(death_of(store), SIGBUS);
	CHECK(memcmp(a, "ccccc", 5) == 0);
	CHECK_EQ(ftruncate(fd, 2 * page), 0);
	CHECK(all(a + 5, 2 * page - 5, 0));
	munmap(a, 2 * page);
	CHECK_EQ(close(fd), 0);
	CHECK_EQ(unlink(path), 0);
}

/* Holes are zeros, and take no room until somebody writes. */
static void holes(const char *path)
{
	int fd = create(path);
	off_t far = 40 * (off_t)page + 100;
	CHECK_EQ(pwrite(fd, "end", 3, far), 3);
	CHECK_EQ(fsync(fd), 0);
	struct stat st;
	CHECK_EQ(fstat(fd, &st), 0);
	CHECK_EQ(st.st_size, far + 3);
	CHECK(st.st_blocks * 512 <= 4 * (off_t)page);
	char *a = shared(fd, 41 * page);
	CHECK(all(a, 40 * page + 100, 0));
	CHECK(memcmp(a + far, "end", 3) == 0);
	a[20 * page + 5] = 'm';
	CHECK_EQ(byte_at(fd, 20 * page + 5), 'm');
	CHECK_EQ(byte_at(fd, 20 * page + 4), 0);
	CHECK_EQ(fsync(fd), 0);
	CHECK_EQ(fstat(fd, &st), 0);
	struct statfs fs;
	CHECK_EQ(fstatfs(fd, &fs), 0);
	/* In memory what was looked at takes room too. */
	if (strcmp(fs.f_fstypename, "ext2") == 0)
		CHECK(st.st_blocks * 512 <= 8 * (off_t)page);
	munmap(a, 41 * page);
	CHECK_EQ(close(fd), 0);
	CHECK_EQ(unlink(path), 0);
}

/* A file without names lives while it is open, and then while it is mapped. */
static void nameless(const char *path)
{
	struct statfs before, during, after;
	sync();
	CHECK_EQ(statfs(".", &before), 0);
	int fd = create(path);
	size_t length = 64 * page;
	CHECK_EQ(ftruncate(fd, length), 0);
	char *a = shared(fd, length);
	memset(a, 'n', length);
	CHECK_EQ(fsync(fd), 0);
	CHECK_EQ(unlink(path), 0);
	CHECK_EQ(byte_at(fd, length - 1), 'n');
	CHECK_EQ(close(fd), 0);
	CHECK_ERRNO(open(path, O_RDONLY), ENOENT);
	CHECK(all(a, length, 'n'));
	a[0] = 'o';
	CHECK_EQ(a[0], 'o');
	CHECK_EQ(statfs(".", &during), 0);
	munmap(a, length);
	CHECK_EQ(statfs(".", &after), 0);
	if (strcmp(before.f_fstypename, "ext2") == 0) {
		CHECK((before.f_bfree - during.f_bfree) * before.f_bsize >= length);
		CHECK_EQ(after.f_bfree, before.f_bfree);
		CHECK_EQ(after.f_ffree, before.f_ffree);
	}
}

/* Two processes, each with its own mapping, take turns; one of them writes with write. */
static void two(const char *path)
{
	int fd = create(path);
	CHECK_EQ(ftruncate(fd, 2 * page), 0);
	int go[2], done[2];
	CHECK_EQ(pipe(go), 0);
	CHECK_EQ(pipe(done), 0);
	pid_t pid = fork();
	CHECK(pid >= 0);
	char token;
	if (pid == 0) {
		int mine = open(path, O_RDWR);
		char *m = shared(mine, 2 * page);
		for (int i = 0; i < 50; i++) {
			CHECK_EQ(read(go[0], &token, 1), 1);
			CHECK_EQ(m[i], (char)i);
			CHECK_EQ(m[page + i], (char)(i + 1));
			m[page + i] = (char)(i + 2);
			CHECK_EQ(write(done[1], &token, 1), 1);
		}
		_exit(0);
	}
	char *m = shared(fd, 2 * page);
	for (int i = 0; i < 50; i++) {
		char byte = (char)i;
		CHECK_EQ(pwrite(fd, &byte, 1, i), 1);
		m[page + i] = (char)(i + 1);
		if (i % 10 == 5)
			CHECK_EQ(fsync(fd), 0);
		CHECK_EQ(write(go[1], "x", 1), 1);
		CHECK_EQ(read(done[0], &token, 1), 1);
		CHECK_EQ(m[page + i], (char)(i + 2));
		CHECK_EQ(byte_at(fd, page + i), (char)(i + 2));
	}
	int status;
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	munmap(m, 2 * page);
	for (int i = 0; i < 2; i++) {
		close(go[i]);
		close(done[i]);
	}
	CHECK_EQ(close(fd), 0);
	CHECK_EQ(unlink(path), 0);
}

/* Random steps against a model of bytes. */
static void model(const char *path)
{
	enum { STEPS = 3000 };
	size_t most = 9 * page;
	char *bytes = calloc(1, most), *buffer = malloc(most);
	uint64_t seed = 88172645463325252ull;
	size_t size = 0;
	int fd = create(path);
	char *m = NULL;
	size_t mapped = 0;
	for (int step = 0; step < STEPS; step++) {
		seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
		size_t at = seed % most, count = (seed >> 20) % 5000;
		if (count > most - at)
			count = most - at;
		char byte = (char)(seed >> 40);
		switch ((seed >> 50) % 8) {
		case 0:
			CHECK_EQ(ftruncate(fd, at), 0);
			if (at < size)
				memset(bytes + at, 0, size - at);
			size = at;
			break;
		case 1:
		case 2:
			memset(buffer, byte, count);
			CHECK_EQ(pwrite(fd, buffer, count, at), count);
			memset(bytes + at, byte, count);
			if (count > 0 && at + count > size)
				size = at + count;
			break;
		case 3:
			if (m != NULL)
				munmap(m, mapped);
			mapped = most;
			m = shared(fd, mapped);
			break;
		case 4:
			if (m == NULL || at >= size)
				break;
			if (count > size - at)
				count = size - at;
			memset(m + at, byte, count);
			memset(bytes + at, byte, count);
			break;
		case 5:
			if (step % 7 == 0)
				CHECK_EQ(fsync(fd), 0);
			else if (m != NULL)
				CHECK_EQ(msync(m, mapped, step % 2 ? MS_SYNC : MS_SYNC | MS_INVALIDATE), 0);
			break;
		default: {
			size_t wanted = at >= size ? 0 : count < size - at ? count : size - at;
			CHECK_EQ(pread(fd, buffer, count, at), wanted);
			if (memcmp(buffer, bytes + at, wanted) != 0) {
				dprintf(1, "step %d: %zu bytes at %zu differ\n", step, wanted, at);
				_exit(1);
			}
			if (m != NULL && memcmp(m + at, bytes + at, wanted) != 0) {
				dprintf(1, "step %d: %zu mapped bytes at %zu differ\n", step, wanted, at);
				_exit(1);
			}
		}
		}
	}
	if (m != NULL)
		munmap(m, mapped);
	free(bytes);
	free(buffer);
	CHECK_EQ(close(fd), 0);
	CHECK_EQ(unlink(path), 0);
}

int main(void)
{
	page = getpagesize();
	for (int i = 0; i < 2; i++) {
		CHECK_EQ(chdir(i == 0 ? "/" : "/tmp"), 0);
		ways("coherence");
		ends("coherence");
		holes("coherence");
		nameless("coherence");
		two("coherence");
		model("coherence");
	}
	return 0;
}
