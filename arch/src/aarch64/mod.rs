//! AArch64: EL1 on QEMU's `virt` machine, GICv2, generic timer, PL011.
//!
//! Owns: the machine's registers and exception entry. Encodings (`esr`) compile on every host.
//! Does not own: page tables (`pmap`), how the machine came up (`boot`).
