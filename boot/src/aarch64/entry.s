// The arm64 Image header and the way from it to `boot_main`.
//
// Entered with the MMU off, at EL1 or EL2, x0 the device tree. Code here runs at physical
// addresses first, so it names things relative to itself only.

    .section .head, "ax"
    .global _start
_start:
    b       entry                       // code0
    .long   0                           // code1
    .quad   0                           // text_offset
    .quad   image_memory_size           // image_size
    .quad   8                           // flags: little endian, anywhere in memory
    .quad   0, 0, 0
    .ascii  "ARM\x64"
    .long   0

entry:
    msr     daifset, #15
    mov     x20, x0
    mrs     x1, currentel
    cmp     x1, #(2 << 2)
    b.ne    at_el1

    // EL2: give EL1 everything and go there.
    mov     x1, #(1 << 31)              // HCR_EL2.RW: EL1 is AArch64
    msr     hcr_el2, x1
    mov     x1, #3                      // EL1 may read the counters
    msr     cnthctl_el2, x1
    msr     cntvoff_el2, xzr
    mov     x1, #0x33ff                 // CPTR_EL2: no traps of FP
    msr     cptr_el2, x1
    msr     hstr_el2, xzr
    mrs     x1, midr_el1
    msr     vpidr_el2, x1
    mrs     x1, mpidr_el1
    msr     vmpidr_el2, x1
    mov     x1, #0x3c5                  // EL1h, DAIF masked
    msr     spsr_el2, x1
    adr     x1, at_el1
    msr     elr_el2, x1
    eret

at_el1:
    msr     spsel, #1
    // The MMU and caches off, whatever the loader left.
    ldr     x1, ={SCTLR_OFF}
    msr     sctlr_el1, x1
    isb

    adrp    x0, bss_start
    add     x0, x0, :lo12:bss_start
    adrp    x1, bss_end
    add     x1, x1, :lo12:bss_end
1:  cmp     x0, x1
    b.hs    2f
    stp     xzr, xzr, [x0], #16
    b       1b
2:
    // x21: where the image lies; x22: what a link address lacks to be physical.
    adrp    x21, _start
    ldr     x1, ={IMAGE_BASE}
    sub     x22, x21, x1

    adrp    x0, boot_stack_top
    add     x0, x0, :lo12:boot_stack_top
    mov     sp, x0
    mov     x29, xzr
    mov     x0, x22
    bl      relocate

    // Checks the CPU, builds the first tables, turns the MMU on.
    mov     x0, x20
    mov     x1, x21
    bl      early_main

    // From here on link addresses hold (the slide is 0).
    mov     x0, xzr
    bl      relocate
    mov     x1, sp
    sub     x1, x1, x22
    mov     sp, x1
    adr     x2, 3f
    sub     x2, x2, x22
    br      x2
3:  mov     x0, x20
    mov     x1, x21
    bl      boot_main
    brk     #0

// relocate(x0: what is added to link addresses). R_AARCH64_RELATIVE is the only kind there is.
relocate:
    adrp    x1, relocations_start
    add     x1, x1, :lo12:relocations_start
    adrp    x2, relocations_end
    add     x2, x2, :lo12:relocations_end
    // The place to write is in the image as it is addressed now.
    ldr     x5, ={IMAGE_BASE}
    adrp    x6, _start
    sub     x5, x6, x5
1:  cmp     x1, x2
    b.hs    2f
    ldp     x3, x4, [x1], #16
    ldr     x6, [x1], #8
    cmp     w4, #1027
    b.ne    1b
    add     x6, x6, x0
    str     x6, [x3, x5]
    b       1b
2:  ret

// switch_kernel_tables(x0: root, x1: what a link address lacks to be physical): runs where both
// halves agree, at its physical address.
    .global switch_kernel_tables
switch_kernel_tables:
    adr     x2, 1f
    add     x2, x2, x1
    br      x2
1:  msr     ttbr1_el1, x0
    isb
    tlbi    vmalle1
    dsb     nsh
    isb
    ret

    .section .bss.boot_stack, "aw", %nobits
    .balign 16
    .skip   {STACK}
boot_stack_top:
