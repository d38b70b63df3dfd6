// The switch between two threads, a thread's first steps, and the vector registers.

    .section .text.context, "ax"

// context_switch(x0: prev, x1: next). The preemption words and the CPU go from the running
// context, which is `prev` save for the first switch of all, to `next`.
    .balign 64
    .global context_switch
context_switch:
    mrs     x2, tpidr_el1
    ldp     x3, x4, [x2]
    stp     x3, x4, [x1]
    msr     tpidr_el1, x1
    mov     x5, sp
    stp     x19, x20, [x0, #{CONTEXT_SAVED}]
    stp     x21, x22, [x0, #{CONTEXT_SAVED} + 16]
    stp     x23, x24, [x0, #{CONTEXT_SAVED} + 32]
    stp     x25, x26, [x0, #{CONTEXT_SAVED} + 48]
    stp     x27, x28, [x0, #{CONTEXT_SAVED} + 64]
    stp     x29, x30, [x0, #{CONTEXT_SAVED} + 80]
    str     x5, [x0, #{CONTEXT_SAVED} + 96]
    ldp     x19, x20, [x1, #{CONTEXT_SAVED}]
    ldp     x21, x22, [x1, #{CONTEXT_SAVED} + 16]
    ldp     x23, x24, [x1, #{CONTEXT_SAVED} + 32]
    ldp     x25, x26, [x1, #{CONTEXT_SAVED} + 48]
    ldp     x27, x28, [x1, #{CONTEXT_SAVED} + 64]
    ldp     x29, x30, [x1, #{CONTEXT_SAVED} + 80]
    ldr     x5, [x1, #{CONTEXT_SAVED} + 96]
    mov     sp, x5
    ret

// A new thread: x19 is what to call, x20 its argument. What is called does not return.
    .global thread_start
thread_start:
    mov     x29, xzr
    mov     x30, xzr
    mov     x0, x20
    br      x19

    .arch_extension fp
    .arch_extension simd

// vectors_save(x0: 32 vectors, then FPSR and FPCR as words of 64 bits).
    .global vectors_save
vectors_save:
    stp     q0, q1, [x0, #0]
    stp     q2, q3, [x0, #32]
    stp     q4, q5, [x0, #64]
    stp     q6, q7, [x0, #96]
    stp     q8, q9, [x0, #128]
    stp     q10, q11, [x0, #160]
    stp     q12, q13, [x0, #192]
    stp     q14, q15, [x0, #224]
    stp     q16, q17, [x0, #256]
    stp     q18, q19, [x0, #288]
    stp     q20, q21, [x0, #320]
    stp     q22, q23, [x0, #352]
    stp     q24, q25, [x0, #384]
    stp     q26, q27, [x0, #416]
    stp     q28, q29, [x0, #448]
    stp     q30, q31, [x0, #480]
    mrs     x1, fpsr
    mrs     x2, fpcr
    add     x0, x0, #512
    stp     x1, x2, [x0]
    ret

    .global vectors_restore
vectors_restore:
    ldp     q0, q1, [x0, #0]
    ldp     q2, q3, [x0, #32]
    ldp     q4, q5, [x0, #64]
    ldp     q6, q7, [x0, #96]
    ldp     q8, q9, [x0, #128]
    ldp     q10, q11, [x0, #160]
    ldp     q12, q13, [x0, #192]
    ldp     q14, q15, [x0, #224]
    ldp     q16, q17, [x0, #256]
    ldp     q18, q19, [x0, #288]
    ldp     q20, q21, [x0, #320]
    ldp     q22, q23, [x0, #352]
    ldp     q24, q25, [x0, #384]
    ldp     q26, q27, [x0, #416]
    ldp     q28, q29, [x0, #448]
    ldp     q30, q31, [x0, #480]
    add     x0, x0, #512
    ldp     x1, x2, [x0]
    msr     fpsr, x1
    msr     fpcr, x2
    ret
