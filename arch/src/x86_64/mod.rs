//! x86_64: QEMU's `q35`, xAPIC, 16550, PCI.
//!
//! Owns: the machine's registers and every entry into the kernel. Encodings (`descriptors`,
//! `decode`, `frame`, `rtc`'s calendar) compile on every host. Does not own: page tables (`pmap`),
//! how the machine came up (`boot`).

#![cfg_attr(
    not(all(target_os = "none", target_arch = "x86_64")),
    allow(
        dead_code,
        reason = "hosts compile and test encodings that only the machine uses"
    )
)]

#[cfg(any(target_os = "none", test))]
#[cfg(target_arch = "x86_64")]
mod bytes;
pub mod decode;
pub mod descriptors;
pub mod frame;
mod rtc;
pub mod shootdown;
pub mod tlb;

/// What needs the machine itself.
macro_rules! on_the_machine {
    ($($(#[$attribute:meta])* $visibility:vis mod $name:ident;)*) => {
        $(#[cfg(all(target_os = "none", target_arch = "x86_64"))] $(#[$attribute])* $visibility mod $name;)*
    };
}

on_the_machine! {
    pub mod apic;
    pub mod context;
    pub mod cpu;
    mod entry;
    pub mod frames;
    pub mod interrupts;
    mod ioapic;
    pub mod machine_checks;
    mod msr;
    pub mod patch;
    mod percpu;
    pub mod pci;
    mod pit;
    pub mod power;
    pub mod preempt;
    pub mod serial;
    pub mod timer;
    pub mod trap;
    pub mod user;
    mod vectors;
    pub mod virtio;
}

#[cfg(all(target_os = "none", target_arch = "x86_64"))]
pub use entry::{early_init, early_init_cpu, init, init_cpu};
