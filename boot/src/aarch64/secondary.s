// From PSCI's CPU_ON to `secondary_main`, for a CPU that another one started.
//
// Entered with the MMU off, at EL1, x0 the physical address of the record that `start` filled: seven words,
// then the stack, which is taken by an exchange, so that a CPU that comes too late finds none.

    .arch_extension lse
    .section .text.secondary, "ax"
    .global secondary_entry
secondary_entry:
    msr     daifset, #15
    mrs     x1, currentel
    cmp     x1, #(1 << 2)
    b.ne    9f                          // the firmware left it where the kernel does not run
    msr     spsel, #1
    ldp     x1, x2, [x0]                // MAIR, TCR
    ldp     x3, x4, [x0, #16]           // TTBR0 (this code at its own address), TTBR1
    ldp     x5, x6, [x0, #32]           // SCTLR, where to go on
    ldr     x0, [x0, #48]               // the record at its link address
    msr     mair_el1, x1
    msr     tcr_el1, x2
    msr     ttbr0_el1, x3
    msr     ttbr1_el1, x4
    dsb     sy
    isb
    tlbi    vmalle1
    dsb     nsh
    isb
    msr     sctlr_el1, x5
    isb
    br      x6

    // At link addresses.
    .global secondary_mapped
secondary_mapped:
    add     x1, x0, #56
    swpal   xzr, x2, [x1]
    cbz     x2, 9f
    mov     sp, x2
    mov     x29, xzr
    mov     x30, xzr
    b       secondary_main
9:  wfi
    b       9b
