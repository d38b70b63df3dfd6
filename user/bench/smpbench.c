/*
 * smpbench.c -- what several CPUs gain: `smpbench [ROUNDS] [BENCHMARK…]`, five rounds of all benchmarks if nothing is said.
 *
 * Each benchmark is the same work by one worker and by as many as there are CPUs. A round has several slices of
 * all benchmarks in turn, so that what slows the host for a moment slows them all alike. A worker is a thread of
 * this task or a task of its own. Each round prints, by the middle one of its slices,
 *     smp NAME WORKERS OPERATIONS_PER_SECOND
 * over all workers, from the first one's start to the last one's end in wall time. The work for each worker is
 * always the same, so with perfect scaling the figure grows as the workers do. In kernels that count their
 * locks the counts follow: `lock ACQUISITIONS CONTENDED LONGEST_NS NAME`.
 */
#include <errno.h>
#include <mach/mach_time.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vellum.h>

#define ROUNDS 5
#define SLICES 24		/* of a round */
#define WORKERS 8		/* the most */
#define FAULT_PAGES 8192	/* of each worker in a slice, at most */
#define TURN 20000		/* operations of the loop between two system calls */
#define SPINS 1000		/* before a worker that waits lets others run */
#define LOCKS "debug.lock_statistics"

static size_t page;
static size_t fault_pages;

static void die(const char *what)
{
	fprintf(stderr, "smpbench: %s: %s\n", what, strerror(errno));
	exit(1);
}

static char *anonymous(size_t length, int flags)
{
	char *memory = mmap(0, length, PROT_READ | PROT_WRITE, MAP_ANON | flags, -1, 0);
	if (memory == MAP_FAILED)
		die("mmap");
	return memory;
}

/* ---- the work of one worker; what `before` gives, `work` uses and `after` takes back ---- */

struct benchmark {
	const char *name;
	long operations;	/* of one worker in a slice; 0: one for each page that is its own */
	int tasks;		/* workers are tasks, not threads */
	char *(*before)(void);
	void (*work)(char *memory, long operations);
	void (*after)(char *memory);
};

/* never faults: the pages were written before */
static char *loop_before(void)
{
	char *memory = anonymous(page, MAP_PRIVATE);
	memset(memory, 1, page);
	return memory;
}
/* aligned: the emulator goes the long way round a loop that lies in two pages */
__attribute__((aligned(128), noinline)) static void turn(volatile uint64_t *words)
{
	for (long i = 0; i < TURN; i++)
		words[i & 255] = words[(i * 7) & 255] * 5 + 1;
}
/* in turns: where the emulator has just translated a loop, it may run at half its speed until it is left */
static void loop(char *memory, long operations)
{
	for (; operations > 0; operations -= TURN) {
		turn((volatile uint64_t *)memory);
		getppid();
	}
}
static void loop_after(char *memory) { munmap(memory, page); }

static char *fault_before(void) { return anonymous(fault_pages * page, MAP_PRIVATE); }
static void fault(char *memory, long operations)
{
	for (long i = 0; i < operations; i++)
		*(volatile char *)(memory + (size_t)i * page) = 1;
}
static void fault_after(char *memory) { munmap(memory, fault_pages * page); }

static char *nothing_before(void) { return 0; }
static void nothing_after(char *memory) { (void)memory; }

static void fork_exit_wait(char *memory, long operations)
{
	(void)memory;
	for (long i = 0; i < operations; i++) {
		int status;
		pid_t child = fork();
		if (child < 0)
			die("fork");
		if (!child)
			_exit(0);
		if (waitpid(child, &status, 0) != child || status)
			die("waitpid");
	}
}

static void map_unmap(char *memory, long operations)
{
	(void)memory;
	for (long i = 0; i < operations; i++)
		if (munmap(anonymous(page, MAP_PRIVATE), page))
			die("munmap");
}

static const struct benchmark benchmarks[] = {
	{ "loop", 400 * TURN, 0, loop_before, loop, loop_after },
	{ "fault_threads", 0, 0, fault_before, fault, fault_after },
	{ "fault_tasks", 0, 1, fault_before, fault, fault_after },
	{ "fork_exit_wait", 100, 1, nothing_before, fork_exit_wait, nothing_after },
	{ "mmap_munmap_threads", 7500, 0, nothing_before, map_unmap, nothing_after },
	{ "mmap_munmap_tasks", 7500, 1, nothing_before, map_unmap, nothing_after },
};

#define BENCHMARKS (sizeof benchmarks / sizeof *benchmarks)

static long operations(const struct benchmark *b) { return b->operations ? b->operations : (long)fault_pages; }

/* ---- workers: their course is shared by all tasks ---- */

struct course {
	const struct benchmark *benchmark;
	_Atomic int ready;	/* workers at the start */
	_Atomic int off;	/* they may go */
	uint64_t began[WORKERS];
	uint64_t ended[WORKERS];
};
static struct course *course;

static void until(_Atomic int *word, int value)
{
	for (int spins = 1; atomic_load(word) != value; spins++)
		if (spins % SPINS == 0)
			sched_yield();
}

/* worker 0 gives the start when all are ready */
static void run(int self, int workers)
{
	const struct benchmark *b = course->benchmark;
	char *memory = b->before();
	atomic_fetch_add(&course->ready, 1);
	if (!self) {
		until(&course->ready, workers);
		atomic_store(&course->off, 1);
	}
	until(&course->off, 1);
	course->began[self] = mach_absolute_time();
	b->work(memory, operations(b));
	course->ended[self] = mach_absolute_time();
	b->after(memory);
}

static int crowd;		/* workers of this course, for threads */
static void *thread(void *self)
{
	run((int)(long)self, crowd);
	return 0;
}

