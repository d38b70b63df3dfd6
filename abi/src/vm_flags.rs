//! Flags, tags and modes of the memory calls (`VM_FLAGS_*`, `MAP_*`, `MADV_*`, `VM_MEMORY_*`).

/// Exact address.
pub const VM_FLAGS_FIXED: u32 = 0;
/// The kernel chooses the address.
pub const VM_FLAGS_ANYWHERE: u32 = 1;
/// A purgeable object.
pub const VM_FLAGS_PURGABLE: u32 = 2;
/// Entries may be as large as 4 GiB.
pub const VM_FLAGS_4GB_CHUNK: u32 = 4;
/// A random address.
pub const VM_FLAGS_RANDOM_ADDR: u32 = 8;
/// Pages are stolen first.
pub const VM_FLAGS_NO_CACHE: u32 = 0x10;
/// Code signing faults are tolerated.
pub const VM_FLAGS_RESILIENT_CODESIGN: u32 = 0x20;
/// Media errors read as zero.
pub const VM_FLAGS_RESILIENT_MEDIA: u32 = 0x40;
/// A removed range leaves an inaccessible placeholder.
pub const VM_FLAGS_PERMANENT: u32 = 0x80;
/// Trusted-path read-only memory.
pub const VM_FLAGS_TPRO: u32 = 0x1000;
/// What is in the way is removed.
pub const VM_FLAGS_OVERWRITE: u32 = 0x4000;
/// The superpage field.
pub const VM_FLAGS_SUPERPAGE_MASK: u32 = 0x7_0000;
/// Where the superpage field begins.
pub const VM_FLAGS_SUPERPAGE_SHIFT: u32 = 16;
/// In the superpage field: of whatever size the machine has.
pub const SUPERPAGE_SIZE_ANY: u32 = 1;
/// In the superpage field: of 2 MiB.
pub const SUPERPAGE_SIZE_2MB: u32 = 2;
/// The answer keeps the offset within the page.
pub const VM_FLAGS_RETURN_DATA_ADDR: u32 = 0x10_0000;
/// The same in units of 4 KiB.
pub const VM_FLAGS_RETURN_4K_DATA_ADDR: u32 = 0x80_0000;
/// The tag's field.
pub const VM_FLAGS_ALIAS_MASK: u32 = 0xff00_0000;

/// Puts a `VM_MEMORY_*` tag into its flag field.
pub const fn vm_make_tag(tag: u8) -> u32 {
    (tag as u32) << 24
}

/// `mmap`: changes are shared.
pub const MAP_SHARED: u32 = 1;
/// `mmap`: changes are private.
pub const MAP_PRIVATE: u32 = 2;
/// `mmap`: exact address.
pub const MAP_FIXED: u32 = 0x10;
/// `mmap`: accepted, without effect.
pub const MAP_RENAME: u32 = 0x20;
/// `mmap`: accepted, without effect.
pub const MAP_NORESERVE: u32 = 0x40;
/// `mmap`: accepted, without effect.
pub const MAP_RESERVED0080: u32 = 0x80;
/// `mmap`: accepted, without effect.
pub const MAP_NOEXTEND: u32 = 0x100;
/// `mmap`: accepted, without effect.
pub const MAP_HASSEMAPHORE: u32 = 0x200;
/// `mmap`: pages are stolen first.
pub const MAP_NOCACHE: u32 = 0x400;
/// `mmap`: just-in-time code.
pub const MAP_JIT: u32 = 0x800;
/// `mmap`: no file.
pub const MAP_ANON: u32 = 0x1000;
/// `mmap`: code signing faults are tolerated.
pub const MAP_RESILIENT_CODESIGN: u32 = 0x2000;
/// `mmap`: media errors read as zero.
pub const MAP_RESILIENT_MEDIA: u32 = 0x4000;
/// `mmap`: below 4 GiB.
pub const MAP_32BIT: u32 = 0x8000;
/// `mmap`: translated code.
pub const MAP_TRANSLATED_ALLOW_EXECUTE: u32 = 0x2_0000;
/// `mmap`: the caller wants UNIX 03's checks (libc adds it).
pub const MAP_UNIX03: u32 = 0x4_0000;
/// `mmap`: trusted-path read-only memory.
pub const MAP_TPRO: u32 = 0x8_0000;

/// `madvise`: no advice.
pub const MADV_NORMAL: i32 = 0;
/// `madvise`: random access.
pub const MADV_RANDOM: i32 = 1;
/// `madvise`: sequential access.
pub const MADV_SEQUENTIAL: i32 = 2;
/// `madvise`: fault it in.
pub const MADV_WILLNEED: i32 = 3;
/// `madvise`: deactivate.
pub const MADV_DONTNEED: i32 = 4;
/// `madvise`: the contents may go.
pub const MADV_FREE: i32 = 5;
/// `madvise`: zero wired pages when unmapped.
pub const MADV_ZERO_WIRED_PAGES: i32 = 6;
/// `madvise`: the allocator's free memory.
pub const MADV_FREE_REUSABLE: i32 = 7;
/// `madvise`: the allocator uses it again.
pub const MADV_FREE_REUSE: i32 = 8;
/// `madvise`: may it be reused?
pub const MADV_CAN_REUSE: i32 = 9;
/// `madvise`: page it out.
pub const MADV_PAGEOUT: i32 = 10;
/// `madvise`: zero without faulting in.
pub const MADV_ZERO: i32 = 11;

/// `msync` flags.
pub const MS_ASYNC: u32 = 1;
/// `msync`: drop cached pages.
pub const MS_INVALIDATE: u32 = 2;
/// `msync`: drop pages and mappings.
pub const MS_KILLPAGES: u32 = 4;
/// `msync`: deactivate.
pub const MS_DEACTIVATE: u32 = 8;
/// `msync`: wait.
pub const MS_SYNC: u32 = 0x10;

/// Tag of malloc's own bookkeeping.
pub const VM_MEMORY_MALLOC: u8 = 1;
/// Tag of small blocks.
pub const VM_MEMORY_MALLOC_SMALL: u8 = 2;
/// Tag of large blocks.
pub const VM_MEMORY_MALLOC_LARGE: u8 = 3;
/// Tag of huge blocks.
pub const VM_MEMORY_MALLOC_HUGE: u8 = 4;
/// Tag of `realloc`'s regions.
pub const VM_MEMORY_REALLOC: u8 = 6;
/// Tag of tiny blocks.
pub const VM_MEMORY_MALLOC_TINY: u8 = 7;
/// Tag of medium blocks.
pub const VM_MEMORY_MALLOC_MEDIUM: u8 = 12;
/// Tag of stacks (and, without protection, of their guards).
pub const VM_MEMORY_STACK: u8 = 30;
/// Tag of guards.
pub const VM_MEMORY_GUARD: u8 = 31;
/// Tag of libraries.
pub const VM_MEMORY_DYLIB: u8 = 33;
/// Tag of dyld's own memory.
pub const VM_MEMORY_DYLD: u8 = 60;
