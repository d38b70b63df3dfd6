//! Files that are wired, or copied at once since they are, while memory is short.

use super::*;
use crate::tests::memory_entry::remap;

/// A task that has all but about 130 of 400 pages.
fn hoarder<const SHIFT: u32>(rig: &Rig<SHIFT>) -> Task<SHIFT> {
    let task = rig.task();
    let hoard = rig.allocate(&task, 270);
    rig.write_pages(&task, hoard, 270, 1);
    task
}

/// How many pages a pager was asked for.
fn read<const SHIFT: u32>(pager: &SimPager<SHIFT, 0>) -> u64 {
    let (read, _) = moved::<SHIFT>(&pager.asked());
    read.iter().map(|run| run.1).sum()
}

both! {
    /// More is to be wired than can stay: that fails, in bounded work, and wires nothing.
    fn wiring_more_than_there_is_room_for_fails(rig, 400) {
        let (file, pager) = rig.paged(160 << SHIFT);
        let (task, other) = (rig.task(), hoarder(&rig));
        let at = rig.map_paged(&task, &file, 160, CopyMode::Shared);
        let wire = |pages: u64| rig.vm.wire(&task, UserAddr(at), UserSize(pages << SHIFT), UserProt(1));
        assert_eq!(wire(160), Err(KernReturn::RESOURCE_SHORTAGE));
        assert_eq!((rig.events(Event::OverUserLimit), rig.events(Event::OverGlobalLimit)), (0, 0));
        let pages = read(&pager);
        assert!(pages < 5 * 160, "{pages} pages were read");
        assert_eq!(rig.vm.queues.counts().wired, Pages(0));
        assert_eq!(rig.region(&task, at).user_wired, 0);
        rig.audit();
        assert_eq!(wire(40), Ok(()));
        assert_eq!(rig.vm.queues.counts().wired, Pages(40));
        rig.end(task);
        rig.end(other);
        rig.vm.object_release(file);
    }
}

both! {
    /// A file with a wired page is copied at once, which needs all its pages and as many frames: that fails, in
    /// bounded work, and leaves nothing; a part for which there is room is copied.
    fn copying_more_than_there_is_room_for_fails(rig, 400) {
        let (file, pager) = rig.paged(160 << SHIFT);
        let (task, other) = (rig.task(), hoarder(&rig));
        let at = rig.map_paged(&task, &file, 160, CopyMode::Shared);
        let wired = rig.map_paged(&task, &file, 1, CopyMode::Shared);
        assert_eq!(rig.vm.wire(&task, UserAddr(wired), UserSize(1), UserProt(1)), Ok(()));
        let short = Err(KernReturn::RESOURCE_SHORTAGE);
        assert_eq!(remap(&rig, (&task, at), 160, (&task, CopyMode::Private)).map(|_| ()), short);
        let private = rig.try_map_paged(&task, &file, 160, CopyMode::Private);
        assert_eq!(private.map(|_| ()), short);
        let pages = read(&pager);
        assert!(pages < 80 * 160, "{pages} pages were read");
        rig.audit();
        let copy = remap(&rig, (&task, at), 30, (&task, CopyMode::Private)).expect("room").at.0;
        for page in 0..30 {
            assert_eq!(rig.read(&task, copy + (page << SHIFT)), byte(page));
        }
        rig.end(task);
        rig.end(other);
        rig.vm.object_release(file);
    }
}

both! {
    /// Who copies much at once gets what is cached of files for it, all of it if need be.
    fn a_large_copy_gets_all_that_is_cached(rig, 4096) {
        let (file, _pager) = rig.paged(2800 << SHIFT);
        let task = rig.task();
        let at = rig.allocate(&task, 1250);
        rig.write_pages(&task, at, 1250, 1);
        assert_eq!(rig.vm.wire(&task, UserAddr(at), UserSize(1250 << SHIFT), UserProt(3)), Ok(()));
        for page in 0..2800 {
            rig.read_file(&file, page << SHIFT, 1);
        }
        let before = rig.vm.frames().free_count().0;
        assert!(before < 150, "{before} pages are free");
        let child = rig.fork(&task);
        assert_eq!(rig.read(&child, at + (1249 << SHIFT)), rig.read(&task, at + (1249 << SHIFT)));
        rig.audit();
        rig.end(task);
        rig.end(child);
        rig.vm.object_release(file);
    }
}

both! {
    /// A copy at once of what is not in memory brings more in each time that it waits.
    fn a_large_copy_begins_anew_a_few_times(rig, 4096) {
        let (file, pager) = rig.paged(1000 << SHIFT);
        let task = rig.task();
        let wired = rig.map_paged(&task, &file, 1, CopyMode::Shared);
        assert_eq!(rig.vm.wire(&task, UserAddr(wired), UserSize(1), UserProt(1)), Ok(()));
        let copy = rig.map_paged(&task, &file, 1000, CopyMode::Private);
        assert!(rig.events(Event::ForkCopy) < 10, "{} copies", rig.events(Event::ForkCopy));
        assert_eq!(read(&pager), 1000);
        rig.write(&task, wired, 99);
        for page in 0..1000 {
            assert_eq!(rig.read(&task, copy + (page << SHIFT)), byte(page));
        }
        rig.end(task);
        rig.vm.object_release(file);
    }
}
