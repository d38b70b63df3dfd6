// Copies from and to user memory. Leaf routines that touch no stack, so that a fault anywhere
// between `user_copies_begin` and `user_copies_end` may go on at `user_copy_fault`.

    .section .text.user_copy, "ax"
    .global user_copies_begin, user_copies_end, user_copy_fault
    .global user_copy_in, user_copy_out, user_copy_string

    .balign 64
user_copies_begin:
// user_copy_in(x0: to, x1: from, x2: bytes) -> 0, or -1 after a fault.
user_copy_in:
    subs    x2, x2, #64
    b.lo    2f
1:
    ldtr    x3, [x1, #0]
    ldtr    x4, [x1, #8]
    ldtr    x5, [x1, #16]
    ldtr    x6, [x1, #24]
    ldtr    x7, [x1, #32]
    ldtr    x8, [x1, #40]
    ldtr    x9, [x1, #48]
    ldtr    x10, [x1, #56]
    stp     x3, x4, [x0, #0]
    stp     x5, x6, [x0, #16]
    stp     x7, x8, [x0, #32]
    stp     x9, x10, [x0, #48]
    add     x1, x1, #64
    add     x0, x0, #64
    subs    x2, x2, #64
    b.hs    1b
2:
    // The low six bits of x2 are what is left.
    tst     x2, #63
    b.eq    9f
    tbz     x2, #5, 3f
    ldtr    x3, [x1, #0]
    ldtr    x4, [x1, #8]
    ldtr    x5, [x1, #16]
    ldtr    x6, [x1, #24]
    stp     x3, x4, [x0, #0]
    stp     x5, x6, [x0, #16]
    add     x0, x0, #32
    add     x1, x1, #32
3:
    tbz     x2, #4, 4f
    ldtr    x3, [x1, #0]
    ldtr    x4, [x1, #8]
    stp     x3, x4, [x0, #0]
    add     x0, x0, #16
    add     x1, x1, #16
4:
    tbz     x2, #3, 5f
    ldtr    x3, [x1, #0]
    str     x3, [x0], #8
    add     x1, x1, #8
5:
    tbz     x2, #2, 6f
    ldtr    w3, [x1]
    str     w3, [x0], #4
    add     x1, x1, #4
6:
    tbz     x2, #1, 7f
    ldtrh   w3, [x1]
    strh    w3, [x0], #2
    add     x1, x1, #2
7:
    tbz     x2, #0, 9f
    ldtrb   w3, [x1]
    strb    w3, [x0]
9:
    mov     x0, xzr
    ret

// user_copy_out(x0: to, x1: from, x2: bytes) -> 0, or -1 after a fault.
user_copy_out:
    subs    x2, x2, #64
    b.lo    2f
1:
    ldp     x3, x4, [x1, #0]
    ldp     x5, x6, [x1, #16]
    ldp     x7, x8, [x1, #32]
    ldp     x9, x10, [x1, #48]
    sttr    x3, [x0, #0]
    sttr    x4, [x0, #8]
    sttr    x5, [x0, #16]
    sttr    x6, [x0, #24]
    sttr    x7, [x0, #32]
    sttr    x8, [x0, #40]
    sttr    x9, [x0, #48]
    sttr    x10, [x0, #56]
    add     x1, x1, #64
    add     x0, x0, #64
    subs    x2, x2, #64
    b.hs    1b
2:
    // The low six bits of x2 are what is left.
    tst     x2, #63
    b.eq    9f
    tbz     x2, #5, 3f
    ldp     x3, x4, [x1, #0]
    ldp     x5, x6, [x1, #16]
    add     x1, x1, #32
    sttr    x3, [x0, #0]
    sttr    x4, [x0, #8]
    sttr    x5, [x0, #16]
    sttr    x6, [x0, #24]
    add     x0, x0, #32
3:
    tbz     x2, #4, 4f
    ldp     x3, x4, [x1, #0]
    add     x1, x1, #16
    sttr    x3, [x0, #0]
    sttr    x4, [x0, #8]
    add     x0, x0, #16
4:
    tbz     x2, #3, 5f
    ldr     x3, [x1], #8
    sttr    x3, [x0, #0]
    add     x0, x0, #8
5:
    tbz     x2, #2, 6f
    ldr     w3, [x1], #4
    sttr    w3, [x0]
    add     x0, x0, #4
6:
    tbz     x2, #1, 7f
    ldrh    w3, [x1], #2
    sttrh   w3, [x0]
    add     x0, x0, #2
7:
    tbz     x2, #0, 9f
    ldrb    w3, [x1]
    sttrb   w3, [x0]
9:
    mov     x0, xzr
    ret

// user_copy_string(x0: to, x1: from, x2: room) -> bytes before the NUL, `room` if there is none, or
// -1 after a fault. Words of 8 bytes where the source is aligned: those never cross a page.
user_copy_string:
    mov     x3, x0
    mov     x7, #0x0101010101010101
1:
    cbz     x2, 4f
    tst     x1, #7
    b.ne    2f
    cmp     x2, #8
    b.lo    2f
    ldtr    x4, [x1]
    // A byte of x5 has its top bit set if that byte of x4 is NUL (or above a NUL).
    sub     x5, x4, x7
    bic     x5, x5, x4
    ands    x5, x5, x7, lsl #7
    b.ne    2f
    str     x4, [x0], #8
    add     x1, x1, #8
    sub     x2, x2, #8
    b       1b
2:
    ldtrb   w4, [x1]
    cbz     w4, 4f
    strb    w4, [x0], #1
    add     x1, x1, #1
    sub     x2, x2, #1
    b       1b
4:
    sub     x0, x0, x3
    ret
user_copies_end:

user_copy_fault:
    mov     x0, #-1
    ret
