//! What calls answer about submaps, and what they refuse.

use super::*;

both! {
    /// Inheritance COPY is refused over a submap, and nothing of the range changes.
    fn inherit_copy_is_refused(rig, 256) {
        let page = Rig::<SHIFT>::PAGE;
        let submap = library(&rig);
        let task = rig.task();
        let plain = rig.allocate(&task, 1);
        rig.inherit(&task, plain, 1, Inherit::Share);
        let at = enter(&rig, &task, Placement::Fixed(VirtAddr(plain + page)), &submap, (0, LIBRARY)).expect("space");
        let set = |inherit: Inherit| rig.vm.inherit(&task, UserAddr(plain), UserSize(3 * page), UserInherit(inherit as u32));
        assert_eq!(set(Inherit::Copy), Err(KernReturn::INVALID_ARGUMENT));
        assert_eq!((rig.region(&task, plain).inherit, rig.region(&task, at).inherit), (Inherit::Share, Inherit::Copy));
        assert_eq!(set(Inherit::Share), Ok(()));
        rig.write(&task, at + DATA * page, 1);
        assert_eq!(rig.region(&task, at).inherit, Inherit::Share);
        let child = rig.fork(&task);
        rig.write(&child, at + LAST * page, 9);
        assert_eq!(rig.read(&task, at + LAST * page), 17);
        for task in [child, task, submap] {
            rig.end(task);
        }
    }
}

both! {
    /// Depth 0 sees the entry, depth 1 what is in it, at the task's addresses, cut to the entry.
    fn region_recurse_follows_to_the_depth(rig, 256) {
        let page = Rig::<SHIFT>::PAGE;
        let submap = library(&rig);
        let task = rig.task();
        let start = MIN + 100 * page;
        assert_eq!(enter(&rig, &task, Placement::Fixed(VirtAddr(start)), &submap, (1, 4)), Ok(start));
        rig.allocate_at(&task, start + 4 * page, 1);
        let look = |at, depth| {
            let (region, depth) = rig.vm.region_recurse(&task, UserAddr(at), depth)?;
            Ok((region.range.start.0, region.range.len() / page, region.shows, region.protection.bits(), depth))
        };
        assert_eq!(look(0, 0), Ok((start, 4, Shows::Submap, 7, 0)));
        assert_eq!(look(0, 1), Ok((start, 1, Shows::Memory, 5, 1)));
        assert_eq!(look(start + page, 9), Ok((start + page, 2, Shows::Memory, 3, 1)));
        // The hole at the end of the entry: the next region is the task's own.
        assert_eq!(look(start + 3 * page, 9), Ok((start + 4 * page, 1, Shows::Memory, 3, 0)));
        assert_eq!(look(start + 5 * page, 9), Err(KernReturn::INVALID_ADDRESS));
        let (text, _) = rig.vm.region_recurse(&task, UserAddr(start), 1).expect("a region");
        assert_eq!((text.offset, text.pages.resident), (page, 1));
        for task in [task, submap] {
            rig.end(task);
        }
    }
}

both! {
    /// Page queries look through; advice leaves a submap's pages alone.
    fn queries_look_through_and_advice_does_not_reach(rig, 256) {
        use abi::region::page_query;
        let page = Rig::<SHIFT>::PAGE;
        let submap = library(&rig);
        let (task, at) = shower(&rig, &submap);
        let bits = |number| rig.vm.page_query(&task, UserAddr(at + number * page)).expect("a page").bits;
        assert_eq!(bits(DATA) & page_query::PRESENT, page_query::PRESENT);
        assert_eq!((bits(HOLE), bits(ZEROS)), (0, 0));
        let advise = |task: &Task<SHIFT>, at, pages, advice| rig.vm.behavior(task, UserAddr(at), UserSize(pages * page), UserBehavior(advice));
        for advice in [0, 1, 4, 5, 6] {
            assert_eq!(advise(&task, at, LIBRARY, advice), Ok(()));
        }
        for advice in [8, 9, 10] {
            assert_eq!(advise(&task, at, LIBRARY, advice), Err(KernReturn::INVALID_ADDRESS));
        }
        let kill = UserFlags(8);
        assert_eq!(rig.vm.msync(&task, UserAddr(at), UserSize(LIBRARY * page), kill), Ok(()));
        assert_eq!((rig.read(&task, at), rig.read(&task, at + DATA * page)), (10, 12));
        // Zeroing writes: the piece is the task's own then.
        assert_eq!(advise(&task, at, 1, 12), Err(KernReturn::PROTECTION_FAILURE));
        assert_eq!(advise(&task, at + DATA * page, 2, 12), Ok(()));
        assert_eq!((rig.read(&task, at + DATA * page), rig.read(&task, at + (DATA + 1) * page)), (0, 0));
        let (other, there) = shower(&rig, &submap);
        assert_eq!(rig.read(&other, there + DATA * page), 12);
        for task in [other, task, submap] {
            rig.end(task);
        }
    }
}

both! {
    /// What may not be entered.
    fn bad_arguments(rig, 256) {
        let page = Rig::<SHIFT>::PAGE;
        let submap = library(&rig);
        let task = rig.task();
        let bad = Err(KernReturn::INVALID_ARGUMENT);
        let try_enter = |map: &Task<SHIFT>, submap: &Task<SHIFT>, placement, offset, size| {
            let what = EnterSubmap { submap, offset, attributes: all() };
            rig.vm.enter_submap(map, placement, size, &what).map(|_| ())
        };
        assert_eq!(try_enter(&task, &submap, ANYWHERE, MIN, 0), bad);
        assert_eq!(try_enter(&task, &submap, ANYWHERE, MIN + 1, page), bad);
        assert_eq!(try_enter(&task, &submap, ANYWHERE, MIN - page, page), bad);
        assert_eq!(try_enter(&task, &submap, ANYWHERE, MIN, LIBRARY * page + 1), bad);
        assert_eq!(try_enter(&task, &submap, ANYWHERE, MIN, u64::MAX), bad);
        assert_eq!(try_enter(&task, &task, ANYWHERE, MIN, page), bad);
        let other = library(&rig);
        assert_eq!(try_enter(&other, &submap, ANYWHERE, MIN, page), bad);
        assert_eq!(try_enter(&task, &submap, Placement::Fixed(VirtAddr(MAX)), MIN, page), Err(KernReturn::INVALID_ADDRESS));
        rig.allocate_at(&task, MIN, 1);
        assert_eq!(try_enter(&task, &submap, Placement::Fixed(VirtAddr(MIN)), MIN, page), Err(KernReturn::NO_SPACE));
        for task in [other, submap, task] {
            rig.end(task);
        }
    }
}
