//! From the kernel's entry to `main`.
//!
//! Owns: the program's own rebasing, the protection of `__DATA_CONST`, the order of initialisation.
//! Does not own: the entry instruction (`arch`), what `exit` does (`process`).
//!
//! Until `rebase` has run, no pointer that lies in data may be followed: the code before it uses
//! PC-relative addresses and integers only.

use crate::arch;
use abi::syscall::SYS_MPROTECT;
use core::ffi::{c_char, c_int};

/// `LC_SEGMENT_64`.
const LC_SEGMENT_64: u32 = 0x19;
/// `LC_DYLD_CHAINED_FIXUPS`.
const LC_DYLD_CHAINED_FIXUPS: u32 = 0x8000_0034;
/// `SG_READ_ONLY`: the segment is read-only once its pointers are rebased.
const SG_READ_ONLY: u32 = 0x10;
/// `DYLD_CHAINED_PTR_64`: a target is an unslid address.
const CHAINED_PTR_64: u16 = 2;
/// `DYLD_CHAINED_PTR_64_OFFSET`: a target is an offset from the header.
const CHAINED_PTR_64_OFFSET: u16 = 6;
/// `DYLD_CHAINED_PTR_START_NONE`: the page has no chain.
const START_NONE: u16 = 0xffff;
/// Bits of a rebase's target.
const TARGET_BITS: u32 = 36;

#[repr(C)]
struct Header {
    magic: u32,
    cpu: [u32; 2],
    file_type: u32,
    ncmds: u32,
    sizeofcmds: u32,
    flags: u32,
    reserved: u32,
}

#[repr(C)]
struct Segment {
    cmd: u32,
    cmdsize: u32,
    name: [u8; 16],
    vmaddr: u64,
    vmsize: u64,
    fileoff: u64,
    filesize: u64,
    maxprot: u32,
    initprot: u32,
    nsects: u32,
    flags: u32,
}

/// The head of `dyld_chained_starts_in_segment`; `u16` page starts follow at byte 22.
#[repr(C)]
struct SegmentStarts {
    size: u32,
    page_size: u16,
    pointer_format: u16,
    segment_offset: u64,
    max_valid_pointer: u32,
    page_count: u16,
}

unsafe extern "C" {
    #[link_name = "_mh_execute_header"]
    static HEADER: Header;
    fn _tlv_bootstrap();
    fn main(
        argc: c_int,
        argv: *mut *mut c_char,
        envp: *mut *mut c_char,
        apple: *mut *mut c_char,
    ) -> c_int;
}

/// What the kernel's entry becomes: `stack` points to argc, argv, 0, envp, 0, apple, 0.
///
/// # Safety
/// Called once, by `_start`, with the stack that exec built.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libsystem_start(stack: *mut usize) -> ! {
    // SAFETY: nothing else runs yet; the image is this program's own.
    unsafe { rebase(&raw const HEADER) };
    // SAFETY: exec laid the vectors out one after the other, each ended by a null pointer.
    unsafe {
        let argc = *stack;
        let argv = stack.add(1).cast::<*mut c_char>();
        let envp = argv.add(argc + 1);
        let mut apple = envp;
        while !(*apple).is_null() {
            apple = apple.add(1);
        }
        crate::pthread::init();
        crate::environment::init(argv, envp);
        crate::mach::init();
        crate::stack_guard::init();
        crate::pthread::init_variables();
        let status = main(argc as c_int, argv, envp, apple.add(1));
        crate::process::exit(status)
    }
}

/// Calls `visit` for each load command of the program.
///
/// # Safety
/// `header` must be the program's own.
#[inline(always)]
unsafe fn commands(header: *const Header, mut visit: impl FnMut(*const u32)) {
    // SAFETY: the kernel checked the commands' sizes when it loaded the program.
    unsafe {
        let mut at = header.add(1).cast::<u32>();
        let mut left = (*header).ncmds;
        while left != 0 {
            visit(at);
            at = at.byte_add(*at.add(1) as usize);
            left -= 1;
        }
    }
}

/// `_Thread_local` variables, as the linker laid them out.
#[derive(Clone, Copy)]
pub struct Variables {
    /// The values of the first of them.
    pub values: *const u8,
    /// Bytes that have values; what follows is zero.
    pub valued: usize,
    /// Bytes of all.
    pub size: usize,
    /// What the block's address is to be a multiple of.
    pub align: usize,
}

/// `S_THREAD_LOCAL_REGULAR`.
const THREAD_LOCAL_REGULAR: u32 = 0x11;
/// `S_THREAD_LOCAL_VARIABLES`: descriptors of three words, the function, one for it to use, the offset.
const THREAD_LOCAL_VARIABLES: u32 = 0x13;
/// `S_THREAD_LOCAL_ZEROFILL`.
const THREAD_LOCAL_ZEROFILL: u32 = 0x12;

#[repr(C)]
struct Section {
    name: [u8; 16],
    segment: [u8; 16],
    addr: u64,
    size: u64,
    offset: u32,
    align: u32,
    relocations: [u32; 2],
    flags: u32,
    reserved: [u32; 3],
}

/// Leads every descriptor to the function. The linker takes it for an offset where it is not a library's.
pub fn bind_variables() {
    each_section(|section, slide| {
        if section.flags & 0xff == THREAD_LOCAL_VARIABLES {
            let descriptors = section.addr.wrapping_add(slide) as *mut [usize; 3];
            for index in 0..section.size as usize / size_of::<[usize; 3]>() {
                // SAFETY: the section is this image's and writable, and nobody else runs yet.
                unsafe { (*descriptors.add(index))[0] = _tlv_bootstrap as *const () as usize };
            }
        }
    });
}

