//! What a random program does.

use super::random::Random;
use vm::{Inherit, Protection};

/// Pages of a map: few, so that calls meet.
pub const WINDOW: u64 = 40;

/// An operation. `task` counts among the tasks that live (modulo their number); `at` is a page of the
/// window.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Op {
    Allocate {
        task: u8,
        at: u64,
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
    Fork {
        task: u8,
    },
    Exit {
        task: u8,
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

const PROTECTIONS: [Protection; 6] = [
    Protection::NONE,
    Protection::READ,
    Protection::READ,
    Protection::DEFAULT,
    Protection::DEFAULT,
    Protection::READ.union(Protection::EXECUTE),
];

impl Op {
    /// A random operation.
    pub fn random(r: &mut Random) -> Op {
        let task = r.below(8) as u8;
        let (at, most) = (r.below(WINDOW), r.pick(&[1, 1, 2, 4, 8, 16]));
        let pages = 1 + r.below(most);
        let (cpu, spot) = (r.below(4) as u8, r.below(4) as u8);
        match r.below(100) {
            0..=8 => Op::Allocate {
                task,
                at,
                pages,
                place: r.pick(&[
                    Place::Fixed,
                    Place::Overwrite,
                    Place::Anywhere,
                    Place::Anywhere,
                ]),
            },
            9..=12 => Op::Deallocate { task, at, pages },
            13..=18 => {
                let all = r.one_in(40);
                let protection = if all {
                    Protection::ALL
                } else {
                    r.pick(&PROTECTIONS)
                };
                Op::Protect {
                    task,
                    at,
                    pages,
                    protection,
                    set_maximum: r.one_in(12),
                }
            }
            19..=23 => Op::Inherit {
                task,
                at,
                pages,
                inherit: r.pick(&[Inherit::Copy, Inherit::Copy, Inherit::Share, Inherit::None]),
            },
            24..=26 => Op::Wire {
                task,
                at,
                pages: pages.min(4),
                access: r.pick(&[Protection::READ, Protection::DEFAULT]),
            },
            27..=29 => Op::Unwire { task, at, pages },
            30..=34 => Op::Fork { task },
            35..=37 => Op::Exit { task },
            38 => Op::Regions { task },
            39 => Op::Contents { task, cpu },
            40..=59 => Op::Read {
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
        !matches!(
            self,
            Op::Wire { .. } | Op::Read { .. } | Op::Write { .. } | Op::Contents { .. }
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
            Op::Unwire { task, at, pages } => {
                all.extend(fewer(pages).map(|pages| Op::Unwire { task, at, pages }))
            }
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
