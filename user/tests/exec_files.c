/* exec: arguments, environment, and malformed Mach-O files, each of which is an errno and never a crash. */
#include "test.h"
#include <fcntl.h>
#include <sys/stat.h>

static unsigned char *image;
static size_t size;
static const char path[] = "/tmp/exec_files.macho";

static void put(const void *bytes, size_t length)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0755);
	CHECK(fd >= 0);
	CHECK_EQ(write(fd, bytes, length), (ssize_t)length);
	close(fd);
}

/* The errno of an exec of the file, or 0 and the child's status. */
static int try(int *status)
{
	int ends[2], error = 0;
	CHECK_EQ(pipe(ends), 0);
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		close(ends[0]);
		fcntl(ends[1], F_SETFD, FD_CLOEXEC);
		execl(path, path, NULL);
		error = errno;
		write(ends[1], &error, sizeof error);
		_exit(99);
	}
	close(ends[1]);
	read(ends[0], &error, sizeof error);
	close(ends[0]);
	CHECK_EQ(waitpid(pid, status, 0), pid);
	return error;
}

static uint32_t word(size_t at)
{
	uint32_t value;
	memcpy(&value, image + at, 4);
	return value;
}

/* Changes bytes, tries, and puts them back: exec must answer an errno. */
static void broken(const char *what, size_t at, uint64_t value, size_t length)
{
	unsigned char saved[8];
	int status;
	memcpy(saved, image + at, length);
	memcpy(image + at, &value, length);
	put(image, size);
	int error = try(&status);
	if (error == 0) {
		printf("%s: exec took it, status %#x\n", what, status);
		exit(1);
	}
	memcpy(image + at, saved, length);
}

/* Changes that may or may not be noticed; the machine must survive. */
static void harmless(size_t at, unsigned char value)
{
	int status;
	unsigned char saved = image[at];
	image[at] = value;
	put(image, size);
	try(&status);
	image[at] = saved;
}

int main(int argc, char **argv)
{
	int status;
	if (argc > 1 && strcmp(argv[1], "again") == 0) {
		/* The second life: what was passed must have arrived. */
		CHECK_EQ(argc, 4);
		CHECK_EQ(strcmp(argv[2], ""), 0);
		CHECK_EQ(strlen(argv[3]), 5000);
		CHECK_EQ(strcmp(getenv("COLOUR"), "blue"), 0);
		CHECK(getenv("PATH") == NULL);
		return 0;
	}
	char *longer = malloc(5001);
	memset(longer, 'x', 5000);
	longer[5000] = 0;
	pid_t pid = fork();
	if (pid == 0) {
		execve(argv[0], (char *const[]){ argv[0], "again", "", longer, NULL }, (char *const[]){ "COLOUR=blue", NULL });
		_exit(98);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);

	/* Too many arguments. */
	size_t many = 300000;
	char **list = malloc((many + 1) * sizeof *list);
	for (size_t i = 0; i < many; i++)
		list[i] = "argument";
	list[many] = NULL;
	CHECK_ERRNO(execv("/bin/true", list), E2BIG);

	/* Files that are no programs. */
	CHECK_ERRNO(execl("/nothing", "x", NULL), ENOENT);
	CHECK_ERRNO(execl("/bin", "x", NULL), EACCES);
	CHECK_ERRNO(execl("/bin/true/x", "x", NULL), ENOTDIR);
	put("", 0);
	CHECK(try(&status) != 0);
	put("echo text\n", 10);
	CHECK_EQ(try(&status), ENOEXEC);

	int fd = open("/bin/true", O_RDONLY);
	struct stat st;
	CHECK(fd >= 0);
	CHECK_EQ(fstat(fd, &st), 0);
	size = (size_t)st.st_size;
	image = malloc(size);
	CHECK_EQ(read(fd, image, size), (ssize_t)size);
	close(fd);
	put(image, size);
	CHECK_EQ(try(&status), 0);
	CHECK_EQ(status, 0);
	CHECK_EQ(chmod(path, 0644), 0);
	CHECK_EQ(try(&status), EACCES);
	CHECK_EQ(unlink(path), 0);

	/* Cut short. */
	for (size_t length = 1; length < size; length = length * 2 + 3) {
		put(image, length);
		if (length < 32 + word(20))
			CHECK(try(&status) != 0);
		else
			try(&status);
	}

	/* The header. */
	broken("magic", 0, 0xfeedfacd, 4);
	broken("byte order", 0, 0xcffaedfe, 4);
	broken("CPU", 4, 0x01000012, 4);
	broken("file type", 12, 6, 4);
	broken("number of commands", 16, 0xffffffff, 4);
	broken("number of commands", 16, 0x10000, 4);
	broken("size of commands", 20, 0xffffffff, 4);
	broken("size of commands", 20, 8, 4);

	/* The commands. */
	size_t at = 32;
	for (uint32_t i = 0, count = word(16); i < count; i++) {
		uint32_t command = word(at), length = word(at + 4);
		broken("size of a command", at + 4, 0, 4);
		broken("size of a command", at + 4, 4, 4);
		broken("size of a command", at + 4, 0xfffffff8, 4);
		if (command == 0x19) {
			uint64_t file;
			memcpy(&file, image + at + 48, 8);
			broken("sections", at + 64, 0xffffffff, 4);
			if (file != 0) {
				broken("address", at + 24, 0xffff800000000000ull, 8);
				broken("address", at + 24, 0xfffffffffffff000ull, 8);
				broken("address", at + 24, 1, 8);
				broken("size", at + 32, 0xffffffffffffffffull, 8);
				broken("size", at + 32, 0x0000800000000000ull, 8);
				broken("offset", at + 40, 0xffffffffffffffffull, 8);
				broken("offset", at + 40, 0x7fffffff000ull, 8);
				broken("file size", at + 48, 0xffffffffffffffffull, 8);
				broken("file size", at + 48, 0x7fffffff000ull, 8);
			}
		}
		if (command == 0x80000028) {
			broken("entry", at + 8, 0xffffffffffffffffull, 8);
			broken("entry", at + 8, 0x7ffffffff000ull, 8);
		}
		at += length;
	}

	/* Every byte of header and commands, wrong in some way. */
	for (size_t i = 0; i < 32 + word(20); i += 3)
		harmless(i, (unsigned char)(image[i] ^ (0x55 + i)));
	CHECK_EQ(unlink(path), 0);
	return 0;
}
