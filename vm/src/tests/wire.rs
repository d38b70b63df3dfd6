//! Wired memory.

use super::memory_entry::remap;
use super::*;
use crate::sim::Baton;

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

both! {
    /// A task's own limit, then the machine's; each refusal is counted, and nothing has changed.
    fn limits_of_the_task_and_the_machine(rig, 512) {
        let page = Rig::<SHIFT>::PAGE;
        let (task, other) = (rig.task(), rig.task());
        let at = rig.allocate(&task, 400);
        let there = rig.allocate(&other, 400);
        let wire = |task: &Task<SHIFT>, at: u64, pages: u64| {
            rig.vm.wire(task, UserAddr(at), UserSize(pages * page), UserProt(3))
        };
        let limits = MapLimits { wired: 3 * page, ..MapLimits::default() };
        rig.vm.map_set_limits(&task, limits);
        let short = Err(KernReturn::RESOURCE_SHORTAGE);
        assert_eq!(wire(&task, at, 4), short);
        assert_eq!((rig.events(Event::OverUserLimit), rig.region(&task, at).user_wired), (1, 0));
        assert_eq!(wire(&task, at, 3), Ok(()));
        assert_eq!(wire(&task, at, 3), Ok(()), "wired pages count once");
        assert_eq!(wire(&task, at + 3 * page, 1), short);
        assert_eq!(rig.vm.unwire(&task, UserAddr(at), UserSize(3 * page)), Ok(()));
        assert_eq!(wire(&task, at + 3 * page, 1), short, "one wiring is left");
        // 70 % of the machine: 358 pages of 512, with those that the kernel has.
        assert_eq!(rig.vm.global_user_wire_limit(), 512 * page / 100 * 70);
        assert_eq!(rig.vm.global_no_user_wire_amount(), 512 * page - 512 * page / 100 * 70);
        assert_eq!(wire(&other, there, 357), short);
        assert_eq!(rig.events(Event::OverGlobalLimit), 1);
        assert_eq!(wire(&other, there, 300), Ok(()));
        rig.end(other);
        rig.end(task);
    }
}

#[test]
fn a_count_of_wirings_that_is_full_is_a_failure() {
    let rig = Rig::<12>::new(256);
    let task = rig.task();
    let at = rig.allocate(&task, 1);
    let wire = || rig.vm.wire(&task, UserAddr(at), UserSize(1), UserProt(1));
    for _ in 0..u16::MAX {
        assert_eq!(wire(), Ok(()));
    }
    assert_eq!(wire(), Err(KernReturn::FAILURE));
    assert_eq!(rig.region(&task, at).user_wired, u16::MAX);
    rig.end(task);
    rig.audit();
}

both! {
    /// Rights come before limits, page by page; `mlock` asks for none.
    fn rights_are_checked_first(rig, 256) {
        let page = Rig::<SHIFT>::PAGE;
        let task = rig.task();
        let at = rig.allocate(&task, 2);
        assert_eq!(rig.protect(&task, at, 1, 0), Ok(()));
        rig.vm.map_set_limits(&task, MapLimits { wired: 0, ..MapLimits::default() });
        let wire = |prot| rig.vm.wire(&task, UserAddr(at), UserSize(2 * page), UserProt(prot));
        assert_eq!(wire(1), Err(KernReturn::PROTECTION_FAILURE));
        assert_eq!(wire(0), Err(KernReturn::RESOURCE_SHORTAGE));
        assert_eq!(wire(8), Err(KernReturn::INVALID_ARGUMENT));
        rig.end(task);
    }
}

both! {
    /// I-OBJ-7: a copy object that is linked while pages are on their way to be wired gets them pushed.
    fn a_copy_made_while_pages_are_wired_keeps_its_moment(rig, 600) {
        let page = Rig::<SHIFT>::PAGE;
        let (task, other) = (rig.task(), rig.task());
        let at = rig.allocate(&task, 2);
        rig.write_pages(&task, at, 2, 1);
        let share = |copy| remap(&rig, (&task, at), 2, (&other, copy)).expect("mapped").at.0;
        // Truly shared: its copies are delayed.
        share(CopyMode::Shared);
        let touch = |cpu, task, at, access| rig.touch_within(100, cpu, task, at, access).expect("mapped");
        for seed in 0..200 {
            rig.write_pages(&task, at, 2, 1);
            let wires = || {
                assert_eq!(wire(&rig, &task, at, 2), Ok(()));
                for n in 0..2 {
                    assert_eq!(touch(1, &task, at + n * page, Access::Write(2)), 2);
                }
                rig.vm.unwire(&task, UserAddr(at), UserSize(2 * page)).expect("wired");
            };
            let moment = std::sync::Mutex::new(None);
            let see = |copy| [0, 1].map(|n| touch(0, &other, copy + n * page, Access::Read));
            let copies = || {
                let copy = share(CopyMode::Private);
                *moment.lock().expect("one thread") = Some((copy, see(copy)));
            };
            Baton::run(seed, vec![Box::new(copies), Box::new(wires)]);
            let (copy, first) = moment.into_inner().expect("ended").expect("copied");
            assert_eq!(see(copy), first, "the copy changed; seed {seed}");
            rig.audit();
            rig.deallocate(&other, copy, 2);
        }
        rig.end(task);
        rig.end(other);
    }
}
