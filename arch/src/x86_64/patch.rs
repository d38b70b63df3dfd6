//! Instructions that are there only where the CPU has them: `clac` and `stac`.
//!
//! Owns: the list of sites (section `.patch_sites`, filled by `entry.s`) and their patching.
//! Why: the entries run them always, and a test of a flag costs more than the instruction.

/// A site: where, relative to this field, and which three bytes belong there.
#[repr(C)]
struct Site {
    offset: i32,
    bytes: u32,
}

unsafe extern "C" {
    static patch_sites_start: [Site; 0];
    static patch_sites_end: [Site; 0];
}

/// Puts SMAP's instructions into the image's code.
///
/// # Safety
/// Called once by `boot`, before any entry is used, while the image is still writable.
pub unsafe fn enable_smap_sites() {
    let start = &raw const patch_sites_start as *const Site;
    let end = &raw const patch_sites_end as *const Site;
    let mut site = start;
    while site < end {
        // SAFETY: the linker script bounds the section, which holds nothing but sites, each of
        // which names three bytes of code that the caller lets us write.
        unsafe {
            let target = site.cast::<u8>().offset((*site).offset as isize).cast_mut();
            let bytes = (*site).bytes.to_le_bytes();
            core::ptr::copy_nonoverlapping(bytes.as_ptr(), target, 3);
            site = site.add(1);
        }
    }
}
