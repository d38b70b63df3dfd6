/* large FILE: a file twice as large as memory, written, read, and changed through a mapping, from end to end. What the machine's
 * counts say must fit: the cache grows, gives way, and grows again. */
#include <fcntl.h>
#include <mach/mach.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysctl.h>
#include <unistd.h>

#define PIECE 65536

static uint64_t words[PIECE / 8];

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static struct vm_statistics64 counts(void)
{
	struct vm_statistics64 s;
	mach_msg_type_number_t count = HOST_VM_INFO64_COUNT;
	if (host_statistics64(mach_host_self(), HOST_VM_INFO64, (host_info64_t)&s, &count))
		die("host_statistics64");
	return s;
}

static void need(int true_, const char *what)
{
	if (!true_) {
		struct vm_statistics64 s = counts();
		printf("%s: free %u, files' %u, pageins %llu, pageouts %llu\n", what, s.free_count, s.external_page_count,
		       (unsigned long long)s.pageins, (unsigned long long)s.pageouts);
		exit(1);
	}
}

static void read_all(int fd, uint64_t size, uint64_t add)
{
	for (uint64_t at = 0; at < size; at += PIECE) {
		if (pread(fd, words, PIECE, (off_t)at) != PIECE)
			die("pread");
		for (uint64_t i = 0; i < PIECE / 8; i += 512)
			need(words[i] == at + i * 8 + add, "a word of the file differs");
	}
}

int main(int argc, char **argv)
{
	uint64_t memory, page = (uint64_t)getpagesize();
	size_t length = sizeof memory;

	if (argc != 2 || sysctlbyname("hw.memsize", &memory, &length, 0, 0))
		return 64;
	uint64_t size = memory * 2 / PIECE * PIECE;
	int fd = open(argv[1], O_RDWR | O_CREAT | O_TRUNC, 0644);
	if (fd < 0)
		die(argv[1]);
	struct vm_statistics64 before = counts();
	for (uint64_t at = 0; at < size; at += PIECE) {
		for (uint64_t i = 0; i < PIECE / 8; i++)
			words[i] = at + i * 8;
		if (pwrite(fd, words, PIECE, (off_t)at) != PIECE)
			die("pwrite");
	}
	printf("written, ");
	read_all(fd, size, 0);
	printf("read, ");
	struct vm_statistics64 full = counts();
	need(full.external_page_count > before.external_page_count + memory / 8 / page, "the cache did not grow");
	need(full.pageouts - before.pageouts >= size / page / 2, "too little was paged out");
	need(full.pageins - before.pageins >= size / page / 2, "too little was paged in");

	/* A program needs memory: the cache gives way. */
	uint64_t wanted = memory / 4;
	char *own = mmap(0, wanted, PROT_READ | PROT_WRITE, MAP_ANON | MAP_PRIVATE, -1, 0);
	if (own == MAP_FAILED)
		die("mmap");
	memset(own, 1, wanted);
	need(counts().external_page_count < full.external_page_count, "the cache did not give way");
	munmap(own, wanted);

	char *file = mmap(0, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (file == MAP_FAILED)
		die("mmap");
	for (uint64_t at = 0; at < size; at += 4096)
		*(uint64_t *)(file + at) += 1;
	if (msync(file, size, MS_SYNC))
		die("msync");
	printf("mapped, ");
	read_all(fd, size, 1);
	need(counts().external_page_count > memory / 8 / page, "the cache did not grow again");
	puts("read again");
	return 0;
}