/// The program's variables of that kind. They lie one after the other, those with values first.
pub fn variables() -> Variables {
    let (mut by, mut first, mut end, mut valued, mut align) = (0, u64::MAX, 0, 0, 1);
    each_section(|section, slide| {
        let kind = section.flags & 0xff;
        if kind == THREAD_LOCAL_REGULAR || kind == THREAD_LOCAL_ZEROFILL {
            by = slide;
            first = first.min(section.addr);
            end = end.max(section.addr + section.size);
            align = align.max(1usize << section.align.min(16));
            if kind == THREAD_LOCAL_REGULAR {
                valued = section.addr + section.size;
            }
        }
    });
    Variables {
        values: first.wrapping_add(by) as *const u8,
        valued: valued.saturating_sub(first) as usize,
        size: end.saturating_sub(first) as usize,
        align,
    }
}

/// Calls `visit` with every section, and how far the image was moved.
fn each_section(mut visit: impl FnMut(&Section, u64)) {
    let base = &raw const HEADER as u64;
    let mut slide = 0;
    // SAFETY: the load commands describe this image, which the kernel has mapped.
    unsafe {
        commands(&raw const HEADER, |command| {
            if *command != LC_SEGMENT_64 {
                return;
            }
            let segment = command.cast::<Segment>();
            if (*segment).fileoff == 0 && (*segment).filesize != 0 {
                slide = base.wrapping_sub((*segment).vmaddr);
            }
            for index in 0..(*segment).nsects as usize {
                visit(&*segment.add(1).cast::<Section>().add(index), slide);
            }
        });
    }
}

/// Applies the program's chained rebases, then makes its constant data read-only.
///
/// # Safety
/// As for [`libsystem_start`].
unsafe fn rebase(header: *const Header) {
    let base = header as u64;
    let mut slide = 0u64;
    let mut linkedit = 0u64;
    let mut fixups = 0u32;
    // SAFETY: the load commands describe this image, which the kernel has mapped.
    unsafe {
        commands(header, |command| {
            if *command == LC_SEGMENT_64 {
                let segment = command.cast::<Segment>();
                if (*segment).fileoff == 0 && (*segment).filesize != 0 {
                    slide = base.wrapping_sub((*segment).vmaddr);
                }
                // The last segment with this name's first eight bytes: "__LINKED".
                if (*segment).name.as_ptr().cast::<u64>().read_unaligned()
                    == u64::from_le_bytes(*b"__LINKED")
                {
                    linkedit = (*segment).vmaddr.wrapping_sub((*segment).fileoff);
                }
            } else if *command == LC_DYLD_CHAINED_FIXUPS {
                fixups = *command.add(2);
            }
        });
        if fixups == 0 {
            return;
        }
        let table = (linkedit.wrapping_add(slide) + u64::from(fixups)) as *const u8;
        let starts = table.add(table.cast::<u32>().add(1).read() as usize);
        let count = starts.cast::<u32>().read();
        let mut index = 0usize;
        while index < count as usize {
            let offset = starts.cast::<u32>().add(1 + index).read();
            index += 1;
            if offset != 0 {
                segment_chains(
                    base,
                    slide,
                    starts.add(offset as usize).cast::<SegmentStarts>(),
                );
            }
        }
        commands(header, |command| {
            let segment = command.cast::<Segment>();
            if *command == LC_SEGMENT_64 && (*segment).flags & SG_READ_ONLY != 0 {
                let start = (*segment).vmaddr.wrapping_add(slide);
                if arch::unix(SYS_MPROTECT, [start, (*segment).vmsize, 1, 0, 0, 0]).is_err() {
                    arch::trap();
                }
            }
        });
    }
}

/// Walks the chains of one segment and slides every pointer in them.
///
/// # Safety
/// `starts` must belong to the image at `base`, whose data pages are still writable.
#[inline(always)]
unsafe fn segment_chains(base: u64, slide: u64, starts: *const SegmentStarts) {
    // SAFETY: the linker wrote the table; every link stays inside its page.
    unsafe {
        let format = (*starts).pointer_format;
        let add = match format {
            CHAINED_PTR_64 => slide,
            CHAINED_PTR_64_OFFSET => base,
            _ => arch::trap(),
        };
        let pages = starts.cast::<u8>().add(22).cast::<u16>();
        let mut page = 0usize;
        while page < (*starts).page_count as usize {
            let first = pages.add(page).read_unaligned();
            if first != START_NONE {
                let start =
                    base + (*starts).segment_offset + page as u64 * u64::from((*starts).page_size);
                let mut at = (start + u64::from(first)) as *mut u64;
                loop {
                    let word = at.read_unaligned();
                    let target = word & ((1 << TARGET_BITS) - 1);
                    let high = (word >> TARGET_BITS & 0xff) << 56;
                    let next = (word >> 51 & 0xfff) as usize;
                    if word >> 63 != 0 {
                        arch::trap();
                    }
                    at.write_unaligned(target.wrapping_add(add) | high);
                    if next == 0 {
                        break;
                    }
                    at = at.byte_add(next * 4);
                }
            }
            page += 1;
        }
    }
}
