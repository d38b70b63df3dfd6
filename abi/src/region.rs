//! Records of the region, statistics and zone calls, laid out as Darwin's headers have them.

/// `VM_REGION_BASIC_INFO_64`.
pub const VM_REGION_BASIC_INFO_64: i32 = 9;
/// `VM_REGION_BASIC_INFO`.
pub const VM_REGION_BASIC_INFO: i32 = 10;
/// `VM_REGION_EXTENDED_INFO` in its legacy length.
pub const VM_REGION_EXTENDED_INFO_LEGACY: i32 = 11;
/// `VM_REGION_TOP_INFO`.
pub const VM_REGION_TOP_INFO: i32 = 12;
/// `VM_REGION_EXTENDED_INFO`.
pub const VM_REGION_EXTENDED_INFO: i32 = 13;

/// `SM_*`: how a region's memory is shared.
pub mod share_mode {
    /// Copy on write.
    pub const COW: u8 = 1;
    /// One task's.
    pub const PRIVATE: u8 = 2;
    /// No object yet.
    pub const EMPTY: u8 = 3;
    /// Read shared.
    pub const SHARED: u8 = 4;
    /// Written by several tasks.
    pub const TRUESHARED: u8 = 5;
    /// One task, several mappings.
    pub const PRIVATE_ALIASED: u8 = 6;
    /// Several tasks, several mappings.
    pub const SHARED_ALIASED: u8 = 7;
    /// Large pages.
    pub const LARGE_PAGE: u8 = 8;
}

/// `vm_region_basic_info_64` (packed to 4 bytes: 36 bytes, count 9).
#[derive(Clone, Copy, Default, Debug)]
#[repr(C, packed(4))]
pub struct RegionBasicInfo64 {
    /// Current protection.
    pub protection: i32,
    /// Maximum protection.
    pub max_protection: i32,
    /// `vm_inherit_t`.
    pub inheritance: u32,
    /// Boolean.
    pub shared: u32,
    /// Boolean: is a submap.
    pub reserved: u32,
    /// Bytes into the object.
    pub offset: u64,
    /// `vm_behavior_t`.
    pub behavior: i32,
    /// User wirings.
    pub user_wired_count: u16,
}

/// `vm_region_extended_info`.
#[derive(Clone, Copy, Default, Debug)]
#[repr(C, packed(4))]
pub struct RegionExtendedInfo {
    /// Current protection.
    pub protection: i32,
    /// `VM_MEMORY_*`.
    pub user_tag: u32,
    /// Pages of the range that are resident.
    pub pages_resident: u32,
    /// Pages shared that are now private.
    pub pages_shared_now_private: u32,
    /// Pages in compressor or swap.
    pub pages_swapped_out: u32,
    /// Pages written.
    pub pages_dirtied: u32,
    /// References of the object.
    pub ref_count: u32,
    /// Length of the shadow chain.
    pub shadow_depth: u16,
    /// Boolean: a file.
    pub external_pager: u8,
    /// `share_mode`.
    pub share_mode: u8,
    /// Pages marked reusable.
    pub pages_reusable: u32,
}

/// `vm_region_top_info`.
#[derive(Clone, Copy, Default, Debug)]
#[repr(C, packed(4))]
pub struct RegionTopInfo {
    /// A number that names the object.
    pub obj_id: u32,
    /// References.
    pub ref_count: u32,
    /// Resident pages that are this task's own.
    pub private_pages_resident: u32,
    /// Resident pages that others share.
    pub shared_pages_resident: u32,
    /// `share_mode`.
    pub share_mode: u8,
}

