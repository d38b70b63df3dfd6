// aarch64: entry point, signal trampoline, setjmp, entry stubs of variadic functions.

    .text

// The kernel enters with [sp] = argc and zeroed registers.
    .globl _start
    .p2align 4
_start:
    mov x29, #0
    mov x30, #0
    mov x0, sp
    bl _libsystem_start
    brk #1

// A new thread: the kernel enters with its record in x0 and the stack's end in sp.
    .globl _libsystem_thread_start
    .p2align 4
_libsystem_thread_start:
    mov x29, #0
    mov x30, #0
    bl _libsystem_thread_begin
    brk #1

// The function of a _Thread_local variable's descriptor: the descriptor in x0, the variable's address in x0;
// only x16 changes besides. Word 2 of the thread's leads to its block of variables.
    .globl __tlv_bootstrap
    .p2align 4
__tlv_bootstrap:
    ldr x0, [x0, #16]
    mrs x16, tpidrro_el0
    ldr x16, [x16, #16]
    add x0, x0, x16
    ret

// tramp(handler x0, style w1, signal w2, info x3, context x4): runs the handler, then sigreturn.
    .globl _libsystem_sigtramp
    .p2align 4
_libsystem_sigtramp:
    mov x19, x4
    mov x20, x1
    mov x8, x0
    mov x0, x2
    mov x1, x3
    mov x2, x4
    blr x8
    mov x0, x19
    mov x1, x20
    mov x2, #0
    mov x16, #184
    svc #0x80
    brk #1

// jmp_buf: x19-x30, sp, d8-d15, mask u32 at 168, whether the mask was saved u32 at 172.
    .globl __setjmp
    .p2align 4
__setjmp:
    str wzr, [x0, #172]
Lsetjmp_registers:
    stp x19, x20, [x0]
    stp x21, x22, [x0, #16]
    stp x23, x24, [x0, #32]
    stp x25, x26, [x0, #48]
    stp x27, x28, [x0, #64]
    stp x29, x30, [x0, #80]
    mov x9, sp
    str x9, [x0, #96]
    stp d8, d9, [x0, #104]
    stp d10, d11, [x0, #120]
    stp d12, d13, [x0, #136]
    stp d14, d15, [x0, #152]
    mov w0, #0
    ret

    .globl _setjmp
    .alt_entry _setjmp
    .globl _sigsetjmp
    .alt_entry _sigsetjmp
    .p2align 4
_setjmp:
    mov w1, #1
_sigsetjmp:
    cbz w1, __setjmp
    mov w9, #1
    str w9, [x0, #172]
    mov x10, x0
    add x2, x0, #168
    mov x1, #0
    mov x0, #1
    mov x16, #48
    svc #0x80
    mov x0, x10
    b Lsetjmp_registers

    .globl _longjmp
    .globl __longjmp
    .alt_entry __longjmp
    .globl _siglongjmp
    .alt_entry _siglongjmp
    .p2align 4
_longjmp:
__longjmp:
_siglongjmp:
    mov x10, x0
    mov w11, w1
    ldr w9, [x0, #172]
    cbz w9, 1f
    add x1, x0, #168
    mov x0, #3
    mov x2, #0
    mov x16, #48
    svc #0x80
1:  ldp x19, x20, [x10]
    ldp x21, x22, [x10, #16]
    ldp x23, x24, [x10, #32]
    ldp x25, x26, [x10, #48]
    ldp x27, x28, [x10, #64]
    ldp x29, x30, [x10, #80]
    ldr x9, [x10, #96]
    mov sp, x9
    ldp d8, d9, [x10, #104]
    ldp d10, d11, [x10, #120]
    ldp d12, d13, [x10, #136]
    ldp d14, d15, [x10, #152]
    cmp w11, #0
    csinc w0, w11, wzr, ne
    ret

// Variadic arguments lie in 8-byte slots from sp on: the v-form gets that address as its next argument.
.macro variadic name, target, register
    .globl \name
    .p2align 2
\name:
    mov \register, sp
    b \target
.endm

    variadic _printf, _vprintf, x1
    variadic _fprintf, _vfprintf, x2
    variadic _sprintf, _vsprintf, x2
    variadic _snprintf, _vsnprintf, x3
    variadic _asprintf, _vasprintf, x2
    variadic _dprintf, _vdprintf, x2
    variadic _sscanf, _vsscanf, x2
    variadic _fscanf, _vfscanf, x2
    variadic _scanf, _vscanf, x1
    variadic _err, _verr, x2
    variadic _errx, _verrx, x2
    variadic _errc, _verrc, x3
    variadic _warn, _vwarn, x1
    variadic _warnx, _vwarnx, x1
    variadic _warnc, _vwarnc, x2
    variadic _execl, _libsystem_execl, x2
    variadic _execlp, _libsystem_execlp, x2

// Their optional third argument travels on the stack.
    .globl _open
    .p2align 2
_open:
    ldr x2, [sp]
    b _libsystem_open
    .globl _fcntl
    .p2align 2
_fcntl:
    ldr x2, [sp]
    b _libsystem_fcntl
    .globl _ioctl
    .p2align 2
_ioctl:
    ldr x2, [sp]
    b _libsystem_ioctl
    .globl _shm_open
    .p2align 2
_shm_open:
    ldr x2, [sp]
    b _libsystem_shm_open
