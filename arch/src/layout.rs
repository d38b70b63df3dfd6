//! The address layout, the same on both machines.
//!
//! Owns: the constants. Does not own: who maps what where.

/// One past the last user address (47 bits).
pub const USER_END: u64 = 0x0000_8000_0000_0000;
/// The first kernel address.
pub const KERNEL_BASE: u64 = 0xffff_8000_0000_0000;
/// Physical address 0 in the direct map of all RAM.
pub const DIRECT_MAP_BASE: u64 = 0xffff_8000_0000_0000;
/// The kernel map: stacks, large allocations.
pub const KERNEL_MAP_BASE: u64 = 0xffff_c000_0000_0000;
/// One past the kernel map.
pub const KERNEL_MAP_END: u64 = 0xffff_e000_0000_0000;
/// Windows of the devices that `boot` maps (physical address 0 as seen there).
pub const DEVICE_WINDOW_BASE: u64 = 0xffff_f000_0000_0000;
/// Where the kernel image is linked.
pub const IMAGE_BASE: u64 = 0xffff_ffff_8000_0000;

/// Where the direct map shows a physical address.
pub const fn direct_map(physical: u64) -> u64 {
    DIRECT_MAP_BASE + physical
}
