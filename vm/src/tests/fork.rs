//! Fork by inheritance.

use super::*;

both! {
    /// vm-bugs 4: an allocation fails in the middle, and nothing has happened.
    fn rollback_at_every_allocation(rig, 1024) {
        let parent = rig.task();
        let at = rig.allocate(&parent, 8);
        rig.write_pages(&parent, at, 8, 1);
        rig.inherit(&parent, at + 2 * Rig::<SHIFT>::PAGE, 2, Inherit::Share);
        let wired = rig.allocate_at_tagged(&parent, 2);
        rig.write_pages(&parent, wired, 2, 9);
        assert_eq!(rig.vm.wire(&parent, UserAddr(wired), UserSize(2 * Rig::<SHIFT>::PAGE), UserProt(3)), Ok(()));
        let used = rig.used();
        let mut failures = 0;
        for k in 1.. {
            rig.vm.frames().injector().fail_once(k);
            let forked = rig.vm.map_fork(&parent);
            let spared = rig.vm.frames().injector().disarm();
            match forked {
                Ok(child) => {
                    rig.end(child);
                    assert!(spared, "a failed allocation went unnoticed");
                    break;
                }
                Err(code) => assert_eq!(code, KernReturn::RESOURCE_SHORTAGE),
            }
            failures += 1;
            assert_eq!(rig.used(), used, "after failure {k}");
            rig.audit();
        }
        assert!(failures >= 6, "only {failures} allocations");
        for page in 0..8 {
            assert_eq!(rig.read(&parent, at + page * Rig::<SHIFT>::PAGE), 1);
        }
        rig.end(parent);
    }
}

impl<const SHIFT: u32> Rig<SHIFT> {
    fn allocate_at_tagged(&self, task: &Task<SHIFT>, pages: u64) -> u64 {
        let size = UserSize(pages * Self::PAGE);
        let at = self
            .vm
            .allocate(task, UserAddr(0), size, UserFlags(1 | 30 << 24));
        at.expect("memory").0
    }
}

both! {
    /// vm-bugs 5: "read-only" is no reason to share.
    fn readonly_private_then_write(rig, 256) {
        let parent = rig.task();
        let at = rig.allocate(&parent, 1);
        rig.write(&parent, at, 1);
        assert_eq!(rig.protect(&parent, at, 1, 1), Ok(()));
        let child = rig.fork(&parent);
        assert_eq!(rig.protect(&child, at, 1, 3), Ok(()));
        rig.write(&child, at, 2);
        assert_eq!(rig.read(&parent, at), 1);
        rig.end(child);
        rig.end(parent);
    }
}

both! {
    /// vm-bugs 8: memory that was never written costs one fault on each side, and no copy.
    fn zero_page_one_fault(rig, 256) {
        let parent = rig.task();
        let at = rig.allocate(&parent, 2);
        assert_eq!(rig.read(&parent, at), 0);
        let child = rig.fork(&parent);
        let (faults, copies) = (rig.events(Event::Fault), rig.events(Event::CowFault));
        rig.write(&child, at, 1);
        assert_eq!(rig.events(Event::Fault) - faults, 1);
        rig.write(&parent, at, 2);
        assert_eq!(rig.events(Event::Fault) - faults, 2);
        assert_eq!(rig.events(Event::CowFault), copies);
        assert_eq!((rig.read(&child, at), rig.read(&parent, at)), (1, 2));
        rig.end(child);
        rig.end(parent);
    }
}

both! {
    /// NONE is absent, SHARE is the same memory, COPY is not.
    fn each_inheritance(rig, 256) {
        let parent = rig.task();
        let page = Rig::<SHIFT>::PAGE;
        let at = rig.allocate(&parent, 3);
        rig.write_pages(&parent, at, 3, 1);
        rig.inherit(&parent, at, 1, Inherit::None);
        rig.inherit(&parent, at + page, 1, Inherit::Share);
        let child = rig.fork(&parent);
        assert_eq!(rig.touch(0, &child, at, Access::Read), Err(FaultError::InvalidAddress));
        rig.write(&child, at + page, 5);
        rig.write(&child, at + 2 * page, 6);
        assert_eq!(rig.read(&parent, at + page), 5);
        assert_eq!(rig.read(&parent, at + 2 * page), 1);
        assert_eq!(child.size(), 2 * page);
        rig.end(parent);
        assert_eq!(rig.read(&child, at + page), 5);
        rig.end(child);
    }
}

both! {
    /// A child of a child of shared memory shares it; a copy of it is a copy.
    fn copy_of_shared_memory_is_eager(rig, 256) {
        let parent = rig.task();
        let at = rig.allocate(&parent, 4);
        rig.write_pages(&parent, at, 2, 1);
        rig.inherit(&parent, at, 4, Inherit::Share);
        let peer = rig.fork(&parent);
        rig.inherit(&parent, at, 4, Inherit::Copy);
        let child = rig.fork(&parent);
        rig.write(&peer, at, 8);
        assert_eq!((rig.read(&parent, at), rig.read(&child, at)), (8, 1));
        rig.write(&child, at, 9);
        assert_eq!(rig.read(&peer, at), 8);
        for task in [peer, child, parent] {
            rig.end(task);
        }
    }
}

both! {
    /// One part of an object is shared, the other copied, and below it is an object that nobody else
    /// has: what shows from there stays, for both.
    fn a_part_is_shared_and_the_rest_copied_above_a_chain(rig, 256) {
        let page = Rig::<SHIFT>::PAGE;
        let first = rig.task();
        let at = rig.allocate(&first, 8);
        rig.write(&first, at + 2 * page, 20);
        rig.write(&first, at + 5 * page, 50);
        let task = rig.fork(&first);
        rig.write(&task, at + 6 * page, 60);
        rig.end(first);
        rig.inherit(&task, at, 4, Inherit::Share);
        for k in 1.. {
            rig.vm.frames().injector().fail_once(k);
            let forked = rig.vm.map_fork(&task);
            rig.vm.frames().injector().disarm();
            rig.audit();
            if let Ok(child) = forked {
                for task in [&task, &child] {
                    let seen = [2, 5, 6].map(|n| rig.read(task, at + n * page));
                    assert_eq!(seen, [20, 50, 60]);
                }
                rig.write(&child, at + 2 * page, 21);
                assert_eq!(rig.read(&task, at + 2 * page), 21);
                rig.end(child);
                break;
            }
        }
        rig.end(task);
    }
}
