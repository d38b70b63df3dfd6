# x86_64: memcpy, memmove, memset, memcmp (AT&T syntax).
#
# Small sizes use overlapping loads and stores; large ones 8 bytes per iteration of a string
# instruction. Direction flag clear on entry and exit (System V ABI).

    .text

    .globl _memcpy
    .alt_entry _memcpy
    .globl _memmove
    .p2align 4
_memmove:
    movq %rdi, %rax
    subq %rsi, %rax
    cmpq %rdx, %rax
    jb Lmove_down
_memcpy:
    movq %rdi, %rax
Lcopy_up:
    cmpq $16, %rdx
    jb Lcopy_small
    cmpq $32, %rdx
    ja Lcopy_33
    movups (%rsi), %xmm0
    movups -16(%rsi,%rdx), %xmm1
    movups %xmm0, (%rdi)
    movups %xmm1, -16(%rdi,%rdx)
    retq
Lcopy_33:
    cmpq $64, %rdx
    ja Lcopy_large
    movups (%rsi), %xmm0
    movups 16(%rsi), %xmm1
    movups -32(%rsi,%rdx), %xmm2
    movups -16(%rsi,%rdx), %xmm3
    movups %xmm0, (%rdi)
    movups %xmm1, 16(%rdi)
    movups %xmm2, -32(%rdi,%rdx)
    movups %xmm3, -16(%rdi,%rdx)
    retq
Lcopy_large:
# The last 8 bytes are read first, because a forward copy may overwrite them.
    movq -8(%rsi,%rdx), %r8
    leaq -8(%rdi,%rdx), %r9
    movq %rdx, %rcx
    shrq $3, %rcx
    rep movsq
    movq %r8, (%r9)
    retq
Lcopy_small:
    cmpq $8, %rdx
    jb Lcopy_7
    movq (%rsi), %rcx
    movq -8(%rsi,%rdx), %r8
    movq %rcx, (%rdi)
    movq %r8, -8(%rdi,%rdx)
    retq
Lcopy_7:
    cmpq $4, %rdx
    jb Lcopy_3
    movl (%rsi), %ecx
    movl -4(%rsi,%rdx), %r8d
    movl %ecx, (%rdi)
    movl %r8d, -4(%rdi,%rdx)
    retq
Lcopy_3:
    testq %rdx, %rdx
    je Lcopy_none
    movzbl (%rsi), %ecx
    movzbl -1(%rsi,%rdx), %r8d
    movq %rdx, %r9
    shrq $1, %r9
    movzbl (%rsi,%r9), %r10d
    movb %cl, (%rdi)
    movb %r10b, (%rdi,%r9)
    movb %r8b, -1(%rdi,%rdx)
Lcopy_none:
    retq

# Overlap with the destination above the source: 32 bytes at a time from the end.
Lmove_down:
    movq %rdi, %rax
    cmpq $64, %rdx
    jbe Lcopy_up
    movups (%rsi), %xmm4
    movups 16(%rsi), %xmm5
    movq %rdx, %rcx
Lmove_loop:
    movups -16(%rsi,%rcx), %xmm0
    movups -32(%rsi,%rcx), %xmm1
    movups %xmm0, -16(%rdi,%rcx)
    movups %xmm1, -32(%rdi,%rcx)
    subq $32, %rcx
    cmpq $32, %rcx
    jae Lmove_loop
    movups %xmm4, (%rdi)
    movups %xmm5, 16(%rdi)
    retq

    .globl _bzero
    .globl ___bzero
    .alt_entry ___bzero
    .globl _memset
    .alt_entry _memset
    .p2align 4
_bzero:
___bzero:
    movq %rsi, %rdx
    xorl %esi, %esi
_memset:
    movq %rdi, %r9
    movzbl %sil, %eax
    movabsq $0x0101010101010101, %rcx
    imulq %rcx, %rax
    cmpq $8, %rdx
    jb Lset_small
    movq %rax, -8(%rdi,%rdx)
    movq %rdx, %rcx
    shrq $3, %rcx
    cmpq $16, %rcx
    jbe Lset_loop
    rep stosq
    movq %r9, %rax
    retq
Lset_loop:
    movq %rax, -8(%rdi,%rcx,8)
    decq %rcx
    jne Lset_loop
    movq %r9, %rax
    retq
Lset_small:
    testq %rdx, %rdx
    je Lset_done
Lset_byte:
    movb %al, -1(%rdi,%rdx)
    decq %rdx
    jne Lset_byte
Lset_done:
    movq %r9, %rax
    retq

    .globl _memcmp
    .globl _bcmp
    .alt_entry _bcmp
    .p2align 4
_memcmp:
_bcmp:
    cmpq $16, %rdx
    jb Lcmp_small
    xorl %ecx, %ecx
    subq $16, %rdx
Lcmp_loop:
    movdqu (%rdi,%rcx), %xmm0
    movdqu (%rsi,%rcx), %xmm1
    pcmpeqb %xmm1, %xmm0
    pmovmskb %xmm0, %eax
    xorl $0xffff, %eax
    jne Lcmp_differ
    cmpq %rdx, %rcx
    je Lcmp_equal
    addq $16, %rcx
    cmpq %rdx, %rcx
    jbe Lcmp_loop
    movq %rdx, %rcx
    jmp Lcmp_loop
Lcmp_differ:
    bsfl %eax, %eax
    addq %rax, %rcx
    movzbl (%rdi,%rcx), %eax
    movzbl (%rsi,%rcx), %edx
    subl %edx, %eax
    retq
Lcmp_small:
    xorl %ecx, %ecx
Lcmp_byte:
    cmpq %rdx, %rcx
    je Lcmp_equal
    movzbl (%rdi,%rcx), %eax
    movzbl (%rsi,%rcx), %r8d
    incq %rcx
    subl %r8d, %eax
    je Lcmp_byte
    retq
Lcmp_equal:
    xorl %eax, %eax
    retq
