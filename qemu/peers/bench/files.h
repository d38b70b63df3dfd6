/*
 * files.h -- the benchmarks of files that every kernel runs: through the cache, and from a disk.
 *
 * Definitions: each figure is of one file of 16 MiB. What fills or empties the cache, and what
 * writes to the disk what is still to be written, is outside of the measured time unless the
 * name says so. Definitions of each figure: ../linux/README.md.
 */
#ifndef BENCH_FILES_H
#define BENCH_FILES_H

#define FILE_BYTES (16 * MIB)
#define CALL       65536ul
#define DISK       "/tmp/disk"          /* where the benchmark's disk is mounted */

static char call_buffer[CALL] __attribute__((aligned(65536)));

/* all of the file, in calls of 64 KiB */
static void write_all(int fd)
{
	for (size_t o = 0; o < FILE_BYTES; o += CALL)
		if (r_pwrite(fd, call_buffer, CALL, o) != (long)CALL)
			die("pwrite");
}
static void read_all(int fd)
{
	for (size_t o = 0; o < FILE_BYTES; o += CALL)
		if (r_pread(fd, call_buffer, CALL, o) != (long)CALL)
			die("pread");
}
static char *map_all(int fd, int prot, int flags)
{
	char *p = r_mmap(ARENA, FILE_BYTES, prot, flags | MAP_FIXED, fd, 0);

	if (is_err(p))
		die("mmap file");
	return p;
}
/* a byte of each page of a mapping read or written: the mean of two rounds after the first */
static double touch_mapped(int fd, int prot, int flags, long *faults)
{
	double t = 0;

	for (int rep = 0; rep < 3; rep++) {
		char *p = map_all(fd, prot, flags);
		*faults = task_faults();
		uint64_t a = now();
		if (prot & PROT_WRITE)
			touch_w(p, FILE_BYTES);
		else
			touch_r(p, FILE_BYTES);
		uint64_t b = now();
		*faults = task_faults() - *faults;
		if (rep)
			t += diff(a, b) / 2;
		r_munmap(p, FILE_BYTES);
	}
	return t / (double)(FILE_BYTES / PG);
}

/* ---- a file in the cache; `way` is the rest of the name of another way to map it ---- */
static void cached_file(const char *tag, const char *path, const char *way)
{
	char name[64];
	uint64_t a, b;
	long faults;
	int fd = open(path, O_RDWR | O_CREAT, 0600);

	if (fd < 0)
		die(path);
	memset(call_buffer, 'x', sizeof call_buffer);
	a = now();
	write_all(fd);
	b = now();
	if (!*way) {
		snprintf(name, sizeof name, "%s_write_new", tag);
		bench(name, diff(a, b) / (double)FILE_BYTES, "byte");
	}
	fsync(fd);
	double t = touch_mapped(fd, PROT_READ, MAP_PRIVATE, &faults);
	snprintf(name, sizeof name, "%s_map_read%s", tag, way);
	bench(name, t, "page");
	strcat(name, "_faults");
	value(name, (double)faults, "faults");
	if (!*way) {
		t = touch_mapped(fd, RW, MAP_PRIVATE, &faults);
		snprintf(name, sizeof name, "%s_map_private_write", tag);
		bench(name, t, "page");
		for (int rep = 0; rep < 2; rep++) {
			a = now();
			write_all(fd);
			b = now();
		}
		fsync(fd);
		snprintf(name, sizeof name, "%s_write_64k", tag);
		bench(name, diff(a, b) / (double)FILE_BYTES, "byte");
		for (int rep = 0; rep < 2; rep++) {
			a = now();
			read_all(fd);
			b = now();
		}
		snprintf(name, sizeof name, "%s_read_64k", tag);
		bench(name, diff(a, b) / (double)FILE_BYTES, "byte");
	}
	close(fd);
	unlink(path);
}

/* ---- a file on a disk: `data`, which the host put there ---- */

/* opens it with nothing of its file system in the cache */
static int open_cold(void)
{
	r_remount(DISK);
	int fd = open(DISK "/data", O_RDWR);
	if (fd < 0)
		die(DISK "/data");
	return fd;
}
/* what is about to be measured reads at least so many pages from the disk */
static void must_read(long before, long pages)
{
	if (pages_in() - before < pages)
		die("a read was not from the disk");
}

static void cold_sequential(void)
{
	int fd = open_cold();
	long pages = (long)(FILE_BYTES / PG), before = pages_in();

	disk_begin();
	read_all(fd);
	disk_end("disk_cold_sequential", (double)pages, "page");
	must_read(before, pages);
	close(fd);
}
static void cold_random(void)
{
	static uint32_t order[FILE_BYTES / 4096];
	uint32_t pages = FILE_BYTES / PG, n = pages / 4;
	uint64_t rng = 0x1234567ull;
	int fd = open_cold();
	long before = pages_in();

	for (uint32_t i = 0; i < pages; i++)
		order[i] = i;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t j = i + (uint32_t)((gen_next(&rng) >> 32) % (pages - i)), t = order[i];
		order[i] = order[j];
		order[j] = t;
	}
	disk_begin();
	for (uint32_t i = 0; i < n; i++)
		if (r_pread(fd, call_buffer, PG, (size_t)order[i] * PG) != (long)PG)
			die("pread");
	disk_end("disk_cold_random_page", n, "page");
	must_read(before, n / 2);
	value("disk_cold_random_pages_in", (double)(pages_in() - before) / n, "pages/read");
	close(fd);
}
static void msync_page(void)
{
	const long n = 128;
	int fd = open_cold();

	read_all(fd);
	char *p = map_all(fd, RW, MAP_SHARED);
	touch_r(p, FILE_BYTES);
	/* its attributes and blocks are in memory from here on */
	p[0] = 1;
	if (r_msync(p, PG, MS_SYNC))
		die("msync");
	disk_begin();
	for (long i = 1; i <= n; i++) {
		char *page = p + i * 7 * (long)PG;
		*(volatile char *)page = 1;
		if (r_msync(page, PG, MS_SYNC))
			die("msync");
	}
	disk_end("disk_msync_page", n, "page");
	r_munmap(p, FILE_BYTES);
	close(fd);
}
static void t_disk(void)
{
	r_mount(DISK);
	cached_file("ext2", DISK "/f", "");
	cold_sequential();
	cold_random();
	msync_page();
	r_unmount(DISK);
}

#endif
