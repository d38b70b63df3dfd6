/*
 * output.h -- the clock of the benchmarks and the lines they print.
 *
 * Lines are collected in memory and written between groups, so that printing is in
 * no figure. `bench NAME VALUE UNIT` is the only form that the host reads.
 */
#ifndef BENCH_OUTPUT_H
#define BENCH_OUTPUT_H

#define MIB (1ul << 20)

/* ---- time ---- */
static int wall;                        /* nanoseconds of the system instead of instructions */
static double pair_cost;                /* cost of two adjacent now() */

static inline __attribute__((always_inline)) uint64_t now(void)
{
	if (wall) {
		struct timespec t;
		clock_gettime(CLOCK_MONOTONIC, &t);
		return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
	}
	return counter();
}
static double diff(uint64_t a, uint64_t b)
{
	return (double)(b - a) * (wall ? 1.0 : counter_ns);
}

/* ---- output: collected in memory, written and drained between groups ---- */
static char obuf[1 << 16];
static size_t olen;

static void say(const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(obuf + olen, sizeof obuf - olen, fmt, ap);
	va_end(ap);
	if (n > 0 && olen + (size_t)n < sizeof obuf)
		olen += (size_t)n;
}
static void flush(void)
{
	size_t o = 0;
	while (o < olen) {
		ssize_t n = write(1, obuf + o, olen - o);
		if (n <= 0)
			break;
		o += (size_t)n;
	}
	drain();
	olen = 0;
}
static void bench(const char *name, double v, const char *per)
{
	say("bench %s %.3f %s/%s\n", name, v, wall ? "ns" : "insn", per);
}
static void value(const char *name, double v, const char *unit)
{
	say("bench %s %.3f %s\n", name, v, unit);
}

#endif
