//! Copy-on-write.

use super::*;

both! {
    /// vm-bugs 1: every CPU sees the new page after a promotion.
    fn promote_flushes_all_cpus(rig, 256) {
        let parent = rig.task();
        let at = rig.allocate(&parent, 2);
        rig.write(&parent, at, 1);
        let child = rig.fork(&parent);
        for cpu in 0..4 {
            assert_eq!(rig.touch(cpu, &parent, at, Access::Read), Ok(1));
        }
        assert_eq!(rig.touch(0, &parent, at, Access::Write(2)), Ok(2));
        for cpu in 0..4 {
            assert_eq!(rig.touch(cpu, &parent, at, Access::Read), Ok(2), "CPU {cpu}");
        }
        assert_eq!(rig.read(&child, at), 1);
        rig.end(child);
        rig.end(parent);
    }
}

both! {
    /// vm-bugs 2: raising the protection of a shared page grants nothing before the copy.
    fn mprotect_upgrade_keeps_readonly_pte(rig, 256) {
        let parent = rig.task();
        let at = rig.allocate(&parent, 1);
        rig.write(&parent, at, 7);
        let child = rig.fork(&parent);
        assert_eq!(rig.protect(&child, at, 1, 1), Ok(()));
        assert_eq!(rig.read(&child, at), 7);
        assert_eq!(rig.protect(&child, at, 1, 3), Ok(()));
        let seen = rig.vm.machine().pmap_extract(rig.vm.pmap(&child), VirtAddr(at));
        let (_, protection) = seen.expect("still mapped");
        assert!(!protection.contains(Protection::WRITE));
        rig.write(&child, at, 9);
        assert_eq!((rig.read(&parent, at), rig.read(&child, at)), (7, 9));
        rig.end(child);
        rig.end(parent);
    }
}

both! {
    /// vm-bugs 3: more sharers than a byte counts.
    fn refcount_300_sharers(rig, 4096) {
        let parent = rig.task();
        let at = rig.allocate(&parent, 1);
        rig.write(&parent, at, 5);
        let children: Vec<_> = (0..300).map(|_| rig.fork(&parent)).collect();
        rig.write(&parent, at, 6);
        for child in &children {
            assert_eq!(rig.read(child, at), 5);
        }
        rig.audit();
        for child in children {
            rig.end(child);
        }
        rig.end(parent);
    }
}

both! {
    /// vm-bugs 3: what cannot be counted any more is refused, and nothing has changed.
    fn refcount_saturates_with_error(rig, 256) {
        let page = Rig::<SHIFT>::PAGE;
        let task = rig.task();
        let at = rig.allocate(&task, 3);
        rig.write_pages(&task, at, 3, 1);
        let few = {
            let state = task.read();
            let entry = state.tree.find(VirtAddr(at)).expect("an entry");
            entry.object.as_ref().expect("an object").saturate()
        };
        let shortage = Err(KernReturn::RESOURCE_SHORTAGE);
        assert_eq!(rig.vm.map_fork(&task).map(drop), shortage);
        let (middle, size) = (UserAddr(at + page), UserSize(page));
        assert_eq!(rig.vm.deallocate(&task, middle, size), shortage);
        assert_eq!(rig.protect(&task, at + page, 1, 1), shortage);
        let state = task.read();
        let entry = state.tree.find(VirtAddr(at)).expect("an entry");
        entry.object.as_ref().expect("an object").restore(few);
        drop(state);
        rig.audit();
        rig.write_pages(&task, at, 3, 2);
        assert_eq!(rig.region(&task, at).range.len(), 3 * page);
        let child = rig.fork(&task);
        assert_eq!(rig.read(&child, at), 2);
        [task, child].into_iter().for_each(|task| rig.end(task));
    }
}

both! {
    /// The last owner writes in place: no copy, one page.
    fn last_owner_takes_the_page(rig, 256) {
        let parent = rig.task();
        let at = rig.allocate(&parent, 4);
        rig.write_pages(&parent, at, 4, 3);
        let child = rig.fork(&parent);
        rig.end(child);
        let copies = rig.events(Event::CowFault);
        rig.write_pages(&parent, at, 4, 4);
        assert_eq!(rig.events(Event::CowFault), copies);
        rig.end(parent);
    }
}

