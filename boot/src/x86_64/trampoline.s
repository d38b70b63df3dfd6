# From real mode to long mode, for a CPU that a SIPI started.
#
# Copied to {trampoline}, one page below 1 MiB that is mapped to itself by the tables at the page's end.
# In: CS = {trampoline} >> 4, IP = 0, everything else as INIT leaves it. The last words of the page say
# where to go on; the stack is taken from them by an exchange, so that a CPU that comes too late finds none.

.section .rodata.trampoline, "a", @progbits
.code16
.global trampoline_start, trampoline_end, trampoline_gdt, trampoline_gdt_pointer
trampoline_start:
    cli
    cld
    mov ax, cs
    mov ds, ax
    .byte 0x0f, 0x01, 0x16              # lgdt [16-bit displacement]
    .word trampoline_gdt_pointer - trampoline_start
    mov eax, cr0
    or al, 1
    mov cr0, eax
    .byte 0x66, 0xea                    # far jump into 32-bit code
    .long {trampoline} + (1f - trampoline_start)
    .word 8
.code32
1:  mov ax, 16
    mov ds, ax
    mov es, ax
    mov ss, ax
    mov eax, cr4
    or eax, 0x20                        # PAE
    mov cr4, eax
    mov eax, [{root}]
    mov cr3, eax
    mov ecx, 0xc0000080
    rdmsr
    or eax, 0x900                       # LME, NXE
    wrmsr
    mov eax, cr0
    and eax, 0x9fffffff                 # caches on: INIT leaves CD and NW set
    or eax, 0x80010001                  # PG, WP, PE
    mov cr0, eax
    .byte 0xea                          # far jump into 64-bit code
    .long {trampoline} + (2f - trampoline_start)
    .word 24
.code64
2:  xor eax, eax
    mov ds, eax
    mov es, eax
    mov fs, eax
    mov gs, eax
    mov ss, eax
    xor ebp, ebp
    xchg rax, [{stack}]
    test rax, rax
    jz 3f
    mov rsp, rax
    mov rax, [{entry}]
    push rbp
    push rbp
    call rax
3:  cli
    hlt
    jmp 3b

.balign 8
trampoline_gdt:
    .quad 0
    .quad 0x00cf9a000000ffff            # 32-bit code
    .quad 0x00cf92000000ffff            # data
    .quad 0x00209a0000000000            # 64-bit code
trampoline_gdt_pointer:
    .word 31
    .long {trampoline} + (trampoline_gdt - trampoline_start)
trampoline_end:
.text
