//! What a random program does.

use super::care::{self, Care};
use super::random::Random;
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

const PROTECTIONS: [Protection; 6] = [
    Protection::NONE,
    Protection::READ,
    Protection::READ,
    Protection::DEFAULT,
    Protection::DEFAULT,
    Protection::READ.union(Protection::EXECUTE),
];

impl Op {
    /// A random operation. Accesses come in bursts near a few hot pages, so that TLBs matter.
    pub fn random(r: &mut Random) -> Op {
        let task = r.pick(&[0, 0, 0, 1, 1, 2, 3, 4, 5, 6]);
        let (cpu, spot) = (r.pick(&[0, 0, 0, 1, 1, 2]), r.below(4) as u8);
        let hot = r.pick(&[2, 3, 4, 18, 19, 20, 21, 37]);
        let at = if r.one_in(3) { r.below(WINDOW) } else { hot };
        let most = r.pick(&[1, 1, 2, 4, 8, 16]);
        let pages = 1 + r.below(most);
        if r.one_in(7) {
            return care::random(r, task, at, pages);
        }
        match r.below(103) {
            0..=6 => {
                let place = r.pick(&[
                    Place::Fixed,
                    Place::Overwrite,
                    Place::Anywhere,
                    Place::Anywhere,
                ]);
                let most = r.pick(&[1, 4, 8, 16, 24]);
                let pages = 1 + r.below(most);
                let at = if r.one_in(2) {
                    at.saturating_sub(pages / 2)
                } else {
                    at
                };
                Op::Allocate {
                    task,
                    at,
                    pages,
                    place,
                }
            }
            7..=8 => Op::Deallocate { task, at, pages },
            9..=13 => {
                let protection = if r.one_in(40) {
                    Protection::ALL
                } else {
                    r.pick(&PROTECTIONS)
                };
                let set_maximum = r.one_in(25);
                Op::Protect {
                    task,
                    at,
                    pages,
                    protection,
                    set_maximum,
                }
            }
            14..=17 => {
                let kinds = [Inherit::Copy, Inherit::Copy, Inherit::Share, Inherit::None];
                Op::Inherit {
                    task,
                    at,
                    pages,
                    inherit: r.pick(&kinds),
                }
            }
            18..=20 => {
                let access = r.pick(&[Protection::READ, Protection::DEFAULT]);
                Op::Wire {
                    task,
                    at,
                    pages: pages.min(4),
                    access,
                }
            }
            21..=23 => Op::Unwire { task, at, pages },
            24..=28 => Op::Fork { task },
            29..=31 => Op::Exit { task },
            32 => Op::Regions { task },
            33 => Op::Contents { task, cpu },
            100..=102 => {
                let from = r.below(LIBRARY);
                let part = (at, from, 1 + r.below(LIBRARY - from));
                // All of it, where it is at home, is nested.
                let (at, from, pages) = r.pick(&[part, (LIBRARY_AT, 0, LIBRARY)]);
                Op::EnterSubmap {
                    task,
                    at,
                    from,
                    pages,
                    place: r.pick(&[Place::Fixed, Place::Overwrite]),
                }
            }
            34..=35 => Op::Copy {
                task,
                at,
                pages,
                skew: r.pick(&[(0, 0), (0, 0), (0, 0), (3, 0), (0, 5), (7, 7)]),
                into: r.pick(&[task, task, 0, 1, 2]),
                to: if r.one_in(2) { r.below(WINDOW) } else { hot },
            },
            36 => Op::Remap {
                task,
                at,
                pages: pages.min(8),
                into: r.pick(&[task, 0, 1, 2]),
                copy: r.one_in(2),
            },
            37 if r.one_in(2) => Op::MakeEntry {
                task,
                at,
                pages,
                mode: r.pick(&[
                    EntryMode::Plain,
                    EntryMode::Share,
                    EntryMode::Copy,
                    EntryMode::Create,
                ]),
            },
            37 => Op::MapEntry {
                task,
                from: r.below(3),
                pages: pages.min(6),
                copy: r.one_in(3),
            },
            38..=59 => Op::Read {
                task,
                cpu,
                at,
                spot,
            },
            _ => Op::Write {
                task,
                cpu,
                at,
                spot,
                value: r.next() as u8,
            },
        }
    }

    /// A random operation of a family: a parent writes another page between one living child and the
    /// next, and some children have children.
    pub fn random_of_family(r: &mut Random) -> Op {
        let any = r.below(24) as u8;
        let task = r.pick(&[0, 0, 0, 0, 255, any]);
        let (at, cpu, spot) = (r.below(24), r.below(2) as u8, r.below(4) as u8);
        match r.below(20) {
            0 if r.one_in(12) => Op::Allocate {
                task,
                at: 0,
                pages: 24,
                place: Place::Overwrite,
            },
            0 if r.one_in(2) => Op::Exit { task: any },
            0..=3 => Op::Fork {
                task: r.pick(&[0, 0, 0, 0, 0, task]),
            },
            4..=5 => Op::Contents { task, cpu },
            6..=8 => Op::Read {
                task,
                cpu,
                at,
                spot,
            },
            _ => Op::Write {
                task,
                cpu,
                at,
                spot,
                value: r.next() as u8,
            },
        }
    }

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