static void with_threads(int workers)
{
	pthread_t threads[WORKERS];
	crowd = workers;
	for (long i = 1; i < workers; i++)
		if ((errno = pthread_create(&threads[i], 0, thread, (void *)i)))
			die("pthread_create");
	run(0, workers);
	for (int i = 1; i < workers; i++)
		if ((errno = pthread_join(threads[i], 0)))
			die("pthread_join");
}

static void with_tasks(int workers)
{
	pid_t tasks[WORKERS];
	int status;
	for (int i = 1; i < workers; i++) {
		if ((tasks[i] = fork()) < 0)
			die("fork");
		if (!tasks[i]) {
			run(i, workers);
			_exit(0);
		}
	}
	run(0, workers);
	for (int i = 1; i < workers; i++)
		if (waitpid(tasks[i], &status, 0) != tasks[i] || status)
			die("a worker");
}

/* ---- locks: only where the kernel counts them ---- */

static void locks_forget(void)
{
	int any = 0;
	if (sysctlbyname(LOCKS, 0, 0, &any, sizeof any) && errno != ENOENT)
		die(LOCKS);
}

static void locks_print(void)
{
	static struct vellum_lock_statistics rows[64];
	size_t size = sizeof rows;
	if (sysctlbyname(LOCKS, rows, &size, 0, 0)) {
		if (errno != ENOENT)
			die(LOCKS);
		return;
	}
	for (size_t i = 0; i < size / sizeof *rows; i++)
		printf("lock %llu %llu %llu %s\n", (unsigned long long)rows[i].acquisitions,
		       (unsigned long long)rows[i].contended, (unsigned long long)rows[i].longest, rows[i].name);
}

static int wanted(const char *name, int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (!strcmp(argv[i], name))
			return 1;
	return argc < 2;
}

/* ---- the measurement ---- */

/* the seconds that all workers together took for a slice */
static double measure(const struct benchmark *b, int workers)
{
	static mach_timebase_info_data_t base;
	uint64_t first = UINT64_MAX, last = 0;

	if (!base.denom && mach_timebase_info(&base))
		die("mach_timebase_info");
	course->benchmark = b;
	atomic_store(&course->ready, 0);
	atomic_store(&course->off, 0);
	if (b->tasks)
		with_tasks(workers);
	else
		with_threads(workers);
	for (int i = 0; i < workers; i++) {
		first = course->began[i] < first ? course->began[i] : first;
		last = course->ended[i] > last ? course->ended[i] : last;
	}
	if (last <= first) {
		fprintf(stderr, "smpbench: the clock stands still\n");
		exit(1);
	}
	return (double)(last - first) * base.numer / base.denom / 1e9;
}

/* the seconds that each slice of a round took: one worker's, and all workers' */
static double alone[BENCHMARKS][SLICES], together[BENCHMARKS][SLICES];

/* slices of every wanted benchmark in turn, with one worker and with all: what disturbs the host disturbs them all */
static void slices(int cpus, int argc, char **argv)
{
	for (int slice = 0; slice < SLICES; slice++)
		for (size_t i = 0; i < BENCHMARKS; i++) {
			if (!wanted(benchmarks[i].name, argc, argv))
				continue;
			alone[i][slice] = measure(&benchmarks[i], 1);
			if (cpus > 1)
				together[i][slice] = measure(&benchmarks[i], cpus);
		}
}

static int by_length(const void *one, const void *other)
{
	double a = *(const double *)one, b = *(const double *)other;
	return (a > b) - (a < b);
}

/* operations a second, by the middle one of a round's slices */
static void tell(const struct benchmark *b, int workers, double *seconds)
{
	qsort(seconds, SLICES, sizeof *seconds, by_length);
	double middle = (seconds[(SLICES - 1) / 2] + seconds[SLICES / 2]) / 2;
	printf("smp %s %d %.3f\n", b->name, workers, (double)operations(b) * workers / middle);
}

static void rounds(int count, int cpus, int argc, char **argv)
{
	slices(cpus, argc, argv);	/* they warm up */
	locks_forget();
	for (int round = 0; round < count; round++) {
		slices(cpus, argc, argv);
		for (size_t i = 0; i < BENCHMARKS; i++) {
			if (!wanted(benchmarks[i].name, argc, argv))
				continue;
			tell(&benchmarks[i], 1, alone[i]);
			if (cpus > 1)
				tell(&benchmarks[i], cpus, together[i]);
		}
		fflush(stdout);
	}
}

int main(int argc, char **argv)
{
	int cpus = (int)sysconf(_SC_NPROCESSORS_ONLN), known = 0;
	uint64_t memory;

	int count = argc > 1 ? atoi(argv[1]) : 0;
	if (count > 0) {
		argc--;
		argv++;
	} else
		count = ROUNDS;
	page = (size_t)sysconf(_SC_PAGESIZE);
	for (size_t i = 0; i < BENCHMARKS; i++)
		known += wanted(benchmarks[i].name, argc, argv);
	if (!known || cpus < 1 || cpus > WORKERS) {
		fprintf(stderr, known ? "smpbench: from 1 to %d CPUs\n" : "smpbench: no such benchmark\n", WORKERS);
		return 64;
	}
	size_t size = sizeof memory;
	if (sysctlbyname("hw.memsize", &memory, &size, 0, 0))
		die("hw.memsize");
	fault_pages = memory / 2 / (size_t)cpus / page;
	if (fault_pages > FAULT_PAGES)
		fault_pages = FAULT_PAGES;
	course = (struct course *)anonymous(sizeof *course, MAP_SHARED);
	rounds(count, cpus, argc, argv);
	locks_print();
	return 0;
}
