# From PVH's 32-bit protected mode to boot_main in long mode, at the image's linked address.
#
# In: EBX = physical address of hvm_start_info; flat segments; no paging, no stack.
# First tables: identity and direct map of the first 4 GiB by 2 MiB pages, the image at IMAGE_BASE;
# all writable and executable, until boot builds the final ones.

.section .text.entry, "ax", @progbits
.code32
.global pvh_entry
.global boot_long_mode, boot_gdt, boot_gdt_pointer, boot_no_long_mode, boot_tables
pvh_entry:
    cli
    cld
    mov ebp, ebx                        # start_info: rep stos and cpuid leave ebp alone

    mov edi, offset image_bss_start_phys
    mov ecx, offset image_bss_end_phys
    sub ecx, edi
    shr ecx, 2
    xor eax, eax
    rep stosd
    mov esp, offset boot_stack_top_phys

    mov eax, 0x80000000
    cpuid
    cmp eax, 0x80000001
    jb 9f
    mov eax, 0x80000001
    cpuid
    bt edx, 29                          # long mode
    jnc 9f

    # boot_tables: PML4, low PDPT, high PDPT, image PD, four PDs of 1 GiB each
    mov edi, offset boot_tables_phys
    lea eax, [edi + 0x1000 + 3]
    mov [edi], eax                      # identity
    mov [edi + 256*8], eax              # direct map
    lea eax, [edi + 0x2000 + 3]
    mov [edi + 511*8], eax
    lea eax, [edi + 0x3000 + 3]
    mov [edi + 0x2000 + 510*8], eax     # IMAGE_BASE
    lea eax, [edi + 0x4000 + 3]
    mov [edi + 0x1000], eax
    add eax, 0x1000
    mov [edi + 0x1000 + 8], eax
    add eax, 0x1000
    mov [edi + 0x1000 + 16], eax
    add eax, 0x1000
    mov [edi + 0x1000 + 24], eax
    mov eax, 0x83                       # present, writable, 2 MiB
    xor ecx, ecx
1:  mov [edi + 0x4000 + ecx*8], eax
    add eax, 0x200000
    inc ecx
    cmp ecx, 2048
    jb 1b
    mov eax, {image_phys} + 0x83
    xor ecx, ecx
2:  mov [edi + 0x3000 + ecx*8], eax
    add eax, 0x200000
    inc ecx
    cmp ecx, 32                         # 64 MiB of image
    jb 2b

    mov cr3, edi
    mov eax, cr4
    or eax, 0x20                        # PAE
    mov cr4, eax
    mov ecx, 0xc0000080
    rdmsr
    or eax, 0x100                       # LME
    wrmsr
    mov eax, cr0
    or eax, 0x80000001                  # PG, PE
    mov cr0, eax
    lgdt [boot_gdt_pointer_phys]
    .byte 0xea                          # far jump into 64-bit code
    .long boot_long_mode_phys
    .word 8

    # No long mode: one line and a failure exit.
9:  mov esi, offset boot_no_long_mode_phys
3:  lodsb
    test al, al
    jz 5f
    mov cl, al
    mov dx, 0x3fd
4:  in al, dx
    test al, 0x20
    jz 4b
    mov al, cl
    mov dx, 0x3f8
    out dx, al
    jmp 3b
5:  mov dx, 0xf4
    mov eax, {exit_code}
    out dx, eax
6:  hlt
    jmp 6b

boot_no_long_mode:
    .asciz "boot: this CPU has no 64-bit mode\n"

.balign 8
boot_gdt:
    .quad 0
    .quad 0x00209a0000000000            # 64-bit code
    .quad 0x0000920000000000            # data
boot_gdt_pointer:
    .word 23
    .long boot_gdt_phys

.code64
boot_long_mode:
    xor eax, eax
    mov ds, eax
    mov es, eax
    mov fs, eax
    mov gs, eax
    mov ss, eax
    lea rax, [rip + 1f]
    movabs rcx, {image_base} - {image_phys}
    add rax, rcx
    jmp rax
1:  lea rsp, [rip + boot_stack_top]
    # The image's slide: where it runs less where it was linked (0 until it is randomised).
    lea r8, [rip + image_text_start]
    movabs rcx, {image_base}
    sub r8, rcx
    # R_X86_64_RELATIVE is the only kind that a static position-independent image has.
    lea rdi, [rip + image_rela_start]
    lea rsi, [rip + image_rela_end]
2:  cmp rdi, rsi
    jae 4f
    cmp dword ptr [rdi + 8], 8
    jne 3f
    mov rax, [rdi]
    mov rcx, [rdi + 16]
    add rcx, r8
    mov [rax + r8], rcx
    add rdi, 24
    jmp 2b
3:  ud2
4:  mov edi, ebp
    mov rsi, r8
    xor ebp, ebp
    push rbp
    push rbp
    call boot_main
    ud2

.section .bss.boot, "aw", @nobits
.balign 4096
boot_tables:
    .skip 8 * 4096
.balign 4096
.global boot_stack_bottom, boot_stack_top
boot_stack_bottom:
    .skip {stack_size}
boot_stack_top:
.text
