//! Which operations random programs are made of.

use super::argument::{Edge, Number, Size, word};
use super::care;
use super::file::{FileArguments, FilePlace, LONGEST};
use super::op::{Call, EntryMode, LIBRARY, LIBRARY_AT, MapArguments, Op, WINDOW};
use super::random::Random;
use abi::vm_flags::*;

const NONE: u32 = 0;
const READ: u32 = 1;
const READ_WRITE: u32 = 3;
const READ_EXECUTE: u32 = 5;
const READ_WRITE_EXECUTE: u32 = 7;

const SHARE: u32 = 0;
const COPY: u32 = 1;
const NOTHING: u32 = 2;

/// Something about the file.
fn file_call(r: &mut Random) -> Call {
    let pages = r.below(LONGEST + 1);
    match r.below(16) {
        0 => Call::NewFile { pages },
        1..=7 => Call::MapFile(FileArguments {
            from: r.pick(&[0, 0, 1, 2, 5]),
            private: r.one_in(2),
            protection: r.pick(&[READ, READ_WRITE, READ_WRITE]),
            place: r.pick(&[FilePlace::Fixed, FilePlace::Overwrite, FilePlace::Anywhere]),
        }),
        8..=11 => Call::WriteFile {
            page: r.below(LONGEST),
            from: r.pick(&[0, 1, 100]),
            value: r.next() as u8,
        },
        12 => Call::ReadFile,
        _ => Call::ResizeFile {
            pages,
            less: r.pick(&[0, 0, 1, 1000]),
        },
    }
}

/// What `mach_vm_map` of nothing is given.
fn map_arguments(r: &mut Random) -> MapArguments {
    let place = r.pick(&[0, 0, VM_FLAGS_OVERWRITE, VM_FLAGS_ANYWHERE]);
    let usual = [
        0,
        0,
        0,
        vm_make_tag(10),
        vm_make_tag(240),
        VM_FLAGS_PURGABLE,
        VM_FLAGS_RANDOM_ADDR,
        VM_FLAGS_PERMANENT,
        VM_FLAGS_TPRO,
        VM_FLAGS_NO_CACHE,
        VM_FLAGS_4GB_CHUNK,
        VM_FLAGS_RETURN_DATA_ADDR,
    ];
    MapArguments {
        flags: place | word(r, &usual),
        mask: r.pick(&[0, 0, 0, 0x3fff, 0xffff, 1 << 63, u64::MAX]),
        current: word(r, &[READ, READ_WRITE, READ_WRITE, READ_WRITE_EXECUTE]),
        maximum: word(
            r,
            &[READ, READ_WRITE, READ_WRITE_EXECUTE, READ_WRITE_EXECUTE],
        ),
        inherit: word(r, &[COPY, COPY, SHARE, NOTHING]),
    }
}

