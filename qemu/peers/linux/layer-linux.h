/*
 * layer-linux.h -- Linux under the benchmarks: raw system calls, no libc wrapper
 * between a loop and the kernel.
 */
#ifndef LAYER_LINUX_H
#define LAYER_LINUX_H
#include "../bench/counter.h"

#if defined(__x86_64__)
static inline long sys6(long n, long a, long b, long c, long d, long e, long f)
{
	long r;
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	__asm__ volatile("syscall" : "=a"(r) : "a"(n), "D"(a), "S"(b), "d"(c),
			 "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
	return r;
}
#elif defined(__aarch64__)
static inline long sys6(long n, long a, long b, long c, long d, long e, long f)
{
	register long x8 __asm__("x8") = n;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = f;
	__asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2),
			 "r"(x3), "r"(x4), "r"(x5) : "memory");
	return x0;
}
#else
#error "unknown architecture"
#endif
#define sys0(n)             sys6(n, 0, 0, 0, 0, 0, 0)
#define sys1(n, a)          sys6(n, (long)(a), 0, 0, 0, 0, 0)
#define sys2(n, a, b)       sys6(n, (long)(a), (long)(b), 0, 0, 0, 0)
#define sys3(n, a, b, c)    sys6(n, (long)(a), (long)(b), (long)(c), 0, 0, 0)
#define sys4(n, a, b, c, d) sys6(n, (long)(a), (long)(b), (long)(c), (long)(d), 0, 0)

static inline void *r_mmap(void *a, size_t l, int p, int f, int fd, long off)
{
	return (void *)sys6(SYS_mmap, (long)a, (long)l, p, f, fd, off);
}
static inline long r_munmap(void *a, size_t l) { return sys2(SYS_munmap, a, l); }
static inline long r_mprotect(void *a, size_t l, int p) { return sys3(SYS_mprotect, a, l, p); }
static inline long r_madvise(void *a, size_t l, int x) { return sys3(SYS_madvise, a, l, x); }
static inline long r_fork(void) { return sys6(SYS_clone, SIGCHLD, 0, 0, 0, 0, 0); }
static inline long r_wait(long pid, int *st) { return sys4(SYS_wait4, pid, st, 0, 0); }
static inline void r_exit(int c) { for (;;) sys1(SYS_exit_group, c); }
static inline long r_getppid(void) { return sys0(SYS_getppid); }
static inline long r_read(int fd, void *b, size_t n) { return sys3(SYS_read, fd, b, n); }
static inline long r_write(int fd, const void *b, size_t n) { return sys3(SYS_write, fd, b, n); }
static inline long r_pread(int fd, void *b, size_t n, size_t o) { return sys4(SYS_pread64, fd, b, n, o); }
static inline long r_pwrite(int fd, const void *b, size_t n, size_t o) { return sys4(SYS_pwrite64, fd, b, n, o); }
static inline long r_msync(void *a, size_t l, int f) { return sys3(SYS_msync, a, l, f); }
/* the pages go, the region stays */
static inline long r_discard(void *a, size_t l) { return r_madvise(a, l, MADV_DONTNEED); }
static inline void drain(void) { tcdrain(1); }

#define POPULATE  MAP_POPULATE
#define NORESERVE MAP_NORESERVE

static int is_err(const void *p) { return (unsigned long)p > -4096ul; }

#endif
