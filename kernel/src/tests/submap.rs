//! Submaps on the real page tables.

use super::rig::{HIGHEST, LOWEST, Rig, Space, page};
use super::{Outcome, check, same, tests};
use crate::memory::vm;
use vm::{
    Attributes, CopyMode, EnterObject, EnterSubmap, Inherit, KernReturn, Placement, Protection,
    Range, Shows, UserAddr, VirtAddr,
};

tests!("submap":
    tasks_show_one_page_and_write_their_own,
    text_is_shown_and_not_written,
    a_child_shows_the_submap_too,
);

/// Pages of a library: one to execute, three to write.
const PAGES: u64 = 4;

/// A submap of a file's pages; page `n` begins with `10 + n`. It lasts until nobody shows it.
fn show(spaces: &[&Space<'_>]) -> Result<u64, KernReturn> {
    let file = vm().object_create(PAGES * page())?;
    let range = Range::new(VirtAddr(LOWEST), VirtAddr(LOWEST + PAGES * page()));
    let submap = vm().map_create_submap(range)?;
    let filled = (0..PAGES).try_for_each(|n| vm().object_write(&file, n * page(), &[10 + n as u8]));
    let text = Protection::READ | Protection::EXECUTE;
    let parts = [(0, 1, text), (1, PAGES - 1, Protection::DEFAULT)];
    let entered = parts.iter().try_for_each(|&(from, pages, allowed)| {
        let what = EnterObject {
            object: Some(&file),
            offset: from * page(),
            attributes: Attributes::with(allowed, allowed, Inherit::Copy, 0),
            copy: CopyMode::Private,
        };
        let at = Placement::Fixed(VirtAddr(LOWEST + from * page()));
        vm().enter_object(&submap, at, pages * page(), &what)
            .map(|_| ())
    });
    vm().object_release(file);
    let at = HIGHEST / 2;
    let shown = filled
        .map_err(KernReturn::from)
        .and(entered)
        .and_then(|()| {
            spaces.iter().try_for_each(|space| {
                let what = EnterSubmap {
                    submap: &submap,
                    offset: LOWEST,
                    attributes: Attributes::with(
                        Protection::ALL,
                        Protection::ALL,
                        Inherit::Copy,
                        0,
                    ),
                };
                let size = PAGES * page();
                let there = Placement::Fixed(VirtAddr(at));
                vm().enter_submap(space.map(), there, size, &what)
                    .map(|_| ())
            })
        });
    vm().map_terminate(submap);
    shown.map(|()| at)
}

fn tasks_show_one_page_and_write_their_own(rig: &mut Rig<'_>) -> Outcome {
    let (a, b) = (rig.space()?, rig.space()?);
    let at = show(&[&a, &b])?;
    for n in 0..PAGES {
        same!(a.read(at + n * page()), Ok(10 + n as u8));
        same!(b.read(at + n * page()), Ok(10 + n as u8));
    }
    let frame = |space: &Space<'_>, at| space.mapped(at).map(|(frame, _)| frame);
    same!(frame(&a, at), frame(&b, at));
    check!(a.write(at + page(), 1).is_ok());
    check!(frame(&a, at + page()) != frame(&b, at + page()));
    same!(
        (a.read(at + page()), a.read(at + 2 * page())),
        (Ok(1), Ok(12))
    );
    same!(b.read(at + page()), Ok(11));
    same!(a.region(at + page())?.shows, Shows::Memory);
    same!(
        (a.region(at)?.shows, b.region(at)?.shows),
        (Shows::Submap, Shows::Submap)
    );
    drop(a);
    same!(b.read(at + 3 * page()), Ok(13));
    Ok(())
}

fn text_is_shown_and_not_written(rig: &mut Rig<'_>) -> Outcome {
    let space = rig.space()?;
    let at = show(&[&space])?;
    check!(space.write(at, 1).is_err());
    let fetched = vm().fault(space.map(), VirtAddr(at), Protection::EXECUTE);
    same!(fetched, Ok(()));
    let rights = space.mapped(at).map(|(_, rights)| rights);
    same!(rights, Some(Protection::READ | Protection::EXECUTE));
    let (text, depth) = vm().region_recurse(space.map(), UserAddr(at), 1)?;
    same!(
        (text.range.len(), text.shows, depth),
        (page(), Shows::Memory, 1)
    );
    let refused = space.protect(at, 1, Protection::DEFAULT);
    same!(refused, Err(KernReturn::PROTECTION_FAILURE));
    check!(space.protect(at + page(), 1, Protection::READ).is_ok());
    check!(space.write(at + page(), 1).is_err() && space.read(at + page()).is_ok());
    check!(space.protect(at + page(), 1, Protection::DEFAULT).is_ok());
    check!(space.write(at + page(), 1).is_ok());
    Ok(())
}

fn a_child_shows_the_submap_too(rig: &mut Rig<'_>) -> Outcome {
    let parent = rig.space()?;
    let at = show(&[&parent])?;
    check!(parent.write(at + page(), 1).is_ok());
    let child = parent.fork()?;
    check!(child.write(at + 2 * page(), 2).is_ok());
    check!(parent.wire(at, PAGES).is_ok());
    drop(parent);
    same!((child.read(at), child.read(at + page())), (Ok(10), Ok(1)));
    same!(
        (child.read(at + 2 * page()), child.read(at + 3 * page())),
        (Ok(2), Ok(13))
    );
    Ok(())
}
