//! Where memory is.

use super::*;

both! {
    /// vm-bugs 10: a hole in the middle is that hole, no more; what is put there is new.
    fn partial_unmap_middle_then_reuse(rig, 256) {
        let page = Rig::<SHIFT>::PAGE;
        let task = rig.task();
        let at = rig.allocate(&task, 9);
        rig.write_pages(&task, at, 9, 1);
        rig.deallocate(&task, at + 3 * page, 3);
        assert_eq!(rig.audit().pages, 6, "the pages of the hole are free");
        assert_eq!(rig.touch(0, &task, at + 4 * page, Access::Read), Err(FaultError::InvalidAddress));
        let size = UserSize(4 * page);
        let taken = rig.vm.allocate(&task, UserAddr(at + 2 * page), size, UserFlags(0));
        assert_eq!(taken, Err(KernReturn::NO_SPACE));
        rig.allocate_at(&task, at + 3 * page, 3);
        for number in 0..9 {
            let expected = u8::from(!(3..6).contains(&number));
            assert_eq!(rig.read(&task, at + number * page), expected, "page {number}");
        }
        rig.write_pages(&task, at, 9, 2);
        rig.end(task);
    }
}

both! {
    /// vm-bugs 22: memory without access has no pages to free.
    fn prot_none_unmap(rig, 256) {
        let task = rig.task();
        let at = rig.allocate(&task, 4);
        rig.write_pages(&task, at, 2, 1);
        assert_eq!(rig.protect(&task, at, 4, 0), Ok(()));
        assert_eq!(rig.touch(0, &task, at, Access::Read), Err(FaultError::ProtectionFailure));
        rig.deallocate(&task, at, 4);
        assert_eq!(rig.audit().pages, 0);
        rig.end(task);
    }
}

both! {
    /// vm-bugs 32: a range that is the whole map, and ranges at both of its ends.
    fn range_is_whole_map(rig, 256) {
        let page = Rig::<SHIFT>::PAGE;
        const MAX: u64 = MIN + (1 << 30);
        let task = rig.vm.map_create(VirtAddr(MIN), VirtAddr(MAX)).expect("memory");
        let all = UserSize(MAX - MIN);
        assert_eq!(rig.vm.allocate(&task, UserAddr(MIN), all, UserFlags(0)), Ok(VirtAddr(MIN)));
        let more = rig.vm.allocate(&task, UserAddr(0), UserSize(page), UserFlags(1));
        assert_eq!(more, Err(KernReturn::NO_SPACE));
        assert_eq!(task.entry_count(), 8, "pieces of 128 MiB");
        rig.write(&task, MIN, 1);
        rig.write(&task, MAX - page, 2);
        let child = rig.fork(&task);
        assert_eq!((rig.read(&child, MIN), rig.read(&child, MAX - 1)), (1, 0));
        assert_eq!(rig.protect(&task, MIN, (MAX - MIN) / page, 1), Ok(()));
        assert_eq!(rig.vm.deallocate(&task, UserAddr(MIN), all), Ok(()));
        assert_eq!((task.size(), task.entry_count()), (0, 0));
        rig.end(child);
        rig.end(task);
    }
}

both! {
    /// M7: memory grows into the entry before it only if that entry's object is nobody else's.
    fn coalesce_needs_exclusive_object(rig, 256) {
        let page = Rig::<SHIFT>::PAGE;
        let task = rig.task();
        let at = rig.allocate(&task, 2);
        rig.write_pages(&task, at, 2, 1);
        rig.allocate_at(&task, at + 2 * page, 1);
        assert_eq!(task.entry_count(), 1, "an exclusive object grows");
        let child = rig.fork(&task);
        rig.allocate_at(&task, at + 3 * page, 1);
        assert_eq!(task.entry_count(), 2);
        rig.write_pages(&task, at, 4, 2);
        assert_eq!(rig.read(&child, at), 1);
        rig.end(child);
        rig.end(task);
    }
}

