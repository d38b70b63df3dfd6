/*
 * layer-darwin.h -- Vellum under the benchmarks: raw system calls by Darwin's
 * conventions, no libc wrapper between a loop and the kernel. Errors come as
 * -errno, so that the groups read the same on both sides.
 */
#ifndef LAYER_DARWIN_H
#define LAYER_DARWIN_H
#include "counter.h"

struct two { long first, second; };     /* the two result registers */

#if defined(__x86_64__)
static inline struct two sys6(long n, long a, long b, long c, long d, long e, long f)
{
	struct two r;
	char failed;
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	__asm__ volatile("syscall\n\tsetc %2"
			 : "=a"(r.first), "=d"(r.second), "=q"(failed)
			 : "a"(n | 2l << 24), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory", "cc");
	if (failed)
		r.first = -r.first;
	return r;
}
#elif defined(__aarch64__)
static inline struct two sys6(long n, long a, long b, long c, long d, long e, long f)
{
	struct two r;
	register long x16 __asm__("x16") = n;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = f;
	__asm__ volatile("svc #0x80\n\tcneg x0, x0, cs"
			 : "+r"(x0), "+r"(x1), "+r"(x16) : "r"(x2), "r"(x3), "r"(x4), "r"(x5)
			 : "memory", "cc", "x17");
	r.first = x0;
	r.second = x1;
	return r;
}
#endif

static inline long r_call(long n, long a, long b, long c, long d)
{
	return sys6(n, a, b, c, d, 0, 0).first;
}
static inline void *r_mmap(void *a, size_t l, int p, int f, int fd, long off)
{
	return (void *)sys6(SYS_mmap, (long)a, (long)l, p, f, fd, off).first;
}
static inline long r_munmap(void *a, size_t l) { return r_call(SYS_munmap, (long)a, (long)l, 0, 0); }
static inline long r_mprotect(void *a, size_t l, int p) { return r_call(SYS_mprotect, (long)a, (long)l, p, 0); }
static inline long r_fork(void)
{
	struct two r = sys6(SYS_fork, 0, 0, 0, 0, 0, 0);
	return r.second == 1 ? 0 : r.first;
}
static inline long r_wait(long pid, int *st) { return r_call(SYS_wait4, pid, (long)st, 0, 0); }
static inline void r_exit(int c) { for (;;) r_call(SYS_exit, c, 0, 0, 0); }
static inline long r_getppid(void) { return r_call(SYS_getppid, 0, 0, 0, 0); }
static inline long r_read(int fd, void *b, size_t n) { return r_call(SYS_read, fd, (long)b, (long)n, 0); }
static inline long r_write(int fd, const void *b, size_t n) { return r_call(SYS_write, fd, (long)b, (long)n, 0); }
static inline long r_pread(int fd, void *b, size_t n, size_t o) { return r_call(SYS_pread, fd, (long)b, (long)n, (long)o); }
static inline long r_pwrite(int fd, const void *b, size_t n, size_t o) { return r_call(SYS_pwrite, fd, (long)b, (long)n, (long)o); }
static inline long r_msync(void *a, size_t l, int f) { return r_call(SYS_msync, (long)a, (long)l, f, 0); }
/* the pages go, the region stays */
static inline long r_discard(void *a, size_t l) { return r_call(SYS_madvise, (long)a, (long)l, MADV_FREE, 0); }
static inline void drain(void) { }

#define NORESERVE 0

static int is_err(const void *p) { return (unsigned long)p > -4096ul; }

#endif
