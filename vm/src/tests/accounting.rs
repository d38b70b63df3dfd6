//! Numbers that must add up.

use super::*;

both! {
    /// vm-bugs 9: what a child took comes back, whoever goes first.
    fn reservation_returns_on_exit(rig, 512) {
        for order in 0..2 {
            let parent = rig.task();
            let at = rig.allocate(&parent, 16);
            rig.write_pages(&parent, at, 16, 1);
            let child = rig.fork(&parent);
            rig.write_pages(&child, at, 8, 2);
            rig.write_pages(&parent, at, 8, 3);
            let (first, last) = if order == 0 { (child, parent) } else { (parent, child) };
            rig.end(first);
            rig.write_pages(&last, at, 16, 4);
            assert_eq!(rig.audit().pages, 16);
            rig.end(last);
            assert_eq!(rig.audit().pages, 0);
        }
    }
}

both! {
    /// The sum of what `vm_stat` prints is all of memory.
    fn statistics_add_up(rig, 512) {
        let task = rig.task();
        let at = rig.allocate(&task, 40);
        rig.write_pages(&task, at, 30, 1);
        let size = UserSize(5 * Rig::<SHIFT>::PAGE);
        assert_eq!(rig.vm.wire(&task, UserAddr(at), size, UserProt(1)), Ok(()));
        assert_eq!(rig.vm.behavior(&task, UserAddr(at), UserSize(20 * Rig::<SHIFT>::PAGE), UserBehavior(5)), Ok(()));
        let s = rig.vm.statistics();
        let sum = s.free_count + s.active_count + s.inactive_count + s.wire_count;
        assert_eq!(u64::from(sum), rig.vm.total_pages().0);
        assert_eq!((s.inactive_count, s.active_count), (15, 10));
        assert_eq!((s.internal_page_count, s.external_page_count), (25, 0));
        assert_eq!(s.zero_fill_count, 30);
        rig.end(task);
    }
}

/// Twice the RAM: an error, and every page comes back.
#[test]
fn memory_runs_out_and_comes_back() {
    let rig = Rig::<12>::new(300);
    let used = rig.used();
    let task = rig.task();
    let at = rig.allocate(&task, 600);
    let mut written = 0u64;
    let failed = loop {
        match rig.touch(0, &task, at + written * 4096, Access::Write(1)) {
            Ok(_) => written += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(failed, FaultError::Shortage);
    assert!(written > 200, "only {written} pages");
    rig.audit();
    rig.end(task);
    rig.audit();
    assert_eq!(rig.used(), used);
}

both! {
    /// Kernel memory is wired, mapped, and gone when it is freed.
    fn kmem_comes_and_goes(rig, 256) {
        let page = Rig::<SHIFT>::PAGE;
        let a = rig.vm.kmem_alloc(3 * page - 5, Guard::Both, 8).expect("memory");
        let b = rig.vm.kmem_alloc(page, Guard::None, 8).expect("memory");
        rig.audit();
        let pmap = rig.vm.machine().kernel_pmap();
        let mapped = |at: u64| rig.vm.machine().pmap_extract(pmap, VirtAddr(at)).is_some();
        assert!(mapped(a.0) && mapped(a.0 + 2 * page) && mapped(b.0));
        assert!(!mapped(a.0 - page) && !mapped(a.0 + 3 * page));
        assert_eq!(rig.vm.kmem_free(VirtAddr(a.0 + page), page), Err(KernReturn::INVALID_ADDRESS));
        assert_eq!(rig.vm.kmem_free(a, 3 * page), Ok(()));
        assert_eq!(rig.vm.kmem_free(b, page), Ok(()));
        for k in 1.. {
            rig.vm.frames().injector().fail_once(k);
            let got = rig.vm.kmem_alloc(2 * page, Guard::Both, 8);
            rig.vm.frames().injector().disarm();
            match got {
                Err(_) => { rig.audit(); }
                Ok(at) => {
                    assert!(k > 3);
                    assert_eq!(rig.vm.kmem_free(at, 2 * page), Ok(()));
                    break;
                }
            }
        }
    }
}

both! {
    /// A request that the kernel's map has no room for takes no memory, not even for a moment.
    fn kmem_without_room_purges_nothing(rig, 256) {
        let page = Rig::<SHIFT>::PAGE;
        let task = rig.task();
        let purgable = rig.vm.allocate(&task, UserAddr(0), UserSize(page), UserFlags(3));
        let at = purgable.expect("room").0;
        rig.write(&task, at, 7);
        let control = |what, state| rig.vm.purgable_control(&task, UserAddr(at), what, state);
        assert_eq!(control(0, 1), Ok(0));
        let more_than_all = rig.vm.kmem_alloc(2 << 40, Guard::None, 8);
        assert_eq!(more_than_all, Err(KernReturn::NO_SPACE));
        assert_eq!((control(1, 0), rig.read(&task, at)), (Ok(1), 7));
        rig.end(task);
    }
}
