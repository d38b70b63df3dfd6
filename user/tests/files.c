/* Files in /tmp: contents, positions, folders, removal while open, and the errors. */
#include "test.h"
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

int main(void)
{
	char buffer[64];
	struct stat st;
	int fd = open("/tmp/files.a", O_RDWR | O_CREAT | O_EXCL, 0640);
	CHECK(fd >= 0);
	CHECK_ERRNO(open("/tmp/files.a", O_RDWR | O_CREAT | O_EXCL, 0640), EEXIST);
	CHECK_EQ(write(fd, "hello world", 11), 11);
	CHECK_EQ(lseek(fd, 6, SEEK_SET), 6);
	CHECK_EQ(read(fd, buffer, sizeof buffer), 5);
	CHECK_EQ(memcmp(buffer, "world", 5), 0);
	CHECK_EQ(read(fd, buffer, sizeof buffer), 0);
	CHECK_EQ(pwrite(fd, "W", 1, 6), 1);
	CHECK_EQ(pread(fd, buffer, 5, 6), 5);
	CHECK_EQ(memcmp(buffer, "World", 5), 0);
	CHECK_EQ(fstat(fd, &st), 0);
	CHECK(S_ISREG(st.st_mode));
	CHECK_EQ(st.st_size, 11);
	CHECK_EQ(st.st_mode & 0777, 0640);

	/* Beyond the end is zeros. */
	CHECK_EQ(pwrite(fd, "end", 3, 100000), 3);
	CHECK_EQ(fstat(fd, &st), 0);
	CHECK_EQ(st.st_size, 100003);
	CHECK_EQ(pread(fd, buffer, 32, 50000), 32);
	for (int i = 0; i < 32; i++)
		CHECK_EQ(buffer[i], 0);
	CHECK_EQ(ftruncate(fd, 5), 0);
	CHECK_EQ(pread(fd, buffer, 32, 0), 5);
	CHECK_EQ(ftruncate(fd, 50), 0);
	CHECK_EQ(pread(fd, buffer, 50, 0), 50);
	for (int i = 5; i < 50; i++)
		CHECK_EQ(buffer[i], 0);

	/* A removed file lives on while it is open. */
	CHECK_EQ(unlink("/tmp/files.a"), 0);
	CHECK_ERRNO(stat("/tmp/files.a", &st), ENOENT);
	CHECK_EQ(pread(fd, buffer, 5, 0), 5);
	CHECK_EQ(memcmp(buffer, "hello", 5), 0);
	close(fd);

	/* Appending. */
	for (int i = 0; i < 3; i++) {
		fd = open("/tmp/files.b", O_WRONLY | O_CREAT | O_APPEND, 0644);
		CHECK(fd >= 0);
		CHECK_EQ(write(fd, "abc", 3), 3);
		close(fd);
	}
	CHECK_EQ(stat("/tmp/files.b", &st), 0);
	CHECK_EQ(st.st_size, 9);
	CHECK_EQ(rename("/tmp/files.b", "/tmp/files.c"), 0);
	CHECK_ERRNO(stat("/tmp/files.b", &st), ENOENT);
	CHECK_EQ(stat("/tmp/files.c", &st), 0);

	/* Folders. */
	CHECK_EQ(mkdir("/tmp/files.d", 0755), 0);
	CHECK_ERRNO(mkdir("/tmp/files.d", 0755), EEXIST);
	for (int i = 0; i < 300; i++) {
		char name[64];
		snprintf(name, sizeof name, "/tmp/files.d/%03d", i);
		fd = open(name, O_WRONLY | O_CREAT, 0644);
		CHECK(fd >= 0);
		close(fd);
	}
	DIR *dir = opendir("/tmp/files.d");
	CHECK(dir != NULL);
	int seen = 0, dots = 0;
	for (struct dirent *e; (e = readdir(dir)) != NULL;) {
		CHECK_EQ(strlen(e->d_name), e->d_namlen);
		if (e->d_name[0] == '.')
			dots++;
		else
			seen++;
	}
	closedir(dir);
	CHECK_EQ(seen, 300);
	CHECK_EQ(dots, 2);
	CHECK_ERRNO(rmdir("/tmp/files.d"), ENOTEMPTY);
	CHECK_EQ(chdir("/tmp/files.d"), 0);
	CHECK(getcwd(buffer, sizeof buffer) == buffer);
	CHECK_EQ(strcmp(buffer, "/tmp/files.d"), 0);
	for (int i = 0; i < 300; i++) {
		snprintf(buffer, sizeof buffer, "%03d", i);
		CHECK_EQ(unlink(buffer), 0);
	}
	CHECK_EQ(chdir(".."), 0);
	CHECK_EQ(rmdir("files.d"), 0);

	/* Errors. */
	CHECK_ERRNO(open("/tmp/none/x", O_RDONLY), ENOENT);
	CHECK_ERRNO(open("/tmp/files.c/x", O_RDONLY), ENOTDIR);
	CHECK_ERRNO(open("/tmp", O_WRONLY), EISDIR);
	CHECK_ERRNO(unlink("/tmp/none"), ENOENT);
	CHECK_ERRNO(open("/tmp/files.c", O_RDONLY | O_DIRECTORY), ENOTDIR);
	fd = open("/tmp/files.c", O_RDONLY);
	CHECK_ERRNO(write(fd, "x", 1), EBADF);
	CHECK_ERRNO(lseek(fd, -1, SEEK_SET), EINVAL);
	close(fd);
	CHECK_EQ(unlink("/tmp/files.c"), 0);

	/* Descriptors run out as EMFILE, and come back. */
	int first = -1, last = -1, count = 0;
	while ((fd = open("/bin/true", O_RDONLY)) >= 0) {
		if (first < 0)
			first = fd;
		last = fd;
		CHECK(++count < 100000);
	}
	CHECK(errno == EMFILE || errno == ENFILE);
	for (fd = first; fd <= last; fd++)
		close(fd);
	fd = open("/dev/null", O_RDWR);
	CHECK(fd >= 0);
	CHECK_EQ(write(fd, "x", 1), 1);
	CHECK_EQ(read(fd, buffer, 1), 0);
	close(fd);

	/* A large file: more than a block of pages. */
	fd = open("/tmp/files.e", O_RDWR | O_CREAT | O_TRUNC, 0644);
	static char block[65536];
	for (int i = 0; i < 40; i++) {
		memset(block, i, sizeof block);
		CHECK_EQ(write(fd, block, sizeof block), sizeof block);
	}
	for (int i = 0; i < 40; i++) {
		CHECK_EQ(pread(fd, block, sizeof block, (off_t)i * 65536), sizeof block);
		CHECK(block[0] == i && block[65535] == i);
	}
	close(fd);
	CHECK_EQ(unlink("/tmp/files.e"), 0);
	return 0;
}
