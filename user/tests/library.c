/* libSystem in the guest: variadic calls with many arguments, memory moves of every size, malloc, setjmp, streams. */
#include "test.h"
#include <ctype.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <setjmp.h>
#include <time.h>

static jmp_buf back;

static int numbers(const void *a, const void *b)
{
	int x = *(const int *)a, y = *(const int *)b;
	return (x > y) - (x < y);
}

static void expect(const char *got, const char *wanted)
{
	if (strcmp(got, wanted) != 0) {
		printf("\"%s\" is not \"%s\"\n", got, wanted);
		exit(1);
	}
}

static void double_free(void)
{
	void *volatile p = malloc(100);
	free(p);
	free(p);
}

static void free_inside(void)
{
	char *volatile p = malloc(100);
	free(p + 8);
}
static void free_stack(void)
{
	int local;
	void *volatile p = &local;
	free(p);
}

static void memory(void)
{
	static unsigned char a[1400], b[1400], c[1400];
	for (size_t n = 0; n < 600; n += n < 140 ? 1 : 37)
		for (int from = 0; from < 20; from += 3)
			for (int to = 0; to < 20; to += 5) {
				for (size_t i = 0; i < sizeof a; i++)
					a[i] = c[i] = (unsigned char)(i * 7 + n);
				memset(b, 0xee, sizeof b);
				CHECK(memcpy(b + to, a + from, n) == b + to);
				for (size_t i = 0; i < n; i++)
					CHECK_EQ(b[to + i], (unsigned char)((from + i) * 7 + n));
				CHECK(b[to + n] == 0xee && (to == 0 || b[to - 1] == 0xee));
				CHECK_EQ(memcmp(b + to, a + from, n), 0);
				if (n != 0) {
					b[to + n - 1] ^= 0x80;
					int order = memcmp(b + to, a + from, n);
					CHECK_EQ(order > 0, b[to + n - 1] > a[from + n - 1]);
					CHECK(order != 0);
				}
				memmove(a + to, a + from, n);
				for (size_t i = 0; i < n; i++)
					CHECK_EQ(a[to + i], c[from + i]);
				CHECK_EQ(a[to + n], c[to + n]);
				memset(a + to, n & 1 ? 0 : 0xab, n);
				for (size_t i = 0; i < n; i++)
					CHECK_EQ(a[to + i], n & 1 ? 0 : 0xab);
				CHECK_EQ(a[to + n], c[to + n]);
			}
	unsigned char *large = malloc(100000);
	for (size_t n = 500; n < 90000; n = n * 3 + 11) {
		memset(large, 0xcc, 100000);
		memset(large + 5, 0, n);
		CHECK(large[4] == 0xcc && large[5 + n] == 0xcc);
		for (size_t i = 0; i < n; i++)
			CHECK_EQ(large[5 + i], 0);
	}
	free(large);
}

static void heap(void)
{
	enum { SLOTS = 300 };
	static unsigned char *block[SLOTS];
	static size_t size[SLOTS];
	uint32_t seed = 1;
	for (int step = 0; step < 20000; step++) {
		seed = seed * 1664525 + 1013904223;
		int i = (int)((seed >> 8) % SLOTS);
		for (size_t at = 0; at < size[i]; at += 97)
			CHECK_EQ(block[i][at], (unsigned char)i);
		size_t wanted = (seed >> 20) % (step % 50 == 0 ? 200000 : 2000);
		if (seed & 64) {
			block[i] = realloc(block[i], wanted);
		} else {
			free(block[i]);
			block[i] = seed & 128 ? calloc(1, wanted) : malloc(wanted);
			if (seed & 128)
				for (size_t at = 0; at < wanted; at++)
					CHECK_EQ(block[i][at], 0);
		}
		CHECK(block[i] != NULL && (uintptr_t)block[i] % 16 == 0);
		size[i] = wanted;
		memset(block[i], i, wanted);
	}
	for (int i = 0; i < SLOTS; i++)
		free(block[i]);
	for (size_t align = 16; align <= 1 << 20; align *= 2) {
		char *p = aligned_alloc(align, align * 2);
		CHECK(p != NULL && (uintptr_t)p % align == 0);
		p[align * 2 - 1] = 1;
		free(p);
	}
	CHECK((uintptr_t)valloc(10) % getpagesize() == 0);
	void *volatile none = malloc(SIZE_MAX - 1);
	CHECK(none == NULL && errno == ENOMEM);
	none = malloc(1ull << 47);
	CHECK(none == NULL && errno == ENOMEM);
	none = calloc(1ull << 40, 1ull << 40);
	CHECK(none == NULL);
	CHECK_EQ(death_of(double_free), SIGABRT);
	CHECK_EQ(death_of(free_inside), SIGABRT);
	CHECK_EQ(death_of(free_stack), SIGABRT);
}

static void jump(int n)
{
	if (n == 0)
		longjmp(back, 7);
	jump(n - 1);
}

