# memcpy, memmove, memset, memcmp and bcmp: few instructions rather than few cycles, because the
# emulator counts each iteration of a string instruction as one. Short lengths go by overlapping
# words that are all loaded before any is stored, so that they serve overlapping ranges too; long
# ones by words, with the last (or first) word taken care of by itself.

.text
# bytes_copy(to: rdi, from: rsi, length: rdx) -> to
.balign 16
.global bytes_copy
bytes_copy:
    mov rax, rdi
    cmp rdx, 32
    ja bytes_copy_words
bytes_copy_short:
    cmp rdx, 16
    jae 3f
    cmp edx, 8
    jae 2f
    cmp edx, 4
    jae 1f
    test edx, edx
    jz 4f
    movzx ecx, byte ptr [rsi]           # 1 to 3: first, middle, last
    movzx r8d, byte ptr [rsi + rdx - 1]
    mov r9d, edx
    shr r9d, 1
    movzx r10d, byte ptr [rsi + r9]
    mov [rdi], cl
    mov [rdi + r9], r10b
    mov [rdi + rdx - 1], r8b
    ret
1:  mov ecx, [rsi]
    mov r8d, [rsi + rdx - 4]
    mov [rdi], ecx
    mov [rdi + rdx - 4], r8d
    ret
2:  mov rcx, [rsi]
    mov r8, [rsi + rdx - 8]
    mov [rdi], rcx
    mov [rdi + rdx - 8], r8
    ret
3:  mov rcx, [rsi]
    mov r8, [rsi + 8]
    mov r9, [rsi + rdx - 16]
    mov r10, [rsi + rdx - 8]
    mov [rdi], rcx
    mov [rdi + 8], r8
    mov [rdi + rdx - 16], r9
    mov [rdi + rdx - 8], r10
4:  ret
bytes_copy_words:
    mov r8, [rsi + rdx - 8]
    lea r9, [rdi + rdx - 8]
    mov rcx, rdx
    shr rcx, 3
    rep movsq
    mov [r9], r8
    ret

# bytes_move(to: rdi, from: rsi, length: rdx) -> to; the ranges may overlap
.balign 16
.global bytes_move
bytes_move:
    mov rax, rdi
    cmp rdx, 32
    jbe bytes_copy_short
    mov rcx, rdi
    sub rcx, rsi
    cmp rcx, rdx
    jae bytes_copy_words                # to lies before from, or behind its end
    mov r8, [rsi]
    mov r9, rdi
    lea rsi, [rsi + rdx - 8]
    lea rdi, [rdi + rdx - 8]
    mov rcx, rdx
    shr rcx, 3
    std
    rep movsq
    cld
    mov [r9], r8
    ret

# bytes_set(to: rdi, byte: esi, length: rdx) -> to
.balign 16
.global bytes_set
bytes_set:
    mov r9, rdi
    movzx eax, sil
    movabs rcx, 0x0101010101010101
    imul rax, rcx
    cmp rdx, 32
    jbe 1f
    mov [rdi + rdx - 8], rax
    mov rcx, rdx
    shr rcx, 3
    rep stosq
    mov rax, r9
    ret
1:  cmp edx, 16
    jae 4f
    cmp edx, 8
    jae 3f
    cmp edx, 4
    jae 2f
    test edx, edx
    jz 5f
    mov [rdi], al
    mov [rdi + rdx - 1], al
    shr edx, 1
    mov [rdi + rdx], al
    mov rax, r9
    ret
2:  mov [rdi], eax
    mov [rdi + rdx - 4], eax
    mov rax, r9
    ret
3:  mov [rdi], rax
    mov [rdi + rdx - 8], rax
    mov rax, r9
    ret
4:  mov [rdi], rax
    mov [rdi + 8], rax
    mov [rdi + rdx - 16], rax
    mov [rdi + rdx - 8], rax
5:  mov rax, r9
    ret

# bytes_compare(a: rdi, b: rsi, length: rdx) -> negative, 0 or positive
.balign 16
.global bytes_compare
bytes_compare:
    cmp rdx, 8
    jb 2f
1:  mov rax, [rdi]
    mov rcx, [rsi]
    cmp rax, rcx
    jne 4f
    add rdi, 8
    add rsi, 8
    sub rdx, 8
    cmp rdx, 8
    jae 1b
2:  test rdx, rdx
    jz 5f
3:  movzx eax, byte ptr [rdi]
    movzx ecx, byte ptr [rsi]
    sub eax, ecx
    jne 6f
    inc rdi
    inc rsi
    dec rdx
    jnz 3b
    ret
4:  bswap rax                           # the first byte that differs decides
    bswap rcx
    cmp rax, rcx
    sbb eax, eax
    or eax, 1
    ret
5:  xor eax, eax
6:  ret
