//! The operations of a program.
//!
//! Owns: what they are, which of them are atomic, and their smaller forms for the shrinker.

use super::care::Care;
use vm::{Inherit, Protection};

/// Pages of a map: few, so that calls meet.
pub const WINDOW: u64 = 40;

/// Pages of the library, a submap.
pub const LIBRARY: u64 = 8;

/// The page of the window at which the library has its own addresses.
pub const LIBRARY_AT: u64 = 4;

/// An operation. `task` counts among the tasks that live (modulo their number; from 255 down: the
/// youngest); `at` is a page of the
/// window.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Op {
    Allocate {
        task: u8,
        at: u64,
        pages: u64,
        place: Place,
    },
    /// `VM_FLAGS_SUPERPAGE_SIZE_ANY`.
    Superpage {
        task: u8,
        at: u64,
        place: Place,
    },
    /// Shows `pages` pages of the library from its page `from` on.
    EnterSubmap {
        task: u8,
        at: u64,
        from: u64,
        pages: u64,
        place: Place,
    },
    Deallocate {
        task: u8,
        at: u64,
        pages: u64,
    },
    Protect {
        task: u8,
        at: u64,
        pages: u64,
        protection: Protection,
        set_maximum: bool,
    },
    Inherit {
        task: u8,
        at: u64,
        pages: u64,
        inherit: Inherit,
    },
    Wire {
        task: u8,
        at: u64,
        pages: u64,
        access: Protection,
    },
    Unwire {
        task: u8,
        at: u64,
        pages: u64,
    },
    Read {
        task: u8,
        cpu: u8,
        at: u64,
        spot: u8,
    },
    Write {
        task: u8,
        cpu: u8,
        at: u64,
        spot: u8,
        value: u8,
    },
    /// `mach_vm_copy` and `mach_vm_read_overwrite`: bytes of one task over another's.
    Copy {
        task: u8,
        at: u64,
        pages: u64,
        /// Both ends are moved by these many bytes.
        skew: (u8, u8),
        into: u8,
        to: u64,
    },
    /// `mach_vm_remap`, to wherever there is room.
    Remap {
        task: u8,
        at: u64,
        pages: u64,
        into: u8,
        copy: bool,
    },
    /// `mach_make_memory_entry`; there is one at a time.
    MakeEntry {
        task: u8,
        at: u64,
        pages: u64,
        mode: EntryMode,
    },
    /// `mach_vm_map` of it.
    MapEntry {
        task: u8,
        from: u64,
        pages: u64,
        copy: bool,
    },
    Fork {
        task: u8,
    },
    Exit {
        task: u8,
    },
    /// Purgeable memory, advice, limits.
    Care {
        task: u8,
        at: u64,
        pages: u64,
        care: Care,
    },
    /// Compares the regions of a task.
    Regions {
        task: u8,
    },
    /// Compares every byte of a task.
    Contents {
        task: u8,
        cpu: u8,
    },
}

/// Where an allocation goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    Fixed,
    Overwrite,
    Anywhere,
}

/// What a memory entry is made of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EntryMode {
    Plain,
    Share,
    Copy,
    Create,
}

impl Op {
    /// Whether a failure must leave even the counts as they were. An access or a wiring that fails may
    /// have brought in pages before.
    pub fn is_atomic(self) -> bool {
        !matches!(self, Op::Care { care, .. } if !care.is_atomic())
            && !matches!(
                self,
                Op::Wire { .. }
                    | Op::Read { .. }
                    | Op::Write { .. }
                    | Op::Copy { .. }
                    | Op::Contents { .. }
            )
    }

    /// Smaller operations in its place, for the shrinker.
    pub fn simpler(self) -> Vec<Op> {
        let mut all = Vec::new();
        let fewer = |pages: u64| {
            [1, pages / 2]
                .into_iter()
                .filter(move |less| *less >= 1 && *less < pages)
        };
        match self {
            Op::Allocate {
                task,
                at,
                pages,
                place,
            } => {
                all.extend(fewer(pages).map(|pages| Op::Allocate {
                    task,
                    at,
                    pages,
                    place,
                }));
                if place != Place::Fixed {
                    all.push(Op::Allocate {
                        task,
                        at,
                        pages,
                        place: Place::Fixed,
                    });
                }
            }
            Op::EnterSubmap {
                task,
                at,
                from,
                pages,
                place,
            } => all.extend(fewer(pages).map(|pages| Op::EnterSubmap {
                task,
                at,
                from,
                pages,
                place,
            })),
            Op::Deallocate { task, at, pages } => {
                all.extend(fewer(pages).map(|pages| Op::Deallocate { task, at, pages }))
            }
            Op::Protect {
                task,
                at,
                pages,
                protection,
                set_maximum,
            } => {
                all.extend(fewer(pages).map(|pages| Op::Protect {
                    task,
                    at,
                    pages,
                    protection,
                    set_maximum,
                }));
            }
            Op::Inherit {
                task,
                at,
                pages,
                inherit,
            } => all.extend(fewer(pages).map(|pages| Op::Inherit {
                task,
                at,
                pages,
                inherit,
            })),
            Op::Wire {
                task,
                at,
                pages,
                access,
            } => all.extend(fewer(pages).map(|pages| Op::Wire {
                task,
                at,
                pages,
                access,
            })),
            Op::Care {
                task,
                at,
                pages,
                care,
            } => all.extend(fewer(pages).map(|pages| Op::Care {
                task,
                at,
                pages,
                care,
            })),
            Op::Unwire { task, at, pages } => {
                all.extend(fewer(pages).map(|pages| Op::Unwire { task, at, pages }))
            }
            Op::Copy {
                task,
                at,
                pages,
                skew,
                into,
                to,
            } => {
                let simple = fewer(pages)
                    .map(|pages| (pages, skew))
                    .chain([(pages, (0, 0))]);
                all.extend(
                    simple
                        .filter(|new| *new != (pages, skew))
                        .map(|(pages, skew)| Op::Copy {
                            task,
                            at,
                            pages,
                            skew,
                            into,
                            to,
                        }),
                );
            }
            Op::Remap {
                task,
                at,
                pages,
                into,
                copy,
            } => all.extend(fewer(pages).map(|pages| Op::Remap {
                task,
                at,
                pages,
                into,
                copy,
            })),
            Op::Read {
                task,
                cpu,
                at,
                spot,
            } if cpu != 0 => all.push(Op::Read {
                task,
                cpu: 0,
                at,
                spot,
            }),
            Op::Write {
                task,
                cpu,
                at,
                spot,
                value,
            } if cpu != 0 => all.push(Op::Write {
                task,
                cpu: 0,
                at,
                spot,
                value,
            }),
            _ => {}
        }
        all
    }
}
