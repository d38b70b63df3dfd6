//! A region's type: by segment, by tag, by what is behind it.

use super::Region;
use alloc::format;
use alloc::string::{String, ToString};

/// `VM_MEMORY_STACK`.
const STACK: u32 = 30;
/// `VM_MEMORY_MALLOC`: bookkeeping.
const MALLOC: u32 = 1;
/// `SM_EMPTY`.
const EMPTY: u8 = 3;
/// `SM_TRUESHARED`.
const TRUE_SHARED: u8 = 5;

/// Names of tags.
const TAGS: [(u32, &str); 34] = [
    (2, "MALLOC_SMALL"),
    (3, "MALLOC_LARGE"),
    (4, "MALLOC_HUGE"),
    (5, "sbrk"),
    (6, "MALLOC_REALLOC"),
    (7, "MALLOC_TINY"),
    (8, "MALLOC_LARGE_REUSABLE"),
    (9, "MALLOC_LARGE"),
    (10, "Performance tool data"),
    (11, "MALLOC_NANO"),
    (12, "MALLOC_MEDIUM"),
    (13, "MALLOC_PROB_GUARD"),
    (20, "Mach message"),
    (21, "IOKit"),
    (31, "Guard"),
    (32, "shared pmap"),
    (33, "dylib"),
    (34, "ObjC dispatching code"),
    (35, "unshared pmap"),
    (40, "AppKit"),
    (41, "Foundation"),
    (42, "CoreGraphics"),
    (43, "CoreServices"),
    (44, "Java"),
    (60, "dyld private memory"),
    (61, "dyld malloc memory"),
    (62, "SQLite page cache"),
    (73, "Kernel Alloc Once"),
    (74, "Dispatch continuations"),
    (78, "Activity Tracing"),
    (87, "Skywalk Networking"),
    (88, "IOSurface"),
    (89, "libnetwork"),
    (99, "Sanitizer"),
];

/// The type of a region.
pub fn of(region: &Region) -> String {
    if let Some(segment) = &region.segment {
        return segment.clone();
    }
    let guard = region.protection == 0;
    match region.tag {
        0 if region.external => "mapped file".into(),
        0 if region.share_mode == TRUE_SHARED => "shared memory".into(),
        0 if region.share_mode == EMPTY && guard => "VM_ALLOCATE (reserved)".into(),
        0 => "VM_ALLOCATE".into(),
        MALLOC if guard => "MALLOC guard page".into(),
        MALLOC if region.share_mode == EMPTY => "MALLOC".into(),
        MALLOC => "MALLOC metadata".into(),
        STACK if guard => "STACK GUARD".into(),
        STACK => "Stack".into(),
        tag => TAGS
            .iter()
            .find(|entry| entry.0 == tag)
            .map_or_else(|| format!("Memory Tag {tag}"), |entry| entry.1.into()),
    }
}

/// Whether a tag is one of malloc's blocks.
pub fn is_malloc(tag: u32) -> bool {
    matches!(tag, 2..=4 | 6..=9 | 11 | 12)
}

/// The detail of a region.
pub fn detail(region: &Region) -> String {
    match (&region.path, region.tag) {
        (Some(path), _) => path.clone(),
        (None, STACK) if region.protection == 0 => "stack guard for thread 0".into(),
        (None, STACK) => "thread 0".into(),
        (None, tag) if is_malloc(tag) => "DefaultMallocZone".to_string(),
        _ => String::new(),
    }
}