both! {
    /// Memory that was cut off and grown again holds zeros, not what was there.
    fn regrown_memory_is_zero(rig, 256) {
        let page = Rig::<SHIFT>::PAGE;
        let task = rig.task();
        let at = rig.allocate(&task, 4);
        rig.write_pages(&task, at, 4, 1);
        rig.deallocate(&task, at + 2 * page, 2);
        rig.allocate_at(&task, at + 2 * page, 2);
        assert_eq!(rig.read(&task, at + 3 * page), 0);
        rig.write(&task, at + 3 * page, 3);
        rig.end(task);
    }
}

both! {
    /// vm-bugs 12: random placements against a naive list of ranges.
    fn no_overlap(rig, 2048) {
        let page = Rig::<SHIFT>::PAGE;
        let task = rig.task();
        let mut taken = std::collections::BTreeSet::new();
        let mut random = 12345u64;
        for _ in 0..3000 {
            random = random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            let (first, count) = (random >> 33 & 255, (random >> 20 & 7) + 1);
            let (at, size) = (UserAddr(MIN + first * page), UserSize(count * page));
            let range = first..first + count;
            match random >> 60 & 3 {
                0 => {
                    assert_eq!(rig.vm.deallocate(&task, at, size), Ok(()));
                    range.for_each(|n| { taken.remove(&n); });
                }
                1 => {
                    let free = range.clone().all(|n| !taken.contains(&n));
                    let got = rig.vm.allocate(&task, at, size, UserFlags(0));
                    assert_eq!(got.is_ok(), free);
                    if free { taken.extend(range); }
                }
                2 => {
                    let got = rig.vm.allocate(&task, UserAddr(0), size, UserFlags(1)).expect("space");
                    let first = (got.0 - MIN) / page;
                    let lowest = (0..).find(|s| (*s..s + count).all(|n| !taken.contains(&n)));
                    assert_eq!(Some(first), lowest, "the lowest hole");
                    taken.extend(first..first + count);
                }
                _ => {
                    assert!(rig.vm.allocate(&task, at, size, UserFlags(0x4000)).is_ok());
                    taken.extend(range);
                }
            }
            assert_eq!(task.size(), taken.len() as u64 * page);
        }
        rig.audit();
        rig.end(task);
    }
}

both! {
    /// A permanent entry leaves a placeholder that nothing can use.
    fn permanent_entries_stay(rig, 256) {
        let page = Rig::<SHIFT>::PAGE;
        let task = rig.task();
        let at = rig.vm.allocate(&task, UserAddr(0), UserSize(page), UserFlags(0x81)).expect("memory").0;
        rig.write(&task, at, 1);
        rig.deallocate(&task, at, 1);
        assert_eq!(rig.touch(0, &task, at, Access::Read), Err(FaultError::ProtectionFailure));
        assert_eq!(rig.protect(&task, at, 1, 1), Err(KernReturn::PROTECTION_FAILURE));
        let again = rig.vm.allocate(&task, UserAddr(at), UserSize(page), UserFlags(0));
        assert_eq!(again, Err(KernReturn::NO_SPACE));
        rig.end(task);
    }
}

both! {
    /// New memory in the place of a permanent entry and of others fails, and all of them are as before.
    fn an_overwrite_of_permanent_memory_changes_nothing(rig, 256) {
        let page = Rig::<SHIFT>::PAGE;
        let task = rig.task();
        let at = rig.allocate(&task, 3);
        let (middle, size) = (UserAddr(at + page), UserSize(page));
        rig.deallocate(&task, middle.0, 1);
        let permanent = rig.vm.allocate(&task, middle, size, UserFlags(0x80));
        assert_eq!(permanent, Ok(VirtAddr(middle.0)));
        rig.write_pages(&task, at, 3, 5);
        let over = rig.vm.allocate(&task, UserAddr(at), UserSize(3 * page), UserFlags(0x4000));
        assert_eq!(over, Err(KernReturn::NO_SPACE));
        let request = RemapRequest {
            addr: UserAddr(at),
            size: UserSize(3 * page),
            flags: UserFlags(0x4000),
            source: UserAddr(at),
            inherit: UserInherit(1),
            ..RemapRequest::default()
        };
        let over = rig.vm.remap(&task, &task, &request);
        assert_eq!(over, Err(KernReturn::NO_SPACE));
        for index in 0..3 {
            assert_eq!(rig.read(&task, at + index * page), 5);
            rig.write(&task, at + index * page, 6);
        }
        rig.audit();
        rig.end(task);
    }
}

