/* <sys/ucontext.h>: a thread's registers as a signal handler sees them */
#ifndef _SYS_UCONTEXT_H_
#define _SYS_UCONTEXT_H_

#include <sys/cdefs.h>
#include <sys/types.h>

__BEGIN_DECLS

typedef struct {
	void *ss_sp;
	size_t ss_size;
	int ss_flags;
} stack_t;

#if defined(__x86_64__)
struct __darwin_mcontext64 {
	struct {
		uint16_t __trapno;
		uint16_t __cpu;
		uint32_t __err;
		uint64_t __faultvaddr;
	} __es;
	struct {
		uint64_t __rax, __rbx, __rcx, __rdx, __rdi, __rsi, __rbp, __rsp;
		uint64_t __r8, __r9, __r10, __r11, __r12, __r13, __r14, __r15;
		uint64_t __rip, __rflags, __cs, __fs, __gs;
	} __ss;
	struct {
		int __fpu_reserved[2];
		uint8_t __fxsave[512];
		int __fpu_reserved1;
	} __fs;
};
#else
struct __darwin_mcontext64 {
	struct {
		uint64_t __far;
		uint32_t __esr;
		uint32_t __exception;
	} __es;
	struct {
		uint64_t __x[29];
		uint64_t __fp, __lr, __sp, __pc;
		uint32_t __cpsr, __pad;
	} __ss;
	struct {
		__uint128_t __v[32];
		uint32_t __fpsr, __fpcr;
	} __ns;
};
#endif

typedef struct __darwin_mcontext64 *mcontext_t;

typedef struct __darwin_ucontext {
	int uc_onstack;
	sigset_t uc_sigmask;
	stack_t uc_stack;
	struct __darwin_ucontext *uc_link;
	size_t uc_mcsize;
	mcontext_t uc_mcontext;
} ucontext_t;

__END_DECLS

#endif
