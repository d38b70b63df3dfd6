//! `BootInfo`: everything the kernel learns from whoever started the machine.
//!
//! Owns: the record. Does not own: how it is found (`x86_64/`, `aarch64/`).

use crate::arguments::Arguments;
pub use arch::devices::Devices;

/// A range of physical memory, `start..end`, in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PhysRange {
    /// The first byte.
    pub start: u64,
    /// One past the last byte.
    pub end: u64,
}

/// A range of virtual memory, `start..end`, in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct VirtRange {
    /// The first byte.
    pub start: u64,
    /// One past the last byte.
    pub end: u64,
}

/// What a range of RAM holds when the kernel starts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MemoryKind {
    /// Nothing: the kernel's to give away.
    Usable,
    /// The kernel image, the first page tables, boot's own data, the firmware's: never freed.
    Reserved,
    /// A module that the loader placed (the root archive).
    Module,
}

/// A range of RAM. `start` and `end` are multiples of the page size.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MemoryRange {
    /// The first byte's physical address.
    pub start: u64,
    /// One past the last byte.
    pub end: u64,
    /// What it holds.
    pub kind: MemoryKind,
}

impl MemoryRange {
    /// Bytes.
    pub const fn size(&self) -> u64 {
        self.end - self.start
    }
}

/// A CPU that the firmware's tables name.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct CpuDescription {
    /// What the hardware calls it: APIC identifier, or MPIDR affinity.
    pub hardware_id: u64,
}

/// Where the kernel image lies; the three ranges are page-aligned and adjacent pages never share
/// a protection.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct KernelImage {
    /// Code, mapped r-x.
    pub text: VirtRange,
    /// Constants and relocated pointers, mapped r--.
    pub rodata: VirtRange,
    /// Data and zeroed data, mapped rw-.
    pub data: VirtRange,
    /// Physical address of the image's first byte (virtual: `arch::layout::IMAGE_BASE` + `slide`).
    pub physical: u64,
    /// How far from its link address the image runs.
    pub slide: u64,
}

/// What `kernel_main` gets.
#[derive(Debug)]
pub struct BootInfo {
    /// All RAM, sorted, without overlaps, page-aligned.
    pub memory: &'static [MemoryRange],
    /// The loader's module, byte-exact: the image of the root.
    pub initrd: Option<PhysRange>,
    /// The command line, trimmed.
    pub command_line: &'static str,
    /// The same, parsed.
    pub arguments: Arguments,
    /// Random words: the CPU's generator, the device tree's seed and a counter, or `seed=`.
    pub entropy: [u64; 4],
    /// CPUs found; index 0 is the one that runs.
    pub cpus: &'static [CpuDescription],
    /// The kernel image.
    pub image: KernelImage,
    /// Devices found.
    pub devices: Devices,
    /// Physical address of the kernel's top-level page table.
    pub kernel_root: u64,
}
