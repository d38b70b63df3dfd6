// Exception entry and exit.
//
// Every entry builds a `TrapFrame` on the kernel stack: x0-x30, SP, PC, PSTATE: 34 words. From user
// mode that is the top of the thread's stack, because leaving to user mode empties it.
// In the kernel SP_EL0 is scratch: the user's is in its frame.

    .macro save_general
    stp     x0, x1, [sp, #0]
    stp     x2, x3, [sp, #16]
    stp     x4, x5, [sp, #32]
    stp     x6, x7, [sp, #48]
    stp     x8, x9, [sp, #64]
    stp     x10, x11, [sp, #80]
    stp     x12, x13, [sp, #96]
    stp     x14, x15, [sp, #112]
    stp     x16, x17, [sp, #128]
    stp     x18, x19, [sp, #144]
    stp     x20, x21, [sp, #160]
    stp     x22, x23, [sp, #176]
    stp     x24, x25, [sp, #192]
    stp     x26, x27, [sp, #208]
    stp     x28, x29, [sp, #224]
    .endm

    .macro save_user
    sub     sp, sp, #{FRAME}
    save_general
    mrs     x19, sp_el0
    mrs     x20, elr_el1
    mrs     x21, spsr_el1
    stp     x30, x19, [sp, #240]
    stp     x20, x21, [sp, #256]
    .endm

    .macro save_kernel
    sub     sp, sp, #{FRAME}
    save_general
    add     x19, sp, #{FRAME}
    mrs     x20, elr_el1
    mrs     x21, spsr_el1
    stp     x30, x19, [sp, #240]
    stp     x20, x21, [sp, #256]
    .endm

    .macro restore_general
    ldp     x0, x1, [sp, #0]
    ldp     x2, x3, [sp, #16]
    ldp     x4, x5, [sp, #32]
    ldp     x6, x7, [sp, #48]
    ldp     x8, x9, [sp, #64]
    ldp     x10, x11, [sp, #80]
    ldp     x12, x13, [sp, #96]
    ldp     x14, x15, [sp, #112]
    ldp     x16, x17, [sp, #128]
    ldp     x18, x19, [sp, #144]
    ldp     x20, x21, [sp, #160]
    ldp     x22, x23, [sp, #176]
    ldp     x24, x25, [sp, #192]
    ldp     x26, x27, [sp, #208]
    ldp     x28, x29, [sp, #224]
    ldr     x30, [sp, #240]
    add     sp, sp, #{FRAME}
    .endm

// An exception that the kernel never expects: `kind` says which.
    .macro unexpected kind
    .balign 128
    save_kernel
    mov     x0, sp
    mov     x1, #\kind
    b       unexpected_exception
    .endm

    .section .text.vectors, "ax"
    .balign 2048
    .global exception_vectors
exception_vectors:
    // From EL1 with SP_EL0: the kernel never runs so.
    unexpected 0
    unexpected 1
    unexpected 2
    unexpected 3

    // From EL1.
    .balign 128
    // A stack that ran into its guard cannot hold a frame: look before the first store.
    msr     sp_el0, x0
    mrs     x0, tpidr_el1
    ldr     x0, [x0, #{CONTEXT_CPU}]
    ldr     x0, [x0, #{CPU_STACK_LIMIT}]
    sub     x0, sp, x0
    sub     x0, x0, #{FRAME}
    cmn     x0, #4, lsl #12
    b.hs    stack_overflow
    mrs     x0, sp_el0
    b       kernel_sync
    .balign 128
    save_kernel
    b       kernel_irq
    unexpected 6
    unexpected 7

    // From user mode, AArch64.
    .balign 128
    save_user
    mrs     x1, esr_el1
    mov     w2, #{SVC_LOW}
    movk    w2, #{SVC_HIGH}, lsl #16
    mov     x29, xzr
    mov     x0, sp
    cmp     w1, w2
    b.ne    user_sync
    msr     daifclr, #2
    b       user_syscall
    .balign 128
    save_user
    b       user_irq
    unexpected 10
    unexpected 11

    // From user mode, AArch32: the kernel never enters it.
    unexpected 12
    unexpected 13
    unexpected 14
    unexpected 15

    .balign 64
user_syscall:
    bl      kernel_syscall
to_user:
    msr     daifset, #2
    mrs     x1, tpidr_el1
    ldr     w2, [x1, #{CONTEXT_AST}]
    cbnz    w2, user_ast
    ldp     x19, x20, [sp, #248]
    ldr     x21, [sp, #264]
    msr     sp_el0, x19
    msr     elr_el1, x20
    msr     spsr_el1, x21
    restore_general
    eret

user_ast:
    msr     daifclr, #2
    mov     x0, sp
    bl      kernel_return_to_user
    b       to_user

user_sync:
    mrs     x2, far_el1
    bl      user_exception
    b       to_user

user_irq:
    mov     x29, xzr
    mov     x0, sp
    bl      interrupt
    b       to_user

    .global user_return
user_return:
    mov     x29, xzr
    mov     sp, x0
    b       to_user

    .balign 64
kernel_sync:
    save_kernel
    mov     x0, sp
    mrs     x1, esr_el1
    mrs     x2, far_el1
    bl      kernel_exception
    msr     daifset, #2
    b       to_kernel

kernel_irq:
    mov     x0, sp
    bl      interrupt
    // Preempt if nothing forbids it and something asked: count 0, request 1.
    mrs     x1, tpidr_el1
    ldr     x2, [x1]
    mov     x3, #0x100000000
    cmp     x2, x3
    b.ne    to_kernel
    bl      kernel_preempt
to_kernel:
    ldp     x20, x21, [sp, #256]
    msr     elr_el1, x20
    msr     spsr_el1, x21
    restore_general
    eret

// The stack's page of guard was hit. x0 is scratch, its value is in SP_EL0.
stack_overflow:
    mov     x0, sp
    mrs     x1, elr_el1
    mrs     x2, far_el1
    adrp    x3, emergency_stack_top
    add     x3, x3, :lo12:emergency_stack_top
    mov     sp, x3
    b       kernel_stack_overflow

    .section .bss.emergency_stack, "aw", %nobits
    .balign 16
    .skip 16384
emergency_stack_top:
