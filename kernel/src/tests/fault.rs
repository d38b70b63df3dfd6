//! Faults on the real page tables, and random programs against a model of bytes.

use super::rig::{HIGHEST, LOWEST, Rig, Space, page};
use super::{Outcome, check, same, tests};
use crate::memory::vm;
use alloc::vec::Vec;
use vm::counters::Event;
use vm::{FaultError, Inherit, Protection, UserAddr, UserFlags, UserSize, VirtAddr};

tests!("fault":
    first_write_gets_a_page_of_zeros,
    reads_of_untouched_memory_share_one_frame,
    errors_say_why,
    a_write_after_a_read_gets_its_own_page,
    random_programs_agree_with_the_model,
    large_maps_are_touched_at_random,
);

fn events(event: Event) -> u64 {
    vm().counters().get(event)
}

fn first_write_gets_a_page_of_zeros(rig: &mut Rig<'_>) -> Outcome {
    let space = rig.space()?;
    // Frames that were dirty before come back clean.
    let dirty = space.allocate(32)?;
    let full = [0xa5; 512];
    for at in (dirty..dirty + 32 * page()).step_by(512) {
        check!(space.write_from(at, &full).is_ok());
    }
    space.deallocate(dirty, 32)?;
    let at = space.allocate(32)?;
    let before = events(Event::ZeroFill);
    check!(space.write_pages(at, 32, 0).is_ok());
    same!(events(Event::ZeroFill) - before, 32);
    let mut bytes = [1; 512];
    for at in (at..at + 32 * page()).step_by(512) {
        check!(space.read_into(at, &mut bytes).is_ok());
        check!(
            bytes.iter().all(|&byte| byte == 0),
            "dirty bytes at {at:#x}"
        );
    }
    Ok(())
}

fn reads_of_untouched_memory_share_one_frame(rig: &mut Rig<'_>) -> Outcome {
    let space = rig.space()?;
    let at = space.allocate(64)?;
    // The tables come with the first page.
    same!(space.read(at).ok(), Some(0));
    let free = vm().statistics().free_count;
    for index in 0..64 {
        same!(space.read(at + index * page() + 9).ok(), Some(0));
    }
    same!(vm().statistics().free_count, free);
    let (first, second) = (space.mapped(at), space.mapped(at + 63 * page()));
    same!(first, second);
    check!(first.is_some_and(|(_, protection)| !protection.contains(Protection::WRITE)));
    Ok(())
}

fn a_write_after_a_read_gets_its_own_page(rig: &mut Rig<'_>) -> Outcome {
    let space = rig.space()?;
    let at = space.allocate(2)?;
    same!(space.read(at).ok(), Some(0));
    same!(space.read(at + page()).ok(), Some(0));
    let shared = space.mapped(at);
    check!(space.write(at + 5, 9).is_ok());
    check!(space.mapped(at) != shared);
    same!(space.mapped(at + page()), shared);
    same!(
        (space.read(at + 4).ok(), space.read(at + 5).ok()),
        (Some(0), Some(9))
    );
    same!(space.read(at + page() + 5).ok(), Some(0));
    Ok(())
}

fn errors_say_why(rig: &mut Rig<'_>) -> Outcome {
    let space = rig.space()?;
    let at = space.allocate(2)?;
    let fault = |at, access| vm().fault(space.map(), VirtAddr(at), access);
    let (read, write) = (Protection::READ, Protection::WRITE);
    same!(fault(0, read), Err(FaultError::InvalidAddress));
    same!(
        fault(at + 2 * page(), write),
        Err(FaultError::InvalidAddress)
    );
    same!(fault(HIGHEST, read), Err(FaultError::InvalidAddress));
    same!(fault(u64::MAX, read), Err(FaultError::InvalidAddress));
    same!(
        fault(at, Protection::EXECUTE),
        Err(FaultError::ProtectionFailure)
    );
    space.protect(at, 1, read)?;
    same!(fault(at, write), Err(FaultError::ProtectionFailure));
    same!(fault(at, read), Ok(()));
    same!(fault(at + page(), write), Ok(()));
    space.protect(at, 2, Protection::NONE)?;
    same!(fault(at + page(), read), Err(FaultError::ProtectionFailure));
    check!(space.mapped(at + page()).is_none());
    Ok(())
}

fn large_maps_are_touched_at_random(rig: &mut Rig<'_>) -> Outcome {
    // Sparse pages over the whole address space: every level of the tables comes and goes.
    let space = rig.space()?;
    let mut pages = Vec::new();
    for _ in 0..128 {
        let at = LOWEST + rig.below((HIGHEST - LOWEST) / page()) * page();
        let got = vm().allocate(space.map(), UserAddr(at), UserSize(page()), UserFlags(0));
        if got.is_ok() {
            let byte = rig.below(255) as u8 + 1;
            check!(space.write(at + rig.below(8) * 8, byte).is_ok());
            pages.push(at);
        }
    }
    same!(vm().resident(space.map()).0, pages.len() as u64);
    vm().audit()
        .map_err(|error| super::Unmet::failed(error.what))?;
    while !pages.is_empty() {
        let at = pages.swap_remove(rig.below(pages.len() as u64) as usize);
        space.deallocate(at, 1)?;
        check!(space.read(at).is_err());
    }
    same!(vm().resident(space.map()).0, 0);
    Ok(())
}

/// Pages in play.
const PAGES: usize = 24;
/// Address spaces in play.
const SPACES: usize = 4;
/// Where they are.
const BASE: u64 = 1 << 32;

/// What the model knows of a page: which bytes it shows, and what is allowed.
#[derive(Clone, Copy)]
struct Shown {
    cell: usize,
    protection: Protection,
    inherit: Inherit,
}

#[derive(Default)]
struct Model {
    /// The first byte of everything that was ever shown.
    cells: Vec<u8>,
}

impl Model {
    fn cell(&mut self, byte: u8) -> usize {
        self.cells.push(byte);
        self.cells.len() - 1
    }

    fn fork(&mut self, parent: &[Option<Shown>; PAGES]) -> [Option<Shown>; PAGES] {
        parent.map(|shown| {
            let shown = shown?;
            match shown.inherit {
                Inherit::None => None,
                Inherit::Share => Some(shown),
                _ => Some(Shown {
                    cell: self.cell(self.cells[shown.cell]),
                    ..shown
                }),
            }
        })
    }
}

/// A random range of the pages in play: first and number.
fn some(rig: &mut Rig<'_>) -> (usize, usize) {
    let first = rig.below(PAGES as u64) as usize;
    let count = 1 + rig.below(6) as usize;
    (first, count.min(PAGES - first))
}

fn random_programs_agree_with_the_model(rig: &mut Rig<'_>) -> Outcome {
    let mut model = Model::default();
    let mut spaces: [Option<(Space<'_>, [Option<Shown>; PAGES])>; SPACES] =
        [const { None }; SPACES];
    spaces[0] = Some((rig.space()?, [None; PAGES]));
    for step in 0..4000 {
        let which = rig.below(SPACES as u64) as usize;
        let Some((space, shown)) = &mut spaces[which] else {
            continue;
        };
        let (first, count) = some(rig);
        let at = BASE + first as u64 * page();
        let range = first..first + count;
        match rig.below(20) {
            0 | 1 => {
                let flags = UserFlags(abi::vm_flags::VM_FLAGS_OVERWRITE);
                let size = UserSize(count as u64 * page());
                vm().allocate(space.map(), UserAddr(at), size, flags)?;
                for slot in &mut shown[range] {
                    *slot = Some(Shown {
                        cell: model.cell(0),
                        protection: Protection::DEFAULT,
                        inherit: Inherit::Copy,
                    });
                }
            }
            2 => {
                space.deallocate(at, count as u64)?;
                shown[range].fill(None);
            }
            3 | 4 => {
                let to = [Protection::NONE, Protection::READ, Protection::DEFAULT]
                    [rig.below(3) as usize];
                let all = shown[range.clone()].iter().all(Option::is_some);
                let got = space.protect(at, count as u64, to);
                check!(got.is_ok() == all, "step {step}: protect answers {got:?}");
                if all {
                    shown[range]
                        .iter_mut()
                        .flatten()
                        .for_each(|shown| shown.protection = to);
                }
            }
            5 => {
                let to = [Inherit::Copy, Inherit::Share, Inherit::None][rig.below(3) as usize];
                if space.inherit(at, count as u64, to).is_ok() {
                    shown[range]
                        .iter_mut()
                        .flatten()
                        .for_each(|shown| shown.inherit = to);
                }
            }
            6 => {
                let child = space.fork()?;
                let seen = model.fork(shown);
                let to = rig.below(SPACES as u64) as usize;
                spaces[to] = Some((child, seen));
            }
            7 if which != 0 => spaces[which] = None,
            8..14 => {
                let byte = rig.below(256) as u8;
                let allowed =
                    shown[first].filter(|shown| shown.protection.contains(Protection::WRITE));
                let got = space.write(at, byte);
                check!(
                    got.is_ok() == allowed.is_some(),
                    "step {step}: write at {at:#x}"
                );
                if let Some(shown) = allowed {
                    model.cells[shown.cell] = byte;
                }
            }
            _ => {
                let allowed =
                    shown[first].filter(|shown| shown.protection.contains(Protection::READ));
                let expected = allowed.map(|shown| model.cells[shown.cell]);
                let got = space.read(at).ok();
                check!(
                    got == expected,
                    "step {step}: read {got:?}, not {expected:?}, at {at:#x}"
                );
            }
        }
        if step % 500 == 0 {
            let audit = vm().audit();
            check!(audit.is_ok(), "step {step}: {audit:?}");
        }
    }
    Ok(())
}
