//! Fork and copy-on-write on the real page tables.

use super::rig::{Rig, page};
use super::{Outcome, check, same, tests};
use crate::memory::vm;
use alloc::vec::Vec;
use vm::counters::Event;
use vm::{Inherit, Protection};

tests!("fork":
    both_sides_keep_their_bytes,
    copies_are_counted_page_by_page,
    mprotect_upgrade_keeps_readonly_pte,
    the_last_owner_writes_in_place,
    shared_memory_stays_shared,
    memory_without_inheritance_is_not_there,
    wired_memory_is_copied_at_once,
    a_thousand_generations_stay_shallow,
    three_hundred_sharers_of_one_page,
);

fn both_sides_keep_their_bytes(rig: &mut Rig<'_>) -> Outcome {
    let parent = rig.space()?;
    let at = parent.allocate(8)?;
    check!(parent.write_pages(at, 8, 1).is_ok());
    let child = parent.fork()?;
    for index in 0..8 {
        let place = at + index * page();
        match index % 4 {
            0 => check!(parent.write(place, 2).is_ok()),
            1 => check!(child.write(place, 3).is_ok()),
            2 => check!(parent.write(place, 2).is_ok() && child.write(place, 3).is_ok()),
            _ => {}
        }
    }
    let read = |space: &super::rig::Space<'_>| -> Vec<u8> {
        (0..8)
            .map(|index| space.read(at + index * page()).unwrap_or(99))
            .collect()
    };
    same!(read(&parent), [2, 1, 2, 1, 2, 1, 2, 1]);
    same!(read(&child), [1, 3, 3, 1, 1, 3, 3, 1]);
    drop(parent);
    same!(read(&child), [1, 3, 3, 1, 1, 3, 3, 1]);
    Ok(())
}

fn copies_are_counted_page_by_page(rig: &mut Rig<'_>) -> Outcome {
    let parent = rig.space()?;
    let at = parent.allocate(64)?;
    check!(parent.write_pages(at, 64, 1).is_ok());
    let child = parent.fork()?;
    let copies = || vm().counters().get(Event::CowFault);
    let before = copies();
    check!(child.write_pages(at, 17, 2).is_ok());
    same!(copies() - before, 17);
    check!(child.write_pages(at, 17, 3).is_ok());
    same!(copies() - before, 17);
    let reads = (0..64).all(|index| parent.read(at + index * page()).is_ok());
    check!(reads);
    same!(copies() - before, 17);
    Ok(())
}

fn mprotect_upgrade_keeps_readonly_pte(rig: &mut Rig<'_>) -> Outcome {
    let parent = rig.space()?;
    let at = parent.allocate(1)?;
    check!(parent.write(at, 7).is_ok());
    let child = parent.fork()?;
    child.protect(at, 1, Protection::READ)?;
    same!(child.read(at).ok(), Some(7));
    child.protect(at, 1, Protection::DEFAULT)?;
    let writable = child
        .mapped(at)
        .is_some_and(|(_, seen)| seen.contains(Protection::WRITE));
    check!(!writable, "the shared page is writable before its copy");
    check!(child.write(at, 9).is_ok());
    same!(
        (parent.read(at).ok(), child.read(at).ok()),
        (Some(7), Some(9))
    );
    Ok(())
}

fn the_last_owner_writes_in_place(rig: &mut Rig<'_>) -> Outcome {
    let parent = rig.space()?;
    let at = parent.allocate(4)?;
    check!(parent.write_pages(at, 4, 3).is_ok());
    drop(parent.fork()?);
    let before = vm().counters().get(Event::CowFault);
    check!(parent.write_pages(at, 4, 4).is_ok());
    same!(vm().counters().get(Event::CowFault), before);
    Ok(())
}

fn shared_memory_stays_shared(rig: &mut Rig<'_>) -> Outcome {
    let parent = rig.space()?;
    let at = parent.allocate(4)?;
    check!(parent.write(at, 1).is_ok());
    parent.inherit(at, 2, Inherit::Share)?;
    let child = parent.fork()?;
    let grandchild = child.fork()?;
    check!(child.write(at, 2).is_ok());
    check!(grandchild.write(at + page(), 5).is_ok());
    check!(child.write(at + 2 * page(), 8).is_ok());
    for space in [&parent, &child, &grandchild] {
        same!(space.read(at).ok(), Some(2));
        same!(space.read(at + page()).ok(), Some(5));
    }
    same!(parent.read(at + 2 * page()).ok(), Some(0));
    same!(
        parent.mapped(at).map(|seen| seen.0),
        child.mapped(at).map(|seen| seen.0)
    );
    Ok(())
}

fn memory_without_inheritance_is_not_there(rig: &mut Rig<'_>) -> Outcome {
    let parent = rig.space()?;
    let at = parent.allocate(3)?;
    check!(parent.write_pages(at, 3, 1).is_ok());
    parent.inherit(at + page(), 1, Inherit::None)?;
    let child = parent.fork()?;
    check!(child.read(at + page()).is_err());
    same!(
        (child.read(at).ok(), child.read(at + 2 * page()).ok()),
        (Some(1), Some(1))
    );
    same!(parent.read(at + page()).ok(), Some(1));
    Ok(())
}

fn wired_memory_is_copied_at_once(rig: &mut Rig<'_>) -> Outcome {
    let parent = rig.space()?;
    let at = parent.allocate(4)?;
    check!(parent.write_pages(at, 4, 1).is_ok());
    parent.wire(at, 2)?;
    // It may be write-protected while it is copied; it stays where it is.
    let page_at = |at| parent.mapped(at).map(|(page, _)| page);
    let wired = page_at(at);
    let child = parent.fork()?;
    same!(page_at(at), wired);
    check!(child.mapped(at).map(|(page, _)| page) != wired);
    check!(parent.write(at, 2).is_ok());
    same!(page_at(at), wired);
    same!(
        (child.read(at).ok(), child.read(at + page()).ok()),
        (Some(1), Some(1))
    );
    parent.unwire(at, 2)?;
    Ok(())
}

fn a_thousand_generations_stay_shallow(rig: &mut Rig<'_>) -> Outcome {
    let mut space = rig.space()?;
    let at = space.allocate(8)?;
    check!(space.write_pages(at, 8, 1).is_ok());
    let mut bytes = [1; 8];
    for _ in 0..1000 {
        let child = space.fork()?;
        drop(space);
        let (index, byte) = (rig.below(8), rig.below(256) as u8);
        check!(child.write(at + index * page(), byte).is_ok());
        bytes[index as usize] = byte;
        space = child;
    }
    let depth = space.region(at)?.shadow_depth;
    check!(depth <= 2, "the chain is {depth} deep");
    for (index, &byte) in bytes.iter().enumerate() {
        same!(space.read(at + index as u64 * page()).ok(), Some(byte));
    }
    Ok(())
}

fn three_hundred_sharers_of_one_page(rig: &mut Rig<'_>) -> Outcome {
    let parent = rig.space()?;
    let at = parent.allocate(1)?;
    check!(parent.write(at, 5).is_ok());
    let mut children = Vec::new();
    for _ in 0..300 {
        let child = parent.fork()?;
        same!(child.read(at).ok(), Some(5));
        children.push(child);
    }
    check!(parent.write(at, 6).is_ok());
    for child in &children {
        same!(child.read(at).ok(), Some(5));
    }
    let one = rig.below(300) as usize;
    check!(children[one].write(at, 7).is_ok());
    same!(children[(one + 1) % 300].read(at).ok(), Some(5));
    same!(parent.read(at).ok(), Some(6));
    Ok(())
}