both! {
    /// FREE and ZERO: private memory goes, shared memory is zeroed where it is, for all who see it.
    fn free_and_zero(rig, 256) {
        let page = Rig::<SHIFT>::PAGE;
        let task = rig.task();
        let at = rig.allocate(&task, 8);
        rig.write_pages(&task, at, 8, 1);
        let advise = |task: &Task<SHIFT>, at, pages: u64, what| {
            rig.vm.behavior(task, UserAddr(at), UserSize(pages * page), UserBehavior(what))
        };
        assert_eq!(advise(&task, at + page, 2, 6), Ok(()));
        assert_eq!(rig.audit().pages, 6);
        assert_eq!((rig.read(&task, at), rig.read(&task, at + page)), (1, 0));
        rig.inherit(&task, at + 4 * page, 4, Inherit::Share);
        let child = rig.fork(&task);
        assert_eq!(advise(&child, at, 6, 12), Ok(()));
        let seen = |task: &Task<SHIFT>| -> Vec<u8> { (0..8).map(|n| rig.read(task, at + n * page)).collect() };
        assert_eq!(seen(&child), [0, 0, 0, 0, 0, 0, 1, 1]);
        assert_eq!(seen(&task), [1, 0, 0, 1, 0, 0, 1, 1]);
        // A very large range, nearly all of it never touched, costs what is there.
        let rest = (1 << 34) / page;
        rig.allocate_at(&task, MIN + 9 * page, rest);
        assert_eq!(advise(&task, at, rest, 12), Err(KernReturn::INVALID_ADDRESS));
        assert_eq!(advise(&task, MIN + 9 * page, rest, 12), Ok(()));
        rig.end(child);
        rig.end(task);
    }
}

both! {
    /// I-MAP-1, I-MAP-2: whatever ranges go from among many entries, the others stay, and the lowest
    /// hole is found.
    fn ranges_of_many_entries_go_at_once(rig, 600) {
        let page = Rig::<SHIFT>::PAGE;
        const PAGES: usize = 400;
        let task = rig.task();
        let base = rig.allocate(&task, PAGES as u64);
        rig.deallocate(&task, base, PAGES as u64);
        let mut mapped = [false; PAGES];
        let mut random = 1u64;
        let mut below = |limit: usize| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (random >> 33) as usize % limit
        };
        for round in 0..300 {
            let from = below(PAGES);
            let to = (from + 1 + below(if round % 8 == 0 { PAGES } else { 12 })).min(PAGES);
            if round % 2 == 0 {
                // Tags differ, so that each page is an entry.
                for n in (from..to).filter(|&n| !mapped[n]) {
                    let tag = (n as u32 % 2 + 1) << 24;
                    let at = UserAddr(base + n as u64 * page);
                    assert!(rig.vm.allocate(&task, at, UserSize(page), UserFlags(tag)).is_ok());
                }
                mapped[from..to].fill(true);
            } else {
                rig.deallocate(&task, base + from as u64 * page, (to - from) as u64);
                mapped[from..to].fill(false);
            }
            assert_eq!(task.entry_count(), mapped.iter().filter(|&&one| one).count(), "round {round}");
            rig.audit();
            let hole = (0..PAGES - 1).find(|&n| !mapped[n] && !mapped[n + 1]);
            let found = rig.vm.allocate(&task, UserAddr(0), UserSize(2 * page), UserFlags(1));
            let found = found.expect("a place").0;
            if let Some(hole) = hole {
                assert_eq!(found, base + hole as u64 * page, "round {round}");
            }
            rig.deallocate(&task, found, 2);
        }
        rig.end(task);
    }
}