/// `vm_region_submap_info_64`, version 2.
#[derive(Clone, Copy, Default, Debug)]
#[repr(C, packed(4))]
pub struct RegionSubmapInfo64 {
    /// Current protection.
    pub protection: i32,
    /// Maximum protection.
    pub max_protection: i32,
    /// `vm_inherit_t`.
    pub inheritance: u32,
    /// Bytes into the object.
    pub offset: u64,
    /// `VM_MEMORY_*`.
    pub user_tag: u32,
    /// Pages of the range that are resident.
    pub pages_resident: u32,
    /// Pages shared that are now private.
    pub pages_shared_now_private: u32,
    /// Pages in compressor or swap.
    pub pages_swapped_out: u32,
    /// Pages written.
    pub pages_dirtied: u32,
    /// References of the object.
    pub ref_count: u32,
    /// Length of the shadow chain.
    pub shadow_depth: u16,
    /// Boolean: a file.
    pub external_pager: u8,
    /// `share_mode`.
    pub share_mode: u8,
    /// Boolean.
    pub is_submap: u32,
    /// `vm_behavior_t`.
    pub behavior: i32,
    /// A number that names the object.
    pub object_id: u32,
    /// User wirings.
    pub user_wired_count: u16,
    /// Padding of the C record.
    pub pad: u16,
    /// Pages marked reusable.
    pub pages_reusable: u32,
    /// A number that names the object.
    pub object_id_full: u64,
}

/// `VM_PAGE_QUERY_*` bits.
pub mod page_query {
    /// Resident.
    pub const PRESENT: i32 = 1;
    /// No frame behind it.
    pub const FICTITIOUS: i32 = 2;
    /// Referenced.
    pub const REF: i32 = 4;
    /// Written.
    pub const DIRTY: i32 = 8;
    /// In compressor or swap.
    pub const PAGED_OUT: i32 = 0x10;
    /// Found below the first object.
    pub const COPIED: i32 = 0x20;
    /// Read ahead.
    pub const SPECULATIVE: i32 = 0x40;
    /// A file's.
    pub const EXTERNAL: i32 = 0x80;
    /// Its allocator may use it again, and needs nothing of it.
    pub const REUSABLE: i32 = 0x800;
}

/// `HOST_VM_INFO64`.
pub const HOST_VM_INFO64: i32 = 4;
/// Length of `VmStatistics64` in 32-bit words.
pub const HOST_VM_INFO64_COUNT: u32 = (size_of::<VmStatistics64>() / 4) as u32;

/// `vm_statistics64`: gauges in pages, counters since boot.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct VmStatistics64 {
    /// Free pages, the speculative ones included (XNU's rule).
    pub free_count: u32,
    /// Active pages.
    pub active_count: u32,
    /// Inactive pages.
    pub inactive_count: u32,
    /// Wired pages, the kernel's own included.
    pub wire_count: u32,
    /// Pages filled with zeros.
    pub zero_fill_count: u64,
    /// Inactive pages that became active.
    pub reactivations: u64,
    /// Pages read from files.
    pub pageins: u64,
    /// Pages written to files.
    pub pageouts: u64,
    /// Faults.
    pub faults: u64,
    /// Faults that copied.
    pub cow_faults: u64,
    /// Object lookups.
    pub lookups: u64,
    /// Lookups that hit.
    pub hits: u64,
    /// Purgeable pages thrown away.
    pub purges: u64,
    /// Purgeable pages.
    pub purgeable_count: u32,
    /// Pages read ahead and not yet used.
    pub speculative_count: u32,
    /// Pages decompressed.
    pub decompressions: u64,
    /// Pages compressed.
    pub compressions: u64,
    /// Pages read from swap.
    pub swapins: u64,
    /// Pages written to swap.
    pub swapouts: u64,
    /// Frames that hold compressed data.
    pub compressor_page_count: u32,
    /// Throttled pages.
    pub throttled_count: u32,
    /// Pageable pages of files.
    pub external_page_count: u32,
    /// Pageable anonymous pages.
    pub internal_page_count: u32,
    /// Pages stored in the compressor.
    pub total_uncompressed_pages_in_compressor: u64,
}

/// `mach_zone_info_t`: all in 64 bits.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct ZoneInfo {
    /// Elements in use.
    pub count: u64,
    /// Bytes of memory now.
    pub cur_size: u64,
    /// The most bytes ever.
    pub max_size: u64,
    /// Bytes of an element.
    pub elem_size: u64,
    /// Bytes of a chunk.
    pub alloc_size: u64,
    /// Bytes allocated over the zone's life.
    pub sum_size: u64,
    /// Boolean: may run out.
    pub exhaustible: u64,
    /// Bit 0: may be collected; the rest: bytes collectable.
    pub collectable: u64,
}

/// Bytes of a zone's name in `mach_zone_info`.
pub const ZONE_NAME_LEN: usize = 80;