both! {
    /// A child writes a page, forks the next child, and its parent exits, 1,000 times.
    fn a_thousand_generations_stay_shallow(rig, 512) {
        let mut task = rig.task();
        let at = rig.allocate(&task, 8);
        rig.write_pages(&task, at, 8, 1);
        for generation in 0..1000u64 {
            let child = rig.fork(&task);
            rig.end(task);
            rig.write(&child, at + generation % 8 * Rig::<SHIFT>::PAGE, generation as u8);
            task = child;
        }
        let region = rig.region(&task, at);
        assert!(region.shadow_depth <= 2, "depth {}", region.shadow_depth);
        for page in 0..8 {
            assert_eq!(rig.read(&task, at + page * Rig::<SHIFT>::PAGE), (992 + page) as u8);
        }
        assert_eq!(rig.audit().pages, 8);
        rig.end(task);
    }
}

both! {
    /// The same while the parent writes too and exits last but one.
    fn generations_that_overlap_stay_shallow(rig, 512) {
        let mut task = rig.task();
        let at = rig.allocate(&task, 4);
        rig.write_pages(&task, at, 4, 1);
        for generation in 0..300u64 {
            let page = at + generation % 4 * Rig::<SHIFT>::PAGE;
            rig.write(&task, page, generation as u8);
            let child = rig.fork(&task);
            rig.write(&child, page, generation as u8 ^ 1);
            rig.write(&task, page, 77);
            rig.end(task);
            task = child;
        }
        let child = rig.fork(&task);
        assert!(rig.region(&child, at).shadow_depth <= 2);
        rig.end(child);
        rig.end(task);
    }
}

/// What a fault walks with 500 living children, against one: at most 1.5 times.
#[test]
fn many_living_children_cost_no_depth() {
    fn steps_with(children: usize) -> u64 {
        let rig = Rig::<12>::new(40_000);
        let parent = rig.task();
        let at = rig.allocate(&parent, 64);
        rig.write_pages(&parent, at, 64, 1);
        let mut alive = Vec::new();
        for child in 0..children as u64 {
            alive.push(rig.fork(&parent));
            rig.write(&parent, at + child % 64 * 4096, 2);
        }
        let last = rig.fork(&parent);
        let depth = rig.region(&last, at).shadow_depth;
        assert!(depth <= 17, "depth {depth} with {children} children");
        let (before, lookups) = (rig.events(Event::ChainStep), rig.events(Event::Lookup));
        for page in 0..64 {
            rig.write(&last, at + page * 4096, 3);
        }
        let faults = rig.events(Event::Lookup) - lookups;
        assert_eq!(rig.vm.audit().map(|_| ()), Ok(()));
        for child in alive {
            rig.end(child);
        }
        // A step of the walk costs about a tenth of the rest of a fault.
        10 * faults + (rig.events(Event::ChainStep) - before)
    }
    let (one, many) = (steps_with(1), steps_with(500));
    assert!(many * 2 <= one * 3, "{many} steps against {one}");
}

both! {
    /// A chain whose lower object shows nothing any more is led past it.
    fn a_hidden_object_is_bypassed(rig, 256) {
        let parent = rig.task();
        let at = rig.allocate(&parent, 4);
        rig.write_pages(&parent, at, 4, 1);
        let child = rig.fork(&parent);
        rig.write_pages(&parent, at, 4, 2);
        assert_eq!(rig.events(Event::Bypass), 1);
        assert_eq!(rig.region(&parent, at).shadow_depth, 0);
        for page in 0..4 {
            assert_eq!(rig.read(&parent, at + page * Rig::<SHIFT>::PAGE), 2);
            assert_eq!(rig.read(&child, at + page * Rig::<SHIFT>::PAGE), 1);
        }
        rig.end(child);
        rig.end(parent);
    }
}

both! {
    /// M1: a page that collapse frees has no mapping left, and the bytes stay what they were.
    fn collapse_keeps_what_shows(rig, 256) {
        let parent = rig.task();
        let at = rig.allocate(&parent, 8);
        rig.write_pages(&parent, at, 8, 1);
        let child = rig.fork(&parent);
        rig.write_pages(&child, at, 3, 2);
        for page in 0..8 {
            rig.read(&child, at + page * Rig::<SHIFT>::PAGE);
        }
        rig.end(parent);
        let collapses = rig.events(Event::Collapse);
        rig.write(&child, at + 5 * Rig::<SHIFT>::PAGE, 3);
        assert_eq!(rig.events(Event::Collapse), collapses + 1);
        let shows: Vec<u8> = (0..8).map(|page| rig.read(&child, at + page * Rig::<SHIFT>::PAGE)).collect();
        assert_eq!(shows, [2, 2, 2, 1, 1, 3, 1, 1]);
        assert_eq!(rig.audit().pages, 8);
        rig.end(child);
    }
}
