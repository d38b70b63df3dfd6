// aarch64: memcpy, memmove, memset, memcmp.
//
// Small sizes use overlapping loads and stores; large ones 64 bytes per turn, and `dc zva` clears.

    .text

    .globl _memcpy
    .alt_entry _memcpy
    .globl _memmove
    .p2align 4
_memmove:
    sub x3, x0, x1
    cmp x3, x2
    b.lo Lmove_down
_memcpy:
Lcopy_up:
    cmp x2, #16
    b.lo Lcopy_small
    add x4, x1, x2
    add x5, x0, x2
    cmp x2, #32
    b.hi Lcopy_33
    ldr q0, [x1]
    ldr q1, [x4, #-16]
    str q0, [x0]
    str q1, [x5, #-16]
    ret
Lcopy_33:
    cmp x2, #64
    b.hi Lcopy_large
    ldp q0, q1, [x1]
    ldp q2, q3, [x4, #-32]
    stp q0, q1, [x0]
    stp q2, q3, [x5, #-32]
    ret
Lcopy_large:
// The last 64 bytes are read first, because a forward copy may overwrite them.
    ldp q4, q5, [x4, #-64]
    ldp q6, q7, [x4, #-32]
    mov x3, x0
1:  ldp q0, q1, [x1]
    ldp q2, q3, [x1, #32]
    stp q0, q1, [x3]
    stp q2, q3, [x3, #32]
    add x1, x1, #64
    add x3, x3, #64
    sub x2, x2, #64
    cmp x2, #64
    b.hi 1b
    stp q4, q5, [x5, #-64]
    stp q6, q7, [x5, #-32]
    ret
Lcopy_small:
    tbz x2, #3, 2f
    add x4, x1, x2
    add x5, x0, x2
    ldr x6, [x1]
    ldr x7, [x4, #-8]
    str x6, [x0]
    str x7, [x5, #-8]
    ret
2:  tbz x2, #2, 3f
    add x4, x1, x2
    add x5, x0, x2
    ldr w6, [x1]
    ldr w7, [x4, #-4]
    str w6, [x0]
    str w7, [x5, #-4]
    ret
3:  cbz x2, 4f
    lsr x5, x2, #1
    sub x4, x2, #1
    ldrb w6, [x1]
    ldrb w7, [x1, x5]
    ldrb w8, [x1, x4]
    strb w6, [x0]
    strb w7, [x0, x5]
    strb w8, [x0, x4]
4:  ret

// Overlap with the destination above the source: 64 bytes at a time from the end.
Lmove_down:
    cmp x2, #64
    b.ls Lcopy_up
    ldp q4, q5, [x1]
    ldp q6, q7, [x1, #32]
    add x4, x1, x2
    add x5, x0, x2
5:  ldp q0, q1, [x4, #-64]
    ldp q2, q3, [x4, #-32]
    stp q0, q1, [x5, #-64]
    stp q2, q3, [x5, #-32]
    sub x4, x4, #64
    sub x5, x5, #64
    sub x2, x2, #64
    cmp x2, #64
    b.hi 5b
    stp q4, q5, [x0]
    stp q6, q7, [x0, #32]
    ret

    .globl _bzero
    .globl ___bzero
    .alt_entry ___bzero
    .globl _memset
    .alt_entry _memset
    .p2align 4
_bzero:
___bzero:
    mov x2, x1
    mov w1, #0
_memset:
    dup v0.16b, w1
    add x4, x0, x2
    cmp x2, #16
    b.lo Lset_small
    cmp x2, #64
    b.hi Lset_large
    str q0, [x0]
    str q0, [x4, #-16]
    cmp x2, #32
    b.ls 1f
    str q0, [x0, #16]
    str q0, [x4, #-32]
1:  ret
Lset_large:
    mov x3, x0
    tst w1, #0xff
    b.ne Lset_loop
    cmp x2, #512
    b.lo Lset_loop
// Clear by blocks where DC ZVA is allowed and one aligned block surely fits.
    mrs x5, dczid_el0
    tbnz x5, #4, Lset_loop
    mov x6, #4
    and x5, x5, #15
    lsl x6, x6, x5
    lsl x7, x6, #1
    cmp x2, x7
    b.lo Lset_loop
    sub x7, x6, #1
2:  tst x3, x7
    b.eq 3f
    stp q0, q0, [x3]
    stp q0, q0, [x3, #32]
    add x3, x3, #64
    bic x3, x3, #63
    b 2b
3:  sub x8, x4, x6
4:  cmp x3, x8
    b.hi 5f
    dc zva, x3
    add x3, x3, x6
    b 4b
5:  sub x2, x4, x3
    cbz x2, 6f
    cmp x2, #64
    b.ls Lset_tail
    b Lset_loop
6:  ret
Lset_loop:
    stp q0, q0, [x3]
    stp q0, q0, [x3, #32]
    add x3, x3, #64
    sub x2, x4, x3
    cmp x2, #64
    b.hi Lset_loop
Lset_tail:
    stp q0, q0, [x4, #-64]
    stp q0, q0, [x4, #-32]
    ret
Lset_small:
    tbz x2, #3, 7f
    str d0, [x0]
    str d0, [x4, #-8]
    ret
7:  tbz x2, #2, 8f
    str s0, [x0]
    str s0, [x4, #-4]
    ret
8:  cbz x2, 9f
    lsr x5, x2, #1
    strb w1, [x0]
    strb w1, [x0, x5]
    strb w1, [x4, #-1]
9:  ret

    .globl _memcmp
    .globl _bcmp
    .alt_entry _bcmp
    .p2align 4
_memcmp:
_bcmp:
    cmp x2, #8
    b.lo Lcmp_small
    sub x2, x2, #8
    mov x3, #0
1:  ldr x4, [x0, x3]
    ldr x5, [x1, x3]
    cmp x4, x5
    b.ne Lcmp_differ
    cmp x3, x2
    b.eq Lcmp_equal
    add x3, x3, #8
    cmp x3, x2
    csel x3, x3, x2, ls
    b 1b
Lcmp_differ:
    rev x4, x4
    rev x5, x5
    cmp x4, x5
    cset w0, hi
    csinv w0, w0, wzr, hs
    ret
Lcmp_small:
    cbz x2, Lcmp_equal
    ldrb w4, [x0], #1
    ldrb w5, [x1], #1
    sub x2, x2, #1
    subs w6, w4, w5
    b.eq Lcmp_small
    mov w0, w6
    ret
Lcmp_equal:
    mov w0, #0
    ret