impl Op {
    /// A random operation. Accesses come in bursts near a few hot pages, so that TLBs matter.
    pub fn random(r: &mut Random) -> Op {
        let task = r.pick(&[0, 0, 0, 1, 1, 2, 3, 4, 5, 6]);
        let cpu = r.pick(&[0, 0, 0, 1, 1, 2]);
        let hot = r.pick(&[2, 3, 4, 18, 19, 20, 21, 37]);
        let page = if r.one_in(3) { r.below(WINDOW) } else { hot };
        let most = r.pick(&[1, 1, 2, 4, 8, 16]);
        let pages = 1 + r.below(most);
        let op = |r: &mut Random, page, pages, call| Op {
            task,
            at: Number::random(r, page),
            size: Size::random(r, pages),
            call,
        };
        if r.one_in(7) {
            let call = Call::Care(care::random(r));
            return op(r, page, pages, call);
        }
        match r.below(175) {
            0..=6 => {
                let usual = [0, VM_FLAGS_OVERWRITE, VM_FLAGS_ANYWHERE, VM_FLAGS_ANYWHERE];
                let flags = word(r, &usual);
                let most = r.pick(&[1, 4, 8, 16, 24]);
                let pages = 1 + r.below(most);
                let page = if r.one_in(2) {
                    page.saturating_sub(pages / 2)
                } else {
                    page
                };
                op(r, page, pages, Call::Allocate { flags })
            }
            7..=8 => op(r, page, pages, Call::Deallocate),
            9..=13 => {
                let usual = [NONE, READ, READ, READ_WRITE, READ_WRITE, READ_EXECUTE];
                let protection = if r.one_in(40) {
                    READ_WRITE_EXECUTE
                } else {
                    word(r, &usual)
                };
                let set_maximum = r.one_in(12);
                let call = Call::Protect {
                    protection,
                    set_maximum,
                };
                op(r, page, pages, call)
            }
            14..=17 => {
                let inherit = word(r, &[COPY, COPY, SHARE, NOTHING]);
                op(r, page, pages, Call::Inherit { inherit })
            }
            18..=20 => {
                let access = word(r, &[READ, READ_WRITE]);
                op(r, page, pages.min(4), Call::Wire { access })
            }
            21..=23 => op(r, page, pages, Call::Unwire),
            24..=28 => op(r, page, pages, Call::Fork),
            29..=31 => op(r, page, pages, Call::Exit),
            126..=128 | 138..=140 => {
                // A large copy as often as a small one.
                let pages = r.pick(&[pages, 5, 5, 9]);
                op(r, page, pages, Call::CopyIn)
            }
            164..=167 => {
                let access = r.pick(&[READ, READ, READ_WRITE, READ_WRITE_EXECUTE]);
                let from = r.pick(&[0, 0, 1]);
                op(r, page, pages.min(4), Call::MakeChild { from, access })
            }
            168..=171 => {
                let (control, state) = (word(r, &[0, 0, 0, 1, 2]), care::state(r));
                op(r, page, pages, Call::ControlEntry { control, state })
            }
            144..=159 => {
                let call = file_call(r);
                op(r, page, pages.min(8), call)
            }
            129 => op(r, page, pages, Call::CopyOut),
            130..=131 | 141..=143 => op(r, page, pages, Call::CopyOverwrite),
            132 | 160..=163 => {
                let (into, pages) = (r.pick(&[task, 0, 1]), r.pick(&[pages, 5, 9]));
                op(r, page, pages, Call::Read { into })
            }
            133..=135 => {
                let (guarded, byte) = (r.one_in(2), r.next() as u8);
                let call = Call::KernelAllocate { guarded, byte };
                let usual = op(r, page, pages.min(6), call);
                let edge = Size::at_an_edge(r);
                let size = if r.one_in(3) { edge } else { usual.size };
                Op { size, ..usual }
            }
            136..=137 => {
                let call = Call::KernelFree {
                    which: r.next() as u8,
                    beside: r.pick(&[0, 0, 0, 0, 1, -1, 1 << 12, -(1 << 14), i32::MIN]),
                    exact: r.one_in(2),
                };
                let last = Size::Of(Number {
                    bytes: -1,
                    ..Number::new(Edge::Zero)
                });
                let edge = Size::at_an_edge(r);
                Op {
                    size: if r.one_in(8) { last } else { edge },
                    ..op(r, page, pages, call)
                }
            }
            120..=125 => {
                let asked = map_arguments(r);
                op(r, page, pages, Call::Map(asked))
            }
            114 => Op {
                at: Number::at_an_edge(r),
                ..op(r, page, pages, Call::Query)
            },
            115..=116 => op(r, page, pages, Call::Query),
            117..=119 => op(r, page, pages, Call::Region),
            32 => op(r, page, pages, Call::Regions),
            33 => op(r, page, pages, Call::Contents { cpu }),
            100..=102 => {
                let from = r.below(LIBRARY);
                let part = (page, from, 1 + r.below(LIBRARY - from));
                // All of it, where it is at home, is nested.
                let (page, from, pages) = r.pick(&[part, (LIBRARY_AT, 0, LIBRARY)]);
                let overwrite = r.one_in(2);
                Op::on_pages(task, page, pages, Call::EnterSubmap { from, overwrite })
            }
            34..=35 | 107..=113 => {
                let into = r.pick(&[task, task, 0, 1, 2]);
                let to = if r.one_in(2) { r.below(WINDOW) } else { hot };
                let to = Number::random(r, to);
                op(r, page, pages, Call::Copy { into, to })
            }
            36 | 172..=174 => {
                let into = r.pick(&[task, 0, 1, 2]);
                let copy = r.one_in(2);
                op(r, page, pages.min(8), Call::Remap { into, copy })
            }
            37 | 103..=106 if r.one_in(2) => {
                let mode = r.pick(&[
                    EntryMode::Plain,
                    EntryMode::Share,
                    EntryMode::Copy,
                    EntryMode::Create,
                    EntryMode::Purgable,
                    EntryMode::Purgable,
                ]);
                let access = r.pick(&[READ_WRITE, READ, READ_WRITE_EXECUTE]);
                let made = op(r, page, pages, Call::MakeEntry { mode, access });
                let huge = Size::Of(Number::new(Edge::Bit(47)));
                let size = if r.one_in(16) { huge } else { made.size };
                Op { size, ..made }
            }
            37 | 103..=106 => {
                let (from, copy) = (r.below(3), r.one_in(3));
                op(r, page, pages.min(6), Call::MapEntry { from, copy })
            }
            38..=59 => op(r, page, pages, Call::Load { cpu }),
            _ => {
                let value = r.next() as u8;
                op(r, page, pages, Call::Store { cpu, value })
            }
        }
    }

    /// A random operation of a few tasks that live long on few pages, all parts of them as likely.
    pub fn random_of_few(r: &mut Random) -> Op {
        let (task, at) = (r.below(4) as u8, r.below(24));
        let most = 1 + r.below(6);
        let pages = most.min(24 - at);
        let cpu = r.below(2) as u8;
        let call = match r.below(20) {
            0..=1 => Call::Allocate {
                flags: VM_FLAGS_OVERWRITE,
            },
            2 => Call::Deallocate,
            3..=4 => Call::Protect {
                protection: r.pick(&[NONE, READ, READ_WRITE]),
                set_maximum: false,
            },
            5 => Call::Inherit {
                inherit: r.pick(&[COPY, SHARE, NOTHING]),
            },
            6 => Call::Fork,
            7 => Call::Exit,
            8..=13 => Call::Store {
                cpu,
                value: r.next() as u8,
            },
            _ => Call::Load { cpu },
        };
        Op::on_pages(task, at, pages, call)
    }

    /// A random operation of a family: a parent writes another page between one living child and the
    /// next, and some children have children.
    pub fn random_of_family(r: &mut Random) -> Op {
        let any = r.below(24) as u8;
        let task = r.pick(&[0, 0, 0, 0, 255, any]);
        let (at, cpu) = (r.below(24), r.below(2) as u8);
        let whole = Call::Allocate {
            flags: VM_FLAGS_OVERWRITE,
        };
        let (task, at, call) = match r.below(20) {
            0 if r.one_in(12) => (task, 0, whole),
            0 if r.one_in(2) => (any, 0, Call::Exit),
            0..=3 => (r.pick(&[0, 0, 0, 0, 0, task]), 0, Call::Fork),
            4..=5 => (task, 0, Call::Contents { cpu }),
            6..=8 => (task, at, Call::Load { cpu }),
            _ => {
                let value = r.next() as u8;
                (task, at, Call::Store { cpu, value })
            }
        };
        Op::on_pages(task, at, 24, call)
    }
}
