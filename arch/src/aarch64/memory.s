// Moves of memory. x0 is the destination and the answer throughout; x3 runs through it.
//
// Up to 64 bytes, everything is loaded before anything is stored, from both ends of the range, so
// that ranges may overlap and no size needs a loop.

    .section .text.memory, "ax"
    .global memcpy, memmove, memset, memcmp, bcmp

    .balign 64
memmove:
    // Overlapping with the destination above: from the end down.
    sub     x3, x0, x1
    cmp     x3, x2
    b.lo    move_down
memcpy:
    mov     x3, x0
copy_up:
    add     x4, x1, x2
    add     x5, x3, x2
    cmp     x2, #16
    b.lo    9f
    cmp     x2, #32
    b.hi    1f
    ldp     x6, x7, [x1]
    ldp     x8, x9, [x4, #-16]
    stp     x6, x7, [x3]
    stp     x8, x9, [x5, #-16]
    ret
1:  cmp     x2, #64
    b.hi    2f
copy_medium:
    ldp     x6, x7, [x1]
    ldp     x8, x9, [x1, #16]
    ldp     x10, x11, [x4, #-32]
    ldp     x12, x13, [x4, #-16]
    stp     x6, x7, [x3]
    stp     x8, x9, [x3, #16]
    stp     x10, x11, [x5, #-32]
    stp     x12, x13, [x5, #-16]
    ret
2:  ldp     x6, x7, [x1]
    ldp     x8, x9, [x1, #16]
    ldp     x10, x11, [x1, #32]
    ldp     x12, x13, [x1, #48]
    stp     x6, x7, [x3]
    stp     x8, x9, [x3, #16]
    stp     x10, x11, [x3, #32]
    stp     x12, x13, [x3, #48]
    add     x1, x1, #64
    add     x3, x3, #64
    sub     x2, x2, #64
    cmp     x2, #64
    b.hs    2b
    // Less than 64 are left; the ends x4 and x5 still hold.
    cmp     x2, #32
    b.hi    copy_medium
    cbnz    x2, copy_up
    ret
9:  // Less than 16.
    tbz     x2, #3, 1f
    ldr     x6, [x1]
    ldr     x7, [x4, #-8]
    str     x6, [x3]
    str     x7, [x5, #-8]
    ret
1:  tbz     x2, #2, 1f
    ldr     w6, [x1]
    ldr     w7, [x4, #-4]
    str     w6, [x3]
    str     w7, [x5, #-4]
    ret
1:  tbz     x2, #1, 1f
    ldrh    w6, [x1]
    ldrh    w7, [x4, #-2]
    strh    w6, [x3]
    strh    w7, [x5, #-2]
    ret
1:  cbz     x2, 1f
    ldrb    w6, [x1]
    strb    w6, [x3]
1:  ret

move_down:
    mov     x3, x0
    add     x4, x1, x2
    add     x5, x0, x2
1:  cmp     x2, #64
    b.ls    copy_up
    ldp     x6, x7, [x4, #-16]
    ldp     x8, x9, [x4, #-32]
    ldp     x10, x11, [x4, #-48]
    ldp     x12, x13, [x4, #-64]
    stp     x6, x7, [x5, #-16]
    stp     x8, x9, [x5, #-32]
    stp     x10, x11, [x5, #-48]
    stp     x12, x13, [x5, #-64]
    sub     x4, x4, #64
    sub     x5, x5, #64
    sub     x2, x2, #64
    b       1b

    .balign 64
memset:
    and     x1, x1, #0xff
    mov     x4, #0x0101010101010101
    mul     x1, x1, x4
    add     x5, x0, x2
    mov     x3, x0
    cmp     x2, #16
    b.lo    9f
    cmp     x2, #512
    b.lo    1f
    cbz     x1, 5f
1:  cmp     x2, #64
    b.ls    3f
2:  stp     x1, x1, [x3]
    stp     x1, x1, [x3, #16]
    stp     x1, x1, [x3, #32]
    stp     x1, x1, [x3, #48]
    add     x3, x3, #64
    sub     x2, x2, #64
    cmp     x2, #64
    b.hi    2b
3:  // 1 to 64 are left of at least 16: the end, and what lies before it.
    cmp     x2, #32
    b.ls    4f
    stp     x1, x1, [x3]
    stp     x1, x1, [x3, #16]
    stp     x1, x1, [x5, #-32]
    stp     x1, x1, [x5, #-16]
    ret
4:  cmp     x2, #16
    b.ls    1f
    stp     x1, x1, [x3]
1:  stp     x1, x1, [x5, #-16]
    ret
5:  // Zeros, at least 512: by blocks of 64, if that is the block's size, and caches are on.
    mrs     x6, dczid_el0
    and     x6, x6, #0x1f
    cmp     x6, #4
    b.ne    2b
    mrs     x6, sctlr_el1
    tbz     x6, #2, 2b
    stp     xzr, xzr, [x3]
    stp     xzr, xzr, [x3, #16]
    stp     xzr, xzr, [x3, #32]
    stp     xzr, xzr, [x3, #48]
    add     x3, x3, #64
    and     x3, x3, #-64
    sub     x2, x5, x3
6:  dc      zva, x3
    add     x3, x3, #64
    sub     x2, x2, #64
    cmp     x2, #64
    b.hi    6b
    b       3b
9:  // Less than 16.
    tbz     x2, #3, 1f
    str     x1, [x3]
    str     x1, [x5, #-8]
    ret
1:  tbz     x2, #2, 1f
    str     w1, [x3]
    str     w1, [x5, #-4]
    ret
1:  tbz     x2, #1, 1f
    strh    w1, [x3]
    strh    w1, [x5, #-2]
    ret
1:  cbz     x2, 1f
    strb    w1, [x3]
1:  ret

    .balign 64
memcmp:
bcmp:
    subs    x2, x2, #8
    b.lo    3f
1:  ldr     x3, [x0], #8
    ldr     x4, [x1], #8
    cmp     x3, x4
    b.ne    2f
    subs    x2, x2, #8
    b.hs    1b
    b       3f
2:  // The first byte that differs decides: it is the highest in memory order reversed.
    rev     x3, x3
    rev     x4, x4
    cmp     x3, x4
    mov     w0, #1
    cneg    w0, w0, lo
    ret
3:  adds    x2, x2, #8
    b.eq    5f
4:  ldrb    w3, [x0], #1
    ldrb    w4, [x1], #1
    subs    w3, w3, w4
    b.ne    6f
    subs    x2, x2, #1
    b.ne    4b
5:  mov     w0, wzr
    ret
6:  mov     w0, w3
    ret
