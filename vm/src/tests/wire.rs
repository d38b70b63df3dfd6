//! Wired memory.

use super::*;

fn wire<const SHIFT: u32>(
    rig: &Rig<SHIFT>,
    task: &Task<SHIFT>,
    at: u64,
    pages: u64,
) -> Result<(), KernReturn> {
    rig.vm
        .wire(task, UserAddr(at), UserSize(pages << SHIFT), UserProt(3))
}

both! {
    /// M2: a fork and a write on either side leave a wired page where it is.
    fn cow_of_wired_memory_copies_for_the_child(rig, 256) {
        let parent = rig.task();
        let at = rig.allocate(&parent, 2);
        rig.write_pages(&parent, at, 2, 1);
        assert_eq!(wire(&rig, &parent, at, 2), Ok(()));
        let frame = |task: &Task<SHIFT>| rig.vm.machine().pmap_extract(rig.vm.pmap(task), VirtAddr(at)).map(|(page, _)| page);
        let before = frame(&parent);
        let child = rig.fork(&parent);
        rig.write(&child, at, 2);
        rig.write(&parent, at, 3);
        assert_eq!(frame(&parent), before);
        assert_eq!(rig.read(&child, at), 2);
        assert_eq!(rig.region(&child, at).user_wired, 0);
        rig.audit();
        rig.end(parent);
        rig.end(child);
    }
}

both! {
    /// Wirings nest, and go one by one; deallocation takes the rest.
    fn wirings_nest(rig, 256) {
        let page = Rig::<SHIFT>::PAGE;
        let task = rig.task();
        let at = rig.allocate(&task, 4);
        assert_eq!(wire(&rig, &task, at, 4), Ok(()));
        assert_eq!(wire(&rig, &task, at + page, 2), Ok(()));
        assert_eq!(rig.vm.queues.counts().wired, Pages(4));
        assert_eq!(rig.vm.unwire(&task, UserAddr(at), UserSize(4 * page)), Ok(()));
        assert_eq!(rig.vm.queues.counts().wired, Pages(2));
        rig.audit();
        rig.deallocate(&task, at, 4);
        assert_eq!(rig.vm.queues.counts().wired, Pages(0));
        rig.end(task);
    }
}

both! {
    /// Memory that is shared with a child by copy is copied before it is wired.
    fn wiring_copies_first(rig, 256) {
        let parent = rig.task();
        let at = rig.allocate(&parent, 2);
        rig.write_pages(&parent, at, 2, 1);
        let child = rig.fork(&parent);
        assert_eq!(wire(&rig, &child, at, 2), Ok(()));
        rig.write(&parent, at, 2);
        assert_eq!(rig.read(&child, at), 1);
        rig.audit();
        rig.end(parent);
        rig.end(child);
    }
}

both! {
    /// A failed allocation while wiring wires nothing.
    fn all_or_nothing(rig, 256) {
        let task = rig.task();
        let at = rig.allocate(&task, 3);
        for k in 1.. {
            rig.vm.frames().injector().fail_once(k);
            let done = wire(&rig, &task, at, 3);
            rig.vm.frames().injector().disarm();
            rig.audit();
            if done.is_ok() {
                assert!(k > 3);
                break;
            }
            assert_eq!(rig.vm.queues.counts().wired, Pages(0));
            assert_eq!(rig.region(&task, at).user_wired, 0);
        }
        rig.end(task);
    }
}

both! {
    /// A hole, a right that is missing, too much: XNU's codes.
    fn codes(rig, 256) {
        let page = Rig::<SHIFT>::PAGE;
        let task = rig.task();
        let at = rig.allocate(&task, 3);
        rig.deallocate(&task, at + page, 1);
        assert_eq!(wire(&rig, &task, at, 3), Err(KernReturn::INVALID_ADDRESS));
        assert_eq!(rig.protect(&task, at, 1, 1), Ok(()));
        assert_eq!(wire(&rig, &task, at, 1), Err(KernReturn::PROTECTION_FAILURE));
        let large = rig.allocate(&task, 250);
        assert_eq!(wire(&rig, &task, large, 250), Err(KernReturn::RESOURCE_SHORTAGE));
        rig.end(task);
    }
}
