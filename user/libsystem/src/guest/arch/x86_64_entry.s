# x86_64: entry point, signal trampoline, setjmp, entry stubs of variadic functions (AT&T syntax).

    .text

# The kernel enters with [rsp] = argc and zeroed registers.
    .globl _start
    .p2align 4
_start:
    xorl %ebp, %ebp
    movq %rsp, %rdi
    andq $-16, %rsp
    callq _libsystem_start
    ud2

# A new thread: the kernel enters with its record in rdi and the stack's end in rsp.
    .globl _libsystem_thread_start
    .p2align 4
_libsystem_thread_start:
    xorl %ebp, %ebp
    andq $-16, %rsp
    callq _libsystem_thread_begin
    ud2

# The function of a _Thread_local variable's descriptor: the descriptor in rdi, the variable's address in
# rax; no other register changes. Word 2 of the thread's leads to its block of variables.
    .globl __tlv_bootstrap
    .p2align 4
__tlv_bootstrap:
    movq %gs:16, %rax
    addq 16(%rdi), %rax
    retq

# tramp(handler rdi, style esi, signal edx, info rcx, context r8): runs the handler, then sigreturn.
    .globl _libsystem_sigtramp
    .p2align 4
_libsystem_sigtramp:
    pushq %rbp
    movq %rsp, %rbp
    pushq %rbx
    pushq %r12
    movq %r8, %rbx
    movl %esi, %r12d
    movq %rdi, %rax
    movl %edx, %edi
    movq %rcx, %rsi
    movq %r8, %rdx
    callq *%rax
    movq %rbx, %rdi
    movl %r12d, %esi
    xorl %edx, %edx
    movl $0x20000b8, %eax
    syscall
    ud2

# jmp_buf: rbx rbp rsp r12 r13 r14 r15 rip, mask u32, whether the mask was saved u32.
    .globl __setjmp
    .p2align 4
__setjmp:
    movl $0, 68(%rdi)
Lsetjmp_registers:
    movq %rbx, (%rdi)
    movq %rbp, 8(%rdi)
    leaq 8(%rsp), %rax
    movq %rax, 16(%rdi)
    movq %r12, 24(%rdi)
    movq %r13, 32(%rdi)
    movq %r14, 40(%rdi)
    movq %r15, 48(%rdi)
    movq (%rsp), %rax
    movq %rax, 56(%rdi)
    xorl %eax, %eax
    retq

    .globl _setjmp
    .alt_entry _setjmp
    .globl _sigsetjmp
    .alt_entry _sigsetjmp
    .p2align 4
_setjmp:
    movl $1, %esi
_sigsetjmp:
    testl %esi, %esi
    je __setjmp
    movl $1, 68(%rdi)
    movq %rdi, %r9
    leaq 64(%rdi), %rdx
    xorl %esi, %esi
    movl $1, %edi
    movl $0x2000030, %eax
    syscall
    movq %r9, %rdi
    jmp Lsetjmp_registers

    .globl _longjmp
    .globl __longjmp
    .alt_entry __longjmp
    .globl _siglongjmp
    .alt_entry _siglongjmp
    .p2align 4
_longjmp:
__longjmp:
_siglongjmp:
    movq %rdi, %r9
    movl %esi, %r8d
    cmpl $0, 68(%rdi)
    je 1f
    leaq 64(%rdi), %rsi
    movl $3, %edi
    xorl %edx, %edx
    movl $0x2000030, %eax
    syscall
1:  movl %r8d, %eax
    testl %eax, %eax
    jne 2f
    incl %eax
2:  movq (%r9), %rbx
    movq 8(%r9), %rbp
    movq 16(%r9), %rsp
    movq 24(%r9), %r12
    movq 32(%r9), %r13
    movq 40(%r9), %r14
    movq 48(%r9), %r15
    jmpq *56(%r9)

# A variadic function builds a va_list on its stack and calls its v-form, which takes the list's address
# as its next argument. Frame: 0 list (24 bytes), 32 register save area (176 bytes), 216 return address.
.macro variadic name, target, fixed, register
    .globl \name
    .p2align 4
\name:
    subq $216, %rsp
    movq %rdi, 32(%rsp)
    movq %rsi, 40(%rsp)
    movq %rdx, 48(%rsp)
    movq %rcx, 56(%rsp)
    movq %r8, 64(%rsp)
    movq %r9, 72(%rsp)
    testb %al, %al
    je 1f
    movaps %xmm0, 80(%rsp)
    movaps %xmm1, 96(%rsp)
    movaps %xmm2, 112(%rsp)
    movaps %xmm3, 128(%rsp)
    movaps %xmm4, 144(%rsp)
    movaps %xmm5, 160(%rsp)
    movaps %xmm6, 176(%rsp)
    movaps %xmm7, 192(%rsp)
1:  movl $(8 * \fixed), (%rsp)
    movl $48, 4(%rsp)
    leaq 224(%rsp), %rax
    movq %rax, 8(%rsp)
    leaq 32(%rsp), %rax
    movq %rax, 16(%rsp)
    movq %rsp, %\register
    callq \target
    addq $216, %rsp
    retq
.endm

    variadic _printf, _vprintf, 1, rsi
    variadic _fprintf, _vfprintf, 2, rdx
    variadic _sprintf, _vsprintf, 2, rdx
    variadic _snprintf, _vsnprintf, 3, rcx
    variadic _asprintf, _vasprintf, 2, rdx
    variadic _dprintf, _vdprintf, 2, rdx
    variadic _sscanf, _vsscanf, 2, rdx
    variadic _fscanf, _vfscanf, 2, rdx
    variadic _scanf, _vscanf, 1, rsi
    variadic _err, _verr, 2, rdx
    variadic _errx, _verrx, 2, rdx
    variadic _errc, _verrc, 3, rcx
    variadic _warn, _vwarn, 1, rsi
    variadic _warnx, _vwarnx, 1, rsi
    variadic _warnc, _vwarnc, 2, rdx
    variadic _execl, _libsystem_execl, 2, rdx
    variadic _execlp, _libsystem_execlp, 2, rdx

# Their optional third argument travels in its usual register.
    .globl _open
_open:
    jmp _libsystem_open
    .globl _fcntl
_fcntl:
    jmp _libsystem_fcntl
    .globl _ioctl
_ioctl:
    jmp _libsystem_ioctl
    .globl _shm_open
_shm_open:
    jmp _libsystem_shm_open
