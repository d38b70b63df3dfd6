//! The operations of a program.
//!
//! Owns: what they are, which of them are atomic, and their smaller forms for the shrinker.

use super::argument::{Number, Size};
use super::care::Care;
use super::file::FileArguments;
use super::superpage;

/// Pages of a map: few, so that calls meet.
pub const WINDOW: u64 = 40;

/// Pages of the library, a submap.
pub const LIBRARY: u64 = 8;

/// The page of the window at which the library has its own addresses.
pub const LIBRARY_AT: u64 = 4;

/// An operation: a call of a task about a range, as far as the call has one.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Op {
    /// Counts among the tasks that live (modulo their number; from 255 down: the youngest).
    pub task: u8,
    pub at: Number,
    pub size: Size,
    pub call: Call,
}

/// What is called. Words are as the program passes them.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Call {
    /// `VM_FLAGS_*`.
    Allocate {
        flags: u32,
    },
    /// `mach_vm_map` of nothing.
    Map(MapArguments),
    /// Shows a part of the library from its page `from` on.
    EnterSubmap {
        from: u64,
        overwrite: bool,
    },
    Deallocate,
    Protect {
        protection: u32,
        set_maximum: bool,
    },
    Inherit {
        inherit: u32,
    },
    Wire {
        access: u32,
    },
    Unwire,
    /// An access by way of a CPU's TLB.
    Load {
        cpu: u8,
    },
    Store {
        cpu: u8,
        value: u8,
    },
    /// `mach_vm_copy` and `mach_vm_read_overwrite`: bytes of one task over another's.
    Copy {
        into: u8,
        to: Number,
    },
    /// Takes a copy, and holds it.
    CopyIn,
    /// It becomes new memory of a task.
    CopyOut,
    /// It replaces memory.
    CopyOverwrite,
    /// `mach_vm_read`.
    Read {
        into: u8,
    },
    /// `mach_vm_remap`, to wherever there is room.
    Remap {
        into: u8,
        copy: bool,
    },
    /// `mach_make_memory_entry`; there is one at a time.
    MakeEntry {
        mode: EntryMode,
        access: u32,
    },
    /// The same of the memory entry that there is, from its page `from` on.
    MakeChild {
        from: u64,
        access: u32,
    },
    /// `mach_memory_entry_purgable_control` of it.
    ControlEntry {
        control: u32,
        state: i32,
    },
    /// `mach_vm_map` of it, from its page `from` on.
    MapEntry {
        from: u64,
        copy: bool,
    },
    /// The kernel's own memory: a byte that it is filled with.
    KernelAllocate {
        guarded: bool,
        byte: u8,
    },
    /// Some bytes beside one of its pieces, of its own size or another.
    KernelFree {
        which: u8,
        beside: i32,
        exact: bool,
    },
    /// Another file of so many pages.
    NewFile {
        pages: u64,
    },
    MapFile(FileArguments),
    /// Writes the rest of a page.
    WriteFile {
        page: u64,
        from: u64,
        value: u8,
    },
    ReadFile,
    /// So many pages, less some bytes.
    ResizeFile {
        pages: u64,
        less: u64,
    },
    Fork,
    Exit,
    /// Purgeable memory, advice, limits.
    Care(Care),
    /// `mach_vm_page_query`, `mach_vm_page_range_query`, `mach_vm_page_info`.
    Query,
    /// `mach_vm_region`, `mach_vm_region_recurse`.
    Region,
    /// Compares the regions of a task.
    Regions,
    /// Compares every byte of a task.
    Contents {
        cpu: u8,
    },
}

/// What `mach_vm_map` is given besides a range.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MapArguments {
    /// `VM_FLAGS_*`.
    pub flags: u32,
    /// Bits that the address must not have.
    pub mask: u64,
    pub current: u32,
    pub maximum: u32,
    pub inherit: u32,
}

/// What a memory entry is made of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EntryMode {
    Plain,
    Share,
    Copy,
    Create,
    Purgable,
}

impl Op {
    /// A call about whole pages of the window.
    pub const fn on_pages(task: u8, at: u64, pages: u64, call: Call) -> Self {
        Op {
            task,
            at: Number::page(at),
            size: Size::pages(pages),
            call,
        }
    }

    /// Whether a failure must leave even the counts as they were. An access or a wiring that fails may
    /// have brought in pages before.
    pub fn is_atomic(self) -> bool {
        match self.call {
            Call::Care(care) => care.is_atomic(),
            Call::Wire { .. }
            | Call::Load { .. }
            | Call::Store { .. }
            | Call::Copy { .. }
            | Call::CopyOut
            | Call::WriteFile { .. }
            | Call::ResizeFile { .. }
            | Call::CopyOverwrite
            | Call::Read { .. }
            | Call::Contents { .. } => false,
            _ => true,
        }
    }

    /// Smaller operations in its place, for the shrinker.
    pub fn simpler(self) -> Vec<Op> {
        let sizes = self.size.simpler().into_iter();
        let mut all: Vec<Op> = sizes.map(|size| Op { size, ..self }).collect();
        let places = self.at.simpler().into_iter();
        all.extend(places.map(|at| Op { at, ..self }));
        let calls = self.call.simpler().into_iter();
        all.extend(calls.map(|call| Op { call, ..self }));
        all
    }
}

impl Call {
    /// What it is called in counts.
    pub fn name(self) -> &'static str {
        match self {
            Call::Allocate { flags } if superpage::is_asked(flags) => "allocate superpage",
            Call::Allocate { .. } => "allocate",
            Call::Map(_) => "map",
            Call::EnterSubmap { .. } => "enter_submap",
            Call::Deallocate => "deallocate",
            Call::Protect { .. } => "protect",
            Call::Inherit { .. } => "inherit",
            Call::Wire { .. } => "wire",
            Call::Unwire => "unwire",
            Call::Load { .. } => "load",
            Call::Store { .. } => "store",
            Call::Copy { .. } => "copy",
            Call::CopyIn => "copy_in",
            Call::CopyOut => "copy_out",
            Call::CopyOverwrite => "copy_overwrite",
            Call::Read { .. } => "read",
            Call::KernelAllocate { .. } => "kmem_alloc",
            Call::KernelFree { .. } => "kmem_free",
            Call::Remap { .. } => "remap",
            Call::MakeEntry { .. } => "make_memory_entry",
            Call::MakeChild { .. } => "make_memory_entry of an entry",
            Call::ControlEntry { .. } => "memory_entry_purgable_control",
            Call::MapEntry { .. } => "map_entry",
            Call::NewFile { .. } => "object_create",
            Call::MapFile(_) => "enter_object",
            Call::WriteFile { .. } => "object_write",
            Call::ReadFile => "object_read",
            Call::ResizeFile { .. } => "object_resize",
            Call::Fork => "fork",
            Call::Exit => "exit",
            Call::Care(care) => care.name(),
            Call::Query => "page_query",
            Call::Region => "region",
            Call::Regions => "regions",
            Call::Contents { .. } => "contents",
        }
    }

    fn simpler(self) -> Vec<Call> {
        match self {
            Call::Allocate { flags } if flags != 0 => vec![Call::Allocate { flags: 0 }],
            Call::Load { cpu } if cpu != 0 => vec![Call::Load { cpu: 0 }],
            Call::Store { cpu, value } if cpu != 0 => vec![Call::Store { cpu: 0, value }],
            Call::Copy { into, to } => to
                .simpler()
                .into_iter()
                .map(|to| Call::Copy { into, to })
                .collect(),
            _ => Vec::new(),
        }
    }
}
