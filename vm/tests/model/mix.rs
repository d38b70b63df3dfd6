//! Which operations random programs are made of.

use super::care;
use super::op::{EntryMode, LIBRARY, LIBRARY_AT, Op, Place, WINDOW};
use super::random::Random;
use vm::{Inherit, Protection};

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
        match r.below(104) {
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
            103 => Op::Superpage {
                task,
                at: r.pick(&[4, 12, 20, 28, at]),
                place: r.pick(&[Place::Fixed, Place::Overwrite, Place::Anywhere]),
            },
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

    /// A random operation of a few tasks that live long on few pages, all parts of them as likely.
    pub fn random_of_few(r: &mut Random) -> Op {
        let (task, at) = (r.below(4) as u8, r.below(24));
        let most = 1 + r.below(6);
        let pages = most.min(24 - at);
        let (cpu, spot) = (r.below(2) as u8, 0);
        match r.below(20) {
            0..=1 => Op::Allocate {
                task,
                at,
                pages,
                place: Place::Overwrite,
            },
            2 => Op::Deallocate { task, at, pages },
            3..=4 => Op::Protect {
                task,
                at,
                pages,
                protection: r.pick(&[Protection::NONE, Protection::READ, Protection::DEFAULT]),
                set_maximum: false,
            },
            5 => Op::Inherit {
                task,
                at,
                pages,
                inherit: r.pick(&[Inherit::Copy, Inherit::Share, Inherit::None]),
            },
            6 => Op::Fork { task },
            7 => Op::Exit { task },
            8..=13 => Op::Write {
                task,
                cpu,
                at,
                spot,
                value: r.next() as u8,
            },
            _ => Op::Read {
                task,
                cpu,
                at,
                spot,
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
}