int main(void)
{
	char text[256];
	CHECK_EQ(snprintf(text, sizeof text, "%d %d %d %d %d %d %d %d %s %.2f %lld %c|%-5s|%5.1f%%", 1, 2, 3, 4, 5, 6, 7, 8, "nine", 10.25,
			  1234567890123ll, 'x', "ab", 99.5), 55);
	expect(text, "1 2 3 4 5 6 7 8 nine 10.25 1234567890123 x|ab   | 99.5%");
	snprintf(text, sizeof text, "%g %g %g %g %g %g %g %g %g %g", 1.0, 2.5, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.5, 1e100);
	expect(text, "1 2.5 3 4 5 6 7 8 9.5 1e+100");
	snprintf(text, sizeof text, "%Lf %d %Lg", (long double)2.5, 3, (long double)4);
	expect(text, "2.500000 3 4");
	snprintf(text, sizeof text, "%" PRIu64 " %" PRIx32 " %zu %p", (uint64_t)-1, (uint32_t)0xabc, (size_t)5, (void *)0x1234);
	expect(text, "18446744073709551615 abc 5 0x1234");
	CHECK_EQ(snprintf(text, 4, "%s", "longer"), 6);
	expect(text, "lon");
	CHECK_EQ(snprintf(NULL, 0, "%d", 12345), 5);

	int a = 0, b = 0;
	char word[16];
	double d = 0;
	CHECK_EQ(sscanf("12 0x1f  word 2.5e3,rest", "%d %i %15s %lf,%n", &a, &b, word, &d, (int *)text), 4);
	CHECK(a == 12 && b == 31 && d == 2500.0);
	expect(word, "word");

	memory();
	heap();

	volatile int passes = 0;
	int value = setjmp(back);
	passes++;
	if (value == 0)
		jump(50);
	CHECK_EQ(value, 7);
	CHECK_EQ(passes, 2);

	static int row[1000];
	for (int i = 0; i < 1000; i++)
		row[i] = i * 7919 % 1000;
	qsort(row, 1000, sizeof *row, numbers);
	for (int i = 0; i < 1000; i++)
		CHECK_EQ(row[i], i);
	int key = 500;
	CHECK(bsearch(&key, row, 1000, sizeof *row, numbers) == &row[500]);

	FILE *f = fopen("/tmp/library.txt", "w+");
	CHECK(f != NULL);
	for (int i = 0; i < 5000; i++)
		fprintf(f, "line %d\n", i);
	CHECK_EQ(fseek(f, 0, SEEK_SET), 0);
	for (int i = 0; i < 5000; i++) {
		char line[64];
		int got = -1;
		CHECK(fgets(line, sizeof line, f) == line);
		CHECK_EQ(sscanf(line, "line %d", &got), 1);
		CHECK_EQ(got, i);
	}
	CHECK(fgets(text, sizeof text, f) == NULL && feof(f));
	CHECK_EQ(fclose(f), 0);
	f = fopen("/tmp/library.txt", "a");
	CHECK(f != NULL && fputs("end", f) >= 0 && fclose(f) == 0);
	f = fopen("/tmp/library.txt", "r");
	CHECK_EQ(fseek(f, -3, SEEK_END), 0);
	CHECK(fgets(text, sizeof text, f) == text);
	expect(text, "end");
	fclose(f);
	CHECK(fopen("/nothing/there", "r") == NULL && errno == ENOENT);
	/* Only kernels that count their locks have this one. */
	size_t length = 0;
	CHECK_ERRNO(sysctlbyname("debug.lock_statistics", NULL, &length, NULL, 0), ENOENT);
	CHECK_EQ(unlink("/tmp/library.txt"), 0);

	CHECK_EQ(setenv("NAME", "value", 1), 0);
	expect(getenv("NAME"), "value");
	CHECK_EQ(setenv("NAME", "other", 0), 0);
	expect(getenv("NAME"), "value");
	CHECK_EQ(unsetenv("NAME"), 0);
	CHECK(getenv("NAME") == NULL);
	expect(strerror(ENOENT), "No such file or directory");
	expect(mach_error_string(KERN_NO_SPACE), "(os/kern) no space available");
	CHECK_EQ(strtol("-0x7f", NULL, 0), -127);
	CHECK(strtoul("99999999999999999999", NULL, 10) == ULONG_MAX && errno == ERANGE);
	CHECK(isalpha('a') && !isalpha('1') && toupper('a') == 'A');
	time_t when = 951782400;
	strftime(text, sizeof text, "%a %b %e %H:%M:%S %Y", gmtime(&when));
	expect(text, "Tue Feb 29 00:00:00 2000");

	struct timespec t0, t1;
	clock_gettime(CLOCK_MONOTONIC, &t0);
	usleep(30000);
	clock_gettime(CLOCK_MONOTONIC, &t1);
	long long ns = (t1.tv_sec - t0.tv_sec) * 1000000000ll + t1.tv_nsec - t0.tv_nsec;
	CHECK(ns >= 30000000 && ns < 5000000000ll);
	return 0;
}
