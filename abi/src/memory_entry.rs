//! The permission word of `mach_make_memory_entry` (`MAP_MEM_*`) and the words of purgeable memory's
//! ledgers.

/// Charged to a ledger by tag.
pub const MAP_MEM_LEDGER_TAGGED: u32 = 0x2000;
/// Only the kernel may purge.
pub const MAP_MEM_PURGABLE_KERNEL_ONLY: u32 = 0x4000;
/// From the secluded pool.
pub const MAP_MEM_GRAB_SECLUDED: u32 = 0x8000;
/// Changes the parent's cache mode only.
pub const MAP_MEM_ONLY: u32 = 0x1_0000;
/// A new object.
pub const MAP_MEM_NAMED_CREATE: u32 = 0x2_0000;
/// A new object that may be purged.
pub const MAP_MEM_PURGABLE: u32 = 0x4_0000;
/// The parent, if it names the same memory.
pub const MAP_MEM_NAMED_REUSE: u32 = 0x8_0000;
/// The offset within the page counts.
pub const MAP_MEM_USE_DATA_ADDR: u32 = 0x10_0000;
/// A copy of the memory as it is now.
pub const MAP_MEM_VM_COPY: u32 = 0x20_0000;
/// The whole range, over several map entries.
pub const MAP_MEM_VM_SHARE: u32 = 0x40_0000;
/// The offset within 4 KiB counts.
pub const MAP_MEM_4K_DATA_ADDR: u32 = 0x80_0000;
/// Bits that mean nothing: `INVALID_VALUE`.
pub const MAP_MEM_UNKNOWN: u32 = 0x1f00;
/// Where the cache mode begins.
pub const MAP_MEM_ACCESS_SHIFT: u32 = 24;

/// Leaves the ledger's tag as it is.
pub const VM_LEDGER_TAG_UNCHANGED: i32 = -1;
/// Charged as purgeable memory.
pub const VM_LEDGER_TAG_NONE: i32 = 0;
/// Charged as tagged memory.
pub const VM_LEDGER_TAG_DEFAULT: i32 = 1;
/// Charged as the network's.
pub const VM_LEDGER_TAG_NETWORK: i32 = 2;
/// Charged as pictures and sound.
pub const VM_LEDGER_TAG_MEDIA: i32 = 3;
/// Charged as the display's.
pub const VM_LEDGER_TAG_GRAPHICS: i32 = 4;
/// Charged as a neural network's.
pub const VM_LEDGER_TAG_NEURAL: i32 = 5;
/// Flags that a program may give: no footprint, and the same for who looks for bugs.
pub const VM_LEDGER_FLAGS_USER: u32 = 3;
