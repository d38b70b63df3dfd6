/* Private mappings of files: they show the file of the moment they were made, whatever happens to it. */
#include "test.h"
#include <fcntl.h>
#include <spawn.h>
#include <sys/stat.h>

extern char **environ;
static char *where;
static void look(void) { (void)*(volatile char *)where; }
static void store(void) { *(volatile char *)where = 1; }

static void fill(int fd, char byte, off_t at, size_t length)
{
	char bytes[512];
	memset(bytes, byte, sizeof bytes);
	for (size_t done = 0; done < length; done += sizeof bytes)
		CHECK_EQ(pwrite(fd, bytes, sizeof bytes, at + done), sizeof bytes);
}

/* Every byte of a page. */
static int shows(const char *page, char byte)
{
	for (int i = 0; i < getpagesize(); i++)
		if (page[i] != byte)
			return 0;
	return 1;
}

static char *map(int fd, size_t length, int flags)
{
	char *p = mmap(NULL, length, PROT_READ | PROT_WRITE, flags, fd, 0);
	CHECK(p != MAP_FAILED);
	return p;
}

static void writes(int fd, size_t page)
{
	char *shared = map(fd, 4 * page, MAP_SHARED);
	char *old = map(fd, 4 * page, MAP_PRIVATE);
	CHECK(shows(old, 'a'));
	fill(fd, 'b', 0, page);
	memset(shared + page, 'c', page);
	CHECK_EQ(mach_vm_copy(mach_task_self(), (mach_vm_address_t)shared, page, (mach_vm_address_t)shared + 2 * page),
		 KERN_SUCCESS);
	char *new = map(fd, 4 * page, MAP_PRIVATE);
	old[3 * page] = 'o';
	fill(fd, 'd', 0, 4 * page);
	for (int i = 0; i < 3; i++)
		CHECK(shows(old + i * page, 'a'));
	CHECK_EQ(old[3 * page], 'o');
	CHECK_EQ(old[3 * page + 1], 'a');
	CHECK(shows(new, 'b') && shows(new + page, 'c') && shows(new + 2 * page, 'b') && shows(new + 3 * page, 'a'));
	for (int i = 0; i < 4; i++)
		CHECK(shows(shared + i * page, 'd'));
	munmap(shared, 4 * page);
	munmap(old, 4 * page);
	munmap(new, 4 * page);
}

static void sizes(int fd, size_t page)
{
	fill(fd, 'e', 0, 4 * page);
	CHECK_EQ(ftruncate(fd, 5 * page), 0);
	char *shared = map(fd, 5 * page, MAP_SHARED);
	char *old = map(fd, 6 * page, MAP_PRIVATE);
	where = old + 5 * page;
	CHECK_EQ(death_of(look), SIGBUS);
	CHECK_EQ(death_of(store), SIGBUS);
	CHECK_EQ(ftruncate(fd, page + 1), 0);
	CHECK(shows(old + page, 'e') && shows(old + 3 * page, 'e') && shows(old + 4 * page, 0));
	CHECK_EQ(shared[page], 'e');
	CHECK_EQ(shared[page + 1], 0);
	where = shared + 2 * page;
	CHECK_EQ(death_of(look), SIGBUS);
	CHECK_EQ(ftruncate(fd, 6 * page), 0);
	CHECK(shows(shared + 2 * page, 0));
	fill(fd, 'f', 0, 6 * page);
	CHECK(shows(old, 'e') && shows(old + 2 * page, 'e') && shows(old + 4 * page, 0) && shows(old + 5 * page, 0));
	CHECK(shows(shared + 2 * page, 'f'));
	munmap(shared, 5 * page);
	munmap(old, 6 * page);
}

/* The program of a running process is overwritten and cut off: the process goes on. */
static void program(const char *self)
{
	char bytes[4096];
	int from = open(self, O_RDONLY), to = open("/tmp/private_files.copy", O_RDWR | O_CREAT | O_TRUNC, 0755);
	CHECK(from >= 0 && to >= 0);
	for (ssize_t n; (n = read(from, bytes, sizeof bytes)) > 0;)
		CHECK_EQ(write(to, bytes, n), n);
	close(from);
	int in[2], out[2];
	CHECK_EQ(pipe(in), 0);
	CHECK_EQ(pipe(out), 0);
	posix_spawn_file_actions_t actions;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, in[0], 0);
	posix_spawn_file_actions_adddup2(&actions, out[1], 1);
	char *arguments[] = { "private_files.copy", "child", NULL };
	pid_t pid;
	CHECK_EQ(posix_spawn(&pid, "/tmp/private_files.copy", &actions, NULL, arguments, environ), 0);
	posix_spawn_file_actions_destroy(&actions);
	CHECK_EQ(read(out[0], bytes, 1), 1);
	struct stat st;
	CHECK_EQ(fstat(to, &st), 0);
	fill(to, 0x7f, 0, st.st_size);
	CHECK_EQ(ftruncate(to, 0), 0);
	CHECK_EQ(write(in[1], "x", 1), 1);
	int status;
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	for (int i = 0; i < 2; i++) {
		close(in[i]);
		close(out[i]);
	}
	close(to);
	CHECK_EQ(unlink("/tmp/private_files.copy"), 0);
}

static volatile int data = 4711;

static int child(void)
{
	char byte = 'r';
	write(1, &byte, 1);
	read(0, &byte, 1);
	/* Code and data that were not touched before. */
	char text[32];
	snprintf(text, sizeof text, "%d %s", data, strerror(ENOENT));
	return strncmp(text, "4711 ", 5) != 0;
}

/* A mapping per moment, and many of one moment: each shows its own. */
static void many(int fd, size_t page)
{
	char *made[40], *same[40];
	char *first = map(fd, 2 * page, MAP_PRIVATE);
	struct vm_region_extended_info info = extended(first);
	CHECK_EQ(info.shadow_depth, 1);
	CHECK_EQ(info.share_mode, SM_COW);
	munmap(first, 2 * page);
	for (int i = 0; i < 40; i++) {
		fill(fd, 'A' + i, page, page);
		made[i] = map(fd, 2 * page, MAP_PRIVATE);
	}
	for (int i = 0; i < 40; i++) {
		same[i] = map(fd, 2 * page, MAP_PRIVATE);
		CHECK(shows(same[i] + page, 'A' + 39));
	}
	fill(fd, 'z', page, page);
	for (int i = 0; i < 40; i++) {
		CHECK(shows(made[i] + page, 'A' + i));
		CHECK(shows(same[i] + page, 'A' + 39));
		CHECK(extended(made[i]).shadow_depth <= 17);
		munmap(made[i], 2 * page);
		munmap(same[i], 2 * page);
	}
}

int main(int count, char **arguments)
{
	if (count > 1)
		return child();
	size_t page = getpagesize();
	int fd = open("/tmp/private_files", O_RDWR | O_CREAT | O_TRUNC, 0644);
	CHECK(fd >= 0);
	fill(fd, 'a', 0, 4 * page);
	writes(fd, page);
	sizes(fd, page);
	many(fd, page);
	program(arguments[0]);
	close(fd);
	CHECK_EQ(unlink("/tmp/private_files"), 0);
	return 0;
}
