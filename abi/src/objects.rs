//! Records of `VM_OBJECTS`: an entry, the objects of its chain, and the pages of those.
//!
//! The answer is one [`VmEntryRecord`], its `objects` records from the top one to the chain's end, and
//! the runs of each of these, in the same order.

/// The object is shadowed before it is written through the entry.
pub const VM_ENTRY_NEEDS_COPY: u32 = 1;
/// A child shares the entry, or it came from a parent that shares it.
pub const VM_ENTRY_SHARED: u32 = 2;
/// A removal leaves a placeholder.
pub const VM_ENTRY_PERMANENT: u32 = 4;

/// An entry of a map, and how many records follow.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct VmEntryRecord {
    /// The number of the map that has the entry: of the submap, if the entry shows through one.
    pub map: u64,
    /// First address.
    pub start: u64,
    /// One past the last address.
    pub end: u64,
    /// Bytes into the object or the submap.
    pub offset: u64,
    /// The number of the map that the entry names instead of an object, or 0.
    pub submap: u64,
    /// `vm_prot_t`.
    pub protection: u32,
    /// `vm_prot_t`.
    pub max_protection: u32,
    /// `vm_inherit_t`.
    pub inheritance: u32,
    /// `VM_MEMORY_*`.
    pub user_tag: u32,
    /// `VM_ENTRY_*`.
    pub flags: u32,
    /// Reasons why its pages are wired.
    pub wired_count: u16,
    /// Wirings by the user.
    pub user_wired_count: u16,
    /// [`VmObjectRecord`]s that follow: the length of the chain, 0 without an object.
    pub objects: u32,
    /// [`VmPageRun`]s that follow those.
    pub runs: u32,
}

/// Memory without a name, not a file's.
pub const VM_OBJECT_INTERNAL: u32 = 1;
/// Written through every entry that refers to it.
pub const VM_OBJECT_TRUE_SHARE: u32 = 2;
/// Wired pages of the kernel map.
pub const VM_OBJECT_KERNEL: u32 = 4;
/// Cached in another way than ordinary memory.
pub const VM_OBJECT_UNCACHED: u32 = 8;
/// Its pages are one run of frames: a superpage.
pub const VM_OBJECT_CONTIGUOUS: u32 = 16;

/// `memory_object_copy_strategy_t`: copied at once.
pub const MEMORY_OBJECT_COPY_NONE: u32 = 0;
/// Copied by a copy object.
pub const MEMORY_OBJECT_COPY_DELAY: u32 = 2;
/// Copied by shadows on both sides.
pub const MEMORY_OBJECT_COPY_SYMMETRIC: u32 = 4;
/// Symmetric for a fork, at once otherwise.
pub const MEMORY_OBJECT_COPY_DELAY_FORK: u32 = 6;

/// An object of the chain.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct VmObjectRecord {
    /// Its number, by which regions and the audit name it; never used again.
    pub number: u64,
    /// Bytes that faults reach.
    pub size: u64,
    /// The number of the object that shows where this one has no page, or 0.
    pub shadow: u64,
    /// Where this object's first byte is in its shadow.
    pub shadow_offset: u64,
    /// The number of the copy object that gets this one's pages before they change, or 0.
    pub copy: u64,
    /// Entries, shadows and handles that refer to it.
    pub ref_count: u32,
    /// References that are handles of the kernel.
    pub handles: u32,
    /// Pages in memory.
    pub resident: u32,
    /// Pages among those that are wired.
    pub wired: u32,
    /// `MEMORY_OBJECT_COPY_*`.
    pub copy_strategy: u32,
    /// `VM_PURGABLE_*` state; `VM_PURGABLE_DENY` if it is not purgeable.
    pub purgable: u32,
    /// `VM_OBJECT_*`.
    pub flags: u32,
    /// [`VmPageRun`]s of the object.
    pub runs: u32,
}

/// In memory.
pub const VM_PAGE_RUN_RESIDENT: u32 = 1;
/// Wired.
pub const VM_PAGE_RUN_WIRED: u32 = 2;
/// A thread works on it.
pub const VM_PAGE_RUN_BUSY: u32 = 4;
/// The object's copy object gets it before it changes.
pub const VM_PAGE_RUN_OWED: u32 = 8;

/// Pages of an object that follow each other and are alike. What is in no run is not in the object.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct VmPageRun {
    /// The index of the first page in the object.
    pub first: u64,
    /// How many pages.
    pub pages: u32,
    /// `VM_PAGE_RUN_*`.
    pub state: u32,
}

const _: () = assert!(size_of::<VmEntryRecord>() == 72);
const _: () = assert!(size_of::<VmObjectRecord>() == 72);
const _: () = assert!(size_of::<VmPageRun>() == 16);

impl VmEntryRecord {
    /// Bytes of the whole answer.
    pub const fn answer_size(&self) -> u64 {
        let objects = (self.objects as u64).saturating_mul(size_of::<VmObjectRecord>() as u64);
        let runs = (self.runs as u64).saturating_mul(size_of::<VmPageRun>() as u64);
        (size_of::<Self>() as u64)
            .saturating_add(objects)
            .saturating_add(runs)
    }
}
