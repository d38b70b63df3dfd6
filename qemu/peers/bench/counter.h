/*
 * counter.h -- the guest's instruction counter: under `-icount shift=0` both CPUs'
 * virtual counters advance one nanosecond an instruction.
 */
#ifndef BENCH_COUNTER_H
#define BENCH_COUNTER_H
#include <stdint.h>

#if defined(__x86_64__)
static inline uint64_t counter(void)
{
	uint32_t lo, hi;
	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi) : : "memory");
	return ((uint64_t)hi << 32) | lo;
}
static double counter_ns = 1.0;         /* TSC of TCG under icount: 1 GHz */
static void counter_init(void) { }
#elif defined(__aarch64__)
static inline uint64_t counter(void)
{
	uint64_t v;
	__asm__ volatile("mrs %0, cntvct_el0" : "=r"(v) : : "memory");
	return v;
}
static double counter_ns;
static void counter_init(void)
{
	uint64_t f;
	__asm__ volatile("mrs %0, cntfrq_el0" : "=r"(f));
	counter_ns = 1e9 / (double)f;
}
#else
#error "unknown architecture"
#endif

#endif
