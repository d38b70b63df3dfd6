/* System calls by their numbers, as a program without a library makes them. */
#ifndef RAW_H
#define RAW_H

#include <stdint.h>

/* A BSD call: its errno, or 0 and its first result. */
static inline int raw_unix(uint32_t number, const uint64_t *args, uint64_t *result)
{
#if defined(__x86_64__)
	register uint64_t r10 __asm__("r10") = args[3];
	register uint64_t r8 __asm__("r8") = args[4];
	register uint64_t r9 __asm__("r9") = args[5];
	uint64_t value = 0x2000000ull | number, rdx = args[2];
	unsigned char carry;
	__asm__ volatile("syscall\n\tsetc %0"
			 : "=q"(carry), "+a"(value), "+d"(rdx)
			 : "D"(args[0]), "S"(args[1]), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory", "cc");
#else
	register uint64_t x16 __asm__("x16") = number;
	register uint64_t value __asm__("x0") = args[0];
	register uint64_t x1 __asm__("x1") = args[1];
	register uint64_t x2 __asm__("x2") = args[2];
	register uint64_t x3 __asm__("x3") = args[3];
	register uint64_t x4 __asm__("x4") = args[4];
	register uint64_t x5 __asm__("x5") = args[5];
	uint64_t carry;
	__asm__ volatile("svc #0x80\n\tcset %0, cs"
			 : "=r"(carry), "+r"(value), "+r"(x1)
			 : "r"(x16), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
			 : "memory", "cc");
#endif
	if (carry)
		return (int)value;
	if (result)
		*result = value;
	return 0;
}

/* A Mach trap: its code. */
static inline uint32_t raw_mach(uint32_t number, const uint64_t *args)
{
#if defined(__x86_64__)
	register uint64_t r10 __asm__("r10") = args[3];
	register uint64_t r8 __asm__("r8") = args[4];
	register uint64_t r9 __asm__("r9") = args[5];
	uint64_t rax = 0x1000000ull | number, rdx = args[2];
	__asm__ volatile("syscall"
			 : "+a"(rax), "+d"(rdx)
			 : "D"(args[0]), "S"(args[1]), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory", "cc");
	return (uint32_t)rax;
#else
	register uint64_t x16 __asm__("x16") = -(uint64_t)number;
	register uint64_t x0 __asm__("x0") = args[0];
	register uint64_t x1 __asm__("x1") = args[1];
	register uint64_t x2 __asm__("x2") = args[2];
	register uint64_t x3 __asm__("x3") = args[3];
	register uint64_t x4 __asm__("x4") = args[4];
	register uint64_t x5 __asm__("x5") = args[5];
	__asm__ volatile("svc #0x80"
			 : "+r"(x0), "+r"(x1)
			 : "r"(x16), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
			 : "memory", "cc");
	return (uint32_t)x0;
#endif
}

#endif
